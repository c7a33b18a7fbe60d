//! The resources that are known, in the order in which kubectl prefers them.

use std::collections::HashMap;

use super::{ResourceInfo, builtin};
use crate::api::Str;

/// Known resources by group. Groups stand in order of preference: core, then the others in the
/// order in which they came, which for discovery is the order of the server's priorities.
#[derive(Debug, Clone, Default)]
pub struct ResourceTable {
    groups: Vec<Group>,
    /// Where each group stands.
    by_name: HashMap<Str, usize>,
}

#[derive(Debug, Clone, Default)]
struct Group {
    resources: Vec<ResourceInfo>,
    /// Where each plural stands.
    by_plural: HashMap<Str, usize>,
}

impl ResourceTable {
    /// A table that knows nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// What Kubernetes 1.36 serves by default, and the resources that only rules know.
    #[must_use]
    pub fn builtin() -> Self {
        let mut table = Self::default();
        table.extend(builtin::rows());
        table
    }

    /// Adds what discovery told; the order of new groups is their order of preference.
    ///
    /// Of two resources with the same group and plural the later one counts. What it does not say
    /// (`api-resources` lists no subresources) is kept from the earlier one.
    ///
    /// ```
    /// use portcullis::api::resources::{ResourceTable, discovery};
    ///
    /// let mut table = ResourceTable::builtin();
    /// let text = b"widgets  wd  example.com/v1  true  Widget\n";
    /// table.extend(discovery::parse("api-resources.txt", text)?);
    /// assert!(table.get("example.com", "widgets").is_some());
    /// # Ok::<(), discovery::DiscoveryError>(())
    /// ```
    pub fn extend(&mut self, resources: impl IntoIterator<Item = ResourceInfo>) {
        for resource in resources {
            self.insert(resource);
        }
    }

    /// Adds custom resources, whose groups a server ranks by name. Add the output of discovery
    /// first where there is any: it knows the true order.
    pub fn extend_custom(&mut self, resources: impl IntoIterator<Item = ResourceInfo>) {
        let mut resources: Vec<_> = resources.into_iter().collect();
        resources.sort_by(|a, b| a.group.cmp(&b.group));
        self.extend(resources);
    }

    /// The resource with exactly this group and plural.
    #[must_use]
    pub fn get(&self, group: &str, plural: &str) -> Option<&ResourceInfo> {
        let group = self.groups.get(*self.by_name.get(group)?)?;
        group.resources.get(*group.by_plural.get(plural)?)
    }

    /// Every resource, virtual ones included, the most preferred group first.
    pub fn iter(&self) -> impl Iterator<Item = &ResourceInfo> {
        // The core group comes first wherever it was met.
        let core = self.by_name.get("").and_then(|index| self.groups.get(*index));
        let others = self.groups.iter().filter(|group| !group.is_core());
        core.into_iter().chain(others).flat_map(|group| &group.resources)
    }

    /// How many resources are known, virtual ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.resources.len()).sum()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn insert(&mut self, mut resource: ResourceInfo) {
        let position = *self.by_name.entry(resource.group.clone()).or_insert_with(|| {
            self.groups.push(Group::default());
            self.groups.len() - 1
        });
        let Some(group) = self.groups.get_mut(position) else {
            return;
        };
        match group.by_plural.get(&resource.plural) {
            Some(place) => {
                if let Some(older) = group.resources.get_mut(*place) {
                    let replaced = std::mem::take(older);
                    resource.complete_from(replaced);
                    *older = resource;
                }
            }
            None => {
                group.by_plural.insert(resource.plural.clone(), group.resources.len());
                group.resources.push(resource);
            }
        }
    }
}

impl Group {
    fn is_core(&self) -> bool {
        self.resources.first().is_some_and(|resource| resource.group.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widget(group: &str, version: &str) -> ResourceInfo {
        ResourceInfo {
            group: group.into(),
            versions: vec![version.into()],
            plural: "widgets".into(),
            singular: "widget".into(),
            kind: "Widget".into(),
            ..ResourceInfo::default()
        }
    }

    #[test]
    fn a_later_entry_counts_and_keeps_what_it_does_not_say() {
        let mut table = ResourceTable::builtin();
        let before = table.len();
        table.extend([ResourceInfo {
            versions: vec!["v2".into()],
            plural: "pods".into(),
            kind: "Pod".into(),
            namespaced: false,
            subresources: vec!["warp".into()],
            ..ResourceInfo::default()
        }]);
        assert_eq!(table.len(), before);
        let pods = table.get("", "pods").unwrap();
        assert_eq!(pods.versions, ["v2"]);
        assert!(!pods.namespaced);
        assert_eq!(pods.singular, "pod");
        assert!(pods.has_subresource("warp") && pods.has_subresource("log"));
        assert!(!pods.has_subresource("lag"));
        assert!(pods.verbs.iter().any(|verb| verb == "watch"));
    }

    #[test]
    fn the_core_group_comes_first_wherever_it_was_met() {
        let mut table = ResourceTable::empty();
        assert!(table.is_empty());
        table.extend([widget("b.io", "v1"), widget("", "v1"), widget("a.io", "v1")]);
        let groups: Vec<_> = table.iter().map(|info| info.group.as_str()).collect();
        assert_eq!(groups, ["", "b.io", "a.io"]);
    }

    #[test]
    fn groups_of_custom_resources_stand_by_name_and_those_of_discovery_as_met() {
        let mut table = ResourceTable::empty();
        table.extend_custom([widget("b.io", "v1"), widget("a.io", "v1")]);
        assert_eq!(table.iter().next().unwrap().group, "a.io");
    }
}
