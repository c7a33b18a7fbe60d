use std::sync::Arc;

use super::Output;
use crate::cel::error::{CompileError, EvaluationError};
use crate::model::User;

/// The claims of a token.
type Claims = serde_json::Map<String, serde_json::Value>;

/// An expression over claims, of any type: where a user name, groups, a uid or an extra value come
/// from (S-ACONF-7).
#[derive(Debug, Clone)]
pub struct Mapping {
    text: Arc<str>,
}

/// An expression over claims that is true of every token that is let in (S-ACONF-5).
#[derive(Debug, Clone)]
pub struct ClaimRule {
    text: Arc<str>,
}

/// An expression over the user of a token that is true of every user that is let in (S-ACONF-11).
#[derive(Debug, Clone)]
pub struct UserRule {
    text: Arc<str>,
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    ///
    /// [`CompileError`], whose text is what the API server says after `Invalid value: "…": `.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        let _ = text;
        Err(CompileError::Unsupported("claims".to_owned()))
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the expression selects this claim by its name: `claims.email`, `claims.?email` or
    /// `has(claims.email)`, and nothing else (S-ACONF-9, S-ACONF-10).
    #[must_use]
    pub fn selects(&self, claim: &str) -> bool {
        let _ = claim;
        false
    }

    /// The value for a token with these claims.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of a value.
    pub fn evaluate(&self, claims: &Claims) -> Result<Output, EvaluationError> {
        let _ = claims;
        Err(EvaluationError::new("no such overload"))
    }
}

impl ClaimRule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    ///
    /// As [`Mapping::compile`], and [`CompileError::RuleNotBool`] of what is not known to be a truth
    /// value, as a bare claim (S-OIDC-20).
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        let _ = text;
        Err(CompileError::Unsupported("claims".to_owned()))
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the expression selects this claim by its name; see [`Mapping::selects`].
    #[must_use]
    pub fn selects(&self, claim: &str) -> bool {
        let _ = claim;
        false
    }

    /// The answer for a token with these claims.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of an answer.
    pub fn evaluate(&self, claims: &Claims) -> Result<bool, EvaluationError> {
        let _ = claims;
        Err(EvaluationError::new("no such overload"))
    }
}

impl UserRule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    ///
    /// As [`ClaimRule::compile`].
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        let _ = text;
        Err(CompileError::Unsupported("user".to_owned()))
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer for a user.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of an answer.
    pub fn evaluate(&self, user: &User) -> Result<bool, EvaluationError> {
        let _ = user;
        Err(EvaluationError::new("no such overload"))
    }
}
