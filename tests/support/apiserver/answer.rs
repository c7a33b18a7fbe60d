//! What the server says to a request about a resource.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::kinds::Resource;
use super::object::{self, View, render};
use super::selector::Selector;
use super::serve::Request;
use super::status::Status;
use super::store::{self, Objects, Store};
use super::stream::Watching;
use super::{Shared, csr, lock};

pub(super) enum Answer {
    /// A code and a body.
    Whole(u16, Vec<u8>),
    Watch(Watching),
}

pub(super) fn answer(shared: &Shared, asked: &Request, body: &[u8]) -> Result<Answer, Status> {
    let (table, resource) = {
        let store = lock(&shared.store);
        let table = store.table(&asked.resource);
        (table, store.tables[table].resource)
    };
    if lock(&shared.access).forbidden.contains(resource.plural) {
        let Request { user, verb, namespace, name, .. } = asked;
        return Err(Status::forbidden(&resource, user, verb, namespace, name));
    }
    let view = view(&resource, asked)?;
    match asked.verb.as_str() {
        "list" => list(shared, table, &resource, asked, &view),
        "watch" => watch(table, &resource, asked, view),
        "get" => {
            let store = lock(&shared.store);
            let key = store::key(&resource, &asked.namespace, &asked.name);
            let found = store.tables[table].objects.get(&key);
            let found = found.ok_or_else(|| Status::not_found(&resource, &asked.name))?;
            Ok(Answer::Whole(200, view.whole(found)))
        }
        "deletecollection" => {
            let mut store = lock(&shared.store);
            let selector = selector(&resource, asked)?;
            let objects = Arc::clone(&store.tables[table].objects);
            for (key, object) in store::range(&objects, &asked.namespace, None) {
                if selector.matches(&object.value()) {
                    store.delete(table, key);
                }
            }
            Ok(Answer::Whole(200, render(&success(json!({})))))
        }
        "delete" => delete(&mut lock(&shared.store), table, &resource, asked, &view, body),
        "create" | "update"
            if !asked.content_type.is_empty()
                && !asked.content_type.starts_with("application/json") =>
        {
            Err(Status::new(415, "UnsupportedMediaType", "only application/json is served"))
        }
        _ => {
            let mut store = lock(&shared.store);
            let (code, value) = match asked.verb.as_str() {
                "create" => (201, create(&store, table, &resource, asked, read(body)?)?),
                "update" => (200, update(&store, table, &resource, asked, read(body)?)?),
                _ => patch(&store, table, &resource, asked, body)?,
            };
            if asked.parameter("dryRun").is_some() {
                let version = store.version;
                return Ok(Answer::Whole(code, view.whole(&object::Stored::new(version, &value))));
            }
            let stored = store.put(table, value);
            Ok(Answer::Whole(code, view.whole(&stored)))
        }
    }
}

/// The first of the accepted forms that there is.
fn view(resource: &Resource, asked: &Request) -> Result<View, Status> {
    let api_version = resource.api_version(&asked.version);
    let mut view = View { kind: resource.kind, api_version, is_partial: false };
    for form in asked.accept.split(',').filter(|form| !form.is_empty()) {
        let mut parameters = form.split(';').map(str::trim);
        let is_json =
            matches!(parameters.next(), Some("application/json" | "*/*" | "application/*"));
        let shape = parameters.find_map(|parameter| parameter.strip_prefix("as="));
        let shape_of_lists = asked.verb == "list";
        match shape {
            _ if !is_json => {}
            None => return Ok(view),
            Some("PartialObjectMetadataList") if shape_of_lists => {
                view.is_partial = true;
                return Ok(view);
            }
            Some("PartialObjectMetadata") if !shape_of_lists => {
                view.is_partial = true;
                return Ok(view);
            }
            Some(_) => {}
        }
    }
    if asked.accept.is_empty() {
        return Ok(view);
    }
    Err(Status::new(406, "NotAcceptable", "only application/json is served"))
}

fn selector(resource: &Resource, asked: &Request) -> Result<Selector, Status> {
    let name = (!asked.name.is_empty()).then(|| format!("metadata.name={}", asked.name));
    let fields = asked.parameter("fieldSelector").map(str::to_owned).or(name);
    Selector::parse(resource, fields.as_deref(), asked.parameter("labelSelector"))
}

fn number(asked: &Request, name: &str) -> Result<Option<u64>, Status> {
    match asked.parameter(name) {
        None | Some("") => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Status::bad_request(format!("invalid value for `{name}`: {text:?}"))),
    }
}

// ---- reading ----------------------------------------------------------------------------------------

fn list(
    shared: &Shared,
    table: usize,
    resource: &Resource,
    asked: &Request,
    view: &View,
) -> Result<Answer, Status> {
    let selector = selector(resource, asked)?;
    let wanted = number(asked, "resourceVersion")?;
    // Of version 0 the watch cache gives everything at once, whatever the limit.
    let limit = number(asked, "limit")?.filter(|limit| *limit > 0 && wanted != Some(0));
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
    let token = asked.parameter("continue").filter(|token| !token.is_empty());
    let (version, objects, start, before) = {
        let mut store = lock(&shared.store);
        match token {
            None => {
                if let Some(wanted) = wanted.filter(|wanted| *wanted > store.version) {
                    return Err(Status::too_large(wanted, store.version));
                }
                let (version, objects) = store.begin(table, limit != usize::MAX);
                (version, objects, None, 0)
            }
            Some(token) => go_on(&mut store, table, token)?,
        }
    };
    let selected = store::range(&objects, &asked.namespace, start.as_deref())
        .filter(|(_, object)| selector.is_empty() || selector.matches(&object.value()));
    let (mut items, mut last, mut count) = (Vec::new(), None, before);
    let mut selected = selected.peekable();
    for (key, object) in selected.by_ref().take(limit) {
        if !items.is_empty() {
            items.push(b',');
        }
        view.item(object, &mut items);
        last = Some(key);
        count += 1;
    }
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let (Some(last), true) = (last, selected.peek().is_some()) {
        metadata["continue"] = token_of(Some(version), &format!("{last}\0"), count).into();
        if selector.is_empty() {
            // What is counted here for nothing is much in a large cluster.
            let is_all = asked.namespace.is_empty();
            let left = if is_all { objects.len() - count } else { selected.count() };
            metadata["remainingItemCount"] = left.into();
        }
    }
    let (kind, api_version) = view.list();
    let mut text =
        format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":"#).into_bytes();
    text.extend(render(&metadata));
    text.extend_from_slice(br#","items":["#);
    text.extend(items);
    text.extend_from_slice(b"]}\n");
    Ok(Answer::Whole(200, text))
}

/// As the API server writes them: where the next page begins, and of which version. And how many objects
/// were listed before.
fn token_of(version: Option<u64>, start: &str, before: usize) -> String {
    let version = version.map_or(json!(-1), |version| json!(version));
    URL_SAFE_NO_PAD.encode(
        json!({"v": "meta.k8s.io/v1", "rv": version, "start": start, "n": before}).to_string(),
    )
}

type Page = (u64, Arc<Objects>, Option<String>, usize);

fn go_on(store: &mut Store, table: usize, token: &str) -> Result<Page, Status> {
    let bad = || Status::bad_request("continue key is not valid");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    let start = token["start"].as_str().ok_or_else(bad)?.to_owned();
    let Some(version) = token["rv"].as_u64() else {
        // -1: whoever has one of these takes what there is now.
        let (version, objects) = store.begin(table, true);
        let before = store::range(&objects, "", None).take_while(|(key, _)| **key < start).count();
        return Ok((version, objects, Some(start), before));
    };
    let expired = || Status::expired_continue(&token_of(None, &start, 0));
    let objects = store.go_on(table, version).ok_or_else(expired)?;
    let before = token["n"].as_u64().and_then(|count| usize::try_from(count).ok());
    Ok((version, objects, Some(start), before.ok_or_else(bad)?))
}

fn watch(table: usize, resource: &Resource, asked: &Request, view: View) -> Result<Answer, Status> {
    if asked.is_set("sendInitialEvents") {
        let why = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature \
                   gate is enabled";
        return Err(Status::invalid(resource, "", "sendInitialEvents", why));
    }
    let selector = selector(resource, asked)?;
    let cursor = number(asked, "resourceVersion")?.unwrap_or(0);
    let timeout = number(asked, "timeoutSeconds")?.filter(|seconds| *seconds > 0);
    let has_bookmarks = asked.is_set("allowWatchBookmarks");
    let timeout = Duration::from_secs(timeout.unwrap_or(1800));
    let namespace = asked.namespace.clone();
    let watching = Watching { table, cursor, namespace, selector, view, has_bookmarks, timeout };
    Ok(Answer::Watch(watching))
}

// ---- writing ----------------------------------------------------------------------------------------

fn read(body: &[u8]) -> Result<Value, Status> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("the body is no JSON: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(Status::bad_request("the body is no object")) }
}

/// Puts name and namespace of the URL into an object that may say the same.
fn place(resource: &Resource, asked: &Request, value: &mut Value) -> Result<(), Status> {
    let kind = value["kind"].as_str().unwrap_or(resource.kind);
    if kind != resource.kind {
        return Err(Status::bad_request(format!(
            "{kind} in version \"v1\" cannot be handled as a {}",
            resource.kind
        )));
    }
    for (field, said) in [("namespace", &asked.namespace), ("name", &asked.name)] {
        if said.is_empty() {
            continue;
        }
        let found = &value["metadata"][field];
        if !found.is_null() && found != "" && found != said.as_str() {
            return Err(Status::bad_request(format!(
                "the {field} of the provided object does not match the {field} sent on the request"
            )));
        }
        value["metadata"][field] = said.as_str().into();
    }
    if resource.namespaced && asked.namespace.is_empty() {
        return Err(Status::bad_request("an empty namespace may not be set during creation"));
    }
    Ok(())
}

fn create(
    store: &Store,
    table: usize,
    resource: &Resource,
    asked: &Request,
    mut value: Value,
) -> Result<Value, Status> {
    place(resource, asked, &mut value)?;
    let version = store.version + 1;
    let text = |value: &Value, field: &str| {
        value["metadata"][field].as_str().unwrap_or_default().to_owned()
    };
    let (mut name, prefix) = (text(&value, "name"), text(&value, "generateName"));
    if name.is_empty() && !prefix.is_empty() {
        name = format!("{prefix}{version:05x}");
        value["metadata"]["name"] = name.as_str().into();
    }
    if name.is_empty() {
        let why = "Required value: name or generateName is required";
        return Err(Status::invalid(resource, "", "metadata.name", why));
    }
    if !text(&value, "resourceVersion").is_empty() {
        return Err(Status::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        // Only the server gives these.
        for field in ["uid", "creationTimestamp", "deletionTimestamp"] {
            metadata.remove(field);
        }
    }
    let key = store::key(resource, &asked.namespace, &name);
    if store.tables[table].objects.contains_key(&key) {
        return Err(Status::exists(resource, &name));
    }
    match resource.plural {
        "certificatesigningrequests" => csr::create(&mut value, &asked.user),
        "pods" => value["status"] = json!({"phase": "Pending"}),
        "namespaces" => value["status"] = json!({"phase": "Active"}),
        _ => {}
    }
    Ok(value)
}

fn update(
    store: &Store,
    table: usize,
    resource: &Resource,
    asked: &Request,
    mut value: Value,
) -> Result<Value, Status> {
    place(resource, asked, &mut value)?;
    let name = &asked.name;
    let key = store::key(resource, &asked.namespace, name);
    let old = store.tables[table].objects.get(&key);
    let old = old.ok_or_else(|| Status::not_found(resource, name))?.value();
    let metadata = &value["metadata"];
    let version = metadata["resourceVersion"].as_str().unwrap_or_default();
    if !version.is_empty() && version != old["metadata"]["resourceVersion"] {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        return Err(Status::conflict(resource, name, why));
    }
    let uid = metadata["uid"].as_str().unwrap_or_default();
    if !uid.is_empty() && uid != old["metadata"]["uid"] {
        let why = format!(
            "StorageError: invalid object, Code: 4, Precondition failed: UID in precondition: {uid}, \
             UID in object meta: {}",
            old["metadata"]["uid"].as_str().unwrap_or_default()
        );
        return Err(Status::conflict(resource, name, &why));
    }
    if resource.plural == "certificatesigningrequests" {
        return csr::update(resource, &asked.subresource, &old, value);
    }
    if asked.subresource == "status" {
        let mut kept = old;
        kept["status"] = value["status"].take();
        return Ok(kept);
    }
    if resource.subresources.contains(&"status") && !old["status"].is_null() {
        value["status"] = old["status"].clone();
    }
    Ok(value)
}

fn patch(
    store: &Store,
    table: usize,
    resource: &Resource,
    asked: &Request,
    body: &[u8],
) -> Result<(u16, Value), Status> {
    let is_apply = asked.content_type.starts_with("application/apply-patch+yaml");
    let is_merge = ["application/merge-patch+json", "application/strategic-merge-patch+json"]
        .iter()
        .any(|kind| asked.content_type.starts_with(kind));
    if !is_apply && !is_merge {
        return Err(Status::new(415, "UnsupportedMediaType", "only merge patches are served"));
    }
    let changes = read(body)?;
    let key = store::key(resource, &asked.namespace, &asked.name);
    let Some(old) = store.tables[table].objects.get(&key) else {
        return match is_apply {
            true => Ok((201, create(store, table, resource, asked, changes)?)),
            false => Err(Status::not_found(resource, &asked.name)),
        };
    };
    let mut value = old.value();
    object::merge(&mut value, changes);
    Ok((200, update(store, table, resource, asked, value)?))
}

fn delete(
    store: &mut Store,
    table: usize,
    resource: &Resource,
    asked: &Request,
    view: &View,
    body: &[u8],
) -> Result<Answer, Status> {
    let name = &asked.name;
    let key = store::key(resource, &asked.namespace, name);
    let old = store.tables[table].objects.get(&key);
    let old = old.ok_or_else(|| Status::not_found(resource, name))?.value();
    let options = if body.is_empty() { Value::Null } else { read(body)? };
    for field in ["uid", "resourceVersion"] {
        let wanted = &options["preconditions"][field];
        if !wanted.is_null() && *wanted != old["metadata"][field] {
            let why = format!(
                "Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {}",
                old["metadata"][field]
            );
            return Err(Status::conflict(resource, name, &why));
        }
    }
    let gone = store.delete(table, &key).ok_or_else(|| Status::not_found(resource, name))?;
    if resource.answers_deleted {
        return Ok(Answer::Whole(200, view.whole(&gone)));
    }
    let details = json!({
        "name": name, "group": resource.group, "kind": resource.plural,
        "uid": old["metadata"]["uid"],
    });
    Ok(Answer::Whole(200, render(&success(details))))
}

fn success(details: Value) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    })
}
