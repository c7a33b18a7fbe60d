//! The metadata that policy needs, and label selectors as objects carry them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Str, null};

/// Labels, annotations, and other maps from string to string.
pub type StrMap = BTreeMap<Str, Str>;

/// The part of `metadata` that decisions, aggregation and reports need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// The name, unique per kind and namespace.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub name: Str,
    /// The namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub namespace: Str,
    /// Labels; aggregation selects by them (S-AGG-2).
    #[serde(deserialize_with = "string_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: StrMap,
    /// Set on objects that were read from an API server.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub resource_version: Str,
}

/// Go reads a `null` map as empty and a `null` value as the empty string.
pub(super) fn string_map<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<StrMap, D::Error> {
    let map = Option::<BTreeMap<Str, Option<Str>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(map.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}

/// A label selector: all of `matchLabels` and all of `matchExpressions` (S-AGG-3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(deserialize_with = "string_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: StrMap,
    /// Further requirements.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One requirement of a label selector object, as written: the operator is not judged here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct LabelSelectorRequirement {
    /// The label key.
    #[serde(deserialize_with = "null::or_default")]
    pub key: Str,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, or anything somebody wrote.
    #[serde(deserialize_with = "null::or_default")]
    pub operator: Str,
    /// The values.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Str>,
}
