use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::cache::Known;
use super::{LiveGroupsError, LiveGroupsOptions};

/// What came of a look-up.
pub(super) type Outcome = Result<Arc<Known>, LiveGroupsError>;

/// The look-ups that run, one a user.
#[derive(Default)]
pub(super) struct Flights {
    running: Mutex<Running>,
    waiting: AtomicUsize,
}

#[derive(Default)]
struct Running {
    by_name: HashMap<Box<str>, Arc<Landing>>,
    /// Also those that [`Flights::forget`] took out of the table.
    count: usize,
}

/// Where others wait for a look-up.
#[derive(Default)]
pub(super) struct Landing {
    outcome: Mutex<Option<Outcome>>,
    landed: Condvar,
}

/// A look-up that its holder is to make. Dropped without an answer, it leaves nobody waiting.
pub(super) struct Flight {
    pub(super) name: Box<str>,
    landing: Arc<Landing>,
    flights: Arc<Flights>,
}

/// Who asks when several want to know the same.
pub(super) enum Joined {
    /// The caller.
    Leads(Flight),
    /// Somebody else, already.
    Follows(Arc<Landing>),
    /// Nobody: too many look-ups run.
    Full,
}

impl Flights {
    /// Begins a look-up, or finds the one that runs.
    pub(super) fn join(self: &Arc<Self>, name: &str, options: &LiveGroupsOptions) -> Joined {
        let mut running = locked(&self.running);
        if let Some(landing) = running.by_name.get(name) {
            return Joined::Follows(Arc::clone(landing));
        }
        if running.count >= options.max_lookups {
            return Joined::Full;
        }
        running.count += 1;
        let landing = Arc::new(Landing::default());
        running.by_name.insert(name.into(), Arc::clone(&landing));
        Joined::Leads(Flight { name: name.into(), landing, flights: Arc::clone(self) })
    }

    /// Whether a look-up of this user runs.
    pub(super) fn is_running(&self, name: &str) -> bool {
        locked(&self.running).by_name.contains_key(name)
    }

    /// From here on nobody waits for a look-up that had begun before.
    pub(super) fn forget(&self) {
        locked(&self.running).by_name.clear();
    }

    /// Waits for somebody else's look-up: not for ever, and not in any crowd.
    pub(super) fn wait(&self, landing: &Landing, options: &LiveGroupsOptions) -> Outcome {
        let waiting = Waiting::new(&self.waiting);
        if waiting.before >= options.max_waiting {
            return Err(LiveGroupsError::Overloaded);
        }
        let outcome = locked(&landing.outcome);
        let (outcome, _) = landing
            .landed
            .wait_timeout_while(outcome, options.max_wait, |outcome| outcome.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        outcome.clone().unwrap_or(Err(LiveGroupsError::TimedOut(options.max_wait)))
    }
}

impl Flight {
    /// Tells everybody who waits.
    pub(super) fn land(self, outcome: Outcome) {
        self.landing.tell(outcome);
    }
}

impl Landing {
    fn tell(&self, outcome: Outcome) {
        locked(&self.outcome).get_or_insert(outcome);
        self.landed.notify_all();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // What has landed stays as it is.
        self.landing.tell(Err(LiveGroupsError::Abandoned));
        let mut running = locked(&self.flights.running);
        running.count = running.count.saturating_sub(1);
        // After a `forget` somebody else may fly under this name.
        if running.by_name.get(&self.name).is_some_and(|own| Arc::ptr_eq(own, &self.landing)) {
            running.by_name.remove(&self.name);
        }
    }
}

/// One more who waits, until dropped.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nothing is left half-done under these locks, so what a panic left behind is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
