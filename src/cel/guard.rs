use super::error::CompileError;
use super::issue::Issue;
use super::parse::issues_of;

/// The most brackets in each other. The parser calls itself for each, and 200 of them overflow the
/// 2 MiB stack of a thread in a build without optimization. The API server takes 250.
const MAX_NESTING: usize = 64;

/// The most operators, selections and brackets on the way to any part of an expression: what all
/// walks over it call themselves for. The API server takes 250 of the same kind.
const MAX_DEPTH: usize = 200;

/// Refuses a text whose tree could overflow a stack, before the parser sees it.
///
/// Where a string ends must be known for that. A string that the lexer would not take is refused
/// here, so that no two readings of it exist.
pub(super) fn guard(text: &str) -> Result<(), CompileError> {
    let mut levels = vec![Level::default()];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token = token(rest).map_err(|length| {
            let shown: String = rest.chars().take(length).collect();
            let message = format!("Syntax error: token recognition error at: '{shown}'");
            issues_of(text, &[Issue::new(text.len() - rest.len(), message)])
        })?;
        let last = levels.last_mut();
        match token {
            Token::Other if matches!(first, '(' | '[' | '{') => {
                if levels.len() > MAX_NESTING {
                    let what = format!("more than {MAX_NESTING} brackets in each other");
                    return Err(CompileError::TooLarge(what));
                }
                levels.push(Level::default());
            }
            Token::Other if matches!(first, ')' | ']' | '}') => {
                let inner = levels.pop().map_or(0, |level| level.depth());
                match levels.last_mut() {
                    Some(level) => level.operand(inner + 1),
                    None => levels.push(Level::default()),
                }
            }
            Token::Other if matches!(first, ',' | '&' | '|' | ':') => {
                last.into_iter().for_each(Level::separate);
            }
            Token::Other if first == '?' => last.into_iter().for_each(Level::choose),
            // Every other mark may be an operator, and so may the word `in`.
            Token::Other | Token::Word(2) => {
                last.into_iter().for_each(|level| level.operand(1));
            }
            Token::Word(_) | Token::Skipped(_) => {}
        }
        if levels.last().is_some_and(|level| level.depth() > MAX_DEPTH) {
            let what = format!("more than {MAX_DEPTH} operators in each other");
            return Err(CompileError::TooLarge(what));
        }
        let length = match token {
            Token::Other => first.len_utf8(),
            Token::Word(length) | Token::Skipped(length) => length,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}

/// The depth of one bracket so far.
#[derive(Default)]
struct Level {
    chain: usize,
    deepest: usize,
    choices: usize,
}

impl Level {
    /// One more operator, with an operand of this depth.
    fn operand(&mut self, depth: usize) {
        self.chain = self.chain.max(depth) + 1;
    }

    /// Operands of `&&` and `||` are balanced by the parser, those of commas stand beside.
    fn separate(&mut self) {
        self.deepest = self.deepest.max(self.chain);
        self.chain = 0;
    }

    fn choose(&mut self) {
        self.separate();
        self.choices += 1;
    }

    fn depth(&self) -> usize {
        self.deepest.max(self.chain) + self.choices
    }
}

/// What a text begins with, and how many bytes that takes.
enum Token {
    /// A name or the digits of a number.
    Word(usize),
    /// Space, comments and strings.
    Skipped(usize),
    /// One character of anything else.
    Other,
}

/// The first token, or how many characters are a string that the lexer does not take.
fn token(text: &str) -> Result<Token, usize> {
    if text.starts_with("//") {
        return Ok(Token::Skipped(text.find('\n').unwrap_or(text.len())));
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (prefix, behind) = text.split_at_checked(word).unwrap_or((text, ""));
    if behind.starts_with(['"', '\'']) {
        let is_raw = match prefix.to_ascii_lowercase().as_str() {
            "" | "b" => Some(false),
            "r" | "br" => Some(true),
            _ => None,
        };
        if let Some(is_raw) = is_raw {
            let length = string(behind, is_raw).map_err(|length| prefix.len() + length)?;
            return Ok(Token::Skipped(prefix.len() + length));
        }
    }
    if word > 0 {
        return Ok(Token::Word(word));
    }
    if let Some(name) = text.strip_prefix('`') {
        let end = name.find('`').ok_or_else(|| text.chars().count())?;
        return Ok(Token::Skipped(end + 2));
    }
    let space = text.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(text.len());
    Ok(if space > 0 { Token::Skipped(space) } else { Token::Other })
}

/// The bytes of the string at the start, or the characters up to where it stops being one.
fn string(text: &str, is_raw: bool) -> Result<usize, usize> {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote));
    let quote = quote.ok_or(0_usize)?;
    let mut rest = text.get(quote.len()..).unwrap_or_default();
    let consumed = |rest: &str| text.len() - rest.len();
    let characters = |rest: &str| text.get(..consumed(rest)).map_or(0, |read| read.chars().count());
    loop {
        if rest.starts_with(quote) {
            return Ok(consumed(rest) + quote.len());
        }
        let Some(next) = rest.chars().next() else {
            return Err(characters(rest));
        };
        let length = match next {
            '\n' | '\r' if quote.len() == 1 => return Err(characters(rest) + 1),
            '\\' if !is_raw => escape(rest).ok_or_else(|| characters(rest) + 2)?,
            _ => next.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// The bytes of an escape sequence.
fn escape(text: &str) -> Option<usize> {
    let kind = text.as_bytes().get(1)?;
    let digits = |count: usize, is_digit: fn(&u8) -> bool| {
        let digits = text.as_bytes().get(2..2 + count)?;
        digits.iter().all(is_digit).then_some(2 + count)
    };
    let is_octal = |byte: &u8| (b'0'..=b'7').contains(byte);
    match kind {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`' => {
            Some(2)
        }
        b'x' | b'X' => digits(2, u8::is_ascii_hexdigit),
        b'u' => digits(4, u8::is_ascii_hexdigit),
        b'U' => digits(8, u8::is_ascii_hexdigit),
        b'0'..=b'3' => digits(2, is_octal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_operators_in_strings_and_comments_do_not_count() {
        let marks = "([{+-".repeat(100);
        for text in [
            format!("'{marks}'"),
            format!("r\"{marks}\\\""),
            format!("'''{marks}'\n'''"),
            format!("'\\'{marks}'"),
            format!("1 // {marks}\n"),
        ] {
            assert_eq!(guard(&text), Ok(()), "{text}");
        }
        // The twins, in which the string ends in front of them.
        for text in [format!("'' {marks}"), format!("r\"\\\"{marks}"), format!("// \n{marks}")] {
            assert!(matches!(guard(&text), Err(CompileError::TooLarge(_))), "{text}");
        }
    }

    #[test]
    fn a_string_that_is_none_is_shown_up_to_where_it_stops() {
        for (text, shown) in [
            ("'ab", "'ab"),
            ("x + 'a\n'", "'a\n"),
            (r"'\8'", r"'\8"),
            (r"'a\x4'", r"'a\x"),
            ("`a", "`a"),
        ] {
            let error = guard(text).unwrap_err().to_string();
            let want = format!("Syntax error: token recognition error at: '{shown}'");
            assert!(error.contains(&want), "{error}");
        }
    }

    #[test]
    fn depth_counts_along_chains_brackets_and_choices_and_not_along_conditions() {
        let fits = ["a && ", "a == b || ", "f(a), ", "(a + b), "];
        for part in fits {
            assert_eq!(guard(&part.repeat(500)), Ok(()), "{part}");
        }
        for part in ["1 + ", "a.", "a[0].", "!", "1 in ", "a ? b : ", "a < "] {
            assert!(guard(&part.repeat(250)).is_err(), "{part}");
        }
        assert_eq!(guard(&format!("{}1{}", "(".repeat(60), ")".repeat(60))), Ok(()));
        assert!(guard(&format!("{}1{}", "(".repeat(70), ")".repeat(70))).is_err());
        // The depth of an inner chain counts with that of the outer one.
        let inner = format!("({})", "1 + ".repeat(150));
        assert_eq!(guard(&inner), Ok(()));
        assert!(guard(&format!("{inner}{}", " + 1".repeat(150))).is_err());
    }
}
