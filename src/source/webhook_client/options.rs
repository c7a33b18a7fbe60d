use std::time::Duration;

use aws_lc_rs::rand;

use crate::api::authorization_config::LONGEST_TIMEOUT;

/// What asking may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// How long one attempt may take, from the connection to the last byte; more than zero. The whole
    /// may take five times as long, and the pauses (S-WHA-10). Default: 30 s (S-CHAIN-16).
    pub timeout: Duration,
    /// How often and when it is tried again. Default: as the API server (S-WHA-9).
    pub retry: Retry,
    /// How many bytes an answer may have. Default: 4 MiB, which is more than any question has.
    pub max_answer_bytes: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            timeout: LONGEST_TIMEOUT,
            retry: Retry::default(),
            max_answer_bytes: 4 * 1_024 * 1_024,
        }
    }
}

impl ClientOptions {
    /// The same, with another time for an attempt.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same, with other pauses.
    #[must_use]
    pub const fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same, with another limit of answers.
    #[must_use]
    pub const fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }
}

/// How often and when it is tried again after a failure that may pass (S-WHA-9).
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::source::webhook_client::Retry;
///
/// let pauses: Vec<u128> = Retry::default().pauses().map(|pause| pause.as_millis()).collect();
/// assert_eq!(pauses, [500, 750, 1125, 1687]); // before jitter
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// How often it is tried in all; at least once. Default: 5.
    pub attempts: u32,
    /// The first pause. Default: 500 ms.
    pub delay: Duration,
    /// What each further pause is times the one before. Default: 1.5.
    pub factor: f64,
    /// By which part of itself a pause is longer at most. Default: 0.2.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, delay: Duration::from_millis(500), factor: 1.5, jitter: 0.2 }
    }
}

impl Retry {
    /// The pauses between the attempts, before jitter.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let Self { attempts, delay, factor, .. } = *self;
        let pauses = std::iter::successors(Some(delay), move |pause| {
            // What no duration can hold is as good as the last that could.
            Some(Duration::try_from_secs_f64(pause.as_secs_f64() * factor).unwrap_or(*pause))
        });
        // Bounded by a number of 32 bits, which every machine that runs this can hold.
        pauses.take(usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX))
    }

    /// A pause, longer by up to the jitter.
    pub(super) fn jittered(&self, pause: Duration) -> Duration {
        let mut bytes = [0; 2];
        // Without randomness there is no jitter, which is no reason not to try again.
        let _ = rand::fill(&mut bytes);
        let share = f64::from(u16::from_be_bytes(bytes)) / f64::from(u16::MAX);
        let factor = 1.0 + self.jitter * share;
        Duration::try_from_secs_f64(pause.as_secs_f64() * factor).unwrap_or(pause)
    }
}
