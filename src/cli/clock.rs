//! The time of the system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::date;

/// Seconds since 1970-01-01 UTC. A clock before that, or past the end of time, is one that no
/// certificate is valid at.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A time as people read it: RFC 3339, UTC. Also the last second of the year 9999, with which
/// certificates say that they never end, and which most libraries cannot write.
pub(crate) fn utc(seconds: i64) -> String {
    let since = SignedDuration::from_secs(seconds);
    match date(1970, 1, 1).at(0, 0, 0, 0).checked_add(since) {
        Ok(time) if time.year() >= 0 => format!("{}Z", time.strftime("%Y-%m-%dT%H:%M:%S")),
        _ => format!("second {seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_a_certificate_has_its_text() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_795_656_600, "2026-11-26T01:30:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "second 253402300800"),
            (i64::MIN, "second -9223372036854775808"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }
}
