use std::fmt;

use serde_json::{Map, Value};

/// The type of a JSON value, by the name that Go's decoder has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimType {
    /// `[…]`.
    Array,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
    /// A number.
    Number,
    /// `{…}`.
    Object,
    /// A string.
    String,
}

impl ClaimType {
    /// The type of a value.
    #[must_use]
    pub const fn of(value: &Value) -> Self {
        match value {
            Value::Array(_) => Self::Array,
            Value::Bool(_) => Self::Bool,
            Value::Null => Self::Null,
            Value::Number(_) => Self::Number,
            Value::Object(_) => Self::Object,
            Value::String(_) => Self::String,
        }
    }
}

impl fmt::Display for ClaimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Array => "array",
            Self::Bool => "bool",
            Self::Null => "null",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        })
    }
}

/// Why a claim cannot be read. The texts are Go's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The token does not have it.
    #[error("claim not present")]
    Absent,
    /// It is of another type.
    #[error("json: cannot unmarshal {found} into Go value of type {expected}")]
    Type {
        /// What it is.
        found: ClaimType,
        /// What it must be, in Go's name.
        expected: &'static str,
    },
}

/// The claims of a token, read as Go reads them: `null` is the empty value.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Claims<'a> {
    pub(super) fn get(self, claim: &str) -> Option<&'a Value> {
        self.0.get(claim)
    }

    pub(super) fn has(self, claim: &str) -> bool {
        self.0.contains_key(claim)
    }

    /// A string that must be there.
    pub(super) fn text(self, claim: &str) -> Result<&'a str, ClaimError> {
        text(self.get(claim).ok_or(ClaimError::Absent)?)
    }

    /// A truth value that must be there.
    pub(super) fn flag(self, claim: &str) -> Result<bool, ClaimError> {
        match self.get(claim).ok_or(ClaimError::Absent)? {
            Value::Bool(flag) => Ok(*flag),
            Value::Null => Ok(false),
            other => Err(ClaimError::Type { found: ClaimType::of(other), expected: "bool" }),
        }
    }

    /// A string or a list of strings; none when it is missing (S-OIDC-12).
    pub(super) fn texts(self, claim: &str) -> Result<Vec<&'a str>, ClaimError> {
        match self.get(claim) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(text)
                .collect::<Result<_, _>>()
                // What is no list of strings is told as what is no string.
                .map_err(|_| ClaimError::Type { found: ClaimType::Array, expected: "string" }),
            Some(other) => Ok(vec![text(other)?]),
        }
    }
}

fn text(value: &Value) -> Result<&str, ClaimError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(""),
        other => Err(ClaimError::Type { found: ClaimType::of(other), expected: "string" }),
    }
}
