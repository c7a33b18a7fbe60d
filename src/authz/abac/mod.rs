//! Does a line of the policy file allow this?
//!
//! A policy line names a user, a group, or a user who must also be in a group; what may be done;
//! and where. A request is allowed when one line matches in subject, in verb, and in either its
//! resource or its path (S-ABAC-11). Lines only ever allow: without a match there is no opinion
//! (S-ABAC-18), so their order means nothing.
//!
//! The lines are compiled into a table keyed by subject and then by what is asked, so that a
//! decision costs the same with ten lines as with ten thousand, allocates nothing and takes no
//! lock.
//!
//! Absent on purpose: reading files (the text is passed in), denying, and the chain of
//! authorizers with its `AlwaysAllow` and `AlwaysDeny`.
//!
//! ```
//! use portcullis::authz::Authorizer;
//! use portcullis::authz::abac::Policy;
//! use portcullis::model::{Request, ResourceAttributes, User};
//!
//! let policy = Policy::parse("policy.jsonl", r#"
//! ## Alice looks after the web namespace.
//! {"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"alice","namespace":"web","resource":"pods"}}
//! "#)?;
//!
//! let alice = User::new("alice");
//! let request =
//!     Request::resource(&alice, ResourceAttributes::new("delete", "pods").in_namespace("web"));
//! let verdict = policy.authorize(&request);
//! assert!(verdict.is_allowed());
//! assert_eq!(verdict.path()[0].origin.as_ref().unwrap().to_string(), "policy.jsonl:3");
//!
//! let bob = User::new("bob");
//! let request = Request { user: &bob, ..request };
//! assert_eq!(policy.authorize(&request).reason(), "No policy matched.");
//! # Ok::<(), portcullis::authz::abac::LoadError>(())
//! ```

mod compile;
mod enumerate;
mod error;
mod eval;
mod lint;
mod table;

pub use enumerate::Row;
pub use error::LoadError;
pub use eval::Principal;
pub use lint::{Concern, Finding};

use std::sync::Arc;

use crate::authz::{Authorizer, Resolved, Rules};
use crate::model::{Attributes, Decision, Explain, Request, Step, User, Verdict};
use table::Table;

/// What the API server says when no line matches (S-ABAC-18).
const NO_MATCH: &str = "No policy matched.";

/// A policy file, compiled; cheap to clone. See the [module](self) for what it decides.
#[derive(Debug, Clone)]
pub struct Policy {
    source: Arc<str>,
    table: Arc<Table>,
    unversioned: usize,
    /// Tells principals of this policy from those of another.
    stamp: u64,
}

impl Policy {
    /// How many policies there are: lines that are neither blank nor comments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.lines.len()
    }

    /// Whether there is no policy at all; then nobody is allowed anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.lines.is_empty()
    }

    /// How many lines are in the legacy form without a version. When there are any, the API server
    /// logs a warning and goes on (S-ABAC-7); [`Policy::lint`] names them.
    #[must_use]
    pub const fn unversioned_lines(&self) -> usize {
        self.unversioned
    }

    /// The name under which the file was read.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Roughly how many bytes the policy occupies.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        size_of::<Self>().saturating_add(self.table.memory_usage())
    }
}

impl Authorizer for Policy {
    /// It only grants.
    fn can_deny(&self) -> bool {
        false
    }

    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        if self.table.allows(request.user, &request.attributes) {
            Verdict::deferred(Decision::Allow, self, request)
        } else {
            Verdict::no_opinion(NO_MATCH)
        }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        self.table.rules_for(user, namespace)
    }

    fn resolve(&self, user: &Arc<User>) -> Option<Box<dyn Resolved>> {
        Some(Box::new(ResolvedUser {
            principal: self.principal(user),
            policy: self.clone(),
            user: Arc::clone(user),
        }))
    }
}

/// A principal with the policy it belongs to.
#[derive(Debug)]
struct ResolvedUser {
    policy: Policy,
    principal: Principal,
    user: Arc<User>,
}

impl Resolved for ResolvedUser {
    fn authorize<'a>(&'a self, attributes: &'a Attributes<'a>) -> Verdict<'a> {
        match self.principal.authorize(&self.policy, attributes) {
            Decision::NoOpinion => Verdict::no_opinion(NO_MATCH),
            decision => Verdict::deferred_for(decision, &self.policy, &self.user, attributes),
        }
    }
}

impl Explain for Policy {
    fn reason(&self, _: &Request<'_>, decision: Decision) -> String {
        match decision {
            // A match has no reason (S-ABAC-18).
            Decision::Allow => String::new(),
            Decision::Deny | Decision::NoOpinion => NO_MATCH.to_owned(),
        }
    }

    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<Step> {
        match decision {
            Decision::Allow => self.first_match(request).into_iter().collect(),
            Decision::Deny | Decision::NoOpinion => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
