//! What is wrong with an AuthenticationConfiguration, or with the flags in its place?
//!
//! Only what kube-apiserver refuses, in its own words.

use super::{Finding, Level};
use crate::source::authentication_config::{AuthenticationConfigError, Problem};

/// What is wrong with a file or flags that the API server refuses.
///
/// ```
/// use portcullis::query;
/// use portcullis::source::authentication_config;
///
/// let error = authentication_config::parse("authn.yaml", b"").unwrap_err();
/// let findings = query::authentication_errors(&error);
/// assert_eq!(findings[0].code, "authentication-config");
/// assert_eq!(findings[0].message, "empty config data");
/// ```
#[must_use]
pub fn authentication_errors(error: &AuthenticationConfigError) -> Vec<Finding> {
    let finding = |problem: &Problem| {
        let Problem { origin, field, message, .. } = problem;
        // Most messages begin with the field, or quote it.
        let object = match field.is_empty() || message.contains(field.as_str()) {
            true => String::new(),
            false => format!("`{field}`"),
        };
        Finding {
            level: Level::Error,
            code: "authentication-config",
            object,
            origin: origin.clone(),
            message: message.clone(),
            advice: String::new(),
        }
    };
    error.problems().iter().map(finding).collect()
}
