//! One token review: from the bytes of the body to the bytes of the answer.

use std::sync::Arc;

use http::StatusCode;
use hyper::body::Bytes;

use super::metrics::{CacheResult, Proved};
use super::reply::Reply;
use crate::api::authentication::{TokenReview, TokenReviewStatus};
use crate::authn::cache::{CacheUse, TokenCache};
use crate::authn::{Attempt, Authenticated, AuthnError, Proof, UnixSeconds};

/// An answered review, for those who write it down.
pub(super) struct Seen<'a> {
    /// The token; to be digested, never written.
    pub(super) token: &'a str,
    /// For whom it was to be good.
    pub(super) audiences: &'a [String],
    /// Who it is, nobody, or why not.
    pub(super) found: Result<Option<&'a Arc<Proof>>, &'a AuthnError>,
}

impl Seen<'_> {
    /// What that comes to.
    pub(super) const fn proved(&self) -> Proved {
        match self.found {
            Ok(Some(_)) => Proved::Authenticated,
            Ok(None) => Proved::Unknown,
            Err(_) => Proved::Error,
        }
    }
}

/// Answers one review. `seen` is shown every look-up after the answer is rendered.
pub(super) async fn answer(
    body: &[u8],
    tokens: &TokenCache,
    now: UnixSeconds,
    seen: impl FnOnce(&Seen<'_>),
) -> (Reply, Proved, Option<CacheResult>) {
    let review = match TokenReview::from_json(body) {
        Ok(review) => review,
        Err(error) => {
            let reply = Reply::failure(StatusCode::BAD_REQUEST, &error.to_string());
            return (reply, Proved::Malformed, None);
        }
    };
    let token = match review.token() {
        Ok(token) => token,
        Err(refusal) => {
            let status = TokenReviewStatus::refused(refusal);
            return (reply(&review, &status), Proved::Malformed, None);
        }
    };
    let attempt = Attempt { token, audiences: &review.audiences, now };
    let (used, found) = tokens.find(attempt).await;
    let answer = match &found {
        Ok(Some(proof)) => {
            let Authenticated { user, audiences, .. } = &proof.authenticated;
            let body = Bytes::from(review.answer_authenticated(user, audiences));
            Reply { status: StatusCode::OK, body }
        }
        Ok(None) => reply(&review, &TokenReviewStatus::unknown()),
        Err(error) => reply(&review, &TokenReviewStatus::refused(error)),
    };
    let answered =
        Seen { token, audiences: &review.audiences, found: found.as_ref().map(Option::as_ref) };
    let proved = answered.proved();
    seen(&answered);
    let used = match used {
        CacheUse::Hit => CacheResult::Hit,
        CacheUse::Joined => CacheResult::Joined,
        CacheUse::Miss => CacheResult::Miss,
    };
    (answer, proved, Some(used))
}

fn reply(review: &TokenReview, status: &TokenReviewStatus) -> Reply {
    Reply { status: StatusCode::OK, body: Bytes::from(review.answer(status)) }
}
