//! Digests under a key that only this process knows.
//!
//! A table of secrets that is searched by the secret itself tells by its timing how much of a guess
//! was right. Under a random key nobody outside can know the digest of any guess, so the timing of a
//! search for it tells nothing.

use std::fmt;
use std::hash::{Hash, Hasher};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

/// A random key of this process; never written anywhere.
pub(crate) struct ProcessKey(hmac::Key);

impl ProcessKey {
    /// A new key. Fails only where the system has no randomness.
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map(Self)
    }

    /// HMAC-SHA256 over the parts, each with its length before it: no two lists of parts look alike.
    pub(crate) fn digest<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            context.update(&length.to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Digest(digest)
    }
}

impl fmt::Debug for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

/// What stands for a secret in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

#[cfg(feature = "basic")]
impl Digest {
    /// Whether both are the same; takes equally long wherever they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Hash for Digest {
    /// A part of a digest is as evenly spread as any hash of it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_ne_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Takes the hash of a [`Digest`] as it is.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Nothing but digests is ever hashed, which write one number; this is for completeness.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_of_parts_count_and_so_does_the_key() {
        let key = ProcessKey::generate().unwrap();
        let of = |parts: &[&'static str]| key.digest(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
        let other = ProcessKey::generate().unwrap();
        assert_ne!(of(&["ab"]), other.digest(["ab".as_bytes()]));
        assert_eq!(format!("{key:?}"), "[key]");
    }
}
