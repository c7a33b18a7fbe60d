//! How long to wait after a failure: at random, so that replicas do not come back all at once.

use std::time::Duration;

/// Which pause something asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// None.
    None,
    /// None, when what came before lived or went wrong for the first time; else as the next.
    UnlessLived,
    /// One that grows from failure to failure; no shorter than the API server asks for.
    Growing(Option<Duration>),
    /// The longest.
    Longest,
}

/// The pauses of one kind.
#[derive(Debug)]
pub(super) struct Pauses {
    shortest: Duration,
    longest: Duration,
    /// Failures since something lived.
    failures: u32,
}

impl Pauses {
    pub(super) const fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, failures: 0 }
    }

    /// The next pause. `has_lived`: what came before it worked.
    pub(super) fn next(&mut self, pause: Pause, has_lived: bool) -> Duration {
        if has_lived {
            self.failures = 0;
        }
        let asked = match pause {
            Pause::None => return Duration::ZERO,
            Pause::Longest => return self.longest,
            Pause::UnlessLived if self.failures == 0 => {
                self.failures = 1;
                return Duration::ZERO;
            }
            Pause::UnlessLived => None,
            Pause::Growing(asked) => asked,
        };
        let factor = 2_u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        let most = self.shortest.saturating_mul(factor).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        let own = Duration::from_micros(random(micros.saturating_add(1)));
        own.max(asked.unwrap_or_default().min(self.longest))
    }
}

/// A number below another. Without randomness half of it: pauses are not to be guessed, but need not be
/// unguessable.
pub(super) fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes).checked_rem(below).unwrap_or_default(),
        Err(_) => below / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew_after_something_lived() {
        let most = |failures: usize| {
            let pause = || {
                let mut pauses = Pauses::new(100 * MS, 1000 * MS);
                (0..failures).for_each(|_| {
                    pauses.next(Pause::Growing(None), false);
                });
                pauses.next(Pause::Growing(None), false)
            };
            (0..200).map(|_| pause()).max().unwrap()
        };
        for (failures, longest) in [(0, 100), (1, 200), (2, 400), (3, 800), (4, 1000), (60, 1000)] {
            let most = most(failures);
            assert!(most <= longest * MS, "{failures}: {most:?}");
            // Of 200 the longest is not below half but once in 2^200.
            assert!(most > longest * MS / 2, "{failures}: {most:?}");
        }
        let mut pauses = Pauses::new(100 * MS, 1000 * MS);
        (0..9).for_each(|_| {
            pauses.next(Pause::Growing(None), false);
        });
        assert!(pauses.next(Pause::Growing(None), true) <= 100 * MS);
    }

    #[test]
    fn the_api_server_may_ask_for_a_longer_pause_up_to_the_longest() {
        let mut pauses = Pauses::new(MS, 1000 * MS);
        assert_eq!(pauses.next(Pause::Growing(Some(500 * MS)), true), 500 * MS);
        assert_eq!(pauses.next(Pause::Growing(Some(5000 * MS)), true), 1000 * MS);
        assert_eq!(pauses.next(Pause::Longest, true), 1000 * MS);
    }

    #[test]
    fn what_lived_comes_back_at_once_and_what_did_not_once_only() {
        let mut pauses = Pauses::new(1000 * MS, 1000 * MS);
        for _ in 0..9 {
            assert_eq!(pauses.next(Pause::UnlessLived, true), Duration::ZERO);
        }
        let mut pauses = Pauses::new(1000 * MS, 1000 * MS);
        assert_eq!(pauses.next(Pause::UnlessLived, false), Duration::ZERO);
        let later: Duration = (0..20).map(|_| pauses.next(Pause::UnlessLived, false)).sum();
        assert!(later > 1000 * MS, "{later:?}");
    }
}
