//! A line of the decision log: what the review server writes, and what `explain` reads.
//!
//! JSON, one decision a line, fields in camel case; what is empty is left out. A reader passes over
//! fields that it does not know. Absent on purpose: writing lines (see `webhook`) and judging them.
//!
//! ```
//! use portcullis::api::decision_line::{DecisionLine, LineDecision};
//!
//! let line = DecisionLine::parse(
//!     br#"{"time": "2026-11-26T03:05:22.123456Z", "kind": "authorize", "decision": "allow",
//!          "user": {"name": "jane", "groups": ["dev"]},
//!          "attributes": {"verb": "get", "version": "v1", "resource": "pods"},
//!          "generation": 3, "latencyUs": 7.5, "sampleRate": 1.0}"#,
//! )?;
//! assert_eq!(line.decision, LineDecision::Allow);
//! let (user, attributes) = line.question()?;
//! assert_eq!((user.name.as_str(), attributes.verb()), ("jane", "get"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{Attributes, NonResourceAttributes, ResourceAttributes, Step, User};

/// A text that is borrowed where it can be.
type Text<'a> = Cow<'a, str>;

/// One decision, as the log has it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct DecisionLine<'a> {
    /// When it was taken: RFC 3339 in UTC, to the microsecond.
    pub time: Text<'a>,
    /// What was asked.
    pub kind: LineKind,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub request_id: Text<'a>,
    /// What was answered.
    pub decision: LineDecision,
    /// Why, as the answer said it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Text<'a>,
    /// The link of the chain that decided; `system:masters` for the built-in step.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub link: Text<'a>,
    /// What went wrong on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Text<'a>>,
    /// Who asked, or whom a token proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<LineUser<'a>>,
    /// What an access review asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<LineAttributes<'a>>,
    /// The keyed digest of the token that was reviewed; never the token.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub token: Text<'a>,
    /// The authenticator that knew the token.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub authenticator: Text<'a>,
    /// The audiences for which the token is good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Text<'a>>,
    /// When the grants end on which a yes rests, if that is soon: RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub grant_ends: Text<'a>,
    /// Which policy answered: counts those that served since the start of the server.
    #[serde(default)]
    pub generation: u64,
    /// The way from the user to the rule that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<LineStep<'a>>,
    /// From the read body to the rendered answer, in microseconds.
    #[serde(default)]
    pub latency_us: f64,
    /// Address and port of the client, which is the API server.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub peer: Text<'a>,
    /// How the candidate policy differs, if one was asked: `same`, `would_allow`, ….
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub shadow: Text<'a>,
    /// The share of such decisions that is logged: each line stands for `1 / sampleRate` of them.
    #[serde(default = "every")]
    pub sample_rate: f64,
    /// What stands in the line only as a keyed digest.
    #[serde(default, skip_serializing_if = "Mask::is_none")]
    pub masked: Mask,
    /// How many lines before this one were dropped, because the queue was full.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_before: u64,
}

/// What was asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// An access review.
    Authorize,
    /// A token review.
    Authenticate,
}

/// What was answered, of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineDecision {
    /// An access review: yes.
    Allow,
    /// An access review: no, for good.
    Deny,
    /// An access review: nothing to say, which is a no of this server.
    NoOpinion,
    /// An access review that could not be evaluated (HTTP 500), or a token that was refused.
    Error,
    /// A token review: a user.
    Authenticated,
    /// A token review: nobody knows the token.
    Unknown,
}

impl LineDecision {
    /// The word in the line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NoOpinion => "no-opinion",
            Self::Error => "error",
            Self::Authenticated => "authenticated",
            Self::Unknown => "unknown",
        }
    }
}

/// What of a line is written as a keyed digest only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mask {
    /// Nothing: all is in the clear, save tokens.
    #[default]
    None,
    /// Names and uids of users, and names of groups.
    Users,
    /// These, and the names of objects and the paths that are asked about.
    UsersAndNames,
}

impl Mask {
    /// Whether all is in the clear.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The word in the line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Users => "users",
            Self::UsersAndNames => "users-and-names",
        }
    }
}

/// A user in a line. Extra values are not recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct LineUser<'a> {
    /// The user name.
    #[serde(default)]
    pub name: Text<'a>,
    /// The uid.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub uid: Text<'a>,
    /// The groups, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Text<'a>>,
}

/// What was asked about: a resource, or a path when there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct LineAttributes<'a> {
    /// The verb.
    #[serde(default)]
    pub verb: Text<'a>,
    /// The API group; left out for the core group.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub group: Text<'a>,
    /// The API version.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub version: Text<'a>,
    /// The resource.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub resource: Text<'a>,
    /// The subresource.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub subresource: Text<'a>,
    /// The namespace; left out for cluster scope.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub namespace: Text<'a>,
    /// The name of the object.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: Text<'a>,
    /// The path, of a request that is not about a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
    /// Whether a field or label selector narrowed the request. The selectors themselves are not
    /// recorded: no authorizer of this crate consults them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selectors: bool,
}

/// One step of the way to the rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct LineStep<'a> {
    /// `subject`, `ClusterRoleBinding`, `rule`, `policy`, ….
    pub kind: Text<'a>,
    /// The name, or the rule or line written out.
    #[serde(default)]
    pub text: Text<'a>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<LineOrigin<'a>>,
}

/// A place in the policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct LineOrigin<'a> {
    /// The file.
    pub source: Text<'a>,
    /// The document, counted from 1; 0 when there are none.
    #[serde(default)]
    pub document: u32,
    /// The line, counted from 1; 0 when unknown.
    #[serde(default)]
    pub line: u32,
    /// The namespace from which another inherits what stands there.
    #[serde(default, rename = "inheritedFrom", skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<Text<'a>>,
}

/// Why a line cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a line of the decision log")]
pub struct LineError(#[source] serde_json::Error);

/// Why a line cannot be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayable {
    /// A policy says nothing about tokens.
    #[error("a token review, which no policy decides; only lines of kind `authorize` are replayed")]
    TokenReview,
    /// Digests are no names.
    #[error(
        "masked (`{}`): who asked, or for what, is written as a digest; replay a line of a log \
         without masks",
        .0.as_str()
    )]
    Masked(Mask),
    /// Half a line.
    #[error("who asked, or for what, is missing; the line was cut or is not whole")]
    Incomplete,
}

impl<'a> DecisionLine<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is not JSON, or lacks what every line has.
    pub fn parse(json: &'a [u8]) -> Result<Self, LineError> {
        serde_json::from_slice(json).map_err(LineError)
    }

    /// What was asked, to be asked again. Selectors and extra values are not in the line.
    ///
    /// # Errors
    /// When the line is of a token review, is masked, or does not say who asked for what.
    pub fn question(&self) -> Result<(User, Attributes<'_>), NotReplayable> {
        if self.kind == LineKind::Authenticate {
            return Err(NotReplayable::TokenReview);
        }
        if !self.masked.is_none() {
            return Err(NotReplayable::Masked(self.masked));
        }
        let (Some(user), Some(attributes)) = (&self.user, &self.attributes) else {
            return Err(NotReplayable::Incomplete);
        };
        let user = User {
            name: user.name.clone().into_owned(),
            uid: user.uid.clone().into_owned(),
            groups: user.groups.iter().map(|group| group.clone().into_owned()).collect(),
            ..User::default()
        };
        let LineAttributes { verb, path, .. } = attributes;
        let attributes = match path {
            Some(path) => Attributes::NonResource(NonResourceAttributes { verb, path }),
            None => Attributes::Resource(ResourceAttributes {
                verb,
                namespace: &attributes.namespace,
                group: &attributes.group,
                version: &attributes.version,
                resource: &attributes.resource,
                subresource: &attributes.subresource,
                name: &attributes.name,
                ..ResourceAttributes::default()
            }),
        };
        Ok((user, attributes))
    }
}

impl From<Step> for LineStep<'static> {
    fn from(step: Step) -> Self {
        let Step { kind, text, origin } = step;
        let origin = origin.map(|origin| LineOrigin {
            source: Cow::Owned(origin.source.to_string()),
            document: origin.document,
            line: origin.line,
            inherited_from: origin.inherited_from.map(|from| Cow::Owned(from.to_string())),
        });
        Self { kind: Cow::Borrowed(kind), text: Cow::Owned(text), origin }
    }
}

const fn every() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = r#"{"time":"t","kind":"authorize","decision":"no-opinion","user":{"name":"jane"},"attributes":{"verb":"get","path":"/healthz"},"generation":1,"latencyUs":2.0,"sampleRate":0.5}"#;

    #[test]
    fn what_is_empty_is_left_out_and_comes_back() {
        let line = DecisionLine::parse(BARE.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), BARE);
        let (user, attributes) = line.question().unwrap();
        assert_eq!(user, User::new("jane"));
        let path = NonResourceAttributes { verb: "get", path: "/healthz" };
        assert_eq!(attributes, Attributes::NonResource(path));
    }

    #[test]
    fn an_empty_path_is_a_path_and_an_absent_one_a_resource() {
        let text = BARE.replace("/healthz", "");
        let line = DecisionLine::parse(text.as_bytes()).unwrap();
        assert!(matches!(line.question().unwrap().1, Attributes::NonResource(_)));
        let text = BARE.replace(r#","path":"/healthz""#, "");
        let line = DecisionLine::parse(text.as_bytes()).unwrap();
        assert!(matches!(line.question().unwrap().1, Attributes::Resource(_)));
    }

    #[test]
    fn lines_that_cannot_be_asked_again_say_why() {
        let why = |text: &str| DecisionLine::parse(text.as_bytes()).unwrap().question().err();
        let masked = BARE.replace("\"kind\"", "\"masked\":\"users\",\"kind\"");
        assert_eq!(why(&masked), Some(NotReplayable::Masked(Mask::Users)));
        let token = BARE.replace("\"authorize\"", "\"authenticate\"");
        assert_eq!(why(&token), Some(NotReplayable::TokenReview));
        let cut = BARE.replace("\"user\"", "\"other\"");
        assert_eq!(why(&cut), Some(NotReplayable::Incomplete));
        assert_eq!(why(BARE), None);
    }

    #[test]
    fn the_words_are_those_of_the_line() {
        use LineDecision::*;
        for decision in [Allow, Deny, NoOpinion, Error, Authenticated, Unknown] {
            assert_eq!(serde_json::to_value(decision).unwrap(), decision.as_str());
        }
        for mask in [Mask::None, Mask::Users, Mask::UsersAndNames] {
            assert_eq!(serde_json::to_value(mask).unwrap(), mask.as_str());
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in ["", "{}", "[]", r#"{"time":"t","kind":"authorize","decision":"yes"}"#] {
            assert!(DecisionLine::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
