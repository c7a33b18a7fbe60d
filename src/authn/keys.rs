use std::sync::Arc;

use crate::crypto::KeySet;

/// Where an authenticator gets its keys: a set that stands still (`Arc<KeySet>` is one), or one
/// that something keeps fresh.
pub trait Keys: Send + Sync {
    /// The keys as they are now.
    fn current(&self) -> Arc<KeySet>;

    /// A token names a key that [`current`](Self::current) does not have. A hint that a fresher set
    /// may be worth fetching, and no more than that: anybody can send such tokens. Must not block.
    fn unknown_key(&self, key_id: &str) {
        let _ = key_id;
    }
}

impl Keys for Arc<KeySet> {
    fn current(&self) -> Self {
        Self::clone(self)
    }
}
