//! What the API server would say about an RBAC object before storing it (S-RVAL).
//!
//! A lint: an invalid object can be in a store that was written to otherwise, and the engine
//! evaluates it as it stands. Absent on purpose: the strings in rules, which the API server does
//! not validate either (S-RVAL-7), labels and annotations, and whether the role that a binding
//! refers to exists (S-RVAL-14).
//!
//! ```
//! use portcullis::api::rbac::ClusterRole;
//! use portcullis::authz::rbac::validation::validate_cluster_role;
//!
//! let role: ClusterRole = serde_json::from_str(
//!     r#"{"metadata": {"name": "r"}, "rules": [{"verbs": ["get"], "resources": ["pods"]}]}"#,
//! )?;
//! assert_eq!(
//!     validate_cluster_role(&role).message("ClusterRole", "rbac.authorization.k8s.io", "r"),
//!     "ClusterRole.rbac.authorization.k8s.io \"r\" is invalid: rules[0].apiGroups: Required \
//!      value: resource rules must supply at least one api group"
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

use crate::api::field::{BadValue, FieldError, FieldErrors};
use crate::api::meta::ObjectMeta;
use crate::api::names::{label_errors, path_segment_errors, subdomain_errors};
use crate::api::rbac::{
    AggregationRule, ClusterRole, ClusterRoleBinding, GROUP, Object, PolicyRule, Role, RoleBinding,
    RoleRef, Subject,
};
use crate::api::selector::{LabelMatcher, validate_label_selector};

/// What is wrong with an object of any of the four kinds.
#[must_use]
pub fn validate(object: &Object) -> FieldErrors {
    match object {
        Object::ClusterRole(role) => validate_cluster_role(role),
        Object::ClusterRoleBinding(binding) => validate_cluster_role_binding(binding),
        Object::Role(role) => validate_role(role),
        Object::RoleBinding(binding) => validate_role_binding(binding),
    }
}

/// What is wrong with a ClusterRole (S-RVAL-2 … S-RVAL-8).
#[must_use]
pub fn validate_cluster_role(role: &ClusterRole) -> FieldErrors {
    let mut errors = Vec::new();
    name(&role.metadata, &mut errors);
    rules(&role.rules, Scope::Cluster, &mut errors);
    if let Some(rule) = &role.aggregation_rule {
        aggregation(rule, &mut errors);
    }
    errors.into()
}

/// What is wrong with a Role (S-RVAL-2 … S-RVAL-7).
#[must_use]
pub fn validate_role(role: &Role) -> FieldErrors {
    let mut errors = Vec::new();
    name(&role.metadata, &mut errors);
    namespace(&role.metadata, &mut errors);
    rules(&role.rules, Scope::Namespace, &mut errors);
    errors.into()
}

/// What is wrong with a ClusterRoleBinding (S-RVAL-2, S-RVAL-9, S-RVAL-11).
#[must_use]
pub fn validate_cluster_role_binding(binding: &ClusterRoleBinding) -> FieldErrors {
    let mut errors = Vec::new();
    name(&binding.metadata, &mut errors);
    role_ref(&binding.role_ref, &["ClusterRole"], &mut errors);
    subjects(&binding.subjects, Scope::Cluster, &mut errors);
    errors.into()
}

/// What is wrong with a RoleBinding (S-RVAL-2, S-RVAL-9, S-RVAL-11).
#[must_use]
pub fn validate_role_binding(binding: &RoleBinding) -> FieldErrors {
    let mut errors = Vec::new();
    name(&binding.metadata, &mut errors);
    namespace(&binding.metadata, &mut errors);
    role_ref(&binding.role_ref, &["Role", "ClusterRole"], &mut errors);
    subjects(&binding.subjects, Scope::Namespace, &mut errors);
    errors.into()
}

/// What is wrong with replacing the roleRef `old` of a binding by `new`: any change (S-RVAL-10).
#[must_use]
pub fn validate_role_ref_change(old: &RoleRef, new: &RoleRef) -> FieldErrors {
    if old == new {
        return FieldErrors::default();
    }
    let RoleRef { api_group, kind, name } = new;
    // The internal type is printed, whose fields have no names of their own.
    let [api_group, kind, name] = [api_group, kind, name].map(BadValue::json);
    let json = format!(r#"{{"APIGroup":{api_group},"Kind":{kind},"Name":{name}}}"#);
    vec![FieldError::invalid("roleRef", BadValue::Json(json), "cannot change roleRef")].into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Cluster,
    Namespace,
}

/// A namespace on a cluster-scoped object is no error: the API server drops it before it looks.
fn name(meta: &ObjectMeta, errors: &mut Vec<FieldError>) {
    if meta.name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    }
    segment("metadata.name", &meta.name, errors);
}

fn namespace(meta: &ObjectMeta, errors: &mut Vec<FieldError>) {
    if meta.namespace.is_empty() {
        errors.push(FieldError::required("metadata.namespace", ""));
        return;
    }
    for detail in label_errors(&meta.namespace) {
        errors.push(FieldError::invalid("metadata.namespace", meta.namespace.as_str(), detail));
    }
}

fn segment(path: &str, name: &str, errors: &mut Vec<FieldError>) {
    for detail in path_segment_errors(name) {
        errors.push(FieldError::invalid(path, name, detail));
    }
}

fn rules(rules: &[PolicyRule], scope: Scope, errors: &mut Vec<FieldError>) {
    for (index, rule) in rules.iter().enumerate() {
        let path = |field| format!("rules[{index}].{field}");
        if rule.verbs.is_empty() {
            let detail = "verbs must contain at least one value";
            errors.push(FieldError::required(path("verbs"), detail));
        }
        if !rule.non_resource_urls.is_empty() {
            let mut wrong = |detail| {
                let urls = BadValue::json(&rule.non_resource_urls);
                errors.push(FieldError::invalid(path("nonResourceURLs"), urls, detail));
            };
            if scope == Scope::Namespace {
                wrong("namespaced rules cannot apply to non-resource URLs");
            }
            let on_resources = [&rule.api_groups, &rule.resources, &rule.resource_names];
            if on_resources.into_iter().any(|list| !list.is_empty()) {
                wrong("rules cannot apply to both regular resources and non-resource URLs");
            }
            continue;
        }
        if rule.api_groups.is_empty() {
            let detail = "resource rules must supply at least one api group";
            errors.push(FieldError::required(path("apiGroups"), detail));
        }
        if rule.resources.is_empty() {
            let detail = "resource rules must supply at least one resource";
            errors.push(FieldError::required(path("resources"), detail));
        }
    }
}

fn aggregation(rule: &AggregationRule, errors: &mut Vec<FieldError>) {
    const PATH: &str = "aggregationRule.clusterRoleSelectors";
    if rule.cluster_role_selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(FieldError::required(PATH, detail));
    }
    for (index, selector) in rule.cluster_role_selectors.iter().enumerate() {
        let path = format!("{PATH}[{index}]");
        errors.extend(validate_label_selector(selector, &path));
        if LabelMatcher::compile(selector).is_err() {
            // The API server prints what did not come out of compiling.
            let nothing = BadValue::Json("null".to_owned());
            errors.push(FieldError::invalid(path, nothing, "invalid label selector."));
        }
    }
}

fn role_ref(role_ref: &RoleRef, kinds: &[&str], errors: &mut Vec<FieldError>) {
    if role_ref.api_group != GROUP {
        let group = role_ref.api_group.as_str();
        errors.push(FieldError::unsupported("roleRef.apiGroup", group, &[GROUP]));
    }
    if !kinds.contains(&role_ref.kind.as_str()) {
        errors.push(FieldError::unsupported("roleRef.kind", role_ref.kind.as_str(), kinds));
    }
    if role_ref.name.is_empty() {
        errors.push(FieldError::required("roleRef.name", ""));
    }
    segment("roleRef.name", &role_ref.name, errors);
}

fn subjects(subjects: &[Subject], scope: Scope, errors: &mut Vec<FieldError>) {
    for (index, subject) in subjects.iter().enumerate() {
        let path = |field| format!("subjects[{index}].{field}");
        let group = subject.api_group.as_str();
        if subject.name.is_empty() {
            errors.push(FieldError::required(path("name"), ""));
        }
        match subject.kind.as_str() {
            "ServiceAccount" => {
                if !subject.name.is_empty() {
                    for detail in subdomain_errors(&subject.name) {
                        let name = subject.name.as_str();
                        errors.push(FieldError::invalid(path("name"), name, detail));
                    }
                }
                if !group.is_empty() {
                    errors.push(FieldError::unsupported(path("apiGroup"), group, &[""]));
                }
                if scope == Scope::Cluster && subject.namespace.is_empty() {
                    errors.push(FieldError::required(path("namespace"), ""));
                }
            }
            "User" | "Group" => {
                if group != GROUP {
                    errors.push(FieldError::unsupported(path("apiGroup"), group, &[GROUP]));
                }
            }
            other => {
                let kinds = ["ServiceAccount", "User", "Group"];
                errors.push(FieldError::unsupported(path("kind"), other, &kinds));
            }
        }
    }
}

#[cfg(test)]
mod tests;
