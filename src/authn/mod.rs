//! The engines that answer "who is this?". Everything they need is passed in: the token, the time,
//! key sets and objects; nothing is opened.
//!
//! An authenticator answers one of three things (S-AUTHN-1): this user, no opinion, or an error.
//! Errors do not end the search (S-AUTHN-3), and a token that nobody knows is never an anonymous
//! user (S-AUTHN-4).

mod audiences;
#[cfg(feature = "basic")]
pub mod basic;
#[cfg(feature = "bootstrap-token")]
pub mod bootstrap_token;
#[cfg(feature = "token-cache")]
pub mod cache;
pub mod chain;
mod client_certificate;
#[cfg(any(feature = "basic", feature = "token-file"))]
mod csv_record;
mod error;
#[cfg(feature = "issued-token")]
pub mod issued;
#[cfg(feature = "kerberos")]
pub mod kerberos;
mod keys;
#[cfg(feature = "ldap")]
pub mod ldap;
#[cfg(feature = "oidc")]
pub mod oidc;
mod password;
pub mod request;
#[cfg(feature = "request-header")]
pub mod request_header;
mod reserved;
#[cfg(feature = "x509")]
mod revoked;
#[cfg(feature = "service-account")]
pub mod service_account;
#[cfg(feature = "token-file")]
pub mod token_file;
#[cfg(any(feature = "oidc", feature = "service-account"))]
mod unverified;
#[cfg(feature = "x509")]
pub mod x509;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use crate::util::secret::{Secret, SecretBytes};
pub use audiences::{WrongAudiences, check_audiences, shared_audiences};
pub use client_certificate::{CertificateAuthenticator, CertifiedRequest, ClientCertificates};
#[cfg(any(feature = "basic", feature = "token-file"))]
use csv_record::secret_and_user;
pub use error::AuthnError;
pub use keys::Keys;
pub use password::{
    GroupLookup, LookedUp, LookingUp, NegotiateAuthenticator, Negotiated, Negotiating,
    PasswordAttempt, PasswordAuthenticator,
};
pub use reserved::{CREDENTIAL_ID, RESERVED_PREFIX, Reserved, ReservedNames, reserved_name};
#[cfg(feature = "x509")]
use revoked::why_revoked;
#[cfg(any(feature = "oidc", feature = "service-account"))]
pub(crate) use unverified::unverified_issuer;

use crate::model::{User, groups, names};

/// Seconds since 1970-01-01 UTC. Time is an argument everywhere below.
pub type UnixSeconds = i64;

/// A bearer token that somebody presents.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The token. Never logged, never part of an error.
    pub token: &'a str,
    /// For whom the token must be; empty when the asker does not say, which means the API server's
    /// own audiences (S-AUTHN-12).
    pub audiences: &'a [String],
    /// The time of the attempt.
    pub now: UnixSeconds,
}

impl std::fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("token", &"[secret]")
            .field("audiences", &self.audiences)
            .field("now", &self.now)
            .finish()
    }
}

/// A user who proved to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who it is.
    pub user: User,
    /// For which audiences the proof is good: the intersection of what was asked for and what the
    /// credential says. Empty when the authenticator knows no audiences and none were asked for.
    pub audiences: Vec<String>,
    /// The first second in which the same authenticator would refuse the credential, leeway
    /// included; nobody keeps the answer that long. `None` for one that never ends.
    pub expires: Option<UnixSeconds>,
}

/// What an authenticator says: a user, no opinion (`None`), or an error.
pub type Outcome = Result<Option<Authenticated>, AuthnError>;

/// An outcome that may need waiting for.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Anything that can tell who presents a token. Open: bring your own.
pub trait TokenAuthenticator: Send + Sync {
    /// The name in logs and metrics, such as `token-file`.
    fn name(&self) -> &str;

    /// Looks at one token. In-memory authenticators answer at once, see [`ready`].
    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a>;
}

/// An outcome that needs no waiting.
#[must_use]
pub fn ready<'a>(outcome: Outcome) -> Answering<'a> {
    Box::pin(std::future::ready(outcome))
}

/// A user who proved to be one, and before whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Who it is, for which audiences, until when.
    pub authenticated: Authenticated,
    /// The name of the authenticator that knew the token.
    pub authenticator: Arc<str>,
}

/// What several authenticators say together: a user and who knew them, no opinion (`None`), or an
/// error.
pub type Found = Result<Option<Arc<Proof>>, AuthnError>;

/// Something found that may need waiting for.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Found> + Send + 'a>>;

/// Anything that finds out whose token it is and says who knew: a [`chain::TokenChain`], or a cache
/// before one.
pub trait TokenLookup: Send + Sync {
    /// Looks a token up.
    fn look_up<'a>(&'a self, attempt: Attempt<'a>) -> Finding<'a>;
}

/// Adds `system:authenticated` to who has neither it nor its opposite (S-AUTHN-5).
fn add_group(user: &mut User) {
    let is_settled = user.name == names::ANONYMOUS
        || user.is_member(groups::AUTHENTICATED)
        || user.is_member(groups::UNAUTHENTICATED);
    if !is_settled {
        user.groups.push(groups::AUTHENTICATED.to_owned());
    }
}
