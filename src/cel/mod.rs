//! CEL expressions over an access review: match conditions of webhooks (S-ACFG-11 to 16).

mod budget;
mod check;
mod condition;
mod error;
mod evaluate;
mod fields;
mod function;
mod guard;
mod issue;
mod library;
mod parse;
mod pattern;
mod program;
mod syntax;
mod types;
mod value;

use std::sync::Arc;

use evaluate::Evaluation;
use program::Node;

pub use condition::{MatchConditions, Matched};
pub use error::{CompileError, EvaluationError};

use crate::model::Request;

/// A compiled expression over an access review.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Arc<str>,
    node: Arc<Node>,
}

impl Expression {
    /// Reads and checks an expression.
    ///
    /// # Errors
    ///
    /// [`CompileError`], whose text is what the API server says after `Invalid value: "…": `.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        let parsed = parse::parse(text)?;
        let node = check::check(text, &parsed)?;
        Ok(Self { text: text.into(), node: Arc::new(node) })
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
    pub fn evaluate(&self, request: &Request<'_>) -> Result<bool, EvaluationError> {
        Ok(Evaluation::new(request).condition(&self.node)?)
    }
}

#[cfg(test)]
mod tests;
