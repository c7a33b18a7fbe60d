//! YAML: documents between lines of dashes, each an object or a list of objects.
//!
//! The items of a list are turned into objects one by one, so that a dump of a cluster is never in
//! memory as a tree.

mod scalar;
mod split;
mod tree;

use std::borrow::Cow;

use saphyr_parser::Event;

use super::collect::Collector;
use super::document::Document as Whole;
#[cfg(feature = "rego")]
use super::facts;
use super::node::{MapBuilder, Node, Value};
use super::object::{self, Class, Header, Inherited, Outcome};
use super::text::Lines;
use super::{Limits, LoadError, Notice, SkipReason};
use crate::api::rbac::Kind;
use crate::model::Origin;
use split::{Piece, Pieces};
use tree::{Broken, Key, Tree};

const BAD_SEPARATOR: &str =
    "text follows the dashes that separate documents; put it on the next line";

/// Reads a text from a byte offset to its end.
pub(super) fn read(
    text: &str,
    offset: usize,
    collector: &mut Collector<'_>,
) -> Result<(), LoadError> {
    let line = Lines::new(text).at(offset);
    for piece in Pieces::new(text, offset, line) {
        collector.begin_document();
        match piece {
            Piece::Document { text, offset, line } => document(text, offset, line, collector)?,
            Piece::BadSeparator { line } => {
                let message = BAD_SEPARATOR.to_owned();
                return Err(LoadError::Yaml { origin: collector.origin(line), message });
            }
        }
    }
    Ok(())
}

fn document(
    text: &str,
    offset: usize,
    line: u32,
    collector: &mut Collector<'_>,
) -> Result<(), LoadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let limits = collector.options.limits;
    #[cfg(feature = "rego")]
    let keep_items = collector.options.keep_metadata;
    #[cfg(not(feature = "rego"))]
    let keep_items = false;
    let read = check(text, line).and_then(|()| {
        read_tabbed(text, line, |text| {
            let mut document = Document { keep_items, ..Document::default() };
            let mut tree = Tree::new(text, line, &limits);
            document.read(&mut tree).map(|()| (document, tree.duplicates))
        })
    });
    let (document, duplicates) =
        read.map_err(|broken| explain(broken, &limits, |line| collector.origin(line)))?;
    let first = document.line;
    for (field, line) in duplicates {
        let origin = collector.origin(first);
        collector.notice(Notice::DuplicateField { origin, line, field });
    }
    document.commit(offset, collector)
}

/// Reads the only document of a text whole, with the fields that stand twice. Every field is on
/// the line of its name.
pub(super) fn single(
    text: &str,
    limits: &Limits,
    origin: impl Fn(u32) -> Origin,
) -> Result<Whole, LoadError> {
    let mut whole = Vec::new();
    each(text, limits, &origin, |document| {
        if let (false, Some(root)) = (whole.is_empty(), &document.root) {
            let message = "a second document begins here; put everything into one".to_owned();
            return Err(LoadError::Yaml { origin: origin(root.line), message });
        }
        whole.push(document);
        Ok(())
    })?;
    Ok(whole.pop().unwrap_or_default())
}

/// Gives every document of a text that holds more than comments, as [`single`] reads it.
pub(super) fn each(
    text: &str,
    limits: &Limits,
    origin: impl Fn(u32) -> Origin,
    mut take: impl FnMut(Whole) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    for piece in Pieces::new(text, 0, 1) {
        let (text, line) = match piece {
            Piece::Document { text, line, .. } => (text, line),
            Piece::BadSeparator { line } => {
                let message = BAD_SEPARATOR.to_owned();
                return Err(LoadError::Yaml { origin: origin(line), message });
            }
        };
        let read = check(text, line).and_then(|()| {
            read_tabbed(text, line, |text| {
                let mut document = Document::default();
                let mut tree = Tree::new(text, line, limits).at_names();
                document.read_whole(&mut tree).map(|()| (document, tree.duplicates))
            })
        });
        let (document, duplicates) = read.map_err(|broken| explain(broken, limits, &origin))?;
        if let Some(root) = document.root.filter(|root| !root.is_null()) {
            take(Whole { root: Some(root), duplicates })?;
        }
    }
    Ok(())
}

fn explain(broken: Broken, limits: &Limits, origin: impl Fn(u32) -> Origin) -> LoadError {
    match broken {
        Broken::Syntax { line, message } => LoadError::Yaml { origin: origin(line), message },
        Broken::Tab { line, .. } => LoadError::Yaml {
            origin: origin(line),
            message: "a tab follows a colon, as many times before; use spaces".to_owned(),
        },
        Broken::TooDeep { line } => {
            LoadError::TooDeep { origin: origin(line), limit: limits.max_depth }
        }
        Broken::Aliases { line } => {
            LoadError::Aliases { origin: origin(line), limit: limits.max_alias_nodes }
        }
    }
}

/// Reads a document. Tabs after colons are replaced by spaces where the parser meets them, which
/// is the only way to know that they stand in no text; each costs a reading, so only so many are.
fn read_tabbed<T>(
    text: &str,
    line: u32,
    read: impl Fn(&str) -> Result<T, Broken>,
) -> Result<T, Broken> {
    /// More than anybody types by hand.
    const MOST_TABS: usize = 50;
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_TABS {
        match read(&text) {
            Err(Broken::Tab { line: at, column }) => {
                let before = at.saturating_sub(line);
                text = Cow::Owned(without_tab(&text, before, column));
            }
            result => return result,
        }
    }
    read(&text)
}

/// The text with the tabs before a column of a line, which is counted from 0, as spaces.
fn without_tab(text: &str, line: u32, column: usize) -> String {
    let mut lines: Vec<Cow<'_, str>> = text.split('\n').map(Cow::Borrowed).collect();
    if let Some(line) = usize::try_from(line).ok().and_then(|line| lines.get_mut(line)) {
        let replaced = |(at, character)| match character {
            '\t' if at < column => ' ',
            _ => character,
        };
        *line = Cow::Owned(line.chars().enumerate().map(replaced).collect());
    }
    lines.join("\n")
}

/// What our parser would pass over and Kubernetes does not read.
fn check(text: &str, first: u32) -> Result<(), Broken> {
    // For the parser it ends the text, and what follows would be left out without a word.
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        let before = text.as_bytes().get(..at).unwrap_or_default();
        let lines = u32::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or(u32::MAX);
        let message = "a NUL character, which YAML does not allow; remove it".to_owned();
        return Err(Broken::Syntax { line: first.saturating_add(lines), message });
    }
    version(text, first)
}

/// Kubernetes reads YAML 1.1 and refuses a document that says it is anything else.
fn version(text: &str, first: u32) -> Result<(), Broken> {
    if !text.starts_with(['%', '#']) {
        return Ok(());
    }
    for (line, text) in (first..).zip(text.lines()) {
        if text.starts_with("---") {
            break;
        }
        let Some(version) = text.strip_prefix("%YAML") else { continue };
        if version.split_whitespace().next() != Some("1.1") {
            let message = "only version 1.1 is read; remove the `%YAML` line".to_owned();
            return Err(Broken::Syntax { line, message });
        }
    }
    Ok(())
}

/// What was found in one document, not yet in the collector.
#[derive(Default)]
struct Document {
    /// The line of its first value; 0 when it is empty.
    line: u32,
    /// The items of the list it may be.
    items: Vec<(u32, Item)>,
    /// Everything, when it is no list; all but the items, when it is.
    root: Option<Node>,
    /// Whether all items wait until it is known what is in them besides.
    keep_items: bool,
}

/// An item of a list: done, or waiting for the kind of the list, which may come after it.
enum Item {
    Done(Box<Outcome>),
    Waiting(Node),
}

impl Document {
    /// Reads a document, the items of a list taken out as they come.
    fn read(&mut self, tree: &mut Tree<'_>) -> Result<(), Broken> {
        self.read_with(tree, Self::root_map)
    }

    /// Reads a document as it stands.
    fn read_whole(&mut self, tree: &mut Tree<'_>) -> Result<(), Broken> {
        self.read_with(tree, |document, tree, line| {
            document.line = line;
            document.root = Some(tree.node(Event::MappingStart(0, None), line)?);
            Ok(())
        })
    }

    fn read_with<'a>(
        &mut self,
        tree: &mut Tree<'a>,
        root_map: impl Fn(&mut Self, &mut Tree<'a>, u32) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        loop {
            match tree.next()? {
                (Event::StreamStart | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd, _) => break,
                (Event::MappingStart(0, _), line) => root_map(self, tree, line)?,
                (event, line) => {
                    self.line = line;
                    self.root = Some(tree.node(event, line)?);
                }
            }
        }
        // kubectl reads the first document of a piece and drops the rest without a word.
        match tree.next()? {
            (Event::StreamEnd, _) => Ok(()),
            (_, line) => {
                let message = "Kubernetes ignores what follows `...`; put `---` before it";
                Err(Broken::Syntax { line, message: message.to_owned() })
            }
        }
    }

    /// The map at the top of a document, the items of a list taken out as they come.
    fn root_map(&mut self, tree: &mut Tree<'_>, line: u32) -> Result<(), Broken> {
        self.line = line;
        tree.enter(line)?;
        let mut fields = MapBuilder::default();
        while let Some((key, key_line)) = tree.key()? {
            let (event, line) = tree.next()?;
            let items = matches!(&key, Key::Name(name) if name == "items");
            let value = if items && matches!(event, Event::SequenceStart(0, _)) {
                tree.enter(line)?;
                self.items.clear();
                loop {
                    match tree.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, line) => self.item(tree.node(event, line)?),
                    }
                }
                tree.leave();
                Node::new(Value::List(Vec::new()), line)
            } else {
                tree.node(event, line)?
            };
            tree.set(&mut fields, key, key_line, value)?;
        }
        tree.leave();
        self.root = Some(Node::new(Value::Map(fields.finish()), line));
        Ok(())
    }

    fn item(&mut self, node: Node) {
        let line = node.line;
        let own = !self.keep_items && !node.text("kind").is_empty() && node.get("items").is_none();
        self.items.push((
            line,
            match own {
                true => Item::Done(Box::new(object::from_node(node, &Inherited::default()))),
                false => Item::Waiting(node),
            },
        ));
    }

    /// Hands everything over.
    fn commit(self, offset: usize, collector: &mut Collector<'_>) -> Result<(), LoadError> {
        let Self { line, items, root: Some(root), .. } = self else { return Ok(()) };
        if root.is_null() {
            return Ok(());
        }
        collector.end_document();
        // A second `items`, or one that was merged in, replaces those that were taken out.
        let taken = match root.get("items") {
            Some(Node { value: Value::List(rest), .. }) => rest.is_empty(),
            _ => false,
        };
        let none = Inherited::default();
        let (api_version, kind) = object::kind_of(&root, &none);
        match object::classify(&api_version, &kind) {
            Class::List(inherited) if taken && !items.is_empty() => {
                for (line, item) in items {
                    match item {
                        Item::Done(outcome) => collector.add(line, offset, *outcome)?,
                        Item::Waiting(node) => take(node, &inherited, offset, collector)?,
                    }
                }
                Ok(())
            }
            _ if matches!(root.value, Value::List(_)) => bare_list(root, offset, collector),
            _ => {
                let root = Node::new(root.value, line);
                take(root, &none, offset, collector)
            }
        }
    }
}

/// An object, or a list within a list.
fn take(
    node: Node,
    inherited: &Inherited,
    offset: usize,
    collector: &mut Collector<'_>,
) -> Result<(), LoadError> {
    let (api_version, kind) = object::kind_of(&node, inherited);
    let line = node.line;
    if let Class::List(inner) = object::classify(&api_version, &kind)
        && let Some(Node { value: Value::List(_), .. }) = node.get("items")
        && let Value::Map(fields) = node.value
    {
        let items = fields.into_iter().find(|(name, _)| name == "items");
        if let Some((_, Node { value: Value::List(items), .. })) = items {
            for item in items {
                take(item, &inner, offset, collector)?;
            }
        }
        return Ok(());
    }
    #[cfg(feature = "rego")]
    let facts = facts::of_interest(&node, inherited, collector.options);
    let outcome = object::from_node(node, inherited);
    #[cfg(feature = "rego")]
    if let Some(facts) = facts.filter(|_| !outcome.is_left_out()) {
        collector.add_facts(line, facts);
    }
    collector.add(line, offset, outcome)
}

/// A document that is a list and no object: of no interest, unless policy stands in it.
fn bare_list(root: Node, offset: usize, collector: &mut Collector<'_>) -> Result<(), LoadError> {
    let line = root.line;
    let Value::List(items) = &root.value else { return Ok(()) };
    let policy = |item: &&Node| Kind::from_name(item.text("kind")).is_some();
    for item in items.iter().filter(policy) {
        let header = Header::new(item.text("kind"), item.get("metadata"));
        let reason = SkipReason::BareList;
        collector.add(item.line, offset, Outcome::Skipped { header, reason })?;
    }
    collector.add(line, offset, object::from_node(root, &Inherited::default()))
}
