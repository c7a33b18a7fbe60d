//! What kind of key, and what kind of signature.

use std::fmt;

use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::without_zeros;

/// The kind of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA (RFC 8017).
    Rsa,
    /// A key on an elliptic curve.
    Ecdsa,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// Another, by its dotted identifier.
    Other(String),
}

/// The kind and size of a public key. Displays as `RSA 2048`, `ECDSA P-256` or `Ed25519`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// The kind.
    pub algorithm: KeyKind,
    /// The size in bits; 0 when it is not known.
    pub bits: u32,
    /// The curve of an elliptic key, when it has a name.
    pub curve: Option<&'static str>,
}

impl KeyDescription {
    /// Reads a `SubjectPublicKeyInfo` in DER. `None` when it is none.
    #[must_use]
    pub fn of_public_key_info(der: &[u8]) -> Option<Self> {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], info)) => Some(Self::of(&info)),
            Ok(_) | Err(_) => None,
        }
    }

    pub(super) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let oid = info.algorithm.algorithm.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.1.1" => Self {
                algorithm: KeyKind::Rsa,
                bits: match info.parsed() {
                    Ok(PublicKey::RSA(key)) => bits(key.modulus),
                    Ok(_) | Err(_) => 0,
                },
                curve: None,
            },
            "1.2.840.10045.2.1" => {
                let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                let (bits, curve) = match curve.map(|oid| oid.to_id_string()).as_deref() {
                    Some("1.2.840.10045.3.1.7") => (256, Some("P-256")),
                    Some("1.3.132.0.34") => (384, Some("P-384")),
                    Some("1.3.132.0.35") => (521, Some("P-521")),
                    Some("1.3.132.0.33") => (224, Some("P-224")),
                    Some("1.3.132.0.10") => (256, Some("secp256k1")),
                    _ => (0, None),
                };
                Self { algorithm: KeyKind::Ecdsa, bits, curve }
            }
            "1.3.101.112" => Self { algorithm: KeyKind::Ed25519, bits: 256, curve: None },
            _ => Self { algorithm: KeyKind::Other(oid), bits: 0, curve: None },
        }
    }

    /// Whether it is an RSA key of less than 2048 bits, which nobody should accept any longer
    /// (NIST SP 800-131A).
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.algorithm == KeyKind::Rsa && self.bits < 2048
    }
}

impl fmt::Display for KeyDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.algorithm, self.curve) {
            (KeyKind::Rsa, _) => write!(f, "RSA {}", self.bits),
            (KeyKind::Ecdsa, Some(curve)) => write!(f, "ECDSA {curve}"),
            (KeyKind::Ecdsa, None) => f.write_str("ECDSA on an unnamed curve"),
            (KeyKind::Ed25519, _) => f.write_str("Ed25519"),
            (KeyKind::Other(oid), _) => write!(f, "a key of kind {oid}"),
        }
    }
}

fn bits(number: &[u8]) -> u32 {
    let number = without_zeros(number);
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    let bytes = u32::try_from(number.len()).unwrap_or(u32::MAX);
    bytes.saturating_mul(8).saturating_sub(unused)
}

/// Go's name of a signature algorithm, or its dotted identifier.
pub(super) fn signature_algorithm(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = algorithm.algorithm.to_id_string();
    let name = match oid.as_str() {
        "1.2.840.113549.1.1.2" => "MD2-RSA",
        "1.2.840.113549.1.1.4" => "MD5-RSA",
        "1.2.840.113549.1.1.5" => "SHA1-RSA",
        "1.2.840.113549.1.1.10" => "RSAPSS",
        "1.2.840.113549.1.1.11" => "SHA256-RSA",
        "1.2.840.113549.1.1.12" => "SHA384-RSA",
        "1.2.840.113549.1.1.13" => "SHA512-RSA",
        "1.2.840.10045.4.1" => "ECDSA-SHA1",
        "1.2.840.10045.4.3.2" => "ECDSA-SHA256",
        "1.2.840.10045.4.3.3" => "ECDSA-SHA384",
        "1.2.840.10045.4.3.4" => "ECDSA-SHA512",
        "1.3.101.112" => "Ed25519",
        _ => return oid,
    };
    name.to_owned()
}
