use super::super::{Reserved, UnixSeconds};
use super::hashed::FIRST_LINE;
use crate::util::csv::CsvError;

/// Why a file of tokens cannot be loaded. Never carries a token or a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// No CSV; the text is that of the API server, which names no file (S-TOKF-2).
    #[error("{error}")]
    Csv {
        /// The file.
        path: String,
        /// What is wrong, and where.
        error: CsvError,
    },
    /// Too few columns; the text is that of the API server (S-TOKF-2).
    #[error(
        "token file '{path}' must have at least 3 columns (token, user name, user uid), found {found}"
    )]
    Columns {
        /// The file.
        path: String,
        /// How many there are.
        found: usize,
    },
    /// Names that Kubernetes keeps for itself, in the API server's form.
    #[error(
        "token file '{path}', record number '{record}': the {reserved} is reserved for Kubernetes; \
         take another, or allow reserved names for this file"
    )]
    Reserved {
        /// The file.
        path: String,
        /// The record, counted from 1.
        record: usize,
        /// The name.
        reserved: Reserved,
    },
    /// Not the hashed form.
    #[error(
        "`{path}` does not begin with the line `{FIRST_LINE}`; make such a file with \
         `portcullis token new` or, from the API server's CSV, with `portcullis token hash`"
    )]
    NotHashed {
        /// The file.
        path: String,
    },
    /// Other columns than those of the hashed form.
    /// What stands there is not shown: where the line was forgotten, it is a row.
    #[error(
        "{path}:2: this line must be `{expected}`: these columns, in this order, and no others"
    )]
    Header {
        /// The file.
        path: String,
        /// The columns of the form.
        expected: String,
    },
    /// A row of the hashed form that cannot be used.
    #[error("{path}:{line}: {problem}")]
    Row {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: RowProblem,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers; nothing can be kept secret")]
    NoRandomness,
}

/// What is wrong with a row of the hashed form, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// A quote out of place.
    #[error("{0}")]
    Csv(CsvError),
    /// Too few or too many fields.
    #[error("a row has 7 fields, this one has {0}; write fields with commas in quotes")]
    Fields(usize),
    /// The id is empty, long, or holds other characters.
    #[error(
        "`id` must be 1 to 32 of the characters a-z, A-Z, 0-9, `-` and `.`; it names the row, and is \
         no secret"
    )]
    Id,
    /// The id stands above, too.
    #[error("`id` `{0}` is taken by another row; give each row its own")]
    DuplicateId(String),
    /// No digest. The text is not shown, for it may be a token.
    #[error(
        "`digest` must be `sha256:` and 64 lower-case hex digits: the SHA-256 of the token; \
         make rows with `portcullis token new`"
    )]
    Digest,
    /// The digest stands above, too: one token cannot be two users'.
    #[error("`digest` is that of the row `{0}`, too; a token belongs to one row")]
    DuplicateDigest(String),
    /// No user.
    #[error("`user` is empty; say whose token it is")]
    User,
    /// A name that is reserved for Kubernetes.
    #[error("the {0} is reserved for Kubernetes; take a name that does not begin with `system:`")]
    Reserved(Reserved),
    /// A group without a name.
    #[error("`groups` holds an empty name; write `a,b`, or nothing for no groups")]
    EmptyGroup,
    /// A group with a comma.
    #[error("the group `{0}` holds a comma, which separates groups; take another name")]
    Comma(String),
    /// Control characters.
    #[error("`{0}` holds control characters or newlines; leave them out")]
    Control(&'static str),
    /// No time.
    #[error("`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`")]
    Expires,
}

/// What the API server warns about, in its words (S-TOKF-3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFileNotice {
    /// A record without a token; it is skipped.
    #[error("empty token has been found in token file '{path}', record number '{record}'")]
    Empty {
        /// The file.
        path: String,
        /// The record, counted from 1.
        record: usize,
    },
    /// A token that was there before; the last record counts.
    #[error("duplicate token has been found in token file '{path}', record number '{record}'")]
    Duplicate {
        /// The file.
        path: String,
        /// The record, counted from 1.
        record: usize,
    },
}

impl TokenFileNotice {
    /// The record, counted from 1.
    #[must_use]
    pub const fn record(&self) -> usize {
        match self {
            Self::Empty { record, .. } | Self::Duplicate { record, .. } => *record,
        }
    }
}

/// A token of the hashed form after its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token `{id}` expired at {at}; ask for a new one")]
pub struct TokenExpired {
    id: String,
    at: String,
}

impl TokenExpired {
    pub(super) fn new(id: &str, at: UnixSeconds) -> Self {
        Self { id: id.to_owned(), at: super::row::time(at) }
    }

    /// The id of the row.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}
