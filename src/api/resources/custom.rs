//! The part of a CustomResourceDefinition that names its resource.

use std::cmp::Reverse;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::ResourceInfo;
use crate::api::{Str, null};

/// A CustomResourceDefinition as it is stored, of `apiextensions.k8s.io/v1` or `v1beta1`.
///
/// ```
/// use portcullis::api::resources::{CustomResourceDefinition, ResourceInfo};
///
/// let json = r#"{"spec": {
///     "group": "example.com", "scope": "Cluster",
///     "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
///     "versions": [{"name": "v1", "served": true, "subresources": {"status": {}}}]
/// }}"#;
/// let definition: CustomResourceDefinition = serde_json::from_str(json)?;
/// let info = ResourceInfo::from(definition);
/// assert_eq!(info.qualified(), "widgets.example.com");
/// assert_eq!(info.singular, "widget");
/// assert!(info.has_subresource("status"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CustomResourceDefinition {
    #[serde(deserialize_with = "null::or_default")]
    spec: Spec,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "null::or_default")]
    group: Str,
    #[serde(deserialize_with = "null::or_default")]
    names: CustomNames,
    #[serde(deserialize_with = "null::or_default")]
    scope: Str,
    #[serde(deserialize_with = "null::list")]
    versions: Vec<CustomVersion>,
    /// The only version of old `v1beta1` definitions.
    #[serde(deserialize_with = "null::or_default")]
    version: Str,
    /// The subresources of every version, in `v1beta1`.
    #[serde(deserialize_with = "null::or_default")]
    subresources: Subresources,
}

/// The names of a custom resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomNames {
    /// The name in paths and in rules.
    #[serde(deserialize_with = "null::or_default")]
    pub plural: Str,
    /// The name of one; the server defaults it to the kind in lower case.
    #[serde(deserialize_with = "null::or_default")]
    pub singular: Str,
    /// The kind of its objects.
    #[serde(deserialize_with = "null::or_default")]
    pub kind: Str,
    /// Abbreviations.
    #[serde(deserialize_with = "null::list")]
    pub short_names: Vec<Str>,
    /// The categories it belongs to.
    #[serde(deserialize_with = "null::list")]
    pub categories: Vec<Str>,
}

/// One version of a custom resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CustomVersion {
    /// Its name, such as `v1beta2`.
    #[serde(deserialize_with = "null::or_default")]
    pub name: Str,
    /// Whether the server answers for it.
    #[serde(deserialize_with = "null::or_default")]
    pub served: bool,
    #[serde(deserialize_with = "null::or_default")]
    subresources: Subresources,
}

/// Which subresources there are; their settings do not matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Subresources {
    #[serde(deserialize_with = "is_given")]
    status: bool,
    #[serde(deserialize_with = "is_given")]
    scale: bool,
}

/// Anything but `null`: `status: {}` switches it on.
fn is_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<IgnoredAny>::deserialize(deserializer).map(|value| value.is_some())
}

impl ResourceInfo {
    /// A custom resource from the parts of its definition. `scope` is `Namespaced` or `Cluster`;
    /// versions that are not served are left out.
    #[must_use]
    pub fn custom(group: Str, names: CustomNames, scope: &str, versions: &[CustomVersion]) -> Self {
        let mut served: Vec<&CustomVersion> = versions.iter().filter(|v| v.served).collect();
        served.sort_by_cached_key(|version| Reverse(version_rank(&version.name)));
        let singular = if names.singular.is_empty() {
            Str::new(names.kind.to_lowercase())
        } else {
            names.singular
        };
        let has = |pick: fn(&Subresources) -> bool| served.iter().any(|v| pick(&v.subresources));
        let mut subresources = Vec::new();
        if has(|s| s.scale) {
            subresources.push(Str::new("scale"));
        }
        if has(|s| s.status) {
            subresources.push(Str::new("status"));
        }
        Self {
            group,
            versions: served.iter().map(|version| version.name.clone()).collect(),
            plural: names.plural,
            singular,
            kind: names.kind,
            short_names: names.short_names,
            namespaced: scope == "Namespaced",
            verbs: VERBS.map(Str::new).to_vec(),
            subresources,
            categories: names.categories,
            is_virtual: false,
        }
    }
}

impl From<CustomResourceDefinition> for ResourceInfo {
    fn from(definition: CustomResourceDefinition) -> Self {
        let Spec { group, names, scope, mut versions, version, subresources } = definition.spec;
        if versions.is_empty() && !version.is_empty() {
            versions.push(CustomVersion { name: version, served: true, ..Default::default() });
        }
        for version in &mut versions {
            if version.subresources == Subresources::default() {
                version.subresources = subresources;
            }
        }
        Self::custom(group, names, &scope, &versions)
    }
}

/// What every custom resource is served with.
const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The order in which a server prefers versions: `v10`, `v2`, `v1beta2`, `v1alpha1`, then others.
fn version_rank(name: &str) -> (u8, u64, u64, Reverse<Str>) {
    let other = || (0, 0, 0, Reverse(Str::new(name)));
    let Some(rest) = name.strip_prefix('v') else {
        return other();
    };
    let (major, stage, minor) = if let Some((major, minor)) = rest.split_once("alpha") {
        (major, 1, minor)
    } else if let Some((major, minor)) = rest.split_once("beta") {
        (major, 2, minor)
    } else {
        (rest, 3, "0")
    };
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => (stage, major, minor, Reverse(Str::default())),
        _ => other(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, served: bool) -> CustomVersion {
        CustomVersion { name: name.into(), served, ..CustomVersion::default() }
    }

    fn read(json: &str) -> ResourceInfo {
        serde_json::from_str::<CustomResourceDefinition>(json).unwrap().into()
    }

    #[test]
    fn versions_stand_in_the_order_of_preference_and_unserved_ones_are_left_out() {
        let versions = ["foo1", "v1alpha1", "v2", "v1beta10", "v1beta2", "v10"]
            .map(|name| version(name, true));
        let mut versions = versions.to_vec();
        versions.push(version("v99", false));
        let info = ResourceInfo::custom("g".into(), CustomNames::default(), "", &versions);
        assert_eq!(info.versions, ["v10", "v2", "v1beta10", "v1beta2", "v1alpha1", "foo1"]);
    }

    #[test]
    fn scope_decides_whether_it_lives_in_namespaces() {
        let of = |scope| ResourceInfo::custom("g".into(), CustomNames::default(), scope, &[]);
        assert!(of("Namespaced").namespaced);
        assert!(!of("Cluster").namespaced);
    }

    #[test]
    fn a_definition_of_v1beta1_has_one_version_and_common_subresources() {
        let info = read(
            r#"{"spec": {"group": "g", "version": "v1", "scope": "Namespaced",
                "names": {"plural": "ws", "kind": "W", "shortNames": null},
                "subresources": {"scale": {}}}}"#,
        );
        assert_eq!(info.versions, ["v1"]);
        assert_eq!(info.subresources, ["scale"]);
        assert_eq!(info.singular, "w");
    }

    #[test]
    fn null_and_absent_parts_are_empty() {
        assert_eq!(read("{}").plural, "");
        assert_eq!(read(r#"{"spec": {"names": null, "versions": null}}"#).plural, "");
        assert!(read(r#"{"spec": {"versions": [{"name": "v1"}]}}"#).versions.is_empty());
    }
}
