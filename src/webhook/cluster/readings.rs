//! What metrics say about the cluster, at the moment when somebody reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{FollowedCluster, kinds};
use crate::source::watch::{KindStatus, LiveFrom, Watched};
use crate::webhook::metrics::{ClusterReadings, KindReading, Metrics, PolicyObject};

impl FollowedCluster {
    /// Sets the gauges.
    pub(in crate::webhook) fn count(&self, metrics: &Metrics, now: SystemTime) {
        let status = self.0.cluster.status();
        for kind in &status {
            if let Some(object) = policy_object(&kind.watched) {
                metrics.policy_objects(object, kind.objects);
            }
        }
        let disk = self.0.disk.load();
        let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        metrics.cluster(&ClusterReadings {
            staleness: staleness(&status, self.0.started, now),
            state_written: disk.written.map(seconds).unwrap_or_default(),
            state_write_failures: disk.failures,
            kinds: status.iter().map(|kind| reading(kind, now)).collect(),
        });
    }
}

fn since(now: SystemTime, then: SystemTime) -> Duration {
    // A clock that was set back makes nothing younger than now.
    now.duration_since(then).unwrap_or_default()
}

/// How long ago the API server was heard of the kind for which that is longest.
fn staleness(status: &[KindStatus], started: SystemTime, now: SystemTime) -> Duration {
    let of_kind = |kind: &KindStatus| {
        let heard = kind.heard.unwrap_or(match kind.from {
            LiveFrom::Disk { saved } => saved,
            LiveFrom::Nothing | LiveFrom::Live => started,
        });
        since(now, heard)
    };
    status.iter().map(of_kind).max().unwrap_or_default()
}

fn reading(status: &KindStatus, now: SystemTime) -> KindReading {
    KindReading {
        kind: kinds::label(&status.watched),
        objects: status.objects,
        bytes: status.bytes,
        newest_event_age: status.newest_event.map(|at| since(now, at)),
        lists: status.lists,
        is_lost: status.lost.is_some(),
        undecodable: status.undecodable_count,
    }
}

const fn policy_object(watched: &Watched) -> Option<PolicyObject> {
    match watched {
        Watched::ClusterRoles => Some(PolicyObject::ClusterRole),
        Watched::ClusterRoleBindings => Some(PolicyObject::ClusterRoleBinding),
        Watched::Roles => Some(PolicyObject::Role),
        Watched::RoleBindings => Some(PolicyObject::RoleBinding),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staleness_is_that_of_the_kind_that_was_not_heard_for_longest() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let kind = |from, heard: Option<u64>| KindStatus {
            watched: Watched::Roles,
            from,
            objects: 0,
            bytes: 0,
            newest_event: None,
            heard: heard.map(at),
            lost: None,
            lists: 0,
            undecodable: Vec::new(),
            undecodable_count: 0,
        };
        let stale = |kinds: &[KindStatus]| staleness(kinds, at(50), at(100)).as_secs();
        let live = kind(LiveFrom::Live, Some(97));
        assert_eq!(stale(&[]), 0);
        assert_eq!(stale(std::slice::from_ref(&live)), 3);
        assert_eq!(stale(&[live.clone(), kind(LiveFrom::Live, Some(90)), live.clone()]), 10);
        // Never heard: as old as the state on disk, or as the start.
        assert_eq!(stale(&[live.clone(), kind(LiveFrom::Disk { saved: at(20) }, None)]), 80);
        assert_eq!(stale(&[live.clone(), kind(LiveFrom::Nothing, None)]), 50);
        // A clock that was set back.
        assert_eq!(stale(&[kind(LiveFrom::Live, Some(200))]), 0);
    }
}
