//! A world as files: what `kubectl get -o json` and `-o yaml` print, and reviews line by line.

use std::io::{self, Write};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::GROUP;
use serde_json::{Map, Value, json};

use crate::world::queries::Query;

/// Every object as the API server returns it, keys sorted, in the order of `kubectl get
/// clusterroles,clusterrolebindings,roles,rolebindings -A`.
pub(crate) fn objects(inventory: &Inventory) -> impl Iterator<Item = Value> + '_ {
    let cluster_roles = inventory.cluster_roles.iter().map(|it| object("ClusterRole", &it.value));
    let cluster_role_bindings =
        inventory.cluster_role_bindings.iter().map(|it| object("ClusterRoleBinding", &it.value));
    let roles = inventory.roles.iter().map(|it| object("Role", &it.value));
    let role_bindings = inventory.role_bindings.iter().map(|it| object("RoleBinding", &it.value));
    cluster_roles.chain(cluster_role_bindings).chain(roles).chain(role_bindings)
}

/// Adds what the types of the engine do not keep: kind and version. Uids, creation times and
/// annotations are left out, as they are from dumps that somebody keeps; with them the file would be
/// a fifth larger.
fn object(kind: &str, value: &impl serde::Serialize) -> Value {
    let mut fields = match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.insert("apiVersion".to_owned(), format!("{GROUP}/v1").into());
    fields.insert("kind".to_owned(), kind.into());
    Value::Object(fields)
}

/// A `List`, compact as the API server sends it, one object a line.
pub(crate) fn json_list(inventory: &Inventory, out: &mut impl Write) -> io::Result<()> {
    out.write_all(br#"{"apiVersion":"v1","items":["#)?;
    for (index, object) in objects(inventory).enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &object)?;
    }
    out.write_all(b"\n],\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"\"}}\n")
}

/// The same `List` in block style.
pub(crate) fn yaml_list(inventory: &Inventory, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"apiVersion: v1\nitems:\n")?;
    for object in objects(inventory) {
        out.write_all(b"- ")?;
        yaml(&object, 1, true, out)?;
    }
    out.write_all(b"kind: List\nmetadata:\n  resourceVersion: \"\"\n")
}

/// Writes a value whose first line is already begun when `inline`; sequences are not indented
/// below their key, as kubectl prints them.
fn yaml(value: &Value, depth: usize, inline: bool, out: &mut impl Write) -> io::Result<()> {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (index, (key, value)) in fields.iter().enumerate() {
                if index > 0 || !inline {
                    out.write_all(indent.as_bytes())?;
                }
                scalar(key, out)?;
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.write_all(b":\n")?;
                        yaml(value, depth + 1, false, out)?;
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        out.write_all(b":\n")?;
                        yaml(value, depth, false, out)?;
                    }
                    _ => {
                        out.write_all(b": ")?;
                        yaml(value, depth, true, out)?;
                    }
                }
            }
            if fields.is_empty() { out.write_all(b"{}\n") } else { Ok(()) }
        }
        Value::Array(items) => {
            for item in items {
                out.write_all(indent.as_bytes())?;
                out.write_all(b"- ")?;
                yaml(item, depth + 1, true, out)?;
            }
            if items.is_empty() { out.write_all(b"[]\n") } else { Ok(()) }
        }
        Value::String(text) => {
            scalar(text, out)?;
            out.write_all(b"\n")
        }
        other => writeln!(out, "{other}"),
    }
}

/// A string, bare where YAML would read the same string back, else quoted as in JSON.
fn scalar(text: &str, out: &mut impl Write) -> io::Result<()> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=,".contains(&byte);
    let bare = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && text.bytes().all(safe)
        && !text.ends_with(':')
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if bare { out.write_all(text.as_bytes()) } else { Ok(serde_json::to_writer(out, text)?) }
}

/// A `SubjectAccessReviewSpec`, one line; without a user for who-can questions.
pub(crate) fn spec(query: &Query) -> Value {
    let asked = &query.asked;
    let mut spec = if asked.path.is_empty() {
        let mut attributes = Map::new();
        let fields = [
            ("namespace", &asked.namespace),
            ("verb", &asked.verb),
            ("group", &asked.group),
            ("resource", &asked.resource),
            ("subresource", &asked.subresource),
            ("name", &asked.name),
        ];
        for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            attributes.insert(field.to_owned(), value.as_str().into());
        }
        json!({ "resourceAttributes": attributes })
    } else {
        json!({ "nonResourceAttributes": { "path": asked.path, "verb": asked.verb } })
    };
    if let Some(fields) = spec.as_object_mut().filter(|_| !query.user.name.is_empty()) {
        fields.insert("user".to_owned(), query.user.name.as_str().into());
        fields.insert("groups".to_owned(), json!(query.user.groups));
    }
    spec
}
