use std::cmp::Ordering;
use std::rc::Rc;

use super::{Evaluated, Evaluation};
use crate::cel::budget::{Budget, Failure, tenths};
use crate::cel::escape::is_escaped;
use crate::cel::function::Call;
use crate::cel::library::doubles::{self, Order};
use crate::cel::library::{lists, net, numbers, strings};
use crate::cel::program::Node;
use crate::cel::value::{List, Map, Value};

/// The most arguments of a function, its receiver counted.
const MAX_ARGUMENTS: usize = 4;

/// The arguments did not have the types that were checked.
const NO_OVERLOAD: Failure = Failure::NO_OVERLOAD;

impl<'a> Evaluation<'a> {
    pub(super) fn call(&mut self, call: Call, args: &'a [Node]) -> Evaluated<'a> {
        let mut values = [const { Value::Null }; MAX_ARGUMENTS];
        for (place, arg) in values.iter_mut().zip(args) {
            *place = self.value(arg)?;
        }
        let values = values.get(..args.len()).ok_or(NO_OVERLOAD)?;
        match values {
            [] if call == Call::OptionalNone => Ok(Value::Optional(None)),
            [first] => self.of_one(call, first),
            [first, second] => self.of_two(call, first, second),
            [first, rest @ ..] => self.of_more(call, first, rest),
            [] => Err(NO_OVERLOAD),
        }
    }

    fn of_one(&mut self, call: Call, value: &Value<'a>) -> Evaluated<'a> {
        if let Some(result) = net::of_one(&mut self.budget, call, value) {
            return result;
        }
        match (call, value) {
            (Call::Dynamic, value) => {
                self.budget.spend(1)?;
                Ok(value.clone())
            }
            (Call::TypeOf, value) => {
                self.budget.spend(1)?;
                value.type_name().map(Value::Type).ok_or(NO_OVERLOAD)
            }
            // `claims` does not tell its size (S-OIDC-21b).
            (Call::Size, Value::Map(Map::Claims(_))) => Err(NO_OVERLOAD),
            (Call::Size, Value::String(_) | Value::List(_) | Value::Map(_)) => {
                self.budget.spend(1)?;
                if let Value::String(text) = value {
                    self.budget.scan(text.as_str().len())?;
                }
                Ok(Value::Int(i64::try_from(value.size()).unwrap_or(i64::MAX)))
            }
            (Call::Negate, value) => {
                self.budget.spend(1)?;
                numbers::negate(value)
            }
            (Call::ToInt | Call::ToUint | Call::ToBool | Call::ToDouble, value) => {
                self.budget.spend(1)?;
                numbers::convert(call, value)
            }
            (Call::ToText, Value::String(_)) => {
                self.budget.spend(1)?;
                Ok(value.clone())
            }
            (Call::ToText, value) => {
                self.budget.spend(1)?;
                let text = numbers::text(value).ok_or(NO_OVERLOAD)?;
                self.text(text)
            }
            (Call::LowerAscii | Call::UpperAscii | Call::Trim, Value::String(text)) => {
                self.budget.spend_tenths(value.size())?;
                self.budget.reserve(text.as_str().len())?;
                Ok(strings::convert(call, text.as_str()))
            }
            (Call::Join, Value::List(list)) => self.join(list, ""),
            (Call::OptionalOf, value) => {
                self.budget.spend(1)?;
                Ok(Value::Optional(Some(Rc::new(value.clone()))))
            }
            (Call::OptionalOfNonZero, value) => {
                self.budget.spend(1)?;
                Ok(Value::Optional((!is_zero(value)?).then(|| Rc::new(value.clone()))))
            }
            (Call::OptionalHasValue, Value::Optional(inner)) => {
                self.budget.spend(1)?;
                Ok(Value::Bool(inner.is_some()))
            }
            (Call::OptionalValue, Value::Optional(inner)) => {
                self.budget.spend(1)?;
                let inner = inner.as_ref().ok_or(Failure::text("optional.none() dereference"))?;
                Ok(inner.as_ref().clone())
            }
            (_, Value::List(list)) => lists::of_one(&mut self.budget, call, list),
            (Call::Range, Value::Int(end)) => lists::range(&mut self.budget, *end),
            _ => Err(NO_OVERLOAD),
        }
    }

    fn of_two(&mut self, call: Call, one: &Value<'a>, other: &Value<'a>) -> Evaluated<'a> {
        match (call, one, other) {
            (Call::Equals | Call::NotEquals, one, other) => {
                self.scan(one, other)?;
                self.budget.spend_tenths(one.size().min(other.size()))?;
                let is_equal = self.budget.walk(|effort| one.equals(other, effort))?;
                Ok(Value::Bool(is_equal == (call == Call::Equals)))
            }
            (Call::Less | Call::LessEquals | Call::Greater | Call::GreaterEquals, one, other) => {
                self.order(call, one, other)
            }
            // Which of both it is was not known of a claim.
            (Call::InList | Call::InMap, value, Value::List(list)) => {
                self.budget.spend(u64::try_from(list.len()).unwrap_or(u64::MAX))?;
                Ok(Value::Bool(self.budget.walk(|effort| list.contains(value, effort))?))
            }
            (Call::InList | Call::InMap, key, Value::Map(map)) => {
                self.budget.spend(1)?;
                Ok(Value::Bool(map.contains(key)?))
            }
            (Call::Index, container, index) => {
                self.budget.spend(1)?;
                at(container, index)?.ok_or_else(|| match container {
                    Value::List(_) => {
                        Failure::owned(format!("index out of bounds: {}", shown(index)))
                    }
                    _ => Failure::NoSuchKey(shown(index).into()),
                })
            }
            (Call::OptionalIndex, container, index) => {
                self.budget.spend(1)?;
                Ok(Value::Optional(optional_index(container, index)?.map(Rc::new)))
            }
            (Call::Contains | Call::StartsWith | Call::EndsWith, _, _) => {
                contains(&mut self.budget, call, one, other)
            }
            (Call::Add, Value::String(left), Value::String(right)) => {
                self.budget.spend_tenths(one.size() + other.size())?;
                self.budget.reserve(left.as_str().len() + right.as_str().len())?;
                Ok(Value::shared([left.as_str(), right.as_str()].concat()))
            }
            (Call::Add, Value::List(left), Value::List(right)) => {
                self.budget.spend(1)?;
                lists::concatenated(&mut self.budget, left, right)
            }
            (Call::Add | Call::Subtract | Call::Multiply | Call::Divide | Call::Modulo, _, _) => {
                self.budget.spend(1)?;
                numbers::arithmetic(call, one, other)
            }
            (Call::Join, Value::List(list), Value::String(separator)) => {
                self.join(list, separator.as_str())
            }
            (Call::ContainsIp, Value::Cidr(cidr), other) => {
                net::contains(&mut self.budget, *cidr, other)
            }
            (_, Value::List(list), other) => {
                lists::of_two(&mut self.budget, of_lists(call), list, other)
            }
            (_, Value::String(text), other) => {
                let rest = std::slice::from_ref(other);
                strings::call(&mut self.budget, of_texts(call), text.as_str(), rest)
            }
            _ => Err(NO_OVERLOAD),
        }
    }

    fn of_more(&mut self, call: Call, first: &Value<'a>, rest: &[Value<'a>]) -> Evaluated<'a> {
        match (first, rest) {
            (Value::String(text), rest) => {
                strings::call(&mut self.budget, call, text.as_str(), rest)
            }
            (Value::List(list), [Value::Int(start), Value::Int(end)]) if call == Call::Slice => {
                lists::slice(&mut self.budget, list, *start, *end)
            }
            _ => Err(NO_OVERLOAD),
        }
    }

    /// The longer of two texts is counted at the price of the shorter.
    fn scan(&mut self, one: &Value<'a>, other: &Value<'a>) -> Result<(), Failure> {
        for value in [one, other] {
            if let Value::String(text) = value {
                self.budget.scan(text.as_str().len())?;
            }
        }
        Ok(())
    }

    fn order(&mut self, call: Call, one: &Value<'a>, other: &Value<'a>) -> Evaluated<'a> {
        self.scan(one, other)?;
        self.budget.spend_tenths(one.size().min(other.size()))?;
        let order = match one.order(other) {
            Some(Order::Is(order)) => order,
            Some(Order::Unordered) => return Err(Failure::text("NaN values cannot be ordered")),
            Some(Order::Doubtful) => return Err(Failure::DOUBTFUL),
            None => return Err(NO_OVERLOAD),
        };
        Ok(Value::Bool(match call {
            Call::Less => order == Ordering::Less,
            Call::LessEquals => order != Ordering::Greater,
            Call::Greater => order == Ordering::Greater,
            _ => order != Ordering::Less,
        }))
    }

    fn join(&mut self, list: &List<'a>, separator: &str) -> Evaluated<'a> {
        let mut joined = String::new();
        for (index, value) in list.iter().enumerate() {
            let Value::String(text) = value else { return Err(NO_OVERLOAD) };
            let before = if index > 0 { separator } else { "" };
            self.budget.reserve(before.len() + text.as_str().len())?;
            joined.push_str(before);
            joined.push_str(text.as_str());
        }
        self.budget.spend_tenths(2 * joined.chars().count())?;
        Ok(Value::shared(joined))
    }
}

/// Functions of two names for one: which is meant shows when a claim has its value.
const fn of_lists(call: Call) -> Call {
    match call {
        Call::IndexOf => Call::ListIndexOf,
        Call::LastIndexOf => Call::ListLastIndexOf,
        call => call,
    }
}

const fn of_texts(call: Call) -> Call {
    match call {
        Call::ListIndexOf => Call::IndexOf,
        Call::ListLastIndexOf => Call::LastIndexOf,
        call => call,
    }
}

/// An index into a list or a map; nothing where nothing is, and in what has no elements.
fn at<'a>(container: &Value<'a>, index: &Value<'_>) -> Result<Option<Value<'a>>, Failure> {
    match container {
        Value::List(list) => {
            let place = place(index)?;
            Ok(usize::try_from(place).ok().and_then(|place| list.get(place)))
        }
        Value::Map(map) => map.find(index),
        // An optional of which that was not known: the result would have to be one.
        Value::Optional(_) => Err(NO_OVERLOAD),
        _ => Ok(None),
    }
}

/// A place in a list: every whole number is one, also as a double.
fn place(index: &Value<'_>) -> Result<i64, Failure> {
    let place = match index {
        Value::Int(index) => Some(*index),
        Value::Uint(index) => i64::try_from(*index).ok(),
        Value::Double(index) => doubles::to_index(*index),
        index => {
            let found = index.type_name().unwrap_or("object");
            return Err(Failure::owned(format!("unsupported index type '{found}' in list")));
        }
    };
    place.ok_or_else(|| Failure::owned(format!("unsupported index value {} in list", shown(index))))
}

/// The same into an optional one, too.
fn optional_index<'a>(
    container: &Value<'a>,
    index: &Value<'_>,
) -> Result<Option<Value<'a>>, Failure> {
    match container {
        Value::Optional(None) => Ok(None),
        Value::Optional(Some(inner)) => {
            // An optional that was put together is an object of Go again, without escapes.
            if matches!(index, Value::String(key) if is_escaped(key.as_str())) {
                return Err(Failure::DOUBTFUL);
            }
            at(inner, index)
        }
        container => at(container, index),
    }
}

fn contains<'a>(
    budget: &mut Budget,
    call: Call,
    text: &Value<'a>,
    part: &Value<'a>,
) -> Evaluated<'a> {
    let (Value::String(own), Value::String(wanted)) = (text, part) else {
        return Err(NO_OVERLOAD);
    };
    let (own, wanted) = (own.as_str(), wanted.as_str());
    let found = match call {
        Call::StartsWith => own.starts_with(wanted),
        Call::EndsWith => own.ends_with(wanted),
        _ => {
            budget.spend(tenths(text.size()).saturating_mul(tenths(part.size())))?;
            return Ok(Value::Bool(own.contains(wanted)));
        }
    };
    budget.spend_tenths(text.size())?;
    Ok(Value::Bool(found))
}

/// A key in an error.
fn shown(key: &Value<'_>) -> String {
    match key {
        Value::String(text) => text.as_str().to_owned(),
        key => numbers::text(key).unwrap_or_default(),
    }
}

fn is_zero(value: &Value<'_>) -> Result<bool, Failure> {
    Ok(match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Double(value) => *value == 0.0,
        Value::String(text) => text.as_str().is_empty(),
        // The API server does not see that an empty list or object of a claim is empty, unless a
        // macro came by.
        Value::List(List::Json([], _)) => return Err(Failure::DOUBTFUL),
        Value::Map(Map::Json(map, _) | Map::Claims(map)) if map.is_empty() => {
            return Err(Failure::DOUBTFUL);
        }
        Value::List(list) => list.len() == 0,
        Value::Map(map) => Map::len(map) == 0,
        Value::Object(_) | Value::Optional(_) | Value::Ip(_) | Value::Cidr(_) | Value::Type(_) => {
            false
        }
    })
}
