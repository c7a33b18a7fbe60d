use serde::Deserialize;

use super::super::metrics::{Decided, Proved};
use super::super::sample::{Rate, Sampler};

/// Verbs that change something, or somebody's rights; and `authenticate`, under which token
/// reviews go.
const WEIGHTY: [&str; 11] = [
    "authenticate",
    "approve",
    "bind",
    "create",
    "delete",
    "deletecollection",
    "escalate",
    "impersonate",
    "patch",
    "sign",
    "update",
];

/// Which decisions are logged. By default all are.
///
/// A refusal is anything but a yes: a denial, no opinion, an unknown or refused token. A decision
/// that could not be taken (HTTP 500) is always logged.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SamplePolicy {
    /// The share of the allowed requests and proved tokens that is logged.
    pub allows: Rate,
    /// The share of the refusals that is logged, save those of [`Self::always`].
    pub refusals: Rate,
    /// Verbs whose refusals are never left out; `*` for all. Token reviews go under the verb
    /// `authenticate`. Default: every verb of Kubernetes that changes something or somebody's
    /// rights, and `authenticate`.
    pub always: Vec<String>,
}

impl Default for SamplePolicy {
    fn default() -> Self {
        Self { allows: Rate::ALL, refusals: Rate::ALL, always: WEIGHTY.map(str::to_owned).to_vec() }
    }
}

/// How much a decision weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A yes.
    Allow,
    /// A no.
    Refusal,
    /// Failed to evaluate.
    Failure,
    /// Nothing was decided.
    None,
}

impl From<Decided> for Class {
    fn from(decided: Decided) -> Self {
        match decided {
            Decided::Allow => Self::Allow,
            Decided::Deny | Decided::NoOpinion => Self::Refusal,
            Decided::Error => Self::Failure,
            Decided::Malformed => Self::None,
        }
    }
}

impl From<Proved> for Class {
    fn from(proved: Proved) -> Self {
        match proved {
            Proved::Authenticated => Self::Allow,
            Proved::Unknown | Proved::Error => Self::Refusal,
            Proved::Malformed => Self::None,
        }
    }
}

/// The policy at work.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    policy: SamplePolicy,
    allows: Sampler,
    refusals: Sampler,
}

impl Sampling {
    pub(super) fn new(policy: SamplePolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The share at which such decisions are logged, if this one is.
    pub(super) fn keeps(&self, class: Class, verb: &str) -> Option<Rate> {
        let (sampler, rate) = match class {
            Class::None => return None,
            Class::Failure => return Some(Rate::ALL),
            Class::Allow => (&self.allows, self.policy.allows),
            Class::Refusal if self.is_named(verb) => return Some(Rate::ALL),
            Class::Refusal => (&self.refusals, self.policy.refusals),
        };
        sampler.takes(rate).then_some(rate)
    }

    fn is_named(&self, verb: &str) -> bool {
        self.policy.always.iter().any(|named| named == verb || named == "*")
    }
}
