use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;
use crate::webhook::config::ConfigError;
use crate::webhook::load::{Loaded, LoadedPolicy};
use crate::webhook::metrics::Metrics;

/// Something that serves, and since when.
#[derive(Debug)]
#[non_exhaustive]
pub struct Serving {
    /// What was loaded. Its snapshots carry the generation.
    pub loaded: Loaded,
    /// Counts what served since the start, from 1.
    pub generation: u64,
    /// When it began to serve.
    pub loaded_at: SystemTime,
}

/// How the last attempts went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadStatus {
    /// When the files were last looked at.
    pub last_attempt: SystemTime,
    /// Why what serves is not what the files say; `None` when it is.
    pub last_error: Option<String>,
    /// Since when it is not.
    pub failing_since: Option<SystemTime>,
    /// Why the TLS files that serve are not what the files say.
    pub tls_error: Option<String>,
    /// Fields of the configuration that changed and need a restart.
    pub needs_restart: Vec<&'static str>,
}

/// Counts what served since the start, from 1. Clones count together.
#[derive(Debug, Clone, Default)]
pub(in crate::webhook) struct Generations(Arc<AtomicU64>);

impl Generations {
    /// The next one.
    pub(in crate::webhook) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// What serves now. Readers take it without a lock; one writer at a time.
#[derive(Debug)]
pub struct Live {
    serving: ArcSwap<Serving>,
    status: ArcSwap<ReloadStatus>,
    generations: Generations,
    metrics: Arc<Metrics>,
}

impl Live {
    /// The first that serves, from `now` on.
    #[must_use]
    pub fn new(loaded: Loaded, metrics: Arc<Metrics>, now: SystemTime) -> Self {
        let generations = Generations::default();
        let serving = Serving::new(loaded, generations.next(), now);
        metrics.policy(1, unix_seconds(now));
        let status = ReloadStatus {
            last_attempt: now,
            last_error: None,
            failing_since: None,
            tls_error: None,
            needs_restart: Vec::new(),
        };
        Self {
            serving: ArcSwap::from_pointee(serving),
            status: ArcSwap::from_pointee(status),
            generations,
            metrics,
        }
    }

    /// What serves now. Keep it for one request, no longer.
    #[must_use]
    pub fn serving(&self) -> arc_swap::Guard<Arc<Serving>> {
        self.serving.load()
    }

    /// Who counts.
    pub(in crate::webhook) const fn generations(&self) -> &Generations {
        &self.generations
    }

    /// How the last attempts went.
    #[must_use]
    pub fn status(&self) -> Arc<ReloadStatus> {
        self.status.load_full()
    }

    /// Returns what served and what serves.
    pub(super) fn publish(
        &self,
        loaded: Loaded,
        needs_restart: Vec<&'static str>,
        now: SystemTime,
    ) -> (Arc<Serving>, Arc<Serving>) {
        let generation = self.generations.next();
        let new = Arc::new(Serving::new(loaded, generation, now));
        let old = self.serving.swap(Arc::clone(&new));
        self.metrics.policy(i64::try_from(generation).unwrap_or(i64::MAX), unix_seconds(now));
        self.update(|status| {
            *status = ReloadStatus {
                last_attempt: now,
                last_error: None,
                failing_since: None,
                needs_restart,
                tls_error: status.tls_error.take(),
            };
        });
        (old, new)
    }

    /// The files are those that serve; whether that is news.
    pub(super) fn unchanged(&self, now: SystemTime) -> bool {
        let mut healed = false;
        self.update(|status| {
            status.last_attempt = now;
            status.last_error = None;
            healed = status.failing_since.take().is_some();
        });
        healed
    }

    pub(super) fn failed(&self, error: &ConfigError, now: SystemTime) {
        self.update(|status| {
            status.last_attempt = now;
            status.last_error = Some(error.to_string());
            status.failing_since.get_or_insert(now);
        });
    }

    pub(super) fn tls(&self, error: Option<String>) {
        self.update(|status| status.tls_error = error);
    }

    fn update(&self, change: impl FnOnce(&mut ReloadStatus)) {
        let mut status = ReloadStatus::clone(&self.status.load());
        change(&mut status);
        self.status.store(Arc::new(status));
    }
}

impl Serving {
    fn new(mut loaded: Loaded, generation: u64, loaded_at: SystemTime) -> Self {
        count(&mut loaded.policy, generation);
        if let Some(shadow) = &mut loaded.shadow {
            count(shadow, generation);
        }
        Self { loaded, generation, loaded_at }
    }
}

fn count(policy: &mut LoadedPolicy, generation: u64) {
    let snapshot = Snapshot::clone(&policy.snapshot);
    policy.snapshot = Arc::new(snapshot.with_generation(generation));
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
