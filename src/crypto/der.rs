//! Just enough DER to find the public key in a certificate, the modulus in an RSA key, and what a
//! signature covers. Whether the certificate is good is not asked: a key file is trusted as it is.

pub(super) const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;

/// The `SubjectPublicKeyInfo` of an X.509 certificate (RFC 5280 §4.1), with its tag and length.
pub(super) fn subject_public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, rest) = element(certificate)?;
    if !rest.is_empty() {
        return None;
    }
    let (to_be_signed, _) = element(content(certificate, SEQUENCE)?)?;
    let mut fields = content(to_be_signed, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        (_, fields) = element(fields)?;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for _ in 0..5 {
        (_, fields) = element(fields)?;
    }
    let (key, _) = element(fields)?;
    content(key, SEQUENCE).map(|_| key)
}

/// The modulus of a PKCS#1 `RSAPublicKey` (RFC 8017 §A.1.1).
pub(super) fn modulus(rsa_public_key: &[u8]) -> Option<&[u8]> {
    const INTEGER: u8 = 0x02;
    let (modulus, _) = element(content(rsa_public_key, SEQUENCE)?)?;
    content(modulus, INTEGER)
}

/// Splits off the first element, with its tag and length.
pub(super) fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, length) = header(bytes)?;
    bytes.split_at_checked(header.checked_add(length)?)
}

/// What is inside of an element with this tag.
pub(super) fn content(element: &[u8], tag: u8) -> Option<&[u8]> {
    if element.first() != Some(&tag) {
        return None;
    }
    let (header, _) = header(element)?;
    element.get(header..)
}

/// How long tag and length are together, and the length they tell. At most four bytes of length in
/// the long form: revocation lists can be large.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, short @ ..=0x7f, ..] => Some((2, usize::from(short))),
        [_, 0x81, length, ..] => Some((3, usize::from(length))),
        [_, 0x82, high, low, ..] => Some((4, usize::from(u16::from_be_bytes([high, low])))),
        [_, 0x83, a, b, c, ..] => {
            Some((5, usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?))
        }
        [_, 0x84, a, b, c, d, ..] => {
            Some((6, usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?))
        }
        _ => None,
    }
}
