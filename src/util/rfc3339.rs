//! Times as Go's `time.Parse(time.RFC3339, …)` reads them, which is how Kubernetes reads them.
//!
//! Go is wider than RFC 3339 in three places: an hour may have one digit, a comma may stand before
//! the fraction, and an offset may be as large as `+24:60`. It is narrower in three: `T` and `Z` are
//! capitals, and there is no second 60.

/// Seconds since 1970-01-01 UTC, and what is left of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// Rounded down.
    pub(crate) seconds: i64,
    /// Below 1,000,000,000.
    pub(crate) nanos: u32,
}

/// Reads a time; `None` when Go would not.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4, 4)?;
    literal(&mut rest, b'-')?;
    let month = within(number(&mut rest, 2, 2)?, 1, 12)?;
    literal(&mut rest, b'-')?;
    let day = within(number(&mut rest, 2, 2)?, 1, days_in(year, month))?;
    literal(&mut rest, b'T')?;
    let hour = within(number(&mut rest, 1, 2)?, 0, 23)?;
    literal(&mut rest, b':')?;
    let minute = within(number(&mut rest, 2, 2)?, 0, 59)?;
    literal(&mut rest, b':')?;
    let second = within(number(&mut rest, 2, 2)?, 0, 59)?;
    let nanos = fraction(&mut rest)?;
    let offset = offset(&mut rest)?;
    if !rest.is_empty() {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(Time { seconds, nanos })
}

/// Between `least` and `most` digits, as many as there are.
fn number(rest: &mut &[u8], least: usize, most: usize) -> Option<i64> {
    let digits = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < least {
        return None;
    }
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    Some(head.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

fn within(number: i64, least: i64, most: i64) -> Option<i64> {
    (least..=most).contains(&number).then_some(number)
}

fn literal(rest: &mut &[u8], wanted: u8) -> Option<()> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    (*first == wanted).then_some(())
}

/// The nanoseconds of a fraction, if there is one; digits beyond the ninth do not count.
fn fraction(rest: &mut &[u8]) -> Option<u32> {
    let [b'.' | b',', tail @ ..] = *rest else { return Some(0) };
    let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let (head, tail) = tail.split_at_checked(digits)?;
    *rest = tail;
    let padded = head.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some(padded.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
}

/// Seconds east of Greenwich.
fn offset(rest: &mut &[u8]) -> Option<i64> {
    let (sign, tail) = rest.split_first()?;
    *rest = tail;
    let sign = match sign {
        b'Z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = within(number(rest, 2, 2)?, 0, 24)?;
    literal(rest, b':')?;
    let minutes = within(number(rest, 2, 2)?, 0, 60)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar. The year is taken to begin in
/// March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        parse(text).map(|time| time.seconds)
    }

    #[test]
    fn known_days_have_their_seconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2038-01-19T03:14:08Z", 2_147_483_648),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("2026-11-26T03:00:00+01:30", 1_795_656_600),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut expected = days(1999, 12, 31);
        for year in 2000..2400 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    expected += 1;
                    assert_eq!(days(year, month, day), expected, "{year}-{month}-{day}");
                }
            }
        }
    }

    #[test]
    fn what_go_reads_beyond_the_rfc_is_read() {
        assert_eq!(seconds("1970-01-01T1:00:00Z"), Some(3600));
        assert_eq!(parse("1970-01-01T00:00:00,5Z"), Some(Time { seconds: 0, nanos: 500_000_000 }));
        assert_eq!(
            parse("1970-01-01T00:00:00.1234567899Z"),
            Some(Time { seconds: 0, nanos: 123_456_789 })
        );
        assert_eq!(seconds("1970-01-02T01:00:00+24:60"), Some(0));
        assert_eq!(seconds("1970-01-01T00:00:00-00:00"), Some(0));
    }

    #[test]
    fn what_go_does_not_read_is_refused() {
        for bad in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T24:00:00Z",
            "1970-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-1-01T00:00:00Z",
            "1970-01-01T00:0:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+01",
            "1970-01-01T00:00:00+25:00",
            "1970-01-01T00:00:00+00:61",
            "1970-01-01T00:00:00Z ",
            " 1970-01-01T00:00:00Z",
            "+1970-01-01T00:00:00Z",
            "19700-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
