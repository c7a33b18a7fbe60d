//! Public keys from PEM files, as the API server's `--service-account-key-file` reads them.

use ::pem::Pem;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::der;
use super::error::{FromPemError, KeyError};
use super::key::VerifyingKey;

/// What a PEM label says is inside.
#[derive(Clone, Copy)]
enum Content {
    Certificate,
    EcPrivate,
    Pkcs8,
    Pkix,
    RsaPrivate,
    RsaPublic,
}

const LABELS: [(&str, Content); 6] = [
    ("CERTIFICATE", Content::Certificate),
    ("EC PRIVATE KEY", Content::EcPrivate),
    ("PRIVATE KEY", Content::Pkcs8),
    ("PUBLIC KEY", Content::Pkix),
    ("RSA PRIVATE KEY", Content::RsaPrivate),
    ("RSA PUBLIC KEY", Content::RsaPublic),
];

/// The public keys of all blocks, each under the id that Kubernetes gives it: unpadded base64url of
/// the SHA-256 of the PKIX DER (S-SAJWT-2).
///
/// Read are `PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE` (its key; dates and signature are not
/// looked at), and of private keys (`PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`) the public
/// half. Blocks of other labels, such as `EC PARAMETERS`, are passed over.
///
/// # Errors
/// When the text is no PEM, no block holds a key, or one that should hold a key does not. Unlike
/// the API server, which passes over blocks that it cannot read: a key that is missing without a
/// word refuses tokens without a reason.
pub fn verifying_keys(text: &[u8]) -> Result<Vec<VerifyingKey>, FromPemError> {
    let blocks = ::pem::parse_many(text).map_err(|_| FromPemError::NotPem)?;
    if blocks.is_empty() {
        return Err(FromPemError::NotPem);
    }
    let mut keys = Vec::new();
    for (index, block) in blocks.into_iter().enumerate() {
        keys.extend(verifying_key(block, index.saturating_add(1))?);
    }
    if keys.is_empty() { Err(FromPemError::NoKeys) } else { Ok(keys) }
}

fn verifying_key(pem: Pem, block: usize) -> Result<Option<VerifyingKey>, FromPemError> {
    // RFC 1421 §4.6.1.1, as OpenSSL's traditional format has it, and RFC 5958.
    let proc_type = pem.headers().get("Proc-Type").unwrap_or_default();
    if pem.tag() == "ENCRYPTED PRIVATE KEY" || proc_type.contains("ENCRYPTED") {
        return Err(FromPemError::Encrypted { block });
    }
    let Some((label, content)) = LABELS.into_iter().find(|(label, _)| *label == pem.tag()) else {
        return Ok(None);
    };
    // It may be a private key.
    let der = Zeroizing::new(pem.into_contents());
    let key = match content {
        Content::Certificate => der::subject_public_key_info(&der)
            .ok_or(KeyError::Unknown)
            .and_then(VerifyingKey::from_any),
        Content::Pkix => VerifyingKey::from_pkix(&der),
        Content::RsaPublic => VerifyingKey::from_any(&der),
        Content::EcPrivate | Content::Pkcs8 | Content::RsaPrivate => public_half(&der),
    };
    key.map(Some).map_err(|error| FromPemError::Key { block, label, error })
}

/// The public key of a DER private key: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn public_half(der: &[u8]) -> Result<VerifyingKey, KeyError> {
    let curves = [
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        &ECDSA_P521_SHA512_FIXED_SIGNING,
    ];
    for curve in curves {
        if let Ok(pair) = EcdsaKeyPair::from_private_key_der(curve, der) {
            return from_public(pair.public_key());
        }
    }
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
        return from_public(pair.public_key());
    }
    let rsa = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
    rsa.map_err(|_| KeyError::Unknown).and_then(|pair| from_public(pair.public_key()))
}

fn from_public(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<VerifyingKey, KeyError> {
    let der = key.as_der().map_err(|_| KeyError::Unknown)?;
    VerifyingKey::from_pkix(der.as_ref())
}
