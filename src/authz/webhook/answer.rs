use super::{RemoteAnswer, RemoteError};
use crate::api::authorization::{
    ReturnedReview, ReturnedReviewError, SubjectAccessReviewStatus, Version,
};
#[cfg(feature = "conditional-authorization")]
use crate::authz::{Conditional, WireError};
use crate::model::{Decision, Verdict};

/// The error beside a denial that is an approval, too (S-WHA-11).
pub const BOTH_ANSWERS: &str =
    "webhook subject access review returned both allow and deny response";

/// What objects in protobuf begin with.
const PROTOBUF: &[u8] = b"k8s\0";

/// Why an answer says nothing (S-WHA-8). What stood in it is not repeated: it may echo what was sent,
/// a token for one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Nothing came back.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A status that says that it is none; in the words of the API server's client.
    #[error("{}", status_text(*.0))]
    Status(u16),
    /// No body.
    #[error("0-length response with status code: {status} and content type: {content_type}")]
    Empty {
        /// The HTTP status.
        status: u16,
        /// The media type.
        content_type: String,
    },
    /// A body in protobuf.
    #[error("the webhook answers in protobuf, which is not read here; have it answer in JSON")]
    Protobuf,
    /// Something else than a SubjectAccessReview of the version that was asked in.
    #[error(transparent)]
    Review(#[from] ReturnedReviewError),
    /// Conditions that are none.
    #[cfg(feature = "conditional-authorization")]
    #[error(transparent)]
    Conditions(#[from] WireError),
}

/// Reads what came back (S-WHA-7, S-WHA-8).
pub(super) fn read(answer: &RemoteAnswer, asked: Version) -> Result<ReturnedReview, AnswerError> {
    let RemoteAnswer { status, content_type, body } = answer;
    if !(200..=206).contains(status) {
        return Err(AnswerError::Status(*status));
    }
    if body.is_empty() {
        let content_type = if content_type.is_empty() { "application/json" } else { content_type };
        let content_type = content_type.chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(AnswerError::Empty { status: *status, content_type });
    }
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if body.starts_with(PROTOBUF)
        || media_type.eq_ignore_ascii_case("application/vnd.kubernetes.protobuf")
    {
        return Err(AnswerError::Protobuf);
    }
    let review = ReturnedReview::from_json(body, asked)?;
    #[cfg(feature = "conditional-authorization")]
    conditional(&review)?;
    Ok(review)
}

/// What an answer comes to (S-WHA-11). Its evaluation error is passed over (S-WHA-12).
pub(super) fn verdict<'a>(status: &SubjectAccessReviewStatus) -> Verdict<'a> {
    let reason = status.reason.clone();
    match (status.allowed, status.denied) {
        (true, true) => Verdict::deny(reason).with_error(BOTH_ANSWERS),
        (false, true) => Verdict::deny(reason),
        (true, false) => Verdict::allow(reason),
        (false, false) => Verdict::new(Decision::NoOpinion, reason),
    }
}

/// What the API server's client says of a status.
fn status_text(status: u16) -> String {
    let text = match status {
        400 => "the server rejected our request for an unknown reason",
        401 => "the server has asked for the client to provide credentials",
        // Here the client says what the server wrote; see above why this does not.
        403 => "the server does not allow this request",
        415 => "the server does not understand the content type of our request",
        404 => "the server could not find the requested resource",
        405 => "the server does not allow this method on the requested resource",
        406 => "the server was unable to respond with a content type that the client supports",
        409 => "the server reported a conflict",
        422 => "the server rejected our request due to an error in our request",
        429 => "the server has received too many requests and has asked us to try again later",
        503 => "the server is currently unable to handle the request",
        504 => {
            "the server was unable to return a response in the time allotted, but may still be \
             processing the request"
        }
        500.. => {
            return format!(
                r#"an error on the server (status code {status}) has prevented the request from succeeding"#
            );
        }
        _ => {
            return format!(
                "the server responded with the status code {status} but did not return more information"
            );
        }
    };
    text.to_owned()
}

/// What an answer comes to that may depend on conditions (S-COND-2).
#[cfg(feature = "conditional-authorization")]
pub(super) fn conditional(answer: &ReturnedReview) -> Result<Conditional, WireError> {
    match &answer.condition_set_chain {
        None => Ok(verdict(&answer.status).into()),
        Some(chain) => Conditional::from_wire(&answer.status, chain),
    }
}
