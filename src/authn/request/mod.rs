//! Who sends this HTTP request? For servers that embed Portcullis: the bearer token of a header, the
//! one of a websocket, and anonymous (S-AUTHN-2).
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
//! Absent on purpose: client certificates and the headers of a front proxy, and the request itself:
//! it is the caller's to delete the headers that were used (S-AUTHN-9).

mod anonymous;
mod bearer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use anonymous::Anonymous;
pub use bearer::{EXTRA_SPACE, Header, Websocket, WebsocketError};

use super::{Attempt, AuthnError, Found, Proof, TokenLookup, UnixSeconds};

/// What a request presents. The token does not appear in its `Debug`.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
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
    tokens: Arc<dyn TokenLookup>,
    anonymous: Option<Anonymous>,
}

impl RequestAuthenticator {
    /// By bearer tokens alone; everybody else is nobody.
    #[must_use]
    pub fn new(tokens: Arc<dyn TokenLookup>) -> Self {
        Self { tokens, anonymous: None }
    }

    /// Who presents no credentials is anonymous.
    #[must_use]
    pub fn with_anonymous(mut self, anonymous: Anonymous) -> Self {
        self.anonymous = Some(anonymous);
        self
    }

    /// Who it is. `None` for a request without credentials where anonymous is not allowed: an API
    /// server answers 401, as it does for errors (S-AUTHN-11).
    ///
    /// # Errors
    /// Any error of a header or of the tokens, for then nobody is anonymous (S-AUTHN-4). A token
    /// that is accepted outweighs an error of the other way to present one (S-AUTHN-3).
    pub async fn authenticate(&self, request: Presented<'_>) -> Found {
        let mut errors = Vec::new();
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
                let found = anonymous.and_then(|it| it.user(request.path, request.audiences));
                Ok(found.map(|authenticated| {
                    let authenticator = Arc::from(Anonymous::NAME);
                    Arc::new(Proof { authenticated, authenticator })
                }))
            }
            [one] => Err(one.clone()),
            several => {
                let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
                let text = crate::util::aggregate::aggregate(&texts).unwrap_or_default();
                Err(AuthnError::new(Several(text)))
            }
        }
    }

    async fn prove(&self, token: &str, request: &Presented<'_>) -> Result<Arc<Proof>, AuthnError> {
        let Presented { audiences, now, .. } = *request;
        let found = self.tokens.look_up(Attempt { token, audiences, now }).await?;
        found.ok_or_else(|| AuthnError::new(InvalidBearerToken))
    }
}

impl fmt::Debug for RequestAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestAuthenticator")
            .field("anonymous", &self.anonymous)
            .finish_non_exhaustive()
    }
}
