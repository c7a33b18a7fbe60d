use std::path::PathBuf;

use crate::authn::oidc::introspection::IntrospectionError;
use crate::crypto::json::JsonError;
use crate::source::fetch::{FetchConfigError, FetchError};

/// Why a configuration cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionConfigError {
    /// The URL, the authorities or a limit cannot work.
    #[error(transparent)]
    Fetch(#[from] FetchConfigError),
    /// Nobody is named who asks.
    #[error("name the id of the client that asks the introspection endpoint")]
    NoClientId,
    /// The file of the secret cannot be read.
    #[error("the client secret `{}` cannot be read: {error}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// The file of the secret holds no secret.
    #[error("the client secret `{}` must be one line of text that is not empty", .path.display())]
    NoSecret {
        /// Which.
        path: PathBuf,
    },
}

/// Why a token could not be looked at, or proves nobody.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionFailure {
    /// There was no answer, or none of use.
    #[error("introspection: {0}")]
    Fetch(#[from] FetchError),
    /// The answer is no JSON object without repeated members.
    #[error("introspection: the answer: {0}")]
    Json(JsonError),
    /// What the answer says is not in order.
    #[error(transparent)]
    Answer(#[from] IntrospectionError),
    /// Too many tokens at once.
    #[error("introspection: too many tokens are waiting for the endpoint; try again")]
    Busy,
}
