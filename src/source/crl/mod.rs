//! Which certificates have others' authorities revoked? Revocation lists (RFC 5280 §5) from files and
//! URLs, kept fresh in the background and published to the x509 authenticator.
//!
//! Whatever goes wrong later, an outage, a file that cannot be read, a list that is older than the one
//! that serves or signed by somebody else: the list that is known goes on serving,
//! [`CrlFeed::status`] tells the error, and the next attempts come closer together. A list that serves
//! beyond its next update is for the authenticator to judge, which denies by default.
//!
//! Files are read at the start, and again when they change. URLs are fetched before the list that
//! serves says that the next is due.
//!
//! Absent on purpose: the URLs that certificates name (whoever presents one would choose whom this
//! server connects to), delta lists, and OCSP.
//!
//! ```no_run
//! use portcullis::authn::x509::Crls;
//! use portcullis::source::crl::{CrlConfig, CrlFeed, CrlSource};
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let crls = Crls::default();
//! let issuer = std::fs::read("/etc/portcullis/corporate-ca.pem")?;
//! let config = CrlConfig::new([
//!     CrlSource::file("/etc/portcullis/cluster.crl"),
//!     CrlSource::plain_http("http://pki.example/corporate.crl", issuer),
//! ]);
//! let feed = CrlFeed::start(config, crls.clone())?;
//! feed.wait_ready().await;
//! assert_eq!(feed.status().len(), 2);
//! # Ok(())
//! # }
//! ```

mod config;
mod error;
mod file;
mod follow;
mod lists;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use config::{CrlConfig, CrlSource};
pub use error::{CrlConfigError, CrlSourceError};

use super::fetch::{Client, FetchConfigError, FetchOptions, PlainHttp};
use crate::authn::UnixSeconds;
use crate::authn::x509::Crls;
use crate::crypto::certificate::chain_from_pem;
use crate::crypto::crl::RevocationList;
use config::Place;
use file::FollowedFile;
use follow::{FileFollower, Slot, UrlFollower};
use lists::Issuers;

/// How a source does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrlStatus {
    /// The path or the URL.
    pub source: String,
    /// When the source was last read with success; `None` before that. The age of what is known.
    pub loaded_at: Option<UnixSeconds>,
    /// When the oldest of its lists was made.
    pub this_update: Option<UnixSeconds>,
    /// When the first of them is to be replaced. In the past: the list has expired.
    pub next_update: Option<UnixSeconds>,
    /// How many lists it has.
    pub lists: usize,
    /// How many certificates they revoke.
    pub entries: usize,
    /// Why the last attempt failed; `None` when it did not.
    pub last_error: Option<CrlSourceError>,
    /// How many attempts there were; looks at a file that had not changed do not count.
    pub attempts: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// What follows one source, until it is dropped.
type Follower = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What all sources have brought together.
#[derive(Debug)]
struct Board {
    crls: Crls,
    /// One for each source, in the order of the configuration.
    slots: Mutex<Vec<Vec<Arc<RevocationList>>>>,
}

impl Board {
    fn put(&self, index: usize, lists: Vec<Arc<RevocationList>>) {
        // Published under the lock, so that of two sources the later one does not win alone.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(index) {
            *slot = lists;
        }
        self.crls.publish(slots.iter().flatten().cloned().collect());
    }
}

/// Keeps revocation lists fresh. Dropping it ends that; what was published stays.
#[derive(Debug)]
pub struct CrlFeed {
    status: Vec<watch::Receiver<CrlStatus>>,
    tasks: Vec<JoinHandle<()>>,
}

impl CrlFeed {
    /// Reads all files, begins to fetch, and returns without waiting for the first answers. From now
    /// on nobody else should publish to `crls`. Must be called inside of a Tokio runtime.
    ///
    /// # Errors
    /// When the configuration cannot work, or a file cannot be read or holds no list; no failure of
    /// the network is one.
    pub fn start(config: CrlConfig, crls: Crls) -> Result<Self, CrlConfigError> {
        for (name, is_zero) in [
            ("poll", config.poll.is_zero()),
            ("refresh", config.refresh.is_zero()),
            ("min_refresh", config.min_refresh.is_zero()),
            ("max_bytes", config.max_bytes == 0),
        ] {
            if is_zero {
                return Err(FetchConfigError::Zero(name).into());
            }
        }
        let runtime = Handle::try_current().map_err(|_| FetchConfigError::NoRuntime)?;
        let slots = Mutex::new(vec![Vec::new(); config.sources.len()]);
        let board = Arc::new(Board { crls, slots });
        let mut feed = Self { status: Vec::new(), tasks: Vec::new() };
        let mut followers: Vec<Follower> = Vec::new();
        for (index, source) in config.sources.iter().enumerate() {
            let name = source.to_string();
            let issuers = source.issuers.as_deref().map(chain_from_pem).transpose();
            let issuers = issuers
                .map_err(|error| CrlConfigError::Issuers { source_name: name.clone(), error })?;
            let first = CrlStatus { source: name.clone(), ..CrlStatus::default() };
            let (sender, status) = watch::channel(first);
            feed.status.push(status);
            let board = Arc::clone(&board);
            let mut slot = Slot::new(board, index, Issuers(issuers), sender);
            followers.push(match &source.place {
                Place::File(path) => {
                    let mut file = FollowedFile::new(path.clone(), config.max_bytes);
                    slot.look(&mut file)
                        .map_err(|error| CrlConfigError::File { path: name, error })?;
                    Box::pin(FileFollower { slot, file, poll: config.poll }.run())
                }
                Place::Url(url) | Place::PlainHttp(url) => {
                    let plain_http = match &source.place {
                        Place::PlainHttp(_) => PlainHttp::Anywhere,
                        _ => PlainHttp::Loopback,
                    };
                    let client = Client::new(&FetchOptions {
                        url,
                        accept: "application/pkix-crl, application/x-pem-file",
                        ca_bundle: source.ca_bundle.as_deref(),
                        host_roots: false,
                        timeout: config.timeout,
                        max_bytes: config.max_bytes,
                        plain_http,
                    })?;
                    let (refresh, min_refresh) = (config.refresh, config.min_refresh);
                    Box::pin(UrlFollower { slot, client, refresh, min_refresh }.run())
                }
            });
        }
        // Nothing runs before everything was found to be in order.
        feed.tasks = followers.into_iter().map(|follower| runtime.spawn(follower)).collect();
        Ok(feed)
    }

    /// How each source does, in the order of the configuration.
    #[must_use]
    pub fn status(&self) -> Vec<CrlStatus> {
        self.status.iter().map(|status| status.borrow().clone()).collect()
    }

    /// Returns once every source has brought a list, which may be never; put a timeout around it.
    pub async fn wait_ready(&self) {
        for status in &self.status {
            let mut status = status.clone();
            // An error would mean that the task has ended, which it does when this is dropped.
            let _ = status.wait_for(|status| status.loaded_at.is_some()).await;
        }
    }
}

impl Drop for CrlFeed {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
