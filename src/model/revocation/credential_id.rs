//! Reading `X509SHA256=…` as far as a look-up needs it.

use crate::model::hex::{are_hexadecimal, four_bytes, nibble};
use crate::model::{Fingerprint, JTI_CREDENTIAL_PREFIX, X509_CREDENTIAL_PREFIX};

/// What a credential id says about a certificate.
pub(super) enum CredentialId<'a> {
    /// It is that of something else.
    Other,
    /// The id of a token.
    Token(&'a str),
    /// It claims to be a certificate's and is no fingerprint.
    Unreadable,
    /// A fingerprint; the rest of it is read when that is needed.
    Certificate(Digits<'a>),
}

/// The 64 hexadecimal digits of a fingerprint, in the form in which API servers write them or in
/// another that [`Fingerprint`] reads.
pub(super) enum Digits<'a> {
    Plain(&'a [u8; 64]),
    Read(Fingerprint),
}

impl<'a> CredentialId<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let Some(digits) = text.strip_prefix(X509_CREDENTIAL_PREFIX) else {
            return text.strip_prefix(JTI_CREDENTIAL_PREFIX).map_or(Self::Other, Self::Token);
        };
        if let Ok(digits) = <&[u8; 64]>::try_from(digits.as_bytes())
            && are_hexadecimal(digits)
        {
            return Self::Certificate(Digits::Plain(digits));
        }
        match digits.parse() {
            Ok(fingerprint) => Self::Certificate(Digits::Read(fingerprint)),
            Err(_) => Self::Unreadable,
        }
    }
}

impl Digits<'_> {
    /// The first eight bytes of the fingerprint.
    pub(super) fn prefix(&self) -> u64 {
        match self {
            Self::Plain(digits) => match digits.as_chunks() {
                ([first, second, ..], _) => (four_bytes(*first) << 32) | four_bytes(*second),
                _ => 0,
            },
            Self::Read(fingerprint) => prefix_of(fingerprint),
        }
    }

    /// Whether they are this fingerprint's.
    pub(super) fn are(&self, fingerprint: &Fingerprint) -> bool {
        match self {
            Self::Plain(digits) => digits.chunks_exact(2).zip(fingerprint.as_bytes()).all(
                |(pair, byte)| matches!(pair, &[a, b] if (nibble(a) << 4) | nibble(b) == *byte),
            ),
            Self::Read(read) => read == fingerprint,
        }
    }
}

/// The first eight bytes of a fingerprint: a digest is its own hash.
pub(super) fn prefix_of(fingerprint: &Fingerprint) -> u64 {
    let bytes = fingerprint.as_bytes().iter().take(8);
    bytes.fold(0, |prefix, &byte| (prefix << 8) | u64::from(byte))
}
