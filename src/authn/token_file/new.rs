//! Tokens that are made here: `pct_<id>_<secret><checksum>`.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::Secret;
use super::error::TokenFileError;

/// What every token made here begins with, for people and for scanners of leaked secrets.
const PREFIX: &str = "pct_";
/// Characters of the id: enough that two of a file hardly ever meet.
const ID: usize = 10;
/// Characters of the secret: 62⁴³ > 2²⁵⁶.
const SECRET: usize = 43;
/// Characters of the checksum: 62⁶ > 2³².
const CHECKSUM: usize = 6;
/// The id is of the first 36 of these.
const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A token that was just made: 256 random bits, an id that is no secret, and a checksum over both, by
/// which a scanner knows a leaked token from any other text.
///
/// Nobody chooses the secret; this is the only way to make one.
#[derive(Debug)]
pub struct NewToken {
    /// The id, a part of the token; for logs, lists and revocation.
    pub id: String,
    /// The token. Show it once.
    pub token: Secret,
    /// Its digest, to be kept.
    pub digest: TokenDigest,
}

impl NewToken {
    /// Makes a token.
    ///
    /// # Errors
    /// [`TokenFileError::NoRandomness`] where the system has none.
    pub fn generate() -> Result<Self, TokenFileError> {
        let id = random(ID, 36)?;
        let secret = random(SECRET, 62)?;
        let mut token = String::with_capacity(PREFIX.len() + ID + 1 + SECRET + CHECKSUM);
        for part in [PREFIX, &id, "_", &secret] {
            token.push_str(part);
        }
        let checksum = checksum(&token);
        token.push_str(&checksum);
        Ok(Self { id: id.to_string(), digest: TokenDigest::of(&token), token: Secret::new(token) })
    }
}

/// Whether a text has the form of a token made here, checksum included. This proves nothing about
/// anybody; it finds leaked and mistyped tokens.
#[must_use]
pub fn is_well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return false;
    };
    let Some((id, secret)) = rest.split_once('_') else {
        return false;
    };
    let is_alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    id.len() == ID
        && secret.len() == SECRET + CHECKSUM
        && is_alphanumeric(id)
        && is_alphanumeric(secret)
        && text
            .split_at_checked(text.len().saturating_sub(CHECKSUM))
            .is_some_and(|(body, sum)| checksum(body) == sum)
}

/// Random characters, each of the first `kinds` of the alphabet equally likely.
fn random(length: usize, kinds: u8) -> Result<Zeroizing<String>, TokenFileError> {
    let system = SystemRandom::new();
    // The largest multiple of `kinds` in a byte: what is above would favour some characters.
    let fair = u8::MAX - u8::MAX % kinds;
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 64]);
    while text.len() < length {
        system.fill(&mut *bytes).map_err(|_| TokenFileError::NoRandomness)?;
        let fair = bytes.iter().filter(|byte| **byte < fair);
        let characters = fair.filter_map(|byte| ALPHABET.get(usize::from(byte % kinds)));
        for character in characters.take(length - text.len()) {
            text.push(char::from(*character));
        }
    }
    Ok(text)
}

/// CRC-32 (that of zip and Ethernet) in base 62.
fn checksum(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    let mut rest = !crc;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(rest % 62).unwrap_or_default();
        *digit = ALPHABET.get(index).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// The SHA-256 of a token: what a file holds in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        Self(<[u8; 32]>::try_from(digest.as_ref()).unwrap_or_default())
    }

    /// Reads `sha256:` and 64 lower-case hex digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        let (pairs, []) = hex.as_chunks::<2>() else {
            return None;
        };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }

    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    /// Not shown: the digest of a weak token can be searched for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[digest]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32() {
        // The check value of CRC-32: 0xcbf43926 for "123456789".
        let expected = 0xcbf4_3926_usize;
        let read = checksum("123456789").bytes().fold(0, |number, digit| {
            number * 62 + ALPHABET.iter().position(|known| *known == digit).unwrap()
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_new_token_is_well_formed_and_one_wrong_character_is_noticed() {
        let NewToken { id, token, digest } = NewToken::generate().unwrap();
        let text = token.expose_secret();
        assert_eq!(text.len(), 64);
        assert!(text.starts_with(&format!("pct_{id}_")));
        assert!(is_well_formed(text));
        assert_eq!(digest, TokenDigest::of(text));
        for at in 0..text.len() {
            let mut wrong = text.to_owned().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(std::str::from_utf8(&wrong).unwrap()), "{at}");
        }
        for text in ["", "pct_", "pct_a_b", "ghp_0123456789", "pct_ä"] {
            assert!(!is_well_formed(text));
        }
    }

    #[test]
    fn tokens_differ_and_use_the_whole_alphabet() {
        let mut seen = std::collections::BTreeSet::new();
        let mut characters = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let made = NewToken::generate().unwrap();
            let secret = made.token.expose_secret().get(15..58).unwrap().to_owned();
            characters.extend(secret.chars());
            assert!(seen.insert(secret));
        }
        assert_eq!(characters.len(), 62);
    }

    #[test]
    fn a_digest_is_written_and_read_and_hidden() {
        let digest = TokenDigest::of("abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(TokenDigest::parse(text), Some(digest));
        assert_eq!(format!("{digest:?}"), "[digest]");
        for bad in [
            "",
            "abc",
            text.get(..70).unwrap(),
            &text.to_uppercase(),
            &text.replace("sha256", "md5"),
        ] {
            assert_eq!(TokenDigest::parse(bad), None, "{bad}");
        }
        assert_eq!(TokenDigest::parse(&format!("{text}0")), None);
        assert_eq!(TokenDigest::parse(&text.replace("ba78", "BA78")), None);
    }
}
