//! Public keys from JWK sets (RFC 7517): those we can verify with, and why not the others.
//!
//! Issuers publish keys of many kinds in one set, so a key of no use is passed over and listed,
//! never a reason to lose the others. A document that is no JWK set at all is an error.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, KeyType};
use super::base64url;
use super::error::KeyError;
use super::json::{self, JsonError};
use super::key::VerifyingKey;

/// Why a text is no JWK set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// Not one JSON object without repeated members.
    #[error("the JWK set: {0}")]
    Json(JsonError),
    /// `keys` is missing or no list.
    #[error("the JWK set must have a list `keys`")]
    NoKeys,
    /// More keys than the reader allows: a token without `kid` would be tried with each.
    #[error("the JWK set has {found} keys, more than the {allowed} that are allowed")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        allowed: usize,
    },
}

/// What a JWK set holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedSet {
    /// The keys to verify with, in order. Two of them may have one id.
    pub keys: Vec<VerifyingKey>,
    /// The keys that are of no use here.
    pub skipped: Vec<SkippedKey>,
}

/// A key that is of no use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its `kid`, if it has one.
    pub id: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "key {} (`{}`) skipped: ", self.index, id.escape_debug())?,
            None => write!(f, "key {} skipped: ", self.index)?,
        }
        self.reason.fmt(f)
    }
}

/// Why a key of a JWK set is of no use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Not an object, or a member that should be a string is none.
    #[error("is not a JWK")]
    NotAJwk,
    /// `kty` is `oct`: whoever verifies with such a key can sign with it.
    #[error("is symmetric, and shared secrets verify nothing here")]
    Symmetric,
    /// `use` is not `sig` (RFC 7517 §4.2).
    #[error("`use` is not `sig`")]
    Use,
    /// `key_ops` lacks `verify` (RFC 7517 §4.3).
    #[error("`key_ops` does not hold `verify`")]
    Operations,
    /// A `kty` or `crv` that no algorithm here uses.
    #[error("is of a kind that is not supported")]
    Kind,
    /// `alg` is no algorithm of such a key, or unknown.
    #[error("`alg` is no supported algorithm of a {0} key")]
    Algorithm(KeyType),
    /// The numbers are missing, not canonical base64url, of the wrong length, or refused.
    #[error("{0}")]
    Key(KeyError),
}

impl From<KeyError> for SkipReason {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

/// Reads a JWK set of at most `max_keys` keys.
///
/// A private JWK is read for its public half.
///
/// ```
/// use portcullis::crypto::jwk::{self, SkipReason};
///
/// let set = jwk::parse(
///     br#"{"keys": [
///         {"kty": "OKP", "crv": "Ed25519", "kid": "a",
///          "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///         {"kty": "oct", "k": "c2VjcmV0"}
///     ]}"#,
///     100,
/// )?;
/// assert_eq!(set.keys[0].id(), Some("a"));
/// assert_eq!(set.skipped[0].reason, SkipReason::Symmetric);
/// # Ok::<(), jwk::JwkSetError>(())
/// ```
///
/// # Errors
/// When the text is no JWK set, or has too many keys. Keys of no use are listed instead.
pub fn parse(text: &[u8], max_keys: usize) -> Result<ParsedSet, JwkSetError> {
    let document = json::object_without_duplicates(text).map_err(JwkSetError::Json)?;
    let list = document.get("keys").and_then(Value::as_array).ok_or(JwkSetError::NoKeys)?;
    if list.len() > max_keys {
        return Err(JwkSetError::TooMany { found: list.len(), allowed: max_keys });
    }
    let mut set = ParsedSet { keys: Vec::new(), skipped: Vec::new() };
    for (index, jwk) in list.iter().enumerate() {
        match key(jwk) {
            Ok(key) => set.keys.push(key),
            Err(reason) => {
                let id = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
                set.skipped.push(SkippedKey { index, id, reason });
            }
        }
    }
    Ok(set)
}

fn key(jwk: &Value) -> Result<VerifyingKey, SkipReason> {
    let jwk = jwk.as_object().ok_or(SkipReason::NotAJwk)?;
    let kind = text(jwk, "kty")?.ok_or(SkipReason::NotAJwk)?;
    if kind == "oct" {
        return Err(SkipReason::Symmetric);
    }
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(SkipReason::Use);
    }
    if let Some(operations) = jwk.get("key_ops") {
        let operations = operations.as_array().ok_or(SkipReason::NotAJwk)?;
        // A private key's `sign` goes with `verify` of its public half (RFC 7517 §4.3 has both).
        if !operations.iter().any(|operation| operation == "verify") {
            return Err(SkipReason::Operations);
        }
    }
    let key = match (kind, text(jwk, "crv")?) {
        ("RSA", _) => rsa(jwk)?,
        ("EC", Some("P-256")) => point(jwk, KeyType::P256, 32)?,
        ("EC", Some("P-384")) => point(jwk, KeyType::P384, 48)?,
        ("EC", Some("P-521")) => point(jwk, KeyType::P521, 66)?,
        ("OKP", Some("Ed25519")) => from_bytes(&number(jwk, "x", Some(32))?, KeyType::Ed25519)?,
        _ => return Err(SkipReason::Kind),
    };
    let key = key.with_id(text(jwk, "kid")?.map(str::to_owned));
    let Some(name) = text(jwk, "alg")? else {
        return Ok(key);
    };
    match Algorithm::from_name(name) {
        Some(algorithm) if algorithm.key_type() == key.key_type() => {
            Ok(key.reserved_for(algorithm))
        }
        _ => Err(SkipReason::Algorithm(key.key_type())),
    }
}

/// RFC 7518 §6.3.1. Leading zeros break its rule of the shortest form, but common libraries write
/// them and the API server's reads them; the number is the same.
fn rsa(jwk: &Map<String, Value>) -> Result<VerifyingKey, SkipReason> {
    let n = number(jwk, "n", None)?;
    let e = number(jwk, "e", None)?;
    let components = RsaPublicKeyComponents { n: without_zeros(&n), e: without_zeros(&e) };
    let der = components.as_der().map_err(|_| KeyError::Unknown)?;
    from_bytes(der.as_ref(), KeyType::Rsa)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// RFC 7518 §6.2.1: both coordinates in full length.
fn point(
    jwk: &Map<String, Value>,
    curve: KeyType,
    length: usize,
) -> Result<VerifyingKey, SkipReason> {
    const UNCOMPRESSED: u8 = 4;
    let mut point = vec![UNCOMPRESSED];
    point.extend(number(jwk, "x", Some(length))?);
    point.extend(number(jwk, "y", Some(length))?);
    from_bytes(&point, curve)
}

fn from_bytes(bytes: &[u8], expected: KeyType) -> Result<VerifyingKey, SkipReason> {
    let key = VerifyingKey::from_any(bytes)?;
    if key.key_type() == expected { Ok(key) } else { Err(KeyError::Unknown.into()) }
}

fn number(
    jwk: &Map<String, Value>,
    member: &str,
    length: Option<usize>,
) -> Result<Vec<u8>, SkipReason> {
    let bytes = text(jwk, member)?.and_then(base64url::decode).ok_or(KeyError::Unknown)?;
    if length.is_some_and(|length| bytes.len() != length) {
        return Err(KeyError::Unknown.into());
    }
    Ok(bytes)
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Result<Option<&'a str>, SkipReason> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SkipReason::NotAJwk),
    }
}
