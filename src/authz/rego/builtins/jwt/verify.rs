//! `io.jwt.decode_verify`: a token whose signature, times, issuer and audience are as they must be.

use regorus::Value;

use super::super::super::functions::now;
use super::super::arguments::{object, string};
use super::keys::{self, Key};
use super::signature::Algorithm;
use super::{Fault, NESTED, Token, fault, field};

const FUNCTION: &str = "io.jwt.decode_verify";
const BILLION: i128 = 1_000_000_000;

/// What a token must be.
struct Constraints {
    keys: Option<Vec<Key>>,
    secret: Option<String>,
    algorithm: Option<String>,
    issuer: Option<String>,
    audience: Option<String>,
    /// Nanoseconds since 1970.
    time: i128,
}

impl Constraints {
    fn new(arguments: &[Value]) -> Result<Self, Fault> {
        let mut constraints = Self {
            keys: None,
            secret: None,
            algorithm: None,
            issuer: None,
            audience: None,
            time: i128::from(now()) * BILLION,
        };
        for (name, value) in object(FUNCTION, arguments, 1)? {
            let name = string(FUNCTION, std::slice::from_ref(name), 0)?;
            let text = || match value {
                Value::String(text) => Ok(text.to_string()),
                _ => Err(fault(format!("{FUNCTION}: {name} constraint: must be a string"))),
            };
            match name {
                "cert" => constraints.keys = Some(keys::parse(&text()?)?),
                "secret" => constraints.secret = Some(text()?),
                "alg" => constraints.algorithm = Some(text()?),
                "iss" => constraints.issuer = Some(text()?),
                "aud" => constraints.audience = Some(text()?),
                "time" => {
                    let time = scaled(value, 1).ok_or_else(|| {
                        fault(format!("{FUNCTION}: time constraint: must be a number"))
                    })?;
                    constraints.time = time;
                }
                other => return Err(fault(format!("unknown token validation parameter {other}"))),
            }
        }
        match (&constraints.keys, &constraints.secret) {
            (Some(_), Some(_)) => Err(fault("duplicate key constraints")),
            (None, None) => Err(fault("no key constraint")),
            _ => Ok(constraints),
        }
    }

    fn is_signed(&self, token: &Token<'_>) -> bool {
        let Some(name) = field(&token.header, "alg") else {
            return false;
        };
        if self.algorithm.as_deref().is_some_and(|wanted| wanted != name) {
            return false;
        }
        let Some(algorithm) = Algorithm::from_name(name) else {
            return false;
        };
        let signed = token.signed.as_bytes();
        // A public key is never the secret of an HMAC, whatever the token says.
        match (&self.secret, &self.keys) {
            (Some(secret), _) => algorithm.verify_hmac(secret.as_bytes(), signed, &token.signature),
            (None, Some(keys)) => keys::named(keys, field(&token.header, "kid"))
                .into_iter()
                .any(|key| algorithm.verify(key, signed, &token.signature)),
            (None, None) => false,
        }
    }

    fn fit(&self, claims: &Value) -> Result<bool, Fault> {
        let get = |name: &str| claims.as_object().ok()?.get(&Value::from(name));
        let issuer = field(claims, "iss");
        if self.issuer.is_some() && issuer != self.issuer.as_deref() {
            return Ok(false);
        }
        // A token for somebody is for nobody who does not say who it is.
        let is_ours = match (get("aud"), &self.audience) {
            (None, None) => true,
            (Some(Value::String(audience)), Some(ours)) => **audience == **ours,
            (Some(Value::Array(audiences)), Some(ours)) => {
                audiences.contains(&Value::from(ours.as_str()))
            }
            _ => false,
        };
        if !is_ours {
            return Ok(false);
        }
        let time = |name: &str| match get(name) {
            None => Ok(None),
            Some(value) => scaled(value, BILLION)
                .map(Some)
                .ok_or_else(|| fault(format!("{name} value must be a number"))),
        };
        let (not_before, expires) = (time("nbf")?, time("exp")?);
        Ok(not_before.is_none_or(|start| start <= self.time)
            && expires.is_none_or(|end| self.time < end))
    }
}

/// A number times a power of ten up to [`BILLION`], as an integer; what is smaller than one is cut off.
fn scaled(value: &Value, factor: i128) -> Option<i128> {
    let Value::Number(number) = value else {
        return None;
    };
    if let Some(whole) = number.as_i64() {
        return i128::from(whole).checked_mul(factor);
    }
    // The shortest decimal digits, which are those that were written.
    let text = format!("{}", number.as_f64().filter(|float| float.abs() < 1e24)?);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = if factor == 1 { 0 } else { 9 };
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(digits).collect();
    format!("{whole}{fraction}").parse().ok()
}

/// `[true, header, claims]`, or `[false, {}, {}]`.
pub(super) fn decode_verify(arguments: &[Value]) -> Result<Value, Fault> {
    let mut text = string(FUNCTION, arguments, 0)?.to_owned();
    let constraints = Constraints::new(arguments)?;
    let invalid =
        || Value::from(vec![Value::from(false), Value::new_object(), Value::new_object()]);
    for _ in 0..NESTED {
        let token = Token::parse(&text)?;
        let critical = token.header.as_object().ok();
        let critical = critical.and_then(|header| header.get(&Value::from("crit")));
        // No extension is understood.
        if critical.is_some() || !constraints.is_signed(&token) {
            return Ok(invalid());
        }
        if let Some(inner) = token.inner()? {
            text = inner;
            continue;
        }
        let claims = token.claims()?;
        if !constraints.fit(&claims)? {
            return Ok(invalid());
        }
        return Ok(Value::from(vec![Value::from(true), token.header, claims]));
    }
    Err(Fault::Limit(format!("{FUNCTION}: more than {NESTED} tokens inside one another")))
}
