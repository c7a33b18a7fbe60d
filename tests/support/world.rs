//! Recorded worlds: objects, questions and the answers of the real authorizers.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::api::authorization::SubjectRulesReviewStatus;
use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{Object, Subject};
use portcullis::authz::Rules;
use portcullis::model::{Attributes, NonResourceAttributes, Origin, ResourceAttributes, User};
use serde::Deserialize;
use serde_json::Value;

/// Objects of a list, as the API types read them; other kinds are passed over.
pub(crate) fn inventory(items: &[Value]) -> Inventory {
    let mut inventory = Inventory::default();
    for item in items {
        if let Some(object) = object(item) {
            inventory.push(object, Origin::default());
        }
    }
    inventory
}

/// One object of the four kinds.
pub(crate) fn object(item: &Value) -> Option<Object> {
    let read = |item: &Value| -> Result<Option<Object>, serde_json::Error> {
        let item = item.clone();
        Ok(Some(match item["kind"].as_str() {
            Some("ClusterRole") => Object::ClusterRole(serde_json::from_value(item)?),
            Some("ClusterRoleBinding") => Object::ClusterRoleBinding(serde_json::from_value(item)?),
            Some("Role") => Object::Role(serde_json::from_value(item)?),
            Some("RoleBinding") => Object::RoleBinding(serde_json::from_value(item)?),
            _ => return Ok(None),
        }))
    };
    read(item).unwrap_or_else(|error| panic!("{error}: {item}"))
}

/// The objects of a `List` file.
pub(crate) fn read_list(path: &Path) -> Inventory {
    let text = std::fs::read_to_string(path).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    inventory(list["items"].as_array().unwrap())
}

/// A line of `queries.ndjson` or `whocan-queries.ndjson`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Query {
    pub(crate) resource_attributes: Option<QueryResource>,
    pub(crate) non_resource_attributes: Option<QueryPath>,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) groups: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueryResource {
    pub(crate) namespace: String,
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueryPath {
    pub(crate) path: String,
    pub(crate) verb: String,
}

impl Query {
    pub(crate) fn user(&self) -> User {
        User::new(&self.user).with_groups(self.groups.iter().flatten())
    }

    /// Resource attributes win where both are given, as in the recording.
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        match (&self.resource_attributes, &self.non_resource_attributes) {
            (Some(asked), _) => Attributes::Resource(asked.attributes()),
            (None, Some(QueryPath { path, verb })) => {
                Attributes::NonResource(NonResourceAttributes { verb, path })
            }
            (None, None) => panic!("a query without attributes"),
        }
    }
}

impl QueryResource {
    pub(crate) fn attributes(&self) -> ResourceAttributes<'_> {
        ResourceAttributes {
            version: &self.version,
            ..ResourceAttributes::new(&self.verb, &self.resource)
                .in_group(&self.group)
                .in_namespace(&self.namespace)
                .named(&self.name)
                .with_subresource(&self.subresource)
        }
    }
}

/// A line of `expected.ndjson`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Expected {
    #[serde(default)]
    pub(crate) allowed: bool,
    #[serde(default)]
    pub(crate) denied: bool,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) error: String,
    pub(crate) reasons: Option<Vec<String>>,
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "tested where reviews are"))]
    pub(crate) invalid: Option<Value>,
    #[serde(default)]
    pub(crate) no_attrs: bool,
}

impl Expected {
    /// Any of the recorded reasons; several errors in one reason are a set.
    pub(crate) fn is_reason(&self, reason: &str) -> bool {
        if self.allowed {
            let others = self.reasons.iter().flatten();
            return std::iter::once(&self.reason).chain(others).any(|known| known == reason);
        }
        reason_parts(&self.reason) == reason_parts(reason)
    }
}

/// `RBAC: [a, b]` as a set, any other line as itself.
pub(crate) fn reason_parts(reason: &str) -> BTreeSet<String> {
    reason.lines().flat_map(error_parts).collect()
}

/// `[a, b]` as a set.
pub(crate) fn error_parts(text: &str) -> BTreeSet<String> {
    let text = text.strip_prefix("RBAC: ").unwrap_or(text);
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(list) => list.split(", ").map(str::to_owned).collect(),
        None if text.is_empty() => BTreeSet::new(),
        None => [text.to_owned()].into(),
    }
}

/// Sorted, for comparing as multisets.
pub(crate) fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

/// A line of `whocan-expected.ndjson`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedSubjects {
    /// `null` where the question was none.
    pub(crate) subjects: Option<Vec<Subject>>,
    #[serde(default)]
    pub(crate) error: String,
}

/// A line of `rules-queries.ndjson`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RulesQuery {
    user: String,
    groups: Option<Vec<String>>,
    pub(crate) namespace: String,
}

impl RulesQuery {
    pub(crate) fn user(&self) -> User {
        User::new(&self.user).with_groups(self.groups.iter().flatten())
    }
}

/// A line of `rules-expected.ndjson`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ExpectedRules {
    pub(crate) invalid: Option<Value>,
    #[serde(flatten)]
    pub(crate) status: SubjectRulesReviewStatus,
}

/// The recording is in the order of the file, ours by name: rules are compared as multisets, errors
/// as a set.
#[track_caller]
pub(crate) fn assert_same_rules(found: &Rules, expected: &SubjectRulesReviewStatus, at: &str) {
    let printed = |rules: &[_]| sorted(rules.iter().map(|rule| format!("{rule:?}")));
    assert_eq!(printed(&found.resource), printed(&expected.resource_rules), "{at}");
    let printed = |rules: &[_]| sorted(rules.iter().map(|rule| format!("{rule:?}")));
    assert_eq!(printed(&found.non_resource), printed(&expected.non_resource_rules), "{at}");
    assert_eq!(found.incomplete, expected.incomplete, "{at}");
    let errors: BTreeSet<String> = found.errors.iter().cloned().collect();
    assert_eq!(errors, error_parts(&expected.evaluation_error), "{at}");
}
