use std::io;

use crate::model::Origin;

/// Why a revocation file is not read or written. Whoever follows it keeps the last good list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationFileError {
    /// It cannot be opened or read.
    #[error(
        "`{path}`: the revocation list cannot be read; check the path and your permission to read it"
    )]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It cannot be written.
    #[error(
        "`{path}`: the revocation list cannot be written, and nothing was added; check the path, the \
         disk and your permission to write it"
    )]
    Write {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It does not begin as a revocation list does.
    #[error(
        "{origin}: not a revocation list; its first line must be {header} and end with a line feed",
        header = super::line::HEADER
    )]
    Header {
        /// Its first line.
        origin: Origin,
    },
    /// A line says something that nobody understands.
    #[error("{origin}: {error}; correct the line or remove it")]
    Line {
        /// Where.
        origin: Origin,
        /// What is wrong.
        error: LineError,
    },
    /// The last line has had no end for a while.
    #[error("{origin}: the line does not end, so it does not count; end it with a line feed")]
    Unfinished {
        /// Where.
        origin: Origin,
    },
    /// The file that was read before has lost or changed lines.
    #[error(
        "`{path}`: was shortened or changed in place, but entries are only ever appended; what it said \
         before still counts, and what it says now as well. To take entries back, write a whole new \
         list beside it and rename that over it"
    )]
    ChangedInPlace {
        /// The file.
        path: String,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is no JSON object, or has a field that no entry has, or one of the wrong type.
    #[error("not an entry of a revocation list: {0}")]
    Json(String),
    /// Nobody knows this kind.
    #[error(
        "kind `{0}` does not exist; use `Certificate`, `Serial`, `Token`, `User`, `Group` or `Issued`"
    )]
    Kind(String),
    /// A field that an entry of this kind needs.
    #[error("an entry of kind `{kind}` needs `{field}`")]
    Missing {
        /// The kind.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field that an entry of this kind does not have.
    #[error("an entry of kind `{kind}` has no `{field}`; remove it")]
    Surplus {
        /// The kind.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A value that cannot be read.
    #[error("`{field}` must be {expected}, but is `{found}`")]
    Value {
        /// The field.
        field: &'static str,
        /// What is expected.
        expected: &'static str,
        /// What is there, as far as it is shown.
        found: String,
    },
    /// It is longer than any entry.
    #[error("longer than {0} bytes, which no entry is")]
    TooLong(usize),
}
