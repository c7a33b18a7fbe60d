use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::crypto::KeySet;

/// Fresher keys that may need waiting for.
pub type Refreshing<'a> = Pin<Box<dyn Future<Output = Option<Arc<KeySet>>> + Send + 'a>>;

/// The keys of a provider: a set that stands still (`Arc<KeySet>` is one), or one that something
/// keeps fresh.
pub trait ProviderKeys: Send + Sync {
    /// The keys as they are now; `None` while nobody knows where they are (S-OIDC-5).
    fn current(&self) -> Option<Arc<KeySet>>;

    /// None of `known` verifies a token. Gives other keys, if there are any, and may wait for them
    /// within a budget of its own (S-OIDC-8). Anybody can send such tokens, so that this must not cost
    /// the provider a request each time.
    fn refreshed<'a>(&'a self, known: &'a Arc<KeySet>) -> Refreshing<'a> {
        let _ = known;
        Box::pin(std::future::ready(None))
    }
}

impl ProviderKeys for Arc<KeySet> {
    fn current(&self) -> Option<Self> {
        Some(Self::clone(self))
    }
}
