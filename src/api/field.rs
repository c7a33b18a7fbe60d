//! Which field of an object is wrong, and how: validation errors as values.
//!
//! Their texts are those of the API server, to the letter (S-FMT-1 … S-FMT-5).
//!
//! ```
//! use portcullis::api::field::{FieldError, FieldErrors};
//!
//! let errors = FieldErrors::from(vec![
//!     FieldError::invalid("spec.user", "", "at least one of user or group must be specified"),
//!     FieldError::required("rules[0].verbs", "verbs must contain at least one value"),
//! ]);
//! assert_eq!(
//!     errors.to_string(),
//!     "[spec.user: Invalid value: \"\": at least one of user or group must be specified, \
//!      rules[0].verbs: Required value: verbs must contain at least one value]"
//! );
//! ```

use std::fmt;

use serde::Serialize;

use crate::util::aggregate::aggregate;
use crate::util::goquote::Quoted;

/// What is wrong with a field (S-FMT-2). Alphabetical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// Given twice where once is the limit.
    Duplicate,
    /// Must not be given here.
    Forbidden,
    /// The validation itself failed.
    Internal,
    /// Given, but wrong.
    Invalid,
    /// Refers to something that does not exist.
    NotFound,
    /// Must be given.
    Required,
    /// Longer than the limit.
    TooLong,
    /// More items than the limit.
    TooMany,
    /// Not one of the values that may stand here.
    Unsupported,
}

impl FieldErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::Internal => "Internal error",
            Self::Invalid => "Invalid value",
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Unsupported => "Unsupported value",
        }
    }
}

/// The value that is wrong, as errors show it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadValue {
    /// A string, shown in quotes.
    Text(String),
    /// Anything else, as JSON.
    Json(String),
}

impl BadValue {
    /// The JSON of a value, escaped as Go escapes it.
    ///
    /// ```
    /// use portcullis::api::field::BadValue;
    ///
    /// assert_eq!(BadValue::json(&["a&b"]), BadValue::Json(r#"["a\u0026b"]"#.to_owned()));
    /// ```
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        // Only a map with keys that are no strings can fail; no wire type has one.
        Self::Json(serde_json::to_string(value).map_or_else(|_| "null".to_owned(), go_escaped))
    }
}

impl From<&str> for BadValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Json(json) => f.write_str(json),
        }
    }
}

/// Go's encoder also escapes what would be special in HTML and JavaScript. These characters stand
/// nowhere in JSON but in strings.
fn go_escaped(json: String) -> String {
    const SPECIAL: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !json.contains(SPECIAL) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if SPECIAL.contains(&character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The way to the field, such as `spec.groups[0]`.
    pub path: String,
    /// What is wrong with it.
    pub kind: FieldErrorKind,
    /// Its value; absent for [`FieldErrorKind::Required`] and [`FieldErrorKind::Forbidden`].
    pub bad_value: Option<BadValue>,
    /// What would be right; may be empty.
    pub detail: String,
}

impl FieldError {
    /// A value that is given, but wrong.
    #[must_use]
    pub fn invalid(
        path: impl Into<String>,
        value: impl Into<BadValue>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            kind: FieldErrorKind::Invalid,
            bad_value: Some(value.into()),
            detail: detail.into(),
        }
    }

    /// A value that must be given.
    #[must_use]
    pub fn required(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind: FieldErrorKind::Required,
            bad_value: None,
            detail: detail.into(),
        }
    }

    /// A value that must not be given.
    #[must_use]
    pub fn forbidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind: FieldErrorKind::Forbidden,
            bad_value: None,
            detail: detail.into(),
        }
    }

    /// A value that is none of the supported ones (S-FMT-3).
    ///
    /// ```
    /// use portcullis::api::field::FieldError;
    ///
    /// let error = FieldError::unsupported("roleRef.kind", "Group", &["Role", "ClusterRole"]);
    /// assert_eq!(
    ///     error.to_string(),
    ///     r#"roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole""#
    /// );
    /// ```
    #[must_use]
    pub fn unsupported(
        path: impl Into<String>,
        value: impl Into<BadValue>,
        supported: &[&str],
    ) -> Self {
        let quoted: Vec<String> = supported.iter().map(|one| Quoted(one).to_string()).collect();
        Self {
            path: path.into(),
            kind: FieldErrorKind::Unsupported,
            bad_value: Some(value.into()),
            detail: format!("supported values: {}", quoted.join(", ")),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind.text())?;
        if let Some(value) = &self.bad_value {
            write!(f, ": {value}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldError {}

/// Every field of an object that is wrong, in the order in which the API server lists them; shown
/// as it joins them (S-FMT-1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    ///
    /// Itself, when anything is.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The message of the answer 422 (S-FMT-4).
    ///
    /// ```
    /// use portcullis::api::field::{FieldError, FieldErrors};
    ///
    /// let errors = FieldErrors::from(vec![FieldError::required("roleRef.name", "")]);
    /// assert_eq!(
    ///     errors.message("RoleBinding", "rbac.authorization.k8s.io", "b"),
    ///     "RoleBinding.rbac.authorization.k8s.io \"b\" is invalid: roleRef.name: Required value"
    /// );
    /// ```
    #[must_use]
    pub fn message(&self, kind: &str, group: &str, name: &str) -> String {
        let dot = if group.is_empty() { "" } else { "." };
        format!("{kind}{dot}{group} {} is invalid: {self}", Quoted(name))
    }
}

impl From<Vec<FieldError>> for FieldErrors {
    fn from(errors: Vec<FieldError>) -> Self {
        Self(errors)
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&aggregate(&texts).unwrap_or_default())
    }
}

impl std::error::Error for FieldErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_value_and_detail_is_path_and_kind() {
        assert_eq!(FieldError::required("a.b", "").to_string(), "a.b: Required value");
        assert_eq!(FieldError::forbidden("a", "no").to_string(), "a: Forbidden: no");
    }

    #[test]
    fn values_are_quoted_when_strings_and_json_otherwise() {
        let list = FieldError::invalid("p", BadValue::json(&["/x", "<y>"]), "d");
        assert_eq!(list.to_string(), r#"p: Invalid value: ["/x","\u003cy\u003e"]: d"#);
        assert_eq!(FieldError::invalid("p", "a\"b", "").to_string(), r#"p: Invalid value: "a\"b""#);
    }

    #[test]
    fn the_message_of_a_review_begins_with_a_dot_because_its_kind_is_blank() {
        let errors = FieldErrors::from(vec![FieldError::required("x", "")]);
        assert_eq!(
            errors.message("", "authorization.k8s.io", ""),
            ".authorization.k8s.io \"\" is invalid: x: Required value"
        );
        assert_eq!(errors.message("Pod", "", "p"), "Pod \"p\" is invalid: x: Required value");
    }
}
