use std::iter::Peekable;
use std::str::Chars;

use super::{MAX_DEPTH, Place, SyntaxError};

/// Checks that `text` is one JSON value and nothing else.
pub(super) fn check(text: &str) -> Result<(), SyntaxError> {
    Checker { rest: text.chars().peekable(), open: Vec::new() }.run()
}

struct Checker<'a> {
    rest: Peekable<Chars<'a>>,
    open: Vec<Container>,
}

#[derive(Clone, Copy)]
enum Container {
    Array,
    Object,
}

/// What may come next, white space aside.
#[derive(Clone, Copy)]
enum Expect {
    Value,
    /// A value, or the end of an array that has none.
    FirstItem,
    Key,
    /// A key, or the end of an object that has none.
    FirstKey,
    AfterValue,
}

impl Checker<'_> {
    fn run(mut self) -> Result<(), SyntaxError> {
        let mut expect = Expect::Value;
        loop {
            self.skip_white_space();
            if matches!(expect, Expect::AfterValue) && self.open.is_empty() {
                return match self.rest.next() {
                    None => Ok(()),
                    Some(found) => Err(invalid(found, "after top-level value")),
                };
            }
            let found = self.next()?;
            expect = match (expect, self.open.last(), found) {
                (Expect::FirstItem, _, ']') | (Expect::FirstKey, _, '}') => self.close(),
                (Expect::Value | Expect::FirstItem, _, _) => self.value(found)?,
                (Expect::Key | Expect::FirstKey, _, '"') => self.key()?,
                (Expect::Key | Expect::FirstKey, _, _) => {
                    return Err(invalid(found, "looking for beginning of object key string"));
                }
                (Expect::AfterValue, Some(Container::Array), ',') => Expect::Value,
                (Expect::AfterValue, Some(Container::Array), ']') => self.close(),
                (Expect::AfterValue, Some(Container::Array), _) => {
                    return Err(invalid(found, "after array element"));
                }
                (Expect::AfterValue, _, ',') => Expect::Key,
                (Expect::AfterValue, _, '}') => self.close(),
                (Expect::AfterValue, _, _) => {
                    return Err(invalid(found, "after object key:value pair"));
                }
            };
        }
    }

    fn next(&mut self) -> Result<char, SyntaxError> {
        self.rest.next().ok_or(SyntaxError::UnexpectedEnd)
    }

    fn skip_white_space(&mut self) {
        while self.rest.next_if(|found| matches!(found, ' ' | '\t' | '\r' | '\n')).is_some() {}
    }

    fn open(&mut self, container: Container) -> Result<(), SyntaxError> {
        self.open.push(container);
        if self.open.len() > MAX_DEPTH { Err(SyntaxError::TooDeep) } else { Ok(()) }
    }

    fn close(&mut self) -> Expect {
        self.open.pop();
        Expect::AfterValue
    }

    fn value(&mut self, first: char) -> Result<Expect, SyntaxError> {
        match first {
            '{' => self.open(Container::Object).map(|()| Expect::FirstKey),
            '[' => self.open(Container::Array).map(|()| Expect::FirstItem),
            '"' => self.string().map(|()| Expect::AfterValue),
            't' => self.literal("true").map(|()| Expect::AfterValue),
            'f' => self.literal("false").map(|()| Expect::AfterValue),
            'n' => self.literal("null").map(|()| Expect::AfterValue),
            '-' | '0'..='9' => self.number(first).map(|()| Expect::AfterValue),
            _ => Err(invalid(first, "looking for beginning of value")),
        }
    }

    /// The rest of a key and its colon.
    fn key(&mut self) -> Result<Expect, SyntaxError> {
        self.string()?;
        self.skip_white_space();
        match self.next()? {
            ':' => Ok(Expect::Value),
            found => Err(invalid(found, "after object key")),
        }
    }

    /// The rest of a string.
    fn string(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.next()? {
                '"' => return Ok(()),
                '\\' => self.escape()?,
                found if found < ' ' => return Err(invalid(found, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        match self.next()? {
            'b' | 'f' | 'n' | 'r' | 't' | '\\' | '/' | '"' => Ok(()),
            'u' => {
                for _ in 0..4 {
                    let found = self.next()?;
                    if !found.is_ascii_hexdigit() {
                        return Err(invalid(found, r"in \u hexadecimal character escape"));
                    }
                }
                Ok(())
            }
            found => Err(invalid(found, "in string escape code")),
        }
    }

    /// The rest of `word`.
    fn literal(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        for expected in word.chars().skip(1) {
            let found = self.next()?;
            if found != expected {
                let place = Place::Literal { word, expected };
                return Err(SyntaxError::InvalidCharacter { found, place });
            }
        }
        Ok(())
    }

    /// The rest of a number.
    fn number(&mut self, first: char) -> Result<(), SyntaxError> {
        let leading = if first == '-' { self.digit("in numeric literal")? } else { first };
        if leading != '0' {
            self.digits();
        }
        if self.rest.next_if_eq(&'.').is_some() {
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if self.rest.next_if(|found| matches!(found, 'e' | 'E')).is_some() {
            self.rest.next_if(|found| matches!(found, '+' | '-'));
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, place: &'static str) -> Result<char, SyntaxError> {
        match self.next()? {
            digit @ '0'..='9' => Ok(digit),
            found => Err(invalid(found, place)),
        }
    }

    fn digits(&mut self) {
        while self.rest.next_if(char::is_ascii_digit).is_some() {}
    }
}

const fn invalid(found: char, place: &'static str) -> SyntaxError {
    SyntaxError::InvalidCharacter { found, place: Place::Named(place) }
}
