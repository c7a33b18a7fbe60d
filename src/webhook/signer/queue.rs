//! Requests that wait for their turn.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Notify;

use crate::source::api_server::{Pauses, spread};
use crate::source::watch::{Batch, Change, Decoded, Follower};

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The newest version of each request that was not looked at yet.
pub(super) struct Queue {
    /// The first look comes at most so much later.
    spread: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<String, Waiting>,
    /// Those that somebody looks at; a newer version waits until that has ended.
    busy: HashSet<String>,
}

struct Waiting {
    object: Value,
    due: Instant,
    pauses: Pauses,
}

/// A request, and how patiently it is tried.
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) object: Value,
    pauses: Pauses,
}

impl Queue {
    pub(super) fn new(spread: Duration) -> Self {
        Self { spread, state: Mutex::default(), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// The next that is due; waits until there is one.
    pub(super) async fn take(&self) -> Taken {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on nothing is missed.
            changed.as_mut().enable();
            let wait = match self.due() {
                Ok(taken) => {
                    // Somebody else may take another.
                    self.changed.notify_one();
                    return taken;
                }
                Err(wait) => wait,
            };
            match wait {
                Some(wait) => {
                    // Either is a reason to look.
                    let _ = tokio::time::timeout(wait, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// One that is due, or how long nothing will be.
    fn due(&self) -> Result<Taken, Option<Duration>> {
        let mut state = self.state();
        let now = Instant::now();
        let free = state.waiting.iter().filter(|(name, _)| !state.busy.contains(*name));
        let next = free.min_by_key(|(_, waiting)| waiting.due);
        let Some((name, due)) = next.map(|(name, waiting)| (name.clone(), waiting.due)) else {
            return Err(None);
        };
        if due > now {
            return Err(Some(due.saturating_duration_since(now)));
        }
        let Some(Waiting { object, pauses, .. }) = state.waiting.remove(&name) else {
            return Err(Some(Duration::ZERO));
        };
        state.busy.insert(name.clone());
        Ok(Taken { name, object, pauses })
    }

    /// It was looked at, and is done as far as this version goes.
    pub(super) fn done(&self, taken: Taken) {
        self.state().busy.remove(&taken.name);
        self.changed.notify_one();
    }

    /// It is to be tried again after a while, unless there is a newer version.
    pub(super) fn again(&self, mut taken: Taken, asked_for: Option<Duration>) {
        let pause = taken.pauses.next(asked_for);
        let mut state = self.state();
        state.busy.remove(&taken.name);
        let Taken { name, object, pauses } = taken;
        let due = Instant::now() + pause;
        state.waiting.entry(name).or_insert(Waiting { object, due, pauses });
        drop(state);
        self.changed.notify_one();
    }

    fn offer(&self, name: String, object: Value) {
        let due = Instant::now() + spread(self.spread);
        let pauses = Pauses::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        self.state().waiting.insert(name, Waiting { object, due, pauses });
    }
}

impl Follower for Queue {
    fn changed(&self, batch: &Batch) {
        for (key, _, change) in &batch.changes {
            let name = key.name.to_string();
            match change {
                Change::Deleted => {
                    self.state().waiting.remove(&name);
                }
                Change::Applied(object) => {
                    if let Decoded::Whole(object) = &**object {
                        self.offer(name, object.clone());
                    }
                }
            }
        }
        self.changed.notify_one();
    }
}
