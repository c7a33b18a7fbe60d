use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::review::Version;
use crate::api::null;
use crate::model::User;

/// What the API server says of a token that nobody knows (S-AUTHN-14, S-TR-15).
pub const INVALID_TOKEN: &str = "invalid bearer token";

/// The answer to a TokenReview. Fields that are empty are left out, `authenticated` included, as the
/// API server leaves them out; `user` is always there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TokenReviewStatus {
    /// Whether the token proves who it is. An API server ignores `error` then (S-TR-6).
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// Who it is; empty when not authenticated.
    #[serde(deserialize_with = "null::or_default")]
    pub user: UserInfo,
    /// For whom the token is good, of those asked for; empty when none were asked for. An API server
    /// that asked and gets none takes the answer as good for its own (S-TR-4).
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Why not.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// A user as reviews spell it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct UserInfo {
    /// The user name.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// The uid.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The groups, `system:authenticated` included (S-TR-14).
    #[serde(deserialize_with = "null::list", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Extra values by key.
    #[serde(deserialize_with = "null::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl From<&User> for UserInfo {
    fn from(user: &User) -> Self {
        let User { name, uid, groups, extra } = user.clone();
        Self { username: name, uid, groups, extra }
    }
}

impl TokenReviewStatus {
    /// The token is this user's, and good for these of the audiences that were asked for.
    #[must_use]
    pub fn authenticated(user: &User, audiences: Vec<String>) -> Self {
        Self { authenticated: true, user: user.into(), audiences, error: String::new() }
    }

    /// The token is not accepted, for this reason; never with a part of the token.
    #[must_use]
    pub fn refused(error: impl fmt::Display) -> Self {
        Self { error: error.to_string(), ..Self::default() }
    }

    /// Nobody knows the token.
    #[must_use]
    pub fn unknown() -> Self {
        Self::refused(INVALID_TOKEN)
    }
}

/// A review with its status, without the token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<S> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    spec: Empty,
    status: S,
}

/// [`TokenReviewStatus::authenticated`] without a copy of the user.
#[derive(Serialize)]
pub(super) struct Yes<'a> {
    authenticated: bool,
    user: Shown<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    audiences: &'a [String],
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: &'a BTreeMap<String, Vec<String>>,
}

impl<'a> Yes<'a> {
    pub(super) fn new(user: &'a User, audiences: &'a [String]) -> Self {
        let User { name, uid, groups, extra } = user;
        Self { authenticated: true, user: Shown { username: name, uid, groups, extra }, audiences }
    }
}

#[derive(Serialize)]
struct Empty {}

impl<S> Answer<S> {
    pub(super) const fn new(version: Version, status: S) -> Self {
        Self {
            kind: "TokenReview",
            api_version: version.api_version(),
            metadata: Empty {},
            spec: Empty {},
            status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_the_api_server_writes_it_and_read_back() {
        let mut user = User::new("jane").with_groups(["dev", "system:authenticated"]);
        user.uid = "7".to_owned();
        user.extra.insert("scopes".to_owned(), vec!["a".to_owned()]);
        let audiences = vec!["api".to_owned()];
        let yes = TokenReviewStatus::authenticated(&user, audiences.clone());
        assert_eq!(
            serde_json::to_string(&Yes::new(&user, &audiences)).unwrap(),
            serde_json::to_string(&yes).unwrap()
        );
        assert_eq!(
            serde_json::to_string(&Yes::new(&User::default(), &[])).unwrap(),
            serde_json::to_string(&TokenReviewStatus::authenticated(&User::default(), vec![]))
                .unwrap()
        );
        for (status, json) in [
            (
                yes,
                r#"{"authenticated":true,"user":{"username":"jane","uid":"7","groups":["dev","system:authenticated"],"extra":{"scopes":["a"]}},"audiences":["api"]}"#,
            ),
            (TokenReviewStatus::refused("no"), r#"{"user":{},"error":"no"}"#),
            (TokenReviewStatus::default(), r#"{"user":{}}"#),
        ] {
            assert_eq!(serde_json::to_string(&status).unwrap(), json);
            assert_eq!(serde_json::from_str::<TokenReviewStatus>(json).unwrap(), status);
        }
    }
}
