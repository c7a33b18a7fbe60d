//! JSON objects in which no member appears twice: what signed data must be, since two readers of
//! a repeated member may each see another value.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why bytes are not one JSON object with distinct members. Says where, never what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A member name appears twice in one object, at any depth.
    #[error("a member appears twice in one object (line {line}, column {column})")]
    DuplicateMember {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// It is no JSON, nested too deep, or something follows the object.
    #[error("not one JSON value (line {line}, column {column})")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

/// Reads one JSON object that repeats no member name in any object inside of it.
///
/// ```
/// use portcullis::crypto::json::{JsonError, object_without_duplicates};
///
/// assert_eq!(object_without_duplicates(br#"{"iss": "a"}"#)?["iss"], "a");
/// let twice = object_without_duplicates(br#"{"iss": "a", "iss": "b"}"#);
/// assert!(matches!(twice, Err(JsonError::DuplicateMember { line: 1, .. })));
/// # Ok::<(), JsonError>(())
/// ```
///
/// # Errors
/// On a repeated member, on anything but an object, and on bytes after it.
pub fn object_without_duplicates(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut found_duplicate = false;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Distinct { found_duplicate: &mut found_duplicate }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match value {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(JsonError::NotAnObject),
        Err(error) if found_duplicate => {
            Err(JsonError::DuplicateMember { line: error.line(), column: error.column() })
        }
        Err(error) => Err(JsonError::Syntax { line: error.line(), column: error.column() }),
    }
}

/// Builds a `Value`, stopping at the first repeated member.
struct Distinct<'a> {
    found_duplicate: &'a mut bool,
}

impl Distinct<'_> {
    fn again(&mut self) -> Distinct<'_> {
        Distinct { found_duplicate: self.found_duplicate }
    }
}

impl<'de> DeserializeSeed<'de> for Distinct<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Distinct<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.again())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                *self.found_duplicate = true;
                return Err(serde::de::Error::custom("a member appears twice"));
            }
            object.insert(name, members.next_value_seed(self.again())?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = br#" {"a": [1, -2, 2.5, true, null, "x\u00e9"], "b": {"a": {}}} "#;
        let expected: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(Value::Object(object_without_duplicates(text).unwrap()), expected);
    }

    #[test]
    fn a_repeated_member_is_refused_at_every_depth_and_its_escaped_spelling_too() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"x": {"a": 1, "a": 2}}"#,
            r#"{"x": [[{"a": 1, "b": 2, "a": null}]]}"#,
            r#"{"iss": 1, "\u0069ss": 2}"#,
        ] {
            let error = object_without_duplicates(text.as_bytes()).unwrap_err();
            assert!(matches!(error, JsonError::DuplicateMember { line: 1, .. }), "{text}");
        }
        // The same name in two objects is no repetition.
        object_without_duplicates(br#"{"a": {"a": {"a": 1}}, "b": {"a": 1}}"#).unwrap();
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "\"a\"", "null", "true"] {
            let error = object_without_duplicates(text.as_bytes()).unwrap_err();
            assert_eq!(error, JsonError::NotAnObject, "{text}");
        }
    }

    #[test]
    fn trailing_data_broken_text_and_deep_nesting_are_refused() {
        let deep = format!("{}{}", r#"{"a":"#.repeat(200), "}".repeat(200));
        for text in ["{} {}", "{}x", "{", "", "{\"a\": 1,}", "{a: 1}", "{\"a\": NaN}", &deep] {
            let error = object_without_duplicates(text.as_bytes()).unwrap_err();
            assert!(matches!(error, JsonError::Syntax { .. }), "{text}: {error:?}");
        }
        let not_utf8 = object_without_duplicates(b"{\"a\": \"\xff\"}").unwrap_err();
        assert!(matches!(not_utf8, JsonError::Syntax { .. }));
    }
}
