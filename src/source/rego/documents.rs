//! Data files, and the one document that they make.

use std::collections::BTreeMap;

use regorus::Value;

use super::{File, RegoLoadError, RegoLoadLimits};

/// The content of a data file: an object.
pub(super) fn read(
    file: &File,
    is_yaml: bool,
    limits: &RegoLoadLimits,
) -> Result<Value, RegoLoadError> {
    let text = text(&file.name, &file.bytes)?;
    let value = if is_yaml { yaml(&file.name, text)? } else { json(&file.name, text)? };
    // The parsers have limits of their own, of 128.
    if !is_shallow(&value, limits.depth) {
        let what = "values inside one another";
        return Err(RegoLoadError::Limit { name: file.name.clone(), what, limit: limits.depth });
    }
    match &value {
        Value::Object(_) => Ok(value),
        other => {
            let found = kind(other);
            Err(RegoLoadError::NotAnObject { name: file.name.clone(), found })
        }
    }
}

/// The text of a file, without a byte order mark.
pub(super) fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, RegoLoadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        RegoLoadError::Encoding { name: name.to_owned(), line }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn json(name: &str, text: &str) -> Result<Value, RegoLoadError> {
    serde_json::from_str(text).map_err(|error| RegoLoadError::Data {
        name: name.to_owned(),
        line: error.line(),
        column: error.column(),
        format: "JSON",
        message: without_place(&error.to_string()),
    })
}

/// An empty document is an empty object: a file with nothing but comments says nothing.
fn yaml(name: &str, text: &str) -> Result<Value, RegoLoadError> {
    let value = Value::from_yaml_str(text).map_err(|error| {
        let said = error.to_string();
        let said = said.strip_prefix("Failed to parse YAML: ").unwrap_or(&said);
        let (line, column) = place(said).unwrap_or((0, 0));
        RegoLoadError::Data {
            name: name.to_owned(),
            line,
            column,
            format: "YAML",
            message: without_place(said),
        }
    })?;
    Ok(if value == Value::Null { Value::new_object() } else { value })
}

/// `… at line 3 column 5` without the place.
fn without_place(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    message.lines().next().unwrap_or_default().to_owned()
}

fn place(message: &str) -> Option<(usize, usize)> {
    let (_, behind) = message.split_once(" at line ")?;
    let (line, column) = behind.split_once(" column ")?;
    let digits = column.find(|c: char| !c.is_ascii_digit()).unwrap_or(column.len());
    Some((line.parse().ok()?, column.get(..digits)?.parse().ok()?))
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::Array(values) => values.iter().all(|value| is_shallow(value, below)),
        Value::Object(values) => values.values().all(|value| is_shallow(value, below)),
        _ => true,
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        _ => "something else",
    }
}

/// All data, put together.
#[derive(Debug, Default)]
pub(super) struct Documents {
    root: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    /// An object that others may add to.
    Object(BTreeMap<String, Node>),
    /// Anything else, and the file that has it.
    Leaf(Value, String),
}

impl Documents {
    /// Adds the content of a file below the names of its place.
    pub(super) fn add(
        &mut self,
        name: &str,
        place: &[String],
        value: Value,
    ) -> Result<(), RegoLoadError> {
        let mut node = &mut self.root;
        for (index, step) in place.iter().enumerate() {
            let next = node.entry(step.clone()).or_insert_with(|| Node::Object(BTreeMap::new()));
            node = match next {
                Node::Object(object) => object,
                Node::Leaf(_, other) => {
                    let place = place.get(..=index).unwrap_or_default();
                    return Err(conflict(name, other, place));
                }
            };
        }
        merge(node, name, &mut place.to_vec(), value)
    }

    pub(super) fn finish(self) -> Value {
        value_of(self.root)
    }
}

fn merge(
    into: &mut BTreeMap<String, Node>,
    name: &str,
    place: &mut Vec<String>,
    value: Value,
) -> Result<(), RegoLoadError> {
    let Ok(object) = value.as_object() else {
        return Ok(());
    };
    for (key, value) in object.iter() {
        // JSON has no other keys, and those of YAML read as JSON writes them.
        let key = match key {
            Value::String(key) => key.to_string(),
            other => other.to_string(),
        };
        place.push(key.clone());
        match (into.get_mut(&key), value) {
            (None, Value::Object(_)) => {
                let mut inner = BTreeMap::new();
                merge(&mut inner, name, place, value.clone())?;
                into.insert(key, Node::Object(inner));
            }
            (None, _) => {
                into.insert(key, Node::Leaf(value.clone(), name.to_owned()));
            }
            (Some(Node::Object(inner)), Value::Object(_)) => {
                merge(inner, name, place, value.clone())?;
            }
            (Some(Node::Leaf(_, other)), _) => return Err(conflict(name, other, place)),
            (Some(Node::Object(inner)), _) => {
                let other = first_file(inner).unwrap_or_default();
                return Err(conflict(name, &other, place));
            }
        }
        place.pop();
    }
    Ok(())
}

fn first_file(object: &BTreeMap<String, Node>) -> Option<String> {
    object.values().find_map(|node| match node {
        Node::Leaf(_, name) => Some(name.clone()),
        Node::Object(inner) => first_file(inner),
    })
}

fn conflict(name: &str, other: &str, place: &[String]) -> RegoLoadError {
    let place = format!("data.{}", place.join("."));
    RegoLoadError::Conflict { name: name.to_owned(), other: other.to_owned(), place }
}

fn value_of(object: BTreeMap<String, Node>) -> Value {
    let entries = object.into_iter().map(|(key, node)| {
        let value = match node {
            Node::Object(inner) => value_of(inner),
            Node::Leaf(value, _) => value,
        };
        (Value::from(key), value)
    });
    Value::from(entries.collect::<BTreeMap<Value, Value>>())
}
