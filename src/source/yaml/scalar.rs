//! What a YAML scalar is: resolved as the YAML library of Kubernetes does, which is YAML 1.1 with
//! the numbers of Go (`yaml-scalars.ndjson`).

use saphyr_parser::{ScalarStyle, Tag};

use crate::api::Str;
use crate::source::node::Value;
use crate::util::yaml_scalar::{Scalar, resolve_plain};

/// The prefix of the tags that YAML itself defines.
const CORE: &str = "tag:yaml.org,2002:";

/// The value of a scalar, or why it has none.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let string = || Value::String(Str::from(text));
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { plain(text) } else { Ok(string()) };
    };
    let name = match (tag.handle.as_str(), tag.suffix.as_str()) {
        (CORE, name) => name,
        (handle, suffix) => match suffix.strip_prefix(CORE) {
            Some(name) if handle.is_empty() => name,
            // Tags of one's own say nothing about the type.
            _ => return Ok(string()),
        },
    };
    let value = match name {
        "str" => return Ok(string()),
        "binary" => {
            let bytes = base64(text).ok_or_else(|| "`!!binary` holds no base64".to_owned())?;
            return Ok(Value::String(String::from_utf8_lossy(&bytes).as_ref().into()));
        }
        "int" | "float" | "bool" | "null" => plain(text)?,
        _ => return Ok(string()),
    };
    let fits = matches!(
        (name, &value),
        ("int", Value::Int(_))
            | ("float", Value::Int(_) | Value::Float(_))
            | ("bool", Value::Bool(_))
            | ("null", Value::Null)
    );
    // The text stays unsaid: it may be the value of a Secret.
    if fits { Ok(value) } else { Err(format!("the value is no `!!{name}`; drop the tag")) }
}

/// A scalar without quotes and tag.
fn plain(text: &str) -> Result<Value, String> {
    Ok(match resolve_plain(text) {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        // What fits into 64 bits without a sign is a number still; which does not matter.
        Scalar::Int(value) => i64::try_from(value).map_or(Value::Float(f64::INFINITY), Value::Int),
        Scalar::Float(value) if !value.is_finite() => {
            return Err(format!("`{text}` is no number that JSON knows; put it in quotes"));
        }
        Scalar::Float(value) => float(value),
        Scalar::Str => Value::String(Str::from(text)),
    })
}

/// JSON writes a number without a fraction as an integer.
fn float(value: f64) -> Value {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    let integer = whole.then(|| format!("{value}").parse().ok()).flatten();
    integer.map_or(Value::Float(value), Value::Int)
}

/// The name of a field: strings, and what is written like a number or a boolean, as JSON writes it.
pub(super) fn field_name(value: &Value) -> Option<Str> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => Str::const_new(if *value { "true" } else { "false" }),
        Value::Int(value) => value.to_string().into(),
        Value::Float(value) => value.to_string().into(),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    })
}

/// Base64 with padding; white space within is skipped.
fn base64(text: &str) -> Option<Vec<u8>> {
    let characters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let (groups, rest) = characters.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (index, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 != groups.len()) {
            return None;
        }
        let mut bits = 0_u32;
        for byte in group.iter().take(4 - padding) {
            bits = (bits << 6) | u32::from(sextet(*byte)?);
        }
        bits <<= 6 * u32::try_from(padding).ok()?;
        bytes.extend(bits.to_be_bytes().into_iter().skip(1).take(3 - padding));
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Value {
        plain(text).unwrap()
    }

    #[test]
    fn plain_words_are_those_of_yaml_1_1() {
        for text in ["y", "Y", "yes", "on", "ON", "true", "True"] {
            assert_eq!(resolved(text), Value::Bool(true), "{text}");
        }
        for text in ["n", "NO", "off", "False"] {
            assert_eq!(resolved(text), Value::Bool(false), "{text}");
        }
        for text in ["", "~", "Null"] {
            assert_eq!(resolved(text), Value::Null, "{text}");
        }
        for text in
            ["yEs", "nULL", "tRue", "get", "*", "=", "<<", ".", "-", "+", "1.2.3", "0x", "1e"]
        {
            assert_eq!(resolved(text), Value::String(text.into()), "{text}");
        }
    }

    #[test]
    fn numbers_are_those_of_go() {
        for (text, number) in [
            ("014", 12),
            ("08", 8),
            ("0o14", 12),
            ("0x10", 16),
            ("-0b11", -3),
            ("1_000", 1000),
            ("12e03", 12000),
            ("1.", 1),
            ("+1", 1),
        ] {
            assert_eq!(resolved(text), Value::Int(number), "{text}");
        }
        assert_eq!(resolved(".5"), Value::Float(0.5));
        for text in ["2020-01-01", "12:30:45", "1,000", "--1", "0x-1", "1e3.5", "1e999", "._5"] {
            assert_eq!(resolved(text), Value::String(text.into()), "{text}");
        }
        assert!(plain(".inf").is_err());
    }

    #[test]
    fn base64_is_read_and_anything_else_is_not() {
        assert_eq!(base64("aGk="), Some(b"hi".to_vec()));
        assert_eq!(base64("aGko\nLCw="), Some(b"hi(,,".to_vec()));
        for text in ["aGk", "a===", "aG=k", "ü==="] {
            assert_eq!(base64(text), None, "{text}");
        }
    }
}
