//! Until when: a time from now, a time, or `never`.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use portcullis::authn::UnixSeconds;
use portcullis::model::Moment;

use crate::cli::exit::Failure;

/// When a token or an account ends, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// So many seconds from now.
    After(UnixSeconds),
    /// At a time.
    At(UnixSeconds),
    /// Not at all.
    Never,
}

impl Expiry {
    /// What counts when nothing is said: long enough to be of use, short enough that a forgotten
    /// token ends.
    #[cfg(feature = "token-file")]
    pub(crate) const DEFAULT: &'static str = "90d";

    /// Whether this is what counts when nothing is said.
    #[cfg(feature = "token-file")]
    pub(crate) fn is_default(self) -> bool {
        Self::DEFAULT.parse() == Ok(self)
    }

    /// The second of the end.
    pub(crate) fn at(self, now: UnixSeconds) -> Result<Option<UnixSeconds>, Failure> {
        let at = match self {
            Self::Never => return Ok(None),
            Self::After(seconds) => now.saturating_add(seconds),
            Self::At(at) => at,
        };
        if at <= now {
            return Err(Failure::usage("the time of --expires is over; name one to come"));
        }
        Ok(Some(at))
    }
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write 90d, 12h, 30m or 2w, an RFC 3339 time such as \
                             2027-01-31T00:00:00Z, or never";
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Ok(time) = text.parse::<Moment>() {
            return Ok(Self::At(time.seconds()));
        }
        let number = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
        let unit = match text.strip_prefix(number) {
            Some("m") => 60,
            Some("h") => 3_600,
            Some("d") => 86_400,
            Some("w") => 7 * 86_400,
            _ => return Err(WRONG),
        };
        let count: u32 = number.parse().map_err(|_| WRONG)?;
        Ok(Self::After(UnixSeconds::from(count).saturating_mul(unit)))
    }
}

/// The time of the system's clock.
pub(crate) fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // Before 1970 and after the end of time every expiry is refused, or far.
    since.map_or(0, |since| UnixSeconds::try_from(since.as_secs()).unwrap_or(UnixSeconds::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_three_forms_and_other_texts_are_refused() {
        for (text, expiry) in [
            ("90d", Expiry::After(90 * 86_400)),
            ("12h", Expiry::After(12 * 3_600)),
            ("30m", Expiry::After(1_800)),
            ("2w", Expiry::After(14 * 86_400)),
            ("never", Expiry::Never),
            ("1970-01-01T01:00:10+01:00", Expiry::At(10)),
        ] {
            assert_eq!(text.parse(), Ok(expiry), "{text}");
        }
        for text in ["", "90", "d", "-1d", "1.5d", "90s", "1y", "90 d", "99999999999d", "tomorrow"]
        {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_end_is_to_come() {
        assert_eq!(Expiry::After(5).at(100).unwrap(), Some(105));
        assert_eq!(Expiry::Never.at(100).unwrap(), None);
        for over in [Expiry::After(0), Expiry::At(100), Expiry::At(-5)] {
            assert!(over.at(100).is_err(), "{over:?}");
        }
        assert!(Expiry::At(101).at(100).is_ok());
    }
}
