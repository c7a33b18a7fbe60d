//! Taking arguments apart.

use std::collections::BTreeSet;

use regorus::Value;

use super::Fault;

/// `net.cidr_merge: operand 1 must be string but got number`, as OPA says it.
fn wrong(function: &str, index: usize, want: &str, value: &Value) -> Fault {
    let got = kind(value);
    Fault::Argument(format!("{function}: operand {} must be {want} but got {got}", index + 1))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Set(_) => "set",
        Value::Object(_) => "object",
        Value::Undefined => "undefined",
    }
}

fn get(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Undefined)
}

/// A string.
pub(super) fn string<'a>(
    function: &str,
    arguments: &'a [Value],
    index: usize,
) -> Result<&'a str, Fault> {
    match get(arguments, index) {
        Value::String(text) => Ok(text),
        other => Err(wrong(function, index, "string", other)),
    }
}

/// An integer.
pub(super) fn integer(function: &str, arguments: &[Value], index: usize) -> Result<i64, Fault> {
    let value = get(arguments, index);
    match value {
        Value::Number(number) if number.is_integer() => number
            .as_i64()
            .ok_or_else(|| Fault::Limit(format!("{function}: operand {} is too large", index + 1))),
        Value::Number(_) => Err(Fault::Argument(format!(
            "{function}: operand {} must be integer number but got floating-point number",
            index + 1
        ))),
        other => Err(wrong(function, index, "number", other)),
    }
}

/// The members of an array.
pub(super) fn array<'a>(
    function: &str,
    arguments: &'a [Value],
    index: usize,
) -> Result<&'a [Value], Fault> {
    match get(arguments, index) {
        Value::Array(array) => Ok(array.as_slice()),
        other => Err(wrong(function, index, "array", other)),
    }
}

/// The members of an array or a set.
pub(super) fn members<'a>(
    function: &str,
    arguments: &'a [Value],
    index: usize,
) -> Result<Vec<&'a Value>, Fault> {
    match get(arguments, index) {
        Value::Array(array) => Ok(array.iter().collect()),
        Value::Set(set) => Ok(set.iter_sorted().collect()),
        other => Err(wrong(function, index, "one of {array, set}", other)),
    }
}

/// The members of an object, sorted by key.
pub(super) fn object<'a>(
    function: &str,
    arguments: &'a [Value],
    index: usize,
) -> Result<Vec<(&'a Value, &'a Value)>, Fault> {
    match get(arguments, index) {
        Value::Object(object) => Ok(object.iter_sorted().collect()),
        other => Err(wrong(function, index, "object", other)),
    }
}

/// A set of these.
pub(super) fn set(values: impl IntoIterator<Item = Value>) -> Value {
    Value::from(values.into_iter().collect::<BTreeSet<Value>>())
}

/// Refuses what would take more than this.
pub(super) fn within(function: &str, size: usize, limit: usize, what: &str) -> Result<(), Fault> {
    if size <= limit {
        return Ok(());
    }
    Err(Fault::Limit(format!("{function}: more than {limit} {what}")))
}
