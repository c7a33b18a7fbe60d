use std::fmt;

use super::AuthorityError;

/// The serial number of a certificate: positive, at most 20 bytes (RFC 5280 §4.1.2.2). Displays as
/// lower-case hexadecimal digits, two a byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber(Box<[u8]>);

impl SerialNumber {
    /// 128 random bits, as an API server's signers take them (S-CSR-17): two are never the same.
    ///
    /// # Errors
    /// When the back-end has no randomness.
    pub fn random() -> Result<Self, AuthorityError> {
        let mut bytes = [0; 16];
        loop {
            aws_lc_rs::rand::fill(&mut bytes)
                .map_err(|_| crate::crypto::private_key::PrivateKeyError::Backend)?;
            // Zero is not allowed; it does not happen either.
            if let Ok(serial) = Self::from_bytes(&bytes) {
                return Ok(serial);
            }
        }
    }

    /// The number with these bytes, the most significant first.
    ///
    /// # Errors
    /// When it is zero, or longer than 20 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthorityError> {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = bytes.get(zeros..).unwrap_or_default();
        // A first bit of 1 takes a byte more on the wire.
        let length = bytes.len().saturating_add(usize::from(bytes.first() >= Some(&0x80)));
        if bytes.is_empty() || length > 20 {
            return Err(AuthorityError::Serial);
        }
        Ok(Self(bytes.into()))
    }

    /// Its bytes, the most significant first, without zeros before.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
