//! JSON as Go's `encoding/json` reads it: the same texts for the same mistakes, lone surrogates
//! replaced instead of refused, duplicate keys kept in order.
//!
//! Two steps, as in Go: [`Raw::parse`] checks the whole text; the values are then read piece by
//! piece without a tree, so nesting costs no stack.

mod check;
mod raw;

pub(crate) use raw::{Kind, Raw};

use std::fmt;

use crate::util::goquote::Quoted;

/// What is wrong with a text, worded as Go words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyntaxError {
    /// The text ends inside a value.
    UnexpectedEnd,
    /// A character that cannot stand here.
    InvalidCharacter {
        /// The character.
        found: char,
        /// Where it stands, such as `after top-level value`.
        place: Place,
    },
    /// More than [`MAX_DEPTH`] open brackets.
    TooDeep,
}

/// How deep Go lets arrays and objects nest.
pub(crate) const MAX_DEPTH: usize = 10_000;

/// Where a character stands that cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A fixed text.
    Named(&'static str),
    /// In `true`, `false` or `null`.
    Literal {
        /// The word.
        word: &'static str,
        /// The letter that should stand here.
        expected: char,
    },
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnexpectedEnd => f.write_str("unexpected end of JSON input"),
            Self::TooDeep => f.write_str("exceeded max depth"),
            Self::InvalidCharacter { found, place } => {
                write!(f, "invalid character {} ", QuotedChar(found))?;
                match place {
                    Place::Named(place) => f.write_str(place),
                    Place::Literal { word, expected } => {
                        write!(f, "in literal {word} (expecting {})", QuotedChar(expected))
                    }
                }
            }
        }
    }
}

/// Displays a character as Go's `strconv.QuoteRune` writes it.
struct QuotedChar(char);

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            '\'' => f.write_str(r"'\''"),
            '"' => f.write_str(r#"'"'"#),
            other => {
                let quoted = Quoted(other.encode_utf8(&mut [0; 4])).to_string();
                write!(f, "'{}'", quoted.trim_matches('"'))
            }
        }
    }
}

#[cfg(test)]
mod tests;
