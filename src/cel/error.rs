/// Why an expression cannot be used. Its text is what the API server says behind
/// `Invalid value: "<expression>": ` (S-ACFG-5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// It does not parse, names something that does not exist, or puts types together that do not
    /// fit; the lines of `cel-go`, one for each problem.
    #[error("compilation failed: {0}")]
    Issues(String),
    /// It is well-formed, and not a condition (S-ACFG-13).
    #[error("must evaluate to bool but got {0}")]
    NotBool(String),
    /// It is well-formed, and no rule over claims or a user (S-ACONF-5): the same refusal in the
    /// words of an AuthenticationConfiguration.
    #[error("must evaluate to bool")]
    RuleNotBool,
    /// It is well-formed for the API server, and uses something that Portcullis cannot answer
    /// exactly as the API server does.
    #[error("uses {0}, which this program does not evaluate")]
    Unsupported(String),
    /// It is longer or deeper than anybody would write; the API server may take it.
    #[error("too large: {0}")]
    TooLarge(String),
}

/// Why an expression has no answer for a request: the `<msg>` of S-ACFG-16.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(Box<str>);

impl EvaluationError {
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}
