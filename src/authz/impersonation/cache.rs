use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Allowed, Mode, Options, Refused, Target, attempt};
use crate::authz::Authorizer;
use crate::model::{Attributes, User};

/// For so long a constrained yes is good (S-IMP-15).
const TTL: Duration = Duration::from_secs(10);

/// So many answers and as many requesters are kept.
const ENTRIES: usize = 10_000;

/// A question of more bytes is not kept.
const LONGEST: usize = 16 << 10;

/// What the API server remembers of impersonation: each yes of a constrained mode for ten seconds
/// (S-IMP-15), and the mode that last allowed a requester something, which is tried first (S-IMP-8).
///
/// A no is never kept, nor a yes of the classic permission. Times are those of any clock that only moves
/// on.
#[derive(Default)]
pub struct ImpersonationCache {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Box<[u8]>, (User, Duration)>,
    modes: HashMap<String, Mode>,
}

impl ImpersonationCache {
    /// One that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`super::check`], with what is remembered at this moment.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use portcullis::authz::AlwaysAllow;
    /// use portcullis::authz::impersonation::{ImpersonationCache, Options, Target};
    /// use portcullis::model::{Attributes, ResourceAttributes, User};
    ///
    /// let (cache, alice, bob) = (ImpersonationCache::new(), User::new("alice"), Target::new("bob"));
    /// let list = Attributes::Resource(ResourceAttributes::new("list", "pods"));
    /// let options = Options::default();
    /// let mut asked = |seconds| {
    ///     let now = Duration::from_secs(seconds);
    ///     cache.check(now, &AlwaysAllow, &alice, &bob, &list, &options).unwrap().checks.len()
    /// };
    /// assert_eq!((asked(0), asked(9), asked(10)), (2, 0, 2));
    /// ```
    ///
    /// # Errors
    /// When the requester may not.
    pub fn check(
        &self,
        now: Duration,
        authorizer: &dyn Authorizer,
        requester: &User,
        target: &Target,
        attributes: &Attributes<'_>,
        options: &Options,
    ) -> Result<Allowed, Refused> {
        let recall = Recall { cache: self, now };
        attempt::check(authorizer, requester, target, attributes, options, Some(&recall))
    }

    /// Forgets everything: for a policy that has changed.
    pub fn flush(&self) {
        *self.locked() = Kept::default();
    }

    // Nothing is left half-done under this lock.
    fn locked(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ImpersonationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImpersonationCache")
            .field("answers", &self.locked().answers.len())
            .finish_non_exhaustive()
    }
}

/// What is remembered, at one moment.
pub(super) struct Recall<'a> {
    cache: &'a ImpersonationCache,
    now: Duration,
}

impl Recall<'_> {
    /// The mode that last allowed this requester something.
    pub(super) fn mode(&self, requester: &str) -> Option<Mode> {
        self.cache.locked().modes.get(requester).copied()
    }

    pub(super) fn keep_mode(&self, requester: &str, mode: Mode) {
        let mut kept = self.cache.locked();
        if kept.modes.get(requester) == Some(&mode) {
            return;
        }
        // It changes the order in which modes are tried, and no answer.
        if kept.modes.len() >= ENTRIES {
            kept.modes.clear();
        }
        kept.modes.insert(requester.to_owned(), mode);
    }

    /// A yes to the same request.
    pub(super) fn whole(
        &self,
        mode: Mode,
        requester: &User,
        target: &Target,
        attributes: &Attributes<'_>,
    ) -> Option<User> {
        self.get(&Key::new(mode, requester, target).about(attributes)?)
    }

    pub(super) fn keep_whole(
        &self,
        mode: Mode,
        requester: &User,
        target: &Target,
        attributes: &Attributes<'_>,
        user: &User,
    ) {
        if let Some(key) = Key::new(mode, requester, target).about(attributes) {
            self.keep(key, user);
        }
    }

    /// A yes to acting as the same target, whatever for.
    pub(super) fn part(&self, mode: Mode, requester: &User, target: &Target) -> Option<User> {
        self.get(&Key::new(mode, requester, target))
    }

    pub(super) fn keep_part(&self, mode: Mode, requester: &User, target: &Target, user: &User) {
        self.keep(Key::new(mode, requester, target), user);
    }

    fn get(&self, key: &Key) -> Option<User> {
        let kept = self.cache.locked();
        let (user, until) = kept.answers.get(key.0.as_slice())?;
        (self.now < *until).then(|| user.clone())
    }

    fn keep(&self, key: Key, user: &User) {
        if key.0.len() > LONGEST {
            return;
        }
        let mut kept = self.cache.locked();
        if kept.answers.len() >= ENTRIES {
            kept.answers.retain(|_, (_, until)| self.now < *until);
        }
        // As long as all are good, nobody gives way.
        if kept.answers.len() < ENTRIES {
            let until = self.now.saturating_add(TTL);
            kept.answers.insert(key.0.into_boxed_slice(), (user.clone(), until));
        }
    }
}

/// A question, so that two that differ in anything differ: each part with its length before it.
struct Key(Vec<u8>);

impl Key {
    fn new(mode: Mode, requester: &User, target: &Target) -> Self {
        let mut key = Self(Vec::with_capacity(384));
        key.text(mode.as_str());
        for (name, uid, groups, extra) in [
            (&requester.name, &requester.uid, &requester.groups, &requester.extra),
            (&target.user, &target.uid, &target.groups, &target.extra),
        ] {
            key.text(name).text(uid).texts(groups).count(extra.len());
            for (extra, values) in extra {
                key.text(extra).texts(values);
            }
        }
        key
    }

    /// The same about one request. One whose selectors could not be read whole is not kept.
    fn about(mut self, attributes: &Attributes<'_>) -> Option<Self> {
        match attributes {
            Attributes::NonResource(asked) => {
                self.text("path").text(asked.verb).text(asked.path);
            }
            Attributes::Resource(asked) => {
                let (fields, labels) = (&asked.field_selector, &asked.label_selector);
                if fields.parse_error.is_some() || labels.parse_error.is_some() {
                    return None;
                }
                for part in [
                    "resource",
                    asked.verb,
                    asked.namespace,
                    asked.group,
                    asked.version,
                    asked.resource,
                    asked.subresource,
                    asked.name,
                ] {
                    self.text(part);
                }
                self.count(fields.requirements.len());
                for term in fields.requirements {
                    self.text(&term.field).text(&format!("{:?}", term.operator)).text(&term.value);
                }
                self.count(labels.requirements.len());
                for term in labels.requirements {
                    self.text(&term.key).text(&format!("{:?}", term.operator)).texts(&term.values);
                }
            }
        }
        Some(self)
    }

    fn count(&mut self, count: usize) -> &mut Self {
        self.0.extend_from_slice(&count.to_be_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn texts(&mut self, texts: &[String]) -> &mut Self {
        self.count(texts.len());
        for text in texts {
            self.text(text);
        }
        self
    }
}
