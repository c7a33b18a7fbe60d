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
        shared.tasks.push(tokio::spawn(kept.clone().keep(config.every)));
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
        if let Some(kept) = kept {
            kept.save().await;
        }
    }

    /// Begins to sign, and to tell others what the candidate policy would have said.
    pub(super) fn start(&mut self, loaded: &Loaded, app: &Arc<App>) -> Result<(), ConfigError> {
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

impl Kept {
    /// Writes what is revoked when it has changed, but not too often.
    async fn keep(self, every: Duration) {
        loop {
            self.cluster.cluster().changed().await;
            while !self.save().await {
                tokio::time::sleep(every.min(TRY_AGAIN)).await;
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Whether what is revoked is on disk. What is known from there alone is there as it was.
    async fn save(&self) -> bool {
        let Some(saved) = self.cluster.cluster().to_save() else { return false };
        let file = self.file.clone();
        match tokio::task::spawn_blocking(move || file.write(&saved)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                let error = with_causes(&error);
                tracing::error!(error, "what is revoked cannot be kept on the disk");
                false
            }
            Err(error) => {
                tracing::error!(%error, "saving what is revoked broke off; please report this");
                false
            }
        }
    }
}
