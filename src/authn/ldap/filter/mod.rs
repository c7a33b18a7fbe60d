//! Which entries does a search find? Filters as values, written with each value escaped once.
//!
//! Absent on purpose: how a directory evaluates them.

mod attribute;
mod parse;
mod template;

use std::fmt;

pub use attribute::{Attribute, AttributeError};
pub use parse::FilterError;
pub use template::FilterTemplate;

pub(super) use parse::hex;
pub(super) use template::fill;

/// A search filter (RFC 4511 section 4.5.1.7) as a tree. Values are held as they are; they are
/// escaped when the filter is written, and nowhere else.
///
/// ```
/// use portcullis::authn::ldap::{Attribute, Filter};
///
/// let uid: Attribute = "uid".parse()?;
/// let filter = Filter::equal(&uid, "*)(uid=*");
/// assert_eq!(filter.to_string(), r"(uid=\2a\29\28uid=\2a)");
/// assert_eq!(filter.to_string().parse(), Ok(filter));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of these; none of them is true (RFC 4526).
    And(Vec<Filter>),
    /// Any of these; none of them is false.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// `attribute=value`.
    Equal(Attribute, Vec<u8>),
    /// `attribute>=value`.
    GreaterOrEqual(Attribute, Vec<u8>),
    /// `attribute<=value`.
    LessOrEqual(Attribute, Vec<u8>),
    /// `attribute~=value`.
    Approximate(Attribute, Vec<u8>),
    /// `attribute=*`.
    Present(Attribute),
    /// `attribute=a*b*c`.
    Substrings(Attribute, Substrings),
    /// `attribute:dn:rule:=value`.
    Extensible {
        /// The attribute; all of the rule's, if `None`.
        attribute: Option<Attribute>,
        /// The matching rule, a name or an OID; that of the attribute, if `None`.
        rule: Option<Attribute>,
        /// Whether the values in the entry's DN count, too.
        in_dn: bool,
        /// The value.
        value: Vec<u8>,
    },
}

impl Filter {
    /// Every entry.
    #[must_use]
    pub fn everything() -> Self {
        Self::Present(Attribute::known("objectClass"))
    }

    /// Whether every entry is found by it, as by `(objectClass=*)`.
    pub(in crate::authn::ldap) fn is_everything(&self) -> bool {
        matches!(self, Self::Present(attribute) if attribute.is("objectClass"))
    }

    /// `attribute=value`, whatever the value holds.
    #[must_use]
    pub fn equal(attribute: &Attribute, value: impl Into<Vec<u8>>) -> Self {
        Self::Equal(attribute.clone(), value.into())
    }

    /// `attribute:rule:=value`, whatever the value holds.
    #[must_use]
    pub fn by_rule(attribute: &Attribute, rule: &Attribute, value: impl Into<Vec<u8>>) -> Self {
        Self::Extensible {
            attribute: Some(attribute.clone()),
            rule: Some(rule.clone()),
            in_dn: false,
            value: value.into(),
        }
    }

    /// Any of these, without an `|` around a single one.
    #[must_use]
    pub fn any(mut filters: Vec<Self>) -> Self {
        match filters.pop() {
            Some(only) if filters.is_empty() => only,
            Some(last) => {
                filters.push(last);
                Self::Or(filters)
            }
            None => Self::Or(filters),
        }
    }

    /// The same tree with each assertion value replaced. A value of a substring that becomes empty
    /// is left out.
    #[must_use]
    fn map_values(&self, map: &dyn Fn(&[u8]) -> Vec<u8>) -> Self {
        let all = |filters: &[Self]| filters.iter().map(|one| one.map_values(map)).collect();
        match self {
            Self::And(filters) => Self::And(all(filters)),
            Self::Or(filters) => Self::Or(all(filters)),
            Self::Not(filter) => Self::Not(Box::new(filter.map_values(map))),
            Self::Equal(attribute, value) => Self::Equal(attribute.clone(), map(value)),
            Self::GreaterOrEqual(attribute, value) => {
                Self::GreaterOrEqual(attribute.clone(), map(value))
            }
            Self::LessOrEqual(attribute, value) => Self::LessOrEqual(attribute.clone(), map(value)),
            Self::Approximate(attribute, value) => Self::Approximate(attribute.clone(), map(value)),
            Self::Present(attribute) => Self::Present(attribute.clone()),
            Self::Substrings(attribute, parts) => {
                let any = parts.any.iter().map(|part| map(part)).collect();
                match Substrings::new(map(&parts.initial), any, map(&parts.last)) {
                    Some(parts) => Self::Substrings(attribute.clone(), parts),
                    // Nothing is left to look for: it matches nobody, rather than everybody.
                    None => Self::Or(Vec::new()),
                }
            }
            Self::Extensible { attribute, rule, in_dn, value } => Self::Extensible {
                attribute: attribute.clone(),
                rule: rule.clone(),
                in_dn: *in_dn,
                value: map(value),
            },
        }
    }
}

/// The parts of a value between asterisks; at least one is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substrings {
    initial: Vec<u8>,
    any: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Substrings {
    /// What the value begins with, what it holds in this order, and what it ends with. Empty parts
    /// count for nothing; `None` if all are.
    #[must_use]
    pub fn new(initial: Vec<u8>, mut any: Vec<Vec<u8>>, last: Vec<u8>) -> Option<Self> {
        any.retain(|part| !part.is_empty());
        let is_nothing = initial.is_empty() && any.is_empty() && last.is_empty();
        (!is_nothing).then_some(Self { initial, any, last })
    }

    /// What the value begins with; may be empty.
    #[must_use]
    pub fn initial(&self) -> &[u8] {
        &self.initial
    }

    /// What it holds after that, in this order; none is empty.
    #[must_use]
    pub fn any(&self) -> &[Vec<u8>] {
        &self.any
    }

    /// What it ends with; may be empty.
    #[must_use]
    pub fn last(&self) -> &[u8] {
        &self.last
    }
}

/// A value as RFC 4515 section 3 writes it. More is escaped than must be: all but printable ASCII.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let must = |byte: &u8| matches!(byte, b'*' | b'(' | b')' | b'\\' | 0..=0x1f | 0x7f..=0xff);
        let mut rest = self.0;
        // In runs: filters of many DNs are mostly of bytes that are written as they are.
        while !rest.is_empty() {
            let run = rest.iter().position(must).unwrap_or(rest.len());
            let (plain, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            f.write_str(std::str::from_utf8(plain).map_err(|_| fmt::Error)?)?;
            rest = after;
            if let Some((byte, after)) = rest.split_first() {
                write!(f, "\\{byte:02x}")?;
                rest = after;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, sign: char, filters: &[Self]| {
            write!(f, "({sign}")?;
            for filter in filters {
                write!(f, "{filter}")?;
            }
            write!(f, ")")
        };
        match self {
            Self::And(filters) => list(f, '&', filters),
            Self::Or(filters) => list(f, '|', filters),
            Self::Not(filter) => write!(f, "(!{filter})"),
            Self::Equal(attribute, value) => write!(f, "({attribute}={})", Escaped(value)),
            Self::GreaterOrEqual(attribute, value) => {
                write!(f, "({attribute}>={})", Escaped(value))
            }
            Self::LessOrEqual(attribute, value) => write!(f, "({attribute}<={})", Escaped(value)),
            Self::Approximate(attribute, value) => write!(f, "({attribute}~={})", Escaped(value)),
            Self::Present(attribute) => write!(f, "({attribute}=*)"),
            Self::Substrings(attribute, parts) => {
                write!(f, "({attribute}={}*", Escaped(&parts.initial))?;
                for part in &parts.any {
                    write!(f, "{}*", Escaped(part))?;
                }
                write!(f, "{})", Escaped(&parts.last))
            }
            Self::Extensible { attribute, rule, in_dn, value } => {
                write!(f, "(")?;
                if let Some(attribute) = attribute {
                    write!(f, "{attribute}")?;
                }
                if *in_dn {
                    write!(f, ":dn")?;
                }
                if let Some(rule) = rule {
                    write!(f, ":{rule}")?;
                }
                write!(f, ":={})", Escaped(value))
            }
        }
    }
}
