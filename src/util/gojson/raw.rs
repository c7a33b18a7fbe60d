use std::iter::Peekable;
use std::str::Chars;

use super::SyntaxError;
use super::check::check;

/// A value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// INVARIANT: the text begins with the first character of a value that `check` has passed; more
// text may follow.
pub(crate) struct Raw<'a>(&'a str);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number of any form.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The word that Go's error texts use.
    #[cfg(feature = "abac")]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl<'a> Raw<'a> {
    /// Checks `text`, which must be one value.
    ///
    /// # Errors
    /// The first mistake, as Go names it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        check(text)?;
        Ok(Self(text.trim_start_matches(is_white_space)))
    }

    /// What the value is.
    pub(crate) fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'n') => Kind::Null,
            // By INVARIANT nothing else begins a value.
            _ => Kind::Number,
        }
    }

    /// The text of a string, escapes resolved; empty when it is none. A surrogate without its
    /// other half becomes U+FFFD, as in Go.
    pub(crate) fn string(self) -> String {
        self.0.strip_prefix('"').map(unescape).unwrap_or_default()
    }

    /// The members of an object in the order in which they are written, duplicates kept; nothing
    /// when it is none.
    pub(crate) fn members(self) -> Members<'a> {
        Members { rest: self.0.strip_prefix('{').unwrap_or_default() }
    }
}

#[cfg(any(feature = "oidc", feature = "structured-chain"))]
impl<'a> Raw<'a> {
    /// The items of an array; nothing when it is none.
    pub(crate) fn items(self) -> Items<'a> {
        Items { rest: self.0.strip_prefix('[').unwrap_or_default() }
    }

    /// The text from the value on, as a part of the text that was checked.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }
}

/// See [`Raw::items`].
#[cfg(any(feature = "oidc", feature = "structured-chain"))]
pub(crate) struct Items<'a> {
    rest: &'a str,
}

#[cfg(any(feature = "oidc", feature = "structured-chain"))]
impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.rest.trim_start_matches(|found| is_white_space(found) || found == ',');
        if value.is_empty() || value.starts_with(']') {
            return None;
        }
        let (_, rest) = value.split_at_checked(value_len(value))?;
        self.rest = rest;
        Some(Raw(value))
    }
}

/// See [`Raw::members`].
pub(crate) struct Members<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Members<'a> {
    type Item = (String, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.rest.trim_start_matches(|found| is_white_space(found) || found == ',');
        if !key.starts_with('"') {
            return None;
        }
        let (_, after_key) = key.split_at_checked(value_len(key))?;
        let value = after_key.trim_start_matches(|found| is_white_space(found) || found == ':');
        let (_, rest) = value.split_at_checked(value_len(value))?;
        self.rest = rest;
        Some((Raw(key).string(), Raw(value)))
    }
}

const fn is_white_space(found: char) -> bool {
    matches!(found, ' ' | '\t' | '\r' | '\n')
}

/// How many bytes the value at the beginning of a checked text takes.
fn value_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    in_string = false;
                    if depth == 0 {
                        return at.saturating_add(1);
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' if depth > 1 => depth = depth.saturating_sub(1),
            b'}' | b']' if depth == 1 => return at.saturating_add(1),
            // The end of a number or word: what follows belongs to the container.
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// The text of a string whose opening quote is gone.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(found) = rest.next() {
        match found {
            '"' => break,
            '\\' => out.push(match rest.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => unicode_escape(&mut rest),
                Some(itself) => itself,
                None => break,
            }),
            plain => out.push(plain),
        }
    }
    out
}

/// The rest of a `\u` escape, with the second half of a surrogate pair when there is one.
fn unicode_escape(rest: &mut Peekable<Chars<'_>>) -> char {
    let first = hex4(rest);
    if let Some(character) = char::from_u32(first) {
        return character;
    }
    let mut ahead = rest.clone();
    if (0xd800..0xdc00).contains(&first)
        && ahead.next() == Some('\\')
        && ahead.next() == Some('u')
        && let second @ 0xdc00..0xe000 = hex4(&mut ahead)
    {
        *rest = ahead;
        let pair = (((first & 0x3ff) << 10) | (second & 0x3ff)).saturating_add(0x1_0000);
        return char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::REPLACEMENT_CHARACTER
}

fn hex4(rest: &mut Peekable<Chars<'_>>) -> u32 {
    (0..4).fold(0, |value: u32, _| {
        (value << 4) | rest.next().and_then(|digit| digit.to_digit(16)).unwrap_or(0)
    })
}
