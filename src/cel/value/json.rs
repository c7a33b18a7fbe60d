use super::{List, Map, Text, Value};

pub(in crate::cel) use serde_json::Value as Json;

/// How an object or a list of a claim was come to. The API server reads names with escapes
/// (`a__dot__b`) in what was selected; in what a macro went through it depends on the macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cel) enum Reach {
    Selected,
    Iterated,
}

/// A claim, or a part of one; all numbers are doubles (S-OIDC-21).
pub(in crate::cel) fn value(json: &Json, reach: Reach) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        // A number that is no double is none that was parsed.
        Json::Number(number) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(Text::Borrowed(text)),
        Json::Array(values) => Value::List(List::Json(values, reach)),
        Json::Object(map) => Value::Map(Map::Json(map, reach)),
    }
}
