use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::budget::Effort;
use super::fields::Part;
use super::library::net::Cidr;

/// A value during an evaluation: borrowed from the request and the expression where it can be.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
    Object(Part<'a>),
    Optional(Option<Rc<Value<'a>>>),
    Ip(IpAddr),
    Cidr(Cidr),
}

#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Rc<str>),
}

#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Strings(&'a [String]),
    Values(Rc<Vec<Value<'a>>>),
}

#[derive(Debug, Clone)]
pub(super) enum Map<'a> {
    Extra(&'a BTreeMap<String, Vec<String>>),
    /// Of a literal, whose keys all differ.
    Entries(Rc<Vec<(Value<'a>, Value<'a>)>>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Strings(strings) => strings.len(),
            Self::Values(values) => values.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Strings(strings) => {
                strings.get(index).map(|text| Value::String(Text::Borrowed(text)))
            }
            Self::Values(values) => values.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    pub(super) fn contains(&self, value: &Value<'_>, effort: &mut Effort) -> bool {
        match (self, value) {
            // No clones for the commonest of all questions.
            (Self::Strings(strings), Value::String(text)) => {
                strings.iter().any(|own| own == text.as_str())
            }
            (Self::Strings(_), _) => false,
            (Self::Values(values), value) => values.iter().any(|own| own.equals(value, effort)),
        }
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Extra(extra) => extra.len(),
            Self::Entries(entries) => entries.len(),
        }
    }

    pub(super) fn get(&self, key: &Value<'_>) -> Option<Value<'a>> {
        match (self, key) {
            (Self::Extra(extra), Value::String(text)) => {
                extra.get(text.as_str()).map(|values| Value::List(List::Strings(values)))
            }
            (Self::Extra(_), _) => None,
            (Self::Entries(entries), key) => {
                entries.iter().find(|(own, _)| own.is_same_key(key)).map(|(_, value)| value.clone())
            }
        }
    }

    pub(super) fn get_text(&self, key: &str) -> Option<Value<'a>> {
        self.get(&Value::String(Text::Borrowed(key)))
    }

    /// The keys with their values, in an order of ours: the API server's differs each time.
    pub(super) fn entries(&self) -> Vec<(Value<'a>, Value<'a>)> {
        match self {
            Self::Extra(extra) => {
                let entry = |(key, values): (&'a String, &'a Vec<String>)| {
                    (Value::String(Text::Borrowed(key)), Value::List(List::Strings(values)))
                };
                extra.iter().map(entry).collect()
            }
            Self::Entries(entries) => entries.as_ref().clone(),
        }
    }
}

impl Value<'_> {
    pub(super) fn shared(text: impl Into<Rc<str>>) -> Self {
        Self::String(Text::Shared(text.into()))
    }

    pub(super) fn list(values: Vec<Self>) -> Self {
        Self::List(List::Values(Rc::new(values)))
    }

    /// The length by which operations are charged: of what has none it is one.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::String(text) => text.as_str().chars().count(),
            Self::List(list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Ip(address) => net_size(*address),
            Self::Cidr(cidr) => net_size(cidr.address),
            _ => 1,
        }
    }

    /// Equality as CEL has it: numbers by what they are worth, and nothing equals what it cannot be
    /// compared with.
    pub(super) fn equals(&self, other: &Value<'_>, effort: &mut Effort) -> bool {
        if !effort.step() {
            return false;
        }
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(one), Value::Bool(other)) => one == other,
            (Self::String(one), Value::String(other)) => one.as_str() == other.as_str(),
            (Self::List(one), Value::List(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other.iter()).all(|(one, other)| one.equals(&other, effort))
            }
            (Self::Map(one), Value::Map(other)) => {
                one.len() == other.len()
                    && one.entries().iter().all(|(key, value)| {
                        other.get(key).is_some_and(|other| value.equals(&other, effort))
                    })
            }
            (Self::Optional(one), Value::Optional(other)) => match (one, other) {
                (Some(one), Some(other)) => one.equals(other, effort),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            },
            (Self::Ip(one), Value::Ip(other)) => one == other,
            (Self::Cidr(one), Value::Cidr(other)) => one == other,
            (one, other) if one.is_number() && other.is_number() => {
                one.compare(other) == Some(Ordering::Equal)
            }
            _ => false,
        }
    }

    /// Keys are texts and numbers.
    fn is_same_key(&self, other: &Value<'_>) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }

    /// The order of two values that have one; not a number has none.
    pub(super) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
            (Self::String(one), Value::String(other)) => Some(one.as_str().cmp(other.as_str())),
            (Self::Int(one), Value::Int(other)) => Some(one.cmp(other)),
            (Self::Uint(one), Value::Uint(other)) => Some(one.cmp(other)),
            (Self::Double(one), Value::Double(other)) => one.partial_cmp(other),
            (Self::Int(one), Value::Uint(other)) => Some(i128::from(*one).cmp(&i128::from(*other))),
            (Self::Uint(one), Value::Int(other)) => Some(i128::from(*one).cmp(&i128::from(*other))),
            _ => None,
        }
    }
}

const fn net_size(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}
