use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use tokio::sync::{Mutex, Semaphore};

use super::discovery::check_https;
use super::error::DistributedError;
use super::issuer::Issuer;
use super::options::{IssuerOptions, Options};
use crate::authn::AuthnError;
use crate::authn::oidc::{DistributedClaims, Fetching, KeysOfIssuer, ProviderKeys};
use crate::crypto::jws::MAX_TOKEN_BYTES;
use crate::source::fetch::{Client, FetchConfigError, FetchOptions, PlainHttp};

/// Whether groups that an issuer keeps elsewhere are fetched (S-OIDC-22). The endpoint is what a
/// verified token of the issuer says, so that whoever enables this lets the issuer choose where this
/// server connects to: always https, with a certificate of the issuer's authorities (those of the
/// machine where it has none), never after a redirect, and within limits of time and size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Distributed {
    /// Not at all: a token that has its groups elsewhere is refused.
    #[default]
    Off,
    /// From these hosts, as they stand in URLs, without ports; the issuer of what they answer must
    /// be at one of them, too, or be the issuer itself.
    Hosts(Vec<String>),
    /// From wherever the issuer says, as the API server does it.
    AnyHost,
}

/// How many other issuers are remembered for one. Each is a task that keeps keys fresh.
const MAX_ISSUERS: usize = 16;

/// How many claims are fetched at a time for one issuer.
const MAX_FETCHES: usize = 32;

/// Longest wait for an endpoint or for the keys of its issuer: somebody is waiting.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Fetches for one issuer.
pub(super) struct Fetcher {
    allowed: Distributed,
    client: Client,
    fetches: Semaphore,
    own: Arc<Issuer>,
    ca_bundle: Option<Vec<u8>>,
    options: Options,
    others: Mutex<HashMap<String, Arc<Issuer>>>,
}

impl Fetcher {
    /// `None` where it is off.
    pub(super) fn new(
        own: &Arc<Issuer>,
        ca_bundle: Option<Vec<u8>>,
        options: &Options,
    ) -> Result<Option<Self>, FetchConfigError> {
        if options.distributed == Distributed::Off {
            return Ok(None);
        }
        let client = Client::new(&FetchOptions {
            url: own.url(),
            accept: "application/jwt, */*",
            ca_bundle: ca_bundle.as_deref(),
            host_roots: true,
            timeout: options.timeout.min(MAX_WAIT),
            max_bytes: MAX_TOKEN_BYTES,
            plain_http: PlainHttp::Loopback,
        })?;
        Ok(Some(Self {
            allowed: options.distributed.clone(),
            client,
            fetches: Semaphore::new(MAX_FETCHES),
            own: Arc::clone(own),
            ca_bundle,
            options: options.clone(),
            others: Mutex::default(),
        }))
    }

    /// An https URL to a host that may be asked.
    fn check(&self, url: &str) -> Result<Uri, DistributedError> {
        check_https(url).map_err(|_| DistributedError::Url)?;
        let uri: Uri = url.parse().map_err(|_| DistributedError::Url)?;
        let host = uri.host().unwrap_or_default();
        let is_allowed = match &self.allowed {
            Distributed::Off => false,
            Distributed::Hosts(hosts) => hosts.iter().any(|one| one.eq_ignore_ascii_case(host)),
            Distributed::AnyHost => true,
        };
        if is_allowed { Ok(uri) } else { Err(DistributedError::Host(host.to_owned())) }
    }

    async fn jwt(&self, url: &str, access_token: Option<&str>) -> Result<String, DistributedError> {
        let mut request = Request::get(self.check(url)?);
        if let Some(token) = access_token {
            let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| DistributedError::AccessToken)?;
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        let request = request.body(Full::default()).map_err(|_| DistributedError::Url)?;
        let _fetching = self.fetches.try_acquire().map_err(|_| DistributedError::Busy)?;
        let answer = self.client.send(request).await?;
        String::from_utf8(answer.into()).map_err(|_| DistributedError::NotText)
    }

    async fn issuer(&self, url: &str) -> Result<Arc<Issuer>, DistributedError> {
        if url == self.own.url() {
            return Ok(Arc::clone(&self.own));
        }
        self.check(url)?;
        let issuer = self.other(url).await?;
        if tokio::time::timeout(MAX_WAIT, issuer.wait_ready()).await.is_ok() {
            return Ok(issuer);
        }
        // Whoever is no issuer takes up no place.
        self.others.lock().await.retain(|_, other| !Arc::ptr_eq(other, &issuer));
        Err(match issuer.status().last_error {
            Some(error) => DistributedError::NotReady(Box::new(error)),
            None => DistributedError::Slow,
        })
    }

    async fn other(&self, url: &str) -> Result<Arc<Issuer>, DistributedError> {
        let mut others = self.others.lock().await;
        if let Some(known) = others.get(url) {
            return Ok(Arc::clone(known));
        }
        if others.len() >= MAX_ISSUERS {
            return Err(DistributedError::TooManyIssuers(MAX_ISSUERS));
        }
        let mut named = IssuerOptions::new(url).with_options(self.options.clone());
        named.ca_bundle.clone_from(&self.ca_bundle);
        let issuer = Arc::new(Issuer::start(named).map_err(DistributedError::Issuer)?);
        // Groups that were proven by a key that is gone must not be remembered either.
        issuer.tells(&self.own);
        others.insert(url.to_owned(), Arc::clone(&issuer));
        Ok(issuer)
    }
}

impl DistributedClaims for Fetcher {
    fn fetch<'a>(&'a self, endpoint: &'a str, access_token: Option<&'a str>) -> Fetching<'a> {
        Box::pin(async move { self.jwt(endpoint, access_token).await.map_err(AuthnError::new) })
    }

    fn keys<'a>(&'a self, issuer: &'a str) -> KeysOfIssuer<'a> {
        Box::pin(async move {
            let issuer = self.issuer(issuer).await.map_err(AuthnError::new)?;
            let keys: Arc<dyn ProviderKeys> = issuer;
            Ok(keys)
        })
    }
}
