//! How large is a value, and what is it as JSON? Every walk has an end: a value may hold one and the same
//! part many times, so that it is small in memory and endless to read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use regorus::Value;
use serde_json::Value as Json;

/// A string.
pub(super) fn string(text: &str) -> Value {
    Value::String(text.into())
}

/// An object of these fields.
pub(super) fn object(fields: impl IntoIterator<Item = (Value, Value)>) -> Value {
    Value::from(fields.into_iter().collect::<BTreeMap<_, _>>())
}

/// An array of strings.
pub(super) fn strings<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Value {
    Value::from(texts.into_iter().map(|text| string(text.as_ref())).collect::<Vec<_>>())
}

/// What is wrong with the size of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oversize {
    /// Collections lie too deep inside one another.
    Depth,
    /// There are too many scalars, keys and collections.
    Count,
}

/// Takes the number of parts off `left`.
pub(super) fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<(), Oversize> {
    *left = left.checked_sub(1).ok_or(Oversize::Count)?;
    let deeper = || depth.checked_sub(1).ok_or(Oversize::Depth);
    match value {
        Value::Array(items) => {
            let depth = deeper()?;
            items.iter().try_for_each(|item| measure(item, depth, left))
        }
        Value::Set(items) => {
            let depth = deeper()?;
            items.iter().try_for_each(|item| measure(item, depth, left))
        }
        Value::Object(fields) => {
            let depth = deeper()?;
            fields.iter().try_for_each(|(key, value)| {
                measure(key, depth, left)?;
                measure(value, depth, left)
            })
        }
        _ => Ok(()),
    }
}

/// The same value, sharing nothing with the first: threads that count references to one and the same
/// value wait for each other. The value has been [measured](measure).
pub(super) fn copy(value: &Value) -> Value {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => Value::from(items.iter().map(copy).collect::<Vec<_>>()),
        Value::Set(items) => Value::from(items.iter().map(copy).collect::<BTreeSet<_>>()),
        Value::Object(fields) => object(fields.iter().map(|(key, value)| (copy(key), copy(value)))),
        other => other.clone(),
    }
}

/// The value as JSON: sets are arrays, keys that are no strings are written as JSON. `None` when it
/// is deeper than `depth` or has more bytes of text and parts than `left`.
pub(super) fn to_json(value: &Value, depth: usize, left: &mut usize) -> Option<Json> {
    let cost = match value {
        Value::String(text) => text.len(),
        _ => 0,
    };
    *left = left.checked_sub(cost + 1)?;
    Some(match value {
        Value::Null | Value::Undefined => Json::Null,
        Value::Bool(is) => Json::Bool(*is),
        Value::String(text) => Json::String((**text).to_owned()),
        Value::Number(_) => {
            let text = value.to_json_str().ok()?;
            *left = left.checked_sub(text.len())?;
            serde_json::from_str(&text).ok()?
        }
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            Json::Array(items.iter().map(|item| to_json(item, depth, left)).collect::<Option<_>>()?)
        }
        Value::Set(items) => {
            let depth = depth.checked_sub(1)?;
            let items = items.iter_sorted().map(|item| to_json(item, depth, left));
            Json::Array(items.collect::<Option<_>>()?)
        }
        Value::Object(fields) => {
            let depth = depth.checked_sub(1)?;
            let fields = fields.iter_sorted().map(|(key, value)| {
                let key = match to_json(key, depth, left)? {
                    Json::String(key) => key,
                    other => other.to_string(),
                };
                Some((key, to_json(value, depth, left)?))
            });
            Json::Object(fields.collect::<Option<_>>()?)
        }
    })
}

/// The value as the engine writes it as JSON; `None` when that has more than `longest` bytes.
pub(super) fn to_text(value: &Value, longest: usize) -> Option<String> {
    let mut text = Bounded { text: Vec::new(), longest };
    serde_json::to_writer(&mut text, value).ok()?;
    String::from_utf8(text.text).ok()
}

/// Takes so many bytes and no more.
struct Bounded {
    text: Vec<u8>,
    longest: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.longest - self.text.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_holds_itself_many_times_is_measured_by_what_it_says() {
        let mut value = string("x");
        for _ in 0..60 {
            value = Value::from(vec![value.clone(), value]);
        }
        assert_eq!(measure(&value, 100, &mut 10_000), Err(Oversize::Count));
        assert_eq!(measure(&value, 10, &mut 1_000_000), Err(Oversize::Depth));
        assert_eq!(to_json(&value, 100, &mut 10_000), None);
        assert_eq!(to_text(&value, 10_000), None);
        assert_eq!(
            to_text(&object([(string("k"), Value::Null)]), 10).as_deref(),
            Some(r#"{"k":null}"#)
        );
    }

    #[test]
    fn json_has_sets_as_arrays_and_keys_as_text() {
        let set = Value::from([string("b"), string("a")].into_iter().collect::<BTreeSet<_>>());
        let value = object([(Value::from(1_u64), set), (string("k"), Value::Null)]);
        assert_eq!(
            to_json(&value, 9, &mut 99),
            Some(serde_json::json!({"1": ["a", "b"], "k": null}))
        );
        assert_eq!(to_json(&value, 1, &mut 99), None, "deeper than one");
        assert_eq!(copy(&value), value);
    }
}
