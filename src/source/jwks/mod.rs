//! The keys of an issuer, from the URL where it publishes them, kept fresh in the background.
//!
//! A [`Jwks`] fetches a JWK set when it starts and again every few minutes. Whatever goes wrong
//! later, an outage, a set that cannot be read, one without a key of use: the keys that are known go
//! on serving, [`Jwks::status`] tells the error, and the next attempts come closer together. A token
//! with an unknown `kid` asks for a refresh ahead of time, which costs the issuer at most one
//! request in [`JwksConfig::min_refresh`], and less while such requests bring nothing new.
//!
//! The URL must be `https`, and the authorities that may vouch for the server are named, or those of
//! the machine are said to do; plain `http` is for loopback addresses. Redirects are not followed.
//!
//! Absent on purpose: OIDC discovery (see `source::oidc`), proxies.
//!
//! ```no_run
//! use portcullis::source::jwks::{Jwks, JwksConfig};
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let config = JwksConfig::new("https://issuer.example/keys")
//!     .with_ca_bundle(std::fs::read("/etc/portcullis/issuer-ca.pem")?);
//! let jwks = Jwks::start(config)?;
//! jwks.wait_ready().await;
//! assert!(!jwks.keys().keys().is_empty());
//! # Ok(())
//! # }
//! ```

mod config;
mod error;
mod refresh;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub use config::JwksConfig;
pub use error::JwksError;

use super::fetch::{Client, FetchConfigError, FetchOptions, PlainHttp};
use crate::authn::{Keys, UnixSeconds};
use crate::crypto::KeySet;
use refresh::Refresher;

/// How fetching goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwksStatus {
    /// When the keys that serve were fetched last; `None` before the first success.
    pub loaded_at: Option<UnixSeconds>,
    /// Why the last attempt failed; `None` when it did not.
    pub last_error: Option<JwksError>,
    /// How many keys serve.
    pub keys: usize,
    /// How many keys of the last set were of no use; see [`crate::crypto::jwk`].
    pub skipped: usize,
    /// How many attempts there were.
    pub fetches: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// The newest keys that could be fetched. Dropping it ends the fetching.
#[derive(Debug)]
pub struct Jwks {
    keys: Arc<ArcSwap<KeySet>>,
    status: watch::Receiver<JwksStatus>,
    wish: Arc<Notify>,
    listener: Arc<Listener>,
    task: JoinHandle<()>,
}

/// Who is told that other keys serve.
#[derive(Default)]
pub(super) struct Listener(Mutex<Option<Arc<dyn Fn() + Send + Sync>>>);

impl Listener {
    pub(super) fn set(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    pub(super) fn tell(&self) {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener();
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Jwks {
    /// Begins to fetch, and returns without waiting for the first answer. Must be called inside of
    /// a Tokio runtime.
    ///
    /// # Errors
    /// When the configuration cannot work; no failure of the network is one.
    pub fn start(config: JwksConfig) -> Result<Self, FetchConfigError> {
        for (name, is_zero) in [
            ("refresh", config.refresh.is_zero()),
            ("min_refresh", config.min_refresh.is_zero()),
            ("max_keys", config.max_keys == 0),
        ] {
            if is_zero {
                return Err(FetchConfigError::Zero(name));
            }
        }
        let client = Client::new(&FetchOptions {
            url: &config.url,
            accept: "application/jwk-set+json, application/json",
            ca_bundle: config.ca_bundle.as_deref(),
            host_roots: config.host_roots,
            timeout: config.timeout,
            max_bytes: config.max_bytes,
            // Whoever can change the keys on the way is whoever they like.
            plain_http: PlainHttp::Loopback,
        })?;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| FetchConfigError::NoRuntime)?;
        let keys = Arc::new(ArcSwap::from_pointee(KeySet::default()));
        let wish = Arc::new(Notify::new());
        let (sender, status) = watch::channel(JwksStatus::default());
        let listener = Arc::new(Listener::default());
        let refresher = Refresher {
            config,
            client,
            keys: Arc::clone(&keys),
            status: sender,
            wish: Arc::clone(&wish),
            listener: Arc::clone(&listener),
        };
        let task = runtime.spawn(refresher.run());
        Ok(Self { keys, status, wish, listener, task })
    }

    /// The keys as they are now; none before the first success.
    #[must_use]
    pub fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    /// How fetching goes.
    #[must_use]
    pub fn status(&self) -> JwksStatus {
        self.status.borrow().clone()
    }

    /// Calls `listener`, in place of the one before, each time other keys serve than before: what was
    /// proven by a key that is gone must not be remembered. It must be quick.
    pub fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.listener.set(Arc::new(listener));
    }

    /// Returns once keys were fetched, which may be never; put a timeout around it.
    pub async fn wait_ready(&self) {
        let mut status = self.status.clone();
        // An error would mean that the task has ended, which it does when this is dropped.
        let _ = status.wait_for(|status| status.loaded_at.is_some()).await;
    }

    /// Asks for a refresh ahead of time. Does not block; several wishes become one attempt, and not
    /// before [`JwksConfig::min_refresh`] has passed since the last.
    pub fn request_refresh(&self) {
        self.wish.notify_one();
    }

    /// Asks for a refresh ahead of time, waits until an attempt has ended, at most so long, and gives
    /// the keys as they are then. Before the first keys it only waits: they are being fetched.
    pub async fn refreshed(&self, wait: Duration) -> Arc<KeySet> {
        let mut status = self.status.clone();
        let (is_loaded, seen) = {
            let status = status.borrow_and_update();
            (status.loaded_at.is_some(), status.fetches)
        };
        if is_loaded {
            self.request_refresh();
        }
        let ended = status
            .wait_for(|status| status.fetches > seen && (is_loaded || status.loaded_at.is_some()));
        // Too late, or the task has ended: the keys are what they are.
        let _ = tokio::time::timeout(wait, ended).await;
        self.keys()
    }
}

impl Keys for Jwks {
    fn current(&self) -> Arc<KeySet> {
        self.keys()
    }

    fn unknown_key(&self, _key_id: &str) {
        self.request_refresh();
    }
}

impl Drop for Jwks {
    fn drop(&mut self) {
        self.task.abort();
    }
}
