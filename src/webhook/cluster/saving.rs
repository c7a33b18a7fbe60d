//! Keeping what the API server said, so that the next start need not wait for it.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use super::FollowedCluster;
use crate::source::watch::saved::{SavedError, SavedFile};
use crate::webhook::config::SavedStateConfig;
use crate::webhook::load::with_causes;

/// How the saved state is doing.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    /// What became of the one that was there at the start; `None` where none is kept.
    pub(super) at_start: Option<String>,
    /// When it was last written.
    pub(super) written: Option<SystemTime>,
    /// Since when it cannot be written, and why.
    pub(super) failing: Option<(SystemTime, String)>,
    /// How often writing failed.
    pub(super) failures: u64,
}

impl FollowedCluster {
    /// Writes the saved state when something has changed, but not too often; and now and then when nothing
    /// has: a file that is older than `maxAge` is not believed, however quiet the cluster was meanwhile.
    pub(super) async fn keep_saving(&self) {
        let Some(config) = &self.0.config.saved_state else { return };
        let still_true = (config.max_age / 4).max(config.every);
        loop {
            let cluster = &self.0.cluster;
            let changed = tokio::time::timeout(still_true, cluster.changed()).await.is_ok();
            // What nobody confirms must not become younger.
            if !changed && cluster.status().iter().any(|kind| kind.lost.is_some()) {
                continue;
            }
            // Not everything was listed yet, or the disk is full: what changed is still to be written.
            while !self.save(config).await {
                tokio::time::sleep(config.every.min(TRY_AGAIN)).await;
            }
            tokio::time::sleep(config.every).await;
        }
    }

    /// Writes what has changed since the last time, at the end.
    pub(in crate::webhook) async fn save_last(&self) {
        let Some(config) = &self.0.config.saved_state else { return };
        let is_failing = {
            let disk = self.0.disk.load();
            disk.written.is_none() || disk.failing.is_some()
        };
        let changed = tokio::time::timeout(Duration::ZERO, self.0.cluster.changed()).await;
        if is_failing || changed.is_ok() {
            self.save(config).await;
        }
    }

    /// Whether what the cluster says is on disk.
    async fn save(&self, config: &SavedStateConfig) -> bool {
        let file = SavedFile { path: config.file.path.clone(), max_age: None };
        let this = self.clone();
        let saving = tokio::task::spawn_blocking(move || this.write(&file)).await;
        saving.unwrap_or_else(|error| {
            tracing::error!(%error, "saving the state broke off; please report this");
            false
        })
    }

    fn write(&self, file: &SavedFile) -> bool {
        let _one = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(saved) = self.0.cluster.to_save() else { return false };
        let result = file.write(&saved);
        let is_written = result.is_ok();
        let old = self.0.disk.load_full();
        let new = after(&old, &result, SystemTime::now());
        match (&result, &old.failing) {
            (Err(error), None) => {
                let error = with_causes(error);
                tracing::error!(error, "the state cannot be saved; serving goes on");
            }
            (Ok(()), Some(_)) => tracing::info!("the state is saved again"),
            _ => {}
        }
        self.0.disk.store(Arc::new(new));
        is_written
    }
}

/// Things that failed are tried again so soon, where they are not even sooner.
const TRY_AGAIN: Duration = Duration::from_secs(5);

fn after(old: &Disk, result: &Result<(), SavedError>, now: SystemTime) -> Disk {
    let mut new = old.clone();
    match result {
        Ok(()) => {
            new.written = Some(now);
            new.failing = None;
        }
        Err(error) => {
            let since = old.failing.as_ref().map_or(now, |(since, _)| *since);
            new.failing = Some((since, with_causes(error)));
            new.failures = old.failures.saturating_add(1);
        }
    }
    new
}
