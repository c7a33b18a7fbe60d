use std::fmt;
use std::str::FromStr;

/// A number of seconds, as typed: `90s`, `30m`, `12h` or `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u64);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write 90s, 30m, 12h or 2d";
        let number = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
        let unit = match text.strip_prefix(number) {
            Some("s") => 1,
            Some("m") => 60,
            Some("h") => 3_600,
            Some("d") => 86_400,
            _ => return Err(WRONG),
        };
        let count: u32 = number.parse().map_err(|_| WRONG)?;
        let seconds = u64::from(count).saturating_mul(unit);
        if seconds == 0 { Err(WRONG) } else { Ok(Self(seconds)) }
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_with_a_unit_and_only_so() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("2d", 172_800)] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)));
        }
        for text in ["", "90", "s", "0m", "-1s", "1.5h", "1w", "1 h", "5000000000s"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }
}
