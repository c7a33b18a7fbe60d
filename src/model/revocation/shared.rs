use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
#[derive(Clone)]
pub struct SharedRevocations(Arc<Shared>);

struct Shared {
    list: ArcSwap<Revocations>,
    /// Of all lists of the process that were ever published the number of this one's, which no other
    /// list has. Changed after the list is.
    version: AtomicU64,
}

/// The next version; zero is nobody's.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The list that this thread asked last, and its version.
    static LAST: RefCell<(u64, Arc<Revocations>)> = RefCell::default();
}

impl SharedRevocations {
    /// A handle that begins with this list.
    #[must_use]
    pub fn new(revocations: Revocations) -> Self {
        Self(Arc::new(Shared {
            list: ArcSwap::from_pointee(revocations),
            version: AtomicU64::new(next_version()),
        }))
    }

    /// The newest list. Takes no lock; hold it briefly.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Revocations>> {
        self.0.list.load()
    }

    /// The newest list, to be kept.
    #[must_use]
    pub fn load_full(&self) -> Arc<Revocations> {
        self.0.list.load_full()
    }

    /// Makes this the newest list: whoever asks from now on sees it.
    pub fn publish(&self, revocations: Revocations) {
        self.0.list.store(Arc::new(revocations));
        self.0.version.store(next_version(), Ordering::Release);
    }

    /// Asks the newest list, for those who ask often. Each thread keeps the list that it asked last, so
    /// that asking the same again is one plain read: [`load`](Self::load) synchronises with writers,
    /// and the processor then waits for the list's memory instead of deciding on meanwhile.
    pub(crate) fn with<R>(&self, ask: impl FnOnce(&Revocations) -> R) -> R {
        let version = self.0.version.load(Ordering::Acquire);
        LAST.with(|last| {
            // Taken only by an `ask` that asks again, or when the thread ends.
            let Ok(mut last) = last.try_borrow_mut() else { return ask(&self.load()) };
            if last.0 != version {
                // At least as new as its version. One that is newer is loaded once more.
                *last = (version, self.load_full());
            }
            ask(&last.1)
        })
    }
}

fn next_version() -> u64 {
    VERSIONS.fetch_add(1, Ordering::Relaxed)
}

impl Default for SharedRevocations {
    fn default() -> Self {
        Self::new(Revocations::default())
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRevocations").field("entries", &self.load().len()).finish()
    }
}
