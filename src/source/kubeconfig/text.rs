//! YAML and JSON for what a kubeconfig says.

use std::fmt::Write;

use serde::{Serialize, Serializer};
use serde_json::ser::PrettyFormatter;

use crate::source::node::{Node, Value};

/// A document, ended by a line break.
pub(super) fn document(root: &Node) -> String {
    let mut text = String::new();
    match &root.value {
        Value::Map(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                field(name, value, 0, "\n", &mut text);
            }
        }
        _ => text.push_str("{}\n"),
    }
    text
}

/// A field of a map at a column, ended by a line break. The list below it begins at its own column.
pub(super) fn field(name: &str, value: &Node, column: usize, eol: &str, text: &mut String) {
    text.push_str(&" ".repeat(column));
    field_within(name, value, column, eol, text);
}

/// The same where the column is reached already.
fn field_within(name: &str, value: &Node, column: usize, eol: &str, text: &mut String) {
    text.push_str(&scalar(name));
    text.push(':');
    match &value.value {
        Value::Map(fields) if !fields.is_empty() => {
            text.push_str(eol);
            for (name, value) in fields {
                field(name, value, column + 2, eol, text);
            }
        }
        Value::List(items) if !items.is_empty() => {
            text.push_str(eol);
            for value in items {
                item(value, column, eol, text);
            }
        }
        _ => {
            // Writing to a string cannot fail.
            let _ = write!(text, " {}{eol}", inline(&value.value));
        }
    }
}

/// An item of a list whose dash is at a column, ended by a line break.
pub(super) fn item(value: &Node, column: usize, eol: &str, text: &mut String) {
    text.push_str(&" ".repeat(column));
    text.push('-');
    match &value.value {
        Value::Map(fields) if !fields.is_empty() => {
            text.push(' ');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index == 0 {
                    field_within(name, value, column + 2, eol, text);
                } else {
                    field(name, value, column + 2, eol, text);
                }
            }
        }
        Value::List(items) if !items.is_empty() => {
            text.push_str(eol);
            for value in items {
                item(value, column + 2, eol, text);
            }
        }
        _ => {
            let _ = write!(text, " {}{eol}", inline(&value.value));
        }
    }
}

/// A value of one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => serde_json::Value::from(*value).to_string(),
        Value::String(text) => scalar(text),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// A text as YAML reads it back whatever is in it: plain when nothing can misread it, else in double
/// quotes, where JSON's escapes are YAML's.
pub(super) fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let consists = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:+=@".contains(c));
    // What YAML 1.1 takes for a truth value or a null.
    let lower = text.to_ascii_lowercase();
    let is_word =
        ["true", "false", "yes", "no", "on", "off", "y", "n", "null"].contains(&lower.as_str());
    if begins && consists && !is_word && !text.ends_with(':') {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Line breaks of YAML and what it does not print: everything is escaped that could be
            // read as something else.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}') =>
            {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The same as JSON, fields in their order; on one line, or indented by so many spaces. `None` when
/// it has a number that JSON cannot say.
pub(in crate::source) fn json(root: &Node, indent: Option<usize>) -> Option<String> {
    if !is_finite(root) {
        return None;
    }
    let mut bytes = Vec::new();
    let written = match indent {
        None => AsJson(root).serialize(&mut serde_json::Serializer::new(&mut bytes)),
        Some(width) => {
            let indent = " ".repeat(width);
            let form = PrettyFormatter::with_indent(indent.as_bytes());
            AsJson(root).serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, form))
        }
    };
    bytes.push(b'\n');
    written.ok().and_then(|()| String::from_utf8(bytes).ok())
}

/// Whether every number in it is one that JSON knows, and was read in full.
pub(super) fn is_finite(node: &Node) -> bool {
    match &node.value {
        Value::Float(value) => value.is_finite(),
        Value::List(items) => items.iter().all(is_finite),
        Value::Map(fields) => fields.iter().all(|(_, value)| is_finite(value)),
        _ => true,
    }
}

struct AsJson<'a>(&'a Node);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::String(text) => serializer.serialize_str(text),
            Value::List(items) => serializer.collect_seq(items.iter().map(AsJson)),
            Value::Map(fields) => serializer
                .collect_map(fields.iter().map(|(name, value)| (name.as_str(), AsJson(value)))),
        }
    }
}
