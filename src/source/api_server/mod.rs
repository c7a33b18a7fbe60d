//! Writing single objects to an API server: what came of it, and may it be tried again?
//!
//! Every answer is read whole, up to a limit, and what is no 2xx becomes an [`ApiError`] that knows
//! whether it may pass by itself. Nothing of an answer is logged.
//!
//! Absent on purpose: lists and watches of what decides (see [`watch`](super::watch)), trying again
//! (callers know whether that is harmless), and the meaning of the objects.

mod error;
mod pause;

use std::time::Duration;

use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde_json::Value;

pub use error::ApiError;
pub(crate) use pause::{Pauses, spread};

use super::watch::Connection;

/// No answer takes longer, however large.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody waits longer because it was asked to: what stands between may say anything.
const LONGEST_RETRY_AFTER: u64 = 3600;

/// No single object is larger (etcd takes 1.5 MiB), and no list that is asked for here.
const LARGEST_ANSWER: usize = 96 << 20;

/// Sends a request, and gives the object of the answer.
///
/// `path` begins with `/api`; its parts are names of Kubernetes, in which nothing has to be escaped.
pub(crate) async fn send(
    connection: &Connection,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Value, ApiError> {
    let bytes = match body {
        None => Vec::new(),
        Some(body) => serde_json::to_vec(body).map_err(|error| ApiError::Answer(error.into()))?,
    };
    let mut request = Request::builder().method(method).uri(path);
    request = request.header(header::ACCEPT, "application/json");
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Body::from(bytes));
    let request = request.map_err(|error| ApiError::Unreachable(error.into()))?;
    let exchange = async {
        let sent = connection.client().send(request).await;
        let answer = sent.map_err(|error| ApiError::Unreachable(error.into()))?;
        read(answer).await
    };
    tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| ApiError::Silent(PATIENCE))?
}

async fn read(answer: Response<Body>) -> Result<Value, ApiError> {
    let (parts, body) = answer.into_parts();
    let collected = Limited::new(body, LARGEST_ANSWER).collect().await;
    let bytes = collected.map_err(ApiError::Unreachable)?.to_bytes();
    if parts.status.is_success() {
        return serde_json::from_slice(&bytes).map_err(|error| ApiError::Answer(error.into()));
    }
    let seconds = parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = seconds.and_then(|text| text.trim().parse::<u64>().ok());
    let retry_after = seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER)));
    Err(ApiError::status(parts.status.as_u16(), &bytes, retry_after))
}
