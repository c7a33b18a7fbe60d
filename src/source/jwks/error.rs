use crate::crypto::jwk::JwkSetError;
use crate::source::fetch::FetchError;

/// Why an attempt to fetch keys failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// There was no answer, or none of use.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The answer is no JWK set.
    #[error("{0}")]
    Set(JwkSetError),
    /// None of the keys can be used. An empty set is one, too: it would refuse every token, and is
    /// a mistake more often than a wish.
    #[error("the JWK set has no key that can be used ({skipped} skipped)")]
    NoUsableKey {
        /// How many there are.
        skipped: usize,
    },
}
