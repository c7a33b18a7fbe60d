//! From bytes to text: encodings, lines, what looks like what.

use std::borrow::Cow;
use std::sync::Arc;

use super::LoadError;
use crate::model::Origin;

/// UTF-8 or, with a byte order mark, UTF-16, as the YAML library of Kubernetes reads them. The mark
/// is dropped.
pub(super) fn decode(name: &Arc<str>, bytes: Vec<u8>) -> Result<String, LoadError> {
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => return utf16(name, rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(name, rest, u16::from_be_bytes),
        _ => {}
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..offset).unwrap_or_default();
        let line = narrow(1 + memchr::memchr_iter(b'\n', before).count());
        LoadError::Encoding {
            origin: Origin::new(Arc::clone(name), 0, line),
            encoding: "UTF-8",
            offset,
        }
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn utf16(name: &Arc<str>, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, LoadError> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    let mut line = 1;
    let broken = |line, units: usize| LoadError::Encoding {
        origin: Origin::new(Arc::clone(name), 0, line),
        encoding: "UTF-16",
        offset: 2 + 2 * units,
    };
    for (index, decoded) in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).enumerate() {
        let character = decoded.map_err(|_| broken(line, index))?;
        line += u32::from(character == '\n');
        text.push(character);
    }
    if odd.is_empty() { Ok(text) } else { Err(broken(line, pairs.len())) }
}

/// Whether text begins as JSON objects do. A list at the top is YAML's business: it reads as JSON
/// does, and no Kubernetes object is a list.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches(is_json_space).starts_with('{')
}

/// The white space of JSON.
pub(super) fn is_json_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Whether a file is called JSON.
pub(super) fn is_json_name(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    [".json", ".ndjson", ".jsonl"].iter().any(|extension| name.ends_with(extension))
}

/// Counts lines while walking forward through a text.
pub(super) struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// The line of a byte offset, counted from 1. Cheap when asked in ascending order.
    pub(super) fn at(&mut self, offset: usize) -> u32 {
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        let between = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count();
        self.offset = offset;
        narrow(self.line)
    }

    /// The line of a part of the text.
    pub(super) fn of(&mut self, part: &str) -> u32 {
        self.at(offset_in(self.text, part))
    }
}

/// Where a part that was borrowed from `text` begins in it.
pub(super) fn offset_in(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// A line or document number. Sources are far too small to exceed it (`Limits::max_bytes`).
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A length as the file system counts.
pub(super) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Longer than any name that an API server stores.
pub(super) const NAME: usize = 253;

/// Enough of a text to recognise it by: at most so many characters.
pub(super) fn excerpt(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}
