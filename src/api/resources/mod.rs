//! What does `deploy` mean? Resource names as kubectl reads them, without a server to ask.
//!
//! A [`ResourceTable`] starts from the resources that Kubernetes 1.36 serves by default and learns
//! more from CustomResourceDefinitions ([`CustomResourceDefinition`]) and from the output of
//! discovery ([`discovery::parse`]). [`ResourceTable::resolve`] then reads an argument such as
//! `deployments.apps/web` the way `kubectl auth can-i` does, and says what deserves a warning.
//!
//! Absent on purpose: judging whether a rule grants anything, and any refusal. An unknown name is
//! asked about as it was written, with a warning.
//!
//! ```
//! use portcullis::api::resources::{ResourceTable, Target};
//!
//! let table = ResourceTable::builtin();
//! let Target::Resource(resolved) = table.resolve("deploy/web") else { unreachable!() };
//! assert_eq!((&*resolved.group, &*resolved.resource), ("apps", "deployments"));
//! assert_eq!(resolved.name.as_deref(), Some("web"));
//! assert!(resolved.notes.is_empty());
//! ```

pub mod discovery;

mod builtin;
mod custom;
mod note;
mod resolve;
mod table;
mod verbs;

#[cfg(test)]
mod tests;

pub use custom::{CustomNames, CustomResourceDefinition, CustomVersion};
pub use note::Note;
pub use resolve::{Resolved, Target};
pub use table::ResourceTable;
pub use verbs::{non_resource_verb_note, resource_verb_note};

use super::Str;

/// One resource of one API group, in all of its versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceInfo {
    /// The API group; empty for the core group.
    pub group: Str,
    /// The versions that serve it, the preferred one first; empty for a virtual resource.
    pub versions: Vec<Str>,
    /// The name in paths and in rules: `deployments`.
    pub plural: Str,
    /// The name of one: `deployment`. A kind is understood because it reads the same in lower
    /// case; virtual resources have none.
    pub singular: Str,
    /// The kind of its objects: `Deployment`.
    pub kind: Str,
    /// Abbreviations: `deploy`.
    pub short_names: Vec<Str>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The verbs it is served with; empty when the source did not say.
    pub verbs: Vec<Str>,
    /// Its subresources, sorted, those included that only rules know (`nodes/metrics`).
    pub subresources: Vec<Str>,
    /// The categories it belongs to, such as `all`.
    pub categories: Vec<Str>,
    /// Whether it exists in rules only and no server serves it: `users`, `signers` (S-IMP-3).
    pub is_virtual: bool,
}

impl ResourceInfo {
    /// The name that is understood without regard to priority: `pods`, `deployments.apps`.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether a rule may name this subresource of it.
    ///
    /// `finalizers` counts everywhere: the admission of owner references asks for it.
    #[must_use]
    pub fn has_subresource(&self, name: &str) -> bool {
        name == "finalizers" || self.subresources.iter().any(|known| known == name)
    }

    /// Whether `name` is its plural or its singular.
    fn is_called(&self, name: &str) -> bool {
        self.plural == name || (!self.singular.is_empty() && self.singular == name)
    }

    /// Takes from `older` what this one does not say.
    fn complete_from(&mut self, older: Self) {
        if self.singular.is_empty() {
            self.singular = older.singular;
        }
        for (mine, theirs) in [
            (&mut self.versions, older.versions),
            (&mut self.verbs, older.verbs),
            (&mut self.categories, older.categories),
        ] {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
        // Subresources only ever serve a warning, and no source lists those that rules alone know.
        self.subresources.extend(older.subresources);
        self.subresources.sort_unstable();
        self.subresources.dedup();
    }
}
