use std::time::Duration;

use super::{AcceptError, PrincipalError, PrincipalRefused, TokenProblem};
use crate::authn::{AuthnError, Reserved};

/// Why a login by ticket was refused. For the log; the outside is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KerberosError {
    /// The token was not even shown to the Kerberos library.
    #[error(transparent)]
    Token(#[from] TokenProblem),
    /// The Kerberos library refused it.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// It was presented before.
    #[error("the ticket was presented before: this is a replay")]
    Replay,
    /// There is no room to remember it, so nobody could tell a replay.
    #[error(
        "too many logins by ticket in too little time to tell a replay: try again in some minutes"
    )]
    ReplaysFull,
    /// The ticket has ended.
    #[error("the ticket of `{0}` has expired")]
    Expired(String),
    /// The connection has no channel binding, and one is required.
    #[error(
        "a channel binding is required, and this connection has none: it does not come by TLS that ends here"
    )]
    NoChannelBinding,
    /// The client sent no channel binding, and one is required.
    #[error("a channel binding is required, and the client of `{0}` sent none")]
    NotBound(String),
    /// The library's name of the client is none.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// The principal is no user.
    #[error(transparent)]
    Refused(#[from] PrincipalRefused),
    /// The directory does not know the user, or no longer.
    #[error(
        "`{user}` has a ticket and no account in `{directory}`: it is missing, disabled or expired"
    )]
    NoAccount {
        /// The user.
        user: String,
        /// The directory.
        directory: String,
    },
    /// The directory gives the user what only Kubernetes gives.
    #[error(
        "`{directory}` gives user `{user}` the {reserved}, and `system:` names are Kubernetes' own"
    )]
    Reserved {
        /// The user.
        user: String,
        /// The directory.
        directory: String,
        /// What.
        reserved: Reserved,
    },
    /// More logins wait than may.
    #[error("too many logins by ticket at once: {0} wait already")]
    Busy(usize),
    /// A login waited longer than it may.
    #[error("the login waited {} ms for others, longer than it may", .0.as_millis())]
    Timeout(Duration),
    /// The check of a ticket ended without an answer.
    #[error("the check of the ticket ended without an answer")]
    Ended,
    /// The caller's mistake: there is nothing to run on.
    #[error("logins by ticket need a Tokio runtime")]
    NoRuntime,
}

impl KerberosError {
    /// Whether nothing is said about anybody's ticket: the next one may be looked at. A server answers
    /// 503 to it, not 401.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::ReplaysFull | Self::Busy(_) | Self::Timeout(_) | Self::Ended | Self::NoRuntime
        )
    }
}

impl From<KerberosError> for AuthnError {
    fn from(error: KerberosError) -> Self {
        if error.is_outage() { Self::unavailable(error) } else { Self::new(error) }
    }
}

/// Why an authenticator cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KerberosOptionsError {
    /// A limit of zero, by which nobody could log in.
    #[error("`{0}` must not be zero")]
    Zero(&'static str),
    /// Shorter than a ticket's authenticator may be old.
    #[error("logins must be remembered for at least {least} seconds to tell a replay, not {given}")]
    ReplaySeconds {
        /// What was given.
        given: i64,
        /// The least.
        least: i64,
    },
    /// The system has no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_busy_says_nothing_of_a_ticket_and_a_replay_does() {
        assert!(AuthnError::from(KerberosError::Busy(3)).is_unavailable());
        assert!(!AuthnError::from(KerberosError::Replay).is_unavailable());
    }
}
