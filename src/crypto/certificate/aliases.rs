//! The same certificate in other bytes.
//!
//! A signature covers all of a certificate but itself. So whoever has a certificate can write its
//! signature in another way, without any key, and get one that is as good and has another
//! fingerprint:
//!
//! - with a signature (r, s) of ECDSA (r, n − s) is one, too (n is the order of the curve);
//! - Go moves a bit string with unused bits at its end to the right, so one that begins with zero
//!   bits can be moved to the left before. Every signature of ECDSA begins with two, and of those
//!   of RSA every other with one or more.
//!
//! A fingerprint alone takes back one of these forms, and the API server knows its client by the
//! form that it was given (S-X509-6).

use super::fingerprint;
use crate::crypto::der::{SEQUENCE, content, element};
use crate::model::Fingerprint;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// How the identifier of every ECDSA signature algorithm begins (RFC 5758 §3.2), tag and length
/// left out: `ansi-X9-62 signatures`.
const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

/// The orders of P-224, P-256, P-384 and P-521 (SEC 2), the curves that Go knows.
const ORDERS: [&str; 4] = [
    "ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f7\
     09a5d03bb5c9b8899c47aebb6fb71e91386409",
];

/// The fingerprints of all other forms in which an API server takes this certificate.
pub(super) fn of(der: &[u8]) -> Vec<Fingerprint> {
    let own = fingerprint(der);
    let forms = forms(der).unwrap_or_default();
    forms.iter().map(|form| fingerprint(form)).filter(|form| *form != own).collect()
}

/// All forms, this one included. `None` for what is no certificate.
fn forms(der: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (signed, _) = element(content(der, SEQUENCE)?)?;
    let (algorithm, rest) = element(content(der, SEQUENCE)?.get(signed.len()..)?)?;
    let (signature, _) = element(rest)?;
    let (&unused, bits) = content(signature, BIT_STRING)?.split_first()?;
    if unused > 7 {
        return None;
    }
    let plain = moved_right(bits, unused);
    let (name, _) = element(content(algorithm, SEQUENCE)?)?;
    let is_ecdsa = name.get(2..).is_some_and(|name| name.starts_with(&ECDSA));
    let negated = if is_ecdsa { negated(&plain) } else { None };
    let mut forms = Vec::new();
    for signature in [Some(plain), negated].into_iter().flatten() {
        let zeros = signature.first().map_or(0, |first| first.leading_zeros()).min(7);
        for unused in 0..=u8::try_from(zeros).unwrap_or(0) {
            let mut bits = vec![unused];
            bits.extend(moved_left(&signature, unused));
            let mut form = signed.to_vec();
            form.extend_from_slice(algorithm);
            form.extend(encoded(BIT_STRING, &bits));
            forms.push(encoded(SEQUENCE, &form));
        }
    }
    Some(forms)
}

/// By at most 7 bits; zeros come after.
fn moved_left(bytes: &[u8], by: u8) -> Vec<u8> {
    let next = bytes.iter().skip(1).chain([&0]);
    let moved = bytes.iter().zip(next).map(|(&byte, &next)| {
        let [high, _] = (u16::from_be_bytes([byte, next]) << by).to_be_bytes();
        high
    });
    moved.collect()
}

/// By at most 7 bits; zeros come before.
fn moved_right(bytes: &[u8], by: u8) -> Vec<u8> {
    let before = [&0].into_iter().chain(bytes);
    let moved = bytes.iter().zip(before).map(|(&byte, &before)| {
        let [_, low] = (u16::from_be_bytes([before, byte]) >> by).to_be_bytes();
        low
    });
    moved.collect()
}

/// (r, n − s) of (r, s).
fn negated(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, rest) = element(content(signature, SEQUENCE)?)?;
    let (s, _) = element(rest)?;
    let number = |integer| Some(super::without_zeros(content(integer, INTEGER)?));
    let (short_r, short_s) = (number(r)?, number(s)?);
    // Which curve it is the issuer's key would tell, which is not at hand. Numbers that fit a smaller
    // one are not met in signatures of a larger: that takes luck of one in 2^64 or less.
    let longest = short_r.len().max(short_s.len());
    let order = ORDERS.iter().find(|order| order.len() / 2 >= longest)?;
    let order: Vec<u8> = order
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let difference = subtracted(&order, short_s)?;
    let mut number = super::without_zeros(&difference).to_vec();
    // A number whose first bit is set is negative.
    if number.first().is_none_or(|first| *first >= 0x80) {
        number.insert(0, 0);
    }
    let mut both = r.to_vec();
    both.extend(encoded(INTEGER, &number));
    Some(encoded(SEQUENCE, &both))
}

/// `None` when the result would be negative. `less` is not longer than `from`.
fn subtracted(from: &[u8], less: &[u8]) -> Option<Vec<u8>> {
    let mut borrowed = false;
    let less = less.iter().rev().copied().chain(std::iter::repeat(0));
    let mut digits: Vec<u8> = from
        .iter()
        .rev()
        .zip(less)
        .map(|(&from, less)| {
            let (once, first) = from.overflowing_sub(less);
            let (twice, second) = once.overflowing_sub(u8::from(borrowed));
            borrowed = first || second;
            twice
        })
        .collect();
    digits.reverse();
    (!borrowed).then_some(digits)
}

/// An element of DER.
fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..=0x7f) => element.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let length = super::without_zeros(&length);
            element.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
            element.extend_from_slice(length);
        }
    }
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_subtracted_with_what_is_borrowed() {
        assert_eq!(subtracted(&[1, 0, 0], &[1]), Some(vec![0, 0xff, 0xff]));
        assert_eq!(subtracted(&[5], &[5]), Some(vec![0]));
        assert_eq!(subtracted(&[1, 0], &[1, 1]), None);
    }

    #[test]
    fn what_is_moved_to_the_left_comes_back() {
        let bytes = [0x07, 0xff, 0x01];
        assert_eq!(moved_left(&bytes, 5), [0xff, 0xe0, 0x20]);
        for by in 0..=5 {
            assert_eq!(moved_right(&moved_left(&bytes, by), by), bytes);
        }
    }

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (length, header) in [
            (0x7f, &[4, 0x7f][..]),
            (0x80, &[4, 0x81, 0x80]),
            (0x100, &[4, 0x82, 1, 0]),
            (0x1_0000, &[4, 0x83, 1, 0, 0]),
        ] {
            assert!(encoded(4, &vec![9; length]).starts_with(header), "{length}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_forms() {
        for der in [&b""[..], b"no certificate", &[0x30, 0], &[0x30, 6, 0x30, 0, 0x30, 0, 3, 0]] {
            assert!(of(der).is_empty(), "{der:?}");
        }
    }
}
