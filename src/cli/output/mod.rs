//! Answers on standard output.

mod json;
mod table;
pub(crate) mod who;
mod yaml;

pub(crate) use json::{line, object};
pub(crate) use table::Table;

use std::borrow::Cow;
use std::fmt::Write;

use portcullis::model::Step;
use serde::Serialize;

/// A step of the way to a grant, in a document.
#[derive(Serialize)]
pub(crate) struct PathStep {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl From<Step> for PathStep {
    fn from(step: Step) -> Self {
        let Step { kind, text, origin } = step;
        Self { kind, text, origin: origin.map(|origin| origin.to_string()) }
    }
}

/// Text from a policy, made harmless for a terminal: control characters are written out.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && c != '\n';
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmful(c) {
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
        assert_eq!(plain("a\x1b[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\n");
        assert_eq!(plain("größe"), "größe");
    }
}
