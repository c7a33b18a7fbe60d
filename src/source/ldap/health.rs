use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How a server does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatus {
    /// Its URL.
    pub url: String,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// Why the last one did; `None` when it did not.
    pub last_error: Option<String>,
}

/// Whether a server is worth trying: a circuit breaker.
pub(super) struct Health {
    first: Duration,
    longest: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    last_error: Option<String>,
    retry_at: Option<Instant>,
    is_tried: bool,
}

impl Health {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, state: Mutex::default() }
    }

    /// Whether the server may be tried now. Of one that failed, only once the back-off has passed, and
    /// by one at a time.
    pub(super) fn admit(&self, now: Instant) -> Option<Trial<'_>> {
        let mut state = self.lock();
        let Some(retry_at) = state.retry_at else {
            return Some(Trial { health: self, is_only: false });
        };
        if now < retry_at || state.is_tried {
            return None;
        }
        state.is_tried = true;
        Some(Trial { health: self, is_only: true })
    }

    /// It works.
    pub(super) fn succeed(&self) {
        let mut state = self.lock();
        state.failures = 0;
        state.last_error = None;
        state.retry_at = None;
    }

    /// It does not. Failures of one moment count once.
    pub(super) fn fail(&self, now: Instant, error: &str) {
        let mut state = self.lock();
        state.last_error = Some(error.to_owned());
        if state.retry_at.is_some_and(|retry_at| now < retry_at) {
            return;
        }
        let factor = 2_u32.checked_pow(state.failures).unwrap_or(u32::MAX);
        let wait = self.first.saturating_mul(factor).min(self.longest);
        state.failures = state.failures.saturating_add(1);
        state.retry_at = Some(now + wait);
    }

    pub(super) fn status(&self, url: &str) -> ServerStatus {
        let state = self.lock();
        ServerStatus {
            url: url.to_owned(),
            failures: state.failures,
            last_error: state.last_error.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to try a server, until dropped.
pub(super) struct Trial<'a> {
    health: &'a Health,
    is_only: bool,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.is_only {
            self.health.lock().is_tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_server_that_fails_is_left_alone_for_a_while_that_doubles_and_one_that_works_is_not() {
        let health = Health::new(SECOND, 3 * SECOND);
        let start = Instant::now();
        assert!(health.admit(start).is_some());
        health.fail(start, "a");
        assert!(health.admit(start).is_none());
        // Others that were under way fail in the same moment.
        health.fail(start, "b");
        let second = start + SECOND;
        assert!(health.admit(second).is_some());
        health.fail(second, "c");
        assert!(health.admit(second + SECOND).is_none());
        let third = second + 2 * SECOND;
        assert!(health.admit(third).is_some());
        health.fail(third, "d");
        assert!(health.admit(third + 3 * SECOND).is_some());
        assert_eq!(health.status("x").failures, 3);
        health.succeed();
        assert!(health.admit(third).is_some());
        assert_eq!(health.status("x").last_error, None);
    }

    #[test]
    fn one_at_a_time_tries_a_server_that_failed() {
        let health = Health::new(SECOND, SECOND);
        let start = Instant::now();
        health.fail(start, "a");
        let later = start + SECOND;
        let trial = health.admit(later);
        assert!(trial.is_some());
        assert!(health.admit(later).is_none());
        drop(trial);
        assert!(health.admit(later).is_some());
    }
}
