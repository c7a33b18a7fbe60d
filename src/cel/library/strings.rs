use std::rc::Rc;

use crate::cel::budget::{Budget, Failure};
use crate::cel::function::Call;
use crate::cel::value::Value;

const NO_OVERLOAD: Failure = Failure::NO_OVERLOAD;

/// Functions of a text and at least one more argument. Places count in characters.
pub(in crate::cel) fn call<'a>(
    budget: &mut Budget,
    call: Call,
    text: &str,
    rest: &[Value<'a>],
) -> Result<Value<'a>, Failure> {
    budget.scan(text.len())?;
    let size = text.chars().count();
    match (call, rest) {
        (Call::CharAt, [Value::Int(index)]) => {
            budget.spend(1)?;
            let place = place(*index, size)?;
            Ok(Value::shared(text.chars().skip(place).take(1).collect::<String>()))
        }
        (Call::IndexOf | Call::LastIndexOf, [Value::String(wanted)]) => {
            budget.spend_tenths(text.len())?;
            let wanted = wanted.as_str();
            let found = match call {
                Call::IndexOf => text.find(wanted),
                _ => text.rfind(wanted),
            };
            Ok(Value::Int(index_of(text, found)))
        }
        (Call::Replace, [Value::String(old), Value::String(new)]) => {
            replace(budget, text, old.as_str(), new.as_str(), -1)
        }
        (Call::Replace, [Value::String(old), Value::String(new), Value::Int(limit)]) => {
            replace(budget, text, old.as_str(), new.as_str(), *limit)
        }
        (Call::Split, [Value::String(separator)]) => split(budget, text, separator.as_str(), -1),
        (Call::Split, [Value::String(separator), Value::Int(limit)]) => {
            split(budget, text, separator.as_str(), *limit)
        }
        (Call::Substring, [Value::Int(start)]) => {
            budget.spend_tenths(size)?;
            let start = place(*start, size)?;
            substring(budget, text, start, size)
        }
        (Call::Substring, [Value::Int(start), Value::Int(end)]) => {
            budget.spend_tenths(size)?;
            if start > end {
                let message = format!("invalid substring range. start: {start}, end: {end}");
                return Err(Failure::owned(message));
            }
            let (start, end) = (place(*start, size)?, place(*end, size)?);
            substring(budget, text, start, end)
        }
        _ => Err(NO_OVERLOAD),
    }
}

/// `lowerAscii`, `upperAscii` and `trim`.
pub(in crate::cel) fn convert<'a>(call: Call, text: &str) -> Value<'a> {
    match call {
        Call::LowerAscii => Value::shared(text.to_ascii_lowercase()),
        Call::UpperAscii => Value::shared(text.to_ascii_uppercase()),
        _ => Value::shared(text.trim()),
    }
}

/// A place in a text or behind its end.
fn place(index: i64, size: usize) -> Result<usize, Failure> {
    let place = usize::try_from(index).ok().filter(|place| *place <= size);
    place.ok_or_else(|| Failure::owned(format!("index out of range: {index}")))
}

fn index_of(text: &str, found: Option<usize>) -> i64 {
    let before = found.and_then(|at| text.get(..at));
    before.map_or(-1, |before| i64::try_from(before.chars().count()).unwrap_or(i64::MAX))
}

fn substring<'a>(
    budget: &mut Budget,
    text: &str,
    start: usize,
    end: usize,
) -> Result<Value<'a>, Failure> {
    let part: String = text.chars().skip(start).take(end.saturating_sub(start)).collect();
    budget.reserve(part.len())?;
    Ok(Value::shared(part))
}

/// Up to so many replacements; a negative number is no limit. Of nothing there is one before each
/// character and one at the end.
fn replace<'a>(
    budget: &mut Budget,
    text: &str,
    old: &str,
    new: &str,
    limit: i64,
) -> Result<Value<'a>, Failure> {
    budget.spend_tenths(2 * text.chars().count())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let count = text.matches(old).count().min(limit);
    let added = count.checked_mul(new.len()).ok_or(Failure::Cancelled)?;
    budget.reserve(added.saturating_add(text.len()))?;
    Ok(Value::shared(text.replacen(old, new, count)))
}

/// At most so many parts, the last with the rest; a negative number is no limit. Without separator
/// the parts are the characters.
fn split<'a>(
    budget: &mut Budget,
    text: &str,
    separator: &str,
    limit: i64,
) -> Result<Value<'a>, Failure> {
    budget.spend_tenths(2 * text.chars().count())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let parts: Vec<&str> = match (separator.is_empty(), limit) {
        (_, 0) => Vec::new(),
        (false, limit) => text.splitn(limit, separator).collect(),
        (true, limit) => characters(text, limit),
    };
    budget.reserve(text.len() + parts.len() * size_of::<(Value<'_>, Rc<str>)>())?;
    Ok(Value::natives(parts.into_iter().map(Value::shared).collect()))
}

fn characters(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let at = if parts.len() + 1 == limit { rest.len() } else { next.len_utf8() };
        let (part, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
        parts.push(part);
        rest = behind;
    }
    parts
}
