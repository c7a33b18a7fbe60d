use crate::crypto::certificate::{KeyDescription, KeyKind};

/// A kind of key that may be certified, and how long it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRule {
    /// The kind.
    pub kind: KeyKind,
    /// The least number of bits. Ed25519 has 256.
    pub min_bits: u32,
}

impl KeyRule {
    /// What counts when a rule says nothing: RSA from 2048 bits, the curves from P-256, Ed25519.
    pub const DEFAULT: [Self; 3] = [
        Self { kind: KeyKind::Rsa, min_bits: 2048 },
        Self { kind: KeyKind::Ecdsa, min_bits: 256 },
        Self { kind: KeyKind::Ed25519, min_bits: 256 },
    ];

    /// Whether a key is of that kind and long enough.
    #[must_use]
    pub fn takes(&self, key: &KeyDescription) -> bool {
        self.kind == key.algorithm && key.bits >= self.min_bits
    }
}
