use serde_json::{Map, Value};

use super::claims::{ClaimType, Claims};
use super::times::{GoTime, NotATime, seconds};
use crate::authn::UnixSeconds;
use crate::crypto::json::{JsonError, object_without_duplicates};
use crate::crypto::jws::{Compact, JwsError};
use crate::crypto::{Algorithm, KeySet, VerifyError};
use crate::util::goquote::{Quoted, QuotedList};

/// How far `nbf` may be ahead (S-OIDC-7).
const NOT_BEFORE_LEEWAY: i64 = 60;

/// The one issuer whose tokens may name it without the scheme (S-OIDC-4).
const GOOGLE: (&str, &str) = ("https://accounts.google.com", "accounts.google.com");

/// Why a token of the issuer was not verified, in the order of S-OIDC-6.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyTokenError {
    /// It is no JWS that is read here.
    #[error("oidc: malformed jwt: {0}")]
    Malformed(JwsError),
    /// Its claims cannot be read.
    #[error("oidc: failed to unmarshal claims: {0}")]
    Payload(PayloadError),
    /// It is of another issuer.
    #[error(
        "oidc: id token issued by a different provider, expected {} got {}",
        Quoted(.expected),
        Quoted(.got)
    )]
    Issuer {
        /// Whose it must be.
        expected: String,
        /// Whose it is.
        got: String,
    },
    /// It is not for the one audience that is configured.
    #[error("oidc: expected audience {} got {}", Quoted(.expected), QuotedList(.got))]
    Audience {
        /// For whom it must be.
        expected: String,
        /// For whom it is.
        got: Vec<String>,
    },
    /// It is for none of the audiences that are configured. Looked at last.
    #[error("oidc: expected audience in {} got {}", QuotedList(.expected), QuotedList(.got))]
    Audiences {
        /// For whom it may be.
        expected: Vec<String>,
        /// For whom it is.
        got: Vec<String>,
    },
    /// It has ended, or does not say when it does.
    #[error("oidc: token is expired (Token Expiry: {0})")]
    Expired(GoTime),
    /// It has not begun.
    #[error("oidc: current time {now} before the nbf (not before) time: {not_before}")]
    NotYetValid {
        /// When that was.
        now: GoTime,
        /// When it begins.
        not_before: GoTime,
    },
    /// It is signed with an algorithm that is not accepted.
    #[error(
        "oidc: id token signed with unsupported algorithm, expected {} got {}",
        QuotedList(&names(.expected)),
        Quoted(.got)
    )]
    Algorithm {
        /// What is accepted.
        expected: Vec<Algorithm>,
        /// What it names.
        got: String,
    },
    /// No key of the issuer made its signature.
    #[error("failed to verify signature: {0}")]
    Signature(VerifyError),
}

fn names(algorithms: &[Algorithm]) -> Vec<&'static str> {
    algorithms.iter().map(|algorithm| algorithm.name()).collect()
}

/// Why the claims of a token cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// No JSON object, or one that repeats a member.
    #[error("{0}")]
    Json(JsonError),
    /// A registered claim is of another type.
    #[error(
        "json: cannot unmarshal {found} into Go struct field idToken.{claim} of type {expected}"
    )]
    Type {
        /// Which.
        claim: &'static str,
        /// What it is.
        found: ClaimType,
        /// What it must be, in Go's name.
        expected: &'static str,
    },
    /// `aud` is neither a string nor a list of strings.
    #[error("json: cannot unmarshal {0} into Go value of type []string")]
    Audience(ClaimType),
    /// A time is none.
    #[error("{0}")]
    Time(NotATime),
    /// A registered claim is written in another case. Go would take it for the claim, others do not:
    /// a token that two readers read differently is good for nobody.
    #[error("the claim {} differs from `{claim}` in its case only", Quoted(.written))]
    Case {
        /// Which.
        claim: &'static str,
        /// How it is written.
        written: String,
    },
    /// A distributed claim names an empty source.
    #[error("oidc: failed to obtain source from claim name")]
    EmptySource,
    /// A distributed claim names a source that is not there.
    #[error("oidc: source does not exist")]
    NoSource,
}

/// What is asked of a token before anything else, whoever its issuer is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verifier<'a> {
    pub(super) issuer: &'a str,
    pub(super) audiences: &'a [String],
    pub(super) algorithms: &'a [Algorithm],
}

/// A token of which everything but the signature was looked at.
pub(super) struct Read<'t> {
    token: Compact<'t>,
    audiences: Vec<String>,
    pub(super) claims: Map<String, Value>,
    /// Its `exp`.
    pub(super) expires: UnixSeconds,
}

impl Verifier<'_> {
    /// Whether this issuer's tokens name theirs so.
    pub(super) fn is_issuer(&self, named: &str) -> bool {
        named == self.issuer || (self.issuer, named) == GOOGLE
    }

    /// Everything that costs no signature.
    pub(super) fn read<'t>(
        &self,
        token: &'t str,
        now: UnixSeconds,
    ) -> Result<Read<'t>, VerifyTokenError> {
        let token = Compact::parse(token).map_err(VerifyTokenError::Malformed)?;
        let claims = object_without_duplicates(token.payload())
            .map_err(|error| VerifyTokenError::Payload(PayloadError::Json(error)))?;
        let registered = Registered::read(Claims(&claims)).map_err(VerifyTokenError::Payload)?;
        if !self.is_issuer(registered.issuer) {
            let (expected, got) = (self.issuer.to_owned(), registered.issuer.to_owned());
            return Err(VerifyTokenError::Issuer { expected, got });
        }
        let audiences = registered.audiences;
        if let [only] = self.audiences
            && !audiences.contains(only)
        {
            return Err(VerifyTokenError::Audience { expected: only.clone(), got: audiences });
        }
        let expires = registered
            .expires
            .filter(|expires| now < *expires)
            .ok_or(VerifyTokenError::Expired(GoTime(registered.expires)))?;
        if let Some(not_before) = registered.not_before
            && now.saturating_add(NOT_BEFORE_LEEWAY) < not_before
        {
            let (now, not_before) = (GoTime(Some(now)), GoTime(Some(not_before)));
            return Err(VerifyTokenError::NotYetValid { now, not_before });
        }
        if token.algorithm().is_none_or(|algorithm| !self.algorithms.contains(&algorithm)) {
            let (expected, got) = (self.algorithms.to_vec(), token.algorithm_name().to_owned());
            return Err(VerifyTokenError::Algorithm { expected, got });
        }
        Ok(Read { token, audiences, claims, expires })
    }

    /// Whether one of these keys made the signature.
    pub(super) fn is_signed(&self, read: &Read<'_>, keys: &KeySet) -> Result<(), VerifyTokenError> {
        keys.verify(&read.token, self.algorithms).map_err(VerifyTokenError::Signature)
    }

    /// What is looked at last: whether a token is for one of several audiences.
    pub(super) fn check_audiences(&self, read: &Read<'_>) -> Result<(), VerifyTokenError> {
        if self.audiences.iter().any(|audience| read.audiences.contains(audience)) {
            return Ok(());
        }
        let (expected, got) = (self.audiences.to_vec(), read.audiences.clone());
        Err(VerifyTokenError::Audiences { expected, got })
    }
}

/// The claims that every token is read for, with the types of the API server's reader.
struct Registered<'a> {
    issuer: &'a str,
    audiences: Vec<String>,
    expires: Option<UnixSeconds>,
    not_before: Option<UnixSeconds>,
}

/// Claims that decide whether a token is good. None of them may be written in another case.
const DECIDING: [&str; 5] = ["iss", "sub", "aud", "exp", "nbf"];

impl<'a> Registered<'a> {
    fn read(claims: Claims<'a>) -> Result<Self, PayloadError> {
        for written in claims.0.keys() {
            let claim = DECIDING.into_iter().find(|claim| claim.eq_ignore_ascii_case(written));
            if let Some(claim) = claim.filter(|claim| claim != written) {
                return Err(PayloadError::Case { claim, written: written.clone() });
            }
        }
        let issuer = text(claims, "iss")?;
        // Types only: nobody looks at the values (S-OIDC-6).
        for claim in ["sub", "nonce", "at_hash"] {
            text(claims, claim)?;
        }
        let audiences = audiences(claims.get("aud"))?;
        let expires = claims.get("exp").map(seconds).transpose().map_err(PayloadError::Time)?;
        let not_before = claims.get("nbf").filter(|value| !value.is_null());
        let not_before = not_before.map(seconds).transpose().map_err(PayloadError::Time)?;
        // Read, and ignored (S-OIDC-7).
        claims.get("iat").map(seconds).transpose().map_err(PayloadError::Time)?;
        check_sources(claims)?;
        Ok(Self { issuer, audiences, expires, not_before })
    }
}

fn text<'a>(claims: Claims<'a>, claim: &'static str) -> Result<&'a str, PayloadError> {
    match claims.get(claim) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => {
            Err(PayloadError::Type { claim, found: ClaimType::of(other), expected: "string" })
        }
    }
}

/// A string or a list of strings (RFC 7519 §4.1.3).
fn audiences(value: Option<&Value>) -> Result<Vec<String>, PayloadError> {
    match value {
        None => Ok(Vec::new()),
        // As in Go, where `null` is the empty string.
        Some(Value::Null) => Ok(vec![String::new()]),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(items)) => {
            let mut texts = Vec::with_capacity(items.len());
            for item in items {
                match item {
                    Value::String(text) => texts.push(text.clone()),
                    other => return Err(PayloadError::Audience(ClaimType::of(other))),
                }
            }
            Ok(texts)
        }
        Some(other) => Err(PayloadError::Audience(ClaimType::of(other))),
    }
}

/// Every distributed claim has a source, whether anybody wants it or not.
fn check_sources(claims: Claims<'_>) -> Result<(), PayloadError> {
    let names = object(claims, "_claim_names", "map[string]string")?;
    let sources = object(claims, "_claim_sources", "map[string]oidc.claimSource")?;
    for source in names.into_iter().flat_map(Map::values) {
        let Value::String(source) = source else {
            let (claim, found) = ("_claim_names", ClaimType::of(source));
            return Err(PayloadError::Type { claim, found, expected: "string" });
        };
        if source.is_empty() {
            return Err(PayloadError::EmptySource);
        }
        if !sources.is_some_and(|sources| sources.contains_key(source)) {
            return Err(PayloadError::NoSource);
        }
    }
    for source in sources.into_iter().flat_map(Map::values) {
        let found = ClaimType::of(source);
        let Value::Object(source) = source else {
            let (claim, expected) = ("_claim_sources", "oidc.claimSource");
            return Err(PayloadError::Type { claim, found, expected });
        };
        for claim in ["endpoint", "access_token"] {
            text(Claims(source), claim)?;
        }
    }
    Ok(())
}

fn object<'a>(
    claims: Claims<'a>,
    claim: &'static str,
    expected: &'static str,
) -> Result<Option<&'a Map<String, Value>>, PayloadError> {
    match claims.get(claim) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(PayloadError::Type { claim, found: ClaimType::of(other), expected }),
    }
}
