//! Is a request signed by the key that is in it?

use super::error::RequestError;
use crate::crypto::VerifyingKey;
use crate::crypto::asn1::{Oid, Reader, tag};

/// Algorithms whose digest has collisions that can be made.
const WEAK: [(Oid, &str); 6] = [
    (Oid::new(&[1, 2, 840, 113549, 1, 1, 2]), "MD2"),
    (Oid::new(&[1, 2, 840, 113549, 1, 1, 4]), "MD5"),
    (Oid::new(&[1, 2, 840, 113549, 1, 1, 5]), "SHA-1"),
    (Oid::new(&[1, 3, 14, 3, 2, 29]), "SHA-1"),
    (Oid::new(&[1, 2, 840, 10045, 4, 1]), "SHA-1"),
    (Oid::new(&[1, 2, 840, 10040, 4, 3]), "SHA-1"),
];

/// `algorithm` is the content of the `AlgorithmIdentifier`. Which kind of key it is says the key
/// itself: the algorithm of the signature is somebody else's claim.
pub(super) fn verify(
    public_key_info: &[u8],
    message: &[u8],
    algorithm: &[u8],
    signature: &[u8],
) -> Result<(), RequestError> {
    let id = Reader::new(algorithm)
        .take(tag::OBJECT_IDENTIFIER)
        .ok_or(RequestError::Malformed("broken signature algorithm"))?;
    if let Some((_, digest)) = WEAK.iter().find(|(weak, _)| weak.is(id)) {
        return Err(RequestError::WeakSignature(digest));
    }
    // Its length and its curve are checked here, with clear reasons.
    VerifyingKey::from_pkix(public_key_info)?;
    let key = Reader::only(public_key_info, tag::SEQUENCE)
        .and_then(|mut info| Some((info.take(tag::SEQUENCE)?, info.take(tag::BIT_STRING)?)));
    let Some((key_algorithm, [0, key @ ..])) = key else {
        return Err(RequestError::Malformed("broken key"));
    };
    let fitting = webpki::ALL_VERIFICATION_ALGS.iter().find(|candidate| {
        candidate.signature_alg_id().as_ref() == algorithm
            && candidate.public_key_alg_id().as_ref() == key_algorithm
    });
    let fitting = fitting.ok_or(RequestError::UnsupportedSignature)?;
    fitting.verify_signature(key, message, signature).map_err(|_| RequestError::Signature)
}
