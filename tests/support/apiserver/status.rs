//! The API server's way to say no.

use serde_json::{Value, json};

use super::kinds::Resource;

/// A `Status` object that is an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) body: Value,
    /// The header `Retry-After`, seconds.
    pub(crate) retry_after: Option<u64>,
}

impl Status {
    pub(crate) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Self { code, body, retry_after: None }
    }

    fn details(mut self, details: Value) -> Self {
        self.body["details"] = details;
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn forbidden(
        resource: &Resource,
        user: &str,
        verb: &str,
        namespace: &str,
        name: &str,
    ) -> Self {
        let qualified = resource.qualified();
        let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let place = match namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let message = format!(
            "{qualified}{named} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API \
             group \"{}\" {place}",
            resource.plural, resource.group,
        );
        Self::new(403, "Forbidden", message)
            .details(json!({"name": name, "group": resource.group, "kind": resource.plural}))
    }

    /// What there is no handler for, resources that are not served included: not a Status, but a text.
    pub(crate) fn no_such_path() -> Self {
        Self { code: 404, body: Value::Null, retry_after: None }
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
            .details(json!({"name": name, "group": resource.group, "kind": resource.plural}))
    }

    pub(crate) fn exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message)
            .details(json!({"name": name, "group": resource.group, "kind": resource.plural}))
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified(),);
        Self::new(409, "Conflict", message)
            .details(json!({"name": name, "group": resource.group, "kind": resource.plural}))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn invalid(resource: &Resource, name: &str, field: &str, why: &str) -> Self {
        let qualified = match resource.group {
            "" => resource.kind.to_owned(),
            group => format!("{}.{group}", resource.kind),
        };
        let message = format!("{qualified} \"{name}\" is invalid: {field}: {why}");
        Self::new(422, "Invalid", message).details(json!({
            "name": name, "group": resource.group, "kind": resource.kind,
            "causes": [{"message": why, "field": field}],
        }))
    }

    /// A continue token whose snapshot is gone.
    pub(crate) fn expired_continue(inconsistent: &str) -> Self {
        let mut status = Self::new(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can \
             start a new list without the continue parameter, or use the continue token in this \
             response to retrieve the remainder of the results. Continuing with the provided token \
             results in an inconsistent list - objects that were created, modified, or deleted \
             between the time the first chunk was returned and now may show up in the list.",
        );
        status.body["metadata"]["continue"] = inconsistent.into();
        status
    }

    pub(crate) fn too_old(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    pub(crate) fn too_large(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut status = Self::new(504, "Timeout", message).details(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }));
        status.retry_after = Some(1);
        status
    }

    pub(crate) fn too_many_requests(seconds: u64) -> Self {
        let message = "Too many requests, please try again later.";
        let mut status = Self::new(429, "TooManyRequests", message)
            .details(json!({"retryAfterSeconds": seconds}));
        status.retry_after = Some(seconds);
        status
    }

    pub(crate) fn internal() -> Self {
        Self::new(500, "InternalError", "Internal error occurred: etcdserver: leader changed")
    }
}
