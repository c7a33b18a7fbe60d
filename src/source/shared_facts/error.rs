use crate::source::api_server::ApiError;

/// Why a fact is not known to others. A fact that was to be written may be there all the same: writing
/// it again is harmless.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactError {
    /// Not a fact.
    #[error("a fact is one line of text, at most {} bytes long", super::LONGEST_LINE)]
    Line,
    /// This writer has as many ConfigMaps as it may have.
    #[error(
        "`{namespace}`: {chunks} ConfigMaps of this writer are full; put them together into fewer (see \
         portcullis.dev/replaces), or write under another name"
    )]
    Full {
        /// The namespace.
        namespace: String,
        /// How many there are.
        chunks: usize,
    },
    /// The API server does not let us.
    #[error(
        "`{namespace}`: this user may not write ConfigMaps there; grant get, list, watch, create and \
         update on configmaps in this namespace"
    )]
    Forbidden {
        /// The namespace.
        namespace: String,
        /// What the API server said.
        #[source]
        error: ApiError,
    },
    /// There is no such namespace.
    #[error("there is no namespace `{namespace}`; create it, or name another")]
    NoNamespace {
        /// The namespace.
        namespace: String,
    },
    /// The API server does not take it, and will not later.
    #[error("`{namespace}`: the API server does not take the ConfigMap")]
    Refused {
        /// The namespace.
        namespace: String,
        /// What the API server said.
        #[source]
        error: ApiError,
    },
    /// It did not come about in time.
    #[error("`{namespace}`: nobody knows whether it is written: gave up after {tries} tries")]
    GaveUp {
        /// The namespace.
        namespace: String,
        /// How often it was tried.
        tries: u32,
        /// Why it did not work the last time.
        #[source]
        error: ApiError,
    },
    /// What others wrote cannot be read now.
    #[error(
        "`{namespace}`: what replicas know cannot be read now, and nothing was written; try again"
    )]
    Unread {
        /// The namespace.
        namespace: String,
        /// Why not.
        #[source]
        error: ApiError,
    },
    /// What is revoked decides about what is written, and was not heard yet.
    #[error("what replicas revoke was not heard yet, so no certificate is recorded; try again")]
    NotHeard,
    /// It was to be written together with others, and that failed.
    #[error(
        "it was to be written together with others, and that failed; see what was told for those"
    )]
    Together,
    /// Whoever writes has stopped.
    #[error("the writer of facts has stopped")]
    Stopped,
}

impl FactError {
    /// What an answer to a write means that is no conflict and will not pass.
    pub(super) fn of(namespace: &str, error: ApiError) -> Self {
        let namespace = namespace.to_owned();
        if error.is_forbidden() {
            Self::Forbidden { namespace, error }
        } else if error.is_not_found() {
            Self::NoNamespace { namespace }
        } else {
            Self::Refused { namespace, error }
        }
    }
}
