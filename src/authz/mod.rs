//! The engines that answer "may this user do this?". Everything they need is passed in; nothing
//! is opened.

use crate::api::authorization::{NonResourceRule, ResourceRule};
use crate::model::{Request, User, Verdict};

#[cfg(feature = "rbac")]
pub mod rbac;

/// Anything that can answer a request. Open: bring your own and put it into a chain.
pub trait Authorizer: Send + Sync {
    /// Answers one request. Must not block.
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a>;

    /// Lists what `user` may do in `namespace` (empty: cluster scope only).
    ///
    /// An authorizer that cannot list answers [`Rules::incomplete`].
    fn rules_for(&self, user: &User, namespace: &str) -> Rules;
}

/// What a subject may do, as far as an authorizer can list it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Rules on resources, in the order in which the authorizer visits them, duplicates kept.
    pub resource: Vec<ResourceRule>,
    /// Rules on paths, likewise.
    pub non_resource: Vec<NonResourceRule>,
    /// Whether there may be more than is listed.
    pub incomplete: bool,
    /// What went wrong while listing.
    pub errors: Vec<String>,
}

impl Rules {
    /// The answer of an authorizer that cannot list what it grants.
    #[must_use]
    pub fn incomplete(error: impl Into<String>) -> Self {
        Self { incomplete: true, errors: vec![error.into()], ..Self::default() }
    }
}
