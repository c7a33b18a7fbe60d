//! How often may anybody guess? A budget of failures for each source and each user, and a lock-out that
//! ends by itself.
//!
//! Three counts, of failures only:
//!
//! - **One source at one user.** After 5 failures the pair is locked, for 2 s, then 4 s, then 8 s, up to
//!   15 minutes. A success ends it, and so does an hour without a failure.
//! - **One source at all users.** 30 failures, of which one comes back every 10 s. This is what passwords
//!   tried at many names meet.
//! - **One user from all sources.** After 20 failures, of which one sinks in 30 s, sources from which the
//!   user has never logged in are told to come again in 1 s, then 2 s, up to a minute, and are let in when
//!   they do. Nobody else can take their turn, and the minute is all that an attack from any number of
//!   machines costs a user who comes from a new place. Who has logged in from there before does not even
//!   notice.
//!
//! So nobody can lock a user out from other places: the locks belong to the attacker's own source, and
//! what belongs to the user is a wait with an end.
//!
//! Names are compared without case, blanks, width and accents, as directories do, so that `Jane`, `jane ` and
//! `ｊäne` are one budget.
//! Whether a name exists makes no difference here, so that a lock tells nothing. Memory is bounded:
//! digests, of which the ones with the fewest failures are forgotten first. When so many sources attack that
//! waits are forgotten before they end, new sources are let in without one: of the two evils, too many guesses
//! and a lock-out without end, the pair's own lock still bounds the first.
//!
//! Absent on purpose: keeping this across restarts, and sharing it among servers.

mod record;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::error::PasswordFileError;
use crate::authn::UnixSeconds;
use crate::util::keyed::{Digest, ProcessKey};
use record::{DUE_FOR, Known, Name, Pair, Prefix, Source};
use table::Table;

/// How many failures, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleConfig {
    /// Failures of one source at one user before it is locked. Default: 5.
    pub pair_failures: u32,
    /// The first lock, in seconds; each further failure doubles it. Default: 2.
    pub first_lock: u32,
    /// The longest lock, in seconds. Default: 900.
    pub longest_lock: u32,
    /// Seconds without a failure after which all of a pair's are forgotten. Default: 3,600.
    pub pair_forgets: u32,
    /// How many attempts of one pair may be under way, while it has no failure; then it is one at a time.
    /// Default: 20, for as many `kubectl`s at once.
    pub in_flight: u32,
    /// Failures of one source at all users. Default: 30.
    pub source_failures: u32,
    /// In so many seconds one of them comes back. Default: 10.
    pub source_recovery: u32,
    /// Failures for one user from all sources before new sources have to wait. Default: 20.
    pub user_failures: u32,
    /// In so many seconds one of them is forgotten. Default: 30.
    pub user_recovery: u32,
    /// The longest such wait, in seconds. Default: 60.
    pub longest_wait: u32,
    /// From how many places a user's log-ins are remembered. Default: 16.
    pub known_sources: usize,
    /// For how many seconds. Default: 30 days.
    pub known_for: u32,
    /// How many pairs, sources and users are kept, each; some 100 bytes a piece. Default: 65,536.
    pub capacity: usize,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            pair_failures: 5,
            first_lock: 2,
            longest_lock: 900,
            pair_forgets: 3_600,
            in_flight: 20,
            source_failures: 30,
            source_recovery: 10,
            user_failures: 20,
            user_recovery: 30,
            longest_wait: 60,
            known_sources: 16,
            known_for: 30 * 86_400,
            capacity: 65_536,
        }
    }
}

/// Which budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThrottleScope {
    /// That of this source at this user.
    Pair,
    /// That of this source at all users.
    Source,
    /// That of this user, and the source is new.
    User,
}

/// An attempt that was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}; come again in {retry_after} s", match scope {
    ThrottleScope::Pair => "too many failures of this source at this user",
    ThrottleScope::Source => "too many failures of this source",
    ThrottleScope::User => "too many failures at this user, who has not logged in from this source before",
})]
pub struct Throttled {
    /// Which budget is used up; for logs and metrics, not for the outside.
    pub scope: ThrottleScope,
    /// After so many seconds an attempt is looked at, when nothing else happens. At least 1.
    pub retry_after: u32,
}

/// The budgets of all. Share one among all that check passwords.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::authn::basic::{Throttle, ThrottleConfig};
///
/// let throttle = Arc::new(Throttle::new(ThrottleConfig::default())?);
/// let (mallory, jane) = ("192.0.2.1".parse().ok(), "198.51.100.7".parse().ok());
/// for _ in 0..5 {
///     throttle.admit("jane", mallory, 100)?.failed(100);
/// }
/// assert_eq!(throttle.admit("jane", mallory, 100).unwrap_err().retry_after, 2);
/// throttle.admit("jane", jane, 100)?.succeeded(100); // from elsewhere nothing is locked
/// throttle.admit("jane", mallory, 102)?; // and the lock ends
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Throttle {
    config: ThrottleConfig,
    key: ProcessKey,
    state: Mutex<State>,
}

struct State {
    pairs: Table<Pair>,
    sources: Table<Source>,
    names: Table<Name>,
    known: Table<Known>,
}

impl Throttle {
    /// Nobody has failed yet.
    ///
    /// # Errors
    /// [`PasswordFileError::NoRandomness`] where the system has none.
    pub fn new(config: ThrottleConfig) -> Result<Self, PasswordFileError> {
        let key = ProcessKey::generate().map_err(|_| PasswordFileError::NoRandomness)?;
        let state = State {
            pairs: Table::new(config.capacity),
            sources: Table::new(config.capacity),
            names: Table::new(config.capacity),
            known: Table::new(config.capacity),
        };
        Ok(Self { config, key, state: Mutex::new(state) })
    }

    /// Lets an attempt through, or not. Say what came of it to the [`Admission`]; one that is dropped counts
    /// as a failure, for whoever hangs up may have seen enough.
    ///
    /// Without a `source`, all such attempts count as one source: say it where it is known.
    ///
    /// # Errors
    /// [`Throttled`], when a budget is used up.
    pub fn admit(
        self: &Arc<Self>,
        name: &str,
        source: Option<IpAddr>,
        now: UnixSeconds,
    ) -> Result<Admission, Throttled> {
        let prefix = Prefix::of(source);
        let name = folded(name);
        let keys = Keys {
            name: self.key.digest([&b"name"[..], name.as_bytes()]),
            source: self.key.digest([&b"source"[..], prefix.bytes()]),
            pair: self.key.digest([&b"pair"[..], name.as_bytes(), prefix.bytes()]),
        };
        let mut state = self.state();
        state.refuse(&self.config, &keys, prefix, now)?;
        state.pairs.change(keys.pair, now, &self.config, |pair| {
            pair.in_flight = pair.in_flight.saturating_add(1);
            pair.due = None;
        });
        drop(state);
        Ok(Admission { throttle: Arc::clone(self), keys, prefix, now, is_settled: false })
    }

    /// How many records are kept at this moment, of all kinds; for metrics.
    #[must_use]
    pub fn len(&self) -> usize {
        let State { pairs, sources, names, known } = &*self.state();
        pairs.len() + sources.len() + names.len() + known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refuse(
        &mut self,
        config: &ThrottleConfig,
        keys: &Keys,
        prefix: Prefix,
        now: UnixSeconds,
    ) -> Result<(), Throttled> {
        let wait =
            |scope, retry_after: u32| Err(Throttled { scope, retry_after: retry_after.max(1) });
        let seconds = |until: UnixSeconds| u32::try_from(until.saturating_sub(now)).unwrap_or(1);
        let (mut failures, mut in_flight, mut due) = (0, 0, None);
        if let Some(pair) = self.pairs.get(&keys.pair) {
            if let Some(until) = pair.locked_until(now, config) {
                self.pairs.touch(&keys.pair);
                return wait(ThrottleScope::Pair, seconds(until));
            }
            (failures, in_flight, due) = (pair.failures(now, config), pair.in_flight, pair.due);
        }
        // What is under way could all be guesses: beyond the first it is one at a time.
        let most = if failures == 0 { config.in_flight.max(1) } else { 1 };
        if in_flight >= most {
            return wait(ThrottleScope::Pair, 1);
        }
        let known = self.known.get(&keys.name);
        let is_known = known.is_some_and(|known| known.has(prefix, now, config));
        // A colleague behind the same address must not lock out who has logged in from there, and made
        // no mistake since.
        if !(is_known && failures == 0)
            && let Some(Source(level)) = self.sources.get(&keys.source)
            && level.level(now, config.source_recovery) >= config.source_failures.max(1)
        {
            let below = config.source_failures.max(1);
            return wait(ThrottleScope::Source, level.wait(now, config.source_recovery, below));
        }
        if is_known {
            return Ok(());
        }
        let level =
            self.names.get(&keys.name).map_or(0, |Name(it)| it.level(now, config.user_recovery));
        let Some(beyond) = level.checked_sub(config.user_failures.max(1)) else { return Ok(()) };
        let delay = 1_u32.checked_shl(beyond).unwrap_or(u32::MAX).min(config.longest_wait.max(1));
        let waited = match due {
            Some(due) if now < due => {
                // Not longer than it would be now, should a clock have been set back.
                return wait(ThrottleScope::User, seconds(due).min(config.longest_wait.max(1)));
            }
            Some(due) => now < due.saturating_add(DUE_FOR),
            None => false,
        };
        if waited || self.pairs.is_crowded(now, UnixSeconds::from(config.longest_wait)) {
            return Ok(());
        }
        let due = now.saturating_add(UnixSeconds::from(delay));
        self.pairs.change(keys.pair, now, config, |pair| pair.due = Some(due));
        wait(ThrottleScope::User, delay)
    }
}

/// An attempt that was let through.
#[must_use = "an admission that is dropped counts as a failure"]
pub struct Admission {
    throttle: Arc<Throttle>,
    keys: Keys,
    prefix: Prefix,
    now: UnixSeconds,
    is_settled: bool,
}

#[derive(Clone, Copy)]
struct Keys {
    name: Digest,
    source: Digest,
    pair: Digest,
}

impl Admission {
    /// The password was wrong, or nobody knows the name.
    pub fn failed(mut self, now: UnixSeconds) {
        self.now = now;
        // The rest is done by dropping it.
    }

    /// The password was right.
    pub fn succeeded(mut self, now: UnixSeconds) {
        self.is_settled = true;
        let config = &self.throttle.config;
        let mut state = self.throttle.state();
        state.pairs.change(self.keys.pair, now, config, |pair| {
            pair.in_flight = pair.in_flight.saturating_sub(1);
            pair.succeed();
        });
        if self.prefix != Prefix::Unknown {
            state.known.change(self.keys.name, now, config, |known| {
                known.add(self.prefix, now, config);
            });
        }
    }

    /// Nobody could tell: a directory is out, the server is busy. Counts for nothing.
    pub fn undecided(mut self, now: UnixSeconds) {
        self.is_settled = true;
        let config = &self.throttle.config;
        self.throttle.state().pairs.change(self.keys.pair, now, config, |pair| {
            pair.in_flight = pair.in_flight.saturating_sub(1);
        });
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        let (config, now) = (&self.throttle.config, self.now);
        let mut state = self.throttle.state();
        state.pairs.change(self.keys.pair, now, config, |pair| {
            pair.in_flight = pair.in_flight.saturating_sub(1);
            pair.fail(now, config);
        });
        // What is under way when the last of a budget is spent may overdraw it, by as much again.
        let highest = config.source_failures.max(1).saturating_mul(2);
        state.sources.change(self.keys.source, now, config, |Source(level)| {
            level.raise(now, config.source_recovery, highest);
        });
        // So high that the wait is at its longest, and no higher, so that it soon ends.
        let highest = config.user_failures.max(1).saturating_add(10);
        state.names.change(self.keys.name, now, config, |Name(level)| {
            level.raise(now, config.user_recovery, highest);
        });
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("now", &self.now).finish_non_exhaustive()
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("config", &self.config)
            .field("records", &self.len())
            .finish_non_exhaustive()
    }
}

/// One spelling of a name for all that a directory may take for the same: whatever the case, width,
/// accents, and characters that are not seen (RFC 4518 section 2, and what Active Directory does beyond).
/// Rather too many than too few: names that share a budget by mistake lose little.
fn folded(name: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd();
    // By way of upper case, so that `ß` is `ss`.
    let upper = decomposed.normalize_iter(name.chars()).flat_map(char::to_uppercase);
    let lower: String = upper.flat_map(char::to_lowercase).collect();
    // A letter may come apart again in lower case.
    decomposed.normalize_iter(lower.chars()).filter(|it| !is_passed_over(*it)).collect()
}

/// Blanks, controls, accents, and what is not seen.
fn is_passed_over(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{300}'..='\u{36f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffc}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}
