use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::discovery::{check_https, jwks_uri};
use super::error::DiscoveryError;
use super::options::IssuerOptions;
use crate::authn::UnixSeconds;
use crate::authn::oidc::{ProviderKeys, Refreshing};
use crate::crypto::KeySet;
use crate::source::fetch::{Client, FetchConfigError, FetchOptions, PlainHttp, jittered, unix_now};
use crate::source::jwks::{Jwks, JwksConfig, JwksStatus, Listener};

/// How fetching from an issuer goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// When discovery was done; `None` before.
    pub discovered_at: Option<UnixSeconds>,
    /// Where the keys are.
    pub jwks_uri: Option<String>,
    /// Why the last attempt at discovery failed; `None` when it did not.
    pub last_error: Option<DiscoveryError>,
    /// How many attempts there were.
    pub attempts: u64,
    /// How fetching the keys goes, once it has begun.
    pub jwks: Option<JwksStatus>,
}

/// An issuer whose keys are kept fresh in the background. Dropping it ends that.
pub struct Issuer {
    shared: Arc<Shared>,
    status: watch::Receiver<IssuerStatus>,
    task: JoinHandle<()>,
}

struct Shared {
    named: IssuerOptions,
    client: Client,
    jwks: OnceLock<Jwks>,
    listener: Arc<Listener>,
    waiters: Semaphore,
}

impl Issuer {
    /// Begins with discovery, and returns without waiting for an answer. Must be called inside of a
    /// Tokio runtime.
    ///
    /// # Errors
    /// When the options cannot work; no failure of the network is one.
    pub fn start(named: IssuerOptions) -> Result<Self, FetchConfigError> {
        let options = &named.options;
        for (name, is_zero) in [
            ("retry", options.retry.is_zero()),
            ("refresh", options.refresh.is_zero()),
            ("min_refresh", options.min_refresh.is_zero()),
            ("max_keys", options.max_keys == 0),
        ] {
            if is_zero {
                return Err(FetchConfigError::Zero(name));
            }
        }
        check_https(&named.url)?;
        let document = named.document();
        check_https(&document)?;
        let client = Client::new(&FetchOptions {
            url: &document,
            accept: "application/json",
            ca_bundle: named.ca_bundle.as_deref(),
            host_roots: true,
            timeout: options.timeout,
            max_bytes: options.max_bytes,
            plain_http: PlainHttp::Loopback,
        })?;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| FetchConfigError::NoRuntime)?;
        let waiters = Semaphore::new(options.key_waiters.min(Semaphore::MAX_PERMITS));
        let shared = Arc::new(Shared {
            named,
            client,
            jwks: OnceLock::new(),
            listener: Arc::new(Listener::default()),
            waiters,
        });
        let (sender, status) = watch::channel(IssuerStatus::default());
        let task = runtime.spawn(discover(Arc::clone(&shared), sender));
        Ok(Self { shared, status, task })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.named.url
    }

    /// How fetching goes.
    #[must_use]
    pub fn status(&self) -> IssuerStatus {
        let jwks = self.shared.jwks.get().map(Jwks::status);
        IssuerStatus { jwks, ..self.status.borrow().clone() }
    }

    /// Whether there are keys.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.jwks.get().is_some_and(|jwks| !jwks.keys().keys().is_empty())
    }

    /// Returns once there are keys, which may be never; put a timeout around it.
    pub async fn wait_ready(&self) {
        let mut status = self.status.clone();
        // An error would mean that the task has ended: then discovery is done.
        let _ = status.wait_for(|status| status.discovered_at.is_some()).await;
        if let Some(jwks) = self.shared.jwks.get() {
            jwks.wait_ready().await;
        }
    }

    /// Calls `listener`, in place of the one before, each time other keys serve than before: what was
    /// proven by a key that is gone must not be remembered. It must be quick.
    pub fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.shared.listener.set(Arc::new(listener));
    }

    /// Calls the listener of `other`, whichever that has by then.
    pub(super) fn tells(&self, other: &Self) {
        let listener = Arc::clone(&other.shared.listener);
        self.on_change(move || listener.tell());
    }
}

/// Until it is done, or aborted.
async fn discover(shared: Arc<Shared>, status: watch::Sender<IssuerStatus>) {
    let url = shared.named.url.as_str();
    loop {
        match attempt(&shared).await {
            Ok((jwks, uri)) => {
                tracing::info!(issuer = url, jwks_uri = uri, "issuer discovered");
                let _ = shared.jwks.set(jwks);
                status.send_modify(|status| {
                    status.discovered_at = Some(unix_now());
                    status.jwks_uri = Some(uri);
                    status.last_error = None;
                    status.attempts += 1;
                });
                return;
            }
            Err(error) => {
                tracing::warn!(issuer = url, %error, "issuer not discovered, its tokens are refused");
                status.send_modify(|status| {
                    status.last_error = Some(error);
                    status.attempts += 1;
                });
            }
        }
        sleep(jittered(shared.named.options.retry)).await;
    }
}

/// One attempt: from the document to the fetching of keys.
async fn attempt(shared: &Shared) -> Result<(Jwks, String), DiscoveryError> {
    let document = shared.client.fetch().await?;
    let uri = jwks_uri(&document, &shared.named.url)?;
    let options = &shared.named.options;
    let mut config = JwksConfig::new(uri.clone())
        .with_host_roots()
        .with_timeout(options.timeout)
        .with_refresh(options.refresh)
        .with_min_refresh(options.min_refresh)
        .with_max_bytes(options.max_bytes)
        .with_max_keys(options.max_keys);
    config.ca_bundle.clone_from(&shared.named.ca_bundle);
    let jwks = Jwks::start(config).map_err(DiscoveryError::JwksUri)?;
    let listener = Arc::clone(&shared.listener);
    jwks.on_change(move || listener.tell());
    Ok((jwks, uri))
}

impl ProviderKeys for Issuer {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.shared.jwks.get().map(Jwks::keys)
    }

    fn refreshed<'a>(&'a self, known: &'a Arc<KeySet>) -> Refreshing<'a> {
        Box::pin(async move {
            let jwks = self.shared.jwks.get()?;
            // Others may have come meanwhile.
            let current = jwks.keys();
            if current != *known {
                return Some(current);
            }
            let Ok(_waiting) = self.shared.waiters.try_acquire() else {
                jwks.request_refresh();
                return None;
            };
            let fresh = jwks.refreshed(self.shared.named.options.key_wait).await;
            (fresh != *known).then_some(fresh)
        })
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url()).finish_non_exhaustive()
    }
}
