//! JSON: one object, a list, or several of either after each other (NDJSON is the case of one a
//! line).

use std::cell::RefCell;

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::collect::Collector;
#[cfg(feature = "rego")]
use super::facts;
use super::node::{Node, NodeSeed, Value};
use super::object::{self, Class, Inherited, Outcome};
use super::text::{Lines, is_json_space, narrow, offset_in};
use super::wire::Wide;
use super::{LoadError, Notice, SkipReason};

/// Where serde_json itself stops.
const SERDE_JSON_DEPTH: usize = 128;

/// A document that is no JSON, and where it begins.
pub(super) struct Broken {
    pub(super) offset: usize,
    pub(super) error: LoadError,
    /// The text ended before the document did: nobody can get farther.
    pub(super) at_end: bool,
}

/// Reads a text to its end or to the first document that is no JSON.
pub(super) fn read(text: &str, collector: &mut Collector<'_>) -> Result<Option<Broken>, LoadError> {
    let mut reader = Reader { text, lines: Lines::new(text), collector };
    let mut rest = text.trim_start_matches(is_json_space);
    while !rest.is_empty() {
        let offset = offset_in(text, rest);
        let line = reader.lines.at(offset);
        reader.collector.begin_document();
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Wide<'_>>();
        let length = match stream.next() {
            Some(Ok(wide)) => {
                let length = stream.byte_offset();
                let value = rest.get(..length).unwrap_or_default();
                reader.object(wide, value, line, &Inherited::default(), 0)?;
                length
            }
            Some(Err(error)) if error.is_data() => match value(rest) {
                Ok(value) => {
                    reader.exact(value, line, &Inherited::default())?;
                    value.len()
                }
                Err(error) => return Ok(Some(broken(offset, line, &error, reader.collector))),
            },
            Some(Err(error)) => return Ok(Some(broken(offset, line, &error, reader.collector))),
            None => break,
        };
        reader.collector.end_document();
        rest = rest.get(length..).unwrap_or_default().trim_start_matches(is_json_space);
    }
    Ok(None)
}

/// The value a text begins with.
fn value(text: &str) -> Result<&str, serde_json::Error> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    stream.next().map_or(Ok(""), |value| value.map(RawValue::get))
}

fn broken(
    offset: usize,
    line: u32,
    error: &serde_json::Error,
    collector: &Collector<'_>,
) -> Broken {
    let at = line.saturating_add(narrow(error.line()).saturating_sub(1));
    let at_end = error.is_eof();
    let message = error.to_string();
    if message.starts_with("recursion limit exceeded") {
        let origin = collector.origin(at);
        let error = LoadError::TooDeep { origin, limit: SERDE_JSON_DEPTH };
        return Broken { offset, error, at_end };
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let bare = message.strip_suffix(&place).unwrap_or(&message);
    let message = format!("{bare} (column {})", error.column());
    Broken { offset, error: LoadError::Json { origin: collector.origin(at), message }, at_end }
}

struct Reader<'a, 'b, 'c> {
    text: &'a str,
    lines: Lines<'a>,
    collector: &'b mut Collector<'c>,
}

impl<'a> Reader<'a, '_, '_> {
    /// An object that was read in one go; `value` is its text, for when that was not enough.
    fn object(
        &mut self,
        wide: Wide<'a>,
        value: &'a str,
        line: u32,
        inherited: &Inherited,
        depth: usize,
    ) -> Result<(), LoadError> {
        if let Class::List(items) = object::classify(&wide.api_version.0, &wide.kind.0)
            && let Some(list) = wide.items
        {
            for item in list {
                self.item(item.get(), &items, depth + 1)?;
            }
            return Ok(());
        }
        let Some(outcome) = object::from_wide(wide, inherited) else {
            return self.exact(value, line, inherited);
        };
        #[cfg(feature = "rego")]
        if self.collector.options.keep_metadata {
            let Some(facts) = facts::from_text(value, inherited) else {
                return self.exact(value, line, inherited);
            };
            if !facts.kind.is_empty() {
                self.collector.add_facts(line, Ok(facts));
            }
        }
        self.collector.add(line, offset_in(self.text, value), outcome)
    }

    /// Lists in lists are read as kubectl reads them, down to the depth limit.
    fn item(
        &mut self,
        value: &'a str,
        inherited: &Inherited,
        depth: usize,
    ) -> Result<(), LoadError> {
        let line = self.lines.of(value);
        if depth > self.collector.options.limits.max_depth {
            let origin = self.collector.origin(line);
            return Err(LoadError::TooDeep {
                origin,
                limit: self.collector.options.limits.max_depth,
            });
        }
        match serde_json::from_str(value) {
            Ok(wide) => self.object(wide, value, line, inherited, depth),
            Err(_) => self.exact(value, line, inherited),
        }
    }

    /// The slow reading, which can say what is wrong.
    fn exact(&mut self, value: &'a str, line: u32, inherited: &Inherited) -> Result<(), LoadError> {
        let duplicates = RefCell::default();
        let seed = NodeSeed { duplicates: &duplicates };
        let node = match seed.deserialize(&mut serde_json::Deserializer::from_str(value)) {
            Ok(node) => node,
            Err(error) => {
                return Err(broken(0, line, &error, self.collector).error);
            }
        };
        for field in duplicates.into_inner() {
            let origin = self.collector.origin(line);
            self.collector.notice(Notice::DuplicateField { origin, line: 0, field });
        }
        self.node(node, value, line, inherited)
    }

    fn node(
        &mut self,
        node: Node,
        value: &'a str,
        line: u32,
        inherited: &Inherited,
    ) -> Result<(), LoadError> {
        let (api_version, kind) = object::kind_of(&node, inherited);
        if let Class::List(items) = object::classify(&api_version, &kind)
            && let Some(Node { value: Value::List(_), .. }) = node.get("items")
        {
            let Value::Map(fields) = node.value else { return Ok(()) };
            let list = fields.into_iter().find(|(name, _)| name == "items");
            if let Some((_, Node { value: Value::List(list), .. })) = list {
                // The text of the single item is lost, and with it the line of an error in it.
                let lost = value.get(..0).unwrap_or_default();
                for item in list {
                    self.node(item, lost, line, &items)?;
                }
            }
            return Ok(());
        }
        #[cfg(feature = "rego")]
        let facts = facts::of_interest(&node, inherited, self.collector.options);
        let mut outcome = object::from_node(node, inherited);
        #[cfg(feature = "rego")]
        if let Some(facts) = facts.filter(|_| !outcome.is_left_out()) {
            self.collector.add_facts(line, facts);
        }
        if let Outcome::Skipped { reason: SkipReason::WrongType(reason), .. } = &mut outcome
            && !value.is_empty()
            && let Err(error) = serde_json::from_str::<Wide<'_>>(value)
        {
            // The quick reading failed at the same value, and it knows the line.
            reason.line = line.saturating_add(narrow(error.line()).saturating_sub(1));
        }
        self.collector.add(line, offset_in(self.text, value), outcome)
    }
}
