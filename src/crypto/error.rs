use super::algorithm::{Algorithm, KeyType};
use crate::util::aggregate::aggregate;

/// Why a signature was not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token names an algorithm that the caller does not allow, or that does not exist here.
    #[error("token is signed with an algorithm that is not allowed, expected {}", Names(.allowed))]
    Algorithm {
        /// What is allowed.
        allowed: Vec<Algorithm>,
    },
    /// No key, or none with the token's `kid` (S-SAJWT-2).
    #[error("invalid signature, no keys found")]
    NoKeys,
    /// None of the keys that were tried proves it; one entry a key.
    #[error("{}", Aggregate(.0))]
    Keys(Vec<KeyRefusal>),
}

/// What one key says about a signature it does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// The signature is not the key's. The text is the API server's (S-SAJWT-2).
    #[error("go-jose/go-jose: error in cryptographic primitive")]
    Signature,
    /// The key cannot have made a signature of this algorithm.
    #[error("a {key_type} key makes no {algorithm} signatures")]
    KeyType {
        /// What kind of key it is.
        key_type: KeyType,
        /// What the token names.
        algorithm: Algorithm,
    },
    /// The key is set aside for another algorithm (`alg` of its JWK).
    #[error("the key is for {reserved} only, the token names {algorithm}")]
    Reserved {
        /// What the key is for.
        reserved: Algorithm,
        /// What the token names.
        algorithm: Algorithm,
    },
}

struct Aggregate<'a>(&'a [KeyRefusal]);

impl std::fmt::Display for Aggregate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&aggregate(&texts).unwrap_or_default())
    }
}

struct Names<'a>(&'a [Algorithm]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|algorithm| algorithm.name()).collect();
        write!(f, "[{}]", names.join(", "))
    }
}

/// Why bytes are no public key that signatures are verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// RSA below 2048 bits: within reach of factoring, and no longer allowed by NIST SP 800-131A.
    #[error("an RSA key must have at least 2048 bits, but has {bits}; make a longer one")]
    RsaTooShort {
        /// The length of the modulus.
        bits: u32,
    },
    /// RSA above 8192 bits: verification would take too long.
    #[error("an RSA key must have at most 8192 bits, but has {bits}")]
    RsaTooLong {
        /// The length of the modulus.
        bits: u32,
    },
    /// RSA whose modulus bears the mark of the ROCA generator (CVE-2017-15361), which can be
    /// factored.
    #[error("the RSA key was made by a broken generator (ROCA, CVE-2017-15361); make a new one")]
    Roca,
    /// None of RSA, P-256, P-384, P-521, Ed25519, or not a valid key of its kind.
    #[error("not a valid RSA, P-256, P-384, P-521 or Ed25519 key")]
    Unknown,
}

/// Why a PEM text gives no keys. `block` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FromPemError {
    /// The text is not PEM.
    #[error("not PEM; it must hold blocks such as `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// No block holds a key.
    #[error("no PEM block holds a key")]
    NoKeys,
    /// A private key under a passphrase.
    #[error("block {block} is encrypted; decrypt it first")]
    Encrypted {
        /// Which block.
        block: usize,
    },
    /// A block that should hold a key holds none that can be used.
    #[error("block {block} (`{label}`): {error}")]
    Key {
        /// Which block.
        block: usize,
        /// Its label, one of those that are read.
        label: &'static str,
        /// What is wrong.
        error: KeyError,
    },
}

/// Why there is no signing key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// Not exactly one PEM block.
    #[error("must be one PEM block `-----BEGIN PRIVATE KEY-----`")]
    NotOneBlock,
    /// A PEM block, but not of an unencrypted PKCS#8 key.
    #[error("must be a PKCS#8 `PRIVATE KEY`; convert with `openssl pkcs8 -topk8 -nocrypt`")]
    NotPkcs8,
    /// The key inside cannot sign: not P-256, RSA or Ed25519, or broken.
    #[error("must be a P-256, RSA or Ed25519 key")]
    Unsupported,
    /// The public half is refused.
    #[error("{0}")]
    Key(KeyError),
    /// The back-end could not make a key.
    #[error("no key could be made by the cryptographic back-end")]
    Generate,
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The caller's header names a member that the key fills in.
    #[error("`{0}` in the header is set by the key")]
    Reserved(&'static str),
    /// The token would be longer than [`MAX_TOKEN_BYTES`](super::jws::MAX_TOKEN_BYTES); nobody
    /// would accept it.
    #[error("the token would be longer than {} bytes", super::jws::MAX_TOKEN_BYTES)]
    TooLong,
    /// The back-end refused.
    #[error("the cryptographic back-end could not sign")]
    Backend,
}
