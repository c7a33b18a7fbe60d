//! The bytes of the file.
//!
//! The first line is text, so that people who open the file see what it is: the name of the format, its
//! version, the length of the file in bytes, and the SHA-256 of every other byte of the file, this line's
//! included. The rest is binary, integers little-endian, and texts and objects after their length in 32 bits:
//!
//! ```text
//! portcullis-cluster-state v1 00000000000000004711 89ab…
//! seconds: u64, nanoseconds: u32, server: text, kinds: u32
//! of each kind:   name: text, resourceVersion: text, objects: u64
//! of each object: namespace: text, name: text, JSON: text
//! ```

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Damage, Key, Saved, SavedError, SavedKind, Watched};
use crate::api::Str;

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u64 = 1;

const MAGIC: &[u8] = b"portcullis-cluster-state v";

/// Bytes of the first line before the checksum, and with it and the line feed.
const BEFORE_SUM: usize = MAGIC.len() + 1 + 1 + 20 + 1;
const FIRST_LINE: usize = BEFORE_SUM + 64 + 1;

/// Why bytes are no state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    NotOurs,
    Version(u64),
    Damaged(Damage),
}

impl Wrong {
    pub(super) fn at(self, path: &Path) -> SavedError {
        let path = path.to_owned();
        match self {
            Self::NotOurs => SavedError::NotOurs { path },
            Self::Version(found) => SavedError::Version { path, found },
            Self::Damaged(damage) => SavedError::Damaged { path, damage },
        }
    }
}

/// Whether a file that begins so may be replaced: it is one of these, or is empty.
pub(super) fn may_be_ours(begin: &[u8]) -> bool {
    begin.starts_with(MAGIC) || MAGIC.starts_with(begin)
}

/// How much of a file [`may_be_ours`] looks at.
pub(super) const TELLING: usize = MAGIC.len();

fn before_sum(length: u64) -> Vec<u8> {
    let mut line = MAGIC.to_vec();
    line.extend_from_slice(format!("{VERSION} {length:020} ").as_bytes());
    line
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a state. What it writes to is read from its beginning later.
pub(super) fn encode(saved: &Saved, out: &mut impl Write) -> io::Result<()> {
    let mut length = size(FIRST_LINE);
    each_part(saved, &mut |part| {
        length = length.saturating_add(size(part.len()));
        Ok(())
    })?;
    let line = before_sum(length);
    let mut sum = Context::new(&SHA256);
    sum.update(&line);
    each_part(saved, &mut |part| {
        sum.update(part);
        Ok(())
    })?;
    out.write_all(&line)?;
    out.write_all(hex(sum.finish().as_ref()).as_bytes())?;
    out.write_all(b"\n")?;
    each_part(saved, &mut |part| out.write_all(part))
}

/// Everything after the first line.
fn each_part(saved: &Saved, part: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let Saved { server, at, kinds } = saved;
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    part(&at.as_secs().to_le_bytes())?;
    part(&at.subsec_nanos().to_le_bytes())?;
    text(server.as_bytes(), part)?;
    part(&count(kinds.len())?.to_le_bytes())?;
    for SavedKind { watched, resource_version, objects } in kinds {
        text(watched.name().as_bytes(), part)?;
        text(resource_version.as_bytes(), part)?;
        part(&size(objects.len()).to_le_bytes())?;
        for (Key { namespace, name }, object) in objects {
            text(namespace.as_bytes(), part)?;
            text(name.as_bytes(), part)?;
            text(object, part)?;
        }
    }
    Ok(())
}

fn text(text: &[u8], part: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    part(&count(text.len())?.to_le_bytes())?;
    part(text)
}

fn count(count: usize) -> io::Result<u32> {
    u32::try_from(count).map_err(|_| io::Error::other("more than 4 GiB in one piece"))
}

fn size(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Reads a state. Nothing after the first line is looked at before the checksum was found right.
pub(super) fn decode(bytes: &[u8]) -> Result<Saved, Wrong> {
    let content = checked(bytes)?;
    let mut rest = Rest { bytes: content, begin: size(FIRST_LINE), length: content.len() };
    let saved = rest.state().map_err(Wrong::Damaged)?;
    Ok(saved)
}

/// What follows the first line, if that is right about it.
fn checked(bytes: &[u8]) -> Result<&[u8], Wrong> {
    let Some(after) = bytes.strip_prefix(MAGIC) else {
        return Err(match MAGIC.starts_with(bytes) {
            true => Wrong::Damaged(Damage::FirstLine),
            false => Wrong::NotOurs,
        });
    };
    let first_line = || Wrong::Damaged(Damage::FirstLine);
    let version = after.split(|byte| *byte == b' ').next().unwrap_or_default();
    match number(version) {
        Some(VERSION) => {}
        Some(found) if found > VERSION && after.len() > version.len() => {
            return Err(Wrong::Version(found));
        }
        _ => return Err(first_line()),
    }
    let (line, content) = bytes.split_at_checked(FIRST_LINE).ok_or_else(first_line)?;
    let (before, told) = line.split_at_checked(BEFORE_SUM).ok_or_else(first_line)?;
    let written = before.trim_ascii_end().rsplit(|byte| *byte == b' ').next().and_then(number);
    let written = written.ok_or_else(first_line)?;
    if before != before_sum(written) {
        return Err(first_line());
    }
    let found = size(bytes.len());
    if found != written {
        return Err(Wrong::Damaged(Damage::Length { found, written }));
    }
    let mut sum = Context::new(&SHA256);
    sum.update(before);
    sum.update(content);
    let right = hex(sum.finish().as_ref()) + "\n";
    if told != right.as_bytes() {
        return Err(Wrong::Damaged(Damage::Checksum { length: found }));
    }
    Ok(content)
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What is still to be read.
struct Rest<'a> {
    bytes: &'a [u8],
    /// Where the content begins in the file, and how long it is.
    begin: u64,
    length: usize,
}

impl<'a> Rest<'a> {
    fn state(&mut self) -> Result<Saved, Damage> {
        let (seconds, nanos) = (self.u64()?, self.u32()?);
        let since = Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanos.into()));
        let at = since.and_then(|since| UNIX_EPOCH.checked_add(since));
        let at: SystemTime = at.ok_or_else(|| self.is_not("a time"))?;
        let server = self.str()?.to_owned();
        let count = self.u32()?;
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(self.kind()?);
        }
        if !self.bytes.is_empty() {
            return Err(self.is_not("the end"));
        }
        Ok(Saved { server, at, kinds })
    }

    fn kind(&mut self) -> Result<SavedKind, Damage> {
        let name = self.str()?;
        let watched = Watched::from_name(name).filter(|watched| !watched.is_secret());
        let watched = watched.ok_or_else(|| self.is_not("a kind that is saved"))?;
        let resource_version = self.str()?.to_owned();
        let count = self.u64()?;
        // What a file claims to hold is not more than fits into what is left of it.
        let most = self.bytes.len() / size_of::<(Key, Box<[u8]>)>();
        let mut objects = Vec::with_capacity(usize::try_from(count).unwrap_or(most).min(most));
        for _ in 0..count {
            let (namespace, name) = (Str::new(self.str()?), Str::new(self.str()?));
            objects.push((Key { namespace, name }, Box::from(self.text()?)));
        }
        Ok(SavedKind { watched, resource_version, objects })
    }

    fn str(&mut self) -> Result<&'a str, Damage> {
        let text = self.text()?;
        std::str::from_utf8(text).map_err(|_| self.is_not("the end of a text in UTF-8"))
    }

    fn text(&mut self) -> Result<&'a [u8], Damage> {
        let length = self.u32()?;
        let parts = usize::try_from(length).ok().and_then(|at| self.bytes.split_at_checked(at));
        let (text, rest) = parts.ok_or_else(|| self.is_not("as long as it says"))?;
        self.bytes = rest;
        Ok(text)
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, rest) =
            self.bytes.split_first_chunk().ok_or_else(|| self.is_not("a number"))?;
        self.bytes = rest;
        Ok(*array)
    }

    fn is_not(&self, expected: &'static str) -> Damage {
        let done = self.length.saturating_sub(self.bytes.len());
        Damage::Content { offset: self.begin.saturating_add(size(done)), expected }
    }
}
