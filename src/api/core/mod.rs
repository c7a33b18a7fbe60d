//! The objects behind tokens: which Secret, ServiceAccount, Pod or Node is this, does it still
//! exist, and what does a token Secret hold?
//!
//! Each type is trimmed to what authenticators ask. Of a Secret only the two token types keep
//! values, and of those only the keys that are asked for; of every other Secret the name and uid
//! alone, since service account tokens may be bound to it (S-SAJWT-8).

mod index;
mod secret;
mod shared;
mod table;

pub use index::{Pod, TokenObjects};
#[cfg(feature = "files")]
pub(crate) use secret::INVALID_SINCE;
pub use secret::{BootstrapToken, Secret, SecretContent};
pub use shared::SharedTokenObjects;

use std::fmt;

use super::Str;
use super::meta::Uid;

/// What was read of these kinds; pods are in [`Inventory::pods`](super::inventory::Inventory::pods).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// Secrets.
    pub secrets: Vec<Secret>,
    /// ServiceAccounts.
    pub service_accounts: Vec<ServiceAccount>,
    /// Nodes.
    pub nodes: Vec<Node>,
}

/// A service account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The namespace.
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// The uid; empty in manifests.
    pub uid: Uid,
    /// When it began to be deleted, in seconds since 1970-01-01 UTC.
    pub deletion_timestamp: Option<i64>,
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// The name.
    pub name: Str,
    /// The uid; empty in manifests.
    pub uid: Uid,
    /// When it began to be deleted, in seconds since 1970-01-01 UTC.
    pub deletion_timestamp: Option<i64>,
}

/// The kinds of objects that tokens depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nodes.
    Node,
    /// Pods.
    Pod,
    /// Secrets.
    Secret,
    /// Service accounts.
    ServiceAccount,
}

impl Kind {
    /// The kind as manifests spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "Node",
            Self::Pod => "Pod",
            Self::Secret => "Secret",
            Self::ServiceAccount => "ServiceAccount",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
