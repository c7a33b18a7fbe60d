use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::error::Unspecified;

use crate::authn::UnixSeconds;
use crate::util::keyed::{Digest, DigestHasher, ProcessKey};

/// Which logins this process has seen.
///
/// The Kerberos library has a replay cache in a file, which all processes of a host share and which
/// survives a restart; a line in `krb5.conf` turns it off. This one cannot be turned off.
#[derive(Debug)]
pub(super) struct Replays {
    key: ProcessKey,
    /// How long a login is remembered, in seconds.
    kept: i64,
    /// How many are remembered.
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Until when each is remembered.
    digests: HashMap<Digest, UnixSeconds, BuildHasherDefault<DigestHasher>>,
    /// The same in the order in which they came.
    order: VecDeque<(UnixSeconds, Digest)>,
}

/// What is known of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remembered {
    /// It is the first of its kind, and remembered from now on.
    New,
    /// It was here before.
    Before,
    /// It cannot be told: no room is left to remember it.
    Full,
}

impl Replays {
    pub(super) fn new(kept: i64, capacity: usize) -> Result<Self, Unspecified> {
        Ok(Self { key: ProcessKey::generate()?, kept, capacity, seen: Mutex::default() })
    }

    /// Remembers a login by its encrypted authenticator.
    pub(super) fn remember(&self, authenticator: &[u8], now: UnixSeconds) -> Remembered {
        let digest = self.key.digest([authenticator]);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *seen;
        while let Some((until, oldest)) = seen.order.front().copied()
            && until < now
        {
            seen.order.pop_front();
            seen.digests.remove(&oldest);
        }
        let is_full = seen.digests.len() >= self.capacity;
        match seen.digests.entry(digest) {
            Entry::Occupied(_) => Remembered::Before,
            Entry::Vacant(_) if is_full => Remembered::Full,
            Entry::Vacant(place) => {
                let until = now.saturating_add(self.kept);
                place.insert(until);
                seen.order.push_back((until, digest));
                Remembered::New
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_new_once_and_again_when_it_is_long_over() {
        let replays = Replays::new(600, 10).unwrap();
        assert_eq!(replays.remember(b"a", 1000), Remembered::New);
        assert_eq!(replays.remember(b"b", 1001), Remembered::New);
        assert_eq!(replays.remember(b"a", 1000), Remembered::Before);
        assert_eq!(replays.remember(b"a", 1600), Remembered::Before);
        assert_eq!(replays.remember(b"a", 1601), Remembered::New);
        assert_eq!(replays.remember(b"b", 1601), Remembered::Before);
    }

    #[test]
    fn what_cannot_be_remembered_is_not_taken_for_new() {
        let replays = Replays::new(600, 2).unwrap();
        assert_eq!(replays.remember(b"a", 1000), Remembered::New);
        assert_eq!(replays.remember(b"b", 1300), Remembered::New);
        assert_eq!(replays.remember(b"c", 1300), Remembered::Full);
        assert_eq!(replays.remember(b"a", 1300), Remembered::Before);
        // Room comes back with time.
        assert_eq!(replays.remember(b"c", 1601), Remembered::New);
    }
}
