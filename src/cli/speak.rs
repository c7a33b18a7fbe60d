//! Standard error: what a person should know and a script should not have to parse.

use std::borrow::Cow;
use std::io::{self, Write};

use super::output::plain;

/// Says things on standard error. What cannot be written there is nobody's loss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker {
    /// `-q`: only errors, and what was skipped.
    quiet: bool,
    /// `-v`: everything.
    verbose: bool,
}

impl Speaker {
    pub(crate) const fn new(quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose }
    }

    pub(crate) const fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Something worth knowing.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        if !self.quiet {
            say("note", "\x1b[36m", text.as_ref());
        }
    }

    /// Something that may mislead.
    pub(crate) fn warn(self, text: impl AsRef<str>) {
        if !self.quiet {
            say("warning", "\x1b[33m", text.as_ref());
        }
    }

    /// Something that makes the answer doubtful; said even when quiet.
    pub(crate) fn doubt(self, text: impl AsRef<str>) {
        say("warning", "\x1b[33m", text.as_ref());
    }

    /// Many remarks of one kind: more than `most` are counted, unless `-v` asks for all.
    pub(crate) fn each<T: ToString>(
        self,
        most: usize,
        remarks: impl ExactSizeIterator<Item = T>,
        say: fn(Self, String),
    ) {
        let shown = if self.verbose { usize::MAX } else { most };
        let rest = remarks.len().saturating_sub(shown);
        for remark in remarks.take(shown) {
            say(self, remark.to_string());
        }
        if rest > 0 {
            say(self, format!("… and {rest} more like these (-v shows all)"));
        }
    }
}

/// Why there is no answer.
pub(crate) fn error(text: &str) {
    say("error", "\x1b[1;31m", text);
}

fn say(label: &str, colour: &str, text: &str) {
    let text = shortened(text);
    let line = format!("{colour}{label}:\x1b[0m {}\n", plain(&text));
    let _ = anstream::stderr().lock().write_all(line.as_bytes());
}

/// A remark that quotes a line of a hundred thousand characters, without its middle: it begins with
/// the place and ends with what is wrong.
fn shortened(text: &str) -> Cow<'_, str> {
    const FRONT: usize = 2_000;
    const BACK: usize = 500;
    let front = text.char_indices().nth(FRONT).and_then(|(end, _)| text.get(..end));
    let back = text.char_indices().nth_back(BACK).and_then(|(start, _)| text.get(start..));
    match (front, back) {
        (Some(front), Some(back)) if front.len() + back.len() < text.len() => {
            Cow::Owned(format!("{front} … {back}"))
        }
        _ => Cow::Borrowed(text),
    }
}

/// Writes to standard error what is meant for a script, such as statistics.
pub(crate) fn raw(line: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(line.as_bytes())?;
    stderr.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_very_long_loses_its_middle() {
        let long = format!("a.jsonl:1: {}: not JSON", "ü".repeat(60_000));
        let short = shortened(&long);
        assert!(short.starts_with("a.jsonl:1: ü") && short.ends_with("ü: not JSON"), "{short}");
        assert!(short.len() < 6_000);
        let usual = "x".repeat(2_400);
        assert_eq!(shortened(&usual), usual);
    }
}
