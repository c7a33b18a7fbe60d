use serde::{Deserialize, Serialize};

use crate::api::meta::StrMap;
use crate::api::{Str, null};

/// The metadata of a review, which must be empty (S-SAR-13); kept whole, in the order of Go's
/// type, because the refusal shows it.
///
/// `managedFields` may be set by the server itself and does not count; it is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReviewMetadata {
    /// Must be empty.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub name: Str,
    /// Must be empty.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub generate_name: Str,
    /// The namespace of a LocalSubjectAccessReview; must be empty for the other kinds.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub namespace: Str,
    /// Must be empty.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub self_link: Str,
    /// Must be empty.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub uid: Str,
    /// Must be empty.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub resource_version: Str,
    /// Must be zero.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// Must be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Str>,
    /// Must be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Str>,
    /// Must be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period_seconds: Option<i64>,
    /// Must be empty.
    #[serde(deserialize_with = "null::map", skip_serializing_if = "StrMap::is_empty")]
    pub labels: StrMap,
    /// Must be empty.
    #[serde(deserialize_with = "null::map", skip_serializing_if = "StrMap::is_empty")]
    pub annotations: StrMap,
    /// Must be empty.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Must be empty.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<Str>,
}

impl ReviewMetadata {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing but the namespace is set.
    #[must_use]
    pub fn is_empty_except_for_namespace(&self) -> bool {
        *self == Self { namespace: self.namespace.clone(), ..Self::default() }
    }
}

/// Whom an object belongs to. No review has an owner; this is for refusing it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Group and version of the owner.
    #[serde(deserialize_with = "null::or_default")]
    pub api_version: Str,
    /// Kind of the owner.
    #[serde(deserialize_with = "null::or_default")]
    pub kind: Str,
    /// Name of the owner.
    #[serde(deserialize_with = "null::or_default")]
    pub name: Str,
    /// Uid of the owner.
    #[serde(deserialize_with = "null::or_default")]
    pub uid: Str,
    /// Whether the owner manages the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether the owner waits for the object when it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_managed_fields_leave_metadata_empty() {
        let metadata: ReviewMetadata = serde_json::from_str(
            r#"{"creationTimestamp": null, "labels": {}, "managedFields": [{"manager": "x"}]}"#,
        )
        .unwrap();
        assert!(metadata.is_empty());
    }

    #[test]
    fn a_namespace_is_the_only_thing_a_local_review_may_have() {
        let only: ReviewMetadata = serde_json::from_str(r#"{"namespace": "ns"}"#).unwrap();
        assert!(only.is_empty_except_for_namespace() && !only.is_empty());
        let more: ReviewMetadata =
            serde_json::from_str(r#"{"namespace": "ns", "labels": {"a": "b"}}"#).unwrap();
        assert!(!more.is_empty_except_for_namespace());
    }
}
