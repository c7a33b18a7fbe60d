use std::sync::Arc;

use super::error::{Problem, Undecodable};
use super::tree::Tree;
use crate::model::Origin;
use crate::source::document::{Node, Value};
use crate::util::goquote::Quoted;

/// Where the decoder is, in the three ways in which messages say it.
#[derive(Clone, Default)]
pub(in crate::source) struct Place {
    /// The Go type that has the field.
    owner: &'static str,
    /// The fields on the way, without indices.
    fields: String,
    /// The same with indices.
    path: String,
}

impl Place {
    fn child(&self, owner: &'static str, name: &str) -> Self {
        let join = |before: &str| match before {
            "" => name.to_owned(),
            before => format!("{before}.{name}"),
        };
        Self { owner, fields: join(&self.fields), path: join(&self.path) }
    }

    fn item(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), ..self.clone() }
    }
}

/// Takes a tree apart as strictly and in the words of the decoder of Kubernetes (S-ACFG-1,
/// S-ACONF-1). It goes on after a mistake, so that all are found.
pub(in crate::source) struct Decoder<'a> {
    name: &'a Arc<str>,
    version: &'a str,
    tree: &'a Tree,
    /// What only a strict decoder minds.
    strict: Vec<Problem>,
    /// Values of the wrong type.
    wrong: Vec<Problem>,
    /// The one that the API server tells of.
    first_wrong: Option<String>,
    /// What ends the decoding of the API server, and is all that it tells.
    fatal: Option<String>,
}

impl<'a> Decoder<'a> {
    /// For a file of a version.
    pub(in crate::source) fn new(name: &'a Arc<str>, version: &'a str, tree: &'a Tree) -> Self {
        Self {
            name,
            version,
            tree,
            strict: Vec::new(),
            wrong: Vec::new(),
            first_wrong: None,
            fatal: None,
        }
    }

    /// Whether there was no mistake.
    pub(in crate::source) fn finish(self) -> Result<(), Undecodable> {
        let mut problems: Vec<Problem> = self.tree.duplicates.problems.clone();
        if let Some(text) = self.fatal.or(self.first_wrong) {
            problems.splice(0..0, self.wrong);
            problems.extend(self.strict);
            return Err(Undecodable { text, problems });
        }
        let duplicates = self.tree.duplicates.text();
        let unknown = self.strict.iter().map(|problem| problem.message.clone());
        let told: Vec<String> = duplicates.into_iter().chain(unknown).collect();
        if told.is_empty() {
            return Ok(());
        }
        problems.extend(self.strict);
        Err(Undecodable { text: format!("strict decoding error: {}", told.join(", ")), problems })
    }

    /// What Go calls a type of this version.
    pub(in crate::source) fn go_type(&self, name: &str) -> String {
        format!("{}.{name}", self.version)
    }

    fn problem(&self, line: u32, place: &Place, message: String) -> Problem {
        Problem::new(Origin::new(Arc::clone(self.name), 0, line), place.path.as_str(), message)
    }

    fn note_wrong_type(&mut self, node: &Node, place: &Place, expected: &str) -> String {
        let found = kind_of(node);
        let message = format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {expected}",
            place.owner, place.fields
        );
        let problem = self.problem(node.line, place, message.clone());
        self.wrong.push(problem);
        message
    }

    /// Notes that a value is not of the Go type that it is to be.
    pub(in crate::source) fn wrong_type(&mut self, node: &Node, place: &Place, expected: &str) {
        let message = self.note_wrong_type(node, place, expected);
        self.first_wrong.get_or_insert(message);
    }

    /// The same of a value that reads its own text, whose complaint ends the decoding at once.
    #[cfg(feature = "structured-chain")]
    pub(in crate::source) fn fatal_type(&mut self, node: &Node, place: &Place, expected: &str) {
        let message = self.note_wrong_type(node, place, expected);
        self.fatal.get_or_insert(message);
    }

    /// Its own complaint.
    #[cfg(feature = "structured-chain")]
    pub(in crate::source) fn fatal(&mut self, node: &Node, place: &Place, message: String) {
        let problem = self.problem(node.line, place, message.clone());
        self.wrong.push(problem);
        self.fatal.get_or_insert(message);
    }

    /// The fields of an object in the order of the decoder; `None` when it is null or no object.
    pub(in crate::source) fn fields<'n>(
        &mut self,
        node: &'n Node,
        place: &Place,
        kind: &'static str,
        known: &[&'static str],
    ) -> Option<Vec<(&'static str, &'n Node, Place)>> {
        let Value::Map(fields) = &node.value else {
            if node.value != Value::Null {
                let expected = self.go_type(kind);
                self.wrong_type(node, place, &expected);
            }
            return None;
        };
        let mut fields: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value)).collect();
        if self.tree.is_sorted {
            fields.sort_by_key(|(name, _)| *name);
        }
        let mut found: Vec<(&'static str, &Node, Place)> = Vec::new();
        for (name, value) in fields {
            let place = place.child(kind, name);
            match known.iter().find(|known| **known == name) {
                Some(known) => {
                    if found.iter().any(|(before, ..)| before == known) {
                        self.note_strict("duplicate", value, &place);
                    }
                    found.push((known, value, place));
                }
                None => self.note_strict("unknown", value, &place),
            }
        }
        Some(found)
    }

    fn note_strict(&mut self, what: &str, node: &Node, place: &Place) {
        let message = format!("{what} field {}", Quoted(&place.path));
        if !self.strict.iter().any(|before| before.message == message) {
            let problem = self.problem(node.line, place, message);
            self.strict.push(problem);
        }
    }

    /// The items of a list of a Go type.
    pub(in crate::source) fn items<'n>(
        &mut self,
        node: &'n Node,
        place: &Place,
        item: &str,
    ) -> Vec<(&'n Node, Place)> {
        match &node.value {
            Value::List(items) => {
                items.iter().enumerate().map(|(at, item)| (item, place.item(at))).collect()
            }
            Value::Null => Vec::new(),
            _ => {
                self.wrong_type(node, place, &format!("[]{item}"));
                Vec::new()
            }
        }
    }

    /// A text of a Go type; `None` when it is null or none.
    pub(in crate::source) fn string(
        &mut self,
        node: &Node,
        place: &Place,
        expected: &str,
    ) -> Option<String> {
        match &node.value {
            Value::String(text) => Some(text.to_string()),
            Value::Null => None,
            _ => {
                self.wrong_type(node, place, expected);
                None
            }
        }
    }

    /// A truth value; `None` when it is null or none.
    pub(in crate::source) fn bool(&mut self, node: &Node, place: &Place) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Null => None,
            _ => {
                self.wrong_type(node, place, "bool");
                None
            }
        }
    }
}

/// The word for a value in Go's messages.
pub(super) fn kind_of(node: &Node) -> &'static str {
    match node.value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}
