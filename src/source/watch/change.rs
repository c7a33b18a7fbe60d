use std::time::SystemTime;

use crate::api::Str;
#[cfg(feature = "authn")]
use crate::api::core;
#[cfg(feature = "node")]
use crate::api::graph;
use crate::api::inventory::PodIdentity;
use crate::api::rbac;
use crate::model::Origin;

use super::Watched;

/// Which object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The namespace; empty for objects of the cluster.
    pub namespace: Str,
    /// The name.
    pub name: Str,
}

/// An object as far as decisions read it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decoded {
    /// A role or binding.
    Rbac(rbac::Object),
    /// A pod: who it is, and its edges.
    Pod {
        /// Who it is.
        identity: PodIdentity,
        /// What it refers to.
        #[cfg(feature = "node")]
        graph: Box<graph::Pod>,
    },
    /// A volume or the like.
    #[cfg(feature = "node")]
    Graph(graph::Object),
    /// A service account.
    #[cfg(feature = "authn")]
    ServiceAccount(core::ServiceAccount),
    /// A node.
    #[cfg(feature = "authn")]
    Node(core::Node),
    /// A Secret.
    #[cfg(feature = "authn")]
    Secret(core::Secret),
    /// Any other: what is kept of it ([`Watched::keeps`]). Of CertificateSigningRequests and ConfigMaps that is
    /// the whole object as the API server wrote it, without `managedFields`.
    Whole(serde_json::Value),
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there, and says this. Also what was read of it before and has changed.
    Applied(Box<Decoded>),
    /// It is gone, or cannot be read any more, which is told in the status: it grants nothing either way.
    Deleted,
}

/// Changes of one kind that belong together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What was watched.
    pub watched: Watched,
    /// What became of which object; each object is here once, as it is after the last of its changes.
    pub changes: Vec<(Key, Origin, Change)>,
    /// When the newest of them was received.
    pub received: SystemTime,
}

/// Is told what changes. Called by one thread at a time, in order, and must not block for long: the next
/// change waits. What it has been told holds when the call returns.
pub trait Follower: Send + Sync {
    /// These objects changed.
    fn changed(&self, batch: &Batch);
}
