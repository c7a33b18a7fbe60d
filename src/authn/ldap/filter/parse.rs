use std::str::FromStr;

use super::{Attribute, Filter, Substrings};

/// How deep a configured filter may nest: more than anybody writes, less than a stack holds.
const DEEPEST: usize = 32;

/// What was given is no filter (RFC 4515).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter `{filter}` cannot be read at byte {at}: {what}")]
pub struct FilterError {
    /// The filter.
    pub filter: String,
    /// Where, in bytes from its beginning.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Reads RFC 4515 strictly, except that white space is allowed around parenthesised filters.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser { bytes: text.as_bytes(), at: 0 };
        let parsed = parser.filter(0).and_then(|filter| {
            parser.skip_space();
            if parser.at == text.len() { Ok(filter) } else { Err("something follows the filter") }
        });
        parsed.map_err(|what| FilterError { filter: text.to_owned(), at: parser.at, what })
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: &[u8]) -> bool {
        let is_there = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(wanted));
        if is_there {
            self.at += wanted.len();
        }
        is_there
    }

    fn filter(&mut self, depth: usize) -> Parsed<Filter> {
        if depth == DEEPEST {
            return Err("it nests too deep");
        }
        self.skip_space();
        if !self.eat(b"(") {
            return Err("`(` is missing");
        }
        let filter = match self.peek() {
            Some(b'&') => self.list(depth).map(Filter::And),
            Some(b'|') => self.list(depth).map(Filter::Or),
            Some(b'!') => {
                self.at += 1;
                let inner = self.filter(depth + 1)?;
                self.skip_space();
                Ok(Filter::Not(Box::new(inner)))
            }
            _ => self.item(),
        }?;
        if self.eat(b")") { Ok(filter) } else { Err("`)` is missing") }
    }

    fn list(&mut self, depth: usize) -> Parsed<Vec<Filter>> {
        self.at += 1;
        let mut filters = Vec::new();
        loop {
            self.skip_space();
            if self.peek() != Some(b'(') {
                return Ok(filters);
            }
            filters.push(self.filter(depth + 1)?);
        }
    }

    fn item(&mut self) -> Parsed<Filter> {
        let name = self.name();
        if self.peek() == Some(b':') {
            return self.extensible(name);
        }
        let attribute: Attribute = name.parse().map_err(|_| "an attribute name is missing")?;
        if self.eat(b">=") {
            return Ok(Filter::GreaterOrEqual(attribute, self.value()?));
        }
        if self.eat(b"<=") {
            return Ok(Filter::LessOrEqual(attribute, self.value()?));
        }
        if self.eat(b"~=") {
            return Ok(Filter::Approximate(attribute, self.value()?));
        }
        if !self.eat(b"=") {
            return Err("`=`, `>=`, `<=`, `~=` or `:=` is missing");
        }
        let mut parts = vec![self.value()?];
        while self.eat(b"*") {
            parts.push(self.value()?);
        }
        equality(attribute, parts)
    }

    fn extensible(&mut self, name: String) -> Parsed<Filter> {
        let attribute = match name.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|_| "an attribute name is missing")?),
        };
        let in_dn = self.eat(b":dn:") && {
            self.at -= 1;
            true
        };
        let rule = if self.eat(b":=") {
            None
        } else {
            self.at += 1;
            let rule = self.name().parse().map_err(|_| "a matching rule is missing")?;
            if !self.eat(b":=") {
                return Err("`:=` is missing");
            }
            Some(rule)
        };
        if attribute.is_none() && rule.is_none() {
            return Err("neither an attribute nor a matching rule is named");
        }
        Ok(Filter::Extensible { attribute, rule, in_dn, value: self.value()? })
    }

    /// What may be a name, up to what cannot.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(byte) = self.peek() {
            if !byte.is_ascii_alphanumeric() && !b"-.;".contains(&byte) {
                break;
            }
            name.push(char::from(byte));
            self.at += 1;
        }
        name
    }

    /// A value up to a parenthesis or an asterisk, escapes undone.
    fn value(&mut self) -> Parsed<Vec<u8>> {
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'(' | b')' | b'*' => break,
                0 => return Err("a NUL must be written `\\00`"),
                b'\\' => {
                    self.at += 1;
                    let high = self
                        .next()
                        .and_then(hex)
                        .ok_or("`\\` must be followed by two hexadecimal digits")?;
                    let low = self
                        .next()
                        .and_then(hex)
                        .ok_or("`\\` must be followed by two hexadecimal digits")?;
                    value.push(high << 4 | low);
                }
                byte => {
                    self.at += 1;
                    value.push(byte);
                }
            }
        }
        Ok(value)
    }
}

/// What the parts between asterisks of `attribute=` mean.
fn equality(attribute: Attribute, mut parts: Vec<Vec<u8>>) -> Parsed<Filter> {
    let last = parts.pop().unwrap_or_default();
    if parts.is_empty() {
        return Ok(Filter::Equal(attribute, last));
    }
    let initial = parts.remove(0);
    if parts.iter().any(Vec::is_empty) {
        return Err("two asterisks follow each other");
    }
    match Substrings::new(initial, parts, last) {
        Some(parts) => Ok(Filter::Substrings(attribute, parts)),
        None => Ok(Filter::Present(attribute)),
    }
}

pub(in crate::authn::ldap) fn hex(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
