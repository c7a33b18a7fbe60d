//! Which namespace is above which, and what does it hand down?
//!
//! RBAC knows no such thing: a RoleBinding grants in its own namespace. The Hierarchical Namespace
//! Controller (HNC) copies the Roles and RoleBindings of a namespace into all below it, and its tree
//! stands in labels and objects of the cluster. [`inherit`] does the same to what was loaded, by that
//! tree or by one of a file: so a repository of manifests is judged as the cluster that it becomes, and
//! a cluster without HNC can have inherited grants where Portcullis decides.
//!
//! Nobody inherits anything unless this is asked for. Absent on purpose: everything but Roles and
//! RoleBindings (ClusterRoleBindings reach every namespace as they are), and changes of single objects:
//! a policy that changes is loaded anew.
//!
//! ```
//! use portcullis::source::{self, LoadOptions, hierarchy::{self, Hierarchy}};
//!
//! let text = b"
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: RoleBinding
//! metadata: {name: leads, namespace: acme}
//! subjects: [{kind: User, name: jane}]
//! roleRef: {kind: ClusterRole, name: view}
//! ";
//! let mut loaded = source::parse("team.yaml", text, &LoadOptions::default())?;
//! let tree = Hierarchy::parse("tree.yaml", b"shop: acme\ntest: shop\n".to_vec())?;
//! hierarchy::inherit(&mut loaded, &tree)?;
//! let inherited = &loaded.inventory.role_bindings[1];
//! assert_eq!(inherited.value.metadata.namespace, "shop");
//! assert_eq!(inherited.origin.to_string(), "team.yaml:2, inherited from namespace acme");
//! assert_eq!(loaded.inventory.role_bindings.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod exceptions;
mod file;
mod inherit;
mod labels;

use std::collections::{BTreeMap, BTreeSet};

pub use error::HierarchyError;
pub use inherit::{INHERITED_FROM, inherit};

use crate::api::Str;
use crate::model::Origin;

/// Which namespace is whose parent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchy {
    // INVARIANT: no namespace is above itself.
    parents: BTreeMap<Str, Parent>,
}

/// The parent of a namespace, and where that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parent {
    name: Str,
    origin: Origin,
}

impl Hierarchy {
    /// The parent of a namespace.
    #[must_use]
    pub fn parent(&self, namespace: &str) -> Option<&str> {
        self.parents.get(namespace).map(|parent| parent.name.as_str())
    }

    /// Those above a namespace, the nearest first.
    ///
    /// ```
    /// use portcullis::source::hierarchy::Hierarchy;
    ///
    /// let tree = Hierarchy::parse("tree.yaml", b"test: shop\nshop: acme\n".to_vec())?;
    /// assert_eq!(tree.above("test").collect::<Vec<_>>(), ["shop", "acme"]);
    /// assert_eq!(tree.above("acme").count(), 0);
    /// # Ok::<(), portcullis::source::hierarchy::HierarchyError>(())
    /// ```
    pub fn above<'h>(&'h self, namespace: &str) -> impl Iterator<Item = &'h str> {
        std::iter::successors(self.parent(namespace), |above| self.parent(above))
    }

    /// Whether no namespace has a parent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Every namespace of the tree with its parent, and where that is said; by name.
    fn pairs(&self) -> impl Iterator<Item = (&Str, &Parent)> {
        self.parents.iter()
    }

    /// A tree of these parents.
    fn new(parents: BTreeMap<Str, Parent>) -> Result<Self, HierarchyError> {
        let tree = Self { parents };
        // Known to end at a root.
        let mut settled: BTreeSet<&str> = BTreeSet::new();
        for namespace in tree.parents.keys() {
            let mut way: Vec<&str> = Vec::new();
            let mut on_way: BTreeSet<&str> = BTreeSet::new();
            let mut at = Some(namespace.as_str());
            while let Some(name) = at.filter(|name| !settled.contains(name)) {
                if !on_way.insert(name) {
                    return Err(tree.cycle(name));
                }
                way.push(name);
                at = tree.parent(name);
            }
            settled.extend(way);
        }
        Ok(tree)
    }

    fn cycle(&self, namespace: &str) -> HierarchyError {
        let origin = self.parents.get(namespace).map(|parent| parent.origin.clone());
        let origin = origin.unwrap_or_default();
        if self.parent(namespace) == Some(namespace) {
            return HierarchyError::OwnParent { origin, namespace: namespace.to_owned() };
        }
        let mut round = vec![namespace.to_owned()];
        for above in self.above(namespace) {
            round.push(above.to_owned());
            if above == namespace {
                break;
            }
        }
        HierarchyError::Cycle { origin, round }
    }
}
