//! What comes of an answer that depends on conditions (KEP-5681, S-COND)?
//!
//! **Experimental**: Kubernetes has merged only the inner machinery, and the shapes may still change.
//!
//! A [`Conditional`] is a decision, a map of conditions, or the answers of several authorizers in order.
//! It is evaluated by somebody who can evaluate conditions, or [folded](Conditional::fold) into a plain
//! answer for those who know of none: always to the safe side.
//!
//! ```
//! use portcullis::api::authorization::{Condition, Effect};
//! use portcullis::authz::conditions::{Conditional, Evaluated};
//! use portcullis::model::Decision;
//!
//! let small = Condition {
//!     id: "small".to_owned(),
//!     effect: Effect::Allow,
//!     condition: "object.spec.replicas < 10".to_owned(),
//!     description: String::new(),
//! };
//! let answer = Conditional::of_map("example.com/cel", vec![small]);
//! // Whoever cannot evaluate it is not told yes.
//! assert_eq!(answer.fold().decision, Decision::NoOpinion);
//!
//! let evaluated = answer.evaluate(&mut |_, _| Evaluated::True);
//! assert_eq!(evaluated.fold().reason(), r#"condition "small" allowed the request"#);
//! ```
//!
//! Absent on purpose: a language of conditions, objects of requests, and enforcement.

mod evaluate;
mod map;
mod union;
mod wire;

#[cfg(test)]
mod tests;

pub use evaluate::Evaluated;
pub use map::{ConditionsMap, InvalidConditions, MAX_CONDITIONS};
pub use union::Union;
pub use wire::WireError;

use crate::model::{Decision, Verdict};

/// What somebody is told who knows of no conditions (S-COND-8).
pub const UNAWARE: &str =
    "failed closed: tried to return conditional decision to conditions-unaware authorizer";

/// A plain answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Allow, deny, or nothing to say.
    pub decision: Decision,
    /// Why.
    pub reason: String,
    /// What went wrong on the way.
    pub errors: Vec<String>,
}

impl Settled {
    /// An answer without errors.
    #[must_use]
    pub fn new(decision: Decision, reason: impl Into<String>) -> Self {
        Self { decision, reason: reason.into(), errors: Vec::new() }
    }

    /// The same as a verdict.
    pub fn into_verdict<'a>(self) -> Verdict<'a> {
        Verdict::new(self.decision, self.reason).with_errors(self.errors)
    }
}

impl From<Verdict<'_>> for Settled {
    fn from(verdict: Verdict<'_>) -> Self {
        let reason = verdict.reason().into_owned();
        Self { decision: verdict.decision, reason, errors: verdict.errors }
    }
}

/// An answer that may depend on conditions (S-COND-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conditional {
    /// It depends on none.
    Settled(Settled),
    /// The conditions of one authorizer.
    Map(ConditionsMap),
    /// Several authorizers in order, of which more than one result may come.
    Union(Union),
}

impl From<Verdict<'_>> for Conditional {
    fn from(verdict: Verdict<'_>) -> Self {
        Self::Settled(verdict.into())
    }
}

impl Conditional {
    /// The answer for somebody who knows of no conditions: a denial if one is possible, else no opinion
    /// (S-COND-8). What is settled stays.
    pub fn fold<'a>(&self) -> Verdict<'a> {
        match self {
            Self::Settled(settled) => settled.clone().into_verdict(),
            Self::Map(_) | Self::Union(_) => {
                let can_deny = self.possible().deny;
                let decision = if can_deny { Decision::Deny } else { Decision::NoOpinion };
                Verdict::new(decision, UNAWARE)
            }
        }
    }

    /// Whether it depends on nothing.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Settled(_))
    }

    /// What may come of it.
    pub(super) fn possible(&self) -> Possible {
        match self {
            Self::Settled(settled) => Possible::only(settled.decision),
            Self::Map(map) => map.possible(),
            Self::Union(union) => union.possible(),
        }
    }
}

/// Results that are possible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Possible {
    pub(super) allow: bool,
    pub(super) deny: bool,
    pub(super) no_opinion: bool,
}

impl Possible {
    pub(super) fn only(decision: Decision) -> Self {
        Self {
            allow: decision == Decision::Allow,
            deny: decision == Decision::Deny,
            no_opinion: decision == Decision::NoOpinion,
        }
    }

    /// The one result, if there is only one.
    pub(super) const fn certain(self) -> Option<Decision> {
        match self {
            Self { allow: true, deny: false, no_opinion: false } => Some(Decision::Allow),
            Self { allow: false, deny: true, no_opinion: false } => Some(Decision::Deny),
            Self { allow: false, deny: false, no_opinion: true } => Some(Decision::NoOpinion),
            _ => None,
        }
    }
}
