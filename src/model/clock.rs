use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::utc::Utc;
const PER_SECOND: i64 = 1_000_000;

/// An instant, to the microsecond. Displays as RFC 3339 in UTC; what Kubernetes reads as a time is
/// read.
///
/// ```
/// use portcullis::model::Moment;
///
/// let end: Moment = "2026-11-27T09:00:00+01:00".parse()?;
/// assert_eq!(end.to_string(), "2026-11-27T08:00:00Z");
/// assert_eq!(end, Moment::from_seconds(1_795_766_400));
/// assert!(end < "2026-11-27T08:00:00.25Z".parse()?);
/// assert!("tomorrow".parse::<Moment>().is_err());
/// # Ok::<(), portcullis::model::MomentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// A text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time as RFC 3339 writes it, such as `2026-11-27T08:00:00Z`")]
pub struct MomentError;

impl Moment {
    /// So many seconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(PER_SECOND))
    }

    /// So many microseconds after 1970-01-01 UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Seconds since 1970-01-01 UTC, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(PER_SECOND)
    }

    /// Microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// So many seconds later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(PER_SECOND)))
    }

    /// The same instant of a system clock.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let micros = |micros: u128| i64::try_from(micros).unwrap_or(i64::MAX);
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => micros(since.as_micros()),
            // Rounded down, so away from zero.
            Err(before) => micros(before.duration().as_nanos().div_ceil(1000)).saturating_neg(),
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micros) = (Utc(self.seconds()).to_string(), self.0.rem_euclid(PER_SECOND));
        let fraction = format!("{micros:06}");
        match (whole.strip_suffix('Z'), fraction.trim_end_matches('0')) {
            (Some(whole), fraction) if !fraction.is_empty() => write!(f, "{whole}.{fraction}Z"),
            _ => f.write_str(&whole),
        }
    }
}

/// What tells the time, for whoever is asked about it: the system's clock, or any other.
///
/// ```
/// use portcullis::model::{Clock, Moment};
///
/// let noon = Clock::fixed("2026-11-27T12:00:00Z".parse()?);
/// assert_eq!(noon.now().to_string(), "2026-11-27T12:00:00Z");
/// assert!(Clock::system().now() > Moment::from_seconds(0));
/// # Ok::<(), portcullis::model::MomentError>(())
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// A clock that asks `now` each time.
    #[must_use]
    pub fn new(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| Moment::of(SystemTime::now()))
    }

    /// One that stands still.
    #[must_use]
    pub fn fixed(moment: Moment) -> Self {
        Self::new(move || moment)
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn offsets_name_the_same_instant_whatever_the_time_of_the_year() {
        let noon = at("2026-07-01T12:00:00Z");
        for text in
            ["2026-07-01T14:00:00+02:00", "2026-07-01T04:30:00-07:30", "2026-07-02T02:00:00+14:00"]
        {
            assert_eq!(at(text), noon, "{text}");
        }
        assert_eq!(at("2026-12-01T14:00:00+02:00"), at("2026-12-01T12:00:00Z"));
    }

    #[test]
    fn fractions_count_and_are_shown_when_there_are_some() {
        for (text, micros, shown) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("1970-01-01T00:00:01.5Z", 1_500_000, "1970-01-01T00:00:01.5Z"),
            ("1970-01-01T00:00:00.000001Z", 1, "1970-01-01T00:00:00.000001Z"),
            ("1970-01-01T00:00:00.0000001Z", 1, "1970-01-01T00:00:00.000001Z"),
            ("1970-01-01T00:00:00.999999999Z", 1_000_000, "1970-01-01T00:00:01Z"),
            ("1969-12-31T23:59:59.75Z", -250_000, "1969-12-31T23:59:59.75Z"),
        ] {
            assert_eq!((at(text).micros(), at(text).to_string().as_str()), (micros, shown));
        }
        assert_eq!(Moment::from_micros(-250_000).seconds(), -1);
    }

    #[test]
    fn times_of_the_system_before_and_after_1970_are_read() {
        let half = Duration::from_millis(500);
        assert_eq!(Moment::of(UNIX_EPOCH + half).micros(), 500_000);
        assert_eq!(Moment::of(UNIX_EPOCH - half).micros(), -500_000);
        assert_eq!(Moment::from_seconds(i64::MAX).plus_seconds(1).micros(), i64::MAX);
    }
}
