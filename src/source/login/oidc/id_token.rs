//! Whether an ID token is to be believed (OpenID Connect Core 1.0 §3.1.3.7).

use serde_json::{Map, Value};

use crate::crypto::json::{JsonError, object_without_duplicates};
use crate::crypto::jws::{Compact, JwsError};
use crate::crypto::{Algorithm, KeySet, VerifyError};
use crate::util::secret::Secret;

/// How far the issuer's clock may be ahead of ours, in seconds, where a token says when it begins.
const SKEW: i64 = 60;

/// Why an ID token is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenError {
    /// No JWS.
    #[error("{0}")]
    Jws(JwsError),
    /// The signature is none of the issuer's.
    #[error("{0}")]
    Signature(VerifyError),
    /// The claims are no JSON object, or repeat a member.
    #[error("its claims: {0}")]
    Claims(JsonError),
    /// A claim is missing or of the wrong type.
    #[error("its claim `{0}` is missing, or no {1}")]
    Claim(&'static str, &'static str),
    /// Another issuer's.
    #[error("its `iss` is another issuer")]
    Issuer,
    /// For somebody else.
    #[error("its `aud` is not the client `{0}`")]
    Audience(String),
    /// Given to another client.
    #[error("its `azp` is not the client `{0}`")]
    AuthorizedParty(String),
    /// An answer to another question.
    #[error("its `nonce` is not the one that was sent")]
    Nonce,
    /// Of another person than the one who logged in.
    #[error("its `sub` is another person's than the one who logged in; log in again")]
    Subject,
    /// Over.
    #[error("it has ended; check the clock of this machine")]
    Expired,
    /// Not yet good.
    #[error("it is of the future; check the clock of this machine")]
    Future,
}

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// What was sent with the question, if it was.
    pub(super) nonce: Option<&'a Secret>,
    /// Who logged in before, if somebody did.
    pub(super) subject: Option<&'a str>,
    pub(super) algorithms: &'a [Algorithm],
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source::login) struct Claims {
    pub(in crate::source::login) subject: String,
    pub(in crate::source::login) expires: i64,
}

/// What a token says, if it is to be believed now.
pub(super) fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Claims, IdTokenError> {
    let token = Compact::parse(token).map_err(IdTokenError::Jws)?;
    keys.verify(&token, expected.algorithms).map_err(IdTokenError::Signature)?;
    let claims = object_without_duplicates(token.payload()).map_err(IdTokenError::Claims)?;
    check(&claims, expected, now)
}

fn check(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Claims, IdTokenError> {
    if text(claims, "iss")? != expected.issuer {
        return Err(IdTokenError::Issuer);
    }
    let client = expected.client_id;
    if !audiences(claims)?.contains(&client) {
        return Err(IdTokenError::Audience(client.to_owned()));
    }
    match claims.get("azp") {
        // Of several audiences one asked, and it must be us.
        None if audiences(claims)?.len() > 1 => {
            return Err(IdTokenError::AuthorizedParty(client.to_owned()));
        }
        Some(party) if party.as_str() != Some(client) => {
            return Err(IdTokenError::AuthorizedParty(client.to_owned()));
        }
        _ => {}
    }
    if let Some(sent) = expected.nonce {
        let nonce = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
        if !sent.is(nonce) {
            return Err(IdTokenError::Nonce);
        }
    }
    let subject = text(claims, "sub")?;
    if subject.is_empty() {
        return Err(IdTokenError::Claim("sub", "text"));
    }
    if expected.subject.is_some_and(|known| known != subject) {
        return Err(IdTokenError::Subject);
    }
    let expires = seconds(claims, "exp")?.ok_or(IdTokenError::Claim("exp", "time"))?;
    if now >= expires {
        return Err(IdTokenError::Expired);
    }
    for begin in ["iat", "nbf"] {
        if seconds(claims, begin)?.is_some_and(|begin| begin > now.saturating_add(SKEW)) {
            return Err(IdTokenError::Future);
        }
    }
    Ok(Claims { subject: subject.to_owned(), expires })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, IdTokenError> {
    claims.get(name).and_then(Value::as_str).ok_or(IdTokenError::Claim(name, "text"))
}

/// One text, or a list of them.
fn audiences(claims: &Map<String, Value>) -> Result<Vec<&str>, IdTokenError> {
    let wrong = || IdTokenError::Claim("aud", "text or list of texts");
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(all)) => all.iter().map(|one| one.as_str().ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

/// A time in seconds. A fraction is cut off, which never makes a token live longer.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, IdTokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let wrong = || IdTokenError::Claim(name, "time");
    if let Some(whole) = value.as_i64() {
        return Ok(Some(whole));
    }
    let text = value.as_f64().filter(|it| it.is_finite() && *it >= 0.0).ok_or_else(wrong)?;
    // Through text, which says when the number is too large.
    format!("{:.0}", text.floor()).parse().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
