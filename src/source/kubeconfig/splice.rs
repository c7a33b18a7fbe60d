//! New text between the old.

use std::ops::Range;

use super::layout::{Layout, List};
use super::plan::{Change, Plan};
use super::section::Section;
use super::text;

/// One piece of new text.
struct Edit {
    at: Range<usize>,
    text: String,
    /// Whether it is whole lines.
    lines: bool,
}

/// The text with all that a plan changes in it; `None` when it has no place for that. It is not
/// proved to be right.
pub(super) fn splice(old: &str, plan: &Plan) -> Option<String> {
    let mark = if old.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let (mark, body) = old.split_at_checked(mark)?;
    let layout = Layout::read(body)?;
    let eol = line_break(body);
    let mut edits = Vec::new();
    // Behind what is put at the end of the last list, which may be the same place.
    let mut new_fields = Vec::new();
    for section in Section::ALL {
        let mine = plan.changes.iter().filter(|change| change.section == section);
        let added: Vec<&Change> = mine.clone().filter(|change| change.replaces.is_none()).collect();
        let list = layout.list(section);
        for change in mine {
            let Some(index) = change.replaces else { continue };
            let Some(List::Block { column, items }) = list else { return None };
            let mut text = String::new();
            text::item(&change.node, *column, eol, &mut text);
            edits.push(Edit { at: items.get(index)?.clone(), text, lines: true });
        }
        if added.is_empty() {
            continue;
        }
        let mut text = String::new();
        let mut into = &mut edits;
        let (at, column) = match list {
            Some(List::Block { column, items }) => (items.last()?.end, *column),
            Some(List::Empty { value, next_line }) => {
                into.push(Edit { at: value.clone(), text: String::new(), lines: false });
                (*next_line, layout.dash_column())
            }
            None => {
                let name = format!("{}{}:{eol}", " ".repeat(layout.column), section.field());
                text.push_str(&name);
                into = &mut new_fields;
                (layout.end, layout.dash_column())
            }
        };
        for change in added {
            text::item(&change.node, column, eol, &mut text);
        }
        into.push(Edit { at: at..at, text, lines: true });
    }
    if let Some(current) = &plan.current {
        let current = text::scalar(current);
        match &layout.current {
            Some(value) => {
                // Or nothing stands behind the colon.
                let text = if value.is_empty() { format!(" {current}") } else { current };
                edits.push(Edit { at: value.clone(), text, lines: false });
            }
            None => {
                let indent = " ".repeat(layout.column);
                let text = format!("{indent}current-context: {current}{eol}");
                new_fields.push(Edit { at: layout.end..layout.end, text, lines: true });
            }
        }
    }
    edits.append(&mut new_fields);
    Some(format!("{mark}{}", apply(body, edits, eol)?))
}

/// The line break of a text, by its first.
pub(super) fn line_break(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn apply(old: &str, mut edits: Vec<Edit>, eol: &str) -> Option<String> {
    // Stable: what goes to one place stays in its order. Where an item is replaced and another
    // follows it, the places differ.
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut new = String::with_capacity(old.len() + 8192);
    let mut done = 0;
    for Edit { at, text, lines } in edits {
        new.push_str(old.get(done..at.start)?);
        if lines && !new.is_empty() && !new.ends_with('\n') {
            new.push_str(eol);
        }
        new.push_str(&text);
        done = at.end;
    }
    new.push_str(old.get(done..)?);
    Some(new)
}
