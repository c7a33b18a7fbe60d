use std::fmt;

use super::Target;
use crate::api::names::subdomain_errors;
use crate::model::{ServiceAccountName, User, names};

/// What may allow an impersonation, in the order in which the API server tries it (S-IMP-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A service account acts as the node that its pod runs on.
    AssociatedNode,
    /// Somebody acts as a node.
    ArbitraryNode,
    /// Somebody acts as a service account.
    ServiceAccount,
    /// Somebody acts as any other user.
    UserInfo,
    /// The classic permission: the verb `impersonate`, for whatever request.
    Legacy,
}

impl Mode {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::AssociatedNode,
        Self::ArbitraryNode,
        Self::ServiceAccount,
        Self::UserInfo,
        Self::Legacy,
    ];

    /// The name, as verbs have it; `legacy` is in none.
    ///
    /// ```
    /// use portcullis::authz::impersonation::Mode;
    ///
    /// assert_eq!(Mode::UserInfo.as_str(), "user-info");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssociatedNode => "associated-node",
            Self::ArbitraryNode => "arbitrary-node",
            Self::ServiceAccount => "serviceaccount",
            Self::UserInfo => "user-info",
            Self::Legacy => "legacy",
        }
    }

    /// The verb of the permission to act as somebody (S-IMP-3, S-IMP-9).
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Legacy => "impersonate",
            constrained => constrained.constraint(),
        }
    }

    /// What the audit log says allowed it; empty for the classic permission (S-IMP-16).
    #[must_use]
    pub const fn constraint(self) -> &'static str {
        match self {
            Self::AssociatedNode => "impersonate:associated-node",
            Self::ArbitraryNode => "impersonate:arbitrary-node",
            Self::ServiceAccount => "impersonate:serviceaccount",
            Self::UserInfo => "impersonate:user-info",
            Self::Legacy => "",
        }
    }

    /// Whether it is one of KEP-5284.
    #[must_use]
    pub const fn is_constrained(self) -> bool {
        !matches!(self, Self::Legacy)
    }

    /// Whether it is about such an impersonation at all (S-IMP-10).
    pub(super) fn fits(self, requester: &User, target: &Target) -> bool {
        let Target { user, uid, groups, extra } = target;
        let is_name_alone = uid.is_empty() && groups.is_empty() && extra.is_empty();
        let node = node_name(user);
        match self {
            Self::AssociatedNode => {
                is_name_alone && node.is_some_and(|node| is_on_node(requester, node))
            }
            Self::ArbitraryNode => is_name_alone && node.is_some(),
            Self::ServiceAccount => is_name_alone && ServiceAccountName::parse(user).is_ok(),
            Self::UserInfo => node.is_none() && ServiceAccountName::parse(user).is_err(),
            Self::Legacy => true,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The node whose user this is, if its name is a legal one.
pub(super) fn node_name(user: &str) -> Option<&str> {
    user.strip_prefix(names::NODE_PREFIX).filter(|name| subdomain_errors(name).is_empty())
}

/// Where the token of a service account says that its pod runs (S-ATTR-4).
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

fn is_on_node(requester: &User, node: &str) -> bool {
    ServiceAccountName::parse(&requester.name).is_ok()
        && requester.extra.get(NODE_NAME).is_some_and(|nodes| nodes.as_slice() == [node])
}
