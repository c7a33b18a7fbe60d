use std::sync::Arc;

use crate::api::abac::StatementError;

/// Why a policy file cannot be loaded. The first mistake ends the load, and nothing of the file
/// applies (S-ABAC-6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A line cannot be read. The text is that of the API server to the letter, cause included.
    #[error("error reading policy file {path}, line {line}: {text}: {cause}")]
    Line {
        /// The file.
        path: Arc<str>,
        /// The line, counted from 1.
        line: u32,
        /// The line as written.
        text: String,
        /// What is wrong with it.
        cause: StatementError,
    },
    /// A line has more than 65,535 bytes (S-ABAC-2).
    #[error("error reading policy file {path}: bufio.Scanner: token too long")]
    LineTooLong {
        /// The file.
        path: Arc<str>,
        /// The line, counted from 1.
        line: u32,
    },
    /// There are more than a thousand million lines.
    #[error("error reading policy file {path}: too many lines")]
    TooManyLines {
        /// The file.
        path: Arc<str>,
    },
}
