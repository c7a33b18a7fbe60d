//! Durations as Go writes them, sizes as Kubernetes writes them.

use std::time::Duration;

/// Longer units first where one begins like the other.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// `10s`, `1m30s`, `1.5h`, `500ms`, `0`: the grammar of Go's `time.ParseDuration`, without signs,
/// and up to the 292 years that Go holds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, after) = UNITS.iter().find_map(|(name, nanos)| {
            let after = after.strip_prefix(name)?;
            // `m` is no unit of `1mo`, and `ms` begins with it.
            let ends =
                after.is_empty() || after.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            ends.then_some((*nanos, after))
        })?;
        let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
        nanos = nanos.checked_add(whole.checked_mul(unit)?)?;
        let mut share = unit;
        for digit in fraction.chars() {
            share /= 10;
            nanos = nanos.checked_add(share.checked_mul(u64::from(digit.to_digit(10)?))?)?;
        }
        rest = after;
    }
    (nanos <= i64::MAX.unsigned_abs()).then(|| Duration::from_nanos(nanos))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// `1Mi`, `64Ki`, `10k`, `4096`: whole quantities of Kubernetes, in bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, suffix) = digits(text);
    let factor: u64 = match suffix {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1_000),
            ("1h0m0.25s", 3_600_250),
            ("2000us", 2),
            ("2000µs", 2),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "10", "s", ".s", "1d", "-1s", "1 s", "1mo", "10S", "1s2", "9999999h", "+1s"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_whole_quantities() {
        for (text, bytes) in [("1Mi", 1 << 20), ("64Ki", 64 << 10), ("10k", 10_000), ("17", 17)] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "Mi", "1MB", "1.5Mi", "-1", "1 Mi", "99999999999Gi"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
