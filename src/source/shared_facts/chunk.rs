//! A ConfigMap of facts, and back.

use serde_json::{Map, Value, json};

use super::options::{FactKind, FactsOptions};

/// The label that says what a ConfigMap's facts are about.
pub(super) const KIND_LABEL: &str = "portcullis.dev/facts";
/// The label that says who writes it.
pub(super) const WRITER_LABEL: &str = "portcullis.dev/writer";
/// The annotation that says which others it stands in for.
const REPLACES: &str = "portcullis.dev/replaces";
/// The key of the lines.
const ENTRIES: &str = "entries";

/// A ConfigMap with so many bytes of lines is full, and another one is begun. The API server takes a
/// mebibyte.
pub const FULL_CHUNK: usize = 512 << 10;

/// No fact has more bytes.
pub const LONGEST_LINE: usize = 128 << 10;

/// No writer has more ConfigMaps of one kind: 32 MiB of facts.
pub const MOST_CHUNKS: usize = 64;

/// A ConfigMap of facts.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    object: Map<String, Value>,
}

impl Chunk {
    /// The first, or another one, of a writer.
    pub(super) fn new(options: &FactsOptions, kind: FactKind, number: usize) -> Self {
        let writer = options.writer_id();
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name(kind, &writer, number),
                "namespace": options.namespace,
                "labels": {KIND_LABEL: kind.as_str(), WRITER_LABEL: writer},
            },
            "data": {ENTRIES: ""},
        });
        match object {
            Value::Object(object) => Self { object },
            _ => Self { object: Map::new() },
        }
    }

    /// One that the API server has; `None` when it is no object.
    pub(super) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self { object }),
            _ => None,
        }
    }

    fn metadata(&self, field: &str) -> &str {
        let metadata = self.object.get("metadata");
        metadata.and_then(|it| it.get(field)).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.metadata("name")
    }

    /// Whether the API server has it.
    pub(super) fn is_stored(&self) -> bool {
        !self.metadata("resourceVersion").is_empty()
    }

    pub(super) fn as_value(&self) -> Value {
        Value::Object(self.object.clone())
    }

    /// Whether it can be added to: an operator may have closed it.
    fn is_closed(&self) -> bool {
        self.object.get("immutable").and_then(Value::as_bool).unwrap_or_default()
    }

    /// Which of a writer's it is.
    pub(super) fn number(&self, kind: FactKind, writer: &str) -> Option<usize> {
        let number = self.name().strip_prefix(&name_of_all(kind, writer))?;
        number.parse().ok()
    }

    /// All lines, as they stand there.
    pub(super) fn text(&self) -> &str {
        text_of(&self.object)
    }

    /// Adds lines as long as there is room; gives how many that were.
    pub(super) fn add(&mut self, lines: &[&str]) -> usize {
        let mut text = self.text().to_owned();
        if self.is_closed() {
            return 0;
        }
        // Somebody wrote it by hand, and forgot it.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let mut added = 0;
        for line in lines {
            let length = text.len().saturating_add(line.len()).saturating_add(1);
            if length > FULL_CHUNK {
                break;
            }
            text.push_str(line);
            text.push('\n');
            added += 1;
        }
        self.set(text);
        added
    }

    /// Puts a text in the place of all lines.
    pub(super) fn set(&mut self, text: String) {
        let data = self.object.entry("data").or_insert(Value::Null);
        if !data.is_object() {
            *data = Value::Object(Map::new());
        }
        if let Some(data) = data.as_object_mut() {
            data.insert(ENTRIES.to_owned(), Value::String(text));
        }
    }
}

fn text_of(object: &Map<String, Value>) -> &str {
    let data = object.get("data");
    data.and_then(|data| data.get(ENTRIES)).and_then(Value::as_str).unwrap_or_default()
}

/// What a reader sees of a ConfigMap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// All lines.
    pub(super) text: String,
    /// The names of those that it stands in for.
    pub(super) replaces: Vec<String>,
    /// When it was created, as the API server says it: in seconds of UTC, so that texts compare as times
    /// do. Tells it from others of its name.
    pub(super) created: String,
    /// Whether it says something, and not where facts stand.
    pub(super) is_strange: bool,
}

impl Seen {
    pub(super) fn of(value: &Value) -> Self {
        let metadata = value.get("metadata");
        let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
        let replaces = annotations.and_then(|annotations| annotations.get(REPLACES));
        let replaces = replaces.and_then(Value::as_str).unwrap_or_default();
        let replaces = replaces.split(',').map(str::trim);
        let created = metadata.and_then(|metadata| metadata.get("creationTimestamp"));
        let has = |field: &str, key: Option<&str>| {
            let data = value.get(field).and_then(Value::as_object);
            data.is_some_and(|data| key.map_or(!data.is_empty(), |key| data.contains_key(key)))
        };
        let says_something = has("data", None) || has("binaryData", None);
        Self {
            text: value.as_object().map(text_of).unwrap_or_default().to_owned(),
            replaces: replaces.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            created: created.and_then(Value::as_str).unwrap_or_default().to_owned(),
            is_strange: says_something && !has("data", Some(ENTRIES)),
        }
    }
}

fn name_of_all(kind: FactKind, writer: &str) -> String {
    format!("portcullis-{}-{writer}-", kind.as_str())
}

fn name(kind: FactKind, writer: &str, number: usize) -> String {
    format!("{}{number:04}", name_of_all(kind, writer))
}

/// The lines of a text that say something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty())
}
