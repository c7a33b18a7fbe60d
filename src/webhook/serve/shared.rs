//! What replicas share, and who works with it: revocations, books, signers, the counts of a candidate
//! policy.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use crate::source::shared_facts::{ClusterLedger, ClusterRevocations, FactsOptions, Summaries};
use crate::source::watch::Connection;
use crate::source::watch::saved::{Saved, SavedFile};
use crate::webhook::app::App;
use crate::webhook::config::{ConfigError, FactsConfig, SavedStateConfig, ServerConfig};
use crate::webhook::load::{Loaded, with_causes};
use crate::webhook::shadow::Replicas;
use crate::webhook::signer::{Authorize, SharedLedger, SignerTools, Signers};

/// Everything of it that ends with the server.
#[derive(Debug, Default)]
pub(super) struct Shared {
    signers: Option<Signers>,
    tasks: Vec<JoinHandle<()>>,
    kept: Option<Kept>,
}

/// What is revoked, and where it is kept for the next start.
#[derive(Clone)]
struct Kept {
    cluster: ClusterRevocations,
    file: SavedFile,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.signers = None;
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Begins to read what replicas revoke, where that counts: before anything serves.
pub(super) async fn read_revocations(loaded: &Loaded) -> Shared {
    let mut shared = Shared::default();
    let (Some(revocations), Some((connection, options))) = (&loaded.revocations, of(loaded)) else {
        return shared;
    };
    if !loaded.config.revocation.as_ref().is_some_and(|it| it.from_cluster) {
        return shared;
    }
    let file = saved_file(&loaded.config);
    let saved = match &file {
        None => None,
        Some((file, _)) => read(file.clone(), connection.server().to_owned()).await,
    };
    let cluster = ClusterRevocations::start(connection, &options, saved);
    revocations.join(&cluster);
    if let Some((file, config)) = file {
        let kept = Kept { cluster, file };
        shared.tasks.push(tokio::spawn(kept.clone().keep(config)));
        shared.kept = Some(kept);
    }
    shared
}

/// What could not be written is tried again so soon.
const TRY_AGAIN: Duration = Duration::from_secs(5);

impl Shared {
    /// Ends all of it. What was revoked since it was last written is written, so that no start forgets it.
    pub(super) async fn close(mut self) {
        let kept = self.kept.take();
        drop(self);
        if let Some(kept) = kept
            && let Err(error) = kept.save().await
        {
            tracing::error!(error, "what is revoked cannot be kept on the disk");
        }
    }

    /// Begins to sign, and to tell others what the candidate policy would have said.
    pub(super) fn start(&mut self, loaded: &Loaded, app: &Arc<App>) -> Result<(), ConfigError> {
        self.await_revocations(loaded, app);
        let config = &loaded.config;
        let Some(followed) = &loaded.followed else { return Ok(()) };
        let connection = followed.connection();
        let options = facts(config).map(options);
        if !config.signers.is_empty() {
            let mut tools = SignerTools::new(connection.clone(), Arc::clone(app.metrics()));
            tools.authorize = authorize(app);
            let needs_books = config.signers.iter().any(|signer| signer.ledger.is_none());
            if let Some(options) = options.as_ref().filter(|_| needs_books) {
                let revocations = loaded.revocations.as_ref().and_then(|it| it.cluster());
                let revocations = revocations
                    .unwrap_or_else(|| ClusterRevocations::start(connection, options, None));
                let ledger: SharedLedger =
                    Arc::new(ClusterLedger::start(connection, options, revocations));
                tools.ledger = Some(ledger);
            }
            let mut warnings = Vec::new();
            self.signers = Some(Signers::start(&config.signers, &tools, &mut warnings)?);
            for warning in warnings {
                tracing::warn!("{warning}");
            }
        }
        if let (Some(options), Some(shadow)) = (options, app.shadow()) {
            let summaries = Summaries::start(connection, options);
            let replicas = Arc::new(Replicas::new(summaries));
            shadow.set_replicas(Arc::clone(&replicas));
            self.tasks.push(tokio::spawn(replicas.run(Arc::clone(shadow))));
        }
        Ok(())
    }

    /// Nothing is answered until it is known what replicas revoke: not every API server asks whether this
    /// one is ready before it asks who may do what.
    fn await_revocations(&mut self, loaded: &Loaded, app: &Arc<App>) {
        let Some(revocations) = loaded.revocations.as_ref().filter(|it| !it.is_ready()) else {
            return;
        };
        let Some(cluster) = revocations.cluster() else { return };
        app.await_revocations(true);
        tracing::warn!("reviews are answered with 503 until it is read what replicas revoke");
        let app = Arc::clone(app);
        self.tasks.push(tokio::spawn(async move {
            cluster.cluster().ready().await;
            app.await_revocations(false);
            tracing::info!("what replicas revoke is read");
        }));
    }
}

/// Asks whatever serves at that time.
fn authorize(app: &Arc<App>) -> Authorize {
    let app = Arc::downgrade(app);
    Arc::new(move |request| match app.upgrade() {
        Some(app) => app.verdict(request),
        None => crate::model::Verdict::no_opinion(""),
    })
}

fn facts(config: &ServerConfig) -> Option<&FactsConfig> {
    config.cluster.as_ref()?.facts.as_ref()
}

fn options(facts: &FactsConfig) -> FactsOptions {
    FactsOptions::new(facts.namespace.as_str(), facts.writer())
}

/// Where facts are, when there is an API server and a place in it.
fn of(loaded: &Loaded) -> Option<(&Connection, FactsOptions)> {
    let followed = loaded.followed.as_ref()?;
    Some((followed.connection(), options(facts(&loaded.config)?)))
}

/// Beside the saved state of the policy: a server that starts without the API server must not forget
/// what is revoked.
fn saved_file(config: &ServerConfig) -> Option<(SavedFile, SavedStateConfig)> {
    let saved = config.cluster.as_ref()?.saved_state.as_ref()?;
    let mut path = saved.file.path.clone().into_os_string();
    path.push(".revocations");
    let file = SavedFile { path: PathBuf::from(path), max_age: Some(saved.max_age) };
    Some((file, saved.clone()))
}

async fn read(file: SavedFile, server: String) -> Option<Saved> {
    let path = file.path.display().to_string();
    let reading = move || file.read(&server, SystemTime::now());
    match tokio::task::spawn_blocking(reading).await.ok()? {
        Ok(saved) => saved,
        Err(error) => {
            let error = with_causes(&error);
            tracing::error!(file = path, error, "what was revoked is not read from the disk");
            None
        }
    }
}

/// What was revoked and is not on disk is forgotten by a start without the API server, so this waits no
/// longer than a burst of revocations takes.
const LATEST: Duration = Duration::from_secs(1);

impl Kept {
    /// Writes what is revoked when it has changed, and now and then when it has not: a file that is older
    /// than `maxAge` is not believed, however quiet it was meanwhile.
    async fn keep(self, config: SavedStateConfig) {
        let cluster = self.cluster.cluster();
        let still_true = (config.max_age / 4).max(LATEST);
        let mut is_failing = false;
        loop {
            let changed = tokio::time::timeout(still_true, cluster.changed()).await.is_ok();
            // What nobody confirms must not become younger.
            if !changed && cluster.status().iter().any(|kind| kind.lost.is_some()) {
                continue;
            }
            while let Err(error) = self.save().await {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!(error, "what is revoked cannot be kept on the disk");
                }
                tokio::time::sleep(config.every.min(TRY_AGAIN)).await;
            }
            if std::mem::take(&mut is_failing) {
                tracing::info!("what is revoked is kept on the disk again");
            }
            tokio::time::sleep(config.every.min(LATEST)).await;
        }
    }

    /// Does nothing as long as the API server was not heard: the file is what was heard last.
    async fn save(&self) -> Result<(), String> {
        let (cluster, file) = (self.cluster.clone(), self.file.clone());
        let writing =
            move || cluster.cluster().to_save().map_or(Ok(()), |saved| file.write(&saved));
        let written = tokio::task::spawn_blocking(writing).await;
        let written = written.map_err(|error| with_causes(&error))?;
        written.map_err(|error| with_causes(&error))
    }
}
