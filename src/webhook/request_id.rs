//! The id of a request, by which log lines of one request are found.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};

/// The headers in which a client may name its request, in order of preference.
static HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("audit-id")];

/// A longer id is not taken: a UUID needs 36.
const LONGEST: usize = 64;

/// The id of one request: up to 64 letters, digits and `-_.:`. Made without an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; LONGEST],
    len: usize,
}

impl RequestId {
    /// An id that a client sent, if it is short and plain enough to stand in a log.
    ///
    /// ```
    /// use portcullis::webhook::request_id::RequestId;
    ///
    /// assert_eq!(RequestId::parse(b"a-1").unwrap().as_str(), "a-1");
    /// assert!(RequestId::parse(b"a b").is_none());
    /// assert!(RequestId::parse(b"").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        if text.is_empty() || !text.iter().all(is_plain) {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, len: text.len() })
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Gives requests their ids.
///
/// ```
/// use http::{HeaderMap, HeaderName};
/// use portcullis::webhook::request_id::RequestIds;
///
/// let ids = RequestIds::new();
/// let mut headers = HeaderMap::new();
/// assert_ne!(ids.of(&headers), ids.of(&headers));
/// headers.insert("audit-id", "0d1c".parse()?);
/// assert_eq!(ids.of(&headers).as_str(), "0d1c");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Debug)]
pub struct RequestIds {
    /// Tells the requests of one process from those of others. Not a secret.
    process: RequestId,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestIds {
    /// Ids of a process.
    #[must_use]
    pub fn new() -> Self {
        let bits = RandomState::new().hash_one(std::process::id());
        let mut process = RequestId { bytes: [0; LONGEST], len: 0 };
        (0..64).step_by(4).rev().for_each(|shift| process.push(hex(bits >> shift)));
        process.push(b'-');
        Self { process, next: AtomicU64::new(1) }
    }

    /// The id that the client sent, or a fresh one. An id that is too long or holds anything but
    /// letters, digits and `-_.:` is not taken.
    #[must_use]
    pub fn of(&self, headers: &HeaderMap) -> RequestId {
        let sent = |name: &HeaderName| RequestId::parse(headers.get(name)?.as_bytes());
        HEADERS.iter().find_map(sent).unwrap_or_else(|| self.fresh())
    }

    /// A fresh id: 16 hex digits of the process, and a count.
    #[must_use]
    pub fn fresh(&self) -> RequestId {
        let mut id = self.process;
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let digits = (64 - turn.leading_zeros()).div_ceil(4).max(1);
        for digit in (0..digits).rev() {
            id.push(hex(turn >> (4 * digit)));
        }
        id
    }
}

impl RequestId {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

/// The lowest four bits as a digit.
fn hex(bits: u64) -> u8 {
    let digit = u8::try_from(bits & 0xf).unwrap_or(0);
    if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn sent(name: HeaderName, value: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_bytes(value).unwrap());
        headers
    }

    #[test]
    fn a_plain_id_is_taken_and_one_that_would_forge_a_log_is_not() {
        let ids = RequestIds::new();
        for header in &HEADERS {
            for good in ["a", "0d1c7b8e-1f7e-4f0e-9d2e-5f9d3c0f9a11", &"x".repeat(64)] {
                assert_eq!(ids.of(&sent(header.clone(), good.as_bytes())).as_str(), good);
            }
            for bad in ["", "a b", "a\"b", "a\tb", "\u{e4}", "{}", &"x".repeat(65)] {
                let id = ids.of(&sent(header.clone(), bad.as_bytes()));
                assert_ne!(id.as_str(), bad);
                assert!(id.as_str().len() >= 18, "{id}");
            }
        }
    }

    #[test]
    fn fresh_ids_never_repeat_and_are_valid_themselves() {
        let ids = RequestIds::new();
        let all: Vec<RequestId> = (0..1_000).map(|_| ids.fresh()).collect();
        let texts: HashSet<&str> = all.iter().map(RequestId::as_str).collect();
        assert_eq!(texts.len(), 1_000);
        assert!(all.iter().all(|id| RequestId::parse(id.as_str().as_bytes()) == Some(*id)));
        assert!(all[999].as_str().ends_with("-3e8"), "{}", all[999]);
        let other = RequestIds::new().fresh();
        assert_ne!(other, all[0]);
    }
}
