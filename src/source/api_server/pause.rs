//! How long to wait before the next try.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Pauses that double, each with jitter.
#[derive(Debug, Clone)]
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub(crate) const fn new(shortest: Duration, longest: Duration) -> Self {
        Self { next: shortest, longest }
    }

    /// The next one: from half of it to all of it, or what somebody asked for if that is longer.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Duration {
        let half = self.next / 2;
        let pause = half + spread(half);
        self.next = self.next.saturating_mul(2).min(self.longest);
        asked_for.map_or(pause, |asked| asked.max(pause))
    }
}

/// Anything from nothing to this.
pub(crate) fn spread(longest: Duration) -> Duration {
    // Keyed anew each time; good enough to be apart from others.
    let share = RandomState::new().hash_one(0) % 1024;
    let share = u32::try_from(share).unwrap_or_default();
    longest.saturating_mul(share) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest_and_wait_as_long_as_they_are_asked_to() {
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_millis(300));
        let mut pauses = Pauses::new(shortest, longest);
        for (least, most) in [(50, 100), (100, 200), (150, 300), (150, 300)] {
            let pause = pauses.next(None);
            let range = Duration::from_millis(least)..=Duration::from_millis(most);
            assert!(range.contains(&pause), "{pause:?}");
        }
        assert_eq!(pauses.next(Some(Duration::from_secs(5))), Duration::from_secs(5));
    }
}
