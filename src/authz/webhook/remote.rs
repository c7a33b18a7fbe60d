use std::error::Error;
use std::fmt;

/// Somebody who answers SubjectAccessReviews. Open: bring your own.
pub trait Remote: Send + Sync + fmt::Debug {
    /// Sends a SubjectAccessReview and waits for what comes back, whatever it is. May take its time.
    ///
    /// # Errors
    /// [`RemoteError`] when nothing comes back.
    fn review(&self, body: &[u8]) -> Result<RemoteAnswer, RemoteError>;
}

/// What came back.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type; empty when there was none.
    pub content_type: String,
    /// The body. JSON; a remote that was sent YAML makes JSON of it.
    pub body: Vec<u8>,
}

impl RemoteAnswer {
    /// An answer in JSON.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type: "application/json".to_owned(), body: body.into() }
    }
}

impl fmt::Debug for RemoteAnswer {
    /// Without the body: it may echo what was sent to it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAnswer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What [`RemoteError::NotAsked`] says: an answer with this among its errors is not the whole answer.
pub const NOT_ASKED: &str = "the webhook was not asked";

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Nobody asked: it is no failure of the webhook, and its failure policy says nothing about it.
    #[error("{NOT_ASKED}")]
    NotAsked,
    /// It was asked in vain.
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
}

/// Stands in for a webhook that is not to be asked, when questions are answered offline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unasked {
    /// The answer stays open: no opinion, with the error [`NOT_ASKED`].
    #[default]
    Incomplete,
    /// As if the webhook had no opinion on anything.
    NoOpinion,
}

impl Remote for Unasked {
    fn review(&self, _: &[u8]) -> Result<RemoteAnswer, RemoteError> {
        match self {
            Self::Incomplete => Err(RemoteError::NotAsked),
            Self::NoOpinion => Ok(RemoteAnswer::json(200, "{}")),
        }
    }
}
