use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ParsedPublicKey, RsaParameters, RsaSubjectPublicKey};

use super::algorithm::{Algorithm, KeyType};
use super::base64url;
use super::der;
use super::error::{KeyError, KeyRefusal};
use super::jws::Compact;
use super::roca;

/// Below this RSA is refused, see [`KeyError::RsaTooShort`].
const RSA_MIN_BITS: u32 = 2048;

/// Above this RSA is refused, see [`KeyError::RsaTooLong`].
const RSA_MAX_BITS: u32 = 8192;

/// A public key that signatures are verified with, parsed once for every algorithm it can have.
///
/// Comes from PEM ([`pem::verifying_keys`](super::pem::verifying_keys)), from a JWK set
/// ([`jwk::parse`](super::jwk::parse)) or from a [`SigningKey`](super::SigningKey).
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<String>,
    key_type: KeyType,
    reserved: Option<Algorithm>,
    pkix: Box<[u8]>,
    // PERF: one for each algorithm, six for RSA, parsed once in the life of the key. Measured against
    // `jsonwebtoken::crypto::verify`, which parses it for every token: RS256 takes a sixth less,
    // ES256 and EdDSA the same.
    verifiers: Box<[(Algorithm, ParsedPublicKey)]>,
}

impl VerifyingKey {
    /// Reads a DER `SubjectPublicKeyInfo` (PKIX). The id is the one that Kubernetes gives to keys
    /// from files: unpadded base64url of the SHA-256 of these bytes (S-SAJWT-2).
    ///
    /// Only the one canonical encoding is read: named curves, uncompressed points, nothing after
    /// the key. Otherwise one key could have several ids.
    ///
    /// # Errors
    /// When it is no key of a known kind, or RSA of a length that is refused.
    pub fn from_pkix(der: &[u8]) -> Result<Self, KeyError> {
        let (key_type, pkix) = read(der)?;
        if &*pkix != der {
            return Err(KeyError::Unknown);
        }
        Self::build(key_type, pkix)
    }

    /// Reads any public encoding that the back-end knows, canonical or not.
    pub(super) fn from_any(der: &[u8]) -> Result<Self, KeyError> {
        let (key_type, pkix) = read(der)?;
        Self::build(key_type, pkix)
    }

    fn build(key_type: KeyType, pkix: Box<[u8]>) -> Result<Self, KeyError> {
        let parse = |algorithm: Algorithm| {
            let parsed = ParsedPublicKey::new(algorithm.verifier(), &*pkix);
            parsed.map(|key| (algorithm, key)).map_err(|_| KeyError::Unknown)
        };
        let verifiers = key_type.algorithms().map(parse).collect::<Result<_, _>>()?;
        let id = Some(base64url::encode(digest(&SHA256, &pkix)));
        Ok(Self { id, key_type, reserved: None, pkix, verifiers })
    }

    /// The same key under another id, or under none.
    #[must_use]
    pub fn with_id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// The same key for one algorithm only, as the `alg` of a JWK says.
    #[must_use]
    pub const fn reserved_for(mut self, algorithm: Algorithm) -> Self {
        self.reserved = Some(algorithm);
        self
    }

    /// What a token names in `kid` to be verified with this key.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub const fn pkix(&self) -> &[u8] {
        &self.pkix
    }

    /// Whether the signature is this key's. Whether the algorithm is allowed is the
    /// [`KeySet`](super::KeySet)'s to ask.
    pub(super) fn verify(
        &self,
        token: &Compact<'_>,
        algorithm: Algorithm,
    ) -> Result<(), KeyRefusal> {
        if let Some(reserved) = self.reserved.filter(|reserved| *reserved != algorithm) {
            return Err(KeyRefusal::Reserved { reserved, algorithm });
        }
        let (_, verifier) = self
            .verifiers
            .iter()
            .find(|(own, _)| *own == algorithm)
            .ok_or(KeyRefusal::KeyType { key_type: self.key_type, algorithm })?;
        verifier.verify_sig(token.signed(), token.signature()).map_err(|_| KeyRefusal::Signature)
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.reserved == other.reserved && self.pkix == other.pkix
    }
}

impl Eq for VerifyingKey {}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("key_type", &self.key_type)
            .field("reserved", &self.reserved)
            .finish_non_exhaustive()
    }
}

/// What kind of key it is, and its canonical encoding.
fn read(der: &[u8]) -> Result<(KeyType, Box<[u8]>), KeyError> {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa] {
        if let Ok(key) = ParsedPublicKey::new(algorithm.verifier(), der) {
            return Ok((algorithm.key_type(), pkix(&key)?));
        }
    }
    let rsa = RsaSubjectPublicKey::from_der(der).map_err(|_| KeyError::Unknown)?;
    let bits = RsaParameters::public_modulus_len(rsa.as_ref()).map_err(|_| KeyError::Unknown)?;
    match bits {
        ..RSA_MIN_BITS => Err(KeyError::RsaTooShort { bits }),
        RSA_MIN_BITS..=RSA_MAX_BITS if der::modulus(rsa.as_ref()).is_none_or(roca::is_marked) => {
            Err(KeyError::Roca)
        }
        RSA_MIN_BITS..=RSA_MAX_BITS => Ok((KeyType::Rsa, pkix(&rsa)?)),
        _ => Err(KeyError::RsaTooLong { bits }),
    }
}

fn pkix(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Box<[u8]>, KeyError> {
    key.as_der().map(|der| der.as_ref().into()).map_err(|_| KeyError::Unknown)
}
