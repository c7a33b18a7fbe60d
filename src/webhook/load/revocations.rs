//! The revocation list: read with the first policy, followed from then on by a thread of its own,
//! and handed on when a policy is loaded anew, so that no reload holds it up or forgets it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::material::with_causes;
use crate::model::SharedRevocations;
use crate::source::revocations::{
    Change, FollowerThread, ListChange, POLL_INTERVAL, ProblemChange, RevocationFollower, follow,
};
use crate::webhook::config::{Problem, RevocationConfig};
use crate::webhook::metrics::Metrics;

/// The revocation list of a file. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct FollowedRevocations(Arc<Followed>);

#[derive(Debug)]
struct Followed {
    path: PathBuf,
    shared: SharedRevocations,
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
        let named = &config.file;
        if let Some(serving) = serving.filter(|serving| serving.0.path == named.path) {
            return Ok(serving.clone());
        }
        let problem = |message| Problem::new(named.origin.clone(), &named.field, message);
        let follower = RevocationFollower::open(&named.path, Instant::now())
            .map_err(|error| problem(with_causes(&error)))?;
        if let Some(unfinished) = follower.unfinished_line() {
            warnings.push(problem(unfinished.to_string()));
        }
        let status =
            RevocationStatus { changed_at: SystemTime::now(), problem: None, failing_since: None };
        Ok(Self(Arc::new(Followed {
            path: named.path.clone(),
            shared: SharedRevocations::new(follower.revocations().clone()),
            status: Arc::new(ArcSwap::from_pointee(status)),
            state: Mutex::new(State::Ready(Box::new(follower))),
        })))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The list, which changes as the file does.
    #[must_use]
    pub fn shared(&self) -> &SharedRevocations {
        &self.0.shared
    }

    /// How following goes.
    #[must_use]
    pub fn status(&self) -> Arc<RevocationStatus> {
        self.0.status.load_full()
    }

    /// Follows the file from now on, unless that goes on already, and counts.
    pub(in crate::webhook) fn start(&self, metrics: &Arc<Metrics>) -> io::Result<()> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let follower = match std::mem::replace(&mut *state, State::Stopped) {
            State::Ready(follower) => *follower,
            other => {
                *state = other;
                return Ok(());
            }
        };
        count(metrics, follower.revocations().len(), &self.status());
        let (status, metrics) = (Arc::clone(&self.0.status), Arc::clone(metrics));
        let told = move |follower: &RevocationFollower, change| {
            let new = changed(&status.load(), follower, change, SystemTime::now());
            tell(follower, change, &metrics);
            count(&metrics, follower.revocations().len(), &new);
            status.store(Arc::new(new));
        };
        let shared = self.0.shared.clone();
        let started = follow(follower, shared, POLL_INTERVAL, told);
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

fn count(metrics: &Metrics, entries: usize, status: &RevocationStatus) {
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
