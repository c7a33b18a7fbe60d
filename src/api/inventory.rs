//! What was said: every object that was read, and where it stands. Plain and printable; what it
//! means is the business of a snapshot.

use super::Str;
#[cfg(feature = "authn")]
use super::core;
#[cfg(feature = "node")]
use super::graph;
use super::meta::StrMap;
#[cfg(feature = "authn")]
use super::meta::Uid;
use super::rbac::{ClusterRole, ClusterRoleBinding, Kind, Object, Role, RoleBinding};
use crate::model::Origin;

/// An object and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The object.
    pub value: T,
    /// Where it stands.
    pub origin: Origin,
}

/// Objects by kind, in the order in which they were read. Of two objects with the same kind,
/// namespace and name the later one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// ClusterRoles.
    pub cluster_roles: Vec<Sourced<ClusterRole>>,
    /// ClusterRoleBindings.
    pub cluster_role_bindings: Vec<Sourced<ClusterRoleBinding>>,
    /// Roles.
    pub roles: Vec<Sourced<Role>>,
    /// RoleBindings.
    pub role_bindings: Vec<Sourced<RoleBinding>>,
    /// The namespaces that were read.
    pub namespaces: Vec<Namespace>,
    /// What was read of the parents of namespaces, for those who want to know
    /// (`source::hierarchy`).
    pub kinships: Vec<Sourced<Kinship>>,
    /// Service accounts that were read, as (namespace, name).
    pub service_accounts: Vec<(Str, Str)>,
    /// What the CustomResourceDefinitions that were read define.
    pub custom_resources: Vec<CustomResource>,
    /// Pods and workloads that were read, with the service account each runs as.
    pub pods: Vec<PodIdentity>,
    /// What the Node authorizer reads: pods, volumes and the like, as far as they refer to others.
    #[cfg(feature = "node")]
    pub graph: Vec<Sourced<graph::Object>>,
    /// Labels and annotations of all objects that were read, whatever their kind. Filled on demand.
    #[cfg(feature = "rego")]
    pub metadata: Vec<ObjectFacts>,
    /// Secrets, service accounts and nodes that were read, as far as tokens depend on them.
    #[cfg(feature = "authn")]
    pub core: core::Objects,
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// The name.
    pub name: Str,
    /// Its labels.
    pub labels: StrMap,
}

/// What an object says about what is above a namespace, as the Hierarchical Namespace Controller
/// writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kinship {
    /// Labels of the namespace: those above it and how far, itself at 0. As written.
    Depths {
        /// The namespace.
        namespace: Str,
        /// Another, or itself, and the value of the label.
        depths: Vec<(Str, Str)>,
    },
    /// A HierarchyConfiguration in the namespace, or a SubnamespaceAnchor in its parent.
    Parent {
        /// The namespace.
        namespace: Str,
        /// Its parent; empty for none.
        parent: Str,
    },
    /// One of these that cannot be read.
    Unreadable {
        /// Its kind.
        kind: Str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Kinship {
    /// What the labels of a namespace say; `None` when they say nothing.
    #[must_use]
    pub fn of_labels(namespace: &Namespace) -> Option<Self> {
        let depth = |(label, depth): (&Str, &Str)| {
            let above = label.strip_suffix(Self::DEPTH)?;
            Some((above.into(), depth.clone()))
        };
        let depths: Vec<(Str, Str)> = namespace.labels.iter().filter_map(depth).collect();
        let namespace = namespace.name.clone();
        (!depths.is_empty()).then_some(Self::Depths { namespace, depths })
    }

    /// What follows the name of another namespace in such a label.
    pub const DEPTH: &'static str = ".tree.hnc.x-k8s.io/depth";
}

/// What an object of any kind says about itself.
#[cfg(feature = "rego")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFacts {
    /// The API group; empty for the core group.
    pub group: Str,
    /// The kind.
    pub kind: Str,
    /// The namespace; empty for objects of the cluster.
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// Its labels.
    pub labels: StrMap,
    /// Its annotations, but for `kubectl.kubernetes.io/last-applied-configuration`.
    pub annotations: StrMap,
}

/// The resource that a CustomResourceDefinition defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomResource {
    /// The API group.
    pub group: Str,
    /// The kind, as manifests spell it.
    pub kind: Str,
    /// The name in rules and URLs.
    pub plural: Str,
    /// The singular; the kind in lower case when the definition has none.
    pub singular: Str,
    /// Further names that kubectl knows.
    pub short_names: Vec<Str>,
    /// Groups of resources it belongs to, such as `all`.
    pub categories: Vec<Str>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The versions that are served, in the order of the definition.
    pub versions: Vec<Str>,
    /// `status`, `scale`, both or none.
    pub subresources: Vec<Str>,
}

/// A pod, or a workload that makes pods, and who it is to the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodIdentity {
    /// `Pod`, `Deployment`, `CronJob`, ….
    pub kind: Str,
    /// The namespace.
    pub namespace: Str,
    /// The name of the pod or workload.
    pub name: Str,
    /// The service account; `default` when the object names none.
    pub service_account: Str,
    /// The node it runs on; empty for workloads and for pods that wait for one.
    #[cfg(feature = "authn")]
    pub node_name: Str,
    /// The uid; empty in manifests.
    #[cfg(feature = "authn")]
    pub uid: Uid,
    /// When it began to be deleted, in seconds since 1970-01-01 UTC.
    #[cfg(feature = "authn")]
    pub deletion_timestamp: Option<i64>,
}

impl Inventory {
    /// Adds an RBAC object.
    pub fn push(&mut self, object: Object, origin: Origin) {
        match object {
            Object::ClusterRole(value) => self.cluster_roles.push(Sourced { value, origin }),
            Object::ClusterRoleBinding(value) => {
                self.cluster_role_bindings.push(Sourced { value, origin });
            }
            Object::Role(value) => self.roles.push(Sourced { value, origin }),
            Object::RoleBinding(value) => self.role_bindings.push(Sourced { value, origin }),
        }
    }

    /// How many objects of a kind were read.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::ClusterRole => self.cluster_roles.len(),
            Kind::ClusterRoleBinding => self.cluster_role_bindings.len(),
            Kind::Role => self.roles.len(),
            Kind::RoleBinding => self.role_bindings.len(),
        }
    }

    /// How many bindings of either kind were read.
    #[must_use]
    pub fn bindings(&self) -> usize {
        self.cluster_role_bindings.len() + self.role_bindings.len()
    }
}

impl<O: Into<Object>> FromIterator<O> for Inventory {
    fn from_iter<I: IntoIterator<Item = O>>(objects: I) -> Self {
        let mut inventory = Self::default();
        for object in objects {
            inventory.push(object.into(), Origin::default());
        }
        inventory
    }
}
