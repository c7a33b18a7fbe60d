use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use crate::authn::UnixSeconds;
use crate::util::keyed::{Digest, DigestHasher};

/// What a table keeps.
pub(super) trait Record: Default {
    /// Whether it says nothing any more, so that forgetting it changes nothing.
    fn is_over(&self, now: UnixSeconds, config: &super::ThrottleConfig) -> bool;

    /// How often it is passed over when room is needed: what strangers can make many of at no cost goes
    /// first.
    fn weight(&self) -> u8;
}

/// So many are looked at when room is needed.
const TRIES: usize = 16;

/// A table that never grows beyond its capacity. Names do not take memory: only their digests are kept.
// INVARIANT: `queue` holds each key of `records` once, and no other.
pub(super) struct Table<R> {
    records: HashMap<Digest, (R, u8), BuildHasherDefault<DigestHasher>>,
    queue: VecDeque<Digest>,
    capacity: usize,
    /// When a record that still said something was last forgotten.
    lost: Option<UnixSeconds>,
}

impl<R: Record> Table<R> {
    pub(super) fn new(capacity: usize) -> Self {
        let (records, queue) = (HashMap::default(), VecDeque::new());
        Self { records, queue, capacity: capacity.max(1), lost: None }
    }

    pub(super) fn get(&self, key: &Digest) -> Option<&R> {
        self.records.get(key).map(|(record, _)| record)
    }

    /// A record was of use, and is passed over as often as a new one.
    pub(super) fn touch(&mut self, key: &Digest) {
        if let Some((record, chances)) = self.records.get_mut(key) {
            *chances = record.weight();
        }
    }

    /// Changes the record of a key, which is made if there is none.
    pub(super) fn change<T>(
        &mut self,
        key: Digest,
        now: UnixSeconds,
        config: &super::ThrottleConfig,
        change: impl FnOnce(&mut R) -> T,
    ) -> T {
        if !self.records.contains_key(&key) {
            if self.records.len() >= self.capacity {
                self.make_room(now, config);
            }
            self.queue.push_back(key);
        }
        let (record, chances) = self.records.entry(key).or_default();
        let changed = change(record);
        *chances = record.weight();
        changed
    }

    /// Forgets one record: one that is over, or one that was passed over often enough.
    fn make_room(&mut self, now: UnixSeconds, config: &super::ThrottleConfig) {
        for tried in 1..=TRIES {
            let Some(key) = self.queue.pop_front() else { return };
            let Some((record, chances)) = self.records.get_mut(&key) else { continue };
            let is_over = record.is_over(now, config);
            if !is_over && *chances > 0 && tried < TRIES {
                *chances -= 1;
                self.queue.push_back(key);
                continue;
            }
            if !is_over {
                self.lost = Some(now);
            }
            self.records.remove(&key);
            return;
        }
    }

    /// Whether records that still said something were forgotten within so many seconds.
    pub(super) fn is_crowded(&self, now: UnixSeconds, seconds: UnixSeconds) -> bool {
        self.lost.is_some_and(|lost| now.saturating_sub(lost) <= seconds)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
}
