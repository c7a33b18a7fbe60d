use std::fmt::{self, Write as _};
use std::sync::Arc;

/// So many bytes of an error are told. Some texts of the API server repeat what a token says, and a
/// token may say 48 KiB.
const LONGEST: usize = 2048;

/// Why a token was refused by an authenticator that knows its kind. Carries no part of the token, and
/// displays as at most 2 KiB.
///
/// Cheap to clone, since joined look-ups share one outcome.
#[derive(Clone)]
pub struct AuthnError {
    error: Arc<dyn std::error::Error + Send + Sync>,
    is_unavailable: bool,
}

impl AuthnError {
    /// Wraps the error of an authenticator; its text is what the API server would say.
    #[must_use]
    pub fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { error: Arc::new(error), is_unavailable: false }
    }

    /// Wraps the error of an authenticator that could not look: its directory does not answer, it has
    /// too much to do. This says nothing about the credential, and is nobody's failed attempt.
    #[must_use]
    pub fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { error: Arc::new(error), is_unavailable: true }
    }

    /// Whether the authenticator could not look, so that the same attempt may succeed later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        self.is_unavailable
    }

    /// The error of the authenticator, to be told apart by type.
    #[must_use]
    pub fn get(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl fmt::Debug for AuthnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl fmt::Display for AuthnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = Cut { to: f, left: LONGEST, is_cut: false };
        match write!(told, "{}", self.error) {
            // Not the formatter's: nothing more was to be written.
            Err(_) if told.is_cut => Ok(()),
            other => other,
        }
    }
}

/// Writes so many bytes, and refuses more, so that nobody goes on formatting them.
struct Cut<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    left: usize,
    is_cut: bool,
}

impl fmt::Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            return self.to.write_str(text);
        }
        let end = (0..=self.left).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.to.write_str(text.get(..end).unwrap_or_default())?;
        self.to.write_str("…")?;
        self.is_cut = true;
        Err(fmt::Error)
    }
}

impl std::error::Error for AuthnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Text(String);

    #[test]
    fn a_text_is_told_whole_up_to_2_kib_and_cut_beyond() {
        let told = |text: String| AuthnError::new(Text(text)).to_string();
        let whole = "é".repeat(LONGEST / 2);
        assert_eq!(told(whole.clone()), whole);
        assert_eq!(told(format!("{whole}x")), format!("{whole}…"));
        // Never within a character.
        let odd = format!("x{whole}");
        assert_eq!(told(odd), format!("x{}…", "é".repeat(LONGEST / 2 - 1)));
        // An error among others is cut as the whole is.
        let outer = AuthnError::new(AuthnError::new(Text("y".repeat(5000))));
        assert!(outer.to_string().len() <= LONGEST + "…".len(), "{}", outer.to_string().len());
    }
}
