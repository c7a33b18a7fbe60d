use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::config::JwksConfig;
use super::{FetchError, JwksStatus, Listener};
use crate::crypto::KeySet;
use crate::crypto::jwk::ParsedSet;

/// The wait after a first failure; it doubles with each further one, up to the ordinary wait.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// No wait is longer, whatever is configured: keys that are older than a day are no fresh keys.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What the background task holds.
pub(super) struct Refresher {
    pub(super) config: JwksConfig,
    pub(super) client: Client,
    pub(super) keys: Arc<ArcSwap<KeySet>>,
    pub(super) status: watch::Sender<JwksStatus>,
    pub(super) wish: Arc<Notify>,
    pub(super) listener: Arc<Listener>,
}

impl Refresher {
    /// Fetches until it is aborted.
    pub(super) async fn run(self) {
        // Failures in a row, and wishes in a row that brought nothing new.
        let (mut failures, mut idle_wishes) = (0_u32, 0_u32);
        let mut was_wished = false;
        loop {
            let started = Instant::now();
            let is_new = match self.client.fetch().await {
                Ok(set) => {
                    failures = 0;
                    self.publish(set)
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.report(error);
                    false
                }
            };
            idle_wishes = match (is_new, was_wished) {
                (true, _) => 0,
                (false, true) => idle_wishes.saturating_add(1),
                (false, false) => idle_wishes,
            };
            let wait = if failures == 0 {
                self.config.refresh
            } else {
                doubled(FIRST_RETRY, failures - 1, self.config.refresh)
            };
            let pause = doubled(self.config.min_refresh, idle_wishes, self.config.refresh);
            was_wished = tokio::select! {
                () = sleep(jittered(wait)) => false,
                () = self.wished(started, pause) => true,
            };
        }
    }

    /// Returns when somebody wishes for a refresh, and `pause` has passed since the last attempt.
    async fn wished(&self, last: Instant, pause: Duration) {
        self.wish.notified().await;
        sleep(pause.saturating_sub(last.elapsed())).await;
    }

    /// Whether the keys are others than before.
    fn publish(&self, set: ParsedSet) -> bool {
        for key in &set.skipped {
            tracing::debug!(url = self.config.url, %key, "key of a JWK set skipped");
        }
        let skipped = set.skipped.len();
        let keys = KeySet::new(set.keys);
        let count = keys.keys().len();
        let is_new = **self.keys.load() != keys;
        if is_new {
            tracing::info!(url = self.config.url, keys = count, skipped, "JWK set changed");
            self.keys.store(Arc::new(keys));
            self.listener.tell();
        }
        self.status.send_modify(|status| {
            status.loaded_at = Some(unix_now());
            status.last_error = None;
            status.keys = count;
            status.skipped = skipped;
            status.fetches += 1;
        });
        is_new
    }

    /// The keys stay as they are.
    fn report(&self, error: FetchError) {
        tracing::warn!(url = self.config.url, %error, "JWK set not fetched, known keys go on serving");
        self.status.send_modify(|status| {
            status.last_error = Some(error);
            status.fetches += 1;
            status.failures += 1;
        });
    }
}

/// `first` doubled `times` times, at most `longest`.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 2_u32.checked_pow(times).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// Between nine and eleven tenths, so that servers which started together do not ask together.
fn jittered(wait: Duration) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness the wait is a tenth shorter, which is no reason not to fetch.
    let _ = rand::fill(&mut bytes);
    wait.min(LONGEST_WAIT)
        .mul_f64(0.9 + 0.2 * f64::from(u16::from_ne_bytes(bytes)) / f64::from(u16::MAX))
}

fn unix_now() -> i64 {
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
