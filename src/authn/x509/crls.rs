use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::crypto::crl::RevocationList;

/// The revocation lists of issuers, which can be replaced while they are in use, all handles at once.
/// Begins empty.
///
/// ```
/// use portcullis::authn::x509::Crls;
///
/// let crls = Crls::default();
/// let elsewhere = crls.clone();
/// crls.publish(Vec::new());
/// assert!(elsewhere.load().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Crls(Arc<ArcSwap<Vec<Arc<RevocationList>>>>);

impl Crls {
    /// The lists that count now.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Vec<Arc<RevocationList>>>> {
        self.0.load()
    }

    /// From now on these lists count, and no others.
    pub fn publish(&self, lists: Vec<Arc<RevocationList>>) {
        self.0.store(Arc::new(lists));
    }
}
