//! One line of the file and back.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, ser};

use super::error::LineError;
use super::read::LONGEST_LINE;
use crate::model::utc::Utc;
use crate::model::{Fingerprint, Revocation, RevocationEntry};
use crate::util::rfc3339;

/// The first line.
pub(super) const HEADER: &str =
    r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}"#;

/// What the first line says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// The fields of all kinds of entries.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    serial: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    at: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    by: Option<Text<'a>>,
}

/// Text that is borrowed from the line where it stands there as it is. Serde would copy an optional
/// `Cow`.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

/// Whether a line is the header.
pub(in crate::source) fn is_header(line: &[u8]) -> bool {
    let Ok(header) = serde_json::from_slice::<Header<'_>>(line) else { return false };
    header.api_version == "portcullis.dev/v1alpha1" && header.kind == "RevocationList"
}

/// Reads a line, without its line feed. `None` for a blank one.
pub(in crate::source) fn read(line: &[u8]) -> Result<Option<RevocationEntry>, LineError> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_slice::<Line<'_>>(line);
    let line = read.map_err(|error| LineError::Json(plain(&error)))?;
    entry(line).map(Some)
}

/// Writes an entry as a line, with its line feed. One that could not be read again, such as with a
/// time of year 10000, is an error: a single line of that kind would make the whole list unreadable.
pub(in crate::source) fn write(
    entry: &RevocationEntry,
    to: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let time = |second: i64| Some(Text::from(Utc(second).to_string()));
    let text = |text: &str| (!text.is_empty()).then(|| Text::from(text.to_owned()));
    let mut line = Line {
        at: time(entry.at),
        reason: text(&entry.reason),
        by: text(&entry.by),
        ..Line::default()
    };
    match &entry.what {
        Revocation::Certificate { fingerprint } => {
            line.kind = "Certificate".into();
            line.fingerprint = Some(fingerprint.to_string().into());
        }
        Revocation::Serial { issuer, serial } => {
            line.kind = "Serial".into();
            line.issuer = Some(STANDARD.encode(issuer).into());
            line.serial = Some(hexadecimal(serial).into());
        }
        Revocation::Token { id } => {
            line.kind = "Token".into();
            line.id = Some(id.to_string().into());
        }
        Revocation::User { name, issued_before } => {
            line.kind = "User".into();
            line.name = Some(name.clone().into());
            line.issued_before = time(*issued_before);
        }
        Revocation::Group { name, issued_before } => {
            line.kind = "Group".into();
            line.name = Some(name.clone().into());
            line.issued_before = time(*issued_before);
        }
        Revocation::Issued { fingerprint, at } => {
            line.kind = "Issued".into();
            line.fingerprint = Some(fingerprint.to_string().into());
            line.at = time(*at);
        }
    }
    let mut written = serde_json::to_vec(&line)?;
    if written.len() >= LONGEST_LINE || !matches!(read(&written), Ok(Some(_))) {
        return Err(ser::Error::custom("an entry could not be read again as it would be written"));
    }
    to.append(&mut written);
    to.push(b'\n');
    Ok(())
}

/// What a line's fields mean. Each is taken; what is left over belongs to another kind.
fn entry<'a>(mut line: Line<'a>) -> Result<RevocationEntry, LineError> {
    let kind = match &*line.kind {
        "Certificate" => "Certificate",
        "Serial" => "Serial",
        "Token" => "Token",
        "User" => "User",
        "Group" => "Group",
        "Issued" => "Issued",
        other => return Err(LineError::Kind(excerpt(other))),
    };
    let need = |field: &'static str, value: Option<Text<'a>>| {
        value.map(|Text(text)| text).ok_or(LineError::Missing { kind, field })
    };
    let at = Rounding::Down.read("at", &need("at", line.at.take())?)?;
    let what = match kind {
        "Certificate" => {
            let fingerprint = fingerprint(&need("fingerprint", line.fingerprint.take())?)?;
            Revocation::Certificate { fingerprint }
        }
        "Issued" => {
            let fingerprint = fingerprint(&need("fingerprint", line.fingerprint.take())?)?;
            Revocation::Issued { fingerprint, at }
        }
        "Serial" => Revocation::Serial {
            issuer: issuer(&need("issuer", line.issuer.take())?)?,
            serial: serial(&need("serial", line.serial.take())?)?,
        },
        "Token" => {
            let id = need("id", line.id.take())?;
            if id.is_empty() {
                return Err(value("id", "not empty", &id));
            }
            Revocation::Token { id: id.into() }
        }
        _ => {
            let name = need("name", line.name.take())?.into_owned();
            if name.is_empty() {
                return Err(value("name", "not empty", &name));
            }
            let issued_before = need("issuedBefore", line.issued_before.take())?;
            let issued_before = Rounding::Up.read("issuedBefore", &issued_before)?;
            match kind {
                "User" => Revocation::User { name, issued_before },
                _ => Revocation::Group { name, issued_before },
            }
        }
    };
    let left = [
        ("fingerprint", line.fingerprint),
        ("issuer", line.issuer),
        ("serial", line.serial),
        ("id", line.id),
        ("name", line.name),
        ("issuedBefore", line.issued_before),
    ];
    if let Some((field, _)) = left.into_iter().find(|(_, value)| value.is_some()) {
        return Err(LineError::Surplus { kind, field });
    }
    let text =
        |value: Option<Text<'a>>| value.map(|Text(text)| text.into_owned()).unwrap_or_default();
    Ok(RevocationEntry { what, at, reason: text(line.reason), by: text(line.by) })
}

/// To which second a time between two belongs. A certificate's times have no fractions, so a
/// revocation of what was issued before 08:00:00.5 means what was issued at 08:00:00 too.
enum Rounding {
    Down,
    Up,
}

impl Rounding {
    fn read(self, field: &'static str, text: &str) -> Result<i64, LineError> {
        let bad = || value(field, "a time such as `2026-11-26T08:00:00Z`", text);
        let time = rfc3339::parse(text).ok_or_else(bad)?;
        let second = match self {
            Self::Up if time.nanos > 0 => time.seconds.saturating_add(1),
            _ => time.seconds,
        };
        // An offset or the rounding can lead into a year that could not be written again.
        if Utc(second).is_writable() { Ok(second) } else { Err(bad()) }
    }
}

fn fingerprint(text: &str) -> Result<Fingerprint, LineError> {
    let expected = "the SHA-256 of a certificate in 64 hexadecimal digits";
    text.parse().map_err(|_| value("fingerprint", expected, text))
}

fn issuer(text: &str) -> Result<Box<[u8]>, LineError> {
    match STANDARD.decode(text) {
        // A name is a SEQUENCE; an empty one is legal in DER.
        Ok(der) if der.first() == Some(&0x30) => Ok(der.into()),
        _ => Err(value("issuer", "the base64 of the DER of the issuer's name", text)),
    }
}

fn serial(text: &str) -> Result<Box<[u8]>, LineError> {
    let bad = || value("serial", "a number in hexadecimal digits", text);
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(bad)?;
    if digits.is_empty() {
        return Err(bad());
    }
    // Pairs from the end, so that an odd number of digits means what it says.
    let mut bytes: Vec<u8> = digits
        .rchunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit))
        .rev()
        .skip_while(|byte| *byte == 0)
        .collect();
    bytes.shrink_to_fit();
    Ok(bytes.into())
}

fn hexadecimal(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "0".to_owned();
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn value(field: &'static str, expected: &'static str, found: &str) -> LineError {
    LineError::Value { field, expected, found: excerpt(found) }
}

/// How much of a value an error shows.
const SHOWN: usize = 80;

fn excerpt(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() { shown + "…" } else { shown }
}

/// What serde says, without its own place: the line is the file's, not the text's.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => format!("{message} (column {})", error.column()),
        None => text,
    }
}
