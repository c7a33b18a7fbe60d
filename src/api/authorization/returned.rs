use std::fmt;

use serde::Deserialize;

use super::answer::SubjectAccessReviewStatus;
#[cfg(feature = "conditional-authorization")]
use super::conditions::ConditionSet;
use super::metadata::ReviewMetadata;
use super::review::Version;
use super::spec::{SpecV1beta1, SubjectAccessReviewSpec};
use crate::api::null;
use crate::util::goquote::Quoted;

/// A SubjectAccessReview that came back from a webhook (S-WHA-7).
///
/// ```
/// use portcullis::api::authorization::{ReturnedReview, Version};
///
/// let answer = ReturnedReview::from_json(br#"{"status": {"allowed": true}}"#, Version::V1)?;
/// assert!(answer.status.allowed);
/// // Names of fields are case sensitive, and what is not said is a no.
/// let answer = ReturnedReview::from_json(br#"{"status": {"Allowed": true}}"#, Version::V1)?;
/// assert!(!answer.status.allowed);
/// # Ok::<(), portcullis::api::authorization::ReturnedReviewError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnedReview {
    /// The answer.
    pub status: SubjectAccessReviewStatus,
    /// What it depends on; `None` for an answer that depends on nothing (S-COND-2).
    #[cfg(feature = "conditional-authorization")]
    pub condition_set_chain: Option<Vec<ConditionSet>>,
}

/// Why an answer is none (S-WHA-8). Of what the answer said no message repeats more than kind and
/// version: it may echo anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReturnedReviewError {
    /// Not JSON.
    #[error("the answer is no JSON (line {line}, column {column})")]
    Json {
        /// The line of the answer, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// A field of the wrong type, or one that stands twice.
    #[error(
        "the answer is no SubjectAccessReview: a field is of the wrong type or stands twice \
         (line {line}, column {column})"
    )]
    Field {
        /// The line of the answer, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// A type that Kubernetes knows, but not the one that was asked in.
    #[error("converting ({found}) to ({expected}): unknown conversion")]
    Conversion {
        /// The type of the answer.
        found: GoType,
        /// The type of the question.
        expected: GoType,
    },
    /// A type that Kubernetes does not know.
    #[error("no kind {} is registered for version {}", Quoted(.kind), Quoted(.version))]
    NotRegistered {
        /// The kind of the answer.
        kind: String,
        /// Its group and version.
        version: String,
    },
}

/// A type as Go writes it: version and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoType {
    version: &'static str,
    kind: &'static str,
}

impl fmt::Display for GoType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.kind)
    }
}

const KIND: &str = "SubjectAccessReview";

impl ReturnedReview {
    /// Reads an answer to a question in a version. What it does not say of its own type is that of the
    /// question.
    ///
    /// # Errors
    ///
    /// [`ReturnedReviewError`] when it is no SubjectAccessReview of that version.
    pub fn from_json(json: &[u8], asked: Version) -> Result<Self, ReturnedReviewError> {
        let TypeMeta { kind, api_version } = object(json)?;
        let kind = if kind.is_empty() { KIND } else { &kind };
        let version = if api_version.is_empty() { asked.api_version() } else { &api_version };
        if kind != KIND || version != asked.api_version() {
            return Err(other_type(kind, version, asked));
        }
        let status = match asked {
            Version::V1 => object::<Body<SubjectAccessReviewSpec>>(json)?.status,
            Version::V1beta1 => object::<Body<SpecV1beta1>>(json)?.status,
        };
        Ok(Self {
            status: SubjectAccessReviewStatus {
                allowed: status.allowed,
                denied: status.denied,
                reason: status.reason,
                evaluation_error: status.evaluation_error,
            },
            #[cfg(feature = "conditional-authorization")]
            condition_set_chain: status.condition_set_chain,
        })
    }
}

/// What Kubernetes says about an object of another type.
fn other_type(kind: &str, version: &str, asked: Version) -> ReturnedReviewError {
    let kinds: &[&'static str] = match version {
        "authorization.k8s.io/v1" | "authorization.k8s.io/v1beta1" => {
            &[KIND, "LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview"]
        }
        "v1" => &["Status"],
        _ => &[],
    };
    let short = |version: &str| if version.ends_with("v1beta1") { "v1beta1" } else { "v1" };
    match kinds.iter().find(|known| **known == kind) {
        Some(kind) => ReturnedReviewError::Conversion {
            found: GoType { version: short(version), kind },
            expected: GoType { version: short(asked.api_version()), kind: KIND },
        },
        None => ReturnedReviewError::NotRegistered {
            kind: shortened(kind),
            version: shortened(version),
        },
    }
}

/// A name as long as names are.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}

fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, ReturnedReviewError> {
    serde_json::from_slice::<null::Plain<T>>(json).map(|null::Plain(value)| value).map_err(
        |error| {
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => ReturnedReviewError::Field { line, column },
                _ => ReturnedReviewError::Json { line, column },
            }
        },
    )
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct TypeMeta {
    #[serde(deserialize_with = "null::or_default")]
    kind: String,
    #[serde(deserialize_with = "null::or_default")]
    api_version: String,
}

/// The rest: what is not used must be of its type, too.
#[derive(Deserialize, Default)]
#[serde(default, bound = "S: Deserialize<'de> + Default")]
struct Body<S> {
    #[serde(deserialize_with = "null::or_default", rename = "metadata")]
    _metadata: ReviewMetadata,
    #[serde(deserialize_with = "null::or_default", rename = "spec")]
    _spec: S,
    #[serde(deserialize_with = "null::or_default")]
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    #[serde(deserialize_with = "null::or_default")]
    allowed: bool,
    #[serde(deserialize_with = "null::or_default")]
    denied: bool,
    #[serde(deserialize_with = "null::or_default")]
    reason: String,
    #[serde(deserialize_with = "null::or_default")]
    evaluation_error: String,
    #[cfg(feature = "conditional-authorization")]
    #[serde(deserialize_with = "super::conditions::optional_chain")]
    condition_set_chain: Option<Vec<ConditionSet>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, asked: Version) -> Result<SubjectAccessReviewStatus, String> {
        let read = ReturnedReview::from_json(json.as_bytes(), asked);
        read.map(|review| review.status).map_err(|error| error.to_string())
    }

    #[test]
    fn what_an_answer_does_not_say_of_its_type_is_filled_in() {
        // S-WHA-7.
        for json in [
            r#"{"kind": "SubjectAccessReview", "status": {"allowed": true}}"#,
            r#"{"apiVersion": "authorization.k8s.io/v1", "status": {"allowed": true}}"#,
            r#"{"status": {"allowed": true, "unknown": [1]}, "unknown": {}}"#,
            r#"{"kind": null, "spec": null, "status": {"allowed": true, "reason": null}}"#,
        ] {
            assert!(read(json, Version::V1).unwrap().allowed, "{json}");
        }
        assert_eq!(read("{}", Version::V1), Ok(SubjectAccessReviewStatus::default()));
        assert_eq!(read(r#"{"status": null}"#, Version::V1beta1), Ok(Default::default()));
    }

    #[test]
    fn names_of_fields_are_case_sensitive() {
        // S-WHA-7.
        let json = r#"{"Status": {"allowed": true}, "status": {"Allowed": true, "DENIED": true}}"#;
        assert_eq!(read(json, Version::V1), Ok(SubjectAccessReviewStatus::default()));
    }

    #[test]
    fn another_version_or_kind_is_refused_in_the_words_of_kubernetes() {
        // S-WHA-8.
        let (v1, v1beta1) = (Version::V1, Version::V1beta1);
        for (json, asked, message) in [
            (
                r#"{"apiVersion": "authorization.k8s.io/v1beta1"}"#,
                v1,
                "converting (v1beta1.SubjectAccessReview) to (v1.SubjectAccessReview): unknown conversion",
            ),
            (
                r#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}"#,
                v1beta1,
                "converting (v1.SubjectAccessReview) to (v1beta1.SubjectAccessReview): unknown conversion",
            ),
            (
                r#"{"apiVersion": "v1", "kind": "Status", "status": "Success"}"#,
                v1,
                "converting (v1.Status) to (v1.SubjectAccessReview): unknown conversion",
            ),
            (
                r#"{"kind": "LocalSubjectAccessReview", "status": {"allowed": true}}"#,
                v1,
                "converting (v1.LocalSubjectAccessReview) to (v1.SubjectAccessReview): unknown conversion",
            ),
            (
                r#"{"kind": "Foo", "status": {"allowed": true}}"#,
                v1,
                r#"no kind "Foo" is registered for version "authorization.k8s.io/v1""#,
            ),
            (
                r#"{"apiVersion": "example.com/v1", "status": {"allowed": true}}"#,
                v1,
                r#"no kind "SubjectAccessReview" is registered for version "example.com/v1""#,
            ),
        ] {
            assert_eq!(read(json, asked), Err(message.to_owned()), "{json}");
        }
    }

    #[test]
    fn what_is_no_json_or_has_a_field_of_the_wrong_type_is_refused_without_repeating_it() {
        // S-WHA-8. The second of each pair differs in the type alone.
        for (bad, good) in [
            (r#"{"status": {"allowed": "s3cret"}}"#, r#"{"status": {"allowed": true}}"#),
            (r#"{"status": {"denied": 1}}"#, r#"{"status": {"denied": false}}"#),
            (r#"{"status": ["s3cret"]}"#, r#"{"status": {}}"#),
            (r#"{"spec": {"user": ["s3cret"]}}"#, r#"{"spec": {"user": "jane"}}"#),
            (r#"{"spec": {"groups": "s3cret"}}"#, r#"{"spec": {"groups": ["dev"]}}"#),
            (r#"{"metadata": "s3cret"}"#, r#"{"metadata": {}}"#),
            ("s3cret", "{}"),
            ("{} s3cret", "{}"),
            (r#"[{"status": {}}]"#, r#"{"status": {}}"#),
            (r#"{"status": {}, "status": {}}"#, r#"{"status": {}}"#),
        ] {
            let error = read(bad, Version::V1).unwrap_err();
            assert!(error.starts_with("the answer is no "), "{bad}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
            assert!(read(good, Version::V1).is_ok(), "{good}");
        }
    }
}
