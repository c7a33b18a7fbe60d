use super::{Conditional, Possible, Settled};
use crate::api::authorization::{Condition, Effect};
use crate::model::Decision;
use crate::util::goquote::Quoted;

/// How many conditions a map may have (S-COND-5).
pub const MAX_CONDITIONS: usize = 128;

/// The conditions of one authorizer: 1 to 128, each id once, not all of effect NoOpinion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionsMap {
    pub(super) conditions_type: String,
    pub(super) conditions: Vec<Condition>,
}

/// What is wrong with conditions (S-COND-5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConditions {
    /// More than [`MAX_CONDITIONS`].
    #[error("too many conditions: {0} exceeds maximum of {MAX_CONDITIONS}")]
    TooMany(usize),
    /// Two of one id.
    #[error("duplicate condition ID {}", Quoted(.0))]
    DuplicateId(String),
    /// An id that is not of the form of label keys.
    #[error("invalid condition ID {}: must be of the form of a label key", Quoted(.0))]
    Id(String),
    /// A type that is not of the form of label keys.
    #[error("invalid conditions type {}: must be of the form of a label key", Quoted(.0))]
    Type(String),
}

impl ConditionsMap {
    /// The language of the conditions.
    #[must_use]
    pub fn conditions_type(&self) -> &str {
        &self.conditions_type
    }

    /// The conditions, as they were given.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    pub(super) fn has(&self, effect: Effect) -> bool {
        self.conditions.iter().any(|condition| condition.effect == effect)
    }

    /// No condition may be true, so no opinion is always possible.
    pub(super) fn possible(&self) -> Possible {
        let (allow, deny) = (self.has(Effect::Allow), self.has(Effect::Deny));
        Possible { allow, deny, no_opinion: true }
    }
}

impl Conditional {
    /// The answer of an authorizer with these conditions (S-COND-5): settled where nothing depends on
    /// them. Conditions that are invalid deny if one of them could have denied, else they are no
    /// opinion.
    #[must_use]
    pub fn of_map(conditions_type: &str, conditions: Vec<Condition>) -> Self {
        let has = |effect| conditions.iter().any(|condition| condition.effect == effect);
        if conditions.is_empty() {
            return Self::Settled(Settled::new(Decision::NoOpinion, "no conditions"));
        }
        if let Err(error) = check(conditions_type, &conditions) {
            let decision = if has(Effect::Deny) { Decision::Deny } else { Decision::NoOpinion };
            return Self::Settled(Settled::new(decision, format!("failed closed: {error}")));
        }
        if !has(Effect::Allow) && !has(Effect::Deny) {
            let reason = "no condition allows or denies";
            return Self::Settled(Settled::new(Decision::NoOpinion, reason));
        }
        let conditions_type = conditions_type.to_owned();
        Self::Map(ConditionsMap { conditions_type, conditions })
    }
}

fn check(conditions_type: &str, conditions: &[Condition]) -> Result<(), InvalidConditions> {
    if conditions.len() > MAX_CONDITIONS {
        return Err(InvalidConditions::TooMany(conditions.len()));
    }
    if !is_label_key(conditions_type) {
        return Err(InvalidConditions::Type(conditions_type.to_owned()));
    }
    let mut before: Vec<&str> = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let id = condition.id.as_str();
        if !is_label_key(id) {
            return Err(InvalidConditions::Id(id.to_owned()));
        }
        if before.contains(&id) {
            return Err(InvalidConditions::DuplicateId(id.to_owned()));
        }
        before.push(id);
    }
    Ok(())
}

/// `name` or `prefix/name`: a DNS subdomain, and up to 63 letters, digits, `-`, `_` and `.` that begin
/// and end with a letter or digit.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_name = name.len() <= 63
        && is_end(name.as_bytes().first())
        && is_end(name.as_bytes().last())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_lower = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(is_lower)
            && bytes.last().is_some_and(is_lower)
            && bytes.iter().all(|byte| is_lower(byte) || *byte == b'-')
    };
    let is_prefix = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(is_label);
    is_name && prefix.is_none_or(is_prefix)
}
