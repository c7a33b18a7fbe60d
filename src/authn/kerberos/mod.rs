//! Whose ticket is this? `Authorization: Negotiate` (SPNEGO with Kerberos, RFC 4559), and the rules
//! from a Kerberos principal to a user.
//!
//! A token passes, in this order: what it must look like (SPNEGO around a Kerberos ticket; NTLM,
//! other mechanisms, and tokens that would need another round are refused unread), the Kerberos
//! library ([`TicketAcceptor`]: key of the service, times, channel binding, its replay cache), the
//! logins that this process remembers, the [`PrincipalRules`], and the directory that knows the
//! user's groups. What comes out is a user and the reply by which the client knows the server.
//!
//! # Names
//!
//! All of a principal counts. `jane/admin@EX.ORG` is not `jane@EX.ORG`: it is refused, or a user of
//! its own. The realm is compared exactly, and stays in the user name unless exactly one is allowed
//! and one says so. Nobody is ever called `system:…`, nor anonymous principals anything.
//!
//! # Channel bindings
//!
//! Where the caller knows the TLS connection's `tls-server-end-point` (RFC 5929), it goes to the
//! library. MIT Kerberos refuses a binding of another connection, and takes a ticket without one
//! (curl and most clients send none) unless the client says that it could have sent one; so without
//! [`ChannelBinding::Require`] bindings protect only clients that send them.
//!
//! # Delegation
//!
//! Tickets that a client forwards for use on its behalf are thrown away unseen.
//!
//! Absent on purpose: the keytab and the Kerberos library (see `source::kerberos`), passwords (a
//! client that has only a password asks its KDC), and the group `system:authenticated`, which
//! whoever asks adds.

mod authenticator;
mod der;
mod error;
mod header;
mod principal;
mod replay;
mod rules;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

pub use authenticator::{ChannelBinding, KerberosAuthenticator, KerberosOptions, UnwrappedTokens};
pub use error::{KerberosError, KerberosOptionsError};
pub use header::{HeaderError, SCHEME, challenge, parse_header};
pub use principal::{Principal, PrincipalError};
pub use rules::{
    Instances, PrincipalConfig, PrincipalRefused, PrincipalRules, PrincipalRulesError, RealmCase,
    UserNameForm,
};
pub use token::{LONGEST_TOKEN, TokenProblem};

/// What a Kerberos library says of a ticket that it accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The client's principal with its realm, in the text form of [`Principal`].
    pub principal: String,
    /// How long the library would go on accepting it, its leeway for clocks included; zero for one
    /// that has ended, `None` for one that never ends.
    pub lifetime: Option<Duration>,
    /// Whether the client bound it to the connection, and rightly.
    pub is_channel_bound: bool,
    /// The token by which the client knows the server.
    pub reply: Option<Vec<u8>>,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted")
            .field("principal", &self.principal)
            .field("lifetime", &self.lifetime)
            .field("is_channel_bound", &self.is_channel_bound)
            .field("reply", &self.reply.as_ref().map(|_| "[secret]"))
            .finish()
    }
}

/// Why a Kerberos library refuses a ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// In the words of the library, which tell names and no keys.
    #[error("the ticket is refused: {0}")]
    Refused(String),
    /// The library wants to go on asking.
    #[error("the negotiation would need another round: only a token with a ticket is accepted")]
    AnotherRound,
    /// The library does not tell the client's name in UTF-8.
    #[error("the name of the ticket's owner cannot be read")]
    Name,
}

/// A Kerberos library with a key. Blocks: called on threads that may.
pub trait TicketAcceptor: Send + Sync {
    /// Looks at one token, and opens nothing that outlives the call. `channel_binding` is that of
    /// the TLS connection, prefix included.
    ///
    /// # Errors
    /// When the token is not good, or not good alone.
    fn accept(&self, token: &[u8], channel_binding: Option<&[u8]>)
    -> Result<Accepted, AcceptError>;
}
