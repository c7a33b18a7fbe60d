//! How does somebody become a short-lived credential for an API server, and get the next one without
//! being asked again?
//!
//! The client side of `portcullis login`: a proof (password, Kerberos ticket, certificate, or an OIDC
//! login by browser or device code) is taken to the login server of [`crate::api::login`], which
//! answers with a token or signs a certificate for a key made here; or the issuer's ID token is the
//! credential itself. What was given is kept in a file that nobody else can read, under a lock, so
//! that twenty processes make one login; it is renewed before it ends.
//!
//! Everything that leaves this machine goes over TLS, to servers whose certificates are of the named
//! authorities or of those that the machine believes.
//!
//! Absent on purpose: terminals, browsers and arguments (a [`Person`] is asked), proxies, `http`, and
//! passwords in files of ours.

mod account;
mod cache;
mod error;
mod flow;
mod http;
mod identity;
mod oidc;
mod proof;
mod server;
mod ticket;

pub use account::{Account, Method};
pub use cache::{KeptLogin, accounts, logout_all};
pub use error::LoginError;
pub use flow::{Given, credential, logout};
pub use oidc::IdTokenError;

use std::path::PathBuf;
use std::time::Duration;

use crate::util::secret::Secret;

/// How to log in.
#[derive(Debug, Clone)]
pub struct LoginOptions {
    /// Which login this is.
    pub account: Account,
    /// Authorities that may vouch for the login server, PEM. Default: those the machine believes.
    pub ca_bundle: Option<Vec<u8>>,
    /// Authorities that may vouch for the issuer, PEM. Default: those the machine believes.
    pub issuer_ca_bundle: Option<Vec<u8>>,
    /// The file with the key of [`Account::client_certificate`], PEM without a passphrase.
    pub client_key: PathBuf,
    /// The file with the secret of the OIDC client, for issuers that give one to every client.
    pub client_secret_file: Option<PathBuf>,
    /// How a person logs in at the issuer.
    pub oidc_flow: OidcFlow,
    /// The port of 127.0.0.1 that the browser comes back to. Default: 0, any.
    pub redirect_port: u16,
    /// The folder of the cache. Made when it is not there.
    pub cache: PathBuf,
    /// How long a person may take, and how long another process's login is waited for.
    pub patience: Duration,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// Whether what is kept is passed over, and a new login made.
    pub fresh: bool,
}

impl LoginOptions {
    /// The defaults: three minutes for a person, half a minute for a server.
    #[must_use]
    pub fn new(account: Account, cache: PathBuf) -> Self {
        Self {
            account,
            ca_bundle: None,
            issuer_ca_bundle: None,
            client_key: PathBuf::new(),
            client_secret_file: None,
            oidc_flow: OidcFlow::Browser,
            redirect_port: 0,
            cache,
            patience: Duration::from_secs(180),
            timeout: Duration::from_secs(30),
            fresh: false,
        }
    }
}

/// How a person logs in at an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OidcFlow {
    /// In a browser of this machine, which comes back to a socket of ours (RFC 8252, with PKCE).
    Browser,
    /// In any browser, where a code is typed (RFC 8628).
    Device,
}

/// Whoever can be asked. Nothing here is called while a credential of the cache will do.
pub trait Person {
    /// Whether somebody is there, who can use a browser or type.
    fn is_present(&self) -> bool;

    /// Whether [`password`](Self::password) answers without asking anybody.
    fn knows_password(&self) -> bool;

    /// A user name.
    ///
    /// # Errors
    /// When nobody is there, or answers.
    fn user_name(&self) -> Result<String, LoginError>;

    /// The password of a user.
    ///
    /// # Errors
    /// When nobody is there, or answers.
    fn password(&self, user: &str) -> Result<Secret, LoginError>;

    /// Sends somebody to a page of the issuer, where `code` is to be typed, if there is one. Must
    /// return at once.
    fn visit(&self, url: &str, code: Option<&str>);

    /// Says something that is good to know.
    fn note(&self, text: &str);
}
