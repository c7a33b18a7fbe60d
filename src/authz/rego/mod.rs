//! What do policies in Rego say? An authorizer over modules of one's own.
//!
//! A policy is a package with these rules; all are optional:
//!
//! | Rule | What it is | What it means |
//! |---|---|---|
//! | `allow` | a boolean, or messages | yes |
//! | `deny` | a boolean, or messages | no, whatever `allow` says |
//! | `reason` | a string, or a set of strings | the reason that is told |
//! | `obligations` | anything | what whoever enforces the decision has to do besides |
//!
//! Messages are a string, or a set, array or object: they hold when there are any. An `allow` with `false`
//! or `null` in it does not hold, and an object holds by what is `true` in it. When neither `allow` nor
//! `deny` holds there is no opinion; nothing is ever allowed because nothing denied it. What `input` is,
//! [`input`] tells. Beside the built-in functions there are:
//!
//! - `portcullis.rbac.allowed(spec)`: whether the RBAC policy of the chain allows what an object like `input`
//!   asks; without `user` or `groups` it means those of the request.
//! - `portcullis.rbac.rules(user, groups, namespace)`: the rules that it has for a user, as the status of a
//!   SelfSubjectRulesReview.
//! - `time.now_ns()` is the clock of [`Options`], as is `input.time`.
//!
//! Both functions are undefined when there is no RBAC policy.
//!
//! A policy is compiled once. Each thread has an evaluator of its own: a register machine, or an interpreter
//! for what that lacks or gets wrong (`with`, `print`, `:=`, fields of fields, rules that may contradict
//! themselves). An evaluation has a
//! [`Budget`], and ends with [`OnError`] when it is used up or the engine fails; what the engine says is told
//! to nobody. What cannot be stopped once it runs (recursion, a stack that is too small) is refused by
//! [`Policy::compile`].
//!
//! Absent on purpose: reading files, HTTP and everything else that leaves the process, listing what a policy
//! grants.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::authz::Authorizer;
//! use portcullis::authz::rego::{Options, Policy, RegoAuthorizer, Sources, World};
//! use portcullis::model::{Decision, Request, ResourceAttributes, User};
//!
//! let text = r#"
//! package portcullis.authz
//!
//! allow if {
//!     input.resourceAttributes.verb in {"get", "list"}
//!     input.resourceAttributes.namespace == input.serviceAccount.namespace
//! }
//!
//! deny contains "secrets are read by name only" if {
//!     input.resourceAttributes.resource == "secrets"
//!     not input.resourceAttributes.name
//! }
//! "#;
//! let policy = Policy::compile(Sources::module("pinned.rego", text), Options::default())?;
//! let authorizer = RegoAuthorizer::new(Arc::new(policy), World::default());
//!
//! let user = User::service_account("shop", "web");
//! let ask = |resource| ResourceAttributes::new("list", resource).in_namespace("shop");
//! let request = Request::resource(&user, ask("pods"));
//! assert!(authorizer.authorize(&request).is_allowed());
//!
//! let request = Request::resource(&user, ask("secrets"));
//! assert_eq!(authorizer.authorize(&request).reason(), "secrets are read by name only");
//!
//! let request = Request::resource(&user, ResourceAttributes::new("list", "pods"));
//! assert_eq!(authorizer.authorize(&request).decision, Decision::NoOpinion);
//! # Ok::<(), portcullis::authz::rego::CompileError>(())
//! ```

mod builtins;
mod compile;
mod counters;
mod error;
mod facts;
mod functions;
mod input;
mod machine;
mod modules;
mod options;
mod outcome;
mod policy;
mod quiet;
mod rbac;
mod reads;
#[doc(hidden)]
pub mod suite;
mod syntax;
mod text;
mod values;
mod warning;
mod worker;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use error::CompileError;
pub use facts::Facts;
pub use input::input;
pub use modules::{Module, RegoVersion, Sources};
pub use options::{Budget, Evaluator, Limits, OnError, Options};
pub use outcome::{Failure, Outcome};
pub use policy::Policy;
pub use warning::Warning;

use std::fmt;
use std::sync::Arc;

use super::{Authorizer, Rules};
use crate::model::{Decision, Request, User, Verdict};

/// What a policy meets in its chain.
#[derive(Clone, Default)]
pub struct World {
    /// Who answers `portcullis.rbac.*`; `None`: nobody, and the functions are undefined.
    pub rbac: Option<Arc<dyn Authorizer>>,
    /// What is known of the cluster.
    pub facts: Arc<Facts>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("rbac", &self.rbac.is_some())
            .field("facts", &self.facts)
            .finish()
    }
}

/// A policy in its chain.
#[derive(Debug)]
pub struct RegoAuthorizer {
    policy: Arc<Policy>,
    world: World,
}

impl RegoAuthorizer {
    /// A policy among these.
    #[must_use]
    pub const fn new(policy: Arc<Policy>, world: World) -> Self {
        Self { policy, world }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// What the policy says about a request, with the obligations that a verdict has no place for.
    ///
    /// ```
    /// use portcullis::authz::rego::{Options, Policy, RegoAuthorizer, Sources, World};
    /// use portcullis::model::{Request, User};
    ///
    /// let text = "package portcullis.authz\nallow := true\nobligations := {\"log\": \"full\"}\n";
    /// let policy = Policy::compile(Sources::module("m.rego", text), Options::default())?;
    /// let authorizer = RegoAuthorizer::new(policy.into(), World::default());
    ///
    /// let user = User::new("jane");
    /// let outcome = authorizer.evaluate(&Request::non_resource(&user, "get", "/version"));
    /// assert_eq!(outcome.obligations.unwrap()["log"], "full");
    /// # Ok::<(), portcullis::authz::rego::CompileError>(())
    /// ```
    #[must_use]
    pub fn evaluate(&self, request: &Request<'_>) -> Outcome {
        self.policy.evaluate(request, &self.world)
    }
}

impl Authorizer for RegoAuthorizer {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        let outcome = self.evaluate(request);
        let name = self.policy.name();
        let reason = match (outcome.decision, outcome.failure) {
            (Decision::NoOpinion, _) => String::new(),
            _ if !outcome.reasons.is_empty() => outcome.reasons.join("; "),
            (_, Some(failure)) => format!("policy `{name}` {failure}"),
            (Decision::Allow, None) => format!("allowed by policy `{name}`"),
            (Decision::Deny, None) => format!("denied by policy `{name}`"),
        };
        let verdict = Verdict::new(outcome.decision, reason);
        match outcome.failure {
            Some(failure) => verdict.with_error(format!("policy `{name}` {failure}")),
            None => verdict,
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete("Rego policies do not support user rule resolution")
    }

    fn can_deny(&self) -> bool {
        self.policy.can_deny()
    }

    /// It runs an interpreter.
    /// By [`OnError`].
    fn settles_failures(&self) -> bool {
        true
    }

    fn is_slow(&self) -> bool {
        true
    }
}
