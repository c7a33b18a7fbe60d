//! Replacing what serves while it serves: read beside, compile beside, swap; on any error the last
//! good one goes on serving and says so.
//!
//! Readers take what serves without a lock and never wait. Listeners, logs and limits are taken from
//! the configuration at the start; a change of theirs is told, and needs a restart.
//!
//! Absent on purpose: noticing changes (see [`watch`](super::watch)) and reading files (see
//! [`load`](super::load)).

mod live;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

pub(super) use live::Generations;
pub use live::{Live, ReloadStatus, Serving};

use super::config::{ConfigError, ServerConfig};
use super::load::tls::{TlsBytes, read_tls};
use super::load::{Draft, Outcome, Revision};
use super::metrics::{LoadResult, Metrics, Reloaded};
use super::watch::{WatchOptions, Watcher};

/// Takes over new TLS files; an error keeps the old ones.
pub type ApplyTls = dyn Fn(TlsBytes) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// Is told about every policy that begins to serve, such as a cache that must forget.
pub type Published = dyn Fn(&Serving) + Send + Sync;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The last good one goes on serving.
    Failed,
    /// Something new serves.
    Replaced,
    /// The bytes are those that serve.
    Unchanged,
}

/// Replaces what serves.
pub struct Reloader {
    file: PathBuf,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    /// What the listeners were started with.
    started: Arc<ServerConfig>,
    published: Box<Published>,
    tls: Vec<TlsSite>,
    wake: Arc<Notify>,
    watcher: Watcher,
}

/// Reads the TLS files of a listener.
type ReadTls = fn(&ServerConfig) -> Result<TlsBytes, ConfigError>;

/// A listener whose TLS files are looked after.
struct TlsSite {
    read: ReadTls,
    apply: Box<ApplyTls>,
    tls: Mutex<Tls>,
}

impl TlsSite {
    fn lock(&self) -> std::sync::MutexGuard<'_, Tls> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The TLS files that serve.
struct Tls {
    revision: Option<Revision>,
    failing: bool,
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader")
            .field("file", &self.file)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl Reloader {
    /// Begins to watch the configuration file and all that it names.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(file: &Path, live: Arc<Live>, metrics: Arc<Metrics>) -> io::Result<Self> {
        let started = Arc::clone(&live.serving().loaded.config);
        let wake = Arc::new(Notify::new());
        // What changed since the load is found by the first attempt.
        wake.notify_one();
        let paths = Draft::read(file).map_or_else(|_| vec![file.to_owned()], |draft| draft.paths());
        let options =
            WatchOptions { watch: started.reload.watch, interval: started.reload.interval };
        let waker = Arc::clone(&wake);
        let watcher = Watcher::start(paths, options, move || waker.notify_one())?;
        Ok(Self {
            file: file.to_owned(),
            live,
            metrics,
            started,
            published: Box::new(|_| {}),
            tls: Vec::new(),
            wake,
            watcher,
        })
    }

    /// The same, telling `published` about every policy that begins to serve. It is called after
    /// the swap, on the reloading thread.
    #[must_use]
    pub fn with_published(mut self, published: impl Fn(&Serving) + Send + Sync + 'static) -> Self {
        self.published = Box::new(published);
        self
    }

    /// The same, handing new TLS files to `apply`. `serving` are those that serve now.
    #[must_use]
    pub fn with_tls(
        self,
        serving: Revision,
        apply: impl Fn(TlsBytes) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        self.with_tls_of(|config| read_tls(&config.listen.tls), serving, apply)
    }

    /// The same for the files that `read` reads.
    #[must_use]
    pub(super) fn with_tls_of(
        mut self,
        read: ReadTls,
        serving: Revision,
        apply: impl Fn(TlsBytes) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        let tls = Mutex::new(Tls { revision: Some(serving), failing: false });
        self.tls.push(TlsSite { read, apply: Box::new(apply), tls });
        self
    }

    /// Asks for an attempt, as SIGHUP does.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Reloads when files change, on SIGHUP, and again after an interval while the last attempt
    /// failed, until `stop`. Reading and compiling happen on a thread for blocking work.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut hangup = Hangup::new();
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.wake.notified() => {}
                () = hangup.next() => tracing::info!("SIGHUP: looking at the files"),
                () = self.retry() => {}
            }
            let this = Arc::clone(&self);
            let attempt = tokio::task::spawn_blocking(move || this.attempt(SystemTime::now()));
            if let Err(error) = attempt.await {
                tracing::error!(%error, "reload broke off; please report this");
            }
        }
    }

    /// Ends when a failed attempt should be made again.
    async fn retry(&self) {
        let interval = self.started.reload.interval;
        let failing = self.live.status().failing_since.is_some()
            || self.tls.iter().any(|site| site.lock().failing)
            || !self.live.serving().loaded.shadow_problems.is_empty();
        if failing && !interval.is_zero() {
            tokio::time::sleep(interval).await;
        } else {
            pending().await
        }
    }

    /// One attempt, at the time `now`. Blocks for as long as reading and compiling take; not to be
    /// called twice at a time.
    pub fn attempt(&self, now: SystemTime) -> Attempt {
        self.attempt_tls();
        let started = Instant::now();
        match self.load() {
            Ok(Outcome::Unchanged) => {
                if self.live.unchanged(now) {
                    let revision = self.live.serving().loaded.revision;
                    tracing::info!(%revision, "the files are again those that serve");
                }
                Attempt::Unchanged
            }
            Ok(Outcome::Loaded(loaded)) => {
                let restart = loaded.config.needs_restart(&self.started);
                loaded.tell();
                let (old, new) = self.live.publish(*loaded, restart.clone(), now);
                self.metrics.reloaded(Reloaded::Policy, LoadResult::Success);
                (self.published)(&new);
                let took = milliseconds(started.elapsed());
                tracing::info!(
                    revision = %new.loaded.revision,
                    generation = new.generation,
                    bindings = new.loaded.policy.bindings,
                    took_ms = took,
                    "reloaded"
                );
                if !restart.is_empty() {
                    let parts = restart.join(", ");
                    tracing::warn!(parts, "changed in the configuration and need a restart");
                }
                retire(old);
                Attempt::Replaced
            }
            Err(error) => {
                self.live.failed(&error, now);
                self.metrics.reloaded(Reloaded::Policy, LoadResult::Failure);
                let revision = self.live.serving().loaded.revision;
                tracing::error!(%error, serving = %revision, "not reloaded; the last good one serves");
                for problem in error.problems().iter().skip(1) {
                    tracing::error!("also: {problem}");
                }
                Attempt::Failed
            }
        }
    }

    fn load(&self) -> Result<Outcome, ConfigError> {
        let draft = Draft::read(&self.file)?;
        self.watcher.set_paths(draft.paths());
        draft.load(Some(&self.live.serving().loaded))
    }

    fn attempt_tls(&self) {
        let mut failed = None;
        for site in &self.tls {
            if let Err(error) = self.attempt_tls_of(site) {
                failed.get_or_insert(error);
            }
        }
        self.live.tls(failed);
    }

    fn attempt_tls_of(&self, site: &TlsSite) -> Result<(), String> {
        let mut tls = site.lock();
        let result = match (site.read)(&self.started) {
            Ok(bytes) if tls.revision == Some(bytes.revision) => {
                tls.failing = false;
                return Ok(());
            }
            Ok(bytes) => {
                let revision = bytes.revision;
                (site.apply)(bytes).map(|()| revision).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(revision) => {
                *tls = Tls { revision: Some(revision), failing: false };
                self.metrics.reloaded(Reloaded::Tls, LoadResult::Success);
                tracing::info!(%revision, "TLS files reloaded");
                Ok(())
            }
            Err(error) => {
                tls.failing = true;
                self.metrics.reloaded(Reloaded::Tls, LoadResult::Failure);
                tracing::error!(error, "TLS files not reloaded; the last good ones serve");
                Err(error)
            }
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Freeing a large policy takes milliseconds: no request that still holds it shall pay for that.
fn retire(old: Arc<Serving>) {
    const PAUSE: Duration = Duration::from_millis(100);
    const LONGEST: u32 = 300;
    let wait = move || {
        let mut rounds = 0;
        while Arc::strong_count(&old) > 1 && rounds < LONGEST {
            thread::sleep(PAUSE);
            rounds += 1;
        }
    };
    // Without a thread it is freed by whoever drops it last.
    drop(thread::Builder::new().name("retire".to_owned()).spawn(wait));
}

/// SIGHUP, where there is one.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be received"));
        Self { signal: signal.ok() }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        match &mut self.signal {
            Some(signal) => _ = signal.recv().await,
            None => pending().await,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        pending().await
    }
}
