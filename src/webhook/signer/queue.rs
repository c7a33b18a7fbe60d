//! Requests that wait for their turn.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Notify;

use super::judge::Write;
use crate::source::api_server::{Pauses, spread};
use crate::source::watch::{Batch, Change, Decoded, Follower};

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The newest version of each request that was not looked at yet, or is to be looked at again.
pub(super) struct Queue {
    /// The first look comes at most so much later.
    spread: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<String, Waiting>,
    /// The same, by when they are due.
    due: BTreeSet<(Instant, String)>,
    /// Those that somebody looks at, and whether they were deleted meanwhile; a newer version waits until
    /// that has ended.
    busy: HashMap<String, bool>,
}

struct Waiting {
    taken: Taken,
    due: Instant,
}

/// A request, and how patiently it is tried.
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) object: Value,
    /// What was signed and could not be written: it is tried again, not signed again.
    pub(super) signed: Option<Write>,
    /// Why it was left pending, when that was said.
    pub(super) left: String,
    pauses: Pauses,
}

impl State {
    /// In the place of an older version.
    fn wait(&mut self, taken: Taken, due: Instant) {
        let name = taken.name.clone();
        self.forget(&name);
        self.due.insert((due, name.clone()));
        self.waiting.insert(name, Waiting { taken, due });
    }

    fn forget(&mut self, name: &str) -> Option<Taken> {
        let Waiting { taken, due } = self.waiting.remove(name)?;
        self.due.remove(&(due, name.to_owned()));
        Some(taken)
    }
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
        // As many are passed over as are busy at most.
        let next = state.due.iter().find(|(_, name)| !state.busy.contains_key(name));
        let Some((due, name)) = next.cloned() else { return Err(None) };
        if due > now {
            return Err(Some(due.saturating_duration_since(now)));
        }
        let Some(taken) = state.forget(&name) else { return Err(Some(Duration::ZERO)) };
        state.busy.insert(name, false);
        Ok(taken)
    }

    /// It was looked at, and is done as far as this version goes.
    pub(super) fn done(&self, taken: &Taken) {
        self.state().busy.remove(&taken.name);
        self.changed.notify_one();
    }

    /// It is to be looked at again after a while, unless there is a newer version or it is gone.
    pub(super) fn again(&self, mut taken: Taken, asked_for: Option<Duration>) {
        let pause = taken.pauses.next(asked_for.map(|asked| asked.min(LONGEST_PAUSE)));
        let due = Instant::now() + pause;
        let mut state = self.state();
        let is_gone = state.busy.remove(&taken.name).unwrap_or_default();
        if !is_gone && !state.waiting.contains_key(&taken.name) {
            state.wait(taken, due);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn offer(&self, name: String, object: Value) {
        let due = Instant::now() + spread(self.spread);
        let pauses = Pauses::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        let taken = Taken { name, object, signed: None, left: String::new(), pauses };
        let mut state = self.state();
        // It is there again, as another one perhaps.
        if let Some(is_gone) = state.busy.get_mut(&taken.name) {
            *is_gone = false;
        }
        state.wait(taken, due);
    }

    fn forget(&self, name: &str) {
        let mut state = self.state();
        state.forget(name);
        if let Some(is_gone) = state.busy.get_mut(name) {
            *is_gone = true;
        }
    }
}

impl Follower for Queue {
    fn changed(&self, batch: &Batch) {
        for (key, _, change) in &batch.changes {
            let name = key.name.to_string();
            match change {
                Change::Deleted => self.forget(&name),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue() -> Queue {
        Queue::new(Duration::ZERO)
    }

    fn offer(queue: &Queue, name: &str, version: u32) {
        queue.offer(name.to_owned(), json!({"version": version}));
    }

    #[test]
    fn of_one_that_somebody_looks_at_only_a_newer_version_waits() {
        let queue = queue();
        offer(&queue, "a", 1);
        let first = queue.due().unwrap();
        offer(&queue, "a", 2);
        assert!(matches!(queue.due(), Err(None)));
        // What was looked at is older than what waits.
        queue.again(first, None);
        let second = queue.due().unwrap();
        assert_eq!((second.object["version"].as_u64(), queue.len()), (Some(2), 0));
        // Nothing newer has come: it waits itself.
        queue.again(second, None);
        assert!(matches!(queue.due(), Err(Some(_))) && queue.len() == 1);
    }

    #[test]
    fn one_that_is_deleted_is_never_tried_again_and_one_of_its_name_is() {
        let queue = queue();
        offer(&queue, "a", 1);
        let taken = queue.due().unwrap();
        queue.forget("a");
        queue.again(taken, None);
        assert_eq!((queue.len(), queue.state().due.len(), queue.state().busy.len()), (0, 0, 0));
        offer(&queue, "a", 2);
        queue.forget("a");
        assert_eq!((queue.len(), queue.state().due.len()), (0, 0));
        offer(&queue, "a", 3);
        let taken = queue.due().unwrap();
        queue.forget("a");
        offer(&queue, "a", 4);
        queue.done(&taken);
        assert_eq!(queue.due().unwrap().object["version"], 4);
    }

    #[test]
    fn nobody_waits_for_ever_because_somebody_said_so() {
        let queue = queue();
        offer(&queue, "a", 1);
        let taken = queue.due().unwrap();
        queue.again(taken, Some(Duration::MAX));
        let Err(Some(wait)) = queue.due() else { panic!("it is due, or gone") };
        assert!(wait <= LONGEST_PAUSE, "{wait:?}");
    }
}
