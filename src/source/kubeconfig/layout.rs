//! Where things stand in the text of a kubeconfig.
//!
//! Whatever is written in an unusual way has no place, and then the text is not spliced. Nor is
//! anything here to be believed alone: the caller reads the result again.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::section::Section;
use crate::util::yaml_scalar::{Scalar, resolve_plain};

/// Where new text goes.
#[derive(Debug)]
pub(super) struct Layout {
    lists: Vec<(Section, List)>,
    /// The value of `current-context`, if the field is there.
    pub(super) current: Option<Range<usize>>,
    /// Where new fields of the document go: the beginning of a line, or the end of the text.
    pub(super) end: usize,
    /// The column of these fields.
    pub(super) column: usize,
}

/// A list of entries.
#[derive(Debug)]
pub(super) enum List {
    /// `[]`, `null` or nothing at all, which goes; entries are put on the lines that follow.
    Empty { value: Range<usize>, next_line: usize },
    /// Entries with a dash each, all at one column. The lines of each, comments behind it left out.
    Block { column: usize, items: Vec<Range<usize>> },
}

impl Layout {
    /// `None` when anything that may have to be changed stands where it cannot be.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut events = Events::new(text);
        let fields = events.fields()?;
        let lines = Lines::new(text);
        let column = lines.indent(fields.first()?.key.start)?;
        let last = lines.of(fields.last()?.key.start);
        let end_line = lines.end_of_document(last);
        let mut layout =
            Self { lists: Vec::new(), current: None, end: lines.start(end_line), column };
        for (index, field) in fields.iter().enumerate() {
            if lines.indent(field.key.start)? != column {
                return None;
            }
            let next = fields.get(index + 1).map_or(end_line, |next| lines.of(next.key.start));
            if field.name == "current-context" {
                layout.current = Some(field.value_on_line(text, &lines)?);
            }
            let section = Section::ALL.into_iter().find(|section| section.field() == field.name);
            if let Some(section) = section {
                layout.lists.push((section, field.list(text, &lines, next)?));
            }
        }
        Some(layout)
    }

    /// A list, if its field is there.
    pub(super) fn list(&self, section: Section) -> Option<&List> {
        self.lists.iter().find(|(of, _)| *of == section).map(|(_, list)| list)
    }

    /// The column of the dashes: as other lists of the file have it, else as kubectl writes it.
    pub(super) fn dash_column(&self) -> usize {
        let columns = self.lists.iter().filter_map(|(_, list)| match list {
            List::Block { column, .. } => Some(*column),
            List::Empty { .. } => None,
        });
        columns.into_iter().next().unwrap_or(self.column)
    }
}

/// A field of the document.
struct Field {
    name: String,
    key: Range<usize>,
    /// Where the value begins.
    value: usize,
    kind: Kind,
    /// The entries, if it is a list: where each begins, and whether a block of text ends it.
    items: Vec<(usize, bool)>,
}

#[derive(PartialEq)]
enum Kind {
    Null,
    Scalar,
    List,
    /// A map, an alias, anything with an anchor.
    Other,
}

impl Field {
    /// Where the value stands behind the colon, on the same line; empty where there is none.
    fn value_on_line(&self, text: &str, lines: &Lines<'_>) -> Option<Range<usize>> {
        let after_key = text.get(self.key.end..)?;
        let colon = after_key.find(':').filter(|at| after_key.get(..*at).is_some_and(is_blank))?;
        let behind = self.key.end + colon + 1;
        let line_end = lines.start(lines.of(self.key.start) + 1);
        let rest = text.get(behind..line_end)?.trim();
        if self.kind == Kind::Null && (rest.is_empty() || rest.starts_with('#')) {
            return Some(behind..behind);
        }
        let fits = matches!(self.kind, Kind::Null | Kind::Scalar | Kind::List);
        if !fits || !(behind..line_end).contains(&self.value) {
            return None;
        }
        // The parser's mark of the end is behind the comment that may follow.
        let length = inline_length(text.get(self.value..line_end)?)?;
        Some(self.value..self.value + length)
    }

    /// The list of entries that this field holds, which ends before a line.
    fn list(&self, text: &str, lines: &Lines<'_>, end: usize) -> Option<List> {
        let empty = match self.kind {
            Kind::Null => true,
            Kind::List => self.items.is_empty(),
            Kind::Scalar | Kind::Other => return None,
        };
        if empty {
            let value = self.value_on_line(text, lines)?;
            let next_line = lines.start(lines.of(self.key.start) + 1);
            return Some(List::Empty { value, next_line });
        }
        if text.get(self.value..)?.starts_with('[') {
            return None;
        }
        let dashes: Vec<(usize, usize)> =
            self.items.iter().map(|(start, _)| lines.dash(*start)).collect::<Option<_>>()?;
        let column = dashes.first()?.1;
        let mut items = Vec::with_capacity(dashes.len());
        for (index, ((line, at), (_, block))) in dashes.iter().zip(&self.items).enumerate() {
            let next = dashes.get(index + 1).map_or(end, |(next, _)| *next);
            if *at != column || next <= *line {
                return None;
            }
            items.push(
                lines.start(*line)..lines.start(lines.content_end(*line, next, *block, column)),
            );
        }
        Some(List::Block { column, items })
    }
}

/// The events of the parser, by bytes.
struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Where the characters of a text begin that has others than ASCII.
    offsets: Option<Vec<usize>>,
}

impl<'a> Events<'a> {
    fn new(text: &'a str) -> Self {
        let offsets = (!text.is_ascii())
            .then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect::<Vec<_>>());
        Self { parser: Parser::new_from_str(text), offsets }
    }

    fn next(&mut self) -> Option<(Event<'a>, Range<usize>)> {
        let (event, span) = self.parser.next_event()?.ok()?;
        Some((event, self.bytes(span)?))
    }

    fn bytes(&self, span: Span) -> Option<Range<usize>> {
        let (start, end) = (span.start.index(), span.end.index());
        match &self.offsets {
            None => Some(start..end),
            Some(offsets) => Some(*offsets.get(start)?..*offsets.get(end)?),
        }
    }

    /// The fields of the map that the first document is.
    fn fields(&mut self) -> Option<Vec<Field>> {
        loop {
            match self.next()?.0 {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::MappingStart(0, None) => break,
                _ => return None,
            }
        }
        let mut fields = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, _) => return Some(fields),
                (Event::Scalar(name, _, 0, None), key) => {
                    fields.push(self.field(name.into_owned(), key)?);
                }
                _ => return None,
            }
        }
    }

    fn field(&mut self, name: String, key: Range<usize>) -> Option<Field> {
        let (event, Range { start: value, .. }) = self.next()?;
        let mut items = Vec::new();
        let kind = match event {
            Event::Scalar(text, ScalarStyle::Plain, 0, None)
                if resolve_plain(&text) == Scalar::Null =>
            {
                Kind::Null
            }
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => Kind::Other,
            Event::Scalar(_, _, 0, _) => Kind::Scalar,
            Event::SequenceStart(0, None) => loop {
                match self.next()? {
                    (Event::SequenceEnd, _) => break Kind::List,
                    (event, at) => items.push((at.start, self.skip(event)?)),
                }
            },
            event => {
                self.skip(event)?;
                Kind::Other
            }
        };
        Some(Field { name, key, value, kind, items })
    }

    /// Passes over a value. Whether the last text in it is a block, whose end no mark shows.
    fn skip(&mut self, first: Event<'a>) -> Option<bool> {
        let mut depth = 0_usize;
        let mut block = false;
        let mut event = first;
        loop {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth = depth.checked_sub(1)?,
                Event::Scalar(_, style, ..) => {
                    block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                }
                Event::Alias(_) => block = false,
                _ => return None,
            }
            if depth == 0 {
                return Some(block);
            }
            event = self.next()?.0;
        }
    }
}

/// The lines of a text, counted from 0.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let starts = std::iter::once(0).chain(breaks).filter(|at| *at < text.len() || *at == 0);
        Self { text, starts: starts.collect() }
    }

    /// Where a line begins; the end of the text for those after the last.
    fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// The line of an offset.
    fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn line(&self, line: usize) -> &'a str {
        self.text.get(self.start(line)..self.start(line + 1)).unwrap_or_default()
    }

    /// What stands before an offset on its line.
    fn before(&self, offset: usize) -> &'a str {
        self.text.get(self.start(self.of(offset))..offset).unwrap_or_default()
    }

    /// How many spaces do; `None` when anything else stands there.
    fn indent(&self, offset: usize) -> Option<usize> {
        let before = self.before(offset);
        before.bytes().all(|byte| byte == b' ').then_some(before.len())
    }

    /// The line and the column of the dash of an item whose content begins at an offset.
    fn dash(&self, offset: usize) -> Option<(usize, usize)> {
        let mut line = self.of(offset);
        let mut before = self.before(offset);
        // A dash alone on its line, maybe with comments below.
        while is_blank(before) {
            line = line.checked_sub(1)?;
            before = self.line(line);
            if before.trim_start().starts_with('#') {
                before = "";
            }
        }
        let indented = before.trim_start_matches(' ');
        let behind = indented.strip_prefix('-')?;
        let comment = behind.starts_with([' ', '\t']) && behind.trim_start().starts_with('#');
        (is_blank(behind) || comment).then_some((line, before.len() - indented.len()))
    }

    /// The line after the last content of an item that stands before `end`: blank lines and
    /// comments behind it are not its own. Within a block of text what looks like a comment may be
    /// text, if it is deep enough.
    fn content_end(&self, start: usize, end: usize, block: bool, column: usize) -> usize {
        let mut end = end;
        while end > start + 1 {
            let line = self.line(end - 1);
            let trimmed = line.trim_start();
            let deep = line.len() - trimmed.len() > column + 2;
            if !(trimmed.is_empty() || trimmed.starts_with('#') && !(block && deep)) {
                break;
            }
            end -= 1;
        }
        end
    }

    /// The line after the last of a document with a field on a line.
    fn end_of_document(&self, field: usize) -> usize {
        let is_mark = |line: &usize| {
            let text = self.line(*line);
            text.starts_with("---") || text.starts_with("...")
        };
        (field + 1..self.starts.len()).find(is_mark).unwrap_or(self.starts.len())
    }
}

/// How long the value is that a line begins with: quoted, an empty list, or plain. `None` when it
/// does not end on the line.
fn inline_length(line: &str) -> Option<usize> {
    let mut characters = line.char_indices();
    match characters.next()?.1 {
        '"' => loop {
            match characters.next()? {
                (_, '\\') => {
                    characters.next();
                }
                (at, '"') => break Some(at + 1),
                _ => {}
            }
        },
        '\'' => {
            let mut characters = characters.peekable();
            loop {
                if characters.next()?.1 == '\'' {
                    match characters.peek() {
                        Some((_, '\'')) => characters.next(),
                        Some((at, _)) => break Some(*at),
                        None => break Some(line.len()),
                    };
                }
            }
        }
        '[' => line.find(']').map(|at| at + 1),
        _ => {
            let comment = line.find(" #").into_iter().chain(line.find("\t#")).min();
            let value = comment.and_then(|at| line.get(..at)).unwrap_or(line);
            Some(value.trim_end().len())
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
