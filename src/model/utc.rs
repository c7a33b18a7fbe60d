//! Instants as people read them: RFC 3339 in UTC, to the second.

use std::fmt;

/// Seconds since 1970-01-01 UTC; displays as `2026-11-26T08:00:00Z`. A year that RFC 3339 cannot
/// write displays as `second N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utc(pub(crate) i64);

/// The first second of year 0 and the last of year 9999.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

#[cfg(any(feature = "files", feature = "pki"))]
impl Utc {
    /// Whether RFC 3339 can write it, so that it can be read again.
    pub(crate) fn is_writable(self) -> bool {
        WRITABLE.contains(&self.0)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !WRITABLE.contains(&self.0) {
            return write!(f, "second {}", self.0);
        }
        let (day, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        // Days since 0000-03-01: a year that begins in March has its leap day last.
        let since = day + 719_468;
        let (era, of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_seconds_have_their_text_and_years_beyond_four_digits_their_number() {
        for (second, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_825_600, "2000-02-29T12:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_656_600, "2026-11-26T01:30:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "second 253402300800"),
            (i64::MIN, "second -9223372036854775808"),
        ] {
            assert_eq!(Utc(second).to_string(), text);
        }
    }
}
