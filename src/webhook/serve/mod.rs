//! All parts of a server put together, as `portcullis serve` does.

mod parts;
mod shared;
mod take_over;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::app::App;
use super::cluster::FollowedCluster;
use super::config::{ConfigError, needs};
use super::decision_log::{DecisionLog, DecisionLogError};
use super::digest::DigestKeyError;
use super::load::tls::read_login_tls;
use super::load::{Draft, Revision};
use super::login::logins;
use super::metrics::Metrics;
use super::operations::operations;
use super::reload::{Live, Reloader};
use super::router::reviews;
use super::sample::RateError;
use super::server::{self, Drained, Exposure, Limits, ListenerError, ReloadableTls, TlsError};
use super::shadow::{Shadow, ShadowOptions};
use super::traces::Traces;
use crate::api::decision_line::Mask;
use crate::authn::cache::{CacheError, TokenCache};
use parts::{
    cache_config, decision_log, digest_key, listen, login_tls, reopen_on_hangup, stop_signal, tls,
};
use shared::Shared;
use take_over::take_over;

/// For the lines of the decision log that are still queued when the server stops.
const LAST_LINES: Duration = Duration::from_secs(5);

/// For the spans that are still queued then.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration, or something that it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate, its key or the client authorities.
    #[error("`listen.tls` of the configuration: the files do not serve")]
    Tls(#[from] TlsError),
    /// The same of the login listener.
    #[error("`login.tls` of the configuration: the files do not serve")]
    LoginTls(#[source] TlsError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}; is another server there?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The operations listener would be open to the network.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// The decision log.
    #[error(transparent)]
    DecisionLog(#[from] DecisionLogError),
    /// A share out of range.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// No key for digests.
    #[error(transparent)]
    DigestKey(#[from] DigestKeyError),
    /// No token cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The system gave no thread, or no signals.
    #[error("the system refuses what a server needs")]
    System(#[from] io::Error),
}

/// Where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The reviews: `POST /authorize` and `/authenticate`, over TLS.
    pub reviews: SocketAddr,
    /// `/livez`, `/readyz`, `/metrics`, `/shadow`, in plain HTTP.
    pub operations: SocketAddr,
    /// `/login`, over TLS, if people log in here.
    pub logins: Option<SocketAddr>,
}

/// A server that has loaded everything and listens, but does not answer yet.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), portcullis::webhook::ServeError> {
/// use portcullis::webhook::Server;
///
/// let server = Server::bind("server.yaml".as_ref()).await?;
/// eprintln!("reviews at https://{}", server.addresses().reviews);
/// let stop = async { let _ = tokio::signal::ctrl_c().await; };
/// let drained = server.run(stop).await;
/// # let _ = drained;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    file: PathBuf,
    addresses: Addresses,
    transport: server::Server,
    limits: Limits,
    tls: (Arc<ReloadableTls>, Revision),
    login_tls: Option<(Arc<ReloadableTls>, Revision)>,
    app: Arc<App>,
    live: Arc<Live>,
    log: Arc<DecisionLog>,
    shared: Shared,
}

impl Server {
    /// Loads the configuration and everything that it names, and binds its listeners. Everything
    /// loads, or nothing does.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn bind(file: &Path) -> Result<Self, ServeError> {
        let draft = Draft::read(file)?;
        let followed = match &draft.config().cluster {
            Some(cluster) => {
                let needed = needs(draft.config());
                Some(FollowedCluster::open(cluster, needed, SystemTime::now()).await?)
            }
            None => None,
        };
        let loaded = draft.load_following(followed)?;
        loaded.tell();
        let mut shared = shared::read_revocations(&loaded).await;
        let config = Arc::clone(&loaded.config);
        let (tls, tls_revision) = tls(&config)?;
        let metrics = Arc::new(Metrics::new());
        let key = Arc::new(digest_key(&config)?);
        let log = Arc::new(decision_log(&config, &key, &metrics)?);
        let tokens = TokenCache::new(loaded.counted_tokens(&metrics), cache_config(&config))?;
        let traces = Traces::start(config.log.open_telemetry.as_ref(), &metrics)?;
        let decisions = config.log.decisions.as_ref();
        // There from the start, so that a reload can bring the first candidate. What the decision
        // log hides is not shown elsewhere.
        let mask = decisions.map_or(Mask::None, |decisions| decisions.mask);
        let options = ShadowOptions { mask, ..ShadowOptions::default() };
        let shadow = Arc::new(Shadow::new(options, key, Arc::clone(&metrics)));
        let app = App::new(Arc::clone(&loaded.policy.snapshot), tokens)
            .with_limits(config.limits.reviews)
            .with_metrics(Arc::clone(&metrics))
            .with_log(Arc::clone(&log))
            .with_shadow(shadow)
            .with_traces(traces);
        let app = Arc::new(app);
        let live = Arc::new(Live::new(loaded, Arc::clone(&metrics), SystemTime::now()));
        if live.serving().loaded.plan.is_some() {
            app.hold();
        }
        take_over(&app, live.generations(), &live.serving())?;

        let limits = config.limits.transport.clone();
        let reviews = listen(config.listen.address).await?;
        let others = listen(config.operations.address).await?;
        let door = match &config.login {
            Some(login) => Some((listen(login.address).await?, login_tls(&config)?)),
            None => None,
        };
        let addresses = Addresses {
            reviews: reviews.local_addr()?,
            operations: others.local_addr()?,
            logins: door.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?,
        };
        let mut transport = server::Server::new(limits.clone(), Arc::clone(&metrics))
            .with_drain(config.shutdown.drain);
        let router = {
            let (app, live, tls) = (Arc::clone(&app), Arc::clone(&live), Some(Arc::clone(&tls)));
            operations(app, live, tls, transport.phase())
        };
        let exposure = match config.operations.allow_remote {
            true => Exposure::Network,
            false => Exposure::Loopback,
        };
        let mut login_tls = None;
        if let Some((listener, (tls, revision))) = door {
            let router = logins(Arc::clone(&live), metrics, limits.logins());
            transport = transport.logins(listener, Arc::clone(&tls), router);
            login_tls = Some((tls, revision));
        }
        let transport =
            transport.review(reviews, Arc::clone(&tls)).operations(others, router, exposure)?;
        shared.start(&live.serving().loaded, &app)?;
        let (file, tls) = (file.to_owned(), (tls, tls_revision));
        Ok(Self { file, addresses, transport, limits, tls, login_tls, app, live, log, shared })
    }

    /// Where it listens; of a port 0 in the configuration, the one that the system chose.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What serves.
    #[must_use]
    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Answers until `stop` completes and everything in flight is answered. Files are watched and
    /// loaded anew meanwhile; SIGHUP does so at once, and reopens the decision log.
    ///
    /// # Errors
    /// When files cannot be watched for want of a thread.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Drained, ServeError> {
        let Self { file, transport, limits, tls, login_tls, app, live, log, shared, .. } = self;
        let (tls, revision) = tls;
        let metrics = Arc::clone(app.metrics());
        let publish_to = Arc::clone(&app);
        let generations = live.generations().clone();
        let followed = live.serving().loaded.followed.clone();
        let mut reloader = Reloader::start(&file, live, metrics)?
            .with_published(move |serving| {
                if let Err(error) = take_over(&publish_to, &generations, serving) {
                    tracing::error!(%error, "the revocation list is not followed; restart the server");
                }
            })
            .with_tls(revision, move |bytes| Ok(tls.reload(&bytes.files())?));
        if let Some((tls, revision)) = login_tls {
            reloader = reloader.with_tls_of(read_login_tls, revision, move |bytes| {
                Ok(tls.reload(&bytes.files())?)
            });
        }
        let reloading = tokio::spawn(Arc::new(reloader).run(std::future::pending()));
        let following = followed.clone().map(|followed| tokio::spawn(followed.run()));
        let reopening = tokio::spawn(reopen_on_hangup(Arc::clone(&log)));
        let traces = app.traces().cloned();
        let drained = transport.run(reviews(app, limits), stop).await;
        shared.close().await;
        reloading.abort();
        reopening.abort();
        if let Some(following) = following {
            following.abort();
        }
        if let Some(followed) = followed {
            followed.save_last().await;
        }
        if let Some(traces) = traces
            && !traces.close(LAST_SPANS).await
        {
            tracing::warn!("the last spans could not be sent to the collector");
        }
        if !log.close(LAST_LINES) {
            tracing::warn!("the decision log could not be written to its end");
        }
        Ok(drained)
    }
}

/// Serves as a configuration file says until SIGTERM or SIGINT, and drains. `ready` is told where,
/// just before the first answer.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(file: &Path, ready: impl FnOnce(&Addresses)) -> Result<Drained, ServeError> {
    let stop = stop_signal()?;
    let server = Server::bind(file).await?;
    ready(&server.addresses());
    server.run(stop).await
}
