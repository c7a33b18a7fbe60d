//! What a kube-apiserver would say about an AuthorizationConfiguration (S-ACFG-1 to S-ACFG-7), as
//! far as a generated one can get it wrong.

use std::collections::BTreeSet;

use portcullis::cel::Expression;
use serde_json::Value;

/// Everything that is wrong. `minor` is the version of the server.
pub(super) fn mistakes(configuration: &Value, minor: u32) -> Vec<String> {
    let mut found = Vec::new();
    let api = if minor < 32 { "v1beta1" } else { "v1" };
    if configuration["apiVersion"] != format!("apiserver.config.k8s.io/{api}") {
        found.push("apiVersion".to_owned());
    }
    if configuration["kind"] != "AuthorizationConfiguration" {
        found.push("kind".to_owned());
    }
    unknown(configuration, &["apiVersion", "kind", "authorizers"], &mut found);
    let authorizers = configuration["authorizers"].as_array().cloned().unwrap_or_default();
    if authorizers.is_empty() {
        found.push("authorizers: Required value".to_owned());
    }
    let (mut names, mut types) = (BTreeSet::new(), BTreeSet::new());
    for authorizer in &authorizers {
        unknown(authorizer, &["type", "name", "webhook"], &mut found);
        let (kind, name) = (text(authorizer, "type"), text(authorizer, "name"));
        if !names.insert(name.clone()) || !is_dns_name(&name) {
            found.push(format!("name: {name}"));
        }
        match kind.as_str() {
            "Webhook" => webhook(&authorizer["webhook"], minor, &mut found),
            "Node" | "RBAC" | "ABAC" | "AlwaysAllow" | "AlwaysDeny" => {
                if !types.insert(kind.clone()) {
                    found.push(format!("type: Duplicate value: {kind}"));
                }
                if name != kind.to_lowercase() {
                    found.push(format!("name: {name} for {kind}"));
                }
                if !authorizer["webhook"].is_null() {
                    found.push(format!("webhook: for {kind}"));
                }
            }
            _ => found.push(format!("type: {kind}")),
        }
    }
    found
}

fn webhook(webhook: &Value, minor: u32, found: &mut Vec<String>) {
    let mut known = vec![
        "authorizedTTL",
        "unauthorizedTTL",
        "timeout",
        "subjectAccessReviewVersion",
        "matchConditionSubjectAccessReviewVersion",
        "failurePolicy",
        "connectionInfo",
        "matchConditions",
    ];
    if minor >= 34 {
        known.extend(["cacheAuthorizedRequests", "cacheUnauthorizedRequests"]);
    }
    unknown(webhook, &known, found);
    if !seconds(webhook, "timeout").is_some_and(|time| time > 0 && time <= 30) {
        found.push("timeout".to_owned());
    }
    for name in ["authorizedTTL", "unauthorizedTTL"] {
        // Zero means the default here, which nobody would write on purpose.
        if !webhook[name].is_null() && seconds(webhook, name).is_none_or(|time| time == 0) {
            found.push(name.to_owned());
        }
    }
    for name in ["cacheAuthorizedRequests", "cacheUnauthorizedRequests"] {
        if !webhook[name].is_null() && !webhook[name].is_boolean() {
            found.push(name.to_owned());
        }
    }
    for (name, allowed) in [
        ("subjectAccessReviewVersion", &["v1", "v1beta1"][..]),
        ("matchConditionSubjectAccessReviewVersion", &["v1"]),
        ("failurePolicy", &["Deny", "NoOpinion"]),
    ] {
        if !allowed.contains(&text(webhook, name).as_str()) {
            found.push(name.to_owned());
        }
    }
    let connection = &webhook["connectionInfo"];
    unknown(connection, &["type", "kubeConfigFile"], found);
    // InClusterConfig stops a kube-apiserver (S-ACFG-7).
    if connection["type"] != "KubeConfigFile" {
        found.push("connectionInfo.type".to_owned());
    }
    if !text(connection, "kubeConfigFile").starts_with('/') {
        found.push("connectionInfo.kubeConfigFile".to_owned());
    }
    let conditions = expressions(webhook);
    let distinct: BTreeSet<_> = conditions.iter().collect();
    if conditions.is_empty() || conditions.len() > 64 || distinct.len() < conditions.len() {
        found.push(format!("matchConditions: {}", conditions.len()));
    }
    for expression in &conditions {
        if expression.trim().is_empty() || Expression::compile(expression).is_err() {
            found.push(format!("matchConditions: {expression}"));
        }
    }
}

/// The match conditions of a webhook.
pub(super) fn expressions(webhook: &Value) -> Vec<String> {
    let conditions = webhook["matchConditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().map(|condition| text(condition, "expression")).collect()
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

fn seconds(object: &Value, field: &str) -> Option<u32> {
    object[field].as_str()?.strip_suffix('s')?.parse().ok()
}

fn unknown(object: &Value, known: &[&str], found: &mut Vec<String>) {
    let fields = object.as_object().into_iter().flat_map(|fields| fields.keys());
    let odd = fields.filter(|field| !known.contains(&field.as_str()));
    found.extend(odd.map(|field| format!("unknown field {field}")));
}

fn is_dns_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.chars().all(fits) && !name.starts_with('-') && !name.ends_with('-')
}
