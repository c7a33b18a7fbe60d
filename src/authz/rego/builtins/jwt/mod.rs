//! `io.jwt.*`: reading and verifying JSON Web Tokens.
//!
//! Absent on purpose: signing (`io.jwt.encode_sign`): whoever decides signs nothing.

mod keys;
mod signature;
mod verify;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regorus::Value;

use super::arguments::string;
use super::digest::hex;
use super::{Builtin, Fault};
use signature::Algorithm;

pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "io.jwt.decode", arity: 1, run: decode },
    Builtin { name: "io.jwt.decode_verify", arity: 2, run: verify::decode_verify },
    Builtin { name: "io.jwt.verify_eddsa", arity: 2, run: |a| verify(a, Algorithm::EdDsa) },
    Builtin { name: "io.jwt.verify_es256", arity: 2, run: |a| verify(a, Algorithm::Es256) },
    Builtin { name: "io.jwt.verify_es384", arity: 2, run: |a| verify(a, Algorithm::Es384) },
    Builtin { name: "io.jwt.verify_es512", arity: 2, run: |a| verify(a, Algorithm::Es512) },
    Builtin { name: "io.jwt.verify_hs256", arity: 2, run: |a| verify(a, Algorithm::Hs256) },
    Builtin { name: "io.jwt.verify_hs384", arity: 2, run: |a| verify(a, Algorithm::Hs384) },
    Builtin { name: "io.jwt.verify_hs512", arity: 2, run: |a| verify(a, Algorithm::Hs512) },
    Builtin { name: "io.jwt.verify_ps256", arity: 2, run: |a| verify(a, Algorithm::Ps256) },
    Builtin { name: "io.jwt.verify_ps384", arity: 2, run: |a| verify(a, Algorithm::Ps384) },
    Builtin { name: "io.jwt.verify_ps512", arity: 2, run: |a| verify(a, Algorithm::Ps512) },
    Builtin { name: "io.jwt.verify_rs256", arity: 2, run: |a| verify(a, Algorithm::Rs256) },
    Builtin { name: "io.jwt.verify_rs384", arity: 2, run: |a| verify(a, Algorithm::Rs384) },
    Builtin { name: "io.jwt.verify_rs512", arity: 2, run: |a| verify(a, Algorithm::Rs512) },
];

/// Tokens inside one another that are opened.
const NESTED: usize = 8;

/// As Go's decoder: no padding is needed, spare bits may be set.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn fault(what: impl Into<String>) -> Fault {
    Fault::Argument(what.into())
}

/// A token in its three parts.
struct Token<'a> {
    /// What is signed: the text of header and payload.
    signed: &'a str,
    header: Value,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.splitn(4, '.').collect();
        let [header, payload, signature] = *parts.as_slice() else {
            return Err(fault(match text.split('.').count() {
                1 => "encoded JWT had no period separators".to_owned(),
                count => format!("encoded JWT must have 3 sections, found {count}"),
            }));
        };
        let bytes = |text: &str, what: &str| {
            let decoded = BASE64URL.decode(text);
            decoded.map_err(|error| fault(format!("JWT {what} had invalid encoding: {error}")))
        };
        let header = object(&bytes(header, "header")?, "header")?;
        if field(&header, "enc").is_some() {
            return Err(fault("JWT is a JWE object, which is not supported"));
        }
        let (payload, signature) = (bytes(payload, "payload")?, bytes(signature, "signature")?);
        let signed = text.rsplit_once('.').map_or("", |(signed, _)| signed);
        Ok(Self { signed, header, payload, signature })
    }

    /// The token that is its payload, if it says that there is one.
    fn inner(&self) -> Result<Option<String>, Fault> {
        let says = |kind: &str| kind.eq_ignore_ascii_case("JWT");
        if !field(&self.header, "cty").is_some_and(says) {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.payload)
            .map_err(|_| fault("JWT payload had invalid encoding: not UTF-8"))?;
        Ok(Some(text.trim().trim_matches('"').to_owned()))
    }

    fn claims(&self) -> Result<Value, Fault> {
        object(&self.payload, "payload")
    }
}

/// A string of an object.
fn field<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    match object.as_object().ok()?.get(&Value::from(name))? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn object(bytes: &[u8], what: &str) -> Result<Value, Fault> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| fault(format!("JWT {what} had invalid encoding: not UTF-8")))?;
    let value = Value::from_json_str(text).map_err(|_| fault(format!("JWT {what} is no JSON")))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(fault(format!("JWT {what} is no JSON object"))),
    }
}

/// `[header, claims, signature]` of the innermost token. Nothing is verified.
fn decode(arguments: &[Value]) -> Result<Value, Fault> {
    let mut text = string("io.jwt.decode", arguments, 0)?.to_owned();
    for _ in 0..NESTED {
        let token = Token::parse(&text)?;
        match token.inner()? {
            Some(inner) => text = inner,
            None => {
                let claims = token.claims()?;
                return Ok(Value::from(vec![token.header, claims, hex(&token.signature)]));
            }
        }
    }
    Err(Fault::Limit(format!("io.jwt.decode: more than {NESTED} tokens inside one another")))
}

/// Whether one of the keys (a certificate, a public key or JWKs; for HMAC the secret) signed the token.
fn verify(arguments: &[Value], algorithm: Algorithm) -> Result<Value, Fault> {
    let function = "io.jwt.verify";
    let token = Token::parse(string(function, arguments, 0)?)?;
    let key = string(function, arguments, 1)?;
    let signed = token.signed.as_bytes();
    if algorithm.is_hmac() {
        return Ok(Value::from(algorithm.verify_hmac(key.as_bytes(), signed, &token.signature)));
    }
    let keys = keys::parse(key)?;
    let keys = keys::named(&keys, field(&token.header, "kid"));
    let fits = keys.into_iter().any(|key| algorithm.verify(key, signed, &token.signature));
    Ok(Value::from(fits))
}
