//! Who sends this HTTP request? For servers that embed Portcullis: the headers of a proxy, the client
//! certificate, the bearer token of a header, the one of a websocket, and anonymous, in this order
//! (S-AUTHN-2). The first that knows somebody wins, and an error of one does not end the search
//! (S-AUTHN-3): a certificate that has expired does no harm beside a token that is good.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::authn::chain::TokenChain;
//! use portcullis::authn::request::{Anonymous, Presented, RequestAuthenticator};
//!
//! # async fn ask() -> Result<(), portcullis::authn::AuthnError> {
//! let who = RequestAuthenticator::new(Arc::new(TokenChain::default()))
//!     .with_anonymous(Anonymous::on_paths(["/healthz"]));
//! let request = Presented { path: "/healthz", ..Presented::default() };
//! let proof = who.authenticate(request).await?.expect("anonymous");
//! assert_eq!(proof.authenticated.user.name, "system:anonymous");
//! // A token that nobody knows is an error, and never anonymous (S-AUTHN-4).
//! let request = Presented { authorization: Some("Bearer x"), ..request };
//! assert_eq!(who.authenticate(request).await.unwrap_err().to_string(), "invalid bearer token");
//! # Ok(())
//! # }
//! # let mut task = std::pin::pin!(ask());
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # let std::task::Poll::Ready(done) = std::future::Future::poll(task.as_mut(), &mut context)
//! #     else { panic!() };
//! # done.unwrap();
//! ```
//!
//! Absent on purpose: TLS, which shows that the client has the key of its certificate, and the request
//! itself: it is the caller's to delete the headers for which
//! [`RequestAuthenticator::removes_header`] says so (S-AUTHN-9). The API server's loopback token is
//! absent, too: who embeds this has no need to call itself.

mod anonymous;
mod bearer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use anonymous::Anonymous;
pub use bearer::{EXTRA_SPACE, Header, Websocket, WebsocketError};

use super::{
    Attempt, Authenticated, AuthnError, CertificateAuthenticator, CertifiedRequest,
    ClientCertificates, Found, Proof, TokenLookup, UnixSeconds, add_group, shared_audiences,
};
use crate::util::aggregate::aggregate;

/// What the API server always takes away: the headers of proxies by convention, and the token.
const REMOVED: [&str; 4] = ["authorization", "x-remote-user", "x-remote-uid", "x-remote-group"];

/// What the names of further ones begin with.
const REMOVED_PREFIX: &str = "x-remote-extra-";

/// What a request presents. Neither the token nor any header appears in its `Debug`.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// The client's certificates from the TLS handshake, DER, its own first; empty when it has none.
    pub certificates: &'a [&'a [u8]],
    /// All headers: name and value, one entry a line, in order. Needed for proxies only.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The first `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The `Sec-WebSocket-Protocol` headers; empty unless the request is to become a websocket.
    pub websocket_protocols: &'a [&'a str],
    /// The path of the URL, decoded and without the query; anonymous may be limited to some.
    pub path: &'a str,
    /// For whom the credential must be; empty for the API server's own audiences.
    pub audiences: &'a [String],
    /// The time of the request.
    pub now: UnixSeconds,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("certificates", &self.certificates.len())
            .field("headers", &self.headers.len())
            .field("authorization", &self.authorization.map(|_| "[secret]"))
            .field("websocket_protocols", &self.websocket_protocols.len())
            .field("path", &self.path)
            .field("audiences", &self.audiences)
            .field("now", &self.now)
            .finish()
    }
}

/// A bearer token that nobody accepts, and nobody says why (S-AUTHN-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid bearer token")]
pub struct InvalidBearerToken;

/// All errors of a request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Several(String);

/// Tells who sends a request.
pub struct RequestAuthenticator {
    request_header: Option<Arc<dyn CertificateAuthenticator>>,
    x509: Option<Arc<dyn CertificateAuthenticator>>,
    tokens: Arc<dyn TokenLookup>,
    anonymous: Option<Anonymous>,
    api_audiences: Vec<String>,
}

impl RequestAuthenticator {
    /// By bearer tokens alone; everybody else is nobody.
    #[must_use]
    pub fn new(tokens: Arc<dyn TokenLookup>) -> Self {
        Self {
            request_header: None,
            x509: None,
            tokens,
            anonymous: None,
            api_audiences: Vec::new(),
        }
    }

    /// Proxies are believed, if this one says so: a `RequestHeaderAuthenticator` (feature
    /// `request-header`).
    #[must_use]
    pub fn with_request_header(mut self, proxies: Arc<dyn CertificateAuthenticator>) -> Self {
        self.request_header = Some(proxies);
        self
    }

    /// Client certificates are believed, if this one says so: an `X509Authenticator` (feature
    /// `x509`).
    #[must_use]
    pub fn with_x509(mut self, certificates: Arc<dyn CertificateAuthenticator>) -> Self {
        self.x509 = Some(certificates);
        self
    }

    /// Who presents no credentials is anonymous.
    #[must_use]
    pub fn with_anonymous(mut self, anonymous: Anonymous) -> Self {
        self.anonymous = Some(anonymous);
        self
    }

    /// The audiences of the API server: what a proxy says is good for these and for no others
    /// (S-AUTHN-12). Token authenticators have theirs from their chain; certificates know none.
    #[must_use]
    pub fn with_api_audiences<A: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = A>,
    ) -> Self {
        self.api_audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a header must be taken from a request whose sender is known, before anybody else sees
    /// it: the token, and what proxies say, whether or not it was used (S-AUTHN-9). `name` in any
    /// case.
    #[must_use]
    pub fn removes_header(&self, name: &str) -> bool {
        let begins = name.get(..REMOVED_PREFIX.len());
        REMOVED.iter().any(|removed| removed.eq_ignore_ascii_case(name))
            || begins.is_some_and(|begins| begins.eq_ignore_ascii_case(REMOVED_PREFIX))
            || self.request_header.as_ref().is_some_and(|proxies| proxies.reads_header(name))
    }

    /// Who it is. `None` for a request without credentials where anonymous is not allowed: an API
    /// server answers 401, as it does for errors (S-AUTHN-11).
    ///
    /// # Errors
    /// Any error of a certificate, a header or a token, for then nobody is anonymous (S-AUTHN-4).
    /// One that is accepted outweighs errors of other ways to present one (S-AUTHN-3).
    pub async fn authenticate(&self, request: Presented<'_>) -> Found {
        let mut errors = Vec::new();
        if let Some(proof) = self.by_certificate(&request, &mut errors) {
            return Ok(Some(proof));
        }
        if let Some(token) = request.authorization.and_then(|value| Header::parse(value).token) {
            match self.prove(token, &request).await {
                Ok(proof) => return Ok(Some(proof)),
                Err(error) => errors.push(error),
            }
        }
        match Websocket::parse(request.websocket_protocols) {
            Ok(None) => {}
            Ok(Some(websocket)) => match self.prove(websocket.token(), &request).await {
                Ok(proof) => return Ok(Some(proof)),
                Err(error) => errors.push(error),
            },
            Err(error) => errors.push(AuthnError::new(error)),
        }
        match errors.as_slice() {
            [] => {
                let anonymous = self.anonymous.as_ref();
                let audiences = self.audiences(&request);
                let found = anonymous.and_then(|it| it.user(request.path, audiences));
                Ok(found.map(|authenticated| {
                    let authenticator = Arc::from(Anonymous::NAME);
                    Arc::new(Proof { authenticated, authenticator })
                }))
            }
            [one] => Err(one.clone()),
            several => {
                let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(AuthnError::new(Several(aggregate(&texts).unwrap_or_default())))
            }
        }
    }

    /// For whom a credential must be that does not say it itself.
    fn audiences<'a>(&'a self, request: &Presented<'a>) -> &'a [String] {
        match request.audiences {
            [] => &self.api_audiences,
            asked => asked,
        }
    }

    /// Proxies go first: with one bundle for both, a proxy would otherwise be its own user.
    fn by_certificate(
        &self,
        request: &Presented<'_>,
        errors: &mut Vec<AuthnError>,
    ) -> Option<Arc<Proof>> {
        let Presented { certificates, headers, now, .. } = *request;
        let certificates = ClientCertificates::presented(certificates, now)?;
        let certified = CertifiedRequest { certificates, headers };
        let asked = self.audiences(request);
        let shared = shared_audiences(asked, &self.api_audiences);
        let is_asked_for = asked.is_empty() || !shared.is_empty();
        let proxies = self.request_header.as_ref().filter(|_| is_asked_for);
        for (member, audiences) in [(proxies, shared), (self.x509.as_ref(), Vec::new())] {
            let Some(member) = member else { continue };
            match member.authenticate(&certified) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    let mut authenticated = Authenticated { audiences, ..found };
                    add_group(&mut authenticated.user);
                    let authenticator = Arc::from(member.name());
                    return Some(Arc::new(Proof { authenticated, authenticator }));
                }
                Err(error) => errors.push(error),
            }
        }
        None
    }

    async fn prove(&self, token: &str, request: &Presented<'_>) -> Result<Arc<Proof>, AuthnError> {
        let Presented { audiences, now, .. } = *request;
        let found = self.tokens.look_up(Attempt { token, audiences, now }).await?;
        found.ok_or_else(|| AuthnError::new(InvalidBearerToken))
    }
}

impl fmt::Debug for RequestAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |member: &Option<Arc<dyn CertificateAuthenticator>>| {
            member.as_ref().map(|member| member.name().to_owned())
        };
        f.debug_struct("RequestAuthenticator")
            .field("request_header", &name(&self.request_header))
            .field("x509", &name(&self.x509))
            .field("anonymous", &self.anonymous)
            .field("api_audiences", &self.api_audiences)
            .finish_non_exhaustive()
    }
}
