//! Aggregated discovery and APIResourceList.

use std::collections::HashMap;

use serde::Deserialize;

use super::DiscoveryError;
use crate::api::resources::ResourceInfo;
use crate::api::{Str, null};

/// Reads every document of the text.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<ResourceInfo>, DiscoveryError> {
    let mut merged = Merged::default();
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Document>();
    for (index, document) in documents.enumerate() {
        let number = index + 1;
        let document = document.map_err(|error| DiscoveryError::Json {
            file: file.to_owned(),
            line: error.line(),
            document: number,
            problem: error.to_string(),
        })?;
        match document.kind.as_str() {
            "APIGroupDiscoveryList" => {
                for group in document.items {
                    merged.add_group(group);
                }
            }
            "APIResourceList" => {
                merged.add_list(&document.group_version, document.resources);
            }
            other => {
                return Err(DiscoveryError::Kind {
                    file: file.to_owned(),
                    document: number,
                    kind: other.to_owned(),
                });
            }
        }
    }
    Ok(merged.resources)
}

/// Either of the two kinds; the fields of the other one are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    #[serde(deserialize_with = "null::or_default")]
    kind: Str,
    #[serde(deserialize_with = "null::list")]
    items: Vec<GroupDiscovery>,
    #[serde(deserialize_with = "null::or_default")]
    group_version: Str,
    #[serde(deserialize_with = "null::list")]
    resources: Vec<ListedResource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroupDiscovery {
    #[serde(deserialize_with = "null::or_default")]
    metadata: GroupMeta,
    #[serde(deserialize_with = "null::list")]
    versions: Vec<VersionDiscovery>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroupMeta {
    /// Absent for the core group.
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VersionDiscovery {
    #[serde(deserialize_with = "null::or_default")]
    version: Str,
    #[serde(deserialize_with = "null::list")]
    resources: Vec<DiscoveredResource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DiscoveredResource {
    #[serde(deserialize_with = "null::or_default")]
    resource: Str,
    #[serde(deserialize_with = "null::or_default")]
    response_kind: ResponseKind,
    #[serde(deserialize_with = "null::or_default")]
    scope: Str,
    #[serde(deserialize_with = "null::or_default")]
    singular_resource: Str,
    #[serde(deserialize_with = "null::list")]
    verbs: Vec<Str>,
    #[serde(deserialize_with = "null::list")]
    short_names: Vec<Str>,
    #[serde(deserialize_with = "null::list")]
    categories: Vec<Str>,
    #[serde(deserialize_with = "null::list")]
    subresources: Vec<DiscoveredSubresource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponseKind {
    #[serde(deserialize_with = "null::or_default")]
    kind: Str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DiscoveredSubresource {
    #[serde(deserialize_with = "null::or_default")]
    subresource: Str,
}

/// An entry of an APIResourceList; subresources are entries of their own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListedResource {
    #[serde(deserialize_with = "null::or_default")]
    name: Str,
    #[serde(deserialize_with = "null::or_default")]
    singular_name: Str,
    #[serde(deserialize_with = "null::or_default")]
    namespaced: bool,
    #[serde(deserialize_with = "null::or_default")]
    kind: Str,
    #[serde(deserialize_with = "null::or_default")]
    group: Str,
    #[serde(deserialize_with = "null::or_default")]
    version: Str,
    #[serde(deserialize_with = "null::list")]
    verbs: Vec<Str>,
    #[serde(deserialize_with = "null::list")]
    short_names: Vec<Str>,
    #[serde(deserialize_with = "null::list")]
    categories: Vec<Str>,
}

/// Resources in the order in which they were met, the versions of one gathered.
#[derive(Debug, Default)]
struct Merged {
    resources: Vec<ResourceInfo>,
    places: HashMap<(Str, Str), usize>,
}

impl Merged {
    fn add_group(&mut self, group: GroupDiscovery) {
        for VersionDiscovery { version, resources } in group.versions {
            for resource in resources {
                let subresources = resource.subresources.into_iter();
                self.add(ResourceInfo {
                    group: group.metadata.name.clone(),
                    versions: vec![version.clone()],
                    plural: resource.resource,
                    singular: singular(resource.singular_resource, &resource.response_kind.kind),
                    kind: resource.response_kind.kind,
                    short_names: resource.short_names,
                    namespaced: resource.scope == "Namespaced",
                    verbs: resource.verbs,
                    subresources: subresources.map(|entry| entry.subresource).collect(),
                    categories: resource.categories,
                    is_virtual: false,
                });
            }
        }
    }

    fn add_list(&mut self, group_version: &str, resources: Vec<ListedResource>) {
        // `kubectl api-resources -o json` leaves the list's own empty and says it on each entry.
        let (list_group, list_version) =
            group_version.split_once('/').unwrap_or(("", group_version));
        let (subresources, resources): (Vec<_>, Vec<_>) =
            resources.into_iter().partition(|entry| entry.name.contains('/'));
        for entry in resources {
            let (group, version) = if group_version.is_empty() {
                (entry.group, entry.version)
            } else {
                (Str::new(list_group), Str::new(list_version))
            };
            self.add(ResourceInfo {
                group,
                versions: vec![version],
                plural: entry.name,
                singular: singular(entry.singular_name, &entry.kind),
                kind: entry.kind,
                short_names: entry.short_names,
                namespaced: entry.namespaced,
                verbs: entry.verbs,
                subresources: Vec::new(),
                categories: entry.categories,
                is_virtual: false,
            });
        }
        for entry in subresources {
            if let Some((parent, name)) = entry.name.split_once('/') {
                self.add_subresource(list_group, parent, name);
            }
        }
    }

    /// The first version met is the preferred one; its facts count.
    fn add(&mut self, resource: ResourceInfo) {
        let key = (resource.group.clone(), resource.plural.clone());
        if let Some(known) = self.places.get(&key).and_then(|place| self.resources.get_mut(*place))
        {
            for version in resource.versions {
                if !known.versions.contains(&version) {
                    known.versions.push(version);
                }
            }
            known.subresources.extend(resource.subresources);
            known.subresources.sort_unstable();
            known.subresources.dedup();
        } else {
            self.places.insert(key, self.resources.len());
            self.resources.push(resource);
        }
    }

    fn add_subresource(&mut self, group: &str, parent: &str, name: &str) {
        let key = (Str::new(group), Str::new(parent));
        let Some(place) = self.places.get(&key) else {
            return;
        };
        if let Some(known) = self.resources.get_mut(*place) {
            known.subresources.push(Str::new(name));
            known.subresources.sort_unstable();
            known.subresources.dedup();
        }
    }
}

/// Servers that list no singular are read as kubectl reads them: the kind in lower case.
fn singular(listed: Str, kind: &str) -> Str {
    if listed.is_empty() { Str::new(kind.to_lowercase()) } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGGREGATED: &str = r#"{"kind": "APIGroupDiscoveryList", "items": [
        {"metadata": {"name": "autoscaling"}, "versions": [
            {"version": "v2", "resources": [{"resource": "hpas", "scope": "Namespaced",
                "responseKind": {"kind": "HPA"}, "singularResource": "", "verbs": ["get"],
                "shortNames": ["h"], "subresources": [{"subresource": "status"}]}]},
            {"version": "v1", "resources": [{"resource": "hpas", "scope": "Cluster",
                "subresources": [{"subresource": "scale"}, {"subresource": "status"}]}]}]},
        {"metadata": {}, "versions": [{"version": "v1", "resources": [
            {"resource": "nodes", "scope": "Cluster", "responseKind": null}]}]}]}"#;

    #[test]
    fn versions_of_one_resource_are_gathered_and_the_first_decides() {
        let resources = parse("f", AGGREGATED).unwrap();
        assert_eq!(resources.len(), 2);
        let hpas = &resources[0];
        assert_eq!(hpas.versions, ["v2", "v1"]);
        assert!(hpas.namespaced);
        assert_eq!(hpas.singular, "hpa");
        assert_eq!(hpas.subresources, ["scale", "status"]);
        assert_eq!((&*resources[1].group, resources[1].namespaced), ("", false));
    }

    #[test]
    fn a_resource_list_has_its_subresources_as_entries() {
        let text = r#"{"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments/scale", "kind": "Scale", "group": "autoscaling"},
            {"name": "deployments", "kind": "Deployment", "namespaced": true, "verbs": ["get"]},
            {"name": "orphans/status", "kind": "Orphan"}]}"#;
        let resources = parse("f", text).unwrap();
        assert_eq!(resources.len(), 1);
        assert_eq!(resources[0].qualified(), "deployments.apps");
        assert_eq!(resources[0].subresources, ["scale"]);
    }

    #[test]
    fn a_list_of_every_group_says_the_group_on_each_entry() {
        let text = r#"{"kind": "APIResourceList", "groupVersion": "", "resources": [
            {"name": "pods", "kind": "Pod", "version": "v1", "namespaced": true},
            {"name": "jobs", "kind": "Job", "group": "batch", "version": "v1"}]}"#;
        let names: Vec<_> = parse("f", text).unwrap().iter().map(ResourceInfo::qualified).collect();
        assert_eq!(names, ["pods", "jobs.batch"]);
    }

    #[test]
    fn documents_may_follow_each_other() {
        let twice = format!("{AGGREGATED}\n{AGGREGATED}");
        assert_eq!(parse("f", &twice).unwrap().len(), 2);
    }

    #[test]
    fn another_kind_is_refused_with_its_document() {
        let text = format!("{AGGREGATED}\n{{\"kind\": \"APIGroupList\"}}");
        let error = parse("f.json", &text).unwrap_err();
        let expected = DiscoveryError::Kind {
            file: "f.json".into(),
            document: 2,
            kind: "APIGroupList".into(),
        };
        assert_eq!(error, expected);
    }

    #[test]
    fn malformed_json_is_refused_with_its_line() {
        for text in ["{\n\"kind\": ", "{\"kind\":\n 3}", "[\n3]"] {
            let error = parse("f.json", text).unwrap_err();
            assert!(
                matches!(error, DiscoveryError::Json { line: 1..=2, document: 1, .. }),
                "{error}"
            );
        }
    }
}
