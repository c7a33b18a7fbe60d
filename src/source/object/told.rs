//! What definitions of resources, and objects of the Hierarchical Namespace Controller, tell.

use crate::api::Str;
use crate::api::inventory::{CustomResource, Kinship};
use crate::source::wire::{Definition, HierarchySpec, Metadata};

/// HNC looks at one HierarchyConfiguration of a namespace, by its name.
pub(super) fn kinship(in_child: bool, metadata: Metadata, spec: HierarchySpec) -> Kinship {
    let Metadata { namespace, name, .. } = metadata;
    match in_child {
        false => Kinship::Parent { namespace: name, parent: namespace },
        true if name == "hierarchy" => Kinship::Parent { namespace, parent: spec.parent },
        true => Kinship::Parent { namespace, parent: Str::default() },
    }
}

pub(super) fn custom_resource(definition: Definition) -> CustomResource {
    let Definition { group, scope, names, version, versions, subresources } = definition;
    let everywhere = subresources;
    let (status, scale) = versions.iter().filter(|version| version.served).fold(
        (everywhere.status.is_some(), everywhere.scale.is_some()),
        |(status, scale), version| {
            let own = &version.subresources;
            (status || own.status.is_some(), scale || own.scale.is_some())
        },
    );
    let mut served: Vec<Str> =
        versions.into_iter().filter(|version| version.served).map(|version| version.name).collect();
    if served.is_empty() && !version.is_empty() {
        served.push(version);
    }
    let singular =
        if names.singular.is_empty() { names.kind.to_lowercase() } else { names.singular };
    let subresources = [("status", status), ("scale", scale)];
    CustomResource {
        group,
        kind: names.kind,
        plural: names.plural,
        singular,
        short_names: names.short_names,
        categories: names.categories,
        namespaced: scope == "Namespaced",
        versions: served,
        subresources: subresources
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| Str::const_new(name))
            .collect(),
    }
}
