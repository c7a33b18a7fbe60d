//! A document as a tree that knows its lines. YAML is read into it; JSON only when reading it
//! directly failed, to say exactly what is wrong.

mod de;
mod json;
mod map;

pub(super) use json::NodeSeed;
pub(super) use map::MapBuilder;

use crate::api::Str;

/// A value and the line it begins on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// 0 when unknown.
    pub(crate) line: u32,
}

/// What JSON knows. Numbers are never read, only told apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Str),
    List(Vec<Node>),
    Map(Vec<(Str, Node)>),
}

impl Node {
    pub(super) fn new(value: Value, line: u32) -> Self {
        Self { value, line }
    }

    /// The value of a field; `None` when this is no map or has no such field.
    pub(super) fn get(&self, field: &str) -> Option<&Self> {
        let Value::Map(fields) = &self.value else { return None };
        fields.iter().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    /// Likewise, to be changed.
    pub(super) fn get_mut(&mut self, field: &str) -> Option<&mut Self> {
        let Value::Map(fields) = &mut self.value else { return None };
        fields.iter_mut().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    /// The text of a field; empty when there is none.
    pub(super) fn text(&self, field: &str) -> &str {
        self.get(field).and_then(Self::as_str).unwrap_or_default()
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    pub(super) fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}
