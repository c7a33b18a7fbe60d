//! The collector, by HTTP.

use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message as _;

use super::message::{ExportRequest, ExportResponse};
use crate::source::fetch::{chain, check_url, connector};
use crate::webhook::config::{ConfigError, OpenTelemetryConfig, Problem};
use crate::webhook::load::{read_file, unreadable};

/// From the connection to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was not used for this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// Answers are a few bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Why spans did not reach it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SendError {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the collector answers with HTTP status {0}")]
    Status(StatusCode),
    #[error("the collector rejected {0} spans")]
    Rejected(u64),
}

/// Takes spans.
#[derive(Debug)]
pub(super) struct Collector {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
}

impl Collector {
    /// Opens no connection yet.
    pub(super) fn new(config: &OpenTelemetryConfig) -> Result<Self, ConfigError> {
        let ca_file = config.ca_file.as_ref();
        let refused = |message: String| match ca_file {
            Some(named) => {
                let message = format!("`{}`: {message}", named.path.display());
                Problem::new(named.origin.clone(), &named.field, message)
            }
            None => Problem::new(Default::default(), "log.openTelemetry.endpoint", message),
        };
        let one = |problem| ConfigError::new(vec![problem]);
        let authorities = ca_file
            .map(|named| read_file(&named.path).map_err(|error| one(unreadable(named, &error))))
            .transpose()?;
        let pem = authorities.as_ref().map(|bytes| bytes.as_slice());
        let made = check_url(&config.endpoint)
            .and_then(|uri| Ok((connector(&uri, pem, TIMEOUT)?, uri)))
            .map_err(|error| one(refused(error.to_string())));
        let (connector, uri) = made?;
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { http, uri })
    }

    /// One attempt. Redirects are not followed.
    pub(super) async fn send(&self, request: &ExportRequest) -> Result<(), SendError> {
        let sent = self.exchange(request.encode_to_vec().into());
        let answer =
            tokio::time::timeout(TIMEOUT, sent).await.map_err(|_| SendError::Timeout)??;
        // An answer that cannot be read says nothing of a rejection.
        let answer = ExportResponse::decode(answer).unwrap_or_default();
        let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        match u64::try_from(rejected) {
            Ok(0) | Err(_) => Ok(()),
            Ok(rejected) => Err(SendError::Rejected(rejected)),
        }
    }

    async fn exchange(&self, body: Bytes) -> Result<Bytes, SendError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let agent = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let response = self.http.request(request).await;
        let response = response.map_err(|error| SendError::Connect(chain(&error)))?;
        if !response.status().is_success() {
            return Err(SendError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|error| SendError::Connect(chain(&*error)))
    }
}
