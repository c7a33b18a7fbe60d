use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::options::{FactKind, FactsOptions};
use super::reader::{FactsStatus, Problems, Reader, Sink, lock};
use super::union::{Fact, News, Union};
use crate::model::{Revocation, RevocationEntry, Revocations, SharedRevocations};
use crate::source::revocations::{is_header, read_line};
use crate::source::watch::{Cluster, Connection, saved};

/// The revocations of all replicas and tools, as they are now. Clones are handles of the same; reading
/// ends when the last is dropped.
///
/// A line that nobody understands is told ([`status`](Self::status)) and passed over: all others count.
/// What was revoked stays revoked here, whatever becomes of its ConfigMap, unless that was replaced; see
/// the module.
#[derive(Clone)]
pub struct ClusterRevocations(Arc<Inner>);

struct Inner {
    reader: Reader,
    list: Arc<List>,
}

impl fmt::Debug for ClusterRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterRevocations").field("list", self.shared()).finish_non_exhaustive()
    }
}

type Listener = Box<dyn Fn(&Revocations) + Send + Sync>;

#[derive(Default)]
struct List {
    shared: SharedRevocations,
    state: Mutex<State>,
    listener: Mutex<Option<Listener>>,
}

#[derive(Default)]
struct State {
    problems: Problems,
    cutoffs: Cutoffs,
    changed_at: Option<SystemTime>,
}

/// The latest times of revocations of whole users and groups.
#[derive(Debug, Default)]
struct Cutoffs {
    users: HashMap<String, i64>,
    groups: HashMap<String, i64>,
}

impl ClusterRevocations {
    /// Begins to read. `saved` counts until the API server was heard. Must be called within a Tokio
    /// runtime.
    #[must_use]
    pub fn start(
        connection: &Connection,
        options: &FactsOptions,
        saved: Option<saved::Saved>,
    ) -> Self {
        let list = Arc::new(List::default());
        let sink = Arc::<List>::clone(&list);
        let reader = Reader::start(connection, options, FactKind::Revocations, saved, sink);
        Self(Arc::new(Inner { reader, list }))
    }

    /// The list, which changes as the ConfigMaps do.
    #[must_use]
    pub fn shared(&self) -> &SharedRevocations {
        &self.0.list.shared
    }

    /// The watch below, to be awaited, asked, and saved.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        self.0.reader.cluster()
    }

    /// How reading goes.
    #[must_use]
    pub fn status(&self) -> FactsStatus {
        let mut status = self.0.reader.status();
        lock(&self.0.list.state).problems.tell(&mut status);
        status
    }

    /// When what counts last changed.
    #[must_use]
    pub fn changed_at(&self) -> Option<SystemTime> {
        lock(&self.0.list.state).changed_at
    }

    /// Tells `listener`, in the place of the one before, of every list from now on, and of this one at
    /// once. It must not block.
    pub fn on_change(&self, listener: impl Fn(&Revocations) + Send + Sync + 'static) {
        let mut held = lock(&self.0.list.listener);
        listener(&self.shared().load());
        *held = Some(Box::new(listener));
    }

    /// The latest time before which all credentials of this user, or of a member of these groups, are
    /// revoked; in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn cutoff(&self, user: &str, groups: &[String]) -> Option<i64> {
        let state = lock(&self.0.list.state);
        let Cutoffs { users, groups: of_groups } = &state.cutoffs;
        let of_groups = groups.iter().filter_map(|group| of_groups.get(group));
        users.get(user).into_iter().chain(of_groups).max().copied()
    }
}

impl Sink for List {
    fn take(&self, news: News, _: &Union) {
        let mut state = lock(&self.state);
        let (facts, is_other) = match news {
            News::More(facts) => (facts, false),
            News::Other(facts) => {
                state.problems = Problems::default();
                state.cutoffs = Cutoffs::default();
                (facts, true)
            }
        };
        if facts.is_empty() && !is_other {
            return;
        }
        let mut entries = Vec::with_capacity(facts.len());
        for fact in &facts {
            match understood(fact) {
                Ok(entry) => entries.extend(entry),
                Err(problem) => state.problems.note(problem),
            }
        }
        for entry in &entries {
            state.cutoffs.note(&entry.what);
        }
        let list = match is_other {
            true => entries.into_iter().collect(),
            false => self.shared.load().extended(entries),
        };
        state.changed_at = Some(SystemTime::now());
        self.shared.publish(list);
        // What is told after another is told after it, too.
        if let Some(listener) = &*lock(&self.listener) {
            listener(&self.shared.load());
        }
    }
}

/// The entry of a line; none in a blank one, and in the header of a file that was pasted here.
pub(super) fn understood(fact: &Fact) -> Result<Option<RevocationEntry>, String> {
    let line = fact.line.as_bytes();
    if is_header(line) {
        return Ok(None);
    }
    read_line(line).map_err(|error| format!("ConfigMap `{}`: {error}", fact.chunk))
}

impl Cutoffs {
    fn note(&mut self, what: &Revocation) {
        let (held, name, time) = match what {
            Revocation::User { name, issued_before } => (&mut self.users, name, issued_before),
            Revocation::Group { name, issued_before } => (&mut self.groups, name, issued_before),
            _ => return,
        };
        let latest = held.entry(name.clone()).or_insert(*time);
        *latest = (*latest).max(*time);
    }
}
