use std::fmt;

use crate::model::Origin;
use crate::util::aggregate::aggregate;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The line of the file.
    pub origin: Origin,
    /// The path of the field in the file, such as `authorizers[0].webhook.timeout` or
    /// `jwt[0].issuer.url`; empty when it is none. The API server leaves `.webhook` out in its own
    /// messages.
    pub field: String,
    /// The message of the API server, or ours where it has none.
    pub message: String,
}

impl Problem {
    pub(in crate::source) fn new(
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

/// Why the API server would not start with a file or with flags.
///
/// Shown as the API server logs it: one text of all that is wrong (S-FMT-1). [`Self::problems`] has
/// the single ones, with their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationError {
    text: String,
    problems: Vec<Problem>,
}

impl ConfigurationError {
    /// What stands before the joined text of all problems; at least one.
    pub(in crate::source) fn joined(before: &str, problems: Vec<Problem>) -> Self {
        let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        let text = format!("{before}{}", aggregate(&messages).unwrap_or_default());
        Self { text, problems }
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

/// Why a file cannot be decoded: what the decoder tells, and every single mistake.
#[derive(Debug)]
pub(in crate::source) struct Undecodable {
    pub(super) text: String,
    pub(super) problems: Vec<Problem>,
}

impl Undecodable {
    /// The same as what a loader says, which puts its own words before.
    pub(in crate::source) fn told(self, before: &str) -> ConfigurationError {
        ConfigurationError { text: format!("{before}{}", self.text), problems: self.problems }
    }
}

impl From<Problem> for Undecodable {
    fn from(problem: Problem) -> Self {
        Self { text: problem.message.clone(), problems: vec![problem] }
    }
}
