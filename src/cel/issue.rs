use std::fmt;

/// The most problems that are shown of one expression, as in `cel-go`.
const MAX_SHOWN: usize = 100;

/// One problem of an expression: where, as a byte offset, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Issue {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// All problems of an expression, written as `cel-go` writes them: in the order of their places,
/// each with the line and a pointer under it.
pub(super) struct Listing<'a> {
    pub(super) text: &'a str,
    pub(super) issues: &'a [Issue],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Issue> = self.issues.iter().collect();
        sorted.sort_by_key(|issue| issue.at);
        for (index, issue) in sorted.iter().take(MAX_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            show(f, self.text, issue)?;
        }
        if sorted.len() > MAX_SHOWN {
            write!(f, "\n{} more errors were truncated", sorted.len() - MAX_SHOWN)?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, text: &str, issue: &Issue) -> fmt::Result {
    let at = (0..=issue.at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let (before, after) = text.split_at_checked(at.unwrap_or(0)).unwrap_or((text, ""));
    let line = before.matches('\n').count() + 1;
    let line_before = before.rsplit('\n').next().unwrap_or(before);
    let line_after = after.split('\n').next().unwrap_or(after);
    let column = line_before.chars().count() + 1;
    write!(f, "ERROR: <input>:{line}:{column}: {}", issue.message)?;
    // Of an empty text there is no line to show.
    if text.is_empty() {
        return Ok(());
    }
    let snippet = format!("{line_before}{line_after}").replace('\t', " ");
    write!(f, "\n | {snippet}\n | ")?;
    // Characters outside of ASCII are taken to be wide, and so are their marks.
    for character in line_before.chars() {
        f.write_str(if character.is_ascii() { "." } else { "．" })?;
    }
    f.write_str(if line_after.chars().next().is_none_or(|c| c.is_ascii()) { "^" } else { "＾" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(text: &str, issues: &[(usize, &str)]) -> String {
        let issues: Vec<Issue> = issues.iter().map(|(at, what)| Issue::new(*at, *what)).collect();
        Listing { text, issues: &issues }.to_string()
    }

    #[test]
    fn problems_are_shown_in_order_with_their_lines() {
        assert_eq!(
            listing("a.b\n\t&& c.d", &[(9, "second"), (1, "first")]),
            "ERROR: <input>:1:2: first\n | a.b\n | .^\n\
             ERROR: <input>:2:6: second\n |  && c.d\n | .....^"
        );
    }

    #[test]
    fn wide_characters_have_wide_marks() {
        assert_eq!(
            listing("'é' + x", &[(5, "odd")]),
            "ERROR: <input>:1:5: odd\n | 'é' + x\n | .．..^"
        );
    }

    #[test]
    fn an_empty_text_has_no_line_and_a_place_behind_the_end_is_the_end() {
        assert_eq!(listing("", &[(0, "empty")]), "ERROR: <input>:1:1: empty");
        assert_eq!(listing("ab", &[(9, "end")]), "ERROR: <input>:1:3: end\n | ab\n | ..^");
    }

    #[test]
    fn more_than_a_hundred_are_counted_only() {
        let many: Vec<(usize, &str)> = (0..103).map(|_| (0, "x")).collect();
        assert!(listing("a", &many).ends_with("\n3 more errors were truncated"));
    }
}
