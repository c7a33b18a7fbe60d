//! The metadata that policy needs, and label selectors as objects carry them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::{Str, null};

/// Labels, annotations, and other maps from string to string.
pub type StrMap = BTreeMap<Str, Str>;

/// How the annotations begin that mean something to Portcullis itself.
pub const OWN_PREFIX: &str = "portcullis.dev/";

/// How the annotations begin by which an object is kept from namespaces below its own.
pub const PROPAGATION_PREFIX: &str = "propagate.hnc.x-k8s.io/";

/// The part of `metadata` that decisions, aggregation and reports need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct ObjectMeta {
    /// The name, unique per kind and namespace.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub name: Str,
    /// The namespace; empty for cluster-scoped objects.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub namespace: Str,
    /// Labels; aggregation selects by them (S-AGG-2).
    #[serde(deserialize_with = "null::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: StrMap,
    /// Annotations; of objects that were loaded from a source those under [`OWN_PREFIX`] and
    /// [`PROPAGATION_PREFIX`] alone.
    #[serde(deserialize_with = "null::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: StrMap,
    /// Set on objects that were read from an API server.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "Str::is_empty")]
    pub resource_version: Str,
}

/// What tells an object from a later one of the same name. Nearly always a UUID, which takes 16
/// bytes here instead of a string on the heap; any other text is kept as it is.
///
/// ```
/// use portcullis::api::meta::Uid;
///
/// let uid = Uid::from("6f9c2d3e-0a1b-4c5d-8e7f-001122334455");
/// assert_eq!(uid.to_string(), "6f9c2d3e-0a1b-4c5d-8e7f-001122334455");
/// assert_ne!(uid, Uid::from("6F9C2D3E-0A1B-4C5D-8E7F-001122334455"));
/// assert!(Uid::default().is_empty());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Uid(UidText);

#[derive(Clone, PartialEq, Eq)]
enum UidText {
    /// A UUID in its usual form: lower case, with hyphens.
    Uuid([u8; 16]),
    // INVARIANT: no text that could be a `Uuid`, so that equal texts are equal values.
    Other(Str),
}

/// Where the hyphens of a UUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uid {
    /// Whether there is none, as in manifests that no API server has seen yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, UidText::Other(text) if text.is_empty())
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Self(uuid(text).map_or_else(|| UidText::Other(text.into()), UidText::Uuid))
    }
}

/// The bytes of a UUID in its usual form.
fn uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut value = 0_u128;
    for (at, byte) in text.bytes().enumerate() {
        let digit = match byte {
            b'-' if HYPHENS.contains(&at) => continue,
            _ if HYPHENS.contains(&at) => return None,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = (value << 4) | u128::from(digit);
    }
    Some(value.to_be_bytes())
}

impl Default for Uid {
    fn default() -> Self {
        Self(UidText::Other(Str::default()))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UidText::Other(text) => f.write_str(text),
            UidText::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UidVisitor;

        impl Visitor<'_> for UidVisitor {
            type Value = Uid;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Uid, E> {
                Ok(Uid::from(text))
            }
        }

        deserializer.deserialize_str(UidVisitor)
    }
}

/// A label selector: all of `matchLabels` and all of `matchExpressions` (S-AGG-3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(deserialize_with = "null::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: StrMap,
    /// Further requirements.
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One requirement of a label selector object, as written: the operator is not judged here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, remote = "Self")]
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

null::object_only!(LabelSelector, LabelSelectorRequirement, ObjectMeta);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_keeps_its_text_whatever_it_is() {
        let uuid = "6f9c2d3e-0a1b-4c5d-8e7f-001122334455";
        for text in [
            uuid,
            "",
            "abc",
            "6f9c2d3e-0a1b-4c5d-8e7f-00112233445g",
            "6F9C2D3E-0a1b-4c5d-8e7f-001122334455",
            "6f9c2d3e00a1b-4c5d-8e7f-001122334455",
            "6f9c2d3e-0a1b-4c5d-8e7f-0011223344--",
        ] {
            assert_eq!(Uid::from(text).to_string(), text);
            assert_eq!(Uid::from(text) == Uid::from(uuid), text == uuid, "{text}");
        }
        assert_eq!(size_of::<Uid>(), 24);
    }
}
