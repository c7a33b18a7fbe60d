use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that only moves on, from any beginning: by which whatever is kept for a while grows old.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::model::Stopwatch;
///
/// let stopped = Stopwatch::new(|| Duration::from_secs(7));
/// assert_eq!(stopped.now(), Duration::from_secs(7));
/// let running = Stopwatch::system();
/// assert!(running.now() <= running.now());
/// ```
#[derive(Clone)]
pub struct Stopwatch(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Stopwatch {
    /// One that shows what `now` says.
    #[must_use]
    pub fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The monotonic clock of the system.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        Self::new(move || start.elapsed())
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopwatch")
    }
}
