//! What a plain YAML scalar means to Kubernetes: the rules of Go's YAML library, which are those
//! of YAML 1.1 without base-60 numbers (`yes` is a boolean, `012` is ten, `12:30` is a string).

/// A resolved scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites.
    Bool(bool),
    /// An integer between the least `i64` and the greatest `u64`.
    Int(i128),
    /// A number with a fraction or exponent, or one too large for an integer; also infinite or
    /// not a number.
    Float(f64),
    /// Anything else: the text itself.
    Str,
}

/// Resolves a scalar without quotes and without a tag.
pub(crate) fn resolve_plain(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let digits = text.replace('_', "");
            integer(&digits).map_or_else(|| float(&digits), Scalar::Int)
        }
        _ => Scalar::Str,
    }
}

/// Go's `ParseInt` with base 0: `0x`, `0o`, `0b` and a bare leading `0` choose the base.
fn integer(text: &str) -> Option<i128> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed =
        |lower, upper| magnitude.strip_prefix(lower).or_else(|| magnitude.strip_prefix(upper));
    let (radix, digits) = if let Some(digits) = prefixed("0x", "0X") {
        (16, digits)
    } else if let Some(digits) = prefixed("0o", "0O") {
        (8, digits)
    } else if let Some(digits) = prefixed("0b", "0B") {
        (2, digits)
    } else if magnitude.len() > 1 && magnitude.starts_with('0') {
        (8, magnitude)
    } else {
        (10, magnitude)
    };
    // `from_str_radix` would take another sign.
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { value.checked_neg()? } else { value };
    // An explicit plus sign is for signed integers only.
    let greatest = if text.starts_with('+') { i128::from(i64::MAX) } else { i128::from(u64::MAX) };
    (i128::from(i64::MIN)..=greatest).contains(&value).then_some(value)
}

/// Digits with at most one point and a decimal exponent, as both Go's pattern and Rust's parser
/// have it; `inf` and `nan` in letters are not numbers here.
fn float(text: &str) -> Scalar {
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return Scalar::Str;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Scalar::Float(value),
        _ => Scalar::Str,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_kubectl_makes_of_them() {
        for (text, expected) in [
            ("2020-01-01", Scalar::Str),
            ("12:30:45", Scalar::Str),
            ("190:20:30", Scalar::Str),
            ("1_000", Scalar::Int(1000)),
            ("0o14", Scalar::Int(12)),
            ("014", Scalar::Int(12)),
            ("08", Scalar::Float(8.0)),
            ("0x10", Scalar::Int(16)),
            ("0b11", Scalar::Int(3)),
            ("-0b11", Scalar::Int(-3)),
            ("1e3", Scalar::Float(1000.0)),
            ("1.0", Scalar::Float(1.0)),
            ("1.", Scalar::Float(1.0)),
            (".5", Scalar::Float(0.5)),
            ("+1", Scalar::Int(1)),
            ("-1", Scalar::Int(-1)),
            ("12e03", Scalar::Float(12000.0)),
            ("18446744073709551615", Scalar::Int(18_446_744_073_709_551_615)),
            ("18446744073709551616", Scalar::Float(18_446_744_073_709_551_616.0)),
            ("y", Scalar::Bool(true)),
            ("Yes", Scalar::Bool(true)),
            ("NO", Scalar::Bool(false)),
            ("off", Scalar::Bool(false)),
            ("yEs", Scalar::Str),
            ("~", Scalar::Null),
            ("", Scalar::Null),
            ("Null", Scalar::Null),
            ("nULL", Scalar::Str),
            (".inf", Scalar::Float(f64::INFINITY)),
            ("inf", Scalar::Str),
            ("+inf", Scalar::Str),
            ("=", Scalar::Str),
            ("<<", Scalar::Str),
            ("123abc", Scalar::Str),
            ("1.2.3", Scalar::Str),
            ("1,000", Scalar::Str),
            ("0.0.0.0", Scalar::Str),
            ("::1", Scalar::Str),
            ("--1", Scalar::Str),
            ("0x-1", Scalar::Str),
            ("-", Scalar::Str),
            ("1e999", Scalar::Str),
        ] {
            assert_eq!(resolve_plain(text), expected, "{text}");
        }
        assert!(matches!(resolve_plain(".nan"), Scalar::Float(value) if value.is_nan()));
    }
}
