use axum::body::{Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::limits::Limits;
use crate::webhook::metrics::Refused;

/// Why a request body was not read to its end. As a response it says so with the status named at
/// each. On HTTP/1.1 the connection ends with it: what follows is the rest of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// HTTP 413.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// [`Limits::body_bytes`].
        limit: usize,
    },
    /// HTTP 408.
    #[error("the request body did not arrive in time")]
    TooSlow,
    /// HTTP 400: the connection or the stream ended, or its framing is broken.
    #[error("the request body ended early")]
    Broken,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, counted) = match self {
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Some(Refused::Large)),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, Some(Refused::Slow)),
            Self::Broken => (StatusCode::BAD_REQUEST, None),
        };
        let mut response = (status, format!("{self}\n")).into_response();
        response.extensions_mut().insert(Unread(counted));
        response
    }
}

/// Marks a response to a request whose body was not read: the server counts it when it passes, and
/// ends the connection if that is HTTP/1.1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unread(pub(super) Option<Refused>);

/// Reads a request body whole, within [`Limits::body_bytes`] and [`Limits::body_time`]. A body that
/// came in one piece is passed on without a copy. A length that is announced too large is refused
/// before anything is read.
///
/// Answering with the [`Refusal`] also counts it in the metrics.
///
/// # Errors
/// See [`Refusal`].
///
/// ```
/// use axum::body::{Body, Bytes};
/// use portcullis::webhook::server::{Limits, Refusal, read_body};
///
/// async fn echo(limits: Limits, body: Body) -> Result<Bytes, Refusal> {
///     read_body(body, &limits).await
/// }
/// ```
pub async fn read_body<B>(body: B, limits: &Limits) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let limit = limits.body_bytes;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Refusal::TooLarge { limit });
    }
    let read = tokio::time::timeout(limits.body_time, collect(body, limit));
    read.await.unwrap_or(Err(Refusal::TooSlow))
}

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let first = next_piece(&mut body).await?.unwrap_or_default();
    if first.len() > limit {
        return Err(Refusal::TooLarge { limit });
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next_piece(&mut body).await? else {
        return Ok(first);
    };
    // Grown as it comes: room for an announced length would be memory for the asking.
    let mut all = Vec::from(first);
    let mut piece = second;
    loop {
        if piece.len() > limit.saturating_sub(all.len()) {
            return Err(Refusal::TooLarge { limit });
        }
        all.extend_from_slice(&piece);
        match next_piece(&mut body).await? {
            Some(next) => piece = next,
            None => return Ok(all.into()),
        }
    }
}

/// The next data frame that is not empty; trailers are passed over.
async fn next_piece<B>(body: &mut B) -> Result<Option<Bytes>, Refusal>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Broken)?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::HeaderMap;
    use hyper::body::Frame;

    use super::*;

    /// A body of pieces, as they come off a connection.
    struct Pieces(VecDeque<Frame<Bytes>>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    async fn read(pieces: &[&Bytes], limit: usize) -> Result<Bytes, Refusal> {
        let mut frames: VecDeque<_> =
            pieces.iter().map(|piece| Frame::data(Bytes::clone(piece))).collect();
        frames.push_back(Frame::trailers(HeaderMap::new()));
        let limits = Limits { body_bytes: limit, ..Limits::default() };
        read_body(Pieces(frames), &limits).await
    }

    #[tokio::test]
    async fn one_piece_is_not_copied_and_more_are_joined() {
        let (empty, one) = (Bytes::new(), Bytes::from(vec![b'a'; 4]));
        for pieces in [&[&one][..], &[&empty, &one], &[&one, &empty]] {
            let read = read(pieces, 4).await.unwrap();
            assert_eq!((read.as_ptr(), read.len()), (one.as_ptr(), 4));
        }
        assert_eq!(read(&[&one, &empty, &one], 8).await.unwrap(), "aaaaaaaa");
        assert_eq!(read(&[], 0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_byte_too_many_is_refused_in_whatever_piece() {
        let (one, four) = (Bytes::from("b"), Bytes::from("aaaa"));
        let refused = Err(Refusal::TooLarge { limit: 4 });
        assert_eq!(read(&[&four], 4).await.unwrap(), "aaaa");
        assert_eq!(read(&[&four, &one], 4).await, refused);
        assert_eq!(read(&[&one, &four], 4).await, refused);
        let refused = Err(Refusal::TooLarge { limit: 3 });
        assert_eq!(read(&[&four], 3).await, refused);
    }
}
