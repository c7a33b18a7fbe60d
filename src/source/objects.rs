//! Which objects of any kind are in this text, with every field they have?
//!
//! JSON (one value or a stream of them) and YAML of one or more documents; the items of a list are
//! given one by one. Made for objects that are changed and written out again, such as
//! CertificateSigningRequests: no field is lost.
//!
//! Absent on purpose: what the fields mean (see `api`), and policy (see [`super::load`]).
//!
//! ```
//! use portcullis::source::objects;
//!
//! let text = "kind: List\nitems:\n- {kind: A, x: 1}\n- {kind: B}\n---\nkind: C\n";
//! let found = objects::read("some.yaml", text.as_bytes().to_vec())?;
//! let kinds: Vec<_> = found.iter().map(|object| object.value["kind"].as_str()).collect();
//! assert_eq!(kinds, [Some("A"), Some("B"), Some("C")]);
//! assert_eq!(found[1].origin.to_string(), "some.yaml:4");
//! # Ok::<(), portcullis::source::LoadError>(())
//! ```

use std::sync::Arc;

use serde_json::Value;

use super::document::{Node, Value as NodeValue};
use super::{Limits, LoadError, text, yaml};
use crate::model::Origin;

/// An object, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// All of it.
    pub value: Value,
    /// Its first line; 0 in JSON.
    pub origin: Origin,
}

/// Reads all objects of a text. `name` is what errors call it.
///
/// # Errors
/// When it is neither JSON nor YAML, when a field of an object stands twice in YAML, or when a limit
/// of [`Limits`] is passed.
pub fn read(name: &str, bytes: Vec<u8>) -> Result<Vec<Object>, LoadError> {
    let name: Arc<str> = Arc::from(name);
    let text = text::decode(&name, bytes)?;
    let origin = |line| Origin::new(Arc::clone(&name), 0, line);
    let mut found = Vec::new();
    if text::looks_like_json(&text) {
        let values: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        if let Ok(values) = values {
            for value in values {
                unpack(Object { value, origin: origin(0) }, |_| 0, &mut found);
            }
            return Ok(found);
        }
    }
    // What begins like JSON and is none may be YAML; if not, that says where it is wrong.
    yaml::each(&text, &Limits::default(), origin, |document| {
        if let Some((field, line)) = document.duplicates.first() {
            let message = format!("field `{field}` stands twice; remove one");
            return Err(LoadError::Yaml { origin: origin(*line), message });
        }
        if let Some(root) = document.root {
            let lines = item_lines(&root);
            let object = Object { origin: origin(root.line), value: json(root) };
            let line = |item| lines.get(item).copied().unwrap_or_default();
            unpack(object, line, &mut found);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The items of a list, or the object.
fn unpack(object: Object, line: impl Fn(usize) -> u32, found: &mut Vec<Object>) {
    let Object { mut value, origin } = object;
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|it| it.ends_with("List"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            found.extend(items.into_iter().enumerate().map(|(item, value)| Object {
                value,
                origin: Origin { line: line(item), ..origin.clone() },
            }));
        }
        Some(items) => {
            if let Some(place) = value.get_mut("items") {
                *place = items;
            }
            found.push(Object { value, origin });
        }
        None => found.push(Object { value, origin }),
    }
}

fn item_lines(root: &Node) -> Vec<u32> {
    let NodeValue::Map(fields) = &root.value else { return Vec::new() };
    let items = fields.iter().find(|(name, _)| name == "items").map(|(_, items)| &items.value);
    match items {
        Some(NodeValue::List(items)) => items.iter().map(|item| item.line).collect(),
        _ => Vec::new(),
    }
}

fn json(node: Node) -> Value {
    match node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Bool(value) => value.into(),
        NodeValue::Int(value) => value.into(),
        NodeValue::Float(value) => value.into(),
        NodeValue::String(value) => value.as_str().into(),
        NodeValue::List(items) => items.into_iter().map(json).collect(),
        NodeValue::Map(fields) => {
            fields.into_iter().map(|(name, node)| (name.as_str().to_owned(), json(node))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Value> {
        let found = read("t", text.as_bytes().to_vec()).unwrap();
        found.into_iter().map(|object| object.value).collect()
    }

    #[test]
    fn json_lists_streams_and_yaml_give_the_same_objects() {
        let a = serde_json::json!({"kind": "A", "n": 7, "f": 0.5, "t": "x", "l": [null, true]});
        let b = serde_json::json!({"kind": "B", "items": [1]});
        let list = serde_json::json!({"kind": "AList", "items": [a, b]});
        for text in [
            list.to_string(),
            format!("{a}\n{b}\n"),
            format!("---\n{a}\n---\n# nothing\n---\n{b}"),
            "kind: List\nitems:\n- {kind: A, n: 7, f: 0.5, t: x, l: [null, true]}\n- kind: B\n  items: [1]\n"
                .to_owned(),
        ] {
            assert_eq!(values(&text), [a.clone(), b.clone()], "{text}");
        }
        assert_eq!(values("# nothing"), [Value::Null; 0]);
    }

    #[test]
    fn a_text_that_is_neither_is_refused_with_its_line() {
        for (text, line) in [("{\"kind\": \"A\"", "t:"), ("a: 1\na: 2\n", "t:2"), ("a: [\n", "t:")]
        {
            let error = read("t", text.as_bytes().to_vec()).unwrap_err();
            assert!(error.to_string().starts_with(line), "{error}");
        }
    }
}
