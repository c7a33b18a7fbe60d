//! What does the issuer say of a token that only it can read (RFC 7662)?
//!
//! Only tokens that may be the issuer's are sent to it: what is written like a JWT goes nowhere,
//! unless it names the issuer that the rules name. A token that is not active is no opinion, every
//! failure is an error.
//!
//! Absent on purpose: remembering answers. Put a cache of tokens before the chain.

mod config;
mod error;
mod secret;

use std::fmt;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::sync::Semaphore;

pub use config::IntrospectionConfig;
pub use error::{IntrospectionConfigError, IntrospectionFailure};

use super::discovery::check_https;
use crate::authn::{
    Answering, Attempt, Authenticated, AuthnError, TokenAuthenticator, unverified_issuer,
};
use crate::crypto::json::object_without_duplicates;
use crate::crypto::jws::{Compact, JwsError, MAX_TOKEN_BYTES, Part};
use crate::source::fetch::{Client, FetchConfigError, FetchError, FetchOptions, PlainHttp, chain};
use secret::{ClientSecret, form_encoded};

/// Knows the tokens that an introspection endpoint knows. Each costs a request.
pub struct Introspection {
    config: IntrospectionConfig,
    client: Client,
    secret: ClientSecret,
    /// Requests on their way.
    requests: Semaphore,
    /// Those and the tokens that wait for one to end.
    tokens: Semaphore,
}

impl Introspection {
    /// Reads the client's secret, and opens no connection yet.
    ///
    /// # Errors
    /// When the configuration cannot work, or the secret cannot be read.
    pub fn new(config: IntrospectionConfig) -> Result<Self, IntrospectionConfigError> {
        check_https(&config.url)?;
        if config.concurrency == 0 {
            return Err(FetchConfigError::Zero("concurrency").into());
        }
        if config.client_id.is_empty() {
            return Err(IntrospectionConfigError::NoClientId);
        }
        let client = Client::new(&FetchOptions {
            url: &config.url,
            accept: "application/json",
            ca_bundle: config.ca_bundle.as_deref(),
            host_roots: true,
            timeout: config.timeout,
            max_bytes: config.max_bytes,
            plain_http: PlainHttp::Loopback,
        })?;
        let secret = ClientSecret::read(&config.client_id, config.secret_file.clone())?;
        let most = Semaphore::MAX_PERMITS;
        let tokens = config.concurrency.saturating_add(config.waiting).min(most);
        Ok(Self {
            client,
            secret,
            requests: Semaphore::new(config.concurrency.min(most)),
            tokens: Semaphore::new(tokens),
            config,
        })
    }

    /// Looks at one token; what [`TokenAuthenticator::authenticate`] answers.
    ///
    /// # Errors
    /// When the endpoint does not answer in time or in form, or what it says is not in order. `None`
    /// when the token is not sent, or is not active.
    pub async fn check(
        &self,
        attempt: Attempt<'_>,
    ) -> Result<Option<Authenticated>, IntrospectionFailure> {
        if !self.is_ours(attempt.token) {
            return Ok(None);
        }
        let _token = self.tokens.try_acquire().map_err(|_| IntrospectionFailure::Busy)?;
        let seconds = self.config.timeout.as_secs();
        let answer = tokio::time::timeout(self.config.timeout, self.ask(attempt.token)).await;
        let answer =
            answer.map_err(|_| IntrospectionFailure::Fetch(FetchError::Timeout { seconds }))??;
        let answer = object_without_duplicates(&answer).map_err(IntrospectionFailure::Json)?;
        Ok(self.config.rules.check(&answer, attempt.now)?)
    }

    /// Whether a token may be sent: it is written as RFC 6750 says, begins as those of the issuer do,
    /// and is no JWT of somebody else. Tokens of service accounts are none of the endpoint's business.
    fn is_ours(&self, token: &str) -> bool {
        let is_bearer = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !token.bytes().all(is_bearer) {
            return false;
        }
        let prefixes = &self.config.token_prefixes;
        if !prefixes.is_empty() && !prefixes.iter().any(|prefix| token.starts_with(prefix)) {
            return false;
        }
        match unverified_issuer(token) {
            Some(issuer) => self.config.rules.issuer() == Some(&issuer),
            None => !is_jws(token),
        }
    }

    async fn ask(&self, token: &str) -> Result<Bytes, IntrospectionFailure> {
        // Never closed, so that it is only ever waited for.
        let _request = self.requests.acquire().await.map_err(|_| IntrospectionFailure::Busy)?;
        let body = format!("token={}&token_type_hint=access_token", form_encoded(token));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = Request::post(self.client.uri().clone())
            .header(AUTHORIZATION, self.secret.header().await)
            .header(CONTENT_TYPE, form)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| FetchError::Connect(chain(&error)))?;
        Ok(self.client.send(request).await?)
    }
}

/// Whether it is written like a JWS, be it in order or not.
fn is_jws(token: &str) -> bool {
    match Compact::parse(token) {
        Ok(_) => true,
        Err(JwsError::NotThreeParts | JwsError::NotBase64Url(Part::Header)) => false,
        // A header that is no JSON is one of something else.
        Err(JwsError::Header(_)) => false,
        Err(_) => true,
    }
}

impl TokenAuthenticator for Introspection {
    fn name(&self) -> &str {
        "introspection"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        Box::pin(async move { self.check(attempt).await.map_err(AuthnError::new) })
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("config", &self.config).finish_non_exhaustive()
    }
}
