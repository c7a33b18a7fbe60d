//! When is that? The clocks of directories, in seconds since 1970.
//!
//! Absent on purpose: local time, leap seconds, parts of a second.

use crate::authn::UnixSeconds;

/// Seconds between 1601-01-01 and 1970-01-01, from where Active Directory counts.
const SINCE_1601: i64 = 11_644_473_600;

/// Days of a 400 years' cycle of the calendar, and of 1970-01-01 from 0000-03-01.
const CYCLE_DAYS: i64 = 146_097;
const DAYS_TO_1970: i64 = 719_468;

/// A moment as Active Directory writes it: tenths of microseconds since 1601. `None` for never, which
/// is zero or the largest number.
pub(super) fn file_time(text: &str) -> Result<Option<UnixSeconds>, ()> {
    match text.parse::<i64>() {
        Ok(0 | i64::MAX) => Ok(None),
        Ok(ticks) if ticks > 0 => Ok(Some(ticks / 10_000_000 - SINCE_1601)),
        _ => Err(()),
    }
}

/// A moment as `GeneralizedTime` (RFC 4517 section 3.3.13), in UTC: `20261126133000Z`, perhaps with a
/// fraction, minutes and seconds optional.
pub(super) fn generalized_time(text: &str) -> Option<UnixSeconds> {
    let whole = text.strip_suffix('Z')?;
    let whole = whole.split(['.', ',']).next()?;
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(whole.len(), 10 | 12 | 14) {
        return None;
    }
    let part = |at: std::ops::Range<usize>| match whole.get(at) {
        None => Some(0),
        Some(digits) => digits.parse::<i64>().ok(),
    };
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !is_time || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar, by years that begin in March: so the odd day is
/// the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * CYCLE_DAYS + day_of_cycle - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generalized_times_are_read_and_others_are_not() {
        assert_eq!(generalized_time("19700101000000Z"), Some(0));
        assert_eq!(generalized_time("20240229123456Z"), Some(1_709_210_096));
        assert_eq!(generalized_time("20240229123456.789Z"), Some(1_709_210_096));
        assert_eq!(generalized_time("202402291234Z"), Some(1_709_210_040));
        assert_eq!(generalized_time("000001010000Z"), Some(-62_167_219_200));
        assert_eq!(generalized_time("20240029123456Z"), None);
        assert_eq!(generalized_time("20240229123456"), None);
        assert_eq!(generalized_time("20241329123456Z"), None);
        assert_eq!(generalized_time("2024é22912345Z"), None);
        assert_eq!(generalized_time(""), None);
    }

    #[test]
    fn file_times_are_read_and_never_is_none() {
        assert_eq!(file_time("133536836960000000"), Ok(Some(1_709_210_096)));
        assert_eq!(file_time("0"), Ok(None));
        assert_eq!(file_time("9223372036854775807"), Ok(None));
        assert_eq!(file_time("-1"), Err(()));
        assert_eq!(file_time("soon"), Err(()));
    }
}
