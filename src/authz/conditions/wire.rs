use super::{Conditional, Settled};
use crate::api::authorization::{Condition, ConditionSet, SubjectAccessReviewStatus};
use crate::model::Decision;

/// Why a chain of condition sets is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// An answer that depends on conditions, and does not (S-COND-2).
    #[error(
        "the answer is `allowed` or `denied` and has a `conditionSetChain`; it can be one only"
    )]
    Both,
    /// A set that is more than one of a decision, conditions, and a chain.
    #[error("a condition set is more than one of a decision, conditions and a chain of its own")]
    Ambiguous,
}

impl Conditional {
    /// The answer that a status carries with its chain (S-COND-2).
    ///
    /// # Errors
    /// [`WireError`] when it says two things at once.
    pub fn from_wire(
        status: &SubjectAccessReviewStatus,
        chain: &[ConditionSet],
    ) -> Result<Self, WireError> {
        if status.allowed || status.denied {
            return Err(WireError::Both);
        }
        from_chain(chain)
    }

    /// The chain of a status; `None` for an answer that depends on nothing, which is told by the
    /// status alone.
    #[must_use]
    pub fn to_wire(&self) -> Option<Vec<ConditionSet>> {
        match self {
            Self::Settled(_) => None,
            Self::Map(_) => Some(vec![to_set("", self)]),
            Self::Union(union) => {
                Some(union.members().iter().map(|(name, member)| to_set(name, member)).collect())
            }
        }
    }
}

fn from_chain(chain: &[ConditionSet]) -> Result<Conditional, WireError> {
    let members = chain.iter().map(|set| Ok((set.authorizer_name.clone(), from_set(set)?)));
    Ok(Conditional::of_union(members.collect::<Result<Vec<_>, _>>()?))
}

fn from_set(set: &ConditionSet) -> Result<Conditional, WireError> {
    let decision = match (set.allowed, set.denied) {
        (true, true) => return Err(WireError::Ambiguous),
        (true, false) => Some(Decision::Allow),
        (false, true) => Some(Decision::Deny),
        (false, false) => None,
    };
    match (decision, set.conditions.is_empty(), set.condition_set_chain.is_empty()) {
        (Some(decision), true, true) => Ok(Conditional::Settled(Settled::new(decision, ""))),
        (None, true, true) => Ok(Conditional::Settled(Settled::new(Decision::NoOpinion, ""))),
        (None, false, true) => {
            Ok(Conditional::of_map(&set.conditions_type, Vec::<Condition>::clone(&set.conditions)))
        }
        (None, true, false) => from_chain(&set.condition_set_chain),
        _ => Err(WireError::Ambiguous),
    }
}

fn to_set(name: &str, answer: &Conditional) -> ConditionSet {
    let mut set = ConditionSet { authorizer_name: name.to_owned(), ..ConditionSet::default() };
    match answer {
        Conditional::Settled(settled) => {
            set.allowed = settled.decision == Decision::Allow;
            set.denied = settled.decision == Decision::Deny;
        }
        Conditional::Map(map) => {
            map.conditions_type().clone_into(&mut set.conditions_type);
            map.conditions().clone_into(&mut set.conditions);
        }
        Conditional::Union(union) => {
            let members = union.members().iter();
            set.condition_set_chain = members.map(|(name, member)| to_set(name, member)).collect();
        }
    }
    set
}
