//! Whole objects, every field kept: for those who change an object and hand it on.
//!
//! JSON, YAML, several documents in a text, and lists are read; of a list each item is an object.

use std::cell::RefCell;
use std::sync::Arc;

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value as Json};

use super::node::{Node, NodeSeed, Value};
use super::{Limits, LoadError, files, text, yaml};
use crate::model::Origin;

/// An object, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The object.
    pub value: Json,
    /// Its place in the text.
    pub origin: Origin,
}

/// What a text holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects {
    /// The objects, in order.
    pub objects: Vec<Object>,
    /// Whether they came in a list, or were several.
    pub is_list: bool,
}

/// Reads every object of a text, which may be gzipped. `name` is what origins call it.
///
/// ```
/// use portcullis::source::objects;
///
/// let text = b"kind: List\napiVersion: v1\nitems:\n- {kind: A, x: [1]}\n- {kind: B}\n";
/// let read = objects::read("two.yaml", text)?;
/// assert!(read.is_list);
/// assert_eq!(read.objects[0].value, serde_json::json!({"kind": "A", "x": [1]}));
/// assert_eq!(read.objects[1].origin.to_string(), "two.yaml:5");
/// # Ok::<(), portcullis::source::LoadError>(())
/// ```
///
/// # Errors
/// When it is neither JSON nor YAML, passes a limit, or a field stands twice in an object: what is
/// handed on must be what was decided on.
pub fn read(name: &str, bytes: &[u8]) -> Result<Objects, LoadError> {
    let limits = Limits { max_bytes: 64 << 20, ..Limits::default() };
    let name: Arc<str> = Arc::from(name);
    let bytes = files::decompress(&name, bytes.to_vec(), limits.max_bytes, &limits)?;
    let text = text::decode(&name, bytes)?;
    let mut found = Objects::default();
    let roots = if text::looks_like_json(&text) {
        from_json(&name, &text)?
    } else {
        from_yaml(&name, &text, &limits)?
    };
    found.is_list = roots.len() > 1;
    for root in roots {
        found.add(root, "", "");
    }
    Ok(found)
}

impl Objects {
    /// An object, or the objects of a list; what those leave out is what the list says.
    fn add(&mut self, root: (Json, Origin, Vec<u32>), api_version: &str, kind: &str) {
        let (mut value, origin, lines) = root;
        if let Json::Object(object) = &mut value {
            for (field, inherited) in [("apiVersion", api_version), ("kind", kind)] {
                if !inherited.is_empty() {
                    object.entry(field).or_insert_with(|| inherited.into());
                }
            }
        }
        let text = |field: &str| value.get(field).and_then(Json::as_str).unwrap_or_default();
        let Some(item_kind) = text("kind").strip_suffix("List").map(str::to_owned) else {
            self.objects.push(Object { value, origin });
            return;
        };
        let version = if item_kind.is_empty() { "" } else { text("apiVersion") }.to_owned();
        self.is_list = true;
        let items = value.get_mut("items").map(Json::take);
        let Some(Json::Array(items)) = items else { return };
        let mut lines = lines.into_iter();
        for item in items {
            let line = lines.next().unwrap_or(origin.line);
            let origin = Origin { line, ..origin.clone() };
            self.add((item, origin, Vec::new()), &version, &item_kind);
        }
    }
}

/// A document, its place, and the lines of its items.
type Root = (Json, Origin, Vec<u32>);

fn from_json(name: &Arc<str>, text: &str) -> Result<Vec<Root>, LoadError> {
    let line = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let broken = |error: &serde_json::Error| LoadError::Json {
        origin: Origin::new(Arc::clone(name), 0, line(error.line())),
        message: error.to_string(),
    };
    let mut roots = Vec::new();
    for raw in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        let raw = raw.map_err(|error| broken(&error))?;
        let duplicates = RefCell::default();
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        NodeSeed { duplicates: &duplicates }
            .deserialize(&mut reader)
            .map_err(|error| broken(&error))?;
        let origin = Origin::new(Arc::clone(name), 0, 0);
        if let Some(field) = duplicates.into_inner().first() {
            return Err(LoadError::Json { origin, message: twice(field) });
        }
        let value = serde_json::from_str(raw.get()).map_err(|error| broken(&error))?;
        roots.push((value, origin, Vec::new()));
    }
    Ok(roots)
}

fn from_yaml(name: &Arc<str>, text: &str, limits: &Limits) -> Result<Vec<Root>, LoadError> {
    let origin = |line| Origin::new(Arc::clone(name), 0, line);
    let mut roots = Vec::new();
    yaml::each(text, limits, origin, |document| {
        if let Some((field, line)) = document.duplicates.first() {
            return Err(LoadError::Yaml { origin: origin(*line), message: twice(field) });
        }
        let Some(root) = document.root else { return Ok(()) };
        let lines = match root.get("items") {
            Some(Node { value: Value::List(items), .. }) => {
                items.iter().map(|item| item.line).collect()
            }
            _ => Vec::new(),
        };
        let line = root.line;
        let value = to_json(root).map_err(|line| LoadError::Yaml {
            origin: origin(line),
            message: "a number that JSON cannot hold; put it in quotes".to_owned(),
        })?;
        roots.push((value, origin(line), lines));
        Ok(())
    })?;
    Ok(roots)
}

fn twice(field: &str) -> String {
    format!("`{}` stands twice in an object; remove one of them", text::excerpt(field, 60))
}

/// The same value as JSON. The line of a number that has none there, otherwise.
fn to_json(node: Node) -> Result<Json, u32> {
    Ok(match node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Int(value) => Json::from(value),
        Value::Float(value) => Json::Number(Number::from_f64(value).ok_or(node.line)?),
        Value::String(text) => Json::String(text.into_string()),
        Value::List(items) => {
            Json::Array(items.into_iter().map(to_json).collect::<Result<_, _>>()?)
        }
        Value::Map(fields) => {
            let mut map = Map::new();
            for (name, value) in fields {
                map.insert(name.into_string(), to_json(value)?);
            }
            Json::Object(map)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> (Vec<Json>, bool) {
        let read = read("x", text.as_bytes()).unwrap();
        (read.objects.into_iter().map(|object| object.value).collect(), read.is_list)
    }

    #[test]
    fn an_object_alone_is_no_list_in_either_language() {
        let value = json!({"kind": "A", "n": [1, 1.5, null, true, "x"], "m": {"a": "1"}});
        assert_eq!(values(&value.to_string()), (vec![value.clone()], false));
        let yaml = "kind: A\nn: [1, 1.5, null, true, x]\nm: {a: '1'}\n";
        assert_eq!(values(yaml), (vec![value], false));
    }

    #[test]
    fn several_objects_are_read_from_documents_lines_and_lists() {
        let two = vec![json!({"kind": "A"}), json!({"kind": "B"})];
        for text in [
            "kind: A\n---\nkind: B\n",
            "{\"kind\": \"A\"}\n{\"kind\": \"B\"}\n",
            "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{\"kind\":\"A\"},{\"kind\":\"B\"}]}",
            "kind: List\napiVersion: v1\nmetadata: {resourceVersion: ''}\nitems:\n- kind: A\n- kind: B\n",
        ] {
            assert_eq!(values(text), (two.clone(), true), "{text}");
        }
        let typed = "kind: AList\napiVersion: g/v1\nitems: [{x: 1}]";
        assert_eq!(values(typed).0, [json!({"kind": "A", "apiVersion": "g/v1", "x": 1})]);
    }

    #[test]
    fn nothing_is_nothing_and_an_empty_list_is_a_list() {
        assert_eq!(values("# nothing\n"), (vec![], false));
        assert_eq!(values("kind: List\napiVersion: v1\nitems: []\n"), (vec![], true));
        assert_eq!(values("{\"kind\":\"List\",\"items\":null}"), (vec![], true));
    }

    #[test]
    fn what_stands_twice_is_refused_in_either_language() {
        for text in ["a: 1\nb: {c: 1, c: 2}\n", "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}"] {
            let error = read("x", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("`c` stands twice"), "{error}");
        }
        for text in ["{", "a: [", "{\"a\": 1} x"] {
            assert!(read("x", text.as_bytes()).is_err(), "{text}");
        }
    }
}
