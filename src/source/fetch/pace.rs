//! How long is waited between two attempts.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;

/// The wait after a first failure; it doubles with each further one, up to the ordinary wait.
pub(crate) const FIRST_RETRY: Duration = Duration::from_secs(1);

/// No wait is longer, whatever is configured: what is older than a day is not fresh.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// `first` doubled `times` times, at most `longest`.
pub(crate) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 2_u32.checked_pow(times).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// Between nine and eleven tenths, so that servers which started together do not ask together.
pub(crate) fn jittered(wait: Duration) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness the wait is a tenth shorter, which is no reason not to fetch.
    let _ = rand::fill(&mut bytes);
    wait.min(LONGEST_WAIT)
        .mul_f64(0.9 + 0.2 * f64::from(u16::from_ne_bytes(bytes)) / f64::from(u16::MAX))
}

/// The time of the system's clock.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(300));
        let seconds: Vec<u64> = [0, 1, 2, 8, 9, 31, 32, u32::MAX]
            .map(|times| doubled(first, times, longest).as_secs())
            .into();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300, 300, 300]);
        // Never longer than the ordinary wait, also where that is short.
        assert_eq!(doubled(first, 0, Duration::from_millis(5)), Duration::from_millis(5));
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_differs() {
        let wait = Duration::from_secs(100);
        let waits: Vec<Duration> = (0..100).map(|_| jittered(wait)).collect();
        assert!(jittered(Duration::MAX) <= LONGEST_WAIT.mul_f64(1.1));
        for jittered in &waits {
            assert!((90..=110).contains(&jittered.as_secs()), "{jittered:?}");
        }
        assert!(waits.iter().any(|other| *other != waits[0]));
    }
}
