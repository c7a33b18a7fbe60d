//! Strings: `strings.count`, which panics in the engine on an empty needle and counts overlaps, and
//! `urlquery.*`.

use std::collections::BTreeMap;

use regorus::Value;

use super::arguments::{members, object, string};
use super::{Builtin, Fault};

pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "strings.count", arity: 2, run: count },
    Builtin { name: "urlquery.decode", arity: 1, run: decode },
    Builtin { name: "urlquery.decode_object", arity: 1, run: decode_object },
    Builtin { name: "urlquery.encode", arity: 1, run: encode },
    Builtin { name: "urlquery.encode_object", arity: 1, run: encode_object },
    Builtin { name: "yaml.is_valid", arity: 1, run: yaml_is_valid },
];

/// As Go counts: without overlaps; an empty needle is found around each character.
fn count(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "strings.count";
    let (text, needle) = (string(function, arguments, 0)?, string(function, arguments, 1)?);
    let count = match needle {
        "" => text.chars().count() + 1,
        needle => text.matches(needle).count(),
    };
    Ok(Value::from(count))
}

/// Anything but a string is no YAML, rather than an error.
fn yaml_is_valid(arguments: &[Value]) -> Result<Value, Fault> {
    let text = string("yaml.is_valid", arguments, 0);
    Ok(Value::from(text.is_ok_and(|text| Value::from_yaml_str(text).is_ok())))
}

fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b' ' => into.push('+'),
            b'-' | b'_' | b'.' | b'~' => into.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => into.push(char::from(byte)),
            _ => {
                into.push('%');
                into.push_str(&format!("{byte:02X}"));
            }
        }
    }
}

fn unescape(function: &str, text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '+' => bytes.push(b' '),
            '%' => {
                let byte = rest.get(1..3).filter(|digits| !digits.starts_with('+'));
                let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    let escape: String = rest.chars().take(3).collect();
                    let why = format!("{function}: invalid URL escape {escape:?}");
                    return Err(Fault::Argument(why));
                };
                bytes.push(byte);
                taken = 3;
            }
            _ => bytes.extend_from_slice(rest.get(..taken).unwrap_or_default().as_bytes()),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn encode(arguments: &[Value]) -> Result<Value, Fault> {
    let mut out = String::new();
    escape(string("urlquery.encode", arguments, 0)?, &mut out);
    Ok(Value::from(out))
}

fn decode(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "urlquery.decode";
    Ok(Value::from(unescape(function, string(function, arguments, 0)?)?))
}

fn encode_object(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "urlquery.encode_object";
    let mut out = String::new();
    for (key, value) in object(function, arguments, 0)? {
        let key = string(function, std::slice::from_ref(key), 0)?;
        let one = std::slice::from_ref(value);
        let values = match value {
            Value::String(_) => vec![value],
            _ => members(function, one, 0)?,
        };
        for value in values {
            let value = string(function, std::slice::from_ref(value), 0)?;
            if !out.is_empty() {
                out.push('&');
            }
            escape(key, &mut out);
            out.push('=');
            escape(value, &mut out);
        }
    }
    Ok(Value::from(out))
}

fn decode_object(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "urlquery.decode_object";
    let mut found: BTreeMap<Value, Vec<Value>> = BTreeMap::new();
    for pair in string(function, arguments, 0)?.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            let why = format!("{function}: invalid semicolon separator in query");
            return Err(Fault::Argument(why));
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = Value::from(unescape(function, key)?);
        found.entry(key).or_default().push(Value::from(unescape(function, value)?));
    }
    let found: BTreeMap<Value, Value> =
        found.into_iter().map(|(key, values)| (key, Value::from(values))).collect();
    Ok(Value::from(found))
}

#[cfg(test)]
mod tests {
    use regorus::Value;

    use super::super::call;

    #[test]
    fn an_empty_needle_is_around_each_character_and_matches_do_not_overlap() {
        for (text, needle, want) in
            [("dummy", "", 6), ("", "", 1), ("11111", "11", 2), ("a", "b", 0)]
        {
            let arguments = Value::from(vec![Value::from(text), Value::from(needle)]);
            let got = call("strings.count", &arguments);
            assert_eq!(got, Ok(Value::from(want)), "{text} {needle}");
        }
    }

    #[test]
    fn a_query_goes_there_and_back_and_a_bad_escape_does_not() {
        let text = Value::from(vec![Value::from("a b/ü+%")]);
        let there = call("urlquery.encode", &text).unwrap();
        assert_eq!(there, Value::from("a+b%2F%C3%BC%2B%25"));
        let back = call("urlquery.decode", &Value::from(vec![there]));
        assert_eq!(back, Ok(Value::from("a b/ü+%")));
        for bad in ["%", "%4", "%zz", "%+1", "%é"] {
            let bad = Value::from(vec![Value::from(bad)]);
            assert!(call("urlquery.decode", &bad).is_err());
        }
    }
}
