use std::io;
use std::path::PathBuf;

use super::oidc::IdTokenError;
use crate::source::fetch::{FetchConfigError, FetchError};

/// Why there is no credential. None of them carries a password, a token or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// A URL that nothing can be sent to.
    #[error(transparent)]
    Url(#[from] FetchConfigError),
    /// Plain `http`: whoever sits between would have the password.
    #[error("`{url}` must be https: what is sent there is as good as the account")]
    NotHttps {
        /// What was given.
        url: String,
    },
    /// Nobody is named who may vouch for a server, and this machine believes nobody.
    #[error(
        "this machine has no root certificates; name who vouches for the server with a CA file"
    )]
    NoRoots,
    /// No answer.
    #[error("`{url}`: {error}")]
    Fetch {
        /// Who was asked.
        url: String,
        /// What happened.
        error: FetchError,
    },
    /// The proof is none. The server says no more than that to anybody; its log does.
    #[error("`{server}` refuses this login; check who you log in as, and with what")]
    Refused {
        /// The login server.
        server: String,
    },
    /// The identity is proven, and the credential is not to be had.
    #[error("`{server}` knows you and gives no such credential: {message}")]
    Forbidden {
        /// The login server.
        server: String,
        /// What it says.
        message: String,
    },
    /// Too many attempts.
    #[error("`{server}` has had too many attempts; try again in {seconds} s")]
    TooMany {
        /// The login server.
        server: String,
        /// How long it asks to wait, in seconds.
        seconds: u64,
    },
    /// What the server needs to know you is out.
    #[error("`{server}` cannot check logins at the moment; try again later")]
    Unavailable {
        /// The login server.
        server: String,
    },
    /// Another status.
    #[error("`{server}` answers with HTTP status {status}: {message}")]
    Status {
        /// The login server.
        server: String,
        /// The HTTP status.
        status: u16,
        /// What it says; may be empty.
        message: String,
    },
    /// An answer that is none.
    #[error("the answer of `{server}` cannot be used: {problem}")]
    Answer {
        /// The login server.
        server: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Something only a person can do, and there is none.
    #[error("{needed}, and there is nobody to ask; log in once by hand with `portcullis login`")]
    NotInteractive {
        /// What is needed.
        needed: &'static str,
    },
    /// A person was asked and did not answer.
    #[error("{what}: {error}")]
    NotAnswered {
        /// What was asked.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A name or a password that cannot be sent.
    #[error("{0}")]
    Unsendable(&'static str),
    /// A file of the caller's cannot be read.
    #[error("`{}`: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file of the caller's does not hold what it should.
    #[error("`{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Kerberos was asked for.
    #[error("this build cannot speak Kerberos; build it with the feature `kerberos`")]
    NoKerberos,
    /// There is no ticket, or the server does not prove itself.
    #[error("Kerberos: {0}")]
    Kerberos(String),
    /// The issuer does not offer what is needed, or says what cannot be.
    #[error("the issuer `{issuer}`: {problem}")]
    Issuer {
        /// The issuer.
        issuer: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The issuer refuses (RFC 6749 §5.2, RFC 8628 §3.5).
    #[error("the issuer `{issuer}` refuses: {reason}")]
    IssuerRefuses {
        /// The issuer.
        issuer: String,
        /// Its error code, and its description if there is one.
        reason: String,
    },
    /// Its ID token is not to be believed.
    #[error("the ID token of `{issuer}` is not to be believed: {error}")]
    IdToken {
        /// The issuer.
        issuer: String,
        /// Why.
        error: IdTokenError,
    },
    /// No issuer is named, and the login server names none or several.
    #[error("name the issuer and the client: `{server}` takes tokens of {issuers}")]
    WhichIssuer {
        /// The login server.
        server: String,
        /// Those that it names, in backticks; `none` for none.
        issuers: String,
    },
    /// Nobody came back from the browser, or typed the code.
    #[error("nobody logged in within {seconds} s")]
    NoAnswer {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The socket that the browser comes back to cannot be opened.
    #[error(
        "127.0.0.1:{port} cannot be listened on, where the browser is to come back to: {error}"
    )]
    Listen {
        /// The port; 0 for any.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
    /// A file or folder of the cache is open to others, or theirs.
    #[error("`{}`: {problem}", path.display())]
    CacheOpen {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The cache cannot be read or written.
    #[error("`{}`: the cache of logins: {error}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process logs in and does not come to an end.
    #[error("another process has been logging in for {seconds} s; see what it asks, or end it")]
    Busy {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The process that was waited for got nothing, and would not get more a second time.
    #[error("another process tried this login just now: {0}")]
    Shared(String),
    /// A key or a request cannot be made.
    #[error("a key cannot be made: {0}")]
    Key(String),
    /// The system gives no randomness, threads or sockets.
    #[error("the system does not give what a login needs: {0}")]
    System(String),
}

impl LoginError {
    /// Whether the same may succeed a minute later: an outage, not a refusal.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Fetch { .. }
                | Self::TooMany { .. }
                | Self::Unavailable { .. }
                | Self::Busy { .. }
                | Self::Status { status: 500.., .. }
        )
    }
}
