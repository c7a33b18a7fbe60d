//! What a signature covers, and whether a key made it. Certificates and revocation lists are signed in
//! the same way (RFC 5280 §4.1, §5.1).

use super::der::{SEQUENCE, content, element};

const BIT_STRING: u8 = 0x03;

/// A `SEQUENCE` of what is signed, how, and the signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    /// With tag and length.
    message: &'a [u8],
    /// Without them, as back-ends name algorithms.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(super) fn from_der(der: &'a [u8]) -> Option<Self> {
        let (message, rest) = element(content(der, SEQUENCE)?)?;
        let (algorithm, rest) = element(rest)?;
        let (signature, _) = element(rest)?;
        // No unused bits: signatures are bytes.
        let [0, signature @ ..] = content(signature, BIT_STRING)? else { return None };
        Some(Self { message, algorithm: content(algorithm, SEQUENCE)?, signature })
    }

    /// Whether its algorithm is one of those that can be right.
    pub(super) fn is_known(&self) -> bool {
        let mut known = webpki::ALL_VERIFICATION_ALGS.iter();
        known.any(|algorithm| algorithm.signature_alg_id().as_ref() == self.algorithm)
    }

    /// Whether this key made the signature. MD5, SHA-1 and RSA below 2048 bits are never right.
    pub(super) fn is_by(&self, public_key_info: &[u8]) -> bool {
        let parts = || {
            let (algorithm, rest) = element(content(public_key_info, SEQUENCE)?)?;
            let (key, _) = element(rest)?;
            let [0, key @ ..] = content(key, BIT_STRING)? else { return None };
            Some((content(algorithm, SEQUENCE)?, key))
        };
        let Some((kind, key)) = parts() else { return false };
        webpki::ALL_VERIFICATION_ALGS.iter().any(|algorithm| {
            algorithm.signature_alg_id().as_ref() == self.algorithm
                && algorithm.public_key_alg_id().as_ref() == kind
                && algorithm.verify_signature(key, self.message, self.signature).is_ok()
        })
    }
}
