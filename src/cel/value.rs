mod json;
mod map;

use std::cmp::Ordering;
use std::net::IpAddr;
use std::rc::Rc;

use super::budget::Effort;
use super::fields::Part;
use super::library::doubles::{self, Order};
use super::library::net::Cidr;

pub(super) use json::{Json, Reach, value as json_value};
pub(super) use map::Map;

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
    /// The name of a type.
    Type(&'static str),
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
    /// Texts that a function of texts made. For `cel-go` they are strings of Go and no values, which
    /// shows where a list leaves the expression.
    Natives(Rc<Vec<Value<'a>>>),
    /// A list in a claim.
    Json(&'a [Json], Reach),
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
            Self::Values(values) | Self::Natives(values) => values.len(),
            Self::Json(values, _) => values.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Strings(strings) => {
                strings.get(index).map(|text| Value::String(Text::Borrowed(text)))
            }
            Self::Values(values) | Self::Natives(values) => values.get(index).cloned(),
            Self::Json(values, reach) => values.get(index).map(|value| json_value(value, *reach)),
        }
    }

    /// The elements, as a macro or a function goes through them.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Value<'a>> + '_ {
        let all = self.iterated();
        (0..self.len()).filter_map(move |index| all.get(index))
    }

    /// The same list as what it is made of, of which it is not certain how escapes are read.
    pub(super) fn iterated(&self) -> Self {
        match self {
            Self::Json(values, _) => Self::Json(values, Reach::Iterated),
            other => other.clone(),
        }
    }

    pub(super) fn contains(&self, value: &Value<'_>, effort: &mut Effort) -> bool {
        match (self, value) {
            // No clones for the commonest of all questions.
            (Self::Strings(strings), Value::String(text)) => {
                strings.iter().any(|own| own == text.as_str())
            }
            (Self::Strings(_), _) => false,
            (Self::Json(values, _), Value::String(text)) => {
                values.iter().any(|own| own.as_str() == Some(text.as_str()))
            }
            (Self::Values(values) | Self::Natives(values), value) => {
                values.iter().any(|own| own.equals(value, effort))
            }
            (Self::Json(..), value) => self.iter().any(|own| own.equals(value, effort)),
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn shared(text: impl Into<Rc<str>>) -> Self {
        Self::String(Text::Shared(text.into()))
    }

    pub(super) fn list(values: Vec<Self>) -> Self {
        Self::List(List::Values(Rc::new(values)))
    }

    /// A list of texts that a function of texts made.
    pub(super) fn natives(values: Vec<Self>) -> Self {
        Self::List(List::Natives(Rc::new(values)))
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

    /// What `type` says; nothing of an object, which is not asked.
    pub(super) const fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
            Self::Type(_) => "type",
            Self::Object(_) => return None,
        })
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
            (Self::Map(one), Value::Map(other)) => one.equals(other, effort),
            (Self::Optional(one), Value::Optional(other)) => match (one, other) {
                (Some(one), Some(other)) => one.equals(other, effort),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            },
            (Self::Ip(one), Value::Ip(other)) => one == other,
            (Self::Cidr(one), Value::Cidr(other)) => one == other,
            (Self::Type(one), Value::Type(other)) => one == other,
            (one, other) if one.is_number() && other.is_number() => match one.order(other) {
                Some(Order::Is(order)) => order == Ordering::Equal,
                Some(Order::Doubtful) => {
                    effort.doubt();
                    false
                }
                Some(Order::Unordered) | None => false,
            },
            _ => false,
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }

    /// How two values lie that have an order: none of different kinds has.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<Order> {
        let reversed = |order: Order| match order {
            Order::Is(order) => Order::Is(order.reverse()),
            other => other,
        };
        Some(match (self, other) {
            (Self::Bool(one), Value::Bool(other)) => Order::Is(one.cmp(other)),
            (Self::String(one), Value::String(other)) => {
                Order::Is(one.as_str().cmp(other.as_str()))
            }
            (Self::Int(one), Value::Int(other)) => Order::Is(one.cmp(other)),
            (Self::Uint(one), Value::Uint(other)) => Order::Is(one.cmp(other)),
            (Self::Double(one), Value::Double(other)) => {
                one.partial_cmp(other).map_or(Order::Unordered, Order::Is)
            }
            (Self::Int(one), Value::Uint(other)) => {
                Order::Is(i128::from(*one).cmp(&i128::from(*other)))
            }
            (Self::Uint(one), Value::Int(other)) => {
                Order::Is(i128::from(*one).cmp(&i128::from(*other)))
            }
            (Self::Double(one), Value::Int(other)) => {
                doubles::compare(*one, *other < 0, other.unsigned_abs())
            }
            (Self::Double(one), Value::Uint(other)) => doubles::compare(*one, false, *other),
            (Self::Int(_) | Self::Uint(_), Value::Double(_)) => reversed(other.order(self)?),
            _ => return None,
        })
    }

    /// The order of two values that have a certain one; not a number has none.
    pub(super) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match self.order(other) {
            Some(Order::Is(order)) => Some(order),
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
