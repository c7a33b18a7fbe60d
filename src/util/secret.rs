use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

/// A text that must not be seen: no `Display`, no `Clone`, no serialisation, an elided `Debug`;
/// wiped when dropped and compared in constant time.
///
/// ```
/// use portcullis::authn::Secret;
///
/// let secret = Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{secret:?}"), "[secret]");
/// assert!(secret.is("hunter2"));
/// assert!(!secret.is("hunter3"));
/// ```
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Never log it, never put it into an error.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same text; takes equally long wherever they differ.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), other.as_bytes()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Bytes that must not be seen: like [`Secret`], for values that need not be text. Clones share the
/// one copy.
///
/// ```
/// use portcullis::authn::SecretBytes;
///
/// let secret = SecretBytes::from(b"hunter2".to_vec());
/// assert_eq!(format!("{secret:?}"), "[secret]");
/// assert!(secret.is(b"hunter2"));
/// assert!(!secret.is(b"hunter3"));
/// ```
#[derive(Clone, Default)]
pub struct SecretBytes(Arc<Zeroizing<Vec<u8>>>);

impl SecretBytes {
    /// The bytes themselves. Never log them, never put them into an error.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// Whether `other` is the same; takes equally long wherever they differ.
    #[must_use]
    pub fn is(&self, other: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, other).is_ok()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
