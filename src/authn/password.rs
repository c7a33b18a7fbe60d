use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use super::{Answering, AuthnError, Outcome, UnixSeconds};
use crate::model::User;

/// A name and a password that somebody presents.
#[derive(Clone, Copy)]
pub struct PasswordAttempt<'a> {
    /// The name, as it was sent.
    pub name: &'a str,
    /// The password. Never logged, never part of an error.
    pub password: &'a str,
    /// Where the connection comes from, if that is known.
    pub source: Option<IpAddr>,
    /// The time of the attempt.
    pub now: UnixSeconds,
}

impl fmt::Debug for PasswordAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordAttempt")
            .field("name", &self.name)
            .field("password", &"[secret]")
            .field("source", &self.source)
            .field("now", &self.now)
            .finish()
    }
}

/// Anything that can tell whether a password is somebody's. Open: bring your own.
///
/// `Ok(None)` is said of a name that it does not know, a refusal of one that it knows. Whoever asks
/// several goes on after either, and tells the outside nothing of the difference.
pub trait PasswordAuthenticator: Send + Sync {
    /// The name in logs and metrics, such as `password-file`.
    fn name(&self) -> &str;

    /// Looks at one name and password. Never asks anybody with an empty password, nor with one that
    /// holds a NUL: a directory may take the first for no password at all (RFC 4513 section 5.1.2).
    fn authenticate<'a>(&'a self, attempt: PasswordAttempt<'a>) -> Answering<'a>;
}

/// What came of one step of a negotiation (RFC 4559).
#[derive(Debug)]
pub struct Negotiated {
    /// Who it is, no opinion (the token is of another mechanism), or why not. A negotiation that
    /// would need another round is an error.
    pub outcome: Outcome,
    /// What the client is to be answered, by which it knows the server: the token of mutual
    /// authentication.
    pub reply: Option<Vec<u8>>,
}

/// A step of a negotiation that may need waiting for.
pub type Negotiating<'a> = Pin<Box<dyn Future<Output = Negotiated> + Send + 'a>>;

/// Anything that can tell whose a ticket is: SPNEGO.
pub trait NegotiateAuthenticator: Send + Sync {
    /// The name in logs and metrics, such as `kerberos`.
    fn name(&self) -> &str;

    /// Looks at the token of an `Authorization: Negotiate` header, base64 taken off.
    /// `channel_binding` is that of the TLS connection (RFC 5929 `tls-server-end-point`, with its
    /// prefix), where there is one.
    fn negotiate<'a>(
        &'a self,
        token: &'a [u8],
        channel_binding: Option<&'a [u8]>,
        now: UnixSeconds,
    ) -> Negotiating<'a>;
}

/// The groups of a user, or that there is no such user any more (`None`).
pub type LookedUp = Result<Option<Vec<String>>, AuthnError>;

/// A look-up of groups that may need waiting for.
pub type LookingUp<'a> = Pin<Box<dyn Future<Output = LookedUp> + Send + 'a>>;

/// Anything that knows the groups of users now: a directory, a file.
pub trait GroupLookup: Send + Sync {
    /// The name in logs and metrics, such as `ldap`.
    fn name(&self) -> &str;

    /// The groups of a user as they are at this moment. A user whose account was disabled or has
    /// expired is no user any more. May wait, within a budget of its own.
    fn groups_of<'a>(&'a self, user: &'a User) -> LookingUp<'a>;
}
