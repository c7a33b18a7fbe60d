//! Public keys as policies write them: a certificate, a public key in PEM, a JWK or a set of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regorus::Value;

use super::{BASE64URL, Fault, fault, field};

/// Keys of one set.
const KEYS: usize = 64;

/// A public key.
pub(super) struct Key {
    /// What tokens call it.
    pub(super) id: Option<String>,
    pub(super) material: Material,
}

pub(super) enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// PKCS#1, or SubjectPublicKeyInfo.
    RsaDer(Vec<u8>),
    /// An uncompressed point.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// Those of that name, or all when none has it.
pub(super) fn named<'a>(keys: &'a [Key], id: Option<&str>) -> Vec<&'a Key> {
    let named: Vec<&Key> =
        keys.iter().filter(|key| id.is_some() && key.id.as_deref() == id).collect();
    if named.is_empty() { keys.iter().collect() } else { named }
}

/// The keys in a text.
pub(super) fn parse(text: &str) -> Result<Vec<Key>, Fault> {
    if text.contains("-----BEGIN ") {
        return pem(text).map(|material| vec![Key { id: None, material }]);
    }
    let bad = || fault("failed to parse a JWK key (set)");
    let value = Value::from_json_str(text).map_err(|_| bad())?;
    let set = value.as_object().ok().and_then(|object| object.get(&Value::from("keys")));
    let keys: Vec<&Value> = match set {
        Some(Value::Array(keys)) if keys.len() <= KEYS => keys.iter().collect(),
        Some(_) => return Err(bad()),
        None => vec![&value],
    };
    // Keys of a set that are not for verifying (other kinds, other curves) are passed over.
    let single = set.is_none();
    let mut found = Vec::new();
    for key in keys {
        match jwk(key) {
            Some(material) => {
                found.push(Key { id: field(key, "kid").map(str::to_owned), material });
            }
            None if single => return Err(bad()),
            None => {}
        }
    }
    Ok(found)
}

fn jwk(key: &Value) -> Option<Material> {
    let bytes = |name: &str| BASE64URL.decode(field(key, name)?).ok();
    match (field(key, "kty")?, field(key, "crv")) {
        ("RSA", _) => Some(Material::Rsa {
            modulus: without_zeros(bytes("n")?),
            exponent: without_zeros(bytes("e")?),
        }),
        ("EC", Some(curve)) => {
            let curve = match curve {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                _ => return None,
            };
            let mut point = vec![4];
            for name in ["x", "y"] {
                let coordinate = bytes(name)?;
                let padding = curve.coordinate().checked_sub(coordinate.len())?;
                point.extend(std::iter::repeat_n(0, padding));
                point.extend(coordinate);
            }
            Some(Material::Ec(curve, point))
        }
        ("OKP", Some("Ed25519")) => bytes("x").filter(|key| key.len() == 32).map(Material::Ed25519),
        _ => None,
    }
}

fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn pem(text: &str) -> Result<Material, Fault> {
    let bad = |what: &str| fault(format!("failed to parse a PEM {what}"));
    let (_, rest) = text.split_once("-----BEGIN ").ok_or_else(|| bad("key"))?;
    let (label, rest) = rest.split_once("-----").ok_or_else(|| bad("key"))?;
    let what = if label == "CERTIFICATE" { "certificate" } else { "key" };
    let end = format!("-----END {label}-----");
    let (body, behind) = rest.split_once(end.as_str()).ok_or_else(|| bad(what))?;
    if !behind.trim().is_empty() {
        return Err(fault(format!("extra data after a PEM {what} block")));
    }
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(body).map_err(|_| bad(what))?;
    let material = match label {
        "CERTIFICATE" => certificate(&der).and_then(public_key),
        "PUBLIC KEY" => public_key(&der),
        "RSA PUBLIC KEY" => Some(Material::RsaDer(der)),
        _ => None,
    };
    material.ok_or_else(|| bad(what))
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;

/// What [`element`] tells.
type Element<'a> = (u8, &'a [u8], &'a [u8], &'a [u8]);

/// The first element of DER: its tag, all of it, its content, and what follows.
fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&[tag, length], _) = der.split_first_chunk()?;
    let (header, length) = match length {
        0..=0x7f => (2, usize::from(length)),
        0x81..=0x83 => {
            let count = usize::from(length & 0x7f);
            let digits = der.get(2..2 + count)?;
            (2 + count, digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
        }
        _ => return None,
    };
    let whole = der.get(..header + length)?;
    Some((tag, whole, whole.get(header..)?, der.get(header + length..)?))
}

fn content(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, _, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// The SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1). Nothing else of it is read: who names a
/// certificate in a policy trusts its key.
fn certificate(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = content(der, SEQUENCE)?;
    let (mut rest, _) = content(certificate, SEQUENCE)?;
    if let Some((0xa0, _, _, behind)) = element(rest) {
        rest = behind;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for _ in 0..5 {
        (_, _, _, rest) = element(rest)?;
    }
    let (tag, whole, _, _) = element(rest)?;
    (tag == SEQUENCE).then_some(whole)
}

fn public_key(der: &[u8]) -> Option<Material> {
    let (info, _) = content(der, SEQUENCE)?;
    let (algorithm, rest) = content(info, SEQUENCE)?;
    let (key, _) = content(rest, BIT_STRING)?;
    let (&unused, key) = key.split_first()?;
    let (oid, parameters) = content(algorithm, OID)?;
    if unused != 0 {
        return None;
    }
    match oid {
        // rsaEncryption, RSASSA-PSS
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 | 0x0a] => {
            Some(Material::RsaDer(key.to_vec()))
        }
        // ecPublicKey
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => {
            let curve = match content(parameters, OID)?.0 {
                [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Curve::P256,
                [0x2b, 0x81, 0x04, 0x00, 0x22] => Curve::P384,
                [0x2b, 0x81, 0x04, 0x00, 0x23] => Curve::P521,
                _ => return None,
            };
            Some(Material::Ec(curve, key.to_vec()))
        }
        [0x2b, 0x65, 0x70] => Some(Material::Ed25519(key.to_vec())),
        _ => None,
    }
}
