//! Bytes of answers: whole bodies, and lines as they come.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use http_body::Body as _;
use kube::client::Body;
use zeroize::Zeroizing;

use super::failure::Failure;

/// Bytes that are wiped when they are dropped: Secrets pass through here.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// The next bytes of a body; `None` at its end.
async fn frame(body: &mut Body) -> Option<Result<impl AsRef<[u8]> + use<>, kube::Error>> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame {
            // Trailers say nothing.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Some(Err(error)) => return Some(Err(error)),
            None => return None,
        }
    }
}

/// Adds bytes. A buffer that must grow leaves no copy behind.
fn push(buffer: &mut Bytes, bytes: &[u8]) {
    let length = buffer.len() + bytes.len();
    if length > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * buffer.capacity())));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    buffer.extend_from_slice(bytes);
}

/// A whole body.
///
/// # Errors
/// When it breaks off, is silent for too long, or is too long.
pub(super) async fn collect(
    mut body: Body,
    silence: Duration,
    limit: usize,
) -> Result<Bytes, Failure> {
    let mut whole = Bytes::default();
    loop {
        match tokio::time::timeout(silence, frame(&mut body)).await {
            Ok(Some(Ok(bytes))) => push(&mut whole, bytes.as_ref()),
            Ok(Some(Err(error))) => return Err(Failure::broken(&error)),
            Ok(None) => return Ok(whole),
            Err(_) => return Err(Failure::silent(silence)),
        }
        if whole.len() > limit {
            return Err(Failure::Unreachable(format!("an answer of more than {limit} bytes")));
        }
    }
}

/// The lines of a body, as they come.
#[derive(Debug)]
pub(super) struct Lines {
    body: Option<Body>,
    splitter: Splitter,
    /// What went wrong after the lines that were handed out.
    failed: Option<End>,
}

/// Why there are no more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The body is at its end. A line that was cut is no line.
    Closed,
    /// It breaks off.
    Failed(Failure),
    /// Nothing came for too long.
    Silent,
    /// A line is too long to be one.
    TooLong,
}

impl Lines {
    /// Lines of at most `longest` bytes.
    pub(super) fn new(body: Body, longest: usize) -> Self {
        Self { body: Some(body), splitter: Splitter::new(longest), failed: None }
    }

    /// All lines that are there, at least one; but no more than fit into about `enough` bytes, so that who
    /// waits for them need not wait for all of a flood.
    pub(super) async fn next(&mut self, silence: Duration, enough: usize) -> Result<Bytes, End> {
        loop {
            if let Some(end) = self.failed.take() {
                self.body = None;
                return Err(end);
            }
            let Some(body) = &mut self.body else { return Err(End::Closed) };
            match tokio::time::timeout(silence, frame(body)).await {
                Ok(Some(Ok(bytes))) => self.splitter.push(bytes.as_ref()),
                Ok(Some(Err(error))) => self.failed = Some(End::Failed(Failure::broken(&error))),
                Ok(None) => self.failed = Some(End::Closed),
                Err(_) => self.failed = Some(End::Silent),
            }
            while self.failed.is_none() && self.splitter.len() < enough {
                match frame(body).now_or_never() {
                    Some(Some(Ok(bytes))) => self.splitter.push(bytes.as_ref()),
                    Some(Some(Err(error))) => {
                        self.failed = Some(End::Failed(Failure::broken(&error)));
                    }
                    Some(None) => self.failed = Some(End::Closed),
                    None => break,
                }
            }
            match self.splitter.take() {
                Ok(Some(lines)) => return Ok(lines),
                Ok(None) => {}
                Err(TooLong) => self.failed = Some(End::TooLong),
            }
        }
    }
}

/// Cuts bytes into whole lines.
#[derive(Debug)]
struct Splitter {
    buffer: Bytes,
    /// Where the last whole line ends.
    whole: usize,
    longest: usize,
}

/// A line that is too long.
#[derive(Debug, PartialEq, Eq)]
struct TooLong;

impl Splitter {
    fn new(longest: usize) -> Self {
        Self { buffer: Bytes::default(), whole: 0, longest }
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(at) = memchr::memrchr(b'\n', bytes) {
            self.whole = self.buffer.len() + at + 1;
        }
        push(&mut self.buffer, bytes);
    }

    fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The whole lines, if there are any.
    fn take(&mut self) -> Result<Option<Bytes>, TooLong> {
        if self.whole == 0 {
            return if self.buffer.len() > self.longest { Err(TooLong) } else { Ok(None) };
        }
        let (lines, rest) = self.buffer.split_at_checked(self.whole).unwrap_or_default();
        let lines = Zeroizing::new(lines.to_vec());
        self.buffer = Zeroizing::new(rest.to_vec());
        self.whole = 0;
        Ok(Some(lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(splitter: &mut Splitter) -> Option<String> {
        splitter.take().unwrap().map(|lines| String::from_utf8(lines.to_vec()).unwrap())
    }

    #[test]
    fn lines_are_whole_however_their_bytes_come() {
        let mut splitter = Splitter::new(100);
        for byte in b"{\"a\":1}" {
            splitter.push(&[*byte]);
            assert_eq!(lines(&mut splitter), None);
        }
        splitter.push(b"\n");
        assert_eq!(lines(&mut splitter).as_deref(), Some("{\"a\":1}\n"));
        splitter.push(b"b\nc\nd");
        splitter.push(b"e");
        assert_eq!(lines(&mut splitter).as_deref(), Some("b\nc\n"));
        assert_eq!(lines(&mut splitter), None);
        splitter.push(b"f\n");
        assert_eq!(lines(&mut splitter).as_deref(), Some("def\n"));
        assert_eq!(splitter.len(), 0);
    }

    #[test]
    fn a_line_may_have_its_length_and_not_a_byte_more() {
        let mut splitter = Splitter::new(4);
        splitter.push(b"abcd");
        assert_eq!(splitter.take(), Ok(None));
        splitter.push(b"e");
        assert_eq!(splitter.take(), Err(TooLong));
    }

    #[tokio::test]
    async fn a_cut_line_at_the_end_is_no_line() {
        let body = Body::from(b"one\ntwo\nthr".to_vec());
        let mut lines = Lines::new(body, 100);
        let second = Duration::from_secs(1);
        let first = lines.next(second, 1000).await.unwrap();
        assert_eq!(first.as_slice(), b"one\ntwo\n");
        assert_eq!(lines.next(second, 1000).await, Err(End::Closed));
        assert_eq!(lines.next(second, 1000).await, Err(End::Closed));
    }
}
