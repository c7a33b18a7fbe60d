use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// What we read of a certificate beyond what its verification tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts<'a> {
    /// The subject's common name; the last one, as the API server reads it. None as well when that
    /// is in an outdated character set.
    pub(super) common_name: Option<&'a str>,
    /// Seconds since 1970-01-01 UTC.
    pub(super) not_before: i64,
    /// Seconds since 1970-01-01 UTC.
    pub(super) not_after: i64,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// UTF8String, NumericString, PrintableString, IA5String: all of them UTF-8.
const TEXTS: [u8; 4] = [0x0c, 0x12, 0x13, 0x16];
/// The explicit tag of the version.
const VERSION: u8 = 0xa0;
/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// Reads a certificate (RFC 5280 §4.1). None when it is not one.
pub(super) fn facts(certificate: &[u8]) -> Option<Facts<'_>> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (rest, _) = expect(certificate, SEQUENCE)?;
    let rest = match element(rest)? {
        (VERSION, _, rest) => rest,
        _ => rest,
    };
    let (_serial, _, rest) = element(rest)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    let (not_before, validity) = time(validity)?;
    let (not_after, _) = time(validity)?;
    Some(Facts { common_name: common_name(subject)?, not_before, not_after })
}

/// The outer option: whether the subject can be read at all.
fn common_name(mut subject: &[u8]) -> Option<Option<&str>> {
    let mut found = None;
    while !subject.is_empty() {
        let (mut set, rest) = expect(subject, SET)?;
        while !set.is_empty() {
            let (attribute, others) = expect(set, SEQUENCE)?;
            let (kind, value) = expect(attribute, OBJECT_ID)?;
            if kind == COMMON_NAME {
                let (tag, text, _) = element(value)?;
                found = std::str::from_utf8(text).ok().filter(|_| TEXTS.contains(&tag));
            }
            set = others;
        }
        subject = rest;
    }
    Some(found)
}

/// UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 allows them: to the second, in UTC.
fn time(input: &[u8]) -> Option<(i64, &[u8])> {
    let (tag, text, rest) = element(input)?;
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (year, at) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match number(0..2)? {
            year @ 0..50 => (year.checked_add(2000)?, 2),
            year => (year.checked_add(1900)?, 2),
        },
        (GENERALIZED_TIME, 14) => (number(0..4)?, 4),
        _ => return None,
    };
    let mut pairs = [0_i8; 5];
    for (pair, from) in pairs.iter_mut().zip((at..).step_by(2)) {
        *pair = i8::try_from(number(from..from.checked_add(2)?)?).ok()?;
    }
    let [month, day, hour, minute, second] = pairs;
    let day = Date::new(year, month, day).ok()?;
    let clock = Time::new(hour, minute, second, 0).ok()?;
    let moment = Offset::UTC.to_timestamp(day.to_datetime(clock)).ok()?;
    Some((moment.as_second(), rest))
}

fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(input)?;
    (found == tag).then_some((content, rest))
}

/// One element: tag, content, and what follows. Tags of one byte and lengths of up to four, which
/// is more than a TLS record chain can hold.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, input) = input.split_first()?;
    let (&first, mut input) = input.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (bytes, rest) = input.split_at_checked(count)?;
        length = bytes.iter().try_fold(0_usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(*byte))
        })?;
        input = rest;
    }
    let (content, rest) = input.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn name_and_times_are_read() {
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "system:masters");
            params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
            params.not_before = date_time_ymd(2020, 2, 29);
            params.not_after = date_time_ymd(2060, 1, 1);
        });
        let expected = Facts {
            common_name: Some("kube-apiserver"),
            not_before: 1_582_934_400,
            not_after: 2_840_140_800,
        };
        assert_eq!(facts(&der), Some(expected));
    }

    #[test]
    fn a_subject_without_a_common_name_has_none() {
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "kube-apiserver");
        });
        assert_eq!(facts(&der).unwrap().common_name, None);
    }

    #[test]
    fn a_truncated_certificate_is_none() {
        let der = certificate(|_| {});
        assert!(facts(&der).is_some());
        for end in 0..der.len() {
            assert_eq!(facts(&der[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_date_that_does_not_exist_is_none() {
        let good = b"\x17\x0d260228000000Z";
        assert!(time(good).is_some());
        for bad in [b"\x17\x0d260230000000Z", b"\x17\x0d260228240000Z", b"\x17\x0d26022800000+Z"] {
            assert_eq!(time(bad), None, "{bad:?}");
        }
    }
}
