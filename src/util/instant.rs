//! A second of the clock as RFC 3339 writes it.

use std::fmt;

use jiff::Timestamp;

/// Seconds since 1970-01-01 UTC. Displays as `2026-11-26T08:00:00Z`; as a number when it is beyond the
/// years that have four digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) i64);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}
