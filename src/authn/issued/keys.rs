use std::sync::Arc;

use super::error::IssuerKeysError;
use crate::crypto::{KeySet, SigningKey, pem};

/// The keys of an issuer: one signs, all of them verify.
///
/// # Rotation
/// Keep the keys in a directory, under names that sort by age, such as `2026-11-26.pem`. The last
/// name in byte order signs; it must be a private key. To rotate, add a file with a later name:
/// tokens of the older keys stay good. When the longest lifetime has passed, take the older file
/// away; before that, a public key in its place is enough. Where several servers share an issuer,
/// give all of them the public half of the new key first, under an earlier name.
#[derive(Debug, Clone)]
pub struct IssuerKeys {
    signing: Arc<SigningKey>,
    verifying: Arc<KeySet>,
}

impl IssuerKeys {
    /// Reads the contents of a directory, as (file name, bytes) in any order. Only names that end in
    /// `.pem` count.
    ///
    /// # Errors
    /// When no name counts, one of the files holds no key, or the last one is no private key.
    pub fn from_pems<N: AsRef<str>, B: AsRef<[u8]>>(
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Result<Self, IssuerKeysError> {
        let mut files: Vec<(N, B)> =
            files.into_iter().filter(|(name, _)| name.as_ref().ends_with(".pem")).collect();
        files.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        let (last, text) = files.last().ok_or(IssuerKeysError::NoFiles)?;
        let signing = SigningKey::from_pem(text.as_ref())
            .map_err(|error| IssuerKeysError::Signing { file: last.as_ref().to_owned(), error })?;
        let mut keys = Vec::new();
        for (name, text) in files.iter().rev() {
            keys.extend(pem::verifying_keys(text.as_ref()).map_err(|error| {
                IssuerKeysError::Verifying { file: name.as_ref().to_owned(), error }
            })?);
        }
        Ok(Self { signing: Arc::new(signing), verifying: Arc::new(KeySet::new(keys)) })
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> Arc<SigningKey> {
        Arc::clone(&self.signing)
    }

    /// The keys that verify, the newest first.
    #[must_use]
    pub fn verifying(&self) -> Arc<KeySet> {
        Arc::clone(&self.verifying)
    }
}
