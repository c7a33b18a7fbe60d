use std::collections::BTreeSet;
use std::sync::Arc;

use super::Output;
use super::selected::selected;
use crate::cel::check::{About, Wanted, check};
use crate::cel::error::{CompileError, EvaluationError};
use crate::cel::evaluate::{Evaluation, Root};
use crate::cel::parse::parse;
use crate::cel::program::Node;
use crate::model::User;

/// The claims of a token.
type Claims = serde_json::Map<String, serde_json::Value>;

/// What all three have.
#[derive(Debug)]
struct Compiled {
    text: Box<str>,
    node: Node,
    selected: BTreeSet<Box<str>>,
}

impl Compiled {
    fn new(text: &str, about: About, wanted: Wanted) -> Result<Arc<Self>, CompileError> {
        let parsed = parse(text)?;
        let node = check(text, &parsed, about, wanted)?;
        Ok(Arc::new(Self { text: text.into(), node, selected: selected(&parsed) }))
    }

    fn is_true(&self, root: Root<'_>) -> Result<bool, EvaluationError> {
        Ok(Evaluation::new(root).condition(&self.node)?)
    }
}

/// An expression over claims, of any type: where a user name, groups, a uid or an extra value come
/// from (S-ACONF-7).
///
/// ```
/// use portcullis::cel::claims::{Mapping, Output};
///
/// let mapping = Mapping::compile("'oidc:' + claims.sub")?;
/// let token = serde_json::json!({"sub": "jane"});
/// let claims = token.as_object().ok_or("no object")?;
/// assert_eq!(mapping.evaluate(claims)?, Output::String("oidc:jane".to_owned()));
/// let error = mapping.evaluate(&serde_json::Map::new()).unwrap_err();
/// assert_eq!(error.to_string(), "no such key: sub");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mapping(Arc<Compiled>);

/// An expression over claims that is true of every token that is let in (S-ACONF-5).
///
/// ```
/// use portcullis::cel::claims::ClaimRule;
///
/// let rule = ClaimRule::compile("claims.?email_verified.orValue(true) == true")?;
/// let token = serde_json::json!({"sub": "jane", "email_verified": false});
/// assert!(!rule.evaluate(token.as_object().ok_or("no object")?)?);
/// // Nobody knows that this is a truth value (S-OIDC-20).
/// let error = ClaimRule::compile("claims.email_verified").unwrap_err();
/// assert_eq!(error.to_string(), "must evaluate to bool");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClaimRule(Arc<Compiled>);

/// An expression over the user of a token that is true of every user that is let in (S-ACONF-11).
///
/// ```
/// use portcullis::cel::claims::UserRule;
/// use portcullis::model::User;
///
/// let rule = UserRule::compile("user.groups.all(g, !g.startsWith('system:'))")?;
/// assert!(rule.evaluate(&User::new("jane").with_groups(["dev"]))?);
/// assert!(!rule.evaluate(&User::new("jane").with_groups(["system:masters"]))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct UserRule(Arc<Compiled>);

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    ///
    /// [`CompileError`], whose text is what the API server says after `Invalid value: "…": `.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Compiled::new(text, About::Claims, Wanted::Anything).map(Self)
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether the expression selects this claim by its name: `claims.email`, `claims.?email` or
    /// `has(claims.email)`, and nothing else (S-ACONF-9, S-ACONF-10).
    #[must_use]
    pub fn selects(&self, claim: &str) -> bool {
        self.0.selected.contains(claim)
    }

    /// The value for a token with these claims.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of a value.
    pub fn evaluate(&self, claims: &Claims) -> Result<Output, EvaluationError> {
        let mut evaluation = Evaluation::new(Root::Claims(claims));
        Ok(evaluation.converted(&self.0.node, Output::of)?)
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
        Compiled::new(text, About::Claims, Wanted::Rule).map(Self)
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether the expression selects this claim by its name; see [`Mapping::selects`].
    #[must_use]
    pub fn selects(&self, claim: &str) -> bool {
        self.0.selected.contains(claim)
    }

    /// The answer for a token with these claims.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of an answer.
    pub fn evaluate(&self, claims: &Claims) -> Result<bool, EvaluationError> {
        self.0.is_true(Root::Claims(claims))
    }
}

impl UserRule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    ///
    /// As [`ClaimRule::compile`].
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Compiled::new(text, About::User, Wanted::Rule).map(Self)
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The answer for a user.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of an answer.
    pub fn evaluate(&self, user: &User) -> Result<bool, EvaluationError> {
        self.0.is_true(Root::User(user))
    }
}
