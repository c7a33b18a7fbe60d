//! Conversions from and to the types of `k8s-openapi`, for programs that hold those already.
//!
//! This crate does not choose the Kubernetes version: the program enables one of the features of
//! `k8s-openapi`, such as `v1_36`.
//!
//! From them, references are defaulted as on reading (S-RVAL-1), and of the metadata only what
//! policy needs is taken. Back, what is empty becomes `None`.
//!
//! ```
//! use k8s_openapi::api::rbac::v1 as k8s;
//! use portcullis::api::rbac::{GROUP, Subject};
//!
//! let subject = k8s::Subject { kind: "User".into(), name: "jane".into(), ..Default::default() };
//! assert_eq!(Subject::from(subject).api_group, GROUP);
//! ```

use std::collections::BTreeMap;

use k8s_openapi::api::authorization::v1 as k8s_authorization;
use k8s_openapi::api::rbac::v1 as k8s_rbac;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as k8s_meta;

use super::Str;
use super::authorization::{
    FieldSelectorAttributes, FieldSelectorRequirement, LabelSelectorAttributes,
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use super::meta::{LabelSelector, LabelSelectorRequirement, ObjectMeta, StrMap};
use super::rbac::{
    AggregationRule, ClusterRole, ClusterRoleBinding, GROUP, PolicyRule, Role, RoleBinding,
    RoleRef, Subject,
};

/// A field that is absent, or of no length, is the empty string. Some versions of Kubernetes
/// require a field that others do not; both kinds become an `Option`.
fn text<T: From<String> + Default>(field: impl Into<Option<String>>) -> T {
    field.into().map(T::from).unwrap_or_default()
}

fn list<T, U: From<T>>(field: impl Into<Option<Vec<T>>>) -> Vec<U> {
    field.into().unwrap_or_default().into_iter().map(U::from).collect()
}

fn some_text(text: impl Into<String>) -> Option<String> {
    Some(text.into()).filter(|text| !text.is_empty())
}

fn some_list<T, U: From<T>>(list: Vec<T>) -> Option<Vec<U>> {
    (!list.is_empty()).then(|| list.into_iter().map(U::from).collect())
}

fn some_map(map: StrMap) -> Option<BTreeMap<String, String>> {
    let pairs = map.into_iter().map(|(key, value)| (key.into(), value.into()));
    Some(pairs.collect()).filter(|map: &BTreeMap<_, _>| !map.is_empty())
}

fn string_map(map: Option<BTreeMap<String, String>>) -> StrMap {
    let pairs = map.unwrap_or_default().into_iter();
    pairs.map(|(key, value)| (Str::from(key), Str::from(value))).collect()
}

impl From<k8s_meta::ObjectMeta> for ObjectMeta {
    fn from(metadata: k8s_meta::ObjectMeta) -> Self {
        Self {
            name: text(metadata.name),
            namespace: text(metadata.namespace),
            labels: string_map(metadata.labels),
            annotations: string_map(metadata.annotations),
            resource_version: text(metadata.resource_version),
        }
    }
}

impl From<ObjectMeta> for k8s_meta::ObjectMeta {
    fn from(metadata: ObjectMeta) -> Self {
        Self {
            name: some_text(metadata.name),
            namespace: some_text(metadata.namespace),
            labels: some_map(metadata.labels),
            annotations: some_map(metadata.annotations),
            resource_version: some_text(metadata.resource_version),
            ..Self::default()
        }
    }
}

impl From<k8s_meta::LabelSelector> for LabelSelector {
    fn from(selector: k8s_meta::LabelSelector) -> Self {
        Self {
            match_labels: string_map(selector.match_labels),
            match_expressions: list(selector.match_expressions),
        }
    }
}

impl From<LabelSelector> for k8s_meta::LabelSelector {
    fn from(selector: LabelSelector) -> Self {
        Self {
            match_labels: some_map(selector.match_labels),
            match_expressions: some_list(selector.match_expressions),
        }
    }
}

/// Label and field selectors are made of the same parts.
macro_rules! requirement {
    ($requirement:ident) => {
        impl From<k8s_meta::$requirement> for $requirement {
            fn from(requirement: k8s_meta::$requirement) -> Self {
                Self {
                    key: requirement.key.into(),
                    operator: requirement.operator.into(),
                    values: list(requirement.values),
                }
            }
        }

        impl From<$requirement> for k8s_meta::$requirement {
            fn from(requirement: $requirement) -> Self {
                Self {
                    key: requirement.key.into(),
                    operator: requirement.operator.into(),
                    values: some_list(requirement.values),
                }
            }
        }
    };
}
requirement!(FieldSelectorRequirement);
requirement!(LabelSelectorRequirement);

impl From<k8s_rbac::PolicyRule> for PolicyRule {
    fn from(rule: k8s_rbac::PolicyRule) -> Self {
        Self {
            verbs: list(rule.verbs),
            api_groups: list(rule.api_groups),
            resources: list(rule.resources),
            resource_names: list(rule.resource_names),
            non_resource_urls: list(rule.non_resource_urls),
        }
    }
}

impl From<PolicyRule> for k8s_rbac::PolicyRule {
    fn from(rule: PolicyRule) -> Self {
        Self {
            verbs: list(rule.verbs),
            api_groups: some_list(rule.api_groups),
            resources: some_list(rule.resources),
            resource_names: some_list(rule.resource_names),
            non_resource_urls: some_list(rule.non_resource_urls),
        }
    }
}

impl From<k8s_rbac::Subject> for Subject {
    fn from(subject: k8s_rbac::Subject) -> Self {
        let mut api_group: Str = text(subject.api_group);
        if api_group.is_empty() && matches!(subject.kind.as_str(), "User" | "Group") {
            api_group = GROUP.into();
        }
        Self {
            kind: subject.kind.into(),
            api_group,
            name: subject.name.into(),
            namespace: text(subject.namespace),
        }
    }
}

impl From<Subject> for k8s_rbac::Subject {
    fn from(subject: Subject) -> Self {
        Self {
            kind: subject.kind.into(),
            api_group: some_text(subject.api_group),
            name: subject.name.into(),
            namespace: some_text(subject.namespace),
        }
    }
}

impl From<k8s_rbac::RoleRef> for RoleRef {
    fn from(role: k8s_rbac::RoleRef) -> Self {
        let api_group: Str = text(role.api_group);
        Self {
            api_group: if api_group.is_empty() { GROUP.into() } else { api_group },
            kind: role.kind.into(),
            name: role.name.into(),
        }
    }
}

impl From<RoleRef> for k8s_rbac::RoleRef {
    fn from(role: RoleRef) -> Self {
        // A string until 1.35, optional since.
        let api_group = String::from(role.api_group).into();
        Self { api_group, kind: role.kind.into(), name: role.name.into() }
    }
}

impl From<k8s_rbac::AggregationRule> for AggregationRule {
    fn from(rule: k8s_rbac::AggregationRule) -> Self {
        Self { cluster_role_selectors: list(rule.cluster_role_selectors) }
    }
}

impl From<AggregationRule> for k8s_rbac::AggregationRule {
    fn from(rule: AggregationRule) -> Self {
        Self { cluster_role_selectors: some_list(rule.cluster_role_selectors) }
    }
}

impl From<k8s_rbac::ClusterRole> for ClusterRole {
    fn from(role: k8s_rbac::ClusterRole) -> Self {
        Self {
            metadata: role.metadata.into(),
            rules: list(role.rules),
            aggregation_rule: role.aggregation_rule.map(Into::into),
        }
    }
}

impl From<ClusterRole> for k8s_rbac::ClusterRole {
    fn from(role: ClusterRole) -> Self {
        Self {
            metadata: role.metadata.into(),
            rules: some_list(role.rules),
            aggregation_rule: role.aggregation_rule.map(Into::into),
        }
    }
}

impl From<k8s_rbac::Role> for Role {
    fn from(role: k8s_rbac::Role) -> Self {
        Self { metadata: role.metadata.into(), rules: list(role.rules) }
    }
}

impl From<Role> for k8s_rbac::Role {
    fn from(role: Role) -> Self {
        Self { metadata: role.metadata.into(), rules: some_list(role.rules) }
    }
}

macro_rules! binding {
    ($binding:ident) => {
        impl From<k8s_rbac::$binding> for $binding {
            fn from(binding: k8s_rbac::$binding) -> Self {
                Self {
                    metadata: binding.metadata.into(),
                    subjects: list(binding.subjects),
                    role_ref: binding.role_ref.into(),
                }
            }
        }

        impl From<$binding> for k8s_rbac::$binding {
            fn from(binding: $binding) -> Self {
                Self {
                    metadata: binding.metadata.into(),
                    subjects: some_list(binding.subjects),
                    role_ref: binding.role_ref.into(),
                }
            }
        }
    };
}
binding!(ClusterRoleBinding);
binding!(RoleBinding);

impl From<k8s_authorization::SubjectAccessReviewSpec> for SubjectAccessReviewSpec {
    fn from(spec: k8s_authorization::SubjectAccessReviewSpec) -> Self {
        Self {
            resource_attributes: spec.resource_attributes.map(Into::into),
            non_resource_attributes: spec.non_resource_attributes.map(Into::into),
            user: text(spec.user),
            groups: spec.groups.unwrap_or_default(),
            extra: spec.extra.unwrap_or_default(),
            uid: text(spec.uid),
        }
    }
}

impl From<SubjectAccessReviewSpec> for k8s_authorization::SubjectAccessReviewSpec {
    fn from(spec: SubjectAccessReviewSpec) -> Self {
        Self {
            resource_attributes: spec.resource_attributes.map(Into::into),
            non_resource_attributes: spec.non_resource_attributes.map(Into::into),
            user: some_text(spec.user),
            groups: some_list(spec.groups),
            extra: Some(spec.extra).filter(|extra| !extra.is_empty()),
            uid: some_text(spec.uid),
        }
    }
}

impl From<k8s_authorization::ResourceAttributes> for ResourceAttributes {
    fn from(attributes: k8s_authorization::ResourceAttributes) -> Self {
        Self {
            namespace: text(attributes.namespace),
            verb: text(attributes.verb),
            group: text(attributes.group),
            version: text(attributes.version),
            resource: text(attributes.resource),
            subresource: text(attributes.subresource),
            name: text(attributes.name),
            field_selector: attributes.field_selector.map(Into::into),
            label_selector: attributes.label_selector.map(Into::into),
        }
    }
}

impl From<ResourceAttributes> for k8s_authorization::ResourceAttributes {
    fn from(attributes: ResourceAttributes) -> Self {
        Self {
            namespace: some_text(attributes.namespace),
            verb: some_text(attributes.verb),
            group: some_text(attributes.group),
            version: some_text(attributes.version),
            resource: some_text(attributes.resource),
            subresource: some_text(attributes.subresource),
            name: some_text(attributes.name),
            field_selector: attributes.field_selector.map(Into::into),
            label_selector: attributes.label_selector.map(Into::into),
        }
    }
}

impl From<k8s_authorization::NonResourceAttributes> for NonResourceAttributes {
    fn from(attributes: k8s_authorization::NonResourceAttributes) -> Self {
        Self { path: text(attributes.path), verb: text(attributes.verb) }
    }
}

impl From<NonResourceAttributes> for k8s_authorization::NonResourceAttributes {
    fn from(attributes: NonResourceAttributes) -> Self {
        Self { path: some_text(attributes.path), verb: some_text(attributes.verb) }
    }
}

macro_rules! selector_attributes {
    ($attributes:ident) => {
        impl From<k8s_authorization::$attributes> for $attributes {
            fn from(selector: k8s_authorization::$attributes) -> Self {
                Self {
                    raw_selector: text(selector.raw_selector),
                    requirements: list(selector.requirements),
                }
            }
        }

        impl From<$attributes> for k8s_authorization::$attributes {
            fn from(selector: $attributes) -> Self {
                Self {
                    raw_selector: some_text(selector.raw_selector),
                    requirements: some_list(selector.requirements),
                }
            }
        }
    };
}
selector_attributes!(FieldSelectorAttributes);
selector_attributes!(LabelSelectorAttributes);

impl From<k8s_authorization::SubjectAccessReviewStatus> for SubjectAccessReviewStatus {
    fn from(status: k8s_authorization::SubjectAccessReviewStatus) -> Self {
        Self {
            allowed: status.allowed,
            denied: status.denied.unwrap_or_default(),
            reason: text(status.reason),
            evaluation_error: text(status.evaluation_error),
        }
    }
}

impl From<SubjectAccessReviewStatus> for k8s_authorization::SubjectAccessReviewStatus {
    fn from(status: SubjectAccessReviewStatus) -> Self {
        Self {
            allowed: status.allowed,
            denied: status.denied.then_some(true),
            reason: some_text(status.reason),
            evaluation_error: some_text(status.evaluation_error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    /// Reads an object as both types, and converts each into the other.
    fn agree<Ours, Theirs>(json: &str)
    where
        Ours: DeserializeOwned + Serialize + From<Theirs> + PartialEq + std::fmt::Debug + Clone,
        Theirs: DeserializeOwned + From<Ours>,
    {
        let ours: Ours = serde_json::from_str(json).unwrap();
        let theirs: Theirs = serde_json::from_str(json).unwrap();
        assert_eq!(Ours::from(theirs), ours);
        assert_eq!(Ours::from(Theirs::from(ours.clone())), ours);
    }

    #[test]
    fn both_ways_of_reading_an_object_agree() {
        let metadata = r#""metadata": {"name": "n", "namespace": "ns", "labels": {"a": "b"},
            "resourceVersion": "7", "annotations": {"lost": "yes"}}"#;
        let rules = r#""rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"],
            "resourceNames": ["p"]}, {"verbs": ["get"], "nonResourceURLs": ["/x"]}]"#;
        let binding = format!(
            r#"{{{metadata}, "roleRef": {{"kind": "ClusterRole", "name": "r"}}, "subjects": [
                {{"kind": "User", "name": "u"}}, {{"kind": "Group", "name": "g"}},
                {{"kind": "ServiceAccount", "name": "s", "namespace": "ns"}}]}}"#
        );
        agree::<Role, k8s_rbac::Role>(&format!("{{{metadata}, {rules}}}"));
        agree::<RoleBinding, k8s_rbac::RoleBinding>(&binding);
        agree::<ClusterRoleBinding, k8s_rbac::ClusterRoleBinding>(&binding);
        agree::<ClusterRole, k8s_rbac::ClusterRole>(&format!(
            r#"{{{metadata}, {rules}, "aggregationRule": {{"clusterRoleSelectors": [
                {{"matchLabels": {{"a": "b"}},
                  "matchExpressions": [{{"key": "k", "operator": "Exists"}}]}}, {{}}]}}}}"#
        ));
        agree::<ClusterRole, k8s_rbac::ClusterRole>("{}");
    }

    #[test]
    fn both_ways_of_reading_a_review_agree() {
        agree::<SubjectAccessReviewSpec, k8s_authorization::SubjectAccessReviewSpec>(
            r#"{"user": "u", "groups": ["g"], "extra": {"k": ["v"]}, "uid": "1",
                "resourceAttributes": {"namespace": "ns", "verb": "list", "group": "apps",
                    "version": "v1", "resource": "deployments", "subresource": "s", "name": "n",
                    "fieldSelector": {"rawSelector": "a=b"},
                    "labelSelector": {"requirements": [
                        {"key": "k", "operator": "In", "values": ["v"]}]}}}"#,
        );
        agree::<SubjectAccessReviewSpec, k8s_authorization::SubjectAccessReviewSpec>(
            r#"{"nonResourceAttributes": {"path": "/x", "verb": "get"}}"#,
        );
        agree::<SubjectAccessReviewStatus, k8s_authorization::SubjectAccessReviewStatus>(
            r#"{"allowed": false, "denied": true, "reason": "r", "evaluationError": "e"}"#,
        );
    }
}
