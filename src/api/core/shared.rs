use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::TokenObjects;

/// The newest version of the objects behind tokens. Clones are handles of the same; whoever asks takes
/// no lock, and what it holds does not change under it.
///
/// ```
/// use portcullis::api::core::{Pod, SharedTokenObjects};
///
/// let shared = SharedTokenObjects::default();
/// let held = shared.clone();
/// shared.change(|objects| {
///     objects.put_pod(Pod { namespace: "shop".into(), name: "web-0".into(), ..Pod::default() })
/// });
/// assert!(held.load().pod("shop", "web-0").is_some());
/// ```
#[derive(Clone, Default)]
pub struct SharedTokenObjects(Arc<Shared>);

#[derive(Default)]
struct Shared {
    newest: ArcSwap<TokenObjects>,
    /// Held by whoever makes the next version.
    writer: Mutex<()>,
}

impl SharedTokenObjects {
    /// A handle that begins with these.
    #[must_use]
    pub fn new(objects: impl Into<Arc<TokenObjects>>) -> Self {
        let newest = ArcSwap::new(objects.into());
        Self(Arc::new(Shared { newest, writer: Mutex::default() }))
    }

    /// The newest version. Takes no lock; hold it briefly.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<TokenObjects>> {
        self.0.newest.load()
    }

    /// Makes a new version out of the newest: whoever asks from then on sees all of the change. Waits
    /// for others who change.
    pub fn change<T>(&self, change: impl FnOnce(&mut TokenObjects) -> T) -> T {
        let _writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut objects = TokenObjects::clone(&self.0.newest.load());
        let told = change(&mut objects);
        self.0.newest.store(Arc::new(objects));
        told
    }

    /// Makes this the newest version.
    pub fn publish(&self, objects: impl Into<Arc<TokenObjects>>) {
        let _writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.newest.store(objects.into());
    }
}

impl From<Arc<TokenObjects>> for SharedTokenObjects {
    fn from(objects: Arc<TokenObjects>) -> Self {
        Self::new(objects)
    }
}

impl From<TokenObjects> for SharedTokenObjects {
    fn from(objects: TokenObjects) -> Self {
        Self::new(objects)
    }
}

impl fmt::Debug for SharedTokenObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTokenObjects").finish_non_exhaustive()
    }
}
