//! What does an object of any kind say about itself? Labels and annotations, for policies that ask.
//!
//! Absent on purpose: kubectl's last-applied annotation, which repeats the whole object, of a Secret
//! even its values; how much there may be, which the limits of the load say.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::node::Node;
use super::object::{self, Inherited};
use super::wire::read_some;
use super::{LoadOptions, WrongType};
use crate::api::Str;
use crate::api::inventory::ObjectFacts;
use crate::api::meta::StrMap;
use crate::api::null::{self, Text};
use crate::api::resources::ResourceTable;

/// Where kubectl remembers what was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields of an object that are read here.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Labelled<'a> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(deserialize_with = "null::or_default")]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
    #[serde(deserialize_with = "null::or_default")]
    namespace: Str,
    #[serde(deserialize_with = "null::map")]
    labels: StrMap,
    #[serde(deserialize_with = "null::or_default")]
    annotations: Annotations,
}

/// All annotations but for kubectl's.
#[derive(Default)]
struct Annotations(StrMap);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;

        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Annotations, A::Error> {
                read_some::<_, IgnoredAny>(&mut access, |key| key != LAST_APPLIED).map(Annotations)
            }
        }

        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

/// The facts of a JSON value; `None` asks for the exact reading.
pub(super) fn from_text(value: &str, inherited: &Inherited) -> Option<ObjectFacts> {
    let Labelled { api_version, kind, metadata } = serde_json::from_str(value).ok()?;
    let given = !kind.0.is_empty() || !api_version.0.is_empty();
    let (api_version, kind) = if given {
        (api_version.0.as_ref(), kind.0.as_ref())
    } else {
        (inherited.api_version.as_str(), inherited.kind.as_str())
    };
    Some(facts(api_version, kind, metadata))
}

/// The facts of a tree, when somebody wants them and it is an object with a kind.
pub(super) fn of_interest(
    node: &Node,
    inherited: &Inherited,
    options: &LoadOptions,
) -> Option<Result<ObjectFacts, WrongType>> {
    let (api_version, kind) = object::kind_of(node, inherited);
    if !options.keep_metadata || kind.is_empty() {
        return None;
    }
    let metadata = object::field(node, "metadata");
    Some(metadata.map(|metadata| facts(&api_version, &kind, metadata)))
}

fn facts(api_version: &str, kind: &str, metadata: Metadata) -> ObjectFacts {
    let Metadata { name, namespace, labels, annotations: Annotations(annotations) } = metadata;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    ObjectFacts { group: group.into(), kind: kind.into(), namespace, name, labels, annotations }
}

/// Whether objects of a kind that Kubernetes serves live in namespaces. Of other kinds one that names
/// no namespace is taken for one of the cluster.
pub(super) fn is_namespaced(group: &str, kind: &str) -> bool {
    static KINDS: OnceLock<HashSet<(Str, Str)>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let table = ResourceTable::builtin();
        let namespaced = table.iter().filter(|resource| resource.namespaced);
        namespaced.map(|resource| (resource.group.clone(), resource.kind.clone())).collect()
    });
    kinds.contains(&(group.into(), kind.into()))
}

#[cfg(test)]
mod tests {
    use crate::api::inventory::ObjectFacts;
    use crate::source::{LoadOptions, Loaded, parse};

    fn load(name: &str, text: &str) -> Loaded {
        let options = LoadOptions { keep_metadata: true, ..LoadOptions::default() };
        parse(name, text.as_bytes(), &options).unwrap()
    }

    fn shown(facts: &ObjectFacts) -> String {
        let ObjectFacts { group, kind, namespace, name, labels, annotations } = facts;
        format!("{kind}.{group} {namespace}/{name} {labels:?} {annotations:?}")
    }

    const OBJECTS: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"team": "x"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "owner": "jane", "n": null}}},
        {"apiVersion": "example.com/v1", "kind": "Database", "metadata": {"name": "d", "labels": null}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r", "annotations": {"owner": "joe"}}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "broken"}, "rules": 1},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "broken"}, "spec": 1},
        {"metadata": {"name": "nothing"}}
    ]}"#;

    #[test]
    fn objects_of_every_kind_are_kept_without_what_kubectl_remembers() {
        for (name, text) in [("a.json", OBJECTS.to_owned()), ("a.yaml", format!("# \n{OBJECTS}"))] {
            let loaded = load(name, &text);
            let kept: Vec<String> = loaded.inventory.metadata.iter().map(shown).collect();
            assert_eq!(
                kept,
                [
                    r#"ConfigMap. default/a {"team": "x"} {"n": "", "owner": "jane"}"#,
                    r#"Database.example.com /d {} {}"#,
                    "Pod. shop/p {} {}",
                    r#"ClusterRole.rbac.authorization.k8s.io /r {} {"owner": "joe"}"#,
                ],
                "{name}"
            );
            // What decisions read is the same as ever.
            assert!(loaded.inventory.cluster_roles[0].value.metadata.annotations.is_empty());
        }
    }

    #[test]
    fn nothing_is_kept_unless_it_is_asked_for() {
        let loaded = parse("a.json", OBJECTS.as_bytes(), &LoadOptions::default()).unwrap();
        assert!(loaded.inventory.metadata.is_empty());
    }

    #[test]
    fn an_object_whose_labels_cannot_be_read_is_told() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {team: 1}}\n";
        let loaded = load("a.yaml", text);
        assert!(loaded.inventory.metadata.is_empty());
        let told = loaded.report.notices[0].to_string();
        assert!(told.contains("`metadata.labels.team` must be a string"), "{told}");
    }
}
