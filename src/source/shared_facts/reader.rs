//! Follows the ConfigMaps of a kind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunk::{KIND_LABEL, Seen};
use super::options::{FactKind, FactsOptions};
use super::union::{News, Union};
use crate::source::watch::{
    Batch, Change, Cluster, Connection, Decoded, Follower, KindStatus, Tuning, Watched, saved,
};

/// Is told what counts.
pub(super) trait Sink: Send + Sync + 'static {
    /// What became of the union, and the union itself.
    fn take(&self, news: News, union: &Union);
}

/// How reading facts goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactsStatus {
    /// How many ConfigMaps there are.
    pub chunks: usize,
    /// How many lines count though their ConfigMap is gone, or does not say them any more.
    pub kept: usize,
    /// Lines that nobody understands, and so do not count, and ConfigMaps without any: the first of them,
    /// and where they stand.
    pub problems: Vec<String>,
    /// How many there are of those.
    pub problem_count: usize,
    /// How the watch is doing.
    pub watch: Vec<KindStatus>,
}

/// How many problems are kept word by word.
const SHOWN: usize = 20;

/// Lines that nobody understands.
#[derive(Debug, Default)]
pub(super) struct Problems {
    first: Vec<String>,
    count: usize,
}

impl Problems {
    pub(super) fn note(&mut self, problem: String) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < SHOWN {
            self.first.push(problem);
        }
    }

    pub(super) fn tell(&self, status: &mut FactsStatus) {
        status.problems.extend(self.first.iter().cloned());
        status.problem_count = status.problem_count.saturating_add(self.count);
    }
}

/// Follows the ConfigMaps of a kind until it is dropped.
pub(super) struct Reader {
    cluster: Cluster,
    union: Arc<Mutex<Union>>,
}

impl Reader {
    /// Must be called within a Tokio runtime.
    pub(super) fn start(
        connection: &Connection,
        options: &FactsOptions,
        kind: FactKind,
        saved: Option<saved::Saved>,
        sink: Arc<dyn Sink>,
    ) -> Self {
        let watched = watched(&options.namespace, kind);
        let cluster = Cluster::start(connection, vec![watched], saved, Tuning::default());
        let union = match kind {
            FactKind::Shadow => Union::of_now(),
            FactKind::Revocations | FactKind::Issued => Union::default(),
        };
        let union = Arc::new(Mutex::new(union));
        let follower = Follow { union: Arc::clone(&union), sink };
        cluster.follow(Arc::new(follower));
        Self { cluster, union }
    }

    pub(super) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(super) fn status(&self) -> FactsStatus {
        let union = lock(&self.union);
        let mut problems = Problems::default();
        for (name, _) in union.live().filter(|(_, seen)| seen.is_strange) {
            problems.note(format!(
                "ConfigMap `{name}`: has no `entries`, so nothing of it counts; write its lines there"
            ));
        }
        let mut status = FactsStatus {
            chunks: union.chunks(),
            kept: union.kept(),
            problems: Vec::new(),
            problem_count: 0,
            watch: self.cluster.status(),
        };
        problems.tell(&mut status);
        status
    }
}

/// What is watched for facts of a kind.
pub(super) fn watched(namespace: &str, kind: FactKind) -> Watched {
    Watched::ConfigMaps {
        namespace: namespace.into(),
        labels: format!("{KIND_LABEL}={}", kind.as_str()).into(),
    }
}

struct Follow {
    union: Arc<Mutex<Union>>,
    sink: Arc<dyn Sink>,
}

impl Follower for Follow {
    fn changed(&self, batch: &Batch) {
        let changes = batch.changes.iter().filter_map(|(key, _, change)| {
            let name = key.name.to_string();
            match change {
                Change::Deleted => Some((name, None)),
                Change::Applied(object) => match &**object {
                    Decoded::Whole(value) => Some((name, Some(Seen::of(value)))),
                    _ => None,
                },
            }
        });
        let mut union = lock(&self.union);
        let news = union.change(changes);
        self.sink.take(news, &union);
    }
}

pub(super) fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
