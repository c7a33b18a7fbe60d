use std::fmt;

use serde::Deserialize;

use super::metadata::ReviewMetadata;
use super::prepared::PreparedReview;
use super::spec::{SelfSpec, SpecV1beta1, SubjectAccessReviewSpec};
use crate::api::field::FieldErrors;
use crate::api::null;
use crate::model::User;

/// The API group of the reviews.
pub const GROUP: &str = "authorization.k8s.io";

/// Any of the four kinds of reviews (S-SAR-1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every review is of the large kind, and each is taken apart at once"
)]
pub enum Review {
    /// May somebody do this?
    Access(AccessReview),
    /// What may I do?
    Rules(RulesReview),
}

/// A question for one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReview {
    /// Which of the three kinds.
    pub kind: AccessKind,
    /// The version it was written in and is answered in.
    pub version: Version,
    /// Empty, save the namespace of a LocalSubjectAccessReview.
    pub metadata: ReviewMetadata,
    /// The question. For a SelfSubjectAccessReview its user, groups, uid and extra are empty.
    pub spec: SubjectAccessReviewSpec,
}

/// A question for everything the asker may do in a namespace: a SelfSubjectRulesReview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesReview {
    /// The version it was written in and is answered in.
    pub version: Version,
    /// The namespace of the question; required (S-SAR-20).
    pub namespace: String,
}

/// The kinds of reviews that ask for one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// LocalSubjectAccessReview: may this user, in this namespace?
    Local,
    /// SelfSubjectAccessReview: may I?
    SelfSubject,
    /// SubjectAccessReview: may this user?
    Subject,
}

impl AccessKind {
    /// The kind as objects spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LocalSubjectAccessReview",
            Self::SelfSubject => "SelfSubjectAccessReview",
            Self::Subject => "SubjectAccessReview",
        }
    }
}

/// A version of the API group; in order of age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `authorization.k8s.io/v1beta1`, where the groups of a spec are spelled `group`.
    V1beta1,
    /// `authorization.k8s.io/v1`.
    #[default]
    V1,
}

impl Version {
    /// Group and version as objects spell them.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "authorization.k8s.io/v1",
            Self::V1beta1 => "authorization.k8s.io/v1beta1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}

/// What the request around a review says: who sent it, and to which namespace.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReviewContext<'a> {
    /// Who sent it; a self review is about them.
    pub user: Option<&'a User>,
    /// The namespace of the URL; `None` when there is no URL, and nothing to compare.
    pub namespace: Option<&'a str>,
}

/// Why a review is not decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// Not JSON, or a field of the wrong type.
    #[error("the review cannot be read")]
    Json(#[from] serde_json::Error),
    /// Neither kind nor version.
    #[error("the object says no `kind`; expected a review of `{GROUP}`")]
    NoKind,
    /// Another kind.
    #[error(
        "`{0}` is not a kind of review; expected `SubjectAccessReview`, \
             `LocalSubjectAccessReview`, `SelfSubjectAccessReview` or `SelfSubjectRulesReview`"
    )]
    Kind(String),
    /// Another group or version.
    #[error(
        "`{0}` is not a version of reviews; expected `authorization.k8s.io/v1` or \
             `authorization.k8s.io/v1beta1`"
    )]
    Version(String),
    /// Validation refused it (S-SAR-9 … S-SAR-13); the text is that of the API server.
    #[error("{}", .0.message("", GROUP, ""))]
    Invalid(FieldErrors),
    /// A self review without anybody who asks (S-SAR-13).
    #[error("no user present on request")]
    NoUser,
    /// A rules review without a namespace (S-SAR-20).
    #[error("no namespace on request")]
    NoNamespace,
    /// A local review sent to no namespace (S-SAR-13).
    #[error("namespace is required on this type: ")]
    NamespaceRequired,
    /// A local review sent to another namespace (S-SAR-13).
    #[error("spec.resourceAttributes.namespace must match namespace: {0}")]
    NamespaceMismatch(String),
}

impl ReviewError {
    /// The HTTP status with which the API server refuses: 422 for validation, else 400.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 422,
            _ => 400,
        }
    }
}

impl Review {
    /// Reads a review of any kind and version.
    ///
    /// ```
    /// use portcullis::api::authorization::{Review, Version};
    ///
    /// let review = Review::from_json(
    ///     br#"{"apiVersion": "authorization.k8s.io/v1beta1", "kind": "SubjectAccessReview",
    ///          "spec": {"user": "jane", "group": ["dev"], "nonResourceAttributes": {}}}"#,
    /// )?;
    /// let Review::Access(review) = review else { unreachable!() };
    /// assert_eq!((review.version, &*review.spec.groups), (Version::V1beta1, &["dev".to_owned()][..]));
    /// # Ok::<(), portcullis::api::authorization::ReviewError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReviewError`] for JSON that cannot be read, and for other kinds and versions. Nothing is
    /// validated here.
    pub fn from_json(json: &[u8]) -> Result<Self, ReviewError> {
        let TypeMeta { kind, api_version, .. } = object(json)?;
        Self::of_type(&kind, &api_version, json)
    }

    /// Reads one line of a batch: a review, or the bare spec of a `v1` SubjectAccessReview.
    ///
    /// ```
    /// use portcullis::api::authorization::Review;
    ///
    /// let bare = Review::from_query(br#"{"user": "jane", "nonResourceAttributes": {"path": "/"}}"#)?;
    /// assert!(matches!(bare, Review::Access(_)));
    /// // An object that forgot its kind is not taken for a spec without content.
    /// assert!(Review::from_query(br#"{"spec": {"user": "jane"}}"#).is_err());
    /// # Ok::<(), portcullis::api::authorization::ReviewError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Review::from_json`].
    pub fn from_query(json: &[u8]) -> Result<Self, ReviewError> {
        let TypeMeta { kind, api_version, spec } = object(json)?;
        if kind.is_empty() && api_version.is_empty() && spec.is_none() {
            let spec: SubjectAccessReviewSpec = object(json)?;
            return Ok(Self::Access(AccessReview::from(spec)));
        }
        Self::of_type(&kind, &api_version, json)
    }

    fn of_type(kind: &str, api_version: &str, json: &[u8]) -> Result<Self, ReviewError> {
        if kind.is_empty() {
            return Err(ReviewError::NoKind);
        }
        let version = match api_version {
            "authorization.k8s.io/v1" => Version::V1,
            "authorization.k8s.io/v1beta1" => Version::V1beta1,
            other => return Err(ReviewError::Version(other.to_owned())),
        };
        let kind = match kind {
            "LocalSubjectAccessReview" => AccessKind::Local,
            "SelfSubjectAccessReview" => AccessKind::SelfSubject,
            "SubjectAccessReview" => AccessKind::Subject,
            "SelfSubjectRulesReview" => {
                let Body { spec: RulesSpec { namespace }, .. } = object(json)?;
                return Ok(Self::Rules(RulesReview { version, namespace }));
            }
            other => return Err(ReviewError::Kind(other.to_owned())),
        };
        let (metadata, spec) = match (kind, version) {
            (AccessKind::SelfSubject, _) => read::<SelfSpec>(json)?,
            (_, Version::V1) => read::<SubjectAccessReviewSpec>(json)?,
            (_, Version::V1beta1) => read::<SpecV1beta1>(json)?,
        };
        Ok(Self::Access(AccessReview { kind, version, metadata, spec }))
    }
}

impl AccessReview {
    /// Validates the review and makes it ready to be decided.
    ///
    /// # Errors
    ///
    /// In the order of the API server: what validation refuses, then a local review that was sent
    /// to another namespace, or a self review that nobody sent.
    pub fn prepare(&self, context: ReviewContext<'_>) -> Result<PreparedReview, ReviewError> {
        self.validate().map_err(ReviewError::Invalid)?;
        // Validation has seen that something is asked; were it wrong, this would fail closed.
        let question = PreparedReview::of(&self.spec)
            .ok_or_else(|| ReviewError::Invalid(FieldErrors::default()))?;
        match self.kind {
            AccessKind::Subject => Ok(question),
            AccessKind::Local => match context.namespace {
                Some("") => Err(ReviewError::NamespaceRequired),
                Some(other) if other != self.metadata.namespace => {
                    Err(ReviewError::NamespaceMismatch(other.to_owned()))
                }
                Some(_) | None => Ok(question),
            },
            AccessKind::SelfSubject => {
                let asker = context.user.ok_or(ReviewError::NoUser)?;
                Ok(question.asked_by(asker.clone()))
            }
        }
    }
}

impl RulesReview {
    /// The namespace asked about.
    ///
    /// # Errors
    ///
    /// [`ReviewError::NoNamespace`] when there is none.
    pub fn namespace(&self) -> Result<&str, ReviewError> {
        if self.namespace.is_empty() { Err(ReviewError::NoNamespace) } else { Ok(&self.namespace) }
    }
}

impl From<SubjectAccessReviewSpec> for AccessReview {
    /// A SubjectAccessReview of `v1`.
    fn from(spec: SubjectAccessReviewSpec) -> Self {
        Self {
            kind: AccessKind::Subject,
            version: Version::V1,
            metadata: ReviewMetadata::default(),
            spec,
        }
    }
}

/// What says how to read the rest.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "review")]
struct TypeMeta {
    #[serde(deserialize_with = "null::or_default")]
    kind: String,
    #[serde(deserialize_with = "null::or_default")]
    api_version: String,
    spec: Option<serde::de::IgnoredAny>,
}

/// The rest; a status that was sent along is ignored.
#[derive(Deserialize, Default)]
#[serde(default, rename = "review", bound = "S: Deserialize<'de> + Default")]
struct Body<S> {
    #[serde(deserialize_with = "null::or_default")]
    metadata: ReviewMetadata,
    #[serde(deserialize_with = "null::or_default")]
    spec: S,
}

#[derive(Deserialize, Default)]
#[serde(default, rename = "SelfSubjectRulesReviewSpec")]
struct RulesSpec {
    #[serde(deserialize_with = "null::or_default")]
    namespace: String,
}

fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<null::Plain<T>>(json).map(|null::Plain(value)| value)
}

fn read<'de, S>(json: &'de [u8]) -> Result<(ReviewMetadata, SubjectAccessReviewSpec), ReviewError>
where
    S: Deserialize<'de> + Default + Into<SubjectAccessReviewSpec>,
{
    let Body::<S> { metadata, spec } = object(json)?;
    Ok((metadata, spec.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(json: &str) -> AccessReview {
        match Review::from_json(json.as_bytes()).unwrap() {
            Review::Access(review) => review,
            Review::Rules(_) => panic!("a rules review"),
        }
    }

    #[test]
    fn the_groups_of_a_version_are_read_in_its_spelling_only() {
        for (version, spelled, groups) in [
            ("v1", "groups", 1),
            ("v1", "group", 0),
            ("v1beta1", "group", 1),
            ("v1beta1", "groups", 0),
        ] {
            let review = access(&format!(
                r#"{{"apiVersion": "authorization.k8s.io/{version}", "kind": "SubjectAccessReview",
                    "spec": {{"{spelled}": ["dev"]}}}}"#
            ));
            assert_eq!(review.spec.groups.len(), groups, "{version} {spelled}");
        }
    }

    #[test]
    fn a_self_review_is_about_its_sender_and_cannot_name_another() {
        let review = access(
            r#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"user": "root", "groups": ["system:masters"],
                         "nonResourceAttributes": {"path": "/", "verb": "get"}}}"#,
        );
        assert_eq!(review.spec.user, "");
        let jane = User::new("jane");
        let sent = ReviewContext { user: Some(&jane), namespace: None };
        assert_eq!(review.prepare(sent).unwrap().user(), &jane);
        let error = review.prepare(ReviewContext::default()).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.http_status()),
            ("no user present on request", 400)
        );
    }

    #[test]
    fn a_local_review_is_decided_where_it_was_sent_and_nowhere_else() {
        let review = access(
            r#"{"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview",
                "metadata": {"namespace": "ns"},
                "spec": {"user": "jane", "resourceAttributes": {"namespace": "ns"}}}"#,
        );
        let sent_to = |namespace| {
            let context = ReviewContext { user: None, namespace };
            review.prepare(context).map_err(|error| error.to_string()).map(|_| ())
        };
        assert_eq!(sent_to(Some("ns")), Ok(()));
        assert_eq!(sent_to(None), Ok(()));
        assert_eq!(
            sent_to(Some("other")),
            Err("spec.resourceAttributes.namespace must match namespace: other".to_owned())
        );
        assert_eq!(sent_to(Some("")), Err("namespace is required on this type: ".to_owned()));
    }

    #[test]
    fn a_rules_review_needs_a_namespace() {
        let review = |spec: &str| {
            let json = format!(
                r#"{{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
                    "spec": {spec}}}"#
            );
            match Review::from_json(json.as_bytes()).unwrap() {
                Review::Rules(review) => review.namespace().map(str::to_owned),
                Review::Access(_) => panic!("an access review"),
            }
        };
        assert_eq!(review(r#"{"namespace": "ns"}"#).unwrap(), "ns");
        assert_eq!(review("null").unwrap_err().to_string(), "no namespace on request");
    }

    #[test]
    fn what_is_no_review_is_refused() {
        for (json, text) in [
            ("{", "the review cannot be read"),
            ("{} {}", "the review cannot be read"),
            ("[]", "the review cannot be read"),
            ("{}", "the object says no `kind`; expected a review of `authorization.k8s.io`"),
            (
                r#"{"kind": "TokenReview", "apiVersion": "authorization.k8s.io/v1"}"#,
                "`TokenReview` is not a kind of review; expected `SubjectAccessReview`, \
                 `LocalSubjectAccessReview`, `SelfSubjectAccessReview` or `SelfSubjectRulesReview`",
            ),
            (
                r#"{"kind": "SubjectAccessReview", "apiVersion": "v1"}"#,
                "`v1` is not a version of reviews; expected `authorization.k8s.io/v1` or \
                 `authorization.k8s.io/v1beta1`",
            ),
        ] {
            let error = Review::from_json(json.as_bytes()).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.http_status()), (text, 400), "{json}");
        }
    }
}
