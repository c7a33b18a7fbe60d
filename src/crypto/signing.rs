use std::fmt;

use ::pem::{EncodeConfig, LineEnding, Pem};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, KeyType};
use super::base64url;
use super::error::{KeyError, SignError, SigningKeyError};
use super::jws::MAX_TOKEN_BYTES;
use super::key::VerifyingKey;
use super::pem::public_half;
use crate::util::secret::Secret;

const LABEL: &str = "PRIVATE KEY";

/// What we sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SigningAlgorithm {
    /// ECDSA with P-256 and SHA-256: short, fast, known everywhere.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl SigningAlgorithm {
    /// The same among all algorithms.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::Es256,
            Self::EdDsa => Algorithm::EdDsa,
            Self::Rs256 => Algorithm::Rs256,
        }
    }

    const fn of(key_type: KeyType) -> Option<Self> {
        match key_type {
            KeyType::P256 => Some(Self::Es256),
            KeyType::Ed25519 => Some(Self::EdDsa),
            KeyType::Rsa => Some(Self::Rs256),
            KeyType::P384 | KeyType::P521 => None,
        }
    }

    const fn in_jsonwebtoken(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// A private key that tokens are signed with. Its id is that of its public half, see
/// [`VerifyingKey::from_pkix`]. Wiped when dropped; `Debug` shows nothing secret.
///
/// ```
/// use portcullis::crypto::{SigningAlgorithm, SigningKey};
///
/// let key = SigningKey::generate(SigningAlgorithm::default())?;
/// let again = SigningKey::from_pem(key.to_pem().expose_secret().as_bytes())?;
/// assert_eq!(again.key_id(), key.key_id());
/// assert_eq!(format!("{key:?}"), format!("SigningKey {{ id: {:?}, algorithm: Es256, .. }}", key.key_id()));
/// # Ok::<(), portcullis::crypto::SigningKeyError>(())
/// ```
pub struct SigningKey {
    algorithm: SigningAlgorithm,
    encoding: EncodingKey,
    pkcs8: Zeroizing<Vec<u8>>,
    verifying: VerifyingKey,
    id: String,
}

impl SigningKey {
    /// Makes a new key; RSA of 2048 bits.
    ///
    /// # Errors
    /// When the back-end has no randomness.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Self, SigningKeyError> {
        let pkcs8 = match algorithm {
            SigningAlgorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec()),
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate()
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec()),
            SigningAlgorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|document| document.as_ref().to_vec()),
        };
        Self::from_pkcs8(Zeroizing::new(pkcs8.map_err(|_| SigningKeyError::Generate)?))
    }

    /// Reads one PKCS#8 `PRIVATE KEY` block; the key's kind decides the algorithm.
    ///
    /// # Errors
    /// When it is not one such block, or a key of another kind.
    pub fn from_pem(text: &[u8]) -> Result<Self, SigningKeyError> {
        let blocks = ::pem::parse_many(text).map_err(|_| SigningKeyError::NotOneBlock)?;
        let mut blocks = blocks.into_iter();
        let (Some(block), None) = (blocks.next(), blocks.next()) else {
            return Err(SigningKeyError::NotOneBlock);
        };
        let label_fits = block.tag() == LABEL;
        let der = Zeroizing::new(block.into_contents());
        if label_fits { Self::from_pkcs8(der) } else { Err(SigningKeyError::NotPkcs8) }
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, SigningKeyError> {
        let verifying = match public_half(&pkcs8) {
            Ok(key) => key,
            Err(KeyError::Unknown) => return Err(SigningKeyError::Unsupported),
            Err(error) => return Err(SigningKeyError::Key(error)),
        };
        let algorithm =
            SigningAlgorithm::of(verifying.key_type()).ok_or(SigningKeyError::Unsupported)?;
        let encoding = match algorithm {
            SigningAlgorithm::Es256 => EncodingKey::from_ec_der(&pkcs8),
            SigningAlgorithm::EdDsa => EncodingKey::from_ed_der(&pkcs8),
            // It wants PKCS#1, and takes it out of PKCS#8 only from PEM.
            SigningAlgorithm::Rs256 => EncodingKey::from_rsa_pem(to_pem(&pkcs8).as_bytes())
                .map_err(|_| SigningKeyError::Unsupported)?,
        };
        let id = verifying.id().unwrap_or_default().to_owned();
        let key = Self { algorithm, encoding, pkcs8, verifying, id };
        // The back-end reads the key only when it signs; so it does now, not at the first token.
        key.sign(&Map::new(), &Map::new()).map_err(|_| SigningKeyError::Unsupported)?;
        Ok(key)
    }

    /// The key as one PKCS#8 PEM block, to be written to a file that nobody else can read.
    #[must_use]
    pub fn to_pem(&self) -> Secret {
        Secret::new(to_pem(&self.pkcs8).as_str().to_owned())
    }

    /// What the tokens carry in `kid`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public half.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The public half as a JWK with `kid`, `alg` and `use`, for the issuer's published set.
    ///
    /// # Errors
    /// Never for a key that could be read.
    pub fn jwk(&self) -> Result<Value, SignError> {
        let jwk = Jwk::from_encoding_key(&self.encoding, self.algorithm.in_jsonwebtoken())
            .and_then(|jwk| Ok(serde_json::to_value(jwk)?))
            .map_err(|_| SignError::Backend)?;
        let Value::Object(mut jwk) = jwk else {
            return Err(SignError::Backend);
        };
        jwk.insert("kid".to_owned(), self.id.as_str().into());
        jwk.insert("use".to_owned(), "sig".into());
        Ok(Value::Object(jwk))
    }

    /// Signs claims. `header` is what the header holds besides `alg` and `kid`, such as `typ`.
    ///
    /// # Errors
    /// When `header` names what the key fills in, or an extension that no reader of ours would
    /// accept, or the token gets too long.
    pub fn sign(
        &self,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
    ) -> Result<String, SignError> {
        if let Some(name) =
            ["alg", "kid", "crit", "b64"].into_iter().find(|name| header.contains_key(*name))
        {
            return Err(SignError::Reserved(name));
        }
        let mut header = header.clone();
        header.insert("alg".to_owned(), self.algorithm.algorithm().name().into());
        header.insert("kid".to_owned(), self.id.as_str().into());
        let part = |members: &Map<String, Value>| {
            serde_json::to_vec(members).map(base64url::encode).map_err(|_| SignError::Backend)
        };
        let signed = format!("{}.{}", part(&header)?, part(claims)?);
        let algorithm = self.algorithm.in_jsonwebtoken();
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.encoding, algorithm)
            .map_err(|_| SignError::Backend)?;
        let token = format!("{signed}.{signature}");
        if token.len() > MAX_TOKEN_BYTES { Err(SignError::TooLong) } else { Ok(token) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn to_pem(pkcs8: &[u8]) -> Zeroizing<String> {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    Zeroizing::new(::pem::encode_config(&Pem::new(LABEL, pkcs8), config))
}
