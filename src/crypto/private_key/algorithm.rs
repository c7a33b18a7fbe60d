use std::fmt;
use std::str::FromStr;

/// What kind of key pair it is, and how long.
///
/// ```
/// use portcullis::crypto::private_key::KeyAlgorithm;
///
/// assert_eq!("ecdsa-p256".parse(), Ok(KeyAlgorithm::EcdsaP256));
/// assert_eq!(KeyAlgorithm::Rsa4096.to_string(), "rsa4096");
/// assert!("rsa1024".parse::<KeyAlgorithm>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// ECDSA with P-256: short, fast, read by everything.
    #[default]
    EcdsaP256,
    /// ECDSA with P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
    /// RSA of another length between 2048 and 4096 bits: is read, never made, and has no name that
    /// could be asked for.
    RsaOther {
        /// The length of the modulus.
        bits: u32,
    },
}

/// Not the name of a kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is one of `rsa2048`, `rsa3072`, `rsa4096`, `ecdsa-p256`, `ecdsa-p384`, `ed25519`")]
pub struct KeyAlgorithmError;

const NAMES: [(KeyAlgorithm, &str); 6] = [
    (KeyAlgorithm::Rsa2048, "rsa2048"),
    (KeyAlgorithm::Rsa3072, "rsa3072"),
    (KeyAlgorithm::Rsa4096, "rsa4096"),
    (KeyAlgorithm::EcdsaP256, "ecdsa-p256"),
    (KeyAlgorithm::EcdsaP384, "ecdsa-p384"),
    (KeyAlgorithm::Ed25519, "ed25519"),
];

impl KeyAlgorithm {
    /// RSA with so many bits.
    pub(super) const fn rsa(bits: u32) -> Self {
        match bits {
            2048 => Self::Rsa2048,
            3072 => Self::Rsa3072,
            4096 => Self::Rsa4096,
            bits => Self::RsaOther { bits },
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMES.iter().find(|(algorithm, _)| algorithm == self)) {
            (_, Some((_, name))) => f.write_str(name),
            (Self::RsaOther { bits }, None) => write!(f, "rsa{bits}"),
            (_, None) => write!(f, "{self:?}"),
        }
    }
}

impl FromStr for KeyAlgorithm {
    type Err = KeyAlgorithmError;

    fn from_str(text: &str) -> Result<Self, KeyAlgorithmError> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(algorithm, _)| *algorithm).ok_or(KeyAlgorithmError)
    }
}
