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
        let (at, column) = match list {
            Some(List::Block { column, items }) => (items.last()?.end, *column),
            Some(List::Empty { value, next_line }) => {
                edits.push(Edit { at: value.clone(), text: String::new(), lines: false });
                (*next_line, layout.dash_column())
            }
            None => {
                let name = format!("{}{}:{eol}", " ".repeat(layout.column), section.field());
                text.push_str(&name);
                (layout.end, layout.dash_column())
            }
        };
        for change in added {
            text::item(&change.node, column, eol, &mut text);
        }
        edits.push(Edit { at: at..at, text, lines: true });
    }
    if let Some(current) = &plan.current {
        let current = text::scalar(current);
        edits.push(match &layout.current {
            // Nothing stands behind the colon.
            Some(value) if value.is_empty() => {
                Edit { at: value.clone(), text: format!(" {current}"), lines: false }
            }
            Some(value) => Edit { at: value.clone(), text: current, lines: false },
            None => {
                let indent = " ".repeat(layout.column);
                let text = format!("{indent}current-context: {current}{eol}");
                Edit { at: layout.end..layout.end, text, lines: true }
            }
        });
    }
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
