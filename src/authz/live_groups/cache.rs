use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::{LiveGroupsError, LiveGroupsOptions};
use crate::model::User;

/// What the source said of a user.
pub(super) struct Known {
    /// The groups, as far as they are used; `None`: there is no such user.
    pub(super) groups: Option<Vec<String>>,
    /// When it was asked.
    pub(super) at: Duration,
    /// The user as they were replaced last: mostly the next one is the same.
    pub(super) last: ArcSwapOption<User>,
}

impl Known {
    pub(super) fn new(groups: Option<Vec<String>>, at: Duration) -> Self {
        Self { groups, at, last: ArcSwapOption::empty() }
    }
}

/// What is kept of a user.
#[derive(Clone, Default)]
pub(super) struct Entry {
    /// What the source said when it last said something.
    pub(super) known: Option<Arc<Known>>,
    /// How it failed since, and when.
    pub(super) failure: Option<(LiveGroupsError, Duration)>,
}

/// What is to be done about a user.
pub(super) enum State {
    /// This is good.
    Good(Arc<Known>),
    /// This may be used, while somebody asks anew.
    Stale(Arc<Known>),
    /// The source has failed a moment ago.
    Failed(LiveGroupsError),
    /// The source is to be asked.
    Unknown,
}

impl Entry {
    /// How things stand at this moment.
    pub(super) fn state(&self, options: &LiveGroupsOptions, now: Duration) -> State {
        let has_just_failed = |at: &Duration| now.saturating_sub(*at) < options.failure_ttl;
        let failure = self.failure.as_ref().filter(|(_, at)| has_just_failed(at));
        if let Some(known) = &self.known {
            let age = now.saturating_sub(known.at);
            let (ttl, most) = match &known.groups {
                Some(_) => (options.ttl.min(options.max_age), options.max_age),
                // A user who was made a moment ago must not wait for long.
                None => (options.negative_ttl, options.negative_ttl),
            };
            if age < ttl || age < most && failure.is_some() {
                return State::Good(Arc::clone(known));
            }
            if age < most {
                return State::Stale(Arc::clone(known));
            }
        }
        match failure {
            Some((error, _)) => State::Failed(error.clone()),
            None => State::Unknown,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("failure", &self.failure).finish_non_exhaustive()
    }
}
