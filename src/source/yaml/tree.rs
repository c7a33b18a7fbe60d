//! From the events of the YAML parser to a [`Node`]: aliases, merge keys, duplicate keys, budgets.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::scalar;
use crate::api::Str;
use crate::source::Limits;
use crate::source::node::{MapBuilder, Node, Value};
use crate::source::text::narrow;

/// What the parser says to `kind:<tab>Role`.
const TAB_AFTER_COLON: &str = "':' must be followed by a valid YAML whitespace";

/// What stops the reading of a document.
#[derive(Debug)]
pub(super) enum Broken {
    Syntax {
        line: u32,
        message: String,
    },
    /// A tab between a colon and a value, which the parser refuses and Kubernetes reads. The
    /// value begins after so many characters of its line.
    Tab {
        line: u32,
        column: usize,
    },
    TooDeep {
        line: u32,
    },
    Aliases {
        line: u32,
    },
}

/// Reads one document.
pub(super) struct Tree<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The line before the document's first.
    base: u32,
    /// What anchors stand for.
    anchors: HashMap<usize, Node>,
    limits: Limits,
    /// What aliases may still add.
    alias_nodes: usize,
    depth: usize,
    /// Whether the value of a field takes the line of its name.
    at_names: bool,
    /// Fields that stand twice, with the line of the second.
    pub(super) duplicates: Vec<(Str, u32)>,
}

/// The name of a field, or the sign that a map is to be merged in.
pub(super) enum Key {
    Name(Str),
    Merge,
}

impl<'a> Tree<'a> {
    /// For a text that begins on `line`.
    pub(super) fn new(text: &'a str, line: u32, limits: &Limits) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            base: line.saturating_sub(1),
            anchors: HashMap::new(),
            limits: *limits,
            alias_nodes: limits.max_alias_nodes,
            depth: 0,
            at_names: false,
            duplicates: Vec::new(),
        }
    }

    /// The same, with every field on the line of its name: where somebody looks for it.
    pub(super) fn at_names(mut self) -> Self {
        self.at_names = true;
        self
    }

    /// The next event and its line.
    pub(super) fn next(&mut self) -> Result<(Event<'a>, u32), Broken> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.line(span))),
            Some(Err(error)) => {
                let line = self.base.saturating_add(narrow(error.marker().line()));
                if error.info() == TAB_AFTER_COLON {
                    return Err(Broken::Tab { line, column: error.marker().col() });
                }
                Err(Broken::Syntax { line, message: error.info().to_owned() })
            }
            None => Ok((Event::StreamEnd, self.base)),
        }
    }

    fn line(&self, span: Span) -> u32 {
        self.base.saturating_add(narrow(span.start.line()))
    }

    /// The node that begins with an event.
    pub(super) fn node(&mut self, event: Event<'a>, line: u32) -> Result<Node, Broken> {
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser writes `~` for what is not there; so it reads when it is.
                let value = scalar::resolve(&text, style, tag.as_deref())
                    .map_err(|message| Broken::Syntax { line, message })?;
                (value, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                self.enter(line)?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, line) => items.push(self.node(event, line)?),
                    }
                }
                self.leave();
                (Value::List(items), anchor)
            }
            Event::MappingStart(anchor, _) => {
                self.enter(line)?;
                let mut fields = MapBuilder::default();
                while let Some((key, line)) = self.key()? {
                    let (event, value_line) = self.next()?;
                    let value = self.node(event, value_line)?;
                    self.set(&mut fields, key, line, value)?;
                }
                self.leave();
                (Value::Map(fields.finish()), anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, line),
            _ => {
                let message = "a value is missing here".to_owned();
                return Err(Broken::Syntax { line, message });
            }
        };
        let node = Node::new(value, line);
        if anchor > 0 {
            // The copy counts as well: anchors within anchors multiply, too.
            self.alias_nodes = spend(&node, self.alias_nodes).ok_or(Broken::Aliases { line })?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The next key of a map; `None` at its end.
    pub(super) fn key(&mut self) -> Result<Option<(Key, u32)>, Broken> {
        let (event, line) = self.next()?;
        if event == Event::MappingEnd {
            return Ok(None);
        }
        if let Event::Scalar(text, ScalarStyle::Plain, 0, None) = &event
            && text == "<<"
        {
            return Ok(Some((Key::Merge, line)));
        }
        let key = self.node(event, line)?;
        match scalar::field_name(&key.value) {
            Some(name) => Ok(Some((Key::Name(name), line))),
            None => {
                let message = "the name of a field must be a string; put it in quotes, and mind \
                               that `{` begins an object (a template must be rendered first)";
                Err(Broken::Syntax { line, message: message.to_owned() })
            }
        }
    }

    /// Sets a field. Values that are merged in count as written where the merge key stands, so
    /// what follows it overrides them.
    pub(super) fn set(
        &mut self,
        fields: &mut MapBuilder,
        key: Key,
        line: u32,
        mut value: Node,
    ) -> Result<(), Broken> {
        if self.at_names {
            value.line = line;
        }
        match key {
            Key::Name(name) => {
                if fields.insert(name.clone(), value).is_some() {
                    self.duplicates.push((name, line));
                }
                Ok(())
            }
            Key::Merge => self.merge(fields, value, line, true),
        }
    }

    /// Of several maps the earlier ones win, so they are merged from the back.
    fn merge(
        &mut self,
        fields: &mut MapBuilder,
        from: Node,
        line: u32,
        outer: bool,
    ) -> Result<(), Broken> {
        match from.value {
            Value::Map(merged) => {
                for (name, value) in merged {
                    fields.insert(name, value);
                }
                Ok(())
            }
            Value::List(maps) if outer => {
                for map in maps.into_iter().rev() {
                    self.merge(fields, map, line, false)?;
                }
                Ok(())
            }
            _ => {
                let message = "`<<` takes an object or a list of objects".to_owned();
                Err(Broken::Syntax { line, message })
            }
        }
    }

    fn alias(&mut self, anchor: usize, line: u32) -> Result<Node, Broken> {
        let Some(node) = self.anchors.get(&anchor) else {
            let message = "an alias stands inside of what it names".to_owned();
            return Err(Broken::Syntax { line, message });
        };
        let left = spend(node, self.alias_nodes).ok_or(Broken::Aliases { line })?;
        if self.depth + depth(node) > self.limits.max_depth {
            return Err(Broken::TooDeep { line });
        }
        let node = Node::new(node.value.clone(), line);
        self.alias_nodes = left;
        Ok(node)
    }

    /// Goes one level down.
    pub(super) fn enter(&mut self, line: u32) -> Result<(), Broken> {
        self.depth += 1;
        if self.depth > self.limits.max_depth { Err(Broken::TooDeep { line }) } else { Ok(()) }
    }

    /// Comes up again.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// What is left of a budget after copying a node; long strings count as several.
fn spend(node: &Node, budget: usize) -> Option<usize> {
    const BYTES_PER_NODE: usize = 64;
    let mut left = budget.checked_sub(1)?;
    match &node.value {
        Value::String(text) => left.checked_sub(text.len() / BYTES_PER_NODE),
        Value::List(items) => {
            for item in items {
                left = spend(item, left)?;
            }
            Some(left)
        }
        Value::Map(fields) => {
            for (_, value) in fields {
                left = spend(value, left)?;
            }
            Some(left)
        }
        _ => Some(left),
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Map(fields) => {
            1 + fields.iter().map(|(_, value)| depth(value)).max().unwrap_or_default()
        }
        _ => 0,
    }
}
