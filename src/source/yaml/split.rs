//! Where one YAML document ends and the next begins, as kubectl sees it.
//!
//! kubectl cuts the text at lines that begin with `---` before YAML has a say, even within a block
//! of text. After the dashes only space and a comment may follow. One difference: after a `%YAML`
//! directive the dashes begin the document that the directive belongs to, as for the API server,
//! where kubectl cuts off the directive and fails.

use crate::source::text::narrow;

/// One document's text, or the separator that is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Document { text: &'a str, offset: usize, line: u32 },
    BadSeparator { line: u32 },
}

/// The documents of a text.
pub(super) struct Pieces<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    done: bool,
}

impl<'a> Pieces<'a> {
    /// The documents from a byte offset on, which stands on `line`.
    pub(super) fn new(text: &'a str, offset: usize, line: u32) -> Self {
        Self { text, offset, line: usize::try_from(line).unwrap_or(usize::MAX), done: false }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.done {
            return None;
        }
        let (start, first_line) = (self.offset, self.line);
        let rest = self.text.get(start..).unwrap_or_default();
        let mut at = 0;
        let mut begun = false;
        while let Some(dashes) = find_dashes(rest, at) {
            let before = rest.get(at..dashes).unwrap_or_default();
            self.line += memchr::memchr_iter(b'\n', before.as_bytes()).count();
            let after = rest.get(dashes..).unwrap_or_default();
            let length = memchr::memchr(b'\n', after.as_bytes()).map_or(after.len(), |end| end + 1);
            let line = after.get(..length).unwrap_or_default();
            let tail = line.trim_start_matches("---").trim();
            if !line.starts_with("---")
                || !(tail.is_empty() || tail.starts_with('#'))
                || line.starts_with("----")
            {
                self.done = true;
                return Some(Piece::BadSeparator { line: narrow(self.line) });
            }
            let text = rest.get(..dashes).unwrap_or_default();
            self.line += usize::from(line.ends_with('\n'));
            at = dashes + length;
            if !begun && (text.trim().is_empty() || is_directives(text)) {
                // The first dashes belong to the document that follows them.
                begun = true;
                continue;
            }
            self.offset = start + at;
            return Some(Piece::Document { text, offset: start, line: narrow(first_line) });
        }
        self.done = true;
        Some(Piece::Document { text: rest, offset: start, line: narrow(first_line) })
    }
}

/// The next line that begins with dashes, from `from`, which begins a line.
fn find_dashes(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    if rest.starts_with("---") {
        return Some(from);
    }
    memchr::memmem::find(rest.as_bytes(), b"\n---").map(|at| from + at + 1)
}

/// Whether a text has directives and otherwise only comments.
fn is_directives(text: &str) -> bool {
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines().all(|line| line.starts_with(['%', '#'])) && lines().any(|line| line.starts_with('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(&str, u32)> {
        Pieces::new(text, 0, 1)
            .map(|piece| match piece {
                Piece::Document { text, line, .. } => (text, line),
                Piece::BadSeparator { line } => ("bad", line),
            })
            .collect()
    }

    #[test]
    fn documents_end_at_lines_of_dashes() {
        assert_eq!(split("a\n---\nb\n"), [("a\n", 1), ("b\n", 3)]);
        assert_eq!(split("a\r\n---  # c\r\nb"), [("a\r\n", 1), ("b", 3)]);
        assert_eq!(split("---\na\n---\n---\nb"), [("---\na\n", 1), ("---\nb", 4)]);
        assert_eq!(split("%YAML 1.1\n---\na\n"), [("%YAML 1.1\n---\na\n", 1)]);
        assert_eq!(split("# x\n---\na"), [("# x\n", 1), ("a", 3)]);
    }

    #[test]
    fn dashes_elsewhere_are_text() {
        assert_eq!(split("a: |\n  ---\n  b\n"), [("a: |\n  ---\n  b\n", 1)]);
        assert_eq!(split("- --- x"), [("- --- x", 1)]);
    }

    #[test]
    fn text_after_the_dashes_is_refused() {
        assert_eq!(split("a\n--- b\n"), [("bad", 2)]);
        assert_eq!(split("---a\n"), [("bad", 1)]);
        assert_eq!(split("a\n----\n"), [("bad", 2)]);
    }
}
