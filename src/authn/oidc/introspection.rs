//! What does the answer of an introspection endpoint (RFC 7662) say of a token that only its issuer
//! can read?
//!
//! An inactive token is no opinion. Of an active one everything that the issuer says of it must be in
//! order, and it must be a bearer token: one that is bound to a key (`cnf`) proves nothing without it.
//!
//! Absent on purpose: the network (see `source::oidc::Introspection`), CEL: what an issuer answers
//! here is its own invention more often than not, so that claims and prefixes do.

use serde_json::{Map, Value};

use super::OidcError;
use super::claims::{ClaimError, Claims};
use super::mapping::{Groups, Username};
use super::times::{GoTime, NotATime, seconds};
use crate::authn::{Authenticated, CREDENTIAL_ID, UnixSeconds};
use crate::model::User;
use crate::util::goquote::{Quoted, QuotedList};

/// How far `nbf` may be ahead, as for ID tokens (S-OIDC-7).
const NOT_BEFORE_LEEWAY: i64 = 60;

/// What must hold for an answer, and where the user comes from.
#[derive(Debug, Clone)]
pub struct IntrospectionRules {
    issuer: Option<String>,
    audiences: Vec<String>,
    username: Username,
    groups: Option<Groups>,
    uid: Option<String>,
}

impl IntrospectionRules {
    /// The user name is this claim with a prefix, which may be empty.
    ///
    /// ```
    /// use portcullis::authn::oidc::introspection::IntrospectionRules;
    /// use serde_json::json;
    ///
    /// let rules = IntrospectionRules::new("username", "corp:").with_audiences(["kubernetes"]);
    /// let answer = json!({"active": true, "username": "jane", "aud": "kubernetes", "exp": 2_000});
    /// let found = rules.check(answer.as_object().ok_or("object")?, 1_000)?.ok_or("inactive")?;
    /// assert_eq!(found.user.name, "corp:jane");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(claim: impl Into<String>, prefix: impl Into<String>) -> Self {
        let username = Username::Claim { claim: claim.into(), prefix: prefix.into() };
        Self { issuer: None, audiences: Vec::new(), username, groups: None, uid: None }
    }

    /// The groups are this claim, a string or a list of strings, each with a prefix. Default: none.
    #[must_use]
    pub fn with_groups(mut self, claim: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.groups = Some(Groups::Claim { claim: claim.into(), prefix: prefix.into() });
        self
    }

    /// The uid is this claim, which must be there. Default: none.
    #[must_use]
    pub fn with_uid(mut self, claim: impl Into<String>) -> Self {
        self.uid = Some(claim.into());
        self
    }

    /// The token must be for one of these. Default: not looked at, which is right only where the
    /// endpoint itself refuses the tokens of others.
    #[must_use]
    pub fn with_audiences<A: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = A>,
    ) -> Self {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// The answer must name this issuer. Default: not looked at.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The issuer that answers must name, if any.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Who an answer proves; `None` when it says that the token is not active.
    ///
    /// # Errors
    /// When it does not say whether the token is, or says something that is not in order.
    pub fn check(
        &self,
        answer: &Map<String, Value>,
        now: UnixSeconds,
    ) -> Result<Option<Authenticated>, IntrospectionError> {
        match answer.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(None),
            _ => return Err(IntrospectionError::NotSaid),
        }
        let claims = Claims(answer);
        let expires = time(claims, "exp")?;
        if let Some(expires) = expires.filter(|expires| now >= *expires) {
            return Err(IntrospectionError::Expired(GoTime(Some(expires))));
        }
        if let Some(not_before) = time(claims, "nbf")?
            && now.saturating_add(NOT_BEFORE_LEEWAY) < not_before
        {
            return Err(IntrospectionError::NotYetValid(GoTime(Some(not_before))));
        }
        if let Some(wanted) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(wanted)
        {
            return Err(IntrospectionError::Issuer { expected: wanted.clone() });
        }
        self.check_audiences(claims)?;
        check_kind(claims)?;
        Ok(Some(Authenticated { user: self.user(claims)?, audiences: Vec::new(), expires }))
    }

    fn check_audiences(&self, claims: Claims<'_>) -> Result<(), IntrospectionError> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        let found = claims.texts("aud");
        let found =
            found.map_err(|error| IntrospectionError::Claim { claim: "aud".to_owned(), error })?;
        if self.audiences.iter().any(|audience| found.contains(&audience.as_str())) {
            return Ok(());
        }
        let got = found.into_iter().map(str::to_owned).collect();
        Err(IntrospectionError::Audience { expected: self.audiences.clone(), got })
    }

    fn user(&self, claims: Claims<'_>) -> Result<User, IntrospectionError> {
        let name = self.username.of(claims).map_err(IntrospectionError::User)?;
        // Of a name without prefix the chain says the same; with one, nobody would.
        if let Username::Claim { claim, .. } = &self.username
            && claims.text(claim) == Ok("")
        {
            return Err(IntrospectionError::NoName { claim: claim.clone() });
        }
        let mut user = User::new(name);
        if let Some(groups) = &self.groups {
            user.groups = groups.of(claims).map_err(IntrospectionError::User)?;
        }
        if let Some(claim) = &self.uid {
            let uid = claims.text(claim);
            let claim = claim.clone();
            user.uid = uid
                .map(str::to_owned)
                .map_err(|error| IntrospectionError::Claim { claim, error })?;
        }
        if let Some(id) = claims.get("jti").and_then(Value::as_str).filter(|id| !id.is_empty()) {
            user.extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        Ok(user)
    }
}

/// A bearer token, where the answer says of which kind it is.
fn check_kind(claims: Claims<'_>) -> Result<(), IntrospectionError> {
    if claims.get("cnf").is_some_and(|binding| !binding.is_null()) {
        return Err(IntrospectionError::Bound);
    }
    match claims.get("token_type") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(_) => Err(IntrospectionError::Kind),
    }
}

fn time(
    claims: Claims<'_>,
    claim: &'static str,
) -> Result<Option<UnixSeconds>, IntrospectionError> {
    let value = claims.get(claim).filter(|value| !value.is_null());
    let time = value.map(seconds).transpose();
    time.map_err(|error| IntrospectionError::Time { claim, error })
}

/// Why an answer proves nobody.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// `active` is missing or no truth value.
    #[error("introspection: the answer does not say in `active` whether the token is active")]
    NotSaid,
    /// A time is none.
    #[error("introspection: `{claim}`: {error}")]
    Time {
        /// Which.
        claim: &'static str,
        /// Why.
        error: NotATime,
    },
    /// Active, and over.
    #[error("introspection: token is expired (Token Expiry: {0})")]
    Expired(GoTime),
    /// Active, and not yet begun.
    #[error("introspection: token is not valid before {0}")]
    NotYetValid(GoTime),
    /// Of another issuer, or the answer does not say.
    #[error("introspection: the token is not issued by {}", Quoted(.expected))]
    Issuer {
        /// Whose it must be.
        expected: String,
    },
    /// For others, or the answer does not say.
    #[error("introspection: expected audience in {} got {}", QuotedList(.expected), QuotedList(.got))]
    Audience {
        /// For whom it may be.
        expected: Vec<String>,
        /// For whom it is.
        got: Vec<String>,
    },
    /// Bound to a key.
    #[error("introspection: the token is bound to a key (`cnf`), and is no bearer token")]
    Bound,
    /// Of another kind, such as a refresh token.
    #[error("introspection: `token_type` is not `Bearer`")]
    Kind,
    /// A claim is missing or of another type.
    #[error("introspection: claim {}: {error}", Quoted(.claim))]
    Claim {
        /// Which.
        claim: String,
        /// Why.
        error: ClaimError,
    },
    /// The claim of the user name is empty.
    #[error("introspection: claim {} is empty", Quoted(.claim))]
    NoName {
        /// Which.
        claim: String,
    },
    /// The user cannot be read.
    #[error("introspection: {0}")]
    User(OidcError),
}
