//! Standard error: what a person should know and a script should not have to parse.

use std::io::{self, Write};

use super::output::plain;

/// Of one kind of remark, more than these are counted, unless `-v` asks for all.
const SHOWN: usize = 10;

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

    /// Many remarks of one kind.
    pub(crate) fn each<T: ToString>(
        self,
        remarks: impl ExactSizeIterator<Item = T>,
        say: fn(Self, String),
    ) {
        let shown = if self.verbose { usize::MAX } else { SHOWN };
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
    let line = format!("{colour}{label}:\x1b[0m {}\n", plain(text));
    let _ = anstream::stderr().lock().write_all(line.as_bytes());
}

/// Writes to standard error what is meant for a script, such as statistics.
pub(crate) fn raw(line: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(line.as_bytes())?;
    stderr.write_all(b"\n")
}
