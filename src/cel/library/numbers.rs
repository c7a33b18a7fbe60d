use super::doubles;
use crate::cel::budget::Failure;
use crate::cel::function::Call;
use crate::cel::value::Value;

const OVERFLOW: Failure = Failure::text("integer overflow");
const UNSIGNED_OVERFLOW: Failure = Failure::text("unsigned integer overflow");
const DIVISION_BY_ZERO: Failure = Failure::text("division by zero");
const MODULUS_BY_ZERO: Failure = Failure::text("modulus by zero");
const NO_OVERLOAD: Failure = Failure::NO_OVERLOAD;

type Number<'a> = Result<Value<'a>, Failure>;

pub(in crate::cel) fn negate<'a>(value: &Value<'a>) -> Number<'a> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(OVERFLOW),
        Value::Double(value) => Ok(Value::Double(-value)),
        _ => Err(NO_OVERLOAD),
    }
}

/// The operation on whole numbers of either type; none when the result does not fit.
macro_rules! whole {
    ($call:expr, $one:expr, $other:expr) => {
        match $call {
            Call::Add => $one.checked_add(*$other),
            Call::Subtract => $one.checked_sub(*$other),
            Call::Multiply => $one.checked_mul(*$other),
            Call::Divide if *$other == 0 => return Err(DIVISION_BY_ZERO),
            Call::Divide => $one.checked_div(*$other),
            Call::Modulo if *$other == 0 => return Err(MODULUS_BY_ZERO),
            Call::Modulo => $one.checked_rem(*$other),
            _ => return Err(NO_OVERLOAD),
        }
    };
}

pub(in crate::cel) fn arithmetic<'a>(call: Call, one: &Value<'a>, other: &Value<'a>) -> Number<'a> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => {
            whole!(call, one, other).map(Value::Int).ok_or(OVERFLOW)
        }
        (Value::Uint(one), Value::Uint(other)) => {
            whole!(call, one, other).map(Value::Uint).ok_or(UNSIGNED_OVERFLOW)
        }
        (Value::Double(one), Value::Double(other)) => match call {
            Call::Add => Ok(Value::Double(one + other)),
            Call::Subtract => Ok(Value::Double(one - other)),
            Call::Multiply => Ok(Value::Double(one * other)),
            Call::Divide => Ok(Value::Double(one / other)),
            _ => Err(NO_OVERLOAD),
        },
        _ => Err(NO_OVERLOAD),
    }
}

/// `int`, `uint`, `double` and `bool`.
pub(in crate::cel) fn convert<'a>(call: Call, value: &Value<'a>) -> Number<'a> {
    let refused =
        |to: &str| Failure::owned(format!("type conversion error from 'string' to '{to}'"));
    match (call, value) {
        (Call::ToInt, Value::Int(_))
        | (Call::ToUint, Value::Uint(_))
        | (Call::ToDouble, Value::Double(_))
        | (Call::ToBool, Value::Bool(_)) => Ok(value.clone()),
        (Call::ToInt, Value::Uint(value)) => {
            i64::try_from(*value).map(Value::Int).map_err(|_| OVERFLOW)
        }
        (Call::ToUint, Value::Int(value)) => {
            u64::try_from(*value).map(Value::Uint).map_err(|_| UNSIGNED_OVERFLOW)
        }
        (Call::ToInt, Value::Double(value)) => {
            doubles::to_int(*value).map(Value::Int).ok_or(OVERFLOW)
        }
        (Call::ToUint, Value::Double(value)) => {
            doubles::to_uint(*value).map(Value::Uint).ok_or(UNSIGNED_OVERFLOW)
        }
        (Call::ToDouble, Value::Int(value)) => Ok(Value::Double(doubles::from_int(*value))),
        (Call::ToDouble, Value::Uint(value)) => Ok(Value::Double(doubles::from_amount(*value))),
        (Call::ToDouble, Value::String(text)) => {
            doubles::parse(text.as_str()).map(Value::Double).ok_or_else(|| refused("double"))
        }
        (Call::ToInt, Value::String(text)) => {
            text.as_str().parse().map(Value::Int).map_err(|_| refused("int"))
        }
        // Go takes no sign here, not even a plus.
        (Call::ToUint, Value::String(text)) if !text.as_str().starts_with('+') => {
            text.as_str().parse().map(Value::Uint).map_err(|_| refused("uint"))
        }
        (Call::ToUint, Value::String(_)) => Err(refused("uint")),
        (Call::ToBool, Value::String(text)) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            _ => Err(refused("bool")),
        },
        _ => Err(NO_OVERLOAD),
    }
}

/// `string` of what is none.
pub(in crate::cel) fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Uint(value) => Some(value.to_string()),
        Value::Double(value) => Some(doubles::text(*value)),
        Value::Ip(address) => Some(address.to_string()),
        Value::Cidr(cidr) => Some(cidr.to_string()),
        _ => None,
    }
}
