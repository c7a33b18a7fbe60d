use std::fmt;

use serde::Deserialize;

use super::status::{Answer, TokenReviewStatus, Yes};
use crate::api::null;
use crate::model::User;
use crate::util::secret::Secret;

/// The API group of the review.
pub const GROUP: &str = "authentication.k8s.io";

/// For so many audiences a token may be asked; an API server asks for its own, which are a handful.
/// Each is looked for in the token, and written down.
pub const MAX_AUDIENCES: usize = 256;

/// Of a kind or version that is not answered here so many characters are shown.
const SHOWN: usize = 64;

/// The question: whose token is this, and is it good for these audiences?
///
/// Its `Debug` does not show the token.
#[derive(Debug)]
pub struct TokenReview {
    /// The version it was written in and is answered in.
    pub version: Version,
    /// For whom the token must be. Empty means the audiences of whoever answers (S-TR-13).
    pub audiences: Vec<String>,
    token: Secret,
}

/// A version of the API group; in order of age. The JSON of both is the same (S-TR-2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `authentication.k8s.io/v1beta1`, which an API server sends unless it is told otherwise
    /// (S-TR-1).
    V1beta1,
    /// `authentication.k8s.io/v1`.
    #[default]
    V1,
}

impl Version {
    /// Group and version as objects spell them.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "authentication.k8s.io/v1",
            Self::V1beta1 => "authentication.k8s.io/v1beta1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}

/// Why something is no TokenReview: all of these are HTTP 400. Of the body, which holds a token, they
/// carry at most the beginning of `kind` or `apiVersion`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenReviewError {
    /// Not JSON, or a field of the wrong type. What serde says is left out, for it quotes values.
    #[error(
        "the review cannot be read: not a TokenReview in JSON, at line {line}, column {column}"
    )]
    Json {
        /// Where reading ended, counted from 1.
        line: usize,
        /// Where reading ended, counted from 1.
        column: usize,
    },
    /// No kind.
    #[error(
        "the object says no `kind`; expected `TokenReview` of `{GROUP}/v1` or `{GROUP}/v1beta1`"
    )]
    NoKind,
    /// No version.
    #[error("the TokenReview says no `apiVersion`; expected `{GROUP}/v1` or `{GROUP}/v1beta1`")]
    NoVersion,
    /// Another kind.
    #[error("`{0}` is not the kind answered here; expected `TokenReview`")]
    Kind(String),
    /// Another group or version.
    #[error("`{0}` is not a version of TokenReview; expected `{GROUP}/v1` or `{GROUP}/v1beta1`")]
    Version(String),
    /// More audiences than [`MAX_AUDIENCES`].
    #[error("the TokenReview asks for {0} audiences; ask for at most {MAX_AUDIENCES}")]
    Audiences(usize),
    /// A namespace, which a TokenReview has none of (S-TR-12).
    #[error("a TokenReview has no namespace; leave `metadata.namespace` out")]
    Namespace,
}

/// Answers with more than a dozen groups are rare.
const USUAL_ANSWER: usize = 512;

/// Why a text cannot be a token. The answer is "not authenticated" with this error, and never
/// anonymous (S-TR-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none; the words are those of the API server (S-TR-12).
    #[error("token is required for TokenReview in authentication")]
    Empty,
    /// An API server would splice it into a header and judge only a part of it.
    #[error("the token holds white space; send the token alone")]
    Space,
    /// No header can carry it.
    #[error("the token holds control characters; send the token alone")]
    Control,
}

impl TokenReview {
    /// Reads a review of any version, in one pass.
    ///
    /// ```
    /// use portcullis::api::authentication::{TokenReview, TokenReviewError};
    ///
    /// let error = TokenReview::from_json(br#"{"spec": {"token": "t"}}"#).unwrap_err();
    /// assert_eq!(error, TokenReviewError::NoKind);
    /// ```
    ///
    /// # Errors
    /// [`TokenReviewError`] for JSON that cannot be read, for other kinds and versions, for a
    /// namespace, and for more than [`MAX_AUDIENCES`] audiences.
    pub fn from_json(json: &[u8]) -> Result<Self, TokenReviewError> {
        let null::Plain(Wire { kind, api_version, metadata, spec }) = serde_json::from_slice(json)
            .map_err(|error| TokenReviewError::Json {
                line: error.line(),
                column: error.column(),
            })?;
        let version = match (kind.as_str(), api_version.as_str()) {
            ("", _) => return Err(TokenReviewError::NoKind),
            ("TokenReview", "") => return Err(TokenReviewError::NoVersion),
            ("TokenReview", "authentication.k8s.io/v1") => Version::V1,
            ("TokenReview", "authentication.k8s.io/v1beta1") => Version::V1beta1,
            ("TokenReview", _) => return Err(TokenReviewError::Version(beginning(&api_version))),
            _ => return Err(TokenReviewError::Kind(beginning(&kind))),
        };
        if !metadata.namespace.is_empty() {
            return Err(TokenReviewError::Namespace);
        }
        if spec.audiences.len() > MAX_AUDIENCES {
            return Err(TokenReviewError::Audiences(spec.audiences.len()));
        }
        Ok(Self { version, audiences: spec.audiences, token: spec.token.0 })
    }

    /// The token, if it can be one.
    ///
    /// # Errors
    /// [`Refusal`] for the empty text and for one with white space or control characters. An API
    /// server takes `a b` for `a`, and a leading space for no token at all, which ends as
    /// `system:anonymous` (S-TR-15); here neither is looked up.
    pub fn token(&self) -> Result<&str, Refusal> {
        let token = self.token.expose_secret();
        if token.is_empty() {
            return Err(Refusal::Empty);
        }
        // PERF: nearly every token is plain ASCII, and this is one pass over it.
        if token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(token);
        }
        if token.contains(char::is_whitespace) {
            return Err(Refusal::Space);
        }
        if token.contains(char::is_control) {
            return Err(Refusal::Control);
        }
        Ok(token)
    }

    /// What [`Self::answer`] gives for [`TokenReviewStatus::authenticated`], without a copy of the
    /// user.
    #[must_use]
    pub fn answer_authenticated(&self, user: &User, audiences: &[String]) -> Vec<u8> {
        let answer = Answer::new(self.version, Yes::new(user, audiences));
        let mut json = Vec::with_capacity(USUAL_ANSWER);
        match serde_json::to_writer(&mut json, &answer) {
            Ok(()) => json,
            // As below.
            Err(_) => Vec::new(),
        }
    }

    /// The review with this status as JSON, in the version in which it was asked; without the token.
    #[must_use]
    pub fn answer(&self, status: &TokenReviewStatus) -> Vec<u8> {
        // Only maps with keys that are no strings fail to become JSON, and there are none; should
        // it ever happen, the asker gets nothing readable, which is no yes.
        serde_json::to_vec(&Answer::new(self.version, status)).unwrap_or_default()
    }
}

/// Enough of a text to know it again, without what a terminal would obey.
fn beginning(text: &str) -> String {
    let shown = text.chars().take(SHOWN).map(|it| if it.is_control() { '\u{fffd}' } else { it });
    let mut shown: String = shown.collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "TokenReview")]
struct Wire {
    #[serde(deserialize_with = "null::or_default")]
    kind: String,
    #[serde(deserialize_with = "null::or_default")]
    api_version: String,
    #[serde(deserialize_with = "null::or_default")]
    metadata: Metadata,
    #[serde(deserialize_with = "null::or_default")]
    spec: Spec,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    #[serde(deserialize_with = "null::or_default")]
    namespace: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "null::or_default")]
    token: Token,
    #[serde(deserialize_with = "null::list")]
    audiences: Vec<String>,
}

/// Hidden from the first moment, so that a review that fails later wipes it, too.
struct Token(Secret);

impl Default for Token {
    fn default() -> Self {
        Self(Secret::new(String::new()))
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(token: &str) -> TokenReview {
        let body = serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token, "audiences": ["a", null]}
        });
        TokenReview::from_json(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_token_is_taken_whole_and_one_with_spaces_is_refused() {
        assert_eq!(with_token("abc.d-_~+/=").token(), Ok("abc.d-_~+/="));
        assert_eq!(with_token("tökén").token(), Ok("tökén"));
        for (token, refusal) in [
            ("", Refusal::Empty),
            ("a b", Refusal::Space),
            (" x", Refusal::Space),
            ("x ", Refusal::Space),
            ("x\n", Refusal::Space),
            ("x\ty", Refusal::Space),
            ("x\u{a0}", Refusal::Space),
            ("x\u{0}", Refusal::Control),
            ("x\u{7f}", Refusal::Control),
        ] {
            assert_eq!(with_token(token).token(), Err(refusal), "{token:?}");
        }
    }

    #[test]
    fn debug_and_errors_show_no_token() {
        assert_eq!(
            format!("{:?}", with_token("hunter2")),
            r#"TokenReview { version: V1, audiences: ["a", ""], token: [secret] }"#
        );
        let error = TokenReview::from_json(
            br#"{"kind": "TokenReview", "spec": {"token": 5, "audiences": "hunter2"}}"#,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the review cannot be read: not a TokenReview in JSON, at line 1, column 43"
        );
    }

    #[test]
    fn other_kinds_and_versions_are_told_what_is_expected() {
        for (body, text) in [
            (
                "{}",
                "the object says no `kind`; expected `TokenReview` of `authentication.k8s.io/v1` or `authentication.k8s.io/v1beta1`",
            ),
            (
                r#"{"kind": null, "apiVersion": "authentication.k8s.io/v1"}"#,
                "the object says no `kind`; expected `TokenReview` of `authentication.k8s.io/v1` or `authentication.k8s.io/v1beta1`",
            ),
            (
                r#"{"kind": "TokenReview"}"#,
                "the TokenReview says no `apiVersion`; expected `authentication.k8s.io/v1` or `authentication.k8s.io/v1beta1`",
            ),
            (
                r#"{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v2"}"#,
                "`authentication.k8s.io/v2` is not a version of TokenReview; expected `authentication.k8s.io/v1` or `authentication.k8s.io/v1beta1`",
            ),
            (
                r#"{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}"#,
                "`SubjectAccessReview` is not the kind answered here; expected `TokenReview`",
            ),
            (
                r#"{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {"namespace": "n"}}"#,
                "a TokenReview has no namespace; leave `metadata.namespace` out",
            ),
        ] {
            assert_eq!(TokenReview::from_json(body.as_bytes()).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn no_more_audiences_are_read_than_allowed() {
        let asking = |number: usize| {
            let body = serde_json::json!({
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                "spec": {"token": "t", "audiences": vec!["a"; number]}
            });
            TokenReview::from_json(body.to_string().as_bytes()).map(|review| review.audiences.len())
        };
        assert_eq!(asking(MAX_AUDIENCES), Ok(MAX_AUDIENCES));
        assert_eq!(asking(MAX_AUDIENCES + 1), Err(TokenReviewError::Audiences(MAX_AUDIENCES + 1)));
    }

    #[test]
    fn of_a_wrong_kind_or_version_only_the_beginning_is_shown() {
        let long = "k\u{1b}".repeat(500_000);
        for body in [
            serde_json::json!({"kind": long, "apiVersion": "v1"}),
            serde_json::json!({"kind": "TokenReview", "apiVersion": long}),
        ] {
            let error = TokenReview::from_json(body.to_string().as_bytes()).unwrap_err();
            let said = error.to_string();
            assert!(
                said.starts_with("`k\u{fffd}k\u{fffd}") && said.contains("…` is not"),
                "{said}"
            );
            assert!(said.len() < 400 && !said.contains('\u{1b}'), "{said}");
        }
    }

    #[test]
    fn lists_are_no_objects_and_nothing_may_follow() {
        for body in [
            r#"["TokenReview", "authentication.k8s.io/v1", {}, {}]"#,
            r#"{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": ["t"]}"#,
            r#"{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1"} x"#,
            r#"{"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "kind": "X"}"#,
            r#"{"kind": "TokenReview", "#,
            "",
        ] {
            let error = TokenReview::from_json(body.as_bytes()).unwrap_err();
            assert!(matches!(error, TokenReviewError::Json { .. }), "{body}: {error}");
        }
    }

    #[test]
    fn the_answer_is_in_the_version_of_the_question_and_holds_no_token() {
        for version in ["v1", "v1beta1"] {
            let head = format!(
                r#"{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/{version}","metadata":{{}},"spec":{{"#
            );
            let review =
                TokenReview::from_json(format!(r#"{head}"token":"t"}}}}"#).as_bytes()).unwrap();
            assert_eq!(
                String::from_utf8(review.answer(&TokenReviewStatus::unknown())).unwrap(),
                format!(r#"{head}}},"status":{{"user":{{}},"error":"invalid bearer token"}}}}"#)
            );
        }
    }
}
