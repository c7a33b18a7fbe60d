//! The revocation list: of a file it is read with the first policy, followed from then on by a thread of
//! its own, and handed on when a policy is loaded anew, so that no reload holds it up or forgets it; so is
//! the list that replicas share.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::material::with_causes;
use super::shared_revocations::Joined;
use crate::model::SharedRevocations;
use crate::source::revocations::{
    Change, FollowerThread, ListChange, POLL_INTERVAL, ProblemChange, RevocationFollower, follow,
};
use crate::source::shared_facts::ClusterRevocations;
use crate::webhook::config::{Problem, RevocationConfig};
use crate::webhook::metrics::Metrics;

/// The revocation list of a file, that which replicas share, or both. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct FollowedRevocations(Arc<Followed>);

#[derive(Debug)]
struct Followed {
    config: RevocationConfig,
    joined: Joined,
    status: Arc<ArcSwap<RevocationStatus>>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Read, and followed from here on when somebody says so.
    Ready(Box<RevocationFollower>),
    /// Followed until this is dropped.
    #[expect(dead_code, reason = "held for its end: dropping it stops the thread")]
    Running(FollowerThread),
    /// The system gave no thread.
    Stopped,
    /// There is no file.
    NoFile,
}

/// How following goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// When what counts last changed.
    pub changed_at: SystemTime,
    /// Why what counts may not be what the file says; `None` when it is.
    pub problem: Option<String>,
    /// Since when there is a problem.
    pub failing_since: Option<SystemTime>,
}

impl FollowedRevocations {
    /// Reads the file, or goes on with what serves where that is the same file. `warnings` hears of
    /// what may be wrong with it.
    pub(super) fn open(
        config: &RevocationConfig,
        serving: Option<&Self>,
        warnings: &mut Vec<Problem>,
    ) -> Result<Self, Problem> {
        if let Some(serving) = serving.filter(|serving| serving.0.config == *config) {
            return Ok(serving.clone());
        }
        let joined = Joined::default();
        if let Some(cluster) = serving.and_then(|serving| serving.0.joined.cluster())
            && config.from_cluster
        {
            joined.read(&cluster);
        }
        let mut state = State::NoFile;
        if let Some(named) = &config.file {
            let problem = |message| Problem::new(named.origin.clone(), &named.field, message);
            let follower = RevocationFollower::open(&named.path, Instant::now())
                .map_err(|error| problem(with_causes(&error)))?;
            if let Some(unfinished) = follower.unfinished_line() {
                warnings.push(problem(unfinished.to_string()));
            }
            joined.set_file(follower.revocations());
            state = State::Ready(Box::new(follower));
        }
        let status =
            RevocationStatus { changed_at: SystemTime::now(), problem: None, failing_since: None };
        Ok(Self(Arc::new(Followed {
            config: config.clone(),
            joined,
            status: Arc::new(ArcSwap::from_pointee(status)),
            state: Mutex::new(state),
        })))
    }

    /// The file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.config.file.as_ref().map(|named| named.path.as_path())
    }

    /// The list, which changes as its sources do.
    #[must_use]
    pub fn shared(&self) -> &SharedRevocations {
        self.0.joined.shared()
    }

    /// Takes what replicas share as the other source, where the configuration says so (`fromCluster`).
    /// To be called once, before anything serves; a list that is loaded anew goes on with it.
    pub fn join(&self, cluster: &ClusterRevocations) {
        if self.0.config.from_cluster {
            self.0.joined.read(cluster);
        }
    }

    /// What replicas share, where that counts here.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterRevocations> {
        self.0.joined.cluster()
    }

    /// Whether everything that counts was read: what replicas share, too.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let is_heard = |cluster: ClusterRevocations| cluster.cluster().is_ready();
        !self.0.config.from_cluster || self.cluster().is_some_and(is_heard)
    }

    /// How following goes.
    #[must_use]
    pub fn status(&self) -> Arc<RevocationStatus> {
        self.0.status.load_full()
    }

    /// Follows the sources from now on, unless that goes on already, and counts.
    pub(in crate::webhook) fn start(&self, metrics: &Arc<Metrics>) -> io::Result<()> {
        if self.0.config.from_cluster {
            let Some(cluster) = self.cluster() else {
                return Err(io::Error::other("nobody reads what replicas share"));
            };
            self.0.joined.follow(&cluster, &self.0.status, metrics);
        }
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let follower = match std::mem::replace(&mut *state, State::Stopped) {
            State::Ready(follower) => *follower,
            other => {
                *state = other;
                return Ok(());
            }
        };
        count(metrics, self.shared().load().len(), &self.status());
        let (status, metrics) = (Arc::clone(&self.0.status), Arc::clone(metrics));
        let joined = self.0.joined.clone();
        let told = move |follower: &RevocationFollower, change: Change| {
            if change.list != ListChange::Same {
                joined.set_file(follower.revocations());
            }
            let new = changed(&status.load(), follower, change, SystemTime::now());
            tell(follower, change, &metrics);
            count(&metrics, joined.shared().load().len(), &new);
            status.store(Arc::new(new));
        };
        let started = follow(follower, SharedRevocations::default(), POLL_INTERVAL, told);
        *state = State::Running(started.inspect_err(|error| {
            let now = SystemTime::now();
            self.0.status.store(Arc::new(RevocationStatus {
                changed_at: self.status().changed_at,
                problem: Some(format!("the file is not followed: {error}; restart the server")),
                failing_since: Some(now),
            }));
        })?);
        Ok(())
    }
}

fn changed(
    old: &RevocationStatus,
    follower: &RevocationFollower,
    change: Change,
    now: SystemTime,
) -> RevocationStatus {
    let problem = follower.problem().map(|error| with_causes(error));
    RevocationStatus {
        changed_at: if change.list == ListChange::Same { old.changed_at } else { now },
        failing_since: problem.as_ref().map(|_| old.failing_since.unwrap_or(now)),
        problem,
    }
}

pub(super) fn count(metrics: &Metrics, entries: usize, status: &RevocationStatus) {
    let since = status.changed_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics.revocations(entries, i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
}

/// Says what happened in the log.
fn tell(follower: &RevocationFollower, change: Change, metrics: &Metrics) {
    let (file, entries) = (follower.path().display(), follower.revocations().len());
    match change.list {
        ListChange::Same => {}
        ListChange::Extended => tracing::info!(%file, entries, "revocation list extended"),
        ListChange::Replaced { before } if entries < before => {
            tracing::warn!(%file, entries, before, "revocation list replaced by a shorter one");
        }
        ListChange::Replaced { before } => {
            tracing::info!(%file, entries, before, "revocation list replaced");
        }
    }
    match (change.problem, follower.problem()) {
        (ProblemChange::New, Some(error)) => {
            metrics.revocation_read_failed();
            let error = with_causes(error);
            tracing::error!(error, "revocation list: what counted goes on counting");
        }
        (ProblemChange::Gone, _) => {
            tracing::info!(%file, "revocation list: nothing is wrong any more")
        }
        _ => {}
    }
}
