//! The engines that answer "may this user do this?". Everything they need is passed in; nothing
//! is opened.

#[cfg(feature = "abac")]
pub mod abac;
mod asker;
mod chain;
#[cfg(feature = "conditional-authorization")]
pub mod conditions;
pub mod impersonation;
#[cfg(feature = "live-groups")]
pub mod live_groups;
#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "rbac")]
pub mod rbac;
#[cfg(feature = "rego")]
pub mod rego;
mod revocation;
mod trivial;
#[cfg(feature = "structured-chain")]
pub mod webhook;

use std::sync::Arc;

// For sisters, which see what their parent shows them.
#[cfg(feature = "conditional-authorization")]
pub(crate) use conditions::Conditional;
#[cfg(all(feature = "conditional-authorization", feature = "structured-chain"))]
pub(crate) use conditions::WireError;
#[cfg(feature = "live-groups")]
pub(crate) use live_groups::{GroupResolver, LiveGroupsError};

pub use asker::{Asker, GroupsUnknown, LIVE_GROUPS};
pub use chain::{Chain, ChainPrincipal, LinkAnswer, OnFailure, SlowRunner, Walk};
pub use revocation::RevocationGate;
pub use trivial::{AlwaysAllow, AlwaysDeny, SuperUser};

#[cfg(feature = "conditional-authorization")]
use crate::api::authorization::ConditionalMode;
use crate::api::authorization::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};
use crate::model::{Attributes, Request, User, Verdict};
use crate::util::aggregate::aggregate;

/// Anything that can answer a request. Open: bring your own and put it into a [`Chain`].
///
/// ```
/// use portcullis::authz::{Authorizer, Chain, Rules};
/// use portcullis::model::{Request, ResourceAttributes, User, Verdict};
///
/// /// Nobody deletes anything on a Friday.
/// struct Freeze;
///
/// impl Authorizer for Freeze {
///     fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
///         match request.attributes.verb() {
///             "delete" => Verdict::deny("change freeze"),
///             _ => Verdict::no_opinion(""),
///         }
///     }
///
///     fn rules_for(&self, _: &User, _: &str) -> Rules {
///         Rules::default() // It grants nothing.
///     }
/// }
///
/// let chain = Chain::new().with("Freeze", Freeze);
/// let jane = User::new("jane");
/// let delete = Request::resource(&jane, ResourceAttributes::new("delete", "pods"));
/// assert_eq!(chain.authorize(&delete).reason(), "change freeze");
/// ```
pub trait Authorizer: Send + Sync {
    /// Answers one request. Must not block, unless it [says so](Self::is_slow).
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a>;

    /// Lists what `user` may do in `namespace` (empty: cluster scope only).
    ///
    /// An authorizer that cannot list answers [`Rules::incomplete`].
    fn rules_for(&self, user: &User, namespace: &str) -> Rules;

    /// Whether it ever answers [`Decision::Deny`](crate::model::Decision). One that can, and fails,
    /// may have hidden a denial: see [`OnFailure`]. Default: it can.
    fn can_deny(&self) -> bool {
        true
    }

    /// Whether its owner has chosen what its failures come to, as by the `failurePolicy` of a webhook.
    /// Its no opinion is meant then, also beside an error, and so is its denial. Default: no.
    fn settles_failures(&self) -> bool {
        false
    }

    /// Whether it has neither an opinion nor an error on anything that this user asks now. Asked of the
    /// gates of a [`Chain`], which nearly everybody passes: cheaper than a verdict. Default: not sure.
    fn passes(&self, user: &User) -> bool {
        let _ = user;
        false
    }

    /// Whether an answer may take its time: it runs an interpreter, or asks somebody over a network.
    /// Such an authorizer is asked once a request, and the reason it gave is kept; servers ask it where
    /// waiting holds up nobody else. Default: it answers at once.
    fn is_slow(&self) -> bool {
        false
    }

    /// Answers one request of somebody who understands conditions of `mode`. **Experimental** (KEP-5681).
    /// Default: as [`Self::authorize`], which depends on none.
    #[cfg(feature = "conditional-authorization")]
    fn authorize_conditionally(&self, request: &Request<'_>, mode: ConditionalMode) -> Conditional {
        let _ = mode;
        self.authorize(request).into()
    }

    /// Does whatever depends on the user alone, for callers that decide often for one identity.
    /// `None`: there is nothing to gain, ask [`Self::authorize`] each time.
    fn resolve(&self, user: &Arc<User>) -> Option<Box<dyn Resolved>> {
        let _ = user;
        None
    }
}

/// An authorizer that has met its user: it answers exactly as the authorizer it came from did at
/// that moment, whatever happens to the policy later.
pub trait Resolved: Send + Sync {
    /// Answers one request of that user.
    fn authorize<'a>(&'a self, attributes: &'a Attributes<'a>) -> Verdict<'a>;
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

impl From<Rules> for SubjectRulesReviewStatus {
    /// The answer of a SelfSubjectRulesReview; errors are joined as the API server does (S-FMT-1).
    ///
    /// ```
    /// use portcullis::api::authorization::SubjectRulesReviewStatus;
    /// use portcullis::authz::Rules;
    ///
    /// let rules = Rules { errors: vec!["a".into(), "b".into(), "a".into()], ..Rules::default() };
    /// assert_eq!(SubjectRulesReviewStatus::from(rules).evaluation_error, "[a, b]");
    /// ```
    fn from(rules: Rules) -> Self {
        let Rules { resource, non_resource, incomplete, errors } = rules;
        Self {
            resource_rules: resource,
            non_resource_rules: non_resource,
            incomplete,
            evaluation_error: aggregate(&errors).unwrap_or_default(),
        }
    }
}
