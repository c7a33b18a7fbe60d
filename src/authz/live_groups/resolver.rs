use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use super::cache::{Entry, Known, State};
use super::flight::{Flight, Flights, Joined, Outcome};
use super::{LiveGroups, LiveGroupsError, LiveGroupsOptions};
use crate::authz::{Asker, GroupsUnknown};
use crate::model::{Stopwatch, User};

/// Runs what it is given where waiting holds up nobody, such as on a thread of its own. It may drop it
/// instead: somebody asks again later.
pub type Refresher = Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync>;

/// Asks a source for the groups of users, and keeps what it said. Cheap to clone: clones share what is
/// kept, so that one resolver outlives the policies that it serves.
///
/// See the [module](super) for the rules.
#[derive(Clone)]
pub struct GroupResolver {
    source: Arc<dyn LiveGroups>,
    options: Arc<LiveGroupsOptions>,
    clock: Stopwatch,
    refresher: Option<Refresher>,
    shared: Arc<Shared>,
}

/// What clones have in common.
struct Shared {
    users: Cache<Box<str>, Arc<Entry>>,
    flights: Arc<Flights>,
    /// Moves on when everything is forgotten: what was asked before is not kept.
    era: AtomicU64,
    lookups: AtomicU64,
    failures: AtomicU64,
}

impl GroupResolver {
    /// Asks this source as the options say, by the clock of the system.
    #[must_use]
    pub fn new(source: Arc<dyn LiveGroups>, options: LiveGroupsOptions) -> Self {
        let shared = Shared {
            users: Cache::new(options.capacity),
            flights: Arc::default(),
            era: AtomicU64::new(0),
            lookups: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        let options = Arc::new(options);
        let shared = Arc::new(shared);
        Self { source, options, clock: Stopwatch::system(), refresher: None, shared }
    }

    /// The same, with another clock for what is kept.
    #[must_use]
    pub fn with_clock(mut self, clock: Stopwatch) -> Self {
        self.clock = clock;
        self
    }

    /// The same, asking anew about users whose groups grow old through `refresher`, while everybody goes
    /// on with the old ones. Without one, the first request that finds them old asks, and only the others
    /// go on.
    #[must_use]
    pub fn with_refresher(mut self, refresher: Refresher) -> Self {
        self.refresher = Some(refresher);
        self
    }

    /// The name of the source.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// How it asks, and how long what was said is kept.
    #[must_use]
    pub fn options(&self) -> &LiveGroupsOptions {
        &self.options
    }

    /// Whether an answer that is not kept may take its time.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.source.is_slow()
    }

    /// How often the source was asked.
    #[must_use]
    pub fn lookups(&self) -> u64 {
        self.shared.lookups.load(Ordering::Relaxed)
    }

    /// How often it failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Relaxed)
    }

    /// How many users are kept, those whose time is over included.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.shared.users.len()
    }

    /// Forgets every user, those who are being looked up included: for a source that has changed.
    pub fn flush(&self) {
        self.shared.era.fetch_add(1, Ordering::Relaxed);
        self.shared.flights.forget();
        self.shared.users.clear();
    }

    /// The user in the groups of now, if that can be told without waiting.
    pub fn known<'u>(&self, user: &'u User) -> Option<Result<Asker<'u>, GroupsUnknown>> {
        if !self.options.concerns(user) {
            return Some(Ok(Asker::Presented(user)));
        }
        let entry = self.shared.users.get(user.name.as_str())?;
        match entry.state(&self.options, self.clock.now()) {
            State::Good(known) => Some(Ok(self.replaced(&known, user))),
            State::Stale(known) => {
                self.is_refreshed(&user.name).then(|| Ok(self.replaced(&known, user)))
            }
            State::Failed(error) => Some(Err(self.unknown(user, &error))),
            State::Unknown => None,
        }
    }

    /// The user in the groups of now; asks the source where that is needed.
    ///
    /// # Errors
    /// When the source fails, and when it does not answer in time: then nothing is to be decided.
    pub fn look_up<'u>(&self, user: &'u User) -> Result<Asker<'u>, GroupsUnknown> {
        if !self.options.concerns(user) {
            return Ok(Asker::Presented(user));
        }
        let is_usable = match self.state(&user.name) {
            State::Good(known) => return Ok(self.replaced(&known, user)),
            State::Failed(error) => return Err(self.unknown(user, &error)),
            State::Stale(_) => true,
            State::Unknown => false,
        };
        let outcome = match self.shared.flights.join(&user.name, &self.options) {
            Joined::Leads(flight) => self.ask(flight),
            Joined::Follows(landing) if !is_usable => {
                self.shared.flights.wait(&landing, &self.options)
            }
            Joined::Follows(_) | Joined::Full => Err(LiveGroupsError::Overloaded),
        };
        match outcome {
            Ok(known) => Ok(self.replaced(&known, user)),
            // What was known is used as long as it may be.
            Err(error) => match self.state(&user.name) {
                State::Good(known) | State::Stale(known) => Ok(self.replaced(&known, user)),
                State::Failed(_) | State::Unknown => Err(self.unknown(user, &error)),
            },
        }
    }

    /// The refusal for want of groups.
    pub(crate) fn unknown(&self, user: &User, error: &LiveGroupsError) -> GroupsUnknown {
        GroupsUnknown {
            user: user.name.clone(),
            source_name: self.source.name().to_owned(),
            reason: error.to_string(),
        }
    }

    fn state(&self, name: &str) -> State {
        let entry = self.shared.users.get(name);
        entry.map_or(State::Unknown, |entry| entry.state(&self.options, self.clock.now()))
    }

    fn replaced<'u>(&self, known: &Known, user: &User) -> Asker<'u> {
        Asker::Replaced(self.options.replaced(known, user))
    }

    /// Whether somebody else asks anew, so that the caller need not.
    fn is_refreshed(&self, name: &str) -> bool {
        let Some(refresher) = &self.refresher else {
            return self.shared.flights.is_running(name);
        };
        if let Joined::Leads(flight) = self.shared.flights.join(name, &self.options) {
            let resolver = self.clone();
            refresher(Box::new(move || drop(resolver.ask(flight))));
        }
        true
    }

    /// Asks the source, keeps what it says, and tells everybody who waits.
    fn ask(&self, flight: Flight) -> Outcome {
        // Somebody else's look-up may have ended between the caller's look and its flight.
        if let State::Good(known) = self.state(&flight.name) {
            flight.land(Ok(Arc::clone(&known)));
            return Ok(known);
        }
        let era = self.shared.era.load(Ordering::Relaxed);
        self.shared.lookups.fetch_add(1, Ordering::Relaxed);
        // What is said may be as old as the question.
        let asked = self.clock.now();
        let said = self.source.groups(&User::new(&*flight.name));
        let outcome = said.and_then(|groups| self.usable(groups));
        let outcome = outcome.map(|groups| Arc::new(Known::new(groups, asked)));
        if era == self.shared.era.load(Ordering::Relaxed) {
            let entry = match &outcome {
                Ok(known) => Entry { known: Some(Arc::clone(known)), failure: None },
                Err(error) => {
                    let before = self.shared.users.get(&flight.name);
                    let known = before.and_then(|entry| entry.known.clone());
                    Entry { known, failure: Some((error.clone(), self.clock.now())) }
                }
            };
            self.shared.users.insert(flight.name.clone(), Arc::new(entry));
            if era != self.shared.era.load(Ordering::Relaxed) {
                self.shared.users.remove(&flight.name);
            }
        }
        if outcome.is_err() {
            self.shared.failures.fetch_add(1, Ordering::Relaxed);
        }
        flight.land(outcome.clone());
        outcome
    }

    fn usable(&self, groups: Option<Vec<String>>) -> Result<Option<Vec<String>>, LiveGroupsError> {
        let most = self.options.max_groups;
        match groups {
            Some(groups) if groups.len() > most => {
                Err(LiveGroupsError::TooMany { count: groups.len(), most })
            }
            Some(groups) => Ok(Some(LiveGroupsOptions::usable(groups))),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for GroupResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupResolver")
            .field("source", &self.name())
            .field("options", &self.options)
            .field("kept", &self.kept())
            .finish_non_exhaustive()
    }
}
