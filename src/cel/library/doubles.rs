use std::cmp::Ordering;

/// Up to here all whole numbers are doubles as well, so that no two versions of `cel-go` compare
/// them otherwise.
const EXACT: u64 = 1 << 53;

/// 2^63 and 2^64.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// How two numbers of which one is a double lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cel) enum Order {
    Is(Ordering),
    /// One is not a number.
    Unordered,
    /// Older versions of `cel-go` round, newer ones do not.
    Doubtful,
}

/// A double and a whole number, which is given by its sign and its amount.
pub(in crate::cel) fn compare(double: f64, is_negative: bool, amount: u64) -> Order {
    if double.is_nan() {
        return Order::Unordered;
    }
    if amount > EXACT {
        return Order::Doubtful;
    }
    let whole = from_amount(amount);
    let whole = if is_negative { -whole } else { whole };
    double.partial_cmp(&whole).map_or(Order::Unordered, Order::Is)
}

/// The double that is nearest to a whole number.
pub(in crate::cel) fn from_int(value: i64) -> f64 {
    let amount = from_amount(value.unsigned_abs());
    if value < 0 { -amount } else { amount }
}

/// The double that is nearest to a whole number: both halves are exact, so that the sum is rounded
/// once.
pub(in crate::cel) fn from_amount(value: u64) -> f64 {
    let half = |part: u64| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
    half(value >> 32) * 4_294_967_296.0 + half(value & u64::from(u32::MAX))
}

/// `int`: towards zero; none where it does not fit. The smallest of all does not fit in `cel-go`.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the standard library has no other way; the range is checked"
)]
pub(in crate::cel) fn to_int(value: f64) -> Option<i64> {
    (value > -TWO_TO_63 && value < TWO_TO_63).then_some(value as i64)
}

/// `uint`: towards zero; none where it does not fit.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the standard library has no other way; the range is checked"
)]
pub(in crate::cel) fn to_uint(value: f64) -> Option<u64> {
    (0.0..TWO_TO_64).contains(&value).then_some(value as u64)
}

/// A place in a list; none for what is no whole number.
pub(in crate::cel) fn to_index(value: f64) -> Option<i64> {
    to_int(value).filter(|_| value.fract() == 0.0)
}

/// `double` of a text. Of what Go reads, names of numbers that are none and hexadecimal digits are
/// left out.
pub(in crate::cel) fn parse(text: &str) -> Option<f64> {
    let is_decimal =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let value: f64 = text.bytes().all(is_decimal).then(|| text.parse().ok())??;
    value.is_finite().then_some(value)
}

/// `string` of a double, as Go's `%g` writes it (S-OIDC-21): the fewest digits that are read back as
/// the same number, with an exponent when it is below -4 or above 5.
pub(in crate::cel) fn text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
