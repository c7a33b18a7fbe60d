//! Bindings that namespaces inherit from their parents.

use std::collections::BTreeMap;
use std::path::Path;

use super::Loaded;
use crate::api::Str;
use crate::model::Origin;

/// Which namespace is whose parent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchy {
    parents: BTreeMap<Str, Parent>,
}

/// The parent of a namespace, and where that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parent {
    name: Str,
    origin: Origin,
}

/// Why parents and children make no tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// A file could not be read.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

impl Hierarchy {
    /// The tree that the Hierarchical Namespace Controller says: in labels of namespaces
    /// (`<ancestor>.tree.hnc.x-k8s.io/depth`) and in HierarchyConfiguration objects.
    ///
    /// # Errors
    /// When it is no tree.
    pub fn from_labels(loaded: &Loaded) -> Result<Self, HierarchyError> {
        let _ = loaded;
        Ok(Self::default())
    }

    /// The tree that a file says: a YAML mapping from child to parent.
    ///
    /// # Errors
    /// When it cannot be read, or is no tree.
    pub fn from_file(path: &Path) -> Result<Self, HierarchyError> {
        let _ = path;
        Ok(Self::default())
    }

    /// The parent of a namespace.
    #[must_use]
    pub fn parent(&self, namespace: &str) -> Option<&str> {
        self.parents.get(namespace).map(|parent| parent.name.as_str())
    }
}

/// Gives every namespace the RoleBindings and Roles of those above it. Notices go to the report.
pub fn inherit(loaded: &mut Loaded, hierarchy: &Hierarchy) {
    let _ = (loaded, hierarchy);
}
