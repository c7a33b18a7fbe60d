//! A line that does not begin with a brace is YAML (S-ABAC-1). As the API server does, it is
//! turned into JSON and then read like any other line.
//!
//! Compared with the parser of the API server on some 360 odd lines, ours refuses a little more
//! (a tab right after a colon, old line breaks, `!!binary`) and accepts nothing more.
//!
//! Absent on purpose: documents of more than one line, and positions.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

use super::StatementError;
use crate::util::yaml_scalar::{Scalar, resolve_plain};

/// How deep a line may nest. Policies need two levels; a value that is dropped recursively must
/// not be deep.
const MAX_DEPTH: usize = 64;

/// How many values aliases may add, against lines that grow exponentially.
const MAX_ALIASED_VALUES: usize = 10_000;

/// The JSON text of the first document of a line.
pub(super) fn to_json(line: &str) -> Result<String, StatementError> {
    // Every line is a document of its own, and a document may begin with a byte order mark.
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    check_characters(line)?;
    // Our parser would let a tab indent.
    if line.trim_start_matches(' ').starts_with('\t') {
        return Err(problem("found character that cannot start any token"));
    }
    let mut builder = Builder::default();
    for item in Parser::new_from_str(line) {
        let (event, _) = item.map_err(|error| problem(error.info()))?;
        match event {
            Event::DocumentEnd => break,
            Event::Scalar(text, style, anchor, tag) => {
                let key = builder.wants_key() && style == ScalarStyle::Plain && text == "<<";
                if key && tag.is_none() {
                    builder.merge_next();
                } else {
                    builder.add(scalar(&text, style, tag.as_deref())?, anchor)?;
                }
            }
            Event::SequenceStart(anchor, _) => builder.open(Open::List(Vec::new()), anchor)?,
            Event::MappingStart(anchor, _) => {
                builder.open(Open::Map { entries: Map::new(), key: None }, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(anchor) => builder.alias(anchor)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }
    Ok(builder.root.to_string())
}

/// What our parser would let through and that of the API server does not: characters that YAML
/// forbids, and line breaks of old, which end a line there and stand for themselves here.
fn check_characters(line: &str) -> Result<(), StatementError> {
    for found in line.chars() {
        match found {
            '\u{85}' | '\u{2028}' | '\u{2029}' => {
                return Err(problem("a line break of another kind within the line"));
            }
            '\t' | '\r' => {}
            '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(problem("control characters are not allowed"));
            }
            control if control.is_control() => {
                return Err(problem("control characters are not allowed"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn problem(text: impl Into<String>) -> StatementError {
    StatementError::Yaml { problem: text.into() }
}

/// Values under construction, without recursion.
#[derive(Default)]
struct Builder {
    root: Value,
    open: Vec<(Open, usize)>,
    anchors: Vec<(usize, Value)>,
    aliased: usize,
}

enum Open {
    List(Vec<Value>),
    Map { entries: Map<String, Value>, key: Option<Key> },
}

/// What the next value of a map is for.
enum Key {
    Name(String),
    /// `<<`: the value's own members are taken over.
    Merge,
}

impl Builder {
    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some((Open::Map { key: None, .. }, _)))
    }

    fn merge_next(&mut self) {
        if let Some((Open::Map { key, .. }, _)) = self.open.last_mut() {
            *key = Some(Key::Merge);
        }
    }

    fn open(&mut self, container: Open, anchor: usize) -> Result<(), StatementError> {
        if self.wants_key() {
            return Err(problem("a list or map cannot be a key"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(problem(format!("exceeded max depth of {MAX_DEPTH}")));
        }
        self.open.push((container, anchor));
        Ok(())
    }

    fn close(&mut self) -> Result<(), StatementError> {
        match self.open.pop() {
            Some((Open::List(items), anchor)) => self.add(Value::Array(items), anchor),
            Some((Open::Map { entries, .. }, anchor)) => self.add(Value::Object(entries), anchor),
            None => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize) -> Result<(), StatementError> {
        let Some((_, value)) = self.anchors.iter().rev().find(|(known, _)| *known == anchor) else {
            return Err(problem("an alias refers to the value that it is part of"));
        };
        let (values, depth) = extent(value);
        self.aliased = self.aliased.saturating_add(values);
        if self.aliased > MAX_ALIASED_VALUES || self.open.len().saturating_add(depth) > MAX_DEPTH {
            return Err(problem("document contains excessive aliasing"));
        }
        let value = value.clone();
        self.add(value, 0)
    }

    fn add(&mut self, value: Value, anchor: usize) -> Result<(), StatementError> {
        if anchor != 0 {
            self.anchors.push((anchor, value.clone()));
        }
        match self.open.last_mut() {
            None => self.root = value,
            Some((Open::List(items), _)) => items.push(value),
            Some((Open::Map { entries, key }, _)) => match key.take() {
                None => *key = Some(Key::Name(key_name(value)?)),
                // The last of several counts.
                Some(Key::Name(name)) => drop(entries.insert(name, value)),
                Some(Key::Merge) => merge(entries, value)?,
            },
        }
        Ok(())
    }
}

/// How many values there are in a value, and how deep it is.
fn extent(value: &Value) -> (usize, usize) {
    let add = |(values, depth): (usize, usize), (more, deep): (usize, usize)| {
        (values.saturating_add(more), depth.max(deep))
    };
    let (values, depth) = match value {
        Value::Array(items) => items.iter().map(extent).fold((0, 0), add),
        Value::Object(entries) => entries.values().map(extent).fold((0, 0), add),
        _ => (0, 0),
    };
    (values.saturating_add(1), depth.saturating_add(1))
}

/// JSON knows only strings as keys.
fn key_name(key: Value) -> Result<String, StatementError> {
    match key {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(key.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(problem("null, a list or a map cannot be a key"))
        }
    }
}

/// Takes over the members of a map, or of several, of which the earlier ones count more.
fn merge(entries: &mut Map<String, Value>, value: Value) -> Result<(), StatementError> {
    let maps = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    for map in maps.into_iter().rev() {
        let Value::Object(members) = map else {
            return Err(problem("map merge requires map or sequence of maps as the value"));
        };
        entries.extend(members);
    }
    Ok(())
}

/// Resolves a scalar by its tag, its quotes, or its text.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, StatementError> {
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { plain(text) } else { Ok(Value::from(text)) };
    };
    if !tag.is_yaml_core_schema() {
        return Ok(Value::from(text));
    }
    let suits = |value: &Value| match tag.suffix.as_str() {
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "bool" => value.is_boolean(),
        _ => value.is_null(),
    };
    match tag.suffix.as_str() {
        "int" | "float" | "bool" | "null" => {
            let value = plain(text)?;
            let wanted = || format!("cannot decode !!str `{text}` as a !!{}", tag.suffix);
            if suits(&value) { Ok(value) } else { Err(problem(wanted())) }
        }
        "binary" => Err(problem("`!!binary` is not supported; write the text itself")),
        _ => Ok(Value::from(text)),
    }
}

fn plain(text: &str) -> Result<Value, StatementError> {
    match resolve_plain(text) {
        Scalar::Null => Ok(Value::Null),
        Scalar::Bool(value) => Ok(Value::Bool(value)),
        Scalar::Str => Ok(Value::from(text)),
        Scalar::Int(value) => Ok(i64::try_from(value)
            .map(Value::from)
            .or_else(|_| u64::try_from(value).map(Value::from))
            .unwrap_or_else(|_| Value::from(text))),
        Scalar::Float(value) => Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| StatementError::NotJson { value: go_float(value) }),
    }
}

/// How Go writes the numbers that JSON cannot express.
fn go_float(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    text.to_owned()
}
