//! Whose token is it, without asking again? Answers are kept for a short while, and requests that
//! present one token at the same time share one look-up (S-AUTHN-8, T15).
//!
//! - Keys are digests of token and audiences under a random key of the process; no token is kept.
//! - A yes is kept for 10 s and a no not at all, unless told otherwise; an error never. Nothing is
//!   kept past the end of the credential itself.
//! - A look-up runs in a task of its own: a client that goes away neither ends it nor leaves it
//!   stuck. It has 30 s.
//! - [`TokenCache::flush`] and [`TokenCache::replace`] forget everything, [`TokenCache::forget`] what it
//!   is told to, and what was being looked up at that moment does not come back.
//!
//! ```
//! use std::sync::Arc;
//!
//! use portcullis::authn::Attempt;
//! use portcullis::authn::cache::{CacheConfig, CacheUse, TokenCache};
//! use portcullis::authn::chain::TokenChain;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = TokenCache::new(Arc::new(TokenChain::default()), CacheConfig::default())?;
//! let (used, found) = cache.find(Attempt { token: "t0k3n", audiences: &[], now: 0 }).await;
//! assert_eq!(used, CacheUse::Miss);
//! assert_eq!(found?, None);
//! # Ok(())
//! # }
//! ```
//!
//! A revoked token works until its answer ends: with the defaults up to 10 s, and as long again in
//! the API server's own cache. Flush when what the tokens are looked up in changes.
//!
//! Absent on purpose: a clock. The time of an attempt decides what is still good; only the 30 s of a
//! look-up are the runtime's.

mod flight;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::{Attempt, AuthnError, Finding, Found, Proof, TokenLookup, UnixSeconds};
use crate::util::keyed::{Digest, DigestHasher, ProcessKey};
use flight::Flight;

/// How much is kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheConfig {
    /// How many answers are kept at most; those that are least used go first. Each takes some hundred
    /// bytes and what the user's names take. Default: 10,000.
    pub capacity: usize,
    /// For how many seconds a yes is kept; 0 for not at all. Default: 10, as the API server (S-AUTHN-8).
    pub yes_seconds: u32,
    /// For how many seconds a no is kept. Default: 0, as the API server; a flood of made-up tokens
    /// would otherwise push out the real ones.
    pub no_seconds: u32,
    /// How long a look-up may take. Default: 30 s (S-AUTHN-8).
    pub look_up_time: Duration,
    /// How many tokens may be looked up at a time. Look-ups outlive the clients that go away, so
    /// limits on connections do not limit them. Default: 1,000.
    pub look_ups: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            yes_seconds: 10,
            no_seconds: 0,
            look_up_time: Duration::from_secs(30),
            look_ups: 1_000,
        }
    }
}

/// What an answer took, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheUse {
    /// It was kept.
    Hit,
    /// It had to be looked up.
    Miss,
    /// It waited for the look-up of another request.
    Joined,
}

/// Why a look-up has no answer. None of these is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The look-up died.
    #[error("the look-up of the token failed; see the server's log")]
    Died,
    /// It took too long.
    #[error("the look-up of the token took longer than {0:?}")]
    Slow(Duration),
    /// The credential ended between the request that began the look-up and one that joined it.
    #[error("the credential has expired")]
    Ended,
    /// Too many at once.
    #[error("too many tokens are being looked up; try again")]
    Busy,
    /// The system gives no random numbers; there is no cache without them.
    #[error("the system gives no random numbers; nothing can be kept secret")]
    NoRandomness,
}

/// A cache before a look-up.
pub struct TokenCache {
    key: ProcessKey,
    shared: Arc<Shared>,
}

/// What the tasks of look-ups need, too.
struct Shared {
    config: CacheConfig,
    kept: Cache<Digest, Kept, UnitWeighter, BuildHasherDefault<DigestHasher>>,
    /// Never held while anything is waited for. Answers are kept and forgotten under it, so that a
    /// flush and the end of a look-up have an order.
    state: Mutex<State>,
}

struct State {
    look_up: Arc<dyn TokenLookup>,
    /// Counts what was forgotten. A look-up of an older one is not kept.
    generation: u64,
    flights: HashMap<Digest, Flight, BuildHasherDefault<DigestHasher>>,
}

/// An answer and when it ends.
#[derive(Clone)]
struct Kept {
    proof: Option<Arc<Proof>>,
    until: UnixSeconds,
}

impl TokenCache {
    /// An empty cache before a look-up.
    ///
    /// # Errors
    /// [`CacheError::NoRandomness`] where the system has none.
    pub fn new(look_up: Arc<dyn TokenLookup>, config: CacheConfig) -> Result<Self, CacheError> {
        let key = ProcessKey::generate().map_err(|_| CacheError::NoRandomness)?;
        let kept = Cache::with(
            config.capacity,
            u64::try_from(config.capacity).unwrap_or(u64::MAX),
            UnitWeighter,
            BuildHasherDefault::default(),
            DefaultLifecycle::default(),
        );
        let state = State { look_up, generation: 0, flights: HashMap::default() };
        Ok(Self { key, shared: Arc::new(Shared { config, kept, state: Mutex::new(state) }) })
    }

    /// Whose token it is, and what it took to know. Must be called within a tokio runtime with a
    /// timer.
    ///
    /// Who joins a look-up gets its answer, whatever it is. The caller may go away at any time.
    pub async fn find(&self, attempt: Attempt<'_>) -> (CacheUse, Found) {
        let key = self.digest(&attempt);
        if let Some(proof) = self.shared.kept(&key, attempt.now) {
            return (CacheUse::Hit, Ok(proof));
        }
        match Shared::board(&self.shared, key, &attempt) {
            Ok((used, landing)) => {
                (used, landing.await.and_then(|found| unended(found, attempt.now)))
            }
            Err(answer) => answer,
        }
    }

    /// Forgets everything. A look-up that is under way answers those who wait for it, and nobody who
    /// comes later.
    pub fn flush(&self) {
        self.shared.forget(&mut self.shared.state());
    }

    /// Forgets the answers that `ends` picks, such as those about tokens of a pod that is gone; `None`
    /// is an answer that nobody knows the token. Those under way answer who waits for them, and nobody
    /// who comes later: what they were looked up in has changed.
    ///
    /// Goes through all that is kept, some 100 ns an answer and what `ends` takes; nobody who presents
    /// a token waits for all of it.
    pub fn forget(&self, ends: impl Fn(Option<&Proof>) -> bool) {
        // Those under way stay among the flights, so that they go on counting as look-ups.
        let mut state = self.shared.state();
        state.generation = state.generation.wrapping_add(1);
        drop(state);
        // What is kept from here on was looked up after the change.
        self.shared.kept.retain(|_, kept| !ends(kept.proof.as_deref()));
    }

    /// Looks up in something else from now on, and forgets everything.
    pub fn replace(&self, look_up: Arc<dyn TokenLookup>) {
        let mut state = self.shared.state();
        state.look_up = look_up;
        self.shared.forget(&mut state);
    }

    /// How many answers are kept, those that ended and were not yet asked for again included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.kept.len()
    }

    /// Whether none are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Token and audiences, each with its length, so that no two attempts look alike.
    fn digest(&self, attempt: &Attempt<'_>) -> Digest {
        let audiences = attempt.audiences.iter().map(String::as_bytes);
        self.key.digest(std::iter::once(attempt.token.as_bytes()).chain(audiences))
    }
}

impl TokenLookup for TokenCache {
    fn look_up<'a>(&'a self, attempt: Attempt<'a>) -> Finding<'a> {
        Box::pin(async move { self.find(attempt).await.1 })
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("config", &self.shared.config)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic elsewhere leaves the maps whole: nothing below panics between two changes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that is kept and still good.
    fn kept(&self, key: &Digest, now: UnixSeconds) -> Option<Option<Arc<Proof>>> {
        let Kept { proof, until } = self.kept.get(key)?;
        // A clock that was set back must not lengthen what is kept.
        let is_good = now < until && until.saturating_sub(now) <= self.time(proof.is_some());
        is_good.then_some(proof)
    }

    /// For how long an answer is kept.
    fn time(&self, is_yes: bool) -> UnixSeconds {
        let CacheConfig { yes_seconds, no_seconds, .. } = self.config;
        UnixSeconds::from(if is_yes { yes_seconds } else { no_seconds })
    }

    /// Keeps an answer. The caller holds the state.
    fn keep(&self, key: Digest, found: &Found, now: UnixSeconds) {
        let Ok(proof) = found else {
            return;
        };
        let mut until = now.saturating_add(self.time(proof.is_some()));
        if let Some(end) = proof.as_ref().and_then(|proof| proof.authenticated.expires) {
            until = until.min(end);
        }
        if until > now {
            self.kept.insert(key, Kept { proof: proof.clone(), until });
        }
    }

    fn forget(&self, state: &mut State) {
        state.generation = state.generation.wrapping_add(1);
        state.flights.clear();
        self.kept.clear();
    }
}

/// Who joins a look-up may come after the end of what it found.
fn unended(found: Option<Arc<Proof>>, now: UnixSeconds) -> Found {
    let end = found.as_ref().and_then(|proof| proof.authenticated.expires);
    match end {
        Some(end) if end <= now => Err(AuthnError::new(CacheError::Ended)),
        Some(_) | None => Ok(found),
    }
}

fn died() -> AuthnError {
    AuthnError::new(CacheError::Died)
}
