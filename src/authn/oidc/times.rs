use std::fmt;

use serde_json::{Number, Value};

use crate::authn::UnixSeconds;
use crate::model::Moment;
use crate::util::goquote::Quoted;

/// A time as Go prints one in UTC: `2026-11-26 08:00:00 +0000 UTC`; none is the first second of year 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoTime(pub Option<UnixSeconds>);

/// The first second of year 1, which is Go's zero.
const ZERO: UnixSeconds = -62_135_596_800;

impl fmt::Display for GoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Moment::from_seconds(self.0.unwrap_or(ZERO)).to_string();
        match text.strip_suffix('Z').and_then(|text| text.split_once('T')) {
            Some((day, time)) => write!(f, "{day} {time} +0000 UTC"),
            None => f.write_str(&text),
        }
    }
}

/// Why a claim is no time. The texts are Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotATime {
    /// Neither a number nor a string.
    #[error("json: cannot unmarshal {0} into Go value of type json.Number")]
    Type(super::ClaimType),
    /// A string that no number is in.
    #[error("json: invalid number literal, trying to unmarshal {} into Number", Quoted(&Quoted(.0).to_string()))]
    Literal(String),
    /// `null`.
    #[error("strconv.ParseFloat: parsing \"\": invalid syntax")]
    Null,
    /// Too large for whole seconds in 64 bits.
    #[error("strconv.ParseInt: value out of range")]
    Range,
}

/// A time in seconds: a number or a string with one, the fraction dropped (S-OIDC-7).
pub(super) fn seconds(value: &Value) -> Result<UnixSeconds, NotATime> {
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => number(text).ok_or_else(|| NotATime::Literal(text.clone()))?,
        Value::Null => return Err(NotATime::Null),
        other => return Err(NotATime::Type(super::ClaimType::of(other))),
    };
    if let Some(seconds) = number.as_i64() {
        return Ok(seconds);
    }
    // Through text, since there is no other checked way from a float to an integer.
    let whole = number.as_f64().map(|seconds| format!("{:.0}", seconds.trunc()));
    whole.and_then(|text| text.parse().ok()).ok_or(NotATime::Range)
}

/// Exactly one JSON number, and nothing around it.
fn number(text: &str) -> Option<Number> {
    let is_bare = text.bytes().all(|byte| !byte.is_ascii_whitespace());
    serde_json::from_str(text).ok().filter(|_| is_bare)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_a_number_a_fraction_or_a_string_of_either() {
        for (value, expected) in [
            (json!(12), 12),
            (json!(12.9), 12),
            (json!(-0.5), 0),
            (json!(1.7e9), 1_700_000_000),
            (json!("12"), 12),
            (json!("12.9"), 12),
            (json!("1.7e9"), 1_700_000_000),
            (json!(i64::MAX), i64::MAX),
        ] {
            assert_eq!(seconds(&value), Ok(expected), "{value}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for (value, text) in [
            (json!(true), "json: cannot unmarshal bool into Go value of type json.Number"),
            (json!([1]), "json: cannot unmarshal array into Go value of type json.Number"),
            (
                json!("soon"),
                r#"json: invalid number literal, trying to unmarshal "\"soon\"" into Number"#,
            ),
            (
                json!(" 1"),
                r#"json: invalid number literal, trying to unmarshal "\" 1\"" into Number"#,
            ),
            (
                json!("+1"),
                r#"json: invalid number literal, trying to unmarshal "\"+1\"" into Number"#,
            ),
            (json!(""), r#"json: invalid number literal, trying to unmarshal "\"\"" into Number"#),
            (json!(null), r#"strconv.ParseFloat: parsing "": invalid syntax"#),
            (json!(1e300), "strconv.ParseInt: value out of range"),
            (json!(u64::MAX), "strconv.ParseInt: value out of range"),
        ] {
            assert_eq!(seconds(&value).unwrap_err().to_string(), text, "{value}");
        }
    }

    #[test]
    fn times_are_told_as_go_tells_them() {
        assert_eq!(GoTime(Some(1_795_680_000)).to_string(), "2026-11-26 08:00:00 +0000 UTC");
        assert_eq!(GoTime(None).to_string(), "0001-01-01 00:00:00 +0000 UTC");
    }
}
