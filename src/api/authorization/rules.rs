use serde::{Deserialize, Serialize};

use crate::api::{Str, null};

/// What a subject may do with resources, as a rules review lists it (S-SAR-21).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceRule {
    /// `*` or verbs.
    #[serde(deserialize_with = "null::list")]
    pub verbs: Vec<Str>,
    /// `*` or API groups.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<Str>,
    /// `*`, resources, or resources with subresources.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Str>,
    /// Empty for any name.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<Str>,
}

/// What a subject may do with paths that are not resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NonResourceRule {
    /// `*` or verbs.
    #[serde(deserialize_with = "null::list")]
    pub verbs: Vec<Str>,
    /// `*`, paths, or prefixes followed by `*`.
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "null::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<Str>,
}

/// The status of a SelfSubjectRulesReview (S-SAR-21): neither sorted, compacted nor deduplicated
/// (S-SAR-23).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubjectRulesReviewStatus {
    /// Rules on resources; never `null`.
    #[serde(deserialize_with = "null::list")]
    pub resource_rules: Vec<ResourceRule>,
    /// Rules on paths; never `null`.
    #[serde(deserialize_with = "null::list")]
    pub non_resource_rules: Vec<NonResourceRule>,
    /// Whether an authorizer could not list what it grants.
    pub incomplete: bool,
    /// What went wrong while listing; the lists are still usable.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub evaluation_error: String,
}
