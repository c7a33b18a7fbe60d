//! May this user act as another for this request? (S-IMP)
//!
//! kube-apiserver asks its authorizers before it believes the `Impersonate-*` headers of a request. So
//! does [`check`], in the same order, with the same attributes and the same refusals, and it tells
//! everything that it asked:
//!
//! ```
//! use portcullis::authz::impersonation::{Options, Target, check};
//! use portcullis::authz::{AlwaysAllow, AlwaysDeny};
//! use portcullis::model::{Attributes, ResourceAttributes, User};
//!
//! let alice = User::new("alice").with_groups(["dev", "system:authenticated"]);
//! let list = Attributes::Resource(ResourceAttributes::new("list", "pods").in_namespace("ns"));
//!
//! let allowed = check(&AlwaysAllow, &alice, &Target::new("bob"), &list, &Options::default())?;
//! assert_eq!(allowed.user.groups, ["system:authenticated"]);
//! assert_eq!(allowed.constraint(), "impersonate:user-info");
//! assert_eq!(allowed.checks.len(), 2);
//!
//! let refused = check(&AlwaysDeny, &alice, &Target::new("bob"), &list, &Options::default());
//! assert_eq!(
//!     refused.unwrap_err().to_string(),
//!     r#"pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns": Everything is forbidden."#,
//! );
//! # Ok::<(), portcullis::authz::impersonation::Refused>(())
//! ```
//!
//! A grant of every verb is a grant to impersonate: `*` matches `impersonate`, `impersonate:user-info`
//! and `impersonate-on:user-info:get` alike (S-IMP-17).
//!
//! Absent on purpose: HTTP, and whether the user that comes of it may do what is asked: ask an authorizer
//! about [`Allowed::user`].

mod asked;
mod attempt;
mod cache;
mod extra;
mod forbidden;
mod headers;
mod mode;
mod options;

#[cfg(test)]
mod tests;

use crate::model::{Attributes, User};

pub use asked::Check;
pub use cache::ImpersonationCache;
pub use headers::{HeaderError, parse_headers};
pub use mode::Mode;
pub use options::{Constrained, Options};

use super::Authorizer;
use std::collections::BTreeMap;

/// Whom somebody wants to act as: what the headers of a request say, and nothing else. Which groups come
/// of it is decided by the mode that allows it (S-IMP-6, S-IMP-12).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// The user name.
    pub user: String,
    /// The uid; empty when none is named.
    pub uid: String,
    /// The groups, in the order of the headers.
    pub groups: Vec<String>,
    /// Extra values by key; keys are lower-case, as headers yield them.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Target {
    /// A user name and nothing else.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into(), ..Self::default() }
    }

    /// The same with these groups.
    #[must_use]
    pub fn with_groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }
}

/// Somebody may act as another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Allowed {
    /// Who the request is made by from here on (S-IMP-6, S-IMP-12). Nothing of whoever asked is left in it
    /// (S-IMP-7).
    pub user: User,
    /// What allowed it.
    pub mode: Mode,
    /// What was asked, in order; less than all that had to be allowed when some was known.
    pub checks: Vec<Check>,
}

impl Allowed {
    /// What the audit log calls `authenticationMetadata.impersonationConstraint`; empty for the classic
    /// permission (S-IMP-16).
    #[must_use]
    pub const fn constraint(&self) -> &'static str {
        self.mode.constraint()
    }
}

/// Somebody may not act as another; to be answered with HTTP 403, whatever had failed (S-IMP-5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The message of the API server, to the letter (S-FMT-6, S-FMT-7). Of several refusals the first one
    /// counts (S-IMP-8).
    pub message: String,
    /// What was asked, in order.
    pub checks: Vec<Check>,
}

/// Whether `requester` may act as `target` for a request (S-IMP-3 … S-IMP-14).
///
/// Every check is a question to `authorizer` about the requester. Nothing is remembered: see
/// [`ImpersonationCache::check`] for what the API server remembers.
///
/// # Errors
/// When it may not.
pub fn check(
    authorizer: &dyn Authorizer,
    requester: &User,
    target: &Target,
    attributes: &Attributes<'_>,
    options: &Options,
) -> Result<Allowed, Refused> {
    attempt::check(authorizer, requester, target, attributes, options, None)
}
