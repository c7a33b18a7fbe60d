use super::evaluate::Evaluate;
use super::{Conditional, Possible, Settled};
use crate::model::Decision;

/// The answers of several authorizers, in order, of which more than one result may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Union {
    members: Vec<(String, Conditional)>,
}

impl Conditional {
    /// The answer of authorizers in order, each with its name (S-COND-7). After one that allows or
    /// denies whatever the conditions, no further is asked. Folded at once if only one result can come
    /// of it.
    pub fn of_union(members: impl IntoIterator<Item = (String, Self)>) -> Self {
        let mut union = Union { members: Vec::new() };
        for (name, answer) in members {
            let ends = matches!(
                &answer,
                Self::Settled(Settled { decision: Decision::Allow | Decision::Deny, .. })
            );
            union.members.push((name, answer));
            if ends {
                break;
            }
        }
        match union.possible().certain() {
            Some(decision) => Self::Settled(union.folded(decision)),
            None => Self::Union(union),
        }
    }
}

impl Union {
    /// The answers, with the names of those who gave them.
    #[must_use]
    pub fn members(&self) -> &[(String, Conditional)] {
        &self.members
    }

    /// A result is possible if a member may have it; no opinion only if all may.
    pub(super) fn possible(&self) -> Possible {
        let mut possible = Possible { no_opinion: true, ..Possible::default() };
        for (_, member) in &self.members {
            let of_member = member.possible();
            possible.allow |= of_member.allow;
            possible.deny |= of_member.deny;
            possible.no_opinion &= of_member.no_opinion;
        }
        possible
    }

    /// The one result, with what everybody said. Errors of those without an opinion count only where
    /// nobody decides, as in every chain (S-CHAIN-1, S-CHAIN-2).
    fn folded(&self, decision: Decision) -> Settled {
        let settled = || {
            self.members.iter().filter_map(|(name, member)| match member {
                Conditional::Settled(settled) => Some((name, settled)),
                Conditional::Map(_) | Conditional::Union(_) => None,
            })
        };
        let reasons: Vec<String> = settled()
            .filter(|(_, settled)| !settled.reason.is_empty())
            .map(|(name, settled)| format!("{name}: {{{}}}", settled.reason))
            .collect();
        let errors = settled()
            .filter(|(_, settled)| settled.decision == decision)
            .flat_map(|(_, settled)| settled.errors.iter().cloned());
        Settled { decision, reason: reasons.join(", "), errors: errors.collect() }
    }

    /// Members in order; the first that allows or denies ends it (S-COND-7). Members after one that
    /// cannot be evaluated are evaluated, too: they may settle the whole.
    pub(super) fn evaluate(&self, evaluate: &mut Evaluate<'_>) -> Conditional {
        let evaluated =
            self.members.iter().map(|(name, member)| (name.clone(), member.evaluate(evaluate)));
        Conditional::of_union(evaluated)
    }
}
