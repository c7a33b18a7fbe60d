use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::gate::Counter;
use super::limits::Limits;

/// What a connection is doing, and until when it may: shared by its requests, its stream and its
/// timer. Only requests are signs of life.
#[derive(Debug)]
pub(super) struct Life {
    requests: Counter,
    start: Instant,
    /// No request yet.
    fresh: AtomicBool,
    first: Notify,
    /// When the last request was answered, in milliseconds from the start.
    quiet: AtomicU64,
    /// When the first bytes of the next HTTP/1.1 request came, in milliseconds from the start and
    /// one; 0 for none. On HTTP/2 bytes may be anything.
    heard: AtomicU64,
    http2: bool,
    header_time: Duration,
    idle_time: Duration,
}

impl Life {
    pub(super) fn new(limits: &Limits, http2: bool) -> Self {
        Self {
            requests: Counter::new(limits.requests_per_connection),
            start: Instant::now(),
            fresh: AtomicBool::new(true),
            first: Notify::new(),
            quiet: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            http2,
            header_time: limits.header_time,
            idle_time: limits.idle_time,
        }
    }

    /// A request begins, unless it is one too many.
    pub(super) fn begin(&self) -> bool {
        if self.fresh.load(Ordering::Relaxed) {
            self.fresh.store(false, Ordering::Relaxed);
            self.first.notify_one();
        }
        self.heard.store(0, Ordering::Relaxed);
        if self.requests.enter() {
            return true;
        }
        self.quiet.store(self.elapsed(), Ordering::Relaxed);
        false
    }

    /// A request ends.
    pub(super) fn end(&self) {
        self.quiet.store(self.elapsed(), Ordering::Relaxed);
        self.requests.leave();
    }

    /// Bytes came in.
    pub(super) fn heard(&self) {
        if !self.http2 && !self.is_busy() && self.heard.load(Ordering::Relaxed) == 0 {
            self.heard.store(self.elapsed().saturating_add(1), Ordering::Relaxed);
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }

    pub(super) const fn is_http2(&self) -> bool {
        self.http2
    }

    pub(super) fn is_busy(&self) -> bool {
        self.requests.now() > 0
    }

    /// Whether it is headers that are waited for, rather than a new request.
    pub(super) fn is_slow(&self) -> bool {
        !self.is_busy() && (self.is_fresh() || self.heard.load(Ordering::Relaxed) > 0)
    }

    /// Completes once the first request began.
    pub(super) async fn first_request(&self) {
        self.first.notified().await;
    }

    /// When the last request was answered.
    pub(super) fn quiet_since(&self) -> Instant {
        self.after_start(self.quiet.load(Ordering::Relaxed))
    }

    /// Until when something must happen; none while a request is in progress.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_busy() {
            return None;
        }
        let idle = later(self.quiet_since(), self.idle_time);
        if self.is_fresh() {
            return Some(later(self.start, self.header_time));
        }
        Some(match self.heard.load(Ordering::Relaxed).checked_sub(1) {
            Some(heard) => later(self.after_start(heard), self.header_time).min(idle),
            None => idle,
        })
    }

    /// How often to look again while a request is in progress.
    pub(super) fn look_again(&self) -> Duration {
        self.header_time.min(self.idle_time).max(Duration::from_millis(10))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn after_start(&self, milliseconds: u64) -> Instant {
        later(self.start, Duration::from_millis(milliseconds))
    }
}

/// A moment after another; times too long to be told stand for a year.
pub(super) fn later(from: Instant, time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    from.checked_add(time).or_else(|| from.checked_add(YEAR)).unwrap_or(from)
}
