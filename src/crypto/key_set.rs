use super::algorithm::Algorithm;
use super::error::{KeyRefusal, VerifyError};
use super::jws::Compact;
use super::key::VerifyingKey;

/// The keys that tokens of one issuer may be signed with.
///
/// ```
/// use portcullis::crypto::jws::Compact;
/// use portcullis::crypto::{Algorithm, KeySet, SigningAlgorithm, SigningKey};
/// use serde_json::Map;
///
/// let key = SigningKey::generate(SigningAlgorithm::Es256)?;
/// let token = key.sign(&Map::new(), &Map::new())?;
/// let keys = KeySet::new([key.verifying_key().clone()]);
/// keys.verify(&Compact::parse(&token)?, &[Algorithm::Es256])?;
/// // The caller chooses the algorithms, the token does not.
/// assert!(keys.verify(&Compact::parse(&token)?, &[Algorithm::Rs256]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
}

impl KeySet {
    /// A set of these keys, in this order; a key given twice is kept once. Different keys may share
    /// an id (RFC 7517 §4.5): each of them is tried.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        let mut distinct: Vec<VerifyingKey> = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        Self { keys: distinct }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Whether a key has this id. If not, a fresher set may have one.
    #[must_use]
    pub fn has_key_id(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(id))
    }

    /// Whether one of the keys made the token's signature with one of the allowed algorithms. A
    /// token with a `kid` is tried with the keys of that id only, one without with all (S-SAJWT-2).
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify(&self, token: &Compact<'_>, allowed: &[Algorithm]) -> Result<(), VerifyError> {
        let algorithm = token
            .algorithm()
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or_else(|| VerifyError::Algorithm { allowed: allowed.to_vec() })?;
        let mut refusals: Vec<KeyRefusal> = Vec::new();
        for key in &self.keys {
            if token.key_id().is_some_and(|id| key.id() != Some(id)) {
                continue;
            }
            match key.verify(token, algorithm) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() {
            Err(VerifyError::NoKeys)
        } else {
            Err(VerifyError::Keys(refusals))
        }
    }
}

impl FromIterator<VerifyingKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        Self::new(keys)
    }
}
