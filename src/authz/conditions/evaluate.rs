use super::{Conditional, ConditionsMap, Settled};
use crate::api::authorization::{Condition, Effect};
use crate::model::Decision;
use crate::util::goquote::Quoted;

const FAILED: &str = "one or more conditional evaluation errors occurred";

/// What a condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evaluated {
    /// It is true.
    True,
    /// It is false.
    False,
    /// Its evaluation failed.
    Error(String),
    /// Whoever evaluates does not know its language, or lacks what it asks about.
    Unevaluatable,
}

/// Evaluates a condition of a type.
pub(super) type Evaluate<'e> = dyn FnMut(&str, &Condition) -> Evaluated + 'e;

impl Conditional {
    /// The answer when `evaluate` says what the conditions say; it is given their type and one
    /// condition (S-COND-6, S-COND-7). What cannot be evaluated stays conditional.
    #[must_use]
    pub fn evaluate(&self, evaluate: &mut Evaluate<'_>) -> Self {
        match self {
            Self::Settled(_) => self.clone(),
            Self::Map(map) => map.evaluate(evaluate),
            Self::Union(union) => union.evaluate(evaluate),
        }
    }
}

impl ConditionsMap {
    /// Effects in order: Deny, NoOpinion, Allow; within one, true counts before error, error before
    /// what cannot be evaluated, and that before false (S-COND-6).
    fn evaluate(&self, evaluate: &mut Evaluate<'_>) -> Conditional {
        for effect in [Effect::Deny, Effect::NoOpinion, Effect::Allow] {
            let of_effect = self.conditions.iter().filter(|condition| condition.effect == effect);
            let mut errors = Vec::new();
            let mut open = Vec::new();
            for condition in of_effect {
                match evaluate(&self.conditions_type, condition) {
                    Evaluated::True => return Conditional::Settled(came_true(condition)),
                    Evaluated::False => {}
                    Evaluated::Error(error) => errors.push(format!(
                        "condition {} with effect={effect} evaluated to an error: {error}",
                        Quoted(&condition.id)
                    )),
                    Evaluated::Unevaluatable => open.push(condition.clone()),
                }
            }
            if !errors.is_empty() {
                let decision = match effect {
                    Effect::Deny => Decision::Deny,
                    Effect::Allow | Effect::NoOpinion => Decision::NoOpinion,
                };
                let reason = FAILED.to_owned();
                return Conditional::Settled(Settled { decision, reason, errors });
            }
            if !open.is_empty() {
                return self.open(effect, open);
            }
        }
        Conditional::Settled(Settled::new(Decision::NoOpinion, "no conditions matched"))
    }

    /// What is left when conditions of an effect could not be evaluated: they, and all that were not
    /// looked at, since they come later.
    fn open(&self, effect: Effect, open: Vec<Condition>) -> Conditional {
        let rank = |effect| match effect {
            Effect::Deny => 0,
            Effect::NoOpinion => 1,
            Effect::Allow => 2,
        };
        let later = self.conditions.iter().filter(|other| rank(other.effect) > rank(effect));
        let conditions = open.into_iter().chain(later.cloned()).collect();
        Conditional::of_map(&self.conditions_type, conditions)
    }
}

/// What follows from a condition that is true.
fn came_true(condition: &Condition) -> Settled {
    let id = Quoted(&condition.id);
    match condition.effect {
        Effect::Deny => {
            let mut reason = format!("condition {id} denied the request");
            if !condition.description.is_empty() {
                reason.push_str(&format!(" with description {}", Quoted(&condition.description)));
            }
            Settled::new(Decision::Deny, reason)
        }
        Effect::NoOpinion => {
            Settled::new(Decision::NoOpinion, format!("condition {id} evaluated to NoOpinion"))
        }
        Effect::Allow => {
            Settled::new(Decision::Allow, format!("condition {id} allowed the request"))
        }
    }
}
