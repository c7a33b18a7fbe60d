//! YAML for what JSON can say. A text that could be taken for anything else is written in double
//! quotes, where JSON's escapes are YAML's.

use serde_json::Value;

/// A document, ended by a line break.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut text),
        Value::Array(list) if !list.is_empty() => block(value, 0, &mut text),
        scalar => {
            text.push_str(&inline(scalar));
            text.push('\n');
        }
    }
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                text.push_str(&format!("{indent}{}:", scalar(key)));
                after_mark(value, depth, text);
            }
        }
        Value::Array(list) => {
            for item in list {
                text.push_str(&format!("{indent}-"));
                after_mark(item, depth, text);
            }
        }
        _ => {}
    }
}

/// What follows `key:` or `-`: on the same line where it fits, else as a block below.
fn after_mark(value: &Value, depth: usize, text: &mut String) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => list.iter().any(|item| item.is_object() || item.is_array()),
        _ => false,
    };
    if is_block {
        text.push('\n');
        block(value, depth + 1, text);
    } else {
        text.push_str(&format!(" {}\n", inline(value)));
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(string) => scalar(string),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// Plain when nothing can misread it.
fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let consists = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    // What YAML 1.1 takes for a truth value, a null or a number.
    let lower = text.to_ascii_lowercase();
    let is_word = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    if begins && consists && !is_word.contains(&lower.as_str()) {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_be_misread_is_quoted_and_the_rest_is_plain() {
        let value = json!({
            "a": "pods/log", "b": "no", "c": ["get", "*", ""], "d": {}, "e": [],
            "f": [{"x": 1, "y": null}], "g": "system:masters", "h": "1e3", "i": "a\u{1b}\n",
        });
        assert_eq!(
            document(&value),
            "a: pods/log\nb: \"no\"\nc: [get, \"*\", \"\"]\nd: {}\ne: []\n\
             f:\n  -\n    x: 1\n    \"y\": null\ng: \"system:masters\"\nh: \"1e3\"\n\
             i: \"a\\u001b\\n\"\n"
        );
        assert_eq!(document(&json!("x")), "x\n");
    }
}
