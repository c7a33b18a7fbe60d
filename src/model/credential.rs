use std::fmt;
use std::str::FromStr;

use super::hex::{are_hexadecimal, nibble};

/// The extra key under which an API server says which credential proved a user (S-X509-6,
/// S-SAJWT-10, S-OIDC-16).
pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// What the credential id of a client certificate begins with; its fingerprint follows (S-X509-6).
pub const X509_CREDENTIAL_PREFIX: &str = "X509SHA256=";

/// What the credential id of a token begins with; its `jti` follows (S-SAJWT-10, S-OIDC-16).
pub const JTI_CREDENTIAL_PREFIX: &str = "JTI=";

/// The fingerprint of a certificate: the SHA-256 of its DER. Displays as lower-case hexadecimal
/// digits.
///
/// ```
/// use portcullis::model::Fingerprint;
///
/// let text = "X509SHA256=00".to_owned() + &"ab".repeat(31);
/// let fingerprint = Fingerprint::from_credential_id(&text).expect("a certificate's");
/// assert_eq!(fingerprint.credential_id(), text);
/// assert!(Fingerprint::from_credential_id("JTI=4711").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// Not the fingerprint of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// The fingerprint with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads `X509SHA256=…`. `None` for the credential id of something else.
    #[must_use]
    pub fn from_credential_id(text: &str) -> Option<Self> {
        text.strip_prefix(X509_CREDENTIAL_PREFIX)?.parse().ok()
    }

    /// The credential id that an API server makes of it (S-X509-6).
    #[must_use]
    pub fn credential_id(&self) -> String {
        format!("{X509_CREDENTIAL_PREFIX}{self}")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads 64 hexadecimal digits of either case. Colons between pairs, as `openssl x509
    /// -fingerprint` writes them, are passed over.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let mut bytes = [0; 32];
        if let Ok(digits) = <&[u8; 64]>::try_from(text.as_bytes())
            && are_hexadecimal(digits)
        {
            let (pairs, _) = digits.as_chunks();
            for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
                *byte = (nibble(*high) << 4) | nibble(*low);
            }
            return Ok(Self(bytes));
        }
        let mut digits = text.bytes().filter(|byte| *byte != b':');
        let mut digit = || {
            let digit = char::from(digits.next()?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        for byte in &mut bytes {
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err(FingerprintError) };
            *byte = (high << 4) | low;
        }
        if digits.next().is_some() { Err(FingerprintError) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_case_and_colons_are_read_and_one_form_is_written() {
        let plain = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        let read: Fingerprint = colons.parse().unwrap();
        assert_eq!(read.to_string(), plain);
        assert_eq!(plain.parse(), Ok(read));
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["", "0a", &"0a".repeat(33), &"0g".repeat(32), &"é".repeat(32), &"0a".repeat(31)]
        {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
        for id in ["", "JTI=1", "X509SHA256=", "x509sha256=0a", &"0a".repeat(32)] {
            assert_eq!(Fingerprint::from_credential_id(id), None, "{id}");
        }
    }
}
