//! Reads values out of a tree with lines and notes everything that is wrong on the way, so that
//! one look at a file finds all its mistakes.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::problem::Problem;
use super::{NamedPath, scalar};
use crate::api::Str;
use crate::model::Origin;
use crate::source::document::{Node, Value};
use crate::util::nearest::nearest;

/// How much of a value an error shows.
const ENOUGH: usize = 60;

/// What is wrong so far.
pub(crate) struct Problems {
    pub(crate) source: Arc<str>,
    found: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(crate) fn new(source: &str) -> Self {
        Self { source: Arc::from(source), found: RefCell::default() }
    }

    pub(crate) fn origin(&self, line: u32) -> Origin {
        Origin::new(Arc::clone(&self.source), 0, line)
    }

    pub(crate) fn note(&self, line: u32, field: &str, message: impl Into<String>) {
        self.found.borrow_mut().push(Problem::new(self.origin(line), field, message));
    }

    pub(crate) fn finish(self) -> Vec<Problem> {
        self.found.into_inner()
    }
}

/// A value and its path.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    node: &'a Node,
    path: String,
    problems: &'a Problems,
}

impl<'a> Field<'a> {
    pub(crate) fn root(node: &'a Node, problems: &'a Problems) -> Self {
        Self { node, path: String::new(), problems }
    }

    /// Where it stands.
    pub(crate) fn origin(&self) -> Origin {
        self.problems.origin(self.node.line)
    }

    /// Something is wrong with this value.
    pub(crate) fn note(&self, message: impl Into<String>) {
        self.problems.note(self.node.line, &self.path, message);
    }

    fn must_be(&self, expected: &str) {
        let found = match &self.node.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Int(value) => format!("the number `{value}`"),
            Value::Float(value) => format!("the number `{value}`"),
            Value::String(text) => format!("the string `{}`", excerpt(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "an object".to_owned(),
        };
        self.note(format!("must be {expected}, but is {found}"));
    }

    pub(crate) fn object(self) -> Option<Object<'a>> {
        if matches!(self.node.value, Value::Map(_)) {
            return Some(Object { field: self, known: RefCell::default() });
        }
        self.must_be("an object");
        None
    }

    pub(crate) fn list(&self) -> Option<Vec<Field<'a>>> {
        let Value::List(items) = &self.node.value else {
            self.must_be("a list");
            return None;
        };
        let item = |(index, node)| Field {
            node,
            path: format!("{}[{index}]", self.path),
            problems: self.problems,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The fields of an object whose names are the user's own.
    #[cfg(feature = "pki")]
    pub(crate) fn entries(&self) -> Option<Vec<(&'a str, Field<'a>)>> {
        let Value::Map(fields) = &self.node.value else {
            self.must_be("an object");
            return None;
        };
        let entry = |(name, node): &'a (_, Node)| {
            let name: &Str = name;
            let path = format!("{}.{}", self.path, excerpt(name));
            (name.as_str(), Field { node, path, problems: self.problems })
        };
        Some(fields.iter().map(entry).collect())
    }

    /// A list with something in it.
    pub(crate) fn filled_list(&self) -> Option<Vec<Field<'a>>> {
        let items = self.list()?;
        if items.is_empty() {
            self.note("must not be empty; name at least one, or leave the field out");
            return None;
        }
        Some(items)
    }

    /// Text, not empty.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) if text.is_empty() => self.note("must not be empty"),
            Value::String(text) => return Some(text),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.must_be("a string");
                // YAML took it for something else (S-ACFG-2).
                if let Some(problem) = self.problems.found.borrow_mut().last_mut() {
                    problem.message.push_str("; put it in quotes");
                }
            }
            _ => self.must_be("a string"),
        }
        None
    }

    /// Text, which may be empty.
    pub(crate) fn any_text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) if text.is_empty() => Some(text),
            _ => self.text(),
        }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let items = self.list().unwrap_or_default();
        items.iter().filter_map(Field::text).map(str::to_owned).collect()
    }

    pub(crate) fn filled_texts(&self) -> Vec<String> {
        let items = self.filled_list().unwrap_or_default();
        items.iter().filter_map(Field::text).map(str::to_owned).collect()
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.must_be("`true` or `false`");
        None
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        match &self.node.value {
            Value::String(text) => {
                let read = scalar::duration(text);
                if read.is_none() {
                    self.note(format!(
                        "`{}` is no duration; write `10s`, `1m30s` or `500ms`",
                        excerpt(text)
                    ));
                }
                read
            }
            Value::Int(0) => Some(Duration::ZERO),
            Value::Int(number) => {
                self.note(format!("`{number}` has no unit; write `{number}s` for seconds"));
                None
            }
            _ => {
                self.must_be("a duration such as `10s`");
                None
            }
        }
    }

    /// A duration that is not zero.
    pub(crate) fn positive_duration(&self) -> Option<Duration> {
        let read = self.duration()?;
        if read.is_zero() {
            self.note("must be more than zero");
            return None;
        }
        Some(read)
    }

    /// A size in bytes, more than zero.
    pub(crate) fn size(&self) -> Option<usize> {
        let bytes = match &self.node.value {
            Value::String(text) => scalar::size(text),
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => {
                self.must_be("a size such as `1Mi`");
                return None;
            }
        };
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
        if bytes.is_none() {
            self.must_be("a size such as `1Mi`, `64Ki` or `4096`");
        }
        bytes
    }

    /// A whole number, more than zero.
    pub(crate) fn count<T: TryFrom<i64>>(&self) -> Option<T> {
        let count = match self.node.value {
            Value::Int(number) if number > 0 => T::try_from(number).ok(),
            _ => None,
        };
        if count.is_none() {
            self.must_be("a whole number of at least 1");
        }
        count
    }

    /// A value within bounds, which `bounds` says, and why.
    pub(crate) fn within<T: PartialOrd>(
        &self,
        value: T,
        range: &RangeInclusive<T>,
        bounds: &str,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        self.note(format!("must be {bounds}"));
        None
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&self) -> Option<f64> {
        let share = match self.node.value {
            Value::Int(0) => Some(0.0),
            Value::Int(1) => Some(1.0),
            Value::Float(number) if (0.0..=1.0).contains(&number) => Some(number),
            _ => None,
        };
        if share.is_none() {
            self.must_be("a number from 0 to 1");
        }
        share
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let text = self.text()?;
        let address = text.parse().ok();
        if address.is_none() {
            self.note(format!(
                "`{}` is no address; write IP and port, such as `127.0.0.1:9443` or `[::]:9443`",
                excerpt(text)
            ));
        }
        address
    }

    /// A path; a relative one is within `base`.
    pub(crate) fn path(&self, base: &Path) -> Option<NamedPath> {
        let text = self.text()?;
        Some(NamedPath { path: base.join(text), origin: self.origin(), field: self.path.clone() })
    }

    pub(crate) fn paths(&self, base: &Path) -> Vec<NamedPath> {
        let items = self.filled_list().unwrap_or_default();
        items.iter().filter_map(|item| item.path(base)).collect()
    }

    /// One of a few words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let names = words.iter().map(|(word, _)| *word);
            self.note(format!("there is no `{}`; {}", excerpt(text), instead(text, names)));
        }
        found.map(|(_, value)| *value)
    }
}

/// An object, and which of its fields are known.
pub(crate) struct Object<'a> {
    field: Field<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Object<'a> {
    /// Something is wrong with the object as a whole.
    pub(crate) fn note(&self, message: impl Into<String>) {
        self.field.note(message);
    }

    /// Where it begins.
    pub(crate) fn origin(&self) -> Origin {
        self.field.origin()
    }

    /// Something is wrong with a field, or with its absence.
    pub(crate) fn note_at(&self, name: &'static str, message: &str) {
        match self.get(name) {
            Some(field) => field.note(message),
            None => self.note(message),
        }
    }

    /// A field; `None` when it is absent or null.
    pub(crate) fn get(&self, name: &'static str) -> Option<Field<'a>> {
        self.known.borrow_mut().push(name);
        let Value::Map(fields) = &self.field.node.value else { return None };
        let (_, node) = fields.iter().find(|(field, _)| field == name)?;
        if node.value == Value::Null {
            return None;
        }
        Some(Field { node, path: self.path_of(name), problems: self.field.problems })
    }

    /// A field that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Option<Field<'a>> {
        let field = self.get(name);
        if field.is_none() {
            self.note(format!("`{name}` is missing"));
        }
        field
    }

    fn path_of(&self, name: &str) -> String {
        match self.field.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// Complains about every field that nobody asked for.
    pub(crate) fn finish(self) {
        let Value::Map(fields) = &self.field.node.value else { return };
        let known = self.known.borrow();
        for (name, node) in fields {
            if !known.contains(&name.as_str()) {
                let path = self.path_of(&excerpt(name));
                let message =
                    format!("there is no such field; {}", instead(name, known.iter().copied()));
                self.field.problems.note(node.line, &path, message);
            }
        }
    }
}

/// What was probably meant, or all there is.
pub(crate) fn instead<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let same = known.clone().find(|name| name.eq_ignore_ascii_case(word));
    if let Some(name) = same.or_else(|| nearest(word, known.clone())) {
        return format!("did you mean `{name}`?");
    }
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    match known.as_slice() {
        [] => "leave it out".to_owned(),
        [one] => format!("there is only {one}"),
        [most @ .., last] => format!("use {} or {last}", most.join(", ")),
    }
}

/// Enough of a text to recognise it by.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(ENOUGH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
