use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::util::secret::Secret;

/// How old a token from a file may be before the file is read again.
const FRESH: Duration = Duration::from_secs(60);

/// A bearer token, as the header that shows it.
pub(super) struct Token {
    header: Mutex<(HeaderValue, Instant)>,
    /// Where it is read again.
    file: Option<PathBuf>,
}

impl Token {
    /// A token that stays. `None` when it is none.
    pub(super) fn fixed(token: &Secret) -> Option<Self> {
        let header = header(token.expose_secret())?;
        Some(Self { header: Mutex::new((header, Instant::now())), file: None })
    }

    /// A token from a file, which is looked at again later. `None` when it holds none.
    pub(super) fn of_file(file: PathBuf, content: Vec<u8>) -> Option<Self> {
        let header = header_of(content)?;
        Some(Self { header: Mutex::new((header, Instant::now())), file: Some(file) })
    }

    /// The header, sensitive. A file that cannot be read any more changes nothing: what it held last
    /// counts, as in the API server.
    pub(super) fn header(&self) -> HeaderValue {
        let mut known = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file
            && known.1.elapsed() >= FRESH
        {
            known.1 = Instant::now();
            if let Some(header) = fs::read(file).ok().and_then(header_of) {
                known.0 = header;
            }
        }
        known.0.clone()
    }
}

fn header_of(content: Vec<u8>) -> Option<HeaderValue> {
    let content = Zeroizing::new(content);
    header(std::str::from_utf8(&content).ok()?.trim())
}

fn header(token: &str) -> Option<HeaderValue> {
    if token.is_empty() {
        return None;
    }
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_and_is_never_shown() {
        let token = Token::of_file("x".into(), b" s3cret\n".to_vec()).unwrap();
        assert_eq!(token.header().to_str().unwrap(), "Bearer s3cret");
        assert!(!format!("{:?}", token.header()).contains("s3cret"));
        for none in ["", " \n", "two\nlines", "\u{0}"] {
            assert!(Token::of_file("x".into(), none.into()).is_none(), "{none:?}");
        }
        assert!(Token::fixed(&Secret::new("a\nb".to_owned())).is_none());
    }

    #[test]
    fn a_file_is_read_again_when_it_is_due_and_a_missing_one_leaves_the_old_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let token = Token::of_file(file.clone(), b"one".to_vec()).unwrap();
        fs::write(&file, "two").unwrap();
        assert_eq!(token.header(), "Bearer one"); // not due yet
        let make_due = || {
            let long_ago =
                Instant::now().checked_sub(FRESH).expect("the machine runs for a minute");
            token.header.lock().unwrap().1 = long_ago;
        };
        make_due();
        assert_eq!(token.header(), "Bearer two");
        fs::remove_file(&file).unwrap();
        make_due();
        assert_eq!(token.header(), "Bearer two");
    }
}
