//! Go's `%q`: the quoting in every reason and error text of Kubernetes.

use std::fmt::{self, Write};

/// Displays a string as Go's `strconv.Quote` writes it.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        inside(self.0, f)?;
        f.write_char('"')
    }
}

/// Displays two strings with a slash between them as one quoted string.
#[cfg(feature = "rbac")]
pub(crate) struct QuotedPair<'a>(pub(crate) &'a str, pub(crate) &'a str);

#[cfg(feature = "rbac")]
impl fmt::Display for QuotedPair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        inside(self.0, f)?;
        f.write_char('/')?;
        inside(self.1, f)?;
        f.write_char('"')
    }
}

fn inside(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // PERF: nearly every name is plain, and one write is a tenth of a write for each character.
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        return f.write_str(text);
    }
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\u{7}' => f.write_str("\\a")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{b}' => f.write_str("\\v")?,
            printable if is_print(printable) => f.write_char(printable)?,
            low if u32::from(low) < 0x80 => write!(f, "\\x{:02x}", u32::from(low))?,
            plane0 if u32::from(plane0) < 0x1_0000 => write!(f, "\\u{:04x}", u32::from(plane0))?,
            other => write!(f, "\\U{:08x}", u32::from(other))?,
        }
    }
    Ok(())
}

/// Displays a list of strings as Go's `%q` does: `["a" "b"]`.
#[cfg(any(feature = "authn", feature = "rbac", feature = "structured-chain"))]
pub(crate) struct QuotedList<'a, T>(pub(crate) &'a [T]);

#[cfg(any(feature = "authn", feature = "rbac", feature = "structured-chain"))]
impl<T: AsRef<str>> fmt::Display for QuotedList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(' ')?;
            }
            Quoted(item.as_ref()).fmt(f)?;
        }
        f.write_char(']')
    }
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols, and the ASCII space.
///
/// The standard library's `escape_debug` knows what is printable (its tables are of the same
/// kind), but also escapes grapheme extenders, which Go prints.
fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    if is_grapheme_extender(character) {
        return true;
    }
    // What is printable escapes to itself.
    let mut escaped = character.escape_debug();
    escaped.next() == Some(character) && !character.is_whitespace()
}

/// Combining marks (categories Mn and Me), which `escape_debug` escapes at the start of a string
/// though they are printable. The blocks that real names can hold; format characters such as the
/// zero-width joiner (category Cf) are not among them and stay escaped.
fn is_grapheme_extender(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{93c}' | '\u{941}'..='\u{948}' | '\u{94d}' | '\u{e31}'
        | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1ac0}'
        | '\u{1dc0}'..='\u{1df5}' | '\u{20d0}'..='\u{20f0}' | '\u{3099}' | '\u{309a}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_that_of_go() {
        for (input, quoted) in [
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("tab\tnl\nbell\u{7}", r#""tab\tnl\nbell\a""#),
            ("\u{0}\u{7f}", r#""\x00\x7f""#),
            ("ünïcode 名前", "\"ünïcode 名前\""),
            ("\u{a0}\u{2028}", r#""\u00a0\u2028""#),
            ("priv\u{e000}", r#""priv\ue000""#),
            ("\u{10ffff}", r#""\U0010ffff""#),
            ("e\u{301}", "\"e\u{301}\""),
            ("\u{200d}\u{feff}\u{ad}", r#""\u200d\ufeff\u00ad""#),
            ("😀", "\"😀\""),
        ] {
            assert_eq!(Quoted(input).to_string(), quoted, "{input:?}");
        }
    }

    #[cfg(feature = "rbac")]
    #[test]
    fn lists_are_separated_by_spaces() {
        assert_eq!(QuotedList(&["a", "b"]).to_string(), r#"["a" "b"]"#);
        assert_eq!(QuotedList::<&str>(&[]).to_string(), "[]");
    }
}
