//! What a file revokes and what replicas revoke, as one list.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::revocations::{RevocationStatus, count};
use crate::model::{Revocations, SharedRevocations};
use crate::source::shared_facts::ClusterRevocations;
use crate::webhook::metrics::Metrics;

/// The list that is asked. Clones are handles of the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Joined(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    shared: SharedRevocations,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    file: Revocations,
    replicas: Revocations,
    cluster: Option<ClusterRevocations>,
}

impl Joined {
    /// What counts.
    pub(super) fn shared(&self) -> &SharedRevocations {
        &self.0.shared
    }

    /// The file says this now.
    pub(super) fn set_file(&self, list: &Revocations) {
        self.change(|parts| parts.file = list.clone());
    }

    /// Replicas say this now.
    fn set_replicas(&self, list: &Revocations) {
        self.change(|parts| parts.replicas = list.clone());
    }

    /// Takes what replicas say now, and will follow it when told to.
    pub(super) fn read(&self, cluster: &ClusterRevocations) {
        let list = cluster.shared().load_full();
        self.change(|parts| {
            parts.replicas = Revocations::clone(&list);
            parts.cluster = Some(cluster.clone());
        });
    }

    /// Where replicas say it.
    pub(super) fn cluster(&self) -> Option<ClusterRevocations> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).cluster.clone()
    }

    /// Takes whatever they say from now on. Of several that follow one cluster the last does.
    pub(super) fn follow(
        &self,
        cluster: &ClusterRevocations,
        status: &Arc<ArcSwap<RevocationStatus>>,
        metrics: &Arc<Metrics>,
    ) {
        // The cluster's side lives in this one, and must not keep it alive.
        let joined = Arc::downgrade(&self.0);
        let (status, metrics) = (Arc::clone(status), Arc::clone(metrics));
        cluster.on_change(move |list| {
            let Some(joined) = joined.upgrade().map(Joined) else { return };
            joined.set_replicas(list);
            let old = RevocationStatus::clone(&status.load());
            let new = RevocationStatus { changed_at: SystemTime::now(), ..old };
            let entries = joined.shared().load().len();
            tracing::info!(entries, "what replicas revoke has changed");
            count(&metrics, entries, &new);
            status.store(Arc::new(new));
        });
    }

    /// Both parts are changed one at a time, so that none is lost.
    fn change(&self, change: impl FnOnce(&mut Parts)) {
        let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        self.0.shared.publish(parts.file.union(&parts.replicas));
    }
}
