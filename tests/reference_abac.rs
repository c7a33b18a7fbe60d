//! The slow, obvious ABAC evaluator: line by line, rule by rule, as `semantics` has it. It shares
//! nothing with the engine but the nouns, and lives for ever.

use portcullis::model::{Attributes, Request};
use serde_json::Value;

/// A line, with everything filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) readonly: bool,
    pub(crate) api_group: String,
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) path: String,
}

/// Reads the JSON lines of a file.
pub(crate) fn parse(text: &str) -> Vec<Policy> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| policy(&serde_json::from_str(line).unwrap()))
        .collect()
}

fn policy(value: &Value) -> Policy {
    let legacy = value["apiVersion"] != "abac.authorization.kubernetes.io/v1beta1";
    let spec = if legacy { value } else { &value["spec"] };
    let text = |field: &str| spec[field].as_str().unwrap_or_default().to_owned();
    let mut policy = Policy {
        user: text("user"),
        group: text("group"),
        readonly: spec["readonly"] == true,
        api_group: text("apiGroup"),
        resource: text("resource"),
        namespace: text("namespace"),
        path: text("nonResourcePath"),
    };
    if legacy {
        // S-ABAC-8 (a)
        if policy.user.is_empty() && policy.group.is_empty() {
            policy.group = "*".to_owned();
        }
        // (f), (c), (d), (e)
        let anything = policy.namespace.is_empty() && policy.resource.is_empty();
        policy.path = if anything { "*".to_owned() } else { String::new() };
        if policy.namespace.is_empty() {
            policy.namespace = "*".to_owned();
        }
        if policy.resource.is_empty() {
            policy.resource = "*".to_owned();
        }
        policy.api_group = "*".to_owned();
    }
    // (b), S-ABAC-9
    if policy.user == "*" || policy.group == "*" {
        policy.user.clear();
        policy.group = "system:authenticated".to_owned();
    }
    policy
}

/// Whether a line allows the request (S-ABAC-11).
pub(crate) fn allows(policies: &[Policy], request: &Request<'_>) -> bool {
    policies.iter().any(|policy| {
        subject(policy, request)
            && verb(policy, request.attributes.verb())
            && (resource(policy, &request.attributes) || path(policy, &request.attributes))
    })
}

/// S-ABAC-12
fn subject(policy: &Policy, request: &Request<'_>) -> bool {
    if policy.user.is_empty() && policy.group.is_empty() {
        return false;
    }
    let user = policy.user.is_empty() || policy.user == request.user.name;
    let group = policy.group.is_empty() || request.user.groups.contains(&policy.group);
    user && group
}

/// S-ABAC-13
fn verb(policy: &Policy, verb: &str) -> bool {
    verb == "get" || verb == "list" || verb == "watch" || !policy.readonly
}

/// S-ABAC-14
fn resource(policy: &Policy, attributes: &Attributes<'_>) -> bool {
    let Attributes::Resource(asked) = attributes else {
        return false;
    };
    (policy.namespace == "*" || policy.namespace == asked.namespace)
        && (policy.resource == "*" || policy.resource == asked.resource)
        && (policy.api_group == "*" || policy.api_group == asked.group)
}

/// S-ABAC-16
fn path(policy: &Policy, attributes: &Attributes<'_>) -> bool {
    let Attributes::NonResource(asked) = attributes else {
        return false;
    };
    policy.path == "*"
        || policy.path == asked.path
        || (policy.path.ends_with('*') && asked.path.starts_with(policy.path.trim_end_matches('*')))
}
