use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::api::meta::LabelSelectorRequirement;
use crate::api::{Str, null};

/// Who asks for what, as a SubjectAccessReview carries it (S-SAR-2). The serde form is that of
/// `v1`; [`Review`](super::Review) also reads and writes `v1beta1`.
///
/// Nothing is added to what stands here: a user without groups is in no group (S-SAR-6).
///
/// ```
/// use portcullis::api::authorization::SubjectAccessReviewSpec;
///
/// let spec: SubjectAccessReviewSpec = serde_json::from_str(
///     r#"{"user": "jane", "groups": null, "nonResourceAttributes": {"path": "/healthz"}}"#,
/// )?;
/// assert!(spec.groups.is_empty() && spec.resource_attributes.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubjectAccessReviewSpec {
    /// Set when the question is about a resource.
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    pub resource_attributes: Option<ResourceAttributes>,
    /// Set when the question is about a path.
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    pub non_resource_attributes: Option<NonResourceAttributes>,
    /// The user name; may be empty when there are groups (S-SAR-11).
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The groups, in order.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Further values about the user, by key.
    #[serde(deserialize_with = "extra", skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
    /// The uid of the user.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// A question about a resource. What is empty stays empty, save the version (S-SAR-4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceAttributes {
    /// Empty for cluster scope, which is also how "all namespaces" is asked (S-SAR-5).
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub namespace: Str,
    /// `get`, `list`, …; a `*` is a word like any other.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub verb: Str,
    /// Empty for the core group.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub group: Str,
    /// Empty means `*` (S-SAR-4).
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub version: Str,
    /// The plural resource name.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub resource: Str,
    /// Empty when the resource itself is meant.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub subresource: Str,
    /// Empty when no object is named.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub name: Str,
    /// Narrows the question to objects with such fields.
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    pub field_selector: Option<FieldSelectorAttributes>,
    /// Narrows the question to objects with such labels.
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelectorAttributes>,
}

/// A question about a path that is no resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct NonResourceAttributes {
    /// The path, as it was sent.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub path: Str,
    /// The lower-cased HTTP method.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub verb: Str,
}

/// A field selector, as text or as requirements, never both (S-SAR-12).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldSelectorAttributes {
    /// The selector as a query parameter spells it; the API server sends webhooks none (S-SAR-16).
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub raw_selector: String,
    /// The same in parts.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<FieldSelectorRequirement>,
}

/// One requirement of a field selector, as written: the operator is not judged here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct FieldSelectorRequirement {
    /// The field, such as `spec.nodeName`.
    #[serde(deserialize_with = "null::or_default")]
    pub key: Str,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, or anything somebody wrote.
    #[serde(deserialize_with = "null::or_default")]
    pub operator: Str,
    /// The values.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Str>,
}

/// A label selector, as text or as requirements, never both (S-SAR-12).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelectorAttributes {
    /// The selector as a query parameter spells it; the API server sends webhooks none (S-SAR-16).
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub raw_selector: String,
    /// The same in parts.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<LabelSelectorRequirement>,
}

/// The spec of `v1beta1`, which spells the list of groups in the singular (S-SAR-2).
#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "SubjectAccessReviewSpec")]
pub(super) struct SpecV1beta1 {
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<ResourceAttributes>,
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<NonResourceAttributes>,
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    group: Vec<String>,
    #[serde(deserialize_with = "extra", skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Vec<String>>,
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    uid: String,
}

impl From<SpecV1beta1> for SubjectAccessReviewSpec {
    fn from(spec: SpecV1beta1) -> Self {
        let SpecV1beta1 { resource_attributes, non_resource_attributes, user, group, extra, uid } =
            spec;
        Self { resource_attributes, non_resource_attributes, user, groups: group, extra, uid }
    }
}

impl From<SubjectAccessReviewSpec> for SpecV1beta1 {
    fn from(spec: SubjectAccessReviewSpec) -> Self {
        let SubjectAccessReviewSpec {
            resource_attributes,
            non_resource_attributes,
            user,
            groups,
            extra,
            uid,
        } = spec;
        Self { resource_attributes, non_resource_attributes, user, group: groups, extra, uid }
    }
}

/// The spec of a self review: who asks is known already, and what it says about that is ignored.
#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "SelfSubjectAccessReviewSpec")]
pub(super) struct SelfSpec {
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<ResourceAttributes>,
    #[serde(deserialize_with = "null::optional", skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<NonResourceAttributes>,
}

impl From<SelfSpec> for SubjectAccessReviewSpec {
    fn from(spec: SelfSpec) -> Self {
        let SelfSpec { resource_attributes, non_resource_attributes } = spec;
        Self { resource_attributes, non_resource_attributes, ..Self::default() }
    }
}

impl From<SubjectAccessReviewSpec> for SelfSpec {
    fn from(spec: SubjectAccessReviewSpec) -> Self {
        let SubjectAccessReviewSpec { resource_attributes, non_resource_attributes, .. } = spec;
        Self { resource_attributes, non_resource_attributes }
    }
}

/// Go reads a `null` map as empty, a `null` list in it too, and a `null` in that as empty string.
fn extra<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    struct Values(#[serde(deserialize_with = "null::list")] Vec<String>);

    let map = Option::<BTreeMap<String, Values>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(map.into_iter().map(|(key, Values(values))| (key, values)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_the_zero_value_wherever_it_stands() {
        let spec: SubjectAccessReviewSpec = serde_json::from_str(
            r#"{"user": null, "uid": null, "groups": ["a", null], "extra": {"k": null, "l": [null]},
                "nonResourceAttributes": null,
                "resourceAttributes": {"verb": null, "labelSelector": null,
                    "fieldSelector": {"rawSelector": null, "requirements": [null]}}}"#,
        )
        .unwrap();
        assert_eq!(spec.groups, ["a", ""]);
        assert_eq!(spec.extra["k"], Vec::<String>::new());
        assert_eq!(spec.extra["l"], [""]);
        let attributes = spec.resource_attributes.unwrap();
        assert_eq!(attributes.verb, "");
        assert_eq!(attributes.label_selector, None);
        assert_eq!(attributes.field_selector.unwrap().requirements.len(), 1);
        let nothing: SubjectAccessReviewSpec = serde_json::from_str(r#"{"extra": null}"#).unwrap();
        assert_eq!(nothing, SubjectAccessReviewSpec::default());
    }

    #[test]
    fn an_empty_object_is_not_an_absent_one() {
        let spec: SubjectAccessReviewSpec =
            serde_json::from_str(r#"{"resourceAttributes": {}, "unknown": {"x": 1}}"#).unwrap();
        assert_eq!(spec.resource_attributes, Some(ResourceAttributes::default()));
        assert_eq!(serde_json::to_string(&spec).unwrap(), r#"{"resourceAttributes":{}}"#);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        for bad in [r#"{"user": 1}"#, r#"{"groups": "a"}"#, r#"{"extra": {"a": "b"}}"#] {
            assert!(serde_json::from_str::<SubjectAccessReviewSpec>(bad).is_err(), "{bad}");
        }
    }
}
