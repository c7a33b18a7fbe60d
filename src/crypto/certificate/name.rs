//! Distinguished names as Go reads them.

use std::fmt::Write;

use x509_parser::asn1_rs::{Any, Class};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// The attribute of a subject that holds the UID of a Kubernetes user (S-X509-5).
pub const USER_UID: &str = "1.3.6.1.4.1.57683.2";

/// The content of the identifiers that Kubernetes looks at.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const UID: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xc2, 0x53, 2];

/// Names of attribute types (RFC 4514 §3, and two that are known by name everywhere).
const TYPES: [(&[u8], &str); 11] = [
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (ORGANIZATION, "O"),
    (&[0x55, 4, 11], "OU"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// Why a certificate names no UID although it has the attribute, in the words of the API server
/// (S-X509-5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// An empty one.
    #[error("UID cannot be an empty string")]
    Empty,
    /// More than one.
    #[error("expected 1 UID, but found multiple: [{}]", .0.join(" "))]
    Multiple(Vec<String>),
    /// Something else than text.
    #[error("unable to parse UID into a string")]
    NotAString,
}

/// What Kubernetes looks at in a subject.
#[derive(Debug, Default)]
pub(super) struct Names {
    common_name: Option<String>,
    organizations: Vec<String>,
    /// `None` for one that is no text.
    uids: Vec<Option<String>>,
}

impl Names {
    /// `None` when a value cannot be read: a part of the name would be missing.
    pub(super) fn read(subject: &X509Name<'_>) -> Option<Self> {
        let mut names = Self::default();
        for attribute in subject.iter_attributes() {
            let value = text(attribute.attr_value());
            match (attribute.attr_type().as_bytes(), value) {
                (UID, value) => names.uids.push(value),
                (_, None) => return None,
                (COMMON_NAME, value) => names.common_name = value,
                (ORGANIZATION, Some(value)) => names.organizations.push(value),
                _ => {}
            }
        }
        Some(names)
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    pub(super) fn organizations(&self) -> &[String] {
        &self.organizations
    }

    pub(super) fn uid(&self) -> Result<Option<String>, UidError> {
        let uids: Option<Vec<&String>> = self.uids.iter().map(Option::as_ref).collect();
        match uids.ok_or(UidError::NotAString)?.as_slice() {
            [] => Ok(None),
            [uid] if uid.is_empty() => Err(UidError::Empty),
            [uid] => Ok(Some((*uid).clone())),
            several => Err(UidError::Multiple(several.iter().copied().cloned().collect())),
        }
    }
}

/// A name in DER as text (RFC 4514). `None` when it is no name.
#[must_use]
pub fn distinguished_name(der: &[u8]) -> Option<String> {
    match X509Name::from_der(der) {
        Ok(([], name)) => Some(rfc4514(&name)),
        Ok(_) | Err(_) => None,
    }
}

/// A name as text: the last part first, and what has another meaning escaped (RFC 4514 §2). Values of
/// types without a name here, and values that are no text, are written as hexadecimal DER.
pub(super) fn rfc4514(name: &X509Name<'_>) -> String {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let attributes = part.iter().map(|attribute| {
            let known = attribute.attr_type().as_bytes();
            let known = TYPES.iter().find(|(oid, _)| *oid == known).map(|(_, name)| *name);
            match (known, text(attribute.attr_value())) {
                (Some(name), Some(value)) => format!("{name}={}", escaped(&value)),
                (name, _) => {
                    let oid = attribute.attr_type().to_id_string();
                    format!("{}={}", name.unwrap_or(&oid), hexadecimal(attribute.attr_value()))
                }
            }
        });
        parts.push(attributes.collect::<Vec<_>>().join("+"));
    }
    parts.reverse();
    parts.join(",")
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            '#' | ' ' if index == 0 => text.extend(['\\', character]),
            ' ' if index == last => text.push_str("\\ "),
            '\0' => text.push_str("\\00"),
            other => text.push(other),
        }
    }
    text
}

fn hexadecimal(value: &Any<'_>) -> String {
    let mut text = "#".to_owned();
    let mut push = |byte: u8| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    };
    // Names are short, and so are their tags: more cannot be told in this form and is not.
    push(u8::try_from(value.tag().0).unwrap_or(u8::MAX));
    match u8::try_from(value.data.len()) {
        Ok(short @ ..=0x7f) => push(short),
        Ok(long) => [0x81, long].into_iter().for_each(&mut push),
        Err(_) => {
            let length = u16::try_from(value.data.len()).unwrap_or(u16::MAX).to_be_bytes();
            [0x82].into_iter().chain(length).for_each(&mut push);
        }
    }
    value.data.iter().copied().for_each(push);
    text
}

/// The text of a value, as Go's `crypto/x509` reads it: NumericString, PrintableString, IA5String and
/// UTF8String with the characters that each may hold, T61String as ISO 8859-1, and BMPString.
/// UniversalString is not read.
fn text(value: &Any<'_>) -> Option<String> {
    if value.class() != Class::Universal || value.header.constructed() {
        return None;
    }
    let bytes = value.data;
    let holds = |allowed: fn(&u8) -> bool| -> Option<String> {
        let text = std::str::from_utf8(bytes).ok()?;
        bytes.iter().all(allowed).then(|| text.to_owned())
    };
    match value.tag().0 {
        12 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        18 => holds(|byte| byte.is_ascii_digit() || *byte == b' '),
        // Go takes `*` and `&` as well, which are met in the wild.
        19 => holds(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte)),
        20 => Some(bytes.iter().copied().map(char::from).collect()),
        22 => holds(u8::is_ascii),
        30 => basic_plane(bytes),
        _ => None,
    }
}

/// Two bytes a character; a zero at the end does not count. Code points that are no characters are
/// refused.
fn basic_plane(bytes: &[u8]) -> Option<String> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    let pairs = match pairs {
        [rest @ .., [0, 0]] => rest,
        all => all,
    };
    let characters = pairs.iter().map(|pair| {
        let point = u16::from_be_bytes(*pair);
        let is_reserved = matches!(point, 0xfdd0..=0xfdef | 0xfffe..=0xffff);
        char::from_u32(u32::from(point)).filter(|_| !is_reserved)
    });
    characters.collect()
}
