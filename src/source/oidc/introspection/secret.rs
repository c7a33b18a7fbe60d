use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::error::IntrospectionConfigError;

/// How old what was read of the file may be before it is read again.
const FRESH: Duration = Duration::from_secs(10);

/// What the client proves itself with: HTTP basic authentication (RFC 6749 §2.3.1).
pub(super) struct ClientSecret {
    client_id: String,
    file: PathBuf,
    header: Mutex<(HeaderValue, Instant)>,
}

impl ClientSecret {
    pub(super) fn read(client_id: &str, file: PathBuf) -> Result<Self, IntrospectionConfigError> {
        let content = std::fs::read(&file).map_err(|error| {
            let error = error.to_string();
            IntrospectionConfigError::Unreadable { path: file.clone(), error }
        })?;
        let header = header(client_id, content)
            .ok_or_else(|| IntrospectionConfigError::NoSecret { path: file.clone() })?;
        let header = Mutex::new((header, Instant::now()));
        Ok(Self { client_id: client_id.to_owned(), file, header })
    }

    /// The header, sensitive.
    pub(super) async fn header(&self) -> HeaderValue {
        if self.is_due() {
            let content = tokio::fs::read(&self.file).await;
            if let Some(header) = content.ok().and_then(|content| header(&self.client_id, content))
            {
                self.known().0 = header;
            }
        }
        self.known().0.clone()
    }

    /// Whether the file is to be read again, which one of several callers is told.
    fn is_due(&self) -> bool {
        let mut known = self.known();
        let is_due = known.1.elapsed() >= FRESH;
        if is_due {
            known.1 = Instant::now();
        }
        is_due
    }

    fn known(&self) -> std::sync::MutexGuard<'_, (HeaderValue, Instant)> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` when the content is no secret.
fn header(client_id: &str, content: Vec<u8>) -> Option<HeaderValue> {
    let content = Zeroizing::new(content);
    let text = std::str::from_utf8(&content).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let secret = text.strip_suffix('\r').unwrap_or(text);
    if secret.is_empty() || secret.contains(['\n', '\r']) {
        return None;
    }
    let secret = Zeroizing::new(form_encoded(secret));
    let pair = Zeroizing::new(format!("{}:{}", form_encoded(client_id), *secret));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut header = HeaderValue::from_str(&value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// `application/x-www-form-urlencoded`.
pub(super) fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            // Writing to a string does not fail.
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_every_byte_as_itself_or_by_its_number() {
        assert_eq!(form_encoded("aZ09-._*"), "aZ09-._*");
        assert_eq!(form_encoded("a b&c=d%+é\0~"), "a+b%26c%3Dd%25%2B%C3%A9%00%7E");
    }

    #[test]
    fn the_header_is_that_of_rfc_6749_and_shows_nobody_the_secret() {
        let header = header("a:b", b"s:1\n".to_vec()).unwrap();
        assert_eq!(header.as_bytes(), b"Basic YSUzQWI6cyUzQTE=");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_is_due_and_one_that_is_gone_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "one\n").unwrap();
        let secret = ClientSecret::read("a", file.clone()).unwrap();
        let later = || secret.known().1 = Instant::now().checked_sub(FRESH).unwrap();
        let (one, two) = (header("a", b"one".to_vec()), header("a", b"two".to_vec()));
        std::fs::write(&file, "two\n").unwrap();
        assert_eq!(Some(secret.header().await), one);
        later();
        assert_eq!(Some(secret.header().await), two);
        std::fs::write(&file, "").unwrap();
        later();
        assert_eq!(Some(secret.header().await), two);
        std::fs::remove_file(&file).unwrap();
        later();
        assert_eq!(Some(secret.header().await), two);
    }

    #[test]
    fn a_file_without_one_line_of_text_holds_no_secret() {
        for content in [&b""[..], b"\n", b"\r\n", b"a\nb", b"a\n\n", b"\xff"] {
            assert!(header("a", content.to_vec()).is_none(), "{content:?}");
        }
        for content in [&b"a"[..], b"a\n", b"a\r\n", b" a "] {
            assert!(header("a", content.to_vec()).is_some(), "{content:?}");
        }
    }
}
