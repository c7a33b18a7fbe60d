use std::fmt;
use std::sync::Arc;

/// Why a token was refused by an authenticator that knows its kind. Carries no part of the token.
///
/// Cheap to clone, since joined look-ups share one outcome.
#[derive(Clone)]
pub struct AuthnError(Arc<dyn std::error::Error + Send + Sync>);

impl AuthnError {
    /// Wraps the error of an authenticator; its text is what the API server would say.
    #[must_use]
    pub fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// The error of the authenticator, to be told apart by type.
    #[must_use]
    pub fn get(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Debug for AuthnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for AuthnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for AuthnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
