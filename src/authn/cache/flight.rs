//! One look-up that several requests wait for.

use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::{CacheError, CacheUse, Shared, died};
use crate::authn::{Attempt, AuthnError, Found, Secret, TokenLookup, UnixSeconds};
use crate::util::keyed::Digest;

/// A look-up under way.
pub(super) struct Flight {
    /// Tells this flight from a later one with the same key.
    generation: u64,
    /// The other holder is the look-up itself: when both are gone, who still waits learns it.
    answer: Arc<watch::Sender<Option<Found>>>,
}

/// What a look-up owns: it outlives the request that began it.
struct Ticket {
    shared: Arc<Shared>,
    key: Digest,
    generation: u64,
    now: UnixSeconds,
    answer: Arc<watch::Sender<Option<Found>>>,
}

impl Shared {
    /// Joins the look-up of this key or begins one. `Err` is an answer that needs no look-up.
    pub(super) fn board(
        shared: &Arc<Self>,
        key: Digest,
        attempt: &Attempt<'_>,
    ) -> Result<(CacheUse, impl Future<Output = Found> + Send + use<>), (CacheUse, Found)> {
        let mut state = shared.state();
        // The look-up may have ended since the cache was asked.
        if let Some(proof) = shared.kept(&key, attempt.now) {
            return Err((CacheUse::Hit, Ok(proof)));
        }
        let generation = state.generation;
        let look_up = Arc::clone(&state.look_up);
        let is_full = state.flights.len() >= shared.config.look_ups;
        let begin = || {
            let (answer, landing) = watch::channel(None);
            let answer = Arc::new(answer);
            let flight = Flight { generation, answer: Arc::clone(&answer) };
            let shared = Arc::clone(shared);
            let ticket = Ticket { shared, key, generation, now: attempt.now, answer };
            tokio::spawn(fly(ticket, look_up.clone(), Owned::from(attempt)));
            (flight, landing)
        };
        let (used, landing) = match state.flights.entry(key) {
            Entry::Occupied(mut slot) if slot.get().generation != generation => {
                // What it was looked up in has changed since it began.
                let (flight, landing) = begin();
                slot.insert(flight);
                (CacheUse::Miss, landing)
            }
            Entry::Occupied(flight) => (CacheUse::Joined, flight.get().answer.subscribe()),
            Entry::Vacant(_) if is_full => {
                return Err((CacheUse::Miss, Err(AuthnError::new(CacheError::Busy))));
            }
            Entry::Vacant(slot) => {
                let (flight, landing) = begin();
                slot.insert(flight);
                (CacheUse::Miss, landing)
            }
        };
        drop(state);
        Ok((used, land(landing)))
    }
}

/// Waits for the answer.
async fn land(mut landing: watch::Receiver<Option<Found>>) -> Found {
    match landing.wait_for(Option::is_some).await {
        Ok(found) => found.clone().unwrap_or_else(|| Err(died())),
        // The task ended without an answer: it panicked, or the runtime shuts down.
        Err(_) => Err(died()),
    }
}

/// An attempt that lives as long as its look-up.
struct Owned {
    token: Secret,
    audiences: Vec<String>,
    now: UnixSeconds,
}

impl From<&Attempt<'_>> for Owned {
    fn from(attempt: &Attempt<'_>) -> Self {
        Self {
            token: Secret::new(attempt.token.to_owned()),
            audiences: attempt.audiences.to_vec(),
            now: attempt.now,
        }
    }
}

/// Looks up, keeps the answer, and tells everybody.
async fn fly(ticket: Ticket, look_up: Arc<dyn TokenLookup>, attempt: Owned) {
    let limit = ticket.shared.config.look_up_time;
    let Owned { token, audiences, now } = &attempt;
    let attempt = Attempt { token: token.expose_secret(), audiences, now: *now };
    let found = match tokio::time::timeout(limit, look_up.look_up(attempt)).await {
        Ok(found) => found,
        Err(_) => Err(AuthnError::new(CacheError::Slow(limit))),
    };
    ticket.deliver(found);
}

impl Ticket {
    fn deliver(self, found: Found) {
        let state = self.shared.state();
        // What was looked up before a flush is not kept after it.
        if state.generation == self.generation {
            self.shared.keep(self.key, &found, self.now);
        }
        drop(state);
        // Kept even when nobody waits any more: somebody may join until the flight is removed.
        self.answer.send_replace(Some(found));
    }
}

impl Drop for Ticket {
    /// However the task ended, by a panic too, nobody joins it any more.
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Entry::Occupied(flight) = state.flights.entry(self.key)
            && flight.get().generation == self.generation
        {
            flight.remove();
        }
    }
}

#[cfg(test)]
impl Flight {
    /// How many requests wait for it.
    pub(super) fn waiting(&self) -> usize {
        self.answer.receiver_count()
    }
}
