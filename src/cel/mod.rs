//! CEL expressions over an access review: match conditions of webhooks (S-ACFG-11 to 16).

mod condition;
mod error;

pub use condition::{MatchConditions, Matched};
pub use error::{CompileError, EvaluationError};

use crate::model::Request;

/// A compiled expression over an access review.
#[derive(Debug, Clone)]
pub struct Expression {
    text: std::sync::Arc<str>,
}

impl Expression {
    /// Reads and checks an expression.
    ///
    /// # Errors
    ///
    /// [`CompileError`], whose text is what the API server says after `Invalid value: "…": `.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Ok(Self { text: text.into() })
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer for one request.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of an answer.
    pub fn evaluate(&self, _request: &Request<'_>) -> Result<bool, EvaluationError> {
        Err(EvaluationError::new("not evaluated"))
    }
}
