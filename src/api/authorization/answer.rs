use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::metadata::ReviewMetadata;
use super::review::{AccessKind, AccessReview, RulesReview, Version};
use super::rules::SubjectRulesReviewStatus;
use super::spec::{SelfSpec, SpecV1beta1};
use crate::api::null;

/// The decision, as a review carries it (S-SAR-3).
///
/// ```
/// use portcullis::api::authorization::SubjectAccessReviewStatus;
///
/// // A no is always written; a denial only when there is one.
/// let no = SubjectAccessReviewStatus::default();
/// assert_eq!(serde_json::to_string(&no)?, r#"{"allowed":false}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubjectAccessReviewStatus {
    /// Whether it is allowed.
    #[serde(deserialize_with = "null::or_default")]
    pub allowed: bool,
    /// Whether it is denied for good, so that no other authorizer need be asked.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    /// Why.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What went wrong on the way; the decision stands all the same.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub evaluation_error: String,
}

/// A review with its status, ready to be sent in the version in which it was asked.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a>(Answered<'a>);

#[derive(Debug, Clone, Copy)]
enum Answered<'a> {
    Access(&'a AccessReview, Option<&'a SubjectAccessReviewStatus>),
    Rules(Version, &'a SubjectRulesReviewStatus),
}

impl AccessReview {
    /// The review with this status.
    #[must_use]
    pub const fn answer<'a>(&'a self, status: &'a SubjectAccessReviewStatus) -> Answer<'a> {
        Answer(Answered::Access(self, Some(status)))
    }
}

impl RulesReview {
    /// The answer with this status; the question is not echoed (S-SAR-22).
    #[must_use]
    pub const fn answer<'a>(&'a self, status: &'a SubjectRulesReviewStatus) -> Answer<'a> {
        Answer(Answered::Rules(self.version, status))
    }
}

impl Answer<'_> {
    /// The answer as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Only maps with keys that are no strings fail to become JSON, and there are none; should
        // it ever happen, the asker gets nothing readable, which is no yes.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Serialize for AccessReview {
    /// The question alone, as a client sends it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Answer(Answered::Access(self, None)).serialize(serializer)
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Answered::Access(review, status) => {
                let AccessReview { kind, version, metadata, spec } = review;
                let mut object =
                    head(serializer, "SubjectAccessReview", kind.as_str(), *version, metadata)?;
                match (kind, version) {
                    (AccessKind::SelfSubject, _) => {
                        object.serialize_field("spec", &SelfSpec::from(spec.clone()))?;
                    }
                    (_, Version::V1) => object.serialize_field("spec", spec)?,
                    (_, Version::V1beta1) => {
                        object.serialize_field("spec", &SpecV1beta1::from(spec.clone()))?;
                    }
                }
                if let Some(status) = status {
                    object.serialize_field("status", status)?;
                }
                object.end()
            }
            Answered::Rules(version, status) => {
                let kind = "SelfSubjectRulesReview";
                let mut object = head(serializer, kind, kind, version, &ReviewMetadata::default())?;
                object.serialize_field("spec", &Empty {})?;
                object.serialize_field("status", status)?;
                object.end()
            }
        }
    }
}

fn head<S: Serializer>(
    serializer: S,
    name: &'static str,
    kind: &str,
    version: Version,
    metadata: &ReviewMetadata,
) -> Result<S::SerializeStruct, S::Error> {
    let mut object = serializer.serialize_struct(name, 5)?;
    object.serialize_field("kind", kind)?;
    object.serialize_field("apiVersion", version.api_version())?;
    object.serialize_field("metadata", metadata)?;
    Ok(object)
}

#[derive(Serialize)]
struct Empty {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::authorization::Review;

    fn answered(json: &str) -> String {
        let bytes = match Review::from_json(json.as_bytes()).unwrap() {
            Review::Access(review) => {
                let status = SubjectAccessReviewStatus { denied: true, ..Default::default() };
                review.answer(&status).to_json()
            }
            Review::Rules(review) => review.answer(&SubjectRulesReviewStatus::default()).to_json(),
        };
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_answer_is_in_the_version_of_the_question() {
        for (version, groups) in [("v1", "groups"), ("v1beta1", "group")] {
            let question = format!(
                r#"{{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/{version}","metadata":{{}},"spec":{{"user":"u","{groups}":["g"]}}"#
            );
            assert_eq!(
                answered(&format!("{question}}}")),
                format!(r#"{question},"status":{{"allowed":false,"denied":true}}}}"#)
            );
        }
    }

    #[test]
    fn a_rules_review_is_answered_by_its_status_alone() {
        assert_eq!(
            answered(
                r#"{"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1",
                    "spec": {"namespace": "ns"}}"#
            ),
            r#"{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{},"status":{"resourceRules":[],"nonResourceRules":[],"incomplete":false}}"#
        );
    }
}
