//! Reading `X509SHA256=…` as far as a look-up needs it.

use crate::model::{Fingerprint, X509_CREDENTIAL_PREFIX};

/// What a credential id says about a certificate.
pub(super) enum CredentialId<'a> {
    /// It is that of something else.
    Other,
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
        let Some(digits) = text.strip_prefix(X509_CREDENTIAL_PREFIX) else { return Self::Other };
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

/// Without a branch, so that the compiler looks at many digits at once.
fn are_hexadecimal(digits: &[u8; 64]) -> bool {
    let bad = |digit: u8| {
        let is_number = digit.wrapping_sub(b'0') < 10;
        let is_letter = (digit | 0x20).wrapping_sub(b'a') < 6;
        u8::from(!(is_number | is_letter))
    };
    digits.iter().fold(0, |found, &digit| found | bad(digit)) == 0
}

/// Four bytes from eight hexadecimal digits, all at once.
const fn four_bytes(digits: [u8; 8]) -> u64 {
    let digits = u64::from_be_bytes(digits);
    // As in `nibble`, in each of eight bytes.
    let nibbles = (digits & 0x0f0f_0f0f_0f0f_0f0f) + 9 * ((digits >> 6) & 0x0101_0101_0101_0101);
    let bytes = (nibbles | (nibbles >> 4)) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | (bytes >> 8)) & 0x0000_ffff_0000_ffff;
    (pairs | (pairs >> 16)) & 0xffff_ffff
}

/// The value of a hexadecimal digit of either case.
const fn nibble(digit: u8) -> u8 {
    // Letters have bit 6 set, and their low bits begin at 1.
    (digit & 0x0f) + 9 * (digit >> 6)
}
