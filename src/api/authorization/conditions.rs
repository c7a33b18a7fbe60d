//! Answers that depend on conditions (KEP-5681). Experimental: of Kubernetes' own work only the inner
//! machinery exists, and every name here may change.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::api::null;

/// Which conditions an asker understands: `spec.conditionalAuthorization.mode` (S-COND-1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum ConditionalMode {
    /// None. Also what is read from a word that nobody knows.
    #[default]
    #[serde(rename = "")]
    Unsupported,
    /// Those that people can read.
    HumanReadable,
    /// Those that are quick to evaluate.
    Optimized,
}

impl ConditionalMode {
    /// The mode of a word; an unknown one understands nothing, which is safe.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "HumanReadable" => Self::HumanReadable,
            "Optimized" => Self::Optimized,
            _ => Self::Unsupported,
        }
    }

    /// The same for a request with this verb: only what reaches admission can depend on conditions
    /// (S-COND-3).
    ///
    /// ```
    /// use portcullis::api::authorization::ConditionalMode;
    ///
    /// let mode = ConditionalMode::Optimized;
    /// assert_eq!(mode.for_verb("update"), mode);
    /// assert_eq!(mode.for_verb("get"), ConditionalMode::Unsupported);
    /// ```
    #[must_use]
    pub fn for_verb(self, verb: &str) -> Self {
        match verb {
            "create" | "update" | "patch" | "delete" | "deletecollection" | "connect" => self,
            _ => Self::Unsupported,
        }
    }
}

/// What follows from a condition that is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Effect {
    /// The request is allowed.
    Allow,
    /// The request is denied.
    Deny,
    /// There is no opinion, whatever conditions of effect Allow say.
    NoOpinion,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
            Self::NoOpinion => "NoOpinion",
        })
    }
}

/// One condition, as a review carries it (S-COND-2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name among the conditions of its set.
    pub id: String,
    /// What follows when it is true.
    pub effect: Effect,
    /// The condition itself, in a language that the type of its set names.
    #[serde(
        default,
        deserialize_with = "null::or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub condition: String,
    /// The same for people.
    #[serde(
        default,
        deserialize_with = "null::or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub description: String,
}

/// What an authorizer that fails to evaluate its conditions comes to, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum FailureMode {
    /// A denial.
    Deny,
    /// No opinion.
    NoOpinion,
}

/// The answer of one authorizer, or of several in order: `status.conditionSetChain[]` (S-COND-2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConditionSet {
    /// Whether it allows, whatever the conditions.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "std::ops::Not::not")]
    pub allowed: bool,
    /// Whether it denies, whatever the conditions.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    /// What a failure comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_mode: Option<FailureMode>,
    /// Whose answer it is.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub authorizer_name: String,
    /// The language of the conditions.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub conditions_type: String,
    /// The conditions.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The answers of several authorizers, in order, instead of conditions.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub condition_set_chain: Vec<ConditionSet>,
}

/// A list that may be `null`. Items are objects, and none is made up for a `null`.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let items = Option::<Vec<null::Plain<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(items.into_iter().map(|null::Plain(item)| item).collect())
}

/// The chain of a status; `None` when there is none. An empty one is a chain.
pub(super) fn optional_chain<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<ConditionSet>>, D::Error> {
    let items = Option::<Vec<null::Plain<ConditionSet>>>::deserialize(deserializer)?;
    Ok(items.map(|items| items.into_iter().map(|null::Plain(item)| item).collect()))
}

/// What a spec says of conditions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConditionalAuthorization {
    pub(super) mode: ConditionalMode,
}

impl<'de> Deserialize<'de> for ConditionalAuthorization {
    /// Whatever is no mode understands nothing: a review is not refused for what may yet change.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let word = value.get("mode").and_then(serde_json::Value::as_str).unwrap_or_default();
        Ok(Self { mode: ConditionalMode::from_word(word) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_read_and_written_as_it_stands() {
        // S-COND-2.
        let json = concat!(
            r#"[{"failureMode":"Deny","authorizerName":"a","conditionsType":"k8s.io/cel","#,
            r#""conditions":[{"id":"x","effect":"Allow","condition":"true","description":"d"}]},"#,
            r#"{"authorizerName":"b","conditionSetChain":[{"allowed":true}]}]"#
        );
        let chain: Vec<ConditionSet> = serde_json::from_str(json).unwrap();
        assert_eq!(chain[0].conditions[0].effect, Effect::Allow);
        assert!(chain[1].condition_set_chain[0].allowed);
        assert_eq!(serde_json::to_string(&chain).unwrap(), json);
    }

    #[test]
    fn a_condition_without_an_effect_that_is_known_is_refused() {
        let read = |condition: &str| {
            let json = format!(r#"{{"conditions": [{condition}]}}"#);
            serde_json::from_str::<ConditionSet>(&json).is_ok()
        };
        assert!(read(r#"{"id": "x", "effect": "Deny", "condition": null}"#));
        for bad in [
            r#"{"id": "x", "effect": "Perhaps"}"#,
            r#"{"id": "x"}"#,
            r#"{"effect": "Deny"}"#,
            r#"["x", "Deny", "", ""]"#,
            "null",
        ] {
            assert!(!read(bad), "{bad}");
        }
    }

    #[test]
    fn an_unknown_mode_understands_nothing() {
        // S-COND-1.
        for (word, mode) in [
            ("", ConditionalMode::Unsupported),
            ("HumanReadable", ConditionalMode::HumanReadable),
            ("Optimized", ConditionalMode::Optimized),
            ("optimized", ConditionalMode::Unsupported),
        ] {
            assert_eq!(ConditionalMode::from_word(word), mode);
        }
        for verb in ["create", "update", "patch", "delete", "deletecollection", "connect"] {
            assert_eq!(ConditionalMode::Optimized.for_verb(verb), ConditionalMode::Optimized);
        }
        for verb in ["get", "list", "watch", "", "Create", "escalate"] {
            assert_eq!(ConditionalMode::Optimized.for_verb(verb), ConditionalMode::Unsupported);
        }
    }
}
