use std::fmt;

use crate::model::Origin;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The line of the file.
    pub origin: Origin,
    /// The path of the field in the file, such as `authorizers[0].webhook.timeout`; empty when it is
    /// none. The API server leaves `.webhook` out in its own messages.
    pub field: String,
    /// The message of the API server, or ours where it has none.
    pub message: String,
}

impl Problem {
    pub(super) fn new(
        origin: Origin,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { origin, field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// Why the API server would not start with a file.
///
/// Shown as the API server logs it: one text of all that is wrong (S-FMT-1). [`Self::problems`] has
/// the single ones, with their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationError {
    text: String,
    problems: Vec<Problem>,
}

impl ConfigurationError {
    /// At least one problem.
    pub(super) fn new(text: String, problems: Vec<Problem>) -> Self {
        Self { text, problems }
    }

    /// A file that cannot be decoded (S-ACFG-1).
    pub(super) fn load(text: &str, problems: Vec<Problem>) -> Self {
        Self::new(format!("failed to load AuthorizationConfiguration from file: {text}"), problems)
    }

    /// Everything that is wrong, in the order of the API server; at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigurationError {}
