use std::cmp::Ordering;

use super::numbers;
use crate::cel::budget::{Budget, Effort, Failure, tenths};
use crate::cel::function::Call;
use crate::cel::value::{List, Value};

const NO_OVERLOAD: Failure = Failure::NO_OVERLOAD;

type Result<'a> = std::result::Result<Value<'a>, Failure>;

/// Pays what Kubernetes charges for going through a list with all that is in it.
fn traverse(budget: &mut Budget, list: &List<'_>) -> std::result::Result<(), Failure> {
    let cost = budget.walk(|effort| traversal(list, effort))?;
    budget.spend(cost)
}

fn traversal(list: &List<'_>, effort: &mut Effort) -> u64 {
    let of = |value: Value<'_>| match value {
        _ if !effort.step() => 0,
        Value::String(text) => tenths(text.as_str().len()),
        Value::List(list) => traversal(&list, effort),
        _ => 1,
    };
    list.iter().map(of).fold(0, u64::saturating_add)
}

/// What it costs to compare each element with each of another list.
fn product(one: usize, other: usize) -> u64 {
    u64::try_from(one.saturating_mul(other)).unwrap_or(u64::MAX)
}

/// Functions of a list alone.
pub(in crate::cel) fn of_one<'a>(budget: &mut Budget, call: Call, list: &List<'a>) -> Result<'a> {
    match call {
        Call::IsSorted => {
            traverse(budget, list)?;
            let mut pairs = list.iter().zip(list.iter().skip(1));
            let is_sorted = pairs.all(|(one, next)| one.compare(&next) != Some(Ordering::Greater));
            Ok(Value::Bool(is_sorted))
        }
        Call::Sum | Call::SumUnsigned => {
            traverse(budget, list)?;
            let zero = if call == Call::Sum { Value::Int(0) } else { Value::Uint(0) };
            list.iter().try_fold(zero, |sum, value| numbers::arithmetic(Call::Add, &sum, &value))
        }
        Call::Min | Call::Max => {
            traverse(budget, list)?;
            extreme(call, list)
        }
        Call::Sort => {
            budget.spend(product(list.len(), 1))?;
            let mut values = taken(budget, list.iter(), list.len())?;
            values.sort_by(|one, other| one.compare(other).unwrap_or(Ordering::Equal));
            Ok(Value::list(values))
        }
        Call::Distinct => {
            // `cel-go` charges less, and would go through as many pairs.
            budget.spend(product(list.len(), list.len()) / 10 + 1)?;
            let mut values: Vec<Value<'a>> = Vec::new();
            for value in list.iter() {
                if !budget.walk(|effort| values.iter().any(|own| own.equals(&value, effort)))? {
                    values.push(value);
                }
            }
            budget.reserve(values.len() * size_of::<Value<'_>>())?;
            Ok(Value::list(values))
        }
        Call::Flatten => {
            budget.spend(product(list.len(), 1))?;
            let mut values = Vec::new();
            for inner in list.iter() {
                let Value::List(inner) = inner else { return Err(NO_OVERLOAD) };
                budget.spend(product(inner.len(), 1))?;
                values.extend(taken(budget, inner.iter(), inner.len())?);
            }
            Ok(Value::list(values))
        }
        _ => Err(NO_OVERLOAD),
    }
}

/// Functions of a list and something else.
pub(in crate::cel) fn of_two<'a>(
    budget: &mut Budget,
    call: Call,
    list: &List<'a>,
    other: &Value<'a>,
) -> Result<'a> {
    match (call, other) {
        (Call::ListIndexOf | Call::ListLastIndexOf, wanted) => {
            traverse(budget, list)?;
            let place = budget.walk(|effort| {
                let mut is_it =
                    |at: &usize| list.get(*at).is_some_and(|value| value.equals(wanted, effort));
                match call {
                    Call::ListIndexOf => (0..list.len()).find(&mut is_it),
                    _ => (0..list.len()).rev().find(is_it),
                }
            })?;
            Ok(Value::Int(place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1)))
        }
        (Call::SetsContains, Value::List(other)) => {
            budget.spend(product(list.len(), other.len()))?;
            Ok(Value::Bool(budget.walk(|effort| contains(list, other, effort))?))
        }
        (Call::SetsEquivalent, Value::List(other)) => {
            budget.spend(product(list.len(), other.len()).saturating_mul(2))?;
            let are = |effort: &mut Effort| {
                contains(list, other, effort) && contains(other, list, effort)
            };
            Ok(Value::Bool(budget.walk(are)?))
        }
        (Call::SetsIntersects, Value::List(other)) => {
            budget.spend(product(list.len(), other.len()))?;
            let are = |effort: &mut Effort| list.iter().any(|value| other.contains(&value, effort));
            Ok(Value::Bool(budget.walk(are)?))
        }
        _ => Err(NO_OVERLOAD),
    }
}

pub(in crate::cel) fn concatenated<'a>(
    budget: &mut Budget,
    left: &List<'a>,
    right: &List<'a>,
) -> Result<'a> {
    // Nothing added is the same list, and not a new one.
    if left.len() == 0 {
        return Ok(Value::List(right.iterated()));
    }
    if right.len() == 0 {
        return Ok(Value::List(left.iterated()));
    }
    let all = left.iter().chain(right.iter());
    Ok(Value::list(taken(budget, all, left.len() + right.len())?))
}

pub(in crate::cel) fn slice<'a>(
    budget: &mut Budget,
    list: &List<'a>,
    start: i64,
    end: i64,
) -> Result<'a> {
    budget.spend(1)?;
    let refused = |why: &str| Failure::owned(format!("cannot slice({start}, {end}), {why}"));
    let (Ok(first), Ok(last)) = (usize::try_from(start), usize::try_from(end)) else {
        return Err(refused("negative indexes not supported"));
    };
    if first > last {
        return Err(refused("start index must be less than or equal to end index"));
    }
    if last > list.len() {
        return Err(refused(&format!("list is length {}", list.len())));
    }
    let part = list.iter().skip(first).take(last - first);
    let part = taken(budget, part, last - first)?;
    // Newer API servers keep what kind of list it is, older ones do not.
    Ok(if matches!(list, List::Natives(_)) { Value::natives(part) } else { Value::list(part) })
}

pub(in crate::cel) fn range<'a>(budget: &mut Budget, end: i64) -> Result<'a> {
    let count = usize::try_from(end).unwrap_or(0);
    budget.spend(product(count, 1).max(1))?;
    Ok(Value::list(taken(budget, (0..end).map(Value::Int), count)?))
}

/// So many values, paid for.
fn taken<'a>(
    budget: &mut Budget,
    values: impl Iterator<Item = Value<'a>>,
    count: usize,
) -> std::result::Result<Vec<Value<'a>>, Failure> {
    budget.reserve(count.saturating_mul(size_of::<Value<'_>>()))?;
    Ok(values.collect())
}

fn contains(list: &List<'_>, wanted: &List<'_>, effort: &mut Effort) -> bool {
    wanted.iter().all(|value| list.contains(&value, effort))
}

fn extreme<'a>(call: Call, list: &List<'a>) -> Result<'a> {
    let (name, replacing) = match call {
        Call::Min => ("min", Ordering::Greater),
        _ => ("max", Ordering::Less),
    };
    let mut values = list.iter();
    let first = values.next();
    let mut best = first.ok_or_else(|| Failure::owned(format!("{name} called on empty list")))?;
    for value in values {
        if best.compare(&value) == Some(replacing) {
            best = value;
        }
    }
    Ok(best)
}
