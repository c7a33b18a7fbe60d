use std::time::Duration;

use http::HeaderValue;
use hyper::body::Bytes;

use super::connection::{Connection, Reply};
use super::{AskError, ClientOptions};
use crate::api::authorization_config::GoDuration;
use crate::authz::webhook::RemoteAnswer;

/// How often an answer with `Retry-After` is obeyed within one attempt (S-WHA-9).
const OBEYED: u32 = 10;

/// Asks until there is an answer, or a failure that will not pass.
pub(super) async fn ask(
    connection: &Connection,
    options: &ClientOptions,
    body: Bytes,
    authorization: Option<HeaderValue>,
) -> Result<RemoteAnswer, AskError> {
    let mut pauses = options.retry.pauses();
    loop {
        let attempt = attempt(connection, body.clone(), authorization.clone());
        let outcome = tokio::time::timeout(options.timeout, attempt)
            .await
            .unwrap_or_else(|_| Err(AskError::Timeout(GoDuration::from(options.timeout))));
        match pauses.next() {
            Some(pause) if may_pass(&outcome) => {
                tokio::time::sleep(options.retry.jittered(pause)).await;
            }
            _ => return outcome.map(|reply| reply.answer),
        }
    }
}

/// One attempt; whoever asks for some time within it gets that.
async fn attempt(
    connection: &Connection,
    body: Bytes,
    authorization: Option<HeaderValue>,
) -> Result<Reply, AskError> {
    let mut obeyed = 0;
    loop {
        let reply = connection.post(body.clone(), authorization.clone()).await?;
        match reply.retry_after {
            Some(seconds) if obeyed < OBEYED && matches!(reply.answer.status, 429 | 500..) => {
                obeyed += 1;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            _ => return Ok(reply),
        }
    }
}

/// Whether another attempt may end otherwise (S-WHA-9).
fn may_pass(outcome: &Result<Reply, AskError>) -> bool {
    match outcome {
        Ok(Reply { answer, retry_after }) => match answer.status {
            200..=206 => false,
            // An internal error to the API server's client: every 5xx but these.
            503 => retry_after.is_some_and(|seconds| seconds > 0),
            429 | 500.. => true,
            // An error that suggests a delay, whatever else it is.
            _ => retry_after.is_some_and(|seconds| seconds > 0),
        },
        Err(AskError::Connection { is_lost, .. }) => *is_lost,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> Result<Reply, AskError> {
        Ok(Reply { answer: RemoteAnswer::json(status, "{}"), retry_after })
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
        // S-WHA-9.
        for again in [429, 500, 501, 502, 504, 505, 599] {
            assert!(may_pass(&status(again, None)), "{again}");
        }
        for never in [200, 201, 206, 301, 302, 400, 401, 403, 404, 409, 422, 503] {
            assert!(!may_pass(&status(never, None)), "{never}");
        }
        // 504 in the words of the list, and whatever suggests a delay.
        for suggested in [503, 400, 404] {
            assert!(may_pass(&status(suggested, Some(1))), "{suggested}");
            assert!(!may_pass(&status(suggested, Some(0))), "{suggested}");
        }
        assert!(!may_pass(&status(200, Some(1))));
        let connection = |is_lost| Err(AskError::Connection { text: String::new(), is_lost });
        assert!(may_pass(&connection(true)));
        assert!(!may_pass(&connection(false)));
        assert!(!may_pass(&Err(AskError::Timeout(GoDuration::ZERO))));
        assert!(!may_pass(&Err(AskError::TooLarge { max_bytes: 1 })));
    }
}
