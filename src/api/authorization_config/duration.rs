use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::util::goquote::Quoted;

/// A duration as Go has it: nanoseconds in 64 bits, with a sign; read and written as Go does.
///
/// ```
/// use portcullis::api::authorization_config::GoDuration;
///
/// let read = "1.5h".parse::<GoDuration>()?;
/// assert_eq!(read.to_string(), "1h30m0s");
/// assert_eq!("-1s".parse::<GoDuration>()?.to_string(), "-1s");
/// assert_eq!(
///     "5".parse::<GoDuration>().unwrap_err().to_string(),
///     r#"time: missing unit in duration "5""#,
/// );
/// # Ok::<(), portcullis::api::authorization_config::GoDurationError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration {
    /// Nanoseconds.
    pub nanos: i64,
}

/// Why a text is no duration, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoDurationError {
    /// Not of the form, or larger than 64 bits hold.
    #[error("time: invalid duration {}", Quoted(.0))]
    Invalid(String),
    /// A number that is followed by nothing.
    #[error("time: missing unit in duration {}", Quoted(.0))]
    MissingUnit(String),
    /// A unit that does not exist.
    #[error("time: unknown unit {} in duration {}", Quoted(unit), Quoted(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

impl GoDuration {
    /// Zero.
    pub const ZERO: Self = Self { nanos: 0 };

    /// The same without a sign; `None` below zero.
    #[must_use]
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.nanos).ok().map(Duration::from_nanos)
    }
}

impl From<Duration> for GoDuration {
    /// What Go cannot hold becomes the longest it can.
    fn from(duration: Duration) -> Self {
        Self { nanos: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) }
    }
}

/// The units of Go.
fn nanos_of(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The most that a magnitude may be: that of the least number of 64 bits with a sign.
const MOST: u64 = 1 << 63;

impl FromStr for GoDuration {
    type Err = GoDurationError;

    fn from_str(text: &str) -> Result<Self, GoDurationError> {
        let invalid = || GoDurationError::Invalid(text.to_owned());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (whole, after) = digits(rest);
            let (fraction, after) = match after.strip_prefix('.') {
                Some(after) => digits(after),
                None => ("", after),
            };
            let number = whole.len() + fraction.len();
            if number == 0 {
                return Err(invalid());
            }
            // Go reads the number before the unit: one that is too large is the first complaint.
            let whole = match whole {
                "" => 0,
                whole => whole.parse::<u64>().ok().filter(|n| *n <= MOST).ok_or_else(invalid)?,
            };
            let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            if unit.is_empty() {
                return Err(GoDurationError::MissingUnit(text.to_owned()));
            }
            let nanos = nanos_of(unit).ok_or_else(|| GoDurationError::UnknownUnit {
                unit: unit.to_owned(),
                text: text.to_owned(),
            })?;
            let part = whole.checked_mul(nanos).filter(|n| *n <= MOST).ok_or_else(invalid)?;
            let part = part.checked_add(share(fraction, nanos)).ok_or_else(invalid)?;
            total = total.checked_add(part).filter(|n| *n <= MOST).ok_or_else(invalid)?;
            rest = after;
        }
        if negative {
            let nanos = i64::try_from(total).map_or(i64::MIN, |nanos| -nanos);
            return Ok(Self { nanos });
        }
        i64::try_from(total).map(|nanos| Self { nanos }).map_err(|_| invalid())
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// What the digits after a point are worth, to the rounding of Go. Digits that 63 bits do not hold
/// change nothing.
#[expect(
    clippy::as_conversions,
    reason = "Go calculates in floating point; the result is less than a unit, which fits"
)]
fn share(fraction: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in fraction.bytes().map(|byte| u64::from(byte.saturating_sub(b'0'))) {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(digit));
        let Some(next) = next.filter(|next| value <= (MOST - 1) / 10 && *next <= MOST) else {
            break;
        };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.nanos.unsigned_abs();
        if magnitude == 0 {
            return f.write_str("0s");
        }
        if self.nanos < 0 {
            f.write_str("-")?;
        }
        let (unit, name) = match magnitude {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        if name != "s" {
            return write!(f, "{}{name}", decimal(magnitude, unit));
        }
        let minute = 60 * unit;
        let (minutes, rest) = (magnitude / minute, magnitude % minute);
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write!(f, "{}s", decimal(rest, unit))
    }
}

/// A number of units with as many decimals as it needs.
fn decimal(nanos: u64, unit: u64) -> String {
    let (whole, rest) = (nanos / unit, nanos % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.to_string().len() - 1;
    let decimals = format!("{rest:0width$}");
    format!("{whole}.{}", decimals.trim_end_matches('0'))
}
