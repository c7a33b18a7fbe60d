//! Answers on standard output.

pub(crate) mod answer;
mod json;
mod table;
pub(crate) mod who;
mod yaml;

pub(crate) use json::{line, object};
pub(crate) use table::Table;

use std::borrow::Cow;
use std::fmt::Write;

use portcullis::model::{Origin, Step};
use serde::Serialize;

/// A step of the way to a grant, in a document.
#[derive(Serialize)]
pub(crate) struct PathStep {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Place>,
}

/// Where something stands, in a document.
#[derive(Serialize)]
pub(crate) struct Place {
    source: String,
    /// Counted from 1; 0 when the source has no documents.
    document: u32,
    /// Counted from 1; 0 when unknown.
    line: u32,
    /// The namespace from which it is inherited.
    #[serde(rename = "inheritedFrom", skip_serializing_if = "Option::is_none")]
    inherited_from: Option<String>,
}

impl From<&Origin> for Place {
    fn from(origin: &Origin) -> Self {
        let Origin { source, document, line, inherited_from } = origin;
        let inherited_from = inherited_from.as_deref().map(str::to_owned);
        Self { source: source.to_string(), document: *document, line: *line, inherited_from }
    }
}

impl From<Step> for PathStep {
    fn from(step: Step) -> Self {
        let Step { kind, text, origin } = step;
        Self { kind, text, origin: origin.as_ref().map(Place::from) }
    }
}

/// Text from a policy, made harmless for a terminal: characters that steer it, end the line or turn
/// the direction of writing are written out.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c == '\n' {
            shown.push_str("\\n");
        } else if is_harmful(c) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\nyes"), "a\\u{1b}[2Jb\\u{d}\\nyes");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(plain("größe"), "größe");
    }
}
