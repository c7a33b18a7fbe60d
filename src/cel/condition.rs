use super::Expression;
use crate::model::Request;

/// The match conditions of a webhook, in order.
///
/// ```
/// use portcullis::cel::{Expression, MatchConditions, Matched};
/// use portcullis::model::{Request, ResourceAttributes, User};
///
/// let conditions = MatchConditions::new(vec![
///     Expression::compile("request.resourceAttributes.namespace == 'prod'")?,
///     Expression::compile("!('system:masters' in request.groups)")?,
/// ]);
/// let jane = User::new("jane");
/// let pods = ResourceAttributes::new("get", "pods");
/// assert_eq!(conditions.matches(&Request::resource(&jane, pods.in_namespace("prod"))), Matched::Yes);
/// assert_eq!(conditions.matches(&Request::resource(&jane, pods)), Matched::No);
/// // The first has no answer about a path, and the second is not false.
/// let path = Request::non_resource(&jane, "get", "/");
/// assert!(matches!(conditions.matches(&path), Matched::Failed(_)));
/// # Ok::<(), portcullis::cel::CompileError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MatchConditions(Vec<Expression>);

/// Whether a request is for the webhook (S-ACFG-16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched {
    /// All conditions are true, or there are none: the webhook is asked.
    Yes,
    /// A condition is false: the webhook is skipped without an error, whatever else failed.
    No,
    /// No condition is false and some have no answer: what each of these says.
    Failed(Vec<String>),
}

impl MatchConditions {
    /// Conditions in the order in which they are asked.
    #[must_use]
    pub const fn new(expressions: Vec<Expression>) -> Self {
        Self(expressions)
    }

    /// The conditions.
    #[must_use]
    pub fn expressions(&self) -> &[Expression] {
        &self.0
    }

    /// Whether there are none: every request matches.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks the conditions about a request.
    #[must_use]
    pub fn matches(&self, request: &Request<'_>) -> Matched {
        let mut failed = Vec::new();
        for expression in &self.0 {
            match expression.evaluate(request) {
                Ok(true) => {}
                Ok(false) => return Matched::No,
                Err(error) => failed.push(format!(
                    "cel evaluation error: expression '{}' resulted in error: {error}",
                    expression.text()
                )),
            }
        }
        if failed.is_empty() { Matched::Yes } else { Matched::Failed(failed) }
    }
}
