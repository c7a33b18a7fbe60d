//! Compact JWS (RFC 7515 §3.1), read so that one token has one spelling and one meaning.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::base64url;
use super::json::{self, JsonError};

/// The longest token that is looked at: 64 KiB. Service account and OIDC tokens have one or two
/// KiB; HTTP servers stop at header lines not much longer.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Why a text is not a compact JWS. Carries no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts joined by two dots.
    #[error("the token must have three parts joined by dots")]
    NotThreeParts,
    /// A part is not canonical unpadded base64url.
    #[error("the {0} of the token must be unpadded base64url")]
    NotBase64Url(Part),
    /// The header is no JSON object, or repeats a member.
    #[error("the token's header: {0}")]
    Header(JsonError),
    /// `alg` is missing or no string (RFC 7515 §4.1.1).
    #[error("the token's header must name its algorithm as a string in `alg`")]
    NoAlgorithm,
    /// `kid` is there and no string (RFC 7515 §4.1.4).
    #[error("`kid` in the token's header must be a string")]
    KeyIdNotString,
    /// `crit` is there. No extension is understood here, so RFC 7515 §4.1.11 says to refuse.
    #[error("the token's header lists critical extensions in `crit`, and none is understood")]
    Critical,
    /// `b64` is there (RFC 7797): what is signed would not be what is read.
    #[error("the token's header has `b64`, and unencoded payloads are not understood")]
    UnencodedPayload,
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first.
    Header,
    /// The second.
    Payload,
    /// The third.
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// A compact JWS in its parts. Nothing in it is proven before a [`KeySet`](super::KeySet) verified
/// the signature.
///
/// ```
/// use portcullis::crypto::jws::{Compact, JwsError};
///
/// let token = Compact::parse("eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAA")?;
/// assert_eq!((token.algorithm_name(), token.key_id()), ("ES256", Some("a")));
/// assert_eq!(token.payload(), b"{}");
/// assert_eq!(Compact::parse("a.b").unwrap_err(), JwsError::NotThreeParts);
/// # Ok::<(), JwsError>(())
/// ```
pub struct Compact<'a> {
    signed: &'a str,
    header: Map<String, Value>,
    algorithm: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart; the length is looked at first, and nothing is trimmed.
    ///
    /// # Errors
    /// See [`JwsError`]. An unknown `alg` is no error here, but no key set will verify it.
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::NotThreeParts)?;
        if payload.contains('.') {
            return Err(JwsError::NotThreeParts);
        }
        let decode = |text, part| base64url::decode(text).ok_or(JwsError::NotBase64Url(part));
        let header = decode(header, Part::Header)?;
        let payload = decode(payload, Part::Payload)?;
        let signature = decode(signature, Part::Signature)?;
        let header = json::object_without_duplicates(&header).map_err(JwsError::Header)?;
        let algorithm = Self::check_header(&header)?.to_owned();
        Ok(Self { signed, header, algorithm, payload, signature })
    }

    /// The value of `alg`, if the header is one we understand.
    fn check_header(header: &Map<String, Value>) -> Result<&str, JwsError> {
        if header.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        if header.contains_key("b64") {
            return Err(JwsError::UnencodedPayload);
        }
        if header.get("kid").is_some_and(|id| !id.is_string()) {
            return Err(JwsError::KeyIdNotString);
        }
        header.get("alg").and_then(Value::as_str).ok_or(JwsError::NoAlgorithm)
    }

    /// The value of `alg` as it is written.
    #[must_use]
    pub fn algorithm_name(&self) -> &str {
        &self.algorithm
    }

    /// The value of `alg`, if it is one that keys here can have.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_name(&self.algorithm)
    }

    /// The value of `kid`, if the header has one; an empty one is none, as for the API server.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str).filter(|id| !id.is_empty())
    }

    /// All of the header.
    #[must_use]
    pub const fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// The decoded payload; for a JWT the claims, to be read with
    /// [`object_without_duplicates`](json::object_without_duplicates).
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What the signature is over: header and payload as they are written (RFC 7515 §5.2).
    pub(super) const fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The decoded signature.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl std::fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[token]")
    }
}
