use http::StatusCode;
use hyper::body::Bytes;
use serde::Serialize;

/// An answer as it goes over the wire: always JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The object.
    pub body: Bytes,
}

impl Reply {
    /// An answered review.
    pub(super) fn answer(object: &impl Serialize) -> Self {
        let mut body = Vec::with_capacity(256);
        match serde_json::to_writer(&mut body, object) {
            Ok(()) => Self { status: StatusCode::OK, body: body.into() },
            // Only maps with keys that are no strings fail to become JSON, and there are none.
            Err(_) => Self::failure(StatusCode::INTERNAL_SERVER_ERROR, "the answer has no JSON"),
        }
    }

    /// A refusal or failure, as the API server writes one: a `Status` object. To an API server
    /// that asks, anything but 2xx is a failure, and its failurePolicy decides (S-WHA-8).
    pub(super) fn failure(status: StatusCode, message: &str) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Status<'a> {
            kind: &'a str,
            api_version: &'a str,
            status: &'a str,
            message: &'a str,
            reason: &'a str,
            code: u16,
        }

        let reason = match status {
            StatusCode::BAD_REQUEST => "BadRequest",
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::NOT_FOUND => "NotFound",
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            StatusCode::UNPROCESSABLE_ENTITY => "Invalid",
            StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            StatusCode::INTERNAL_SERVER_ERROR => "InternalError",
            _ => "",
        };
        let object = Status {
            kind: "Status",
            api_version: "v1",
            status: "Failure",
            message,
            reason,
            code: status.as_u16(),
        };
        let body = serde_json::to_vec(&object).unwrap_or_default();
        Self { status, body: body.into() }
    }
}
