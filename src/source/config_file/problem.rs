use std::fmt;

use crate::model::Origin;

/// One thing that is wrong with a configuration or with what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The line of the configuration file.
    pub origin: Origin,
    /// The path of the field, such as `authenticators[0].tokenFile.file`; empty when it is none.
    pub field: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        origin: Origin,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { origin, field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, field, message } = self;
        match field.as_str() {
            "" => write!(f, "{origin}: {message}"),
            field => write!(f, "{origin}: `{field}`: {message}"),
        }
    }
}

/// Why a configuration does not serve: everything that is wrong, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Sorted by place; what has no place comes first.
    pub(crate) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| {
            (&a.origin.source, a.origin.line).cmp(&(&b.origin.source, b.origin.line))
        });
        Self { problems }
    }

    /// Everything that is wrong; at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.problems.first() {
            first.fmt(f)?;
        }
        match self.problems.len().saturating_sub(1) {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl std::error::Error for ConfigError {}
