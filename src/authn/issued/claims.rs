use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::IssuedTokenError;
use crate::authn::UnixSeconds;
use crate::model::User;

/// What a token of ours says. Written and read here only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) issued_at: UnixSeconds,
    pub(super) not_before: UnixSeconds,
    pub(super) expires: UnixSeconds,
    pub(super) id: String,
    pub(super) user: User,
    pub(super) session: Option<Session>,
}

/// The login that a token came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// When the user proved who they are (`auth_time`).
    pub since: UnixSeconds,
    /// Until when tokens of this login may be had without proving it again (`refresh_until`).
    pub refreshable_until: UnixSeconds,
    /// The name of the method by which it was proved (`login_method`).
    pub method: String,
}

impl Session {
    /// Members that are there in part are no session.
    fn from_json(claims: &Map<String, Value>) -> Result<Option<Self>, IssuedTokenError> {
        let names = ["auth_time", "refresh_until", "login_method"];
        if !names.iter().any(|name| claims.contains_key(*name)) {
            return Ok(None);
        }
        Ok(Some(Self {
            since: time(claims, "auth_time")?,
            refreshable_until: time(claims, "refresh_until")?,
            method: text(claims, "login_method")?,
        }))
    }
}

impl Claims {
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!(self.issuer));
        put("aud", json!(self.audiences));
        put("iat", json!(self.issued_at));
        put("nbf", json!(self.not_before));
        put("exp", json!(self.expires));
        put("jti", json!(self.id));
        put("sub", json!(self.user.name));
        put("uid", json!(self.user.uid));
        put("groups", json!(self.user.groups));
        put("extra", json!(self.user.extra));
        if let Some(session) = &self.session {
            put("auth_time", json!(session.since));
            put("refresh_until", json!(session.refreshable_until));
            put("login_method", json!(session.method));
        }
        claims
    }

    /// Every claim that is always written is required: what lacks one was not made by [`Self::to_json`].
    pub(super) fn from_json(claims: &Map<String, Value>) -> Result<Self, IssuedTokenError> {
        let user = User {
            name: text(claims, "sub")?,
            uid: claims
                .get("uid")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or(wrong("uid", "a string"))?,
            groups: texts(claims.get("groups")).ok_or(wrong("groups", "a list of strings"))?,
            extra: extra(claims).ok_or(wrong("extra", "an object of lists of strings"))?,
        };
        Ok(Self {
            issuer: text(claims, "iss")?,
            audiences: texts(claims.get("aud")).ok_or(wrong("aud", "a list of strings"))?,
            issued_at: time(claims, "iat")?,
            not_before: time(claims, "nbf")?,
            expires: time(claims, "exp")?,
            id: text(claims, "jti")?,
            user,
            session: Session::from_json(claims)?,
        })
    }
}

const fn wrong(claim: &'static str, expected: &'static str) -> IssuedTokenError {
    IssuedTokenError::Claim { claim, expected }
}

fn text(claims: &Map<String, Value>, claim: &'static str) -> Result<String, IssuedTokenError> {
    let text = claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(wrong(claim, "a string that is not empty"))
}

fn time(claims: &Map<String, Value>, claim: &'static str) -> Result<UnixSeconds, IssuedTokenError> {
    claims.get(claim).and_then(Value::as_i64).ok_or(wrong(claim, "a time in whole seconds"))
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    value?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn extra(claims: &Map<String, Value>) -> Option<BTreeMap<String, Vec<String>>> {
    let members = claims.get("extra")?.as_object()?.iter();
    members.map(|(key, values)| Some((key.clone(), texts(Some(values))?))).collect()
}
