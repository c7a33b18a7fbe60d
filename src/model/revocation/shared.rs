use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Revocations;

/// The newest revocation list, held by everybody who asks it and by whoever follows it. Clones are
/// handles of the same list.
///
/// ```
/// use portcullis::model::{Revocations, SharedRevocations};
///
/// let shared = SharedRevocations::new(Revocations::default());
/// let held = shared.clone();
/// shared.publish(Revocations::default());
/// assert!(held.load().is_empty());
/// ```
#[derive(Clone, Default)]
pub struct SharedRevocations(Arc<ArcSwap<Revocations>>);

impl SharedRevocations {
    /// A handle that begins with this list.
    #[must_use]
    pub fn new(revocations: Revocations) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(revocations)))
    }

    /// The newest list. Takes no lock; hold it briefly.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Revocations>> {
        self.0.load()
    }

    /// The newest list, to be kept.
    #[must_use]
    pub fn load_full(&self) -> Arc<Revocations> {
        self.0.load_full()
    }

    /// Makes this the newest list: whoever asks from now on sees it.
    pub fn publish(&self, revocations: Revocations) {
        self.0.store(Arc::new(revocations));
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRevocations").field("entries", &self.load().len()).finish()
    }
}
