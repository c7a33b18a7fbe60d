use std::io;

use crate::crypto::certificate::ChainError;
use crate::crypto::crl::RevocationListError;
use crate::source::fetch::{FetchConfigError, FetchError};

/// Why revocation lists cannot be followed at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlConfigError {
    /// A file is of no use at the start, where nothing else could serve in its place.
    #[error("`{path}`: {error}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: CrlSourceError,
    },
    /// A URL cannot be fetched from, or a number is zero.
    #[error(transparent)]
    Fetch(#[from] FetchConfigError),
    /// The issuers are no certificates.
    #[error("the issuers of the revocation list at `{source_name}`")]
    Issuers {
        /// The path or the URL.
        source_name: String,
        /// What is wrong with them.
        #[source]
        error: ChainError,
    },
}

/// Why a source brought no list. What it brought before goes on serving.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlSourceError {
    /// A file cannot be read.
    #[error("cannot be read ({0}); check the path and your permission to read it")]
    Read(io::ErrorKind),
    /// A file is larger than allowed.
    #[error("the file is larger than {max_bytes} bytes")]
    TooLarge {
        /// How large it may be.
        max_bytes: usize,
    },
    /// There was no answer, or none of use.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is no revocation list.
    #[error("{0}")]
    List(RevocationListError),
    /// PEM without a list.
    #[error("no `X509 CRL` block; revocation lists in PEM begin with `-----BEGIN X509 CRL-----`")]
    NoList,
    /// More lists than anybody needs.
    #[error("{found} `X509 CRL` blocks; at most {most} lists are taken from one source")]
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// None of the named issuers signed it.
    #[error("the revocation list of `{issuer}` is not signed by one of the named issuers")]
    NotSigned {
        /// Whose list it says it is.
        issuer: String,
    },
    /// It is older than the one that serves: somebody holds the newer one back, or a mirror lags.
    #[error("the revocation list of `{issuer}` is older than the one that serves")]
    Older {
        /// Whose list it is.
        issuer: String,
    },
}
