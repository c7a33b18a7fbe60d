//! From bytes to a tree with lines, as the decoder of Kubernetes sees it.

use std::sync::Arc;

use super::error::Problem;
use super::os_error::lines_of;
use crate::api::Str;
use crate::model::Origin;
use crate::source::document::{self, Node, Value};
use crate::source::text::{self, Lines};
use crate::source::{Limits, LoadError};
use crate::util::gojson::{Kind, Raw};
use crate::util::goquote::Quoted;

/// What a file holds.
pub(in crate::source) struct Tree {
    /// `None` when there is nothing but comments.
    pub(in crate::source) root: Option<Node>,
    /// Whether the fields of objects are visited sorted by name: YAML is turned into JSON first.
    pub(super) is_sorted: bool,
    /// Fields that stand twice in YAML; in JSON they stand in the tree.
    pub(super) duplicates: Duplicates,
}

/// Fields that stand twice.
#[derive(Default)]
pub(super) struct Duplicates {
    /// One for each, in the order in which they end.
    pub(super) problems: Vec<Problem>,
    /// The lines of their values.
    lines: Vec<u32>,
}

impl Duplicates {
    /// All of them in the words of the YAML library.
    pub(super) fn text(&self) -> Option<String> {
        let line =
            |(problem, line): (&Problem, &u32)| format!("\n  line {line}: {}", problem.message);
        let lines: String = self.problems.iter().zip(&self.lines).map(line).collect();
        (!lines.is_empty()).then(|| format!("yaml: unmarshal errors:{lines}"))
    }
}

/// Why there is no tree: the text of the decoder, and the place.
pub(super) fn read(name: &Arc<str>, bytes: &[u8]) -> Result<Tree, Problem> {
    let text = text::decode(name, bytes.to_vec()).map_err(|error| broken(name, &error))?;
    // Whatever begins with a brace is JSON, and nothing else.
    if text.trim_start().starts_with('{') {
        return json(name, &text);
    }
    let document = document::read(name, bytes.to_vec()).map_err(|error| broken(name, &error))?;
    let mut duplicates = Duplicates::default();
    for (field, line) in &document.duplicates {
        let value = document.root.as_ref().and_then(|root| value_line(root, field, *line));
        duplicates.lines.push(value.unwrap_or(*line));
        duplicates.problems.push(Problem::new(
            Origin::new(Arc::clone(name), 0, *line),
            field.as_str(),
            format!("key {} already set in map", Quoted(field)),
        ));
    }
    Ok(Tree { root: document.root, is_sorted: true, duplicates })
}

fn broken(name: &Arc<str>, error: &LoadError) -> Problem {
    let text = error.to_string();
    let (line, place) =
        error.origin().map_or((0, name.to_string()), |at| (at.line, at.to_string()));
    let text = text.strip_prefix(&format!("{place}: ")).unwrap_or(&text);
    let text = text.strip_prefix("not YAML as Kubernetes reads it: ").unwrap_or(text);
    Problem::new(Origin::new(Arc::clone(name), 0, line), "", format!("yaml: line {line}: {text}"))
}

/// The line on which the value begins of a field whose name stands on `line`.
fn value_line(node: &Node, field: &str, line: u32) -> Option<u32> {
    match &node.value {
        Value::List(items) => items.iter().find_map(|item| value_line(item, field, line)),
        Value::Map(fields) => fields.iter().find_map(|(name, value)| {
            if name == field && value.line == line {
                return Some(first_line(value));
            }
            value_line(value, field, line)
        }),
        _ => None,
    }
}

/// A block begins with its first field or item.
fn first_line(value: &Node) -> u32 {
    let first = match &value.value {
        Value::List(items) => items.first(),
        Value::Map(fields) => fields.first().map(|(_, value)| value),
        _ => None,
    };
    first.map_or(value.line, |first| first.line)
}

fn json(name: &Arc<str>, text: &str) -> Result<Tree, Problem> {
    let text = text.trim_start();
    let bad = |message: String| {
        let message = format!("couldn't get version/kind; json parse error: {message}");
        Problem::new(Origin::new(Arc::clone(name), 0, lines_of(text)), "", message)
    };
    let raw = Raw::parse(text).map_err(|error| bad(error.to_string()))?;
    let mut reader = Json { lines: Lines::new(text), limit: Limits::default().max_depth };
    let root = reader.node(raw, 0).ok_or_else(|| bad("exceeded max depth".to_owned()))?;
    Ok(Tree { root: Some(root), is_sorted: false, duplicates: Duplicates::default() })
}

/// JSON into the same tree, every field on the line of its value, those that stand twice kept.
struct Json<'a> {
    lines: Lines<'a>,
    limit: usize,
}

impl<'a> Json<'a> {
    /// `None` when it is deeper than any configuration.
    fn node(&mut self, raw: Raw<'a>, depth: usize) -> Option<Node> {
        if depth > self.limit {
            return None;
        }
        let line = self.lines.of(raw.text());
        let value = match raw.kind() {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number => Value::Int(0),
            Kind::String => Value::String(Str::from(raw.string())),
            Kind::Array => {
                let items: Option<Vec<Node>> =
                    raw.items().map(|item| self.node(item, depth + 1)).collect();
                Value::List(items?)
            }
            Kind::Object => {
                let mut fields = Vec::new();
                for (name, value) in raw.members() {
                    fields.push((Str::from(name), self.node(value, depth + 1)?));
                }
                Value::Map(fields)
            }
        };
        Some(Node { value, line })
    }
}
