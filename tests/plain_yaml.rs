//! The YAML that the project's own policies are written in, and no more: block maps and lists,
//! lists in brackets, plain, double-quoted and folded strings, booleans, full-line comments.
//!
//! The policies must be readable without the feature `files`, and a second, obvious reader keeps
//! the real one honest.

use serde_json::{Map, Value};

/// The documents of a file.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let mut documents = vec![Vec::new()];
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        if line == "---" {
            documents.push(Vec::new());
        } else if !content.is_empty() && !content.starts_with('#') {
            let indent = line.len() - content.len();
            documents.last_mut().unwrap().push((number + 1, indent, content.trim_end().to_owned()));
        }
    }
    documents.retain(|lines| !lines.is_empty());
    documents
        .into_iter()
        .map(|lines| {
            let mut reader = Reader { lines, next: 0 };
            let value = reader.block(0);
            assert!(reader.peek().is_none(), "line {:?} does not fit", reader.peek());
            value
        })
        .collect()
}

struct Reader {
    /// Number, indentation and content of each line.
    lines: Vec<(usize, usize, String)>,
    next: usize,
}

impl Reader {
    fn peek(&self) -> Option<&(usize, usize, String)> {
        self.lines.get(self.next)
    }

    /// The map, list or scalar whose first line is next and indented by `indent`.
    fn block(&mut self, indent: usize) -> Value {
        match self.peek() {
            Some((_, at, line)) if *at == indent && line.starts_with("- ") => self.list(indent),
            Some((number, at, line)) if *at == indent => {
                assert!(key_and_rest(line).is_some(), "line {number} is no map: {line}");
                self.map(indent)
            }
            other => panic!("{other:?} is not indented by {indent}"),
        }
    }

    fn list(&mut self, indent: usize) -> Value {
        let mut items = Vec::new();
        while let Some((_, at, line)) = self.lines.get_mut(self.next) {
            let Some(item) = line.strip_prefix("- ").map(str::to_owned) else {
                break;
            };
            if *at != indent {
                break;
            }
            if key_and_rest(&item).is_some() {
                // The dash is indentation of a map that begins on its line.
                (*at, *line) = (indent + 2, item);
                items.push(self.map(indent + 2));
            } else {
                items.push(scalar(&item));
                self.next += 1;
            }
        }
        Value::Array(items)
    }

    fn map(&mut self, indent: usize) -> Value {
        let mut map = Map::new();
        while let Some((number, at, line)) = self.peek().cloned() {
            if at != indent || line.starts_with("- ") {
                break;
            }
            let (key, rest) =
                key_and_rest(&line).unwrap_or_else(|| panic!("line {number}: {line}"));
            self.next += 1;
            let value = if rest.is_empty() {
                let at = self.peek().map_or(0, |(_, at, _)| *at);
                assert!(at > indent, "line {number} has no value");
                self.block(at)
            } else if rest == ">-" {
                self.folded(indent)
            } else {
                scalar(&rest)
            };
            assert!(map.insert(key, value).is_none(), "line {number}: {line} stands twice");
        }
        Value::Object(map)
    }

    /// The lines that are further in, joined by spaces.
    fn folded(&mut self, indent: usize) -> Value {
        let mut lines = Vec::new();
        while let Some((_, at, line)) = self.peek().filter(|(_, at, _)| *at > indent) {
            let first = lines.first().map_or(*at, |(at, _)| *at);
            assert_eq!(*at, first, "a line that is further in keeps its break: {line}");
            lines.push((*at, line.clone()));
            self.next += 1;
        }
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        Value::String(lines.join(" "))
    }
}

/// `key: rest`, the key quoted or not.
fn key_and_rest(line: &str) -> Option<(String, String)> {
    if line.starts_with(['"', '[']) {
        return None;
    }
    let (key, rest) = match line.split_once(": ") {
        Some(parts) => parts,
        None => (line.strip_suffix(':')?, ""),
    };
    Some((key.to_owned(), rest.to_owned()))
}

fn scalar(text: &str) -> Value {
    assert!(!text.starts_with(['\'', '{', '&', '*', '!', '|', '>', '%', '@']), "{text}");
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or_else(|| panic!("{text} does not end"));
        let items = inner.split(", ").filter(|item| !item.is_empty());
        return Value::Array(items.map(scalar).collect());
    }
    if text.starts_with('"') {
        return Value::String(serde_json::from_str(text).unwrap());
    }
    if let "true" | "false" = text {
        return Value::Bool(text == "true");
    }
    let odd = ["true", "false", "yes", "no", "on", "off", "null", "~", "y", "n"];
    assert!(!odd.contains(&text.to_lowercase().as_str()), "{text} must be quoted");
    assert!(text.parse::<f64>().is_err(), "{text} must be quoted");
    assert!(!text.contains(" #"), "a comment must stand on its own line: {text}");
    Value::String(text.to_owned())
}
