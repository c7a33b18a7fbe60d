use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::authn::UnixSeconds;
use crate::webhook::metrics::LoginOutcome;
use crate::webhook::reply::Reply;

/// What the realm of HTTP basic is called.
const REALM: &str = "Basic realm=\"portcullis\", charset=\"UTF-8\"";

/// How a login ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// Something is handed out.
    Yes(Reply),
    /// Nobody we know, for whatever reason. The outside never learns which.
    Unauthorized,
    /// Too many wrong guesses; so many seconds have to pass.
    Later(UnixSeconds),
    /// Somebody we know, who may not have what was asked for.
    Forbidden(String),
    /// No login at all.
    Malformed(String),
    /// Whom we would ask does not answer.
    Unavailable,
    /// We cannot.
    Failed,
}

impl Ending {
    /// The name in metrics and logs.
    pub(super) const fn outcome(&self) -> LoginOutcome {
        match self {
            Self::Yes(_) => LoginOutcome::Success,
            Self::Unauthorized => LoginOutcome::Unauthorized,
            Self::Later(_) => LoginOutcome::Throttled,
            Self::Forbidden(_) => LoginOutcome::Forbidden,
            Self::Malformed(_) => LoginOutcome::Malformed,
            Self::Unavailable => LoginOutcome::Unavailable,
            Self::Failed => LoginOutcome::Failed,
        }
    }

    /// `challenges`: how one may log in instead.
    pub(super) fn into_response(
        self,
        challenges: Challenges,
        negotiated: Option<String>,
    ) -> Response {
        let (reply, retry_after) = match self {
            Self::Yes(reply) => (reply, None),
            Self::Unauthorized => (Reply::failure(StatusCode::UNAUTHORIZED, "Unauthorized"), None),
            Self::Later(seconds) => {
                let why = "too many attempts; wait before you try again";
                (Reply::failure(StatusCode::TOO_MANY_REQUESTS, why), Some(seconds.max(1)))
            }
            Self::Forbidden(why) => (Reply::failure(StatusCode::FORBIDDEN, &why), None),
            Self::Malformed(why) => (Reply::failure(StatusCode::BAD_REQUEST, &why), None),
            Self::Unavailable => {
                let why = "logins are not possible at the moment; try again";
                (Reply::failure(StatusCode::SERVICE_UNAVAILABLE, why), Some(5))
            }
            Self::Failed => {
                let why = "the credential could not be made; see the server's log";
                (Reply::failure(StatusCode::INTERNAL_SERVER_ERROR, why), None)
            }
        };
        let status = reply.status;
        let mut response: Response<Body> = reply.into_response();
        let headers = response.headers_mut();
        // Credentials are kept by whom they were made for, and by nobody on the way.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        match negotiated.map(|token| HeaderValue::try_from(format!("Negotiate {token}"))) {
            Some(Ok(value)) => {
                headers.insert(header::WWW_AUTHENTICATE, value);
            }
            Some(Err(_)) | None if status == StatusCode::UNAUTHORIZED => {
                if challenges.negotiate {
                    let negotiate = HeaderValue::from_static("Negotiate");
                    headers.append(header::WWW_AUTHENTICATE, negotiate);
                }
                if challenges.basic {
                    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(REALM));
                }
                if challenges.bearer {
                    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
            }
            Some(Err(_)) | None => {}
        }
        response
    }
}

/// Which kinds of `Authorization` would be looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Challenges {
    pub(super) basic: bool,
    pub(super) negotiate: bool,
    pub(super) bearer: bool,
}
