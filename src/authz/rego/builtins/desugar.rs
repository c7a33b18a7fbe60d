//! The same text in words that the engine's planner knows.

use std::borrow::Cow;
use std::ops::Range;

use super::{GUARDED, arity_of};

/// The text, with two changes that keep its meaning and its lines:
///
/// - `f(a, out)`, where `f` is one of [`all`](super::all) and has one argument too many, is `f(a) = out`:
///   the planner does not know that the last argument is an output.
/// - A call that could make a value far larger than its arguments is sent to the function that watches its
///   size: `sprintf(input.format, x)` is `portcullis.sprintf(input.format, x)`. Calls whose literal
///   arguments bound the size stay as they are, since the engine's own functions are faster.
///
/// Text that is no Rego stays as it is: the parser says why.
pub(in super::super) fn desugar(text: &str) -> Cow<'_, str> {
    let Some(mut edits) = edits(text).filter(|edits| !edits.is_empty()) else {
        return Cow::Borrowed(text);
    };
    edits.sort_by_key(|edit| edit.range.start);
    let mut out = String::with_capacity(text.len() + edits.len() * 16);
    let mut end = 0;
    for Edit { range, by } in edits {
        out.push_str(text.get(end..range.start).unwrap_or_default());
        out.push_str(by);
        end = range.end;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Cow::Owned(out)
}

struct Edit {
    range: Range<usize>,
    by: &'static str,
}

/// An open bracket, and the name in front of it if it is a call.
struct Frame<'a> {
    call: Option<(&'a str, usize)>,
    /// Where its commas are, and what stands between them: see [`Argument`].
    commas: Vec<usize>,
    arguments: Vec<Argument>,
    /// Whether it is a comprehension (or holds a union of sets).
    has_bar: bool,
    close: u8,
}

/// What is known of an argument by its tokens.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Argument {
    #[default]
    Empty,
    /// One literal string: where it stands, with its quotes.
    Literal(usize, usize),
    /// One array or set whose members are written out; no comprehension.
    Collection,
    Other,
}

impl Argument {
    const fn and(self, next: Self) -> Self {
        match self {
            Self::Empty => next,
            _ => Self::Other,
        }
    }
}

/// `None` for text that is no Rego.
fn edits(text: &str) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut stack: Vec<Frame<'_>> = Vec::new();
    let mut name: Option<(&str, usize)> = None;
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let start = at;
        let called = name.take();
        let mut seen = Argument::Other;
        match byte {
            b'#' => {
                at = text.get(at..)?.find('\n').map_or(text.len(), |line| at + line);
                continue;
            }
            b'"' => {
                at = end_of_string(text, at)?;
                seen = Argument::Literal(start, at);
            }
            b'`' => {
                at += 2 + text.get(at + 1..)?.find('`')?;
                seen = Argument::Literal(start, at);
            }
            b'(' | b'[' | b'{' => {
                let close = match byte {
                    b'(' => b')',
                    b'[' => b']',
                    _ => b'}',
                };
                let call = called.filter(|_| byte == b'(');
                let arguments = vec![Argument::Empty];
                let commas = Vec::new();
                stack.push(Frame { call, commas, arguments, has_bar: false, close });
                at += 1;
                continue;
            }
            b')' | b']' | b'}' => {
                let frame = stack.pop().filter(|frame| frame.close == byte)?;
                if let Some((name, named)) = frame.call {
                    rewrite(text, name, named, &frame, start, &mut edits);
                } else if byte != b')' && !frame.has_bar {
                    seen = Argument::Collection;
                }
                at += 1;
            }
            b',' => {
                if let Some(frame) = stack.last_mut() {
                    frame.commas.push(start);
                    frame.arguments.push(Argument::Empty);
                }
                at += 1;
                continue;
            }
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                let rest = text.get(at..)?;
                let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                at += rest.find(|c| !word(c)).unwrap_or(rest.len());
                let is_field = text.get(..start)?.ends_with('.');
                name = text.get(start..at).filter(|_| !is_field).map(|name| (name, start));
                if text.as_bytes().get(at) == Some(&b'(') {
                    continue;
                }
                name = None;
            }
            b'|' => {
                at += 1;
                if let Some(frame) = stack.last_mut() {
                    frame.has_bar = true;
                }
            }
            _ => at += text.get(at..)?.chars().next().map_or(1, char::len_utf8),
        }
        if let Some(argument) = stack.last_mut().and_then(|frame| frame.arguments.last_mut()) {
            *argument = argument.and(seen);
        }
    }
    stack.is_empty().then_some(edits)
}

fn end_of_string(text: &str, start: usize) -> Option<usize> {
    let mut escaped = false;
    for (offset, byte) in text.get(start + 1..)?.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(start + offset + 2),
            b'\n' => return None,
            _ => {}
        }
    }
    None
}

fn rewrite(
    text: &str,
    name: &str,
    named: usize,
    frame: &Frame<'_>,
    close: usize,
    edits: &mut Vec<Edit>,
) {
    // A comma may follow the last argument.
    let trailing = frame.arguments.last() == Some(&Argument::Empty);
    let arguments = frame.arguments.len() - usize::from(trailing);
    let guard = GUARDED.iter().find(|guard| guard.plain == name);
    let arity = guard.map(|guard| guard.arity).or_else(|| arity_of(name));
    let Some(arity) = arity.map(usize::from) else {
        return;
    };
    if let Some(guard) = guard {
        let literal = |index: usize| match frame.arguments.get(index) {
            Some(Argument::Literal(start, end)) => text.get(start + 1..end - 1),
            _ => None,
        };
        let written = |index: usize| frame.arguments.get(index) == Some(&Argument::Collection);
        let is_mocked = text.contains(guard.mocked);
        if is_mocked || (guard.is_bounded)(&literal, &written) {
            return;
        }
        edits.push(Edit { range: named..named + name.len(), by: guard.name });
    }
    if arguments == arity + 1 && arity > 0 {
        let mut commas = frame.commas.iter().rev().skip(usize::from(trailing));
        if let Some(&comma) = commas.next() {
            edits.push(Edit { range: comma..comma + 1, by: ") = " });
            if let Some(&comma) = frame.commas.last().filter(|_| trailing) {
                edits.push(Edit { range: comma..comma + 1, by: "" });
            }
            edits.push(Edit { range: close..close + 1, by: "" });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::desugar;

    #[test]
    fn an_output_argument_is_unified_and_a_plain_call_stays() {
        for (text, want) in [
            ("net.cidr_expand(c, x)", "net.cidr_expand(c) =  x"),
            ("not net.cidr_expand(c,x)", "not net.cidr_expand(c) = x"),
            (
                "net.cidr_contains(f(a, b), [c, d], [x, _])",
                "net.cidr_contains(f(a, b), [c, d]) =  [x, _]",
            ),
            ("net.cidr_merge(\n[a],\nx,\n)", "net.cidr_merge(\n[a]) = \nx\n"),
        ] {
            assert_eq!(desugar(text), want);
        }
        for text in [
            "x := net.cidr_expand(c)",
            "net.cidr_merge([a, b],)",
            "a.net.cidr_expand(c, x)",
            "my.cidr_expand(c, x)",
            "# net.cidr_expand(c, x)\n",
            "p := \"net.cidr_expand(c, x)\"",
            "p := `net.cidr_expand(c, x)`",
            "net.cidr_expand (c, x",
            "net.cidr_expand(\"c, x)",
            "net.cidr_expand(c, x]",
        ] {
            assert_eq!(desugar(text), text);
        }
    }

    #[test]
    fn a_call_that_may_swell_is_guarded_and_one_that_its_literals_bound_is_not() {
        for (text, want) in [
            ("sprintf(input.f, [x])", "portcullis.sprintf(input.f, [x])"),
            ("sprintf(\"%9999999d\", [x])", "portcullis.sprintf(\"%9999999d\", [x])"),
            ("concat(\",\", [y | y := x[_]])", "portcullis.concat(\",\", [y | y := x[_]])"),
            ("concat(x, [\"a\"])", "portcullis.concat(x, [\"a\"])"),
            ("replace(x, \"\", y, z)", "portcullis.replace(x, \"\", y) =  z"),
        ] {
            assert_eq!(desugar(text), want);
        }
        for text in [
            "sprintf(\"%s in %04d\", [x, y])",
            "concat(\"/\", [x, y.z])",
            "replace(x, \"-\", \"_\")",
            "sprintf(f, [x]) with sprintf as g",
        ] {
            assert_eq!(desugar(text), text);
        }
    }
}
