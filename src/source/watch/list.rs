use super::{Connection, Watched};
use crate::source::Loaded;

/// What was listed.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listed {
    /// The objects.
    pub loaded: Loaded,
    /// The trimmed objects as JSON, by kind, for a dump. Secrets without their values.
    pub dump: Vec<(Watched, Vec<Box<[u8]>>)>,
    /// What could not be listed, and why: forbidden, or not served by this API server.
    pub missing: Vec<(Watched, ListError)>,
}

/// Why a kind could not be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// This user may not.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The API server does not serve the kind.
    #[error("not served by this API server")]
    NotServed,
    /// The API server answered something else, or not at all.
    #[error("the API server cannot be asked")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Lists kinds once, page by page.
///
/// # Errors
/// When the API server cannot be asked at all. What is forbidden or not served stands in
/// [`Listed::missing`].
pub async fn list(connection: &Connection, watched: &[Watched]) -> Result<Listed, ListError> {
    let _ = (connection, watched);
    todo!()
}
