use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;

use super::app::App;
use super::config::{ConfigError, DecisionLogConfig, LogTarget, ServerConfig};
use super::decision_log::{DecisionLog, DecisionLogError, DecisionSink, LogOptions};
use super::digest::{DigestKey, DigestKeyError};
use super::load::digest_key::read_digest_key;
use super::load::tls::{read_login_tls, read_tls};
use super::load::{self, Revision};
use super::login::logins;
use super::metrics::Metrics;
use super::operations::operations;
use super::reload::{Live, Reloader, Serving};
use super::router::reviews;
use super::sample::{Rate, RateError};
use super::server::{
    self, AllowedClient, ClientAuth, Drained, Exposure, Limits, ListenerError, ReloadableTls,
    TlsError,
};
use super::shadow::{Shadow, ShadowOptions};
use super::traces::Traces;
use crate::api::decision_line::Mask;
use crate::authn::cache::{CacheConfig, CacheError, TokenCache};

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
}

impl Server {
    /// Loads the configuration and everything that it names, and binds its listeners. Everything
    /// loads, or nothing does.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn bind(file: &Path) -> Result<Self, ServeError> {
        let loaded = load::load(file)?;
        loaded.tell();
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
        take_over(&app, &live.serving())?;

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
        let mut transport = server::Server::new(limits.clone(), Arc::clone(&metrics));
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
        let (file, tls) = (file.to_owned(), (tls, tls_revision));
        Ok(Self { file, addresses, transport, limits, tls, login_tls, app, live, log })
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
        let Self { file, transport, limits, tls, login_tls, app, live, log, .. } = self;
        let (tls, revision) = tls;
        let metrics = Arc::clone(app.metrics());
        let publish_to = Arc::clone(&app);
        let mut reloader = Reloader::start(&file, live, metrics)?
            .with_published(move |serving| {
                if let Err(error) = take_over(&publish_to, serving) {
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
        let reopening = tokio::spawn(reopen_on_hangup(Arc::clone(&log)));
        let traces = app.traces().cloned();
        let drained = transport.run(reviews(app, limits), stop).await;
        reloading.abort();
        reopening.abort();
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

/// From here on, reviews are decided by this, and no answer about a token is older. An error means
/// that the revocation list stands still, for want of a thread.
fn take_over(app: &Arc<App>, serving: &Serving) -> io::Result<()> {
    let loaded = &serving.loaded;
    for fetched in &loaded.fetched {
        // The keys live in the tokens' side of what they would keep alive.
        let app = Arc::downgrade(app);
        fetched.on_change(move || {
            if let Some(app) = app.upgrade() {
                app.tokens().flush();
            }
        });
    }
    for issuer in loaded.organisation.all_issuers() {
        let app = Arc::downgrade(app);
        issuer.on_change(move || {
            if let Some(app) = app.upgrade() {
                app.tokens().flush();
            }
        });
    }
    app.publish(Arc::clone(&loaded.policy.snapshot), serving.generation);
    app.tokens().replace(loaded.counted_tokens(app.metrics()));
    loaded.count(app.metrics());
    if let Some(shadow) = app.shadow() {
        match &loaded.shadow {
            Some(candidate) => {
                let sample = loaded.config.shadow.as_ref().map(|shadow| shadow.sample);
                shadow.set_sample(
                    sample.and_then(|sample| Rate::new(sample).ok()).unwrap_or_default(),
                );
                let revision = loaded.revision.to_string();
                shadow.set_candidate(Arc::clone(&candidate.snapshot), revision);
            }
            None => shadow.clear_candidate(),
        }
    }
    match &loaded.revocations {
        Some(revocations) => revocations.start(app.metrics()),
        None => {
            app.metrics().revocations(0, 0);
            Ok(())
        }
    }
}

fn tls(config: &ServerConfig) -> Result<(Arc<ReloadableTls>, Revision), ServeError> {
    let bytes = read_tls(&config.listen.tls)?;
    for warning in &bytes.warnings {
        tracing::warn!("{warning}");
    }
    let clients = match &bytes.client_ca {
        Some(_) => {
            let names = config.listen.tls.allowed_clients.iter().cloned();
            ClientAuth::Required { allowed: names.map(AllowedClient::CommonName).collect() }
        }
        None => ClientAuth::None,
    };
    Ok((Arc::new(ReloadableTls::new(&bytes.files(), clients)?), bytes.revision))
}

fn login_tls(config: &ServerConfig) -> Result<(Arc<ReloadableTls>, Revision), ServeError> {
    let bytes = read_login_tls(config)?;
    for warning in &bytes.warnings {
        tracing::warn!("{warning}");
    }
    let tls = load::tls::login_tls(&bytes).map_err(ServeError::LoginTls)?;
    Ok((Arc::new(tls), bytes.revision))
}

/// The key that is configured, or one that ends with this process.
fn digest_key(config: &ServerConfig) -> Result<DigestKey, ServeError> {
    match config.log.decisions.as_ref().and_then(|decisions| decisions.key_file.as_ref()) {
        Some(named) => Ok(read_digest_key(named)?),
        None => Ok(DigestKey::random()?),
    }
}

fn decision_log(
    config: &ServerConfig,
    key: &Arc<DigestKey>,
    metrics: &Arc<Metrics>,
) -> Result<DecisionLog, ServeError> {
    let Some(wanted) = &config.log.decisions else {
        return Ok(DecisionLog::off());
    };
    let DecisionLogConfig { target, sample_allows, sample_refusals, always_verbs, mask, .. } =
        wanted;
    let mut options = LogOptions::new(match target {
        LogTarget::Stdout => DecisionSink::Stdout,
        LogTarget::File(named) => DecisionSink::File(named.path.clone()),
    });
    options.sample.allows = Rate::new(*sample_allows)?;
    options.sample.refusals = Rate::new(*sample_refusals)?;
    if let Some(verbs) = always_verbs {
        options.sample.always.clone_from(verbs);
    }
    options.mask = *mask;
    Ok(DecisionLog::open(options, Arc::clone(key), Arc::clone(metrics))?)
}

fn cache_config(config: &ServerConfig) -> CacheConfig {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    CacheConfig {
        capacity: config.token_cache.size,
        yes_seconds: seconds(config.token_cache.success),
        no_seconds: seconds(config.token_cache.failure),
        ..CacheConfig::default()
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Bind { address, error })
}

#[cfg(unix)]
async fn reopen_on_hangup(log: Arc<DecisionLog>) {
    use tokio::signal::unix::{SignalKind, signal};

    if let Ok(mut hangup) = signal(SignalKind::hangup()) {
        while hangup.recv().await.is_some() {
            log.reopen();
        }
    }
}

#[cfg(not(unix))]
async fn reopen_on_hangup(_: Arc<DecisionLog>) {}

/// Listens for signals from now on, not only from the first poll.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Without anybody who listens it would end the process; whoever reloads listens only when
    // everything is loaded, and looks at the files then anyway.
    let _ = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
