//! Objects as the API server keeps and writes them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::kinds::Resource;

/// An object of the store.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) version: u64,
    /// JSON without `kind` and `apiVersion`, which are those of the list it stands in.
    pub(crate) body: Arc<[u8]>,
}

impl Stored {
    pub(crate) fn new(version: u64, value: &Value) -> Self {
        Self { version, body: render(value).into() }
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How an object is shown.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) kind: &'static str,
    pub(crate) api_version: String,
    /// Only the metadata, as `PartialObjectMetadata`.
    pub(crate) is_partial: bool,
}

impl View {
    /// With `kind` and `apiVersion`.
    pub(crate) fn whole(&self, object: &Stored) -> Vec<u8> {
        if self.is_partial {
            let metadata = &object.value()["metadata"];
            return render(&json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            }));
        }
        let Self { kind, api_version, .. } = self;
        let mut text = format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}""#).into_bytes();
        if object.body.len() > 2 {
            text.push(b',');
        }
        text.extend_from_slice(&object.body[1..]);
        text
    }

    /// As an item of a list: metadata alone says what it is, all others do not.
    pub(crate) fn item(&self, object: &Stored, into: &mut Vec<u8>) {
        match self.is_partial {
            true => into.extend(self.whole(object)),
            false => into.extend_from_slice(&object.body),
        }
    }

    /// `kind` and `apiVersion` of the list.
    pub(crate) fn list(&self) -> (String, &str) {
        match self.is_partial {
            true => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1"),
            false => (format!("{}List", self.kind), &self.api_version),
        }
    }

    pub(crate) fn event(&self, what: &str, object: &Stored) -> Vec<u8> {
        let mut line = format!(r#"{{"type":"{what}","object":"#).into_bytes();
        line.extend(self.whole(object));
        line.extend_from_slice(b"}\n");
        line
    }

    /// A bookmark: an object of the kind with nothing but a version.
    pub(crate) fn bookmark(&self, version: u64) -> Vec<u8> {
        let metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        let object = match (self.is_partial, self.kind) {
            (false, "RoleBinding" | "ClusterRoleBinding") => {
                json!({"metadata": metadata, "roleRef": {"apiGroup": "", "kind": "", "name": ""}})
            }
            (false, "Role" | "ClusterRole") => json!({"metadata": metadata, "rules": null}),
            (false, "Pod") => {
                json!({"metadata": metadata, "spec": {"containers": null}, "status": {}})
            }
            _ => json!({"metadata": metadata}),
        };
        self.event("BOOKMARK", &Stored::new(version, &object))
    }
}

/// What the server itself writes into an object that comes in.
pub(super) fn complete(
    resource: &Resource,
    mut value: Value,
    before: Option<&Value>,
    version: u64,
) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    let managed = managed_fields(resource, &value);
    let metadata = &mut value["metadata"];
    let kept = |field: &str| before.and_then(|before| before["metadata"].get(field).cloned());
    let given = |metadata: &Value, field: &str| metadata.get(field).cloned();
    metadata["uid"] = kept("uid")
        .or_else(|| given(metadata, "uid"))
        .unwrap_or_else(|| format!("5eed0000-0000-4000-8000-{version:012x}").into());
    metadata["creationTimestamp"] = kept("creationTimestamp")
        .or_else(|| given(metadata, "creationTimestamp").filter(Value::is_string))
        .unwrap_or_else(|| now().into());
    metadata["resourceVersion"] = version.to_string().into();
    metadata["managedFields"] = managed;
    value
}

/// As the server tracks them, as far as readers care: a nested mass of no interest to decisions.
fn managed_fields(resource: &Resource, value: &Value) -> Value {
    let mut fields = Map::new();
    for name in value.as_object().into_iter().flat_map(Map::keys).filter(|name| *name != "metadata")
    {
        fields.insert(format!("f:{name}"), json!({}));
    }
    json!([{
        "manager": "kubectl-create", "operation": "Update",
        "apiVersion": resource.api_version(resource.versions[0]), "time": now(),
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    }])
}

/// Whether two say the same but for what the server itself writes.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
            metadata.remove("managedFields");
        }
        value
    };
    bare(one) == bare(other)
}

pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// JSON merge patch, RFC 7396.
pub(super) fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.as_object_mut().unwrap().remove(&name);
            }
            value => merge(&mut into[name], value),
        }
    }
}

// ---- writing --------------------------------------------------------------------------------------

/// Compact JSON, fields in the order of Kubernetes' types as far as they are known, escaped as Go does.
pub(crate) fn render(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write(value, "", &mut text);
    text
}

const ORDER: &[&str] = &[
    "kind",
    "apiVersion",
    "metadata",
    // Metadata.
    "manager",
    "operation",
    "apiGroup",
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "continue",
    "remainingItemCount",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "time",
    "fieldsType",
    "fieldsV1",
    // Rules.
    "verbs",
    "apiGroups",
    "resources",
    "resourceNames",
    "nonResourceURLs",
    // The rest of objects.
    "rules",
    "aggregationRule",
    "subjects",
    "roleRef",
    "spec",
    "status",
    "immutable",
    "data",
    "binaryData",
    "type",
    // Status objects.
    "message",
    "reason",
    "details",
    "code",
];

fn rank(parent: &str, field: &str) -> usize {
    if parent == "roleRef" && field == "apiGroup" {
        return 0;
    }
    ORDER.iter().position(|known| *known == field).map_or(ORDER.len(), |at| at + 1)
}

fn write(value: &Value, parent: &str, into: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            // Maps with free keys are sorted by key, as Go does.
            if !matches!(parent, "labels" | "annotations" | "data" | "matchLabels") {
                names.sort_by_key(|name| (rank(parent, name), *name));
            }
            into.push(b'{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    into.push(b',');
                }
                write_text(name, into);
                into.push(b':');
                write(&fields[name], name, into);
            }
            into.push(b'}');
        }
        Value::Array(items) => {
            into.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    into.push(b',');
                }
                write(item, "", into);
            }
            into.push(b']');
        }
        Value::String(text) => write_text(text, into),
        other => into.extend_from_slice(other.to_string().as_bytes()),
    }
}

fn write_text(text: &str, into: &mut Vec<u8>) {
    let plain = serde_json::to_string(text).unwrap();
    if !plain.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        into.extend_from_slice(plain.as_bytes());
        return;
    }
    for c in plain.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                into.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => into.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
