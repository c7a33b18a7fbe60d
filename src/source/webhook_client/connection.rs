use std::error::Error;
use std::io;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::AskError;
use super::target::Target;
use crate::authz::webhook::RemoteAnswer;
use crate::source::fetch;

/// A connection that was not used for this long is closed.
const IDLE: Duration = Duration::from_secs(90);

/// When a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so. The
/// numbers of the API server's client.
const PING_AFTER: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(15);

/// The connections to a webhook.
pub(super) struct Connection {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    max_bytes: usize,
}

/// One answer.
pub(super) struct Reply {
    pub(super) answer: RemoteAnswer,
    /// The seconds of `Retry-After`; as the API server's client a date counts as nothing.
    pub(super) retry_after: Option<u64>,
}

impl Connection {
    /// Opens none yet.
    pub(super) fn new(target: Target, timeout: Duration, max_bytes: usize) -> Self {
        let Target { uri, tls, server_name, .. } = target;
        let is_plain = uri.scheme_str() == Some("http");
        let http = HttpClient::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PONG_WITHIN)
            .build(fetch::connector_with(tls, is_plain, server_name, timeout));
        Self { http, uri, max_bytes }
    }

    /// Sends a review once (S-WHA-1).
    pub(super) async fn post(
        &self,
        body: Bytes,
        authorization: Option<HeaderValue>,
    ) -> Result<Reply, AskError> {
        let mut request = Request::post(self.uri.clone())
            .header(ACCEPT, "application/json, */*")
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| broken(&error))?;
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let response = self.http.request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        let collected = Limited::new(body, self.max_bytes).collect().await;
        let body = match collected {
            Ok(body) => body.to_bytes().into(),
            // What stands beside a refusal does not matter.
            Err(_) if !head.status.is_success() => Vec::new(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(AskError::TooLarge { max_bytes: self.max_bytes });
            }
            Err(error) => return Err(broken(&*error)),
        };
        let content_type = text(&head.headers, &CONTENT_TYPE);
        let retry_after = seconds(text(&head.headers, &RETRY_AFTER));
        let answer = RemoteAnswer { status, content_type: content_type.to_owned(), body };
        Ok(Reply { answer, retry_after })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A whole number, as Go's `Atoi` reads it; what is below zero is no time to wait.
fn seconds(text: &str) -> Option<u64> {
    text.parse::<i64>().ok().map(|seconds| u64::try_from(seconds).unwrap_or(0))
}

fn broken(error: &(dyn Error + 'static)) -> AskError {
    AskError::Connection { text: fetch::chain(error), is_lost: is_lost(error) }
}

/// Whether a connection was reset, or an HTTP/2 connection does not answer pings any more (S-WHA-9).
fn is_lost(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        let io = cause
            .downcast_ref::<io::Error>()
            .or_else(|| cause.downcast_ref::<h2::Error>().and_then(h2::Error::get_io));
        if io.is_some_and(is_reset)
            || cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout)
        {
            return true;
        }
        next = cause.source();
    }
    false
}

/// An error of this kind names as its cause the cause of what it holds, and not that itself.
fn is_reset(error: &io::Error) -> bool {
    let held = error.get_ref().and_then(|held| held.downcast_ref::<io::Error>());
    error.kind() == io::ErrorKind::ConnectionReset || held.is_some_and(is_reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_and_a_date_is_nothing() {
        assert_eq!(seconds("3"), Some(3));
        assert_eq!(seconds("+3"), Some(3));
        assert_eq!(seconds("-3"), Some(0));
        for nothing in ["", " 3", "3.5", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(seconds(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_reset_anywhere_among_the_causes_is_a_lost_connection_and_a_refusal_is_not() {
        let nested = |kind: io::ErrorKind| io::Error::other(io::Error::from(kind));
        assert!(is_lost(&io::Error::from(io::ErrorKind::ConnectionReset)));
        assert!(is_lost(&nested(io::ErrorKind::ConnectionReset)));
        assert!(!is_lost(&nested(io::ErrorKind::ConnectionRefused)));
        assert!(!is_lost(&io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
}
