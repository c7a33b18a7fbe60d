//! Private keys that sign certificates and requests: made, read from every usual form, written.
//!
//! Absent on purpose: keys that sign tokens (see [`SigningKey`](super::SigningKey)), hardware
//! modules, and P-521, which few programs verify.

mod algorithm;
mod error;
mod passphrase;

use std::fmt;

use ::pem::{EncodeConfig, LineEnding, Pem};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use yasna::DERWriter;
use zeroize::Zeroizing;

pub use algorithm::{KeyAlgorithm, KeyAlgorithmError};
pub use error::PrivateKeyError;

use super::asn1::{Oid, Reader, bit_string, sequence, tag};
use crate::util::secret::Secret;

/// A key file has no more bytes than this; one of RSA with 4096 bits has 3,300.
pub const MAX_PEM_BYTES: usize = 64 * 1024;

const PKCS8_LABEL: &str = "PRIVATE KEY";

/// A key pair. It signs with SHA-256 (RSA PKCS#1 v1.5, P-256), SHA-384 (P-384), or as Ed25519 does.
/// Wiped when dropped; `Debug` shows nothing secret.
///
/// ```
/// use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
///
/// let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
/// let again = PrivateKey::from_pem(key.to_pem().expose_secret().as_bytes(), None)?;
/// assert_eq!(again.public_key_info(), key.public_key_info());
/// assert_eq!(format!("{key:?}"), "PrivateKey { algorithm: EcdsaP256, .. }");
/// # Ok::<(), portcullis::crypto::private_key::PrivateKeyError>(())
/// ```
pub struct PrivateKey {
    pair: Pair,
    algorithm: KeyAlgorithm,
    pkcs8: Zeroizing<Vec<u8>>,
    public_key_info: Vec<u8>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the back-end has no randomness, or makes no keys of that kind.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, PrivateKeyError> {
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa);
        let pair = match algorithm {
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyAlgorithm::EcdsaP256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Pair::Ecdsa)
            }
            KeyAlgorithm::EcdsaP384 => {
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Pair::Ecdsa)
            }
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            KeyAlgorithm::RsaOther { .. } => return Err(PrivateKeyError::NotMade(algorithm)),
        };
        Self::of(pair.map_err(|_| PrivateKeyError::Backend)?, algorithm)
    }

    /// Reads the one private key of a PEM text: PKCS#8 (`PRIVATE KEY`), PKCS#8 under a passphrase
    /// (`ENCRYPTED PRIVATE KEY`, PBES2), PKCS#1 (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`). Other
    /// blocks, such as the `EC PARAMETERS` that `openssl ecparam -genkey` writes first, are passed
    /// over. The passphrase is not looked at when the key has none.
    ///
    /// # Errors
    /// When there is no key or more than one, the passphrase is missing or wrong, or the key is of a
    /// kind or a length that is not for signing certificates.
    pub fn from_pem(text: &[u8], passphrase: Option<&Secret>) -> Result<Self, PrivateKeyError> {
        if text.len() > MAX_PEM_BYTES {
            return Err(PrivateKeyError::TooLarge);
        }
        let blocks = ::pem::parse_many(text).map_err(|_| PrivateKeyError::NoKey)?;
        let mut keys = Vec::new();
        for block in blocks {
            let label = block.tag().to_owned();
            // RFC 1421 §4.6.1.1.
            let traditional =
                block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED"));
            let der = Zeroizing::new(block.into_contents());
            if label.ends_with("PRIVATE KEY") {
                keys.push((label, traditional, der));
            }
        }
        let mut keys = keys.into_iter();
        let (label, traditional, der) = match (keys.next(), keys.next()) {
            (Some(key), None) => key,
            (None, _) => return Err(PrivateKeyError::NoKey),
            (Some(_), Some(_)) => return Err(PrivateKeyError::SeveralKeys),
        };
        match label.as_str() {
            _ if traditional => Err(PrivateKeyError::TraditionalEncryption),
            passphrase::LABEL => {
                let passphrase = passphrase.ok_or(PrivateKeyError::PassphraseMissing)?;
                Self::from_der(&passphrase::decrypt(&der, passphrase)?)
            }
            PKCS8_LABEL | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Self::from_der(&der),
            _ => Err(PrivateKeyError::Unknown),
        }
    }

    /// PKCS#8, PKCS#1 or SEC 1: the back-end tells which.
    fn from_der(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let curves = [
            (&ECDSA_P256_SHA256_ASN1_SIGNING, KeyAlgorithm::EcdsaP256),
            (&ECDSA_P384_SHA384_ASN1_SIGNING, KeyAlgorithm::EcdsaP384),
        ];
        for (curve, algorithm) in curves {
            if let Ok(pair) = EcdsaKeyPair::from_private_key_der(curve, der) {
                return Self::of(Pair::Ecdsa(pair), algorithm);
            }
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Self::of(Pair::Ed25519(pair), KeyAlgorithm::Ed25519);
        }
        if EcdsaKeyPair::from_private_key_der(&ECDSA_P521_SHA512_ASN1_SIGNING, der).is_ok() {
            return Err(PrivateKeyError::P521);
        }
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
        // The back-end does not read short ones at all.
        let pair = pair.map_err(|_| match modulus_bits(der) {
            Some(bits @ ..2048) => PrivateKeyError::RsaTooShort { bits },
            Some(bits @ 4097..) => PrivateKeyError::RsaTooLong { bits },
            Some(_) | None => PrivateKeyError::Unknown,
        })?;
        let bits = u32::try_from(pair.public_modulus_len().saturating_mul(8));
        match bits.map_err(|_| PrivateKeyError::Unknown)? {
            bits @ ..2048 => Err(PrivateKeyError::RsaTooShort { bits }),
            bits @ 2048..=4096 => Self::of(Pair::Rsa(pair), KeyAlgorithm::rsa(bits)),
            bits => Err(PrivateKeyError::RsaTooLong { bits }),
        }
    }

    fn of(pair: Pair, algorithm: KeyAlgorithm) -> Result<Self, PrivateKeyError> {
        let pkcs8 = match &pair {
            Pair::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|der| der.as_ref().to_vec())
            }
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        };
        let public_key_info = match &pair {
            Pair::Rsa(pair) => public_key_info(pair.public_key()),
            Pair::Ecdsa(pair) => public_key_info(pair.public_key()),
            Pair::Ed25519(pair) => public_key_info(pair.public_key()),
        }?;
        let pkcs8 = Zeroizing::new(pkcs8.map_err(|_| PrivateKeyError::Backend)?);
        Ok(Self { pair, algorithm, pkcs8, public_key_info })
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The public half, a `SubjectPublicKeyInfo` in DER (RFC 5280 §4.1).
    #[must_use]
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// The key as one PKCS#8 PEM block, to be written to a file that nobody else can read.
    #[must_use]
    pub fn to_pem(&self) -> Secret {
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        Secret::new(::pem::encode_config(&Pem::new(PKCS8_LABEL, self.pkcs8.as_slice()), config))
    }

    /// The same under a passphrase: PBES2 with PBKDF2 (HMAC-SHA-256, 600,000 rounds) and AES-256-CBC.
    ///
    /// # Errors
    /// When the passphrase is empty, or the back-end has no randomness.
    pub fn to_encrypted_pem(&self, passphrase: &Secret) -> Result<Secret, PrivateKeyError> {
        passphrase::encrypt(&self.pkcs8, passphrase)
    }

    /// Signs a message, as certificates and requests carry it.
    ///
    /// # Errors
    /// When the back-end fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map(|()| signature)
            }
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
        .map_err(|_| PrivateKeyError::Backend)
    }

    /// Writes the `AlgorithmIdentifier` of its signatures. RSA has a NULL (RFC 4055 §5), the others
    /// have nothing (RFC 5758 §3.2, RFC 8410 §3).
    pub(super) fn write_signature_algorithm(&self, writer: DERWriter<'_>) {
        let (id, has_null) = match self.algorithm {
            KeyAlgorithm::EcdsaP256 => (Oid::ECDSA_WITH_SHA256, false),
            KeyAlgorithm::EcdsaP384 => (Oid::ECDSA_WITH_SHA384, false),
            KeyAlgorithm::Ed25519 => (Oid::ED25519, false),
            KeyAlgorithm::Rsa2048
            | KeyAlgorithm::Rsa3072
            | KeyAlgorithm::Rsa4096
            | KeyAlgorithm::RsaOther { .. } => (Oid::SHA256_WITH_RSA, true),
        };
        writer.write_sequence(|writer| {
            id.write(writer.next());
            if has_null {
                writer.next().write_null();
            }
        });
    }

    /// The sequence of something, the algorithm, and the signature: a certificate, a request or a
    /// list of revocations.
    pub(super) fn signed(&self, to_be_signed: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        let signature = self.sign(to_be_signed)?;
        Ok(sequence(|writer| {
            writer.next().write_der(to_be_signed);
            self.write_signature_algorithm(writer.next());
            bit_string(writer.next(), &signature);
        }))
    }
}

/// How long the modulus of an RSA key in PKCS#1 or PKCS#8 is.
fn modulus_bits(der: &[u8]) -> Option<u32> {
    let mut fields = Reader::only(der, tag::SEQUENCE)?;
    fields.take(tag::INTEGER)?;
    if fields.peek() == Some(tag::SEQUENCE) {
        fields.take(tag::SEQUENCE)?;
        fields = Reader::only(fields.take(tag::OCTET_STRING)?, tag::SEQUENCE)?;
        fields.take(tag::INTEGER)?;
    }
    let modulus = fields.take(tag::INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let (first, rest) = modulus.get(zeros..)?.split_first()?;
    let rest = u32::try_from(rest.len()).ok()?.checked_mul(8)?;
    rest.checked_add(u8::BITS.checked_sub(first.leading_zeros())?)
}

fn public_key_info(
    key: &impl AsDer<PublicKeyX509Der<'static>>,
) -> Result<Vec<u8>, PrivateKeyError> {
    key.as_der().map(|der| der.as_ref().to_vec()).map_err(|_| PrivateKeyError::Backend)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
