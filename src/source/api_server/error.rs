use std::error::Error;
use std::time::Duration;

use serde_json::Value;

/// As much of a message of the API server is shown.
const SHOWN: usize = 300;

/// Why an API server did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No connection, or one that broke: nobody knows whether it was done.
    #[error("the API server cannot be reached, or its answer was cut off")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// No answer in time: nobody knows whether it was done.
    #[error("the API server did not answer within {0:?}")]
    Silent(Duration),
    /// An answer that nobody understands.
    #[error("the answer of the API server cannot be understood")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
    /// It said no.
    #[error("the API server says {code} {reason}: {message}")]
    Status {
        /// The HTTP status.
        code: u16,
        /// One word for programs.
        reason: String,
        /// A sentence for people.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
}

impl ApiError {
    /// What an answer that is no 2xx says.
    pub(super) fn status(code: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let said: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |field: &str| {
            let text = said.get(field).and_then(Value::as_str).unwrap_or_default();
            text.chars().take(SHOWN).flat_map(char::escape_debug).collect::<String>()
        };
        Self::Status { code, reason: text("reason"), message: text("message"), retry_after }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Somebody else wrote first: the object has another version, or is there already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// The object is not there, or what it would be in.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// What it was to go on from is forgotten.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// This user may not.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// Whether the same may succeed later without anybody's help: too many requests, an API server
    /// that is ill, a connection that broke. Credentials that are not taken may have just rotated.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.code().is_none_or(|code| code == 401 || code == 408 || code == 429 || code >= 500)
    }

    /// When the API server wants to be asked again.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_by_itself_is_told_apart_from_what_will_not() {
        for (code, passes) in [
            (401, true),
            (403, false),
            (404, false),
            (409, false),
            (422, false),
            (429, true),
            (503, true),
        ] {
            assert_eq!(ApiError::status(code, b"", None).may_pass(), passes, "{code}");
        }
        assert!(ApiError::Silent(Duration::from_secs(1)).may_pass());
    }

    #[test]
    fn a_no_is_one_line_whatever_it_says() {
        let body = br#"{"kind":"Status","reason":"Forbidden","message":"not\nyou"}"#;
        let error = ApiError::status(403, body, None);
        assert_eq!(error.to_string(), "the API server says 403 Forbidden: not\\nyou");
        assert!(error.is_forbidden());
        assert!(ApiError::status(502, b"<html>", None).to_string().contains("502"));
    }
}
