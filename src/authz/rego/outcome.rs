use std::time::Duration;

use regorus::Value;

use super::values::{string, to_json};
use crate::model::Decision;

/// What a policy said about a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// What follows: deny before allow, and no opinion when neither holds. When the evaluation failed, what
    /// [`OnError`](super::OnError) says.
    pub decision: Decision,
    /// Whether an `allow` rule held.
    pub allow: bool,
    /// Whether a `deny` rule held.
    pub deny: bool,
    /// What `reason` said; without it, the messages of the rule that decided. At most 16 of at most 1,024
    /// bytes each.
    pub reasons: Vec<String>,
    /// What `obligations` said, for whoever enforces them: sets as arrays. Asked for when `allow` or `deny`
    /// held.
    pub obligations: Option<serde_json::Value>,
    /// Why there is less than that.
    pub failure: Option<Failure>,
}

impl Outcome {
    pub(super) const fn silent() -> Self {
        Self {
            decision: Decision::NoOpinion,
            allow: false,
            deny: false,
            reasons: Vec::new(),
            obligations: None,
            failure: None,
        }
    }

    pub(super) fn failed(decision: Decision, failure: Failure) -> Self {
        Self { decision, failure: Some(failure), ..Self::silent() }
    }
}

/// Why an evaluation did not end with an answer. It tells nothing of the request, nor of what the engine
/// had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It took too long.
    #[error("did not finish within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// It used up its instructions, or a value became too large.
    #[error("went beyond its limits of instructions or sizes")]
    Limit,
    /// The engine failed by itself.
    #[error("failed inside the engine")]
    Panic,
    /// The policy contradicts itself or calls what does not exist.
    #[error("failed while it was evaluated")]
    Error,
}

/// The most messages that are kept, and the most bytes of one.
const MOST_MESSAGES: usize = 16;
const LONGEST_MESSAGE: usize = 1_024;

/// How deep obligations may be, and how many bytes and parts they may have.
const DEEPEST_OBLIGATION: usize = 16;
const LARGEST_OBLIGATION: usize = 64 * 1_024;

/// What the value of an entry point means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holds {
    No,
    Yes,
    /// Neither a boolean nor messages.
    Unclear,
}

/// Whether a value of `allow` or `deny` holds: `true`, or messages.
pub(super) fn holds(value: &Value) -> Holds {
    let is_any = match value {
        Value::Undefined | Value::Null => false,
        Value::Bool(is) => *is,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Set(items) => !items.is_empty(),
        Value::Object(fields) => {
            fields.iter().any(|(_, value)| !matches!(value, Value::Bool(false) | Value::Null))
        }
        Value::Number(_) => return Holds::Unclear,
    };
    if is_any { Holds::Yes } else { Holds::No }
}

/// Whether a value of `allow` holds: as [`holds`], unless something in it says no. `{"allowed": false}` is
/// what other authorizers call an answer; taken for a message it would be a yes.
pub(super) fn grants(value: &Value) -> bool {
    let is_no = |value: &Value| matches!(value, Value::Bool(false) | Value::Null);
    let says_no = match value {
        Value::Array(items) => items.iter().any(is_no),
        Value::Set(items) => items.iter().any(is_no),
        Value::Object(fields) => {
            fields.iter().any(|(_, value)| is_no(value))
                || !fields.iter().any(|(_, value)| *value == Value::Bool(true))
        }
        _ => false,
    };
    !says_no && holds(value) == Holds::Yes
}

/// The texts in a value of `reason`, `allow` or `deny`.
pub(super) fn messages(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(message).take(MOST_MESSAGES).collect(),
        Value::Set(items) => items.iter_sorted().filter_map(message).take(MOST_MESSAGES).collect(),
        Value::Object(fields) => {
            let keys = fields.iter_sorted().map(|(key, _)| key);
            keys.filter_map(message).take(MOST_MESSAGES).collect()
        }
        value => message(value).into_iter().collect(),
    }
}

/// A text, or an object that has one in `msg` or `message`, as policies for admission write it.
fn message(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Object(fields) => {
            let keys = ["msg", "message"].into_iter();
            let mut texts = keys.filter_map(|key| fields.get(&string(key))?.as_string().ok());
            texts.next()?
        }
        _ => return None,
    };
    let end = (0..=LONGEST_MESSAGE.min(text.len())).rfind(|end| text.is_char_boundary(*end))?;
    text.get(..end).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A value of `obligations`; `None` when it is too large to be told.
pub(super) fn obligations(value: &Value) -> Option<serde_json::Value> {
    to_json(value, DEEPEST_OBLIGATION, &mut LARGEST_OBLIGATION.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json_str(json).unwrap()
    }

    #[test]
    fn true_and_messages_hold_and_their_empty_twins_do_not() {
        for (yes, no) in [
            ("true", "false"),
            (r#""text""#, r#""""#),
            (r#"["text"]"#, "[]"),
            (r#"{"text": true}"#, "{}"),
            (r#"{"text": {}}"#, r#"{"text": false}"#),
        ] {
            assert_eq!(holds(&value(yes)), Holds::Yes, "{yes}");
            assert_eq!(holds(&value(no)), Holds::No, "{no}");
        }
        assert_eq!(holds(&Value::Undefined), Holds::No);
        assert_eq!(holds(&value("1")), Holds::Unclear);
    }

    #[test]
    fn what_says_no_somewhere_does_not_grant_and_its_twin_does() {
        for (yes, no) in [
            ("true", "1"),
            (r#""text""#, r#""""#),
            (r#"["text"]"#, r#"[false, "text"]"#),
            (r#"{"text": true}"#, r#"{"text": "because"}"#),
            (
                r#"{"allowed": true, "headers": {}}"#,
                r#"{"allowed": false, "headers": {}, "x": true}"#,
            ),
            (r#"[true]"#, "[null]"),
        ] {
            assert!(grants(&value(yes)), "{yes}");
            assert!(!grants(&value(no)), "{no}");
        }
        let set = |is: bool| Value::from(std::collections::BTreeSet::from([Value::Bool(is)]));
        assert!(grants(&set(true)) && !grants(&set(false)));
    }

    #[test]
    fn messages_are_texts_keys_and_the_field_msg() {
        assert_eq!(messages(&value(r#"["b", {"msg": "a"}, 1, ""]"#)), ["b", "a"]);
        assert_eq!(messages(&value(r#"{"b": true, "a": true}"#)), ["a", "b"]);
        assert!(messages(&value("true")).is_empty());
    }

    #[test]
    fn messages_are_short_and_few() {
        let long = Value::from("ä".repeat(LONGEST_MESSAGE));
        assert_eq!(messages(&long)[0].len(), LONGEST_MESSAGE);
        let many = Value::from((0..99).map(|n| Value::from(format!("{n}"))).collect::<Vec<_>>());
        assert_eq!(messages(&many).len(), MOST_MESSAGES);
    }
}
