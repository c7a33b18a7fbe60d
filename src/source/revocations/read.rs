//! Reading complete lines from a place in the file on.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::error::{LineError, RevocationFileError};
use super::line;
use crate::model::{Origin, RevocationEntry};

/// No entry is longer; a name in a certificate may have at most a few kilobytes.
pub(super) const LONGEST_LINE: usize = 1 << 20;

/// How many bytes before the place are kept, to know the file again.
pub(super) const ANCHOR: usize = 4096;

/// Up to where a file was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes: the end of the last complete line.
    pub(super) offset: u64,
    /// Complete lines.
    pub(super) lines: u32,
    /// The bytes before that place, at most [`ANCHOR`].
    pub(super) anchor: Vec<u8>,
    /// Bytes behind it: a line that is not yet written to its end.
    pub(super) unfinished: u64,
}

/// Reads entries, one at a time. `file` stands at `place`, which moves on with each line.
pub(super) struct Entries<'a, R> {
    file: BufReader<R>,
    path: &'a Path,
    source: Arc<str>,
    line: Vec<u8>,
    /// Where it is now.
    pub(super) place: Place,
    /// Why it stopped early.
    pub(super) error: Option<RevocationFileError>,
}

impl<'a, R: Read> Entries<'a, R> {
    pub(super) fn new(path: &'a Path, file: R, place: Place) -> Self {
        Self {
            file: BufReader::with_capacity(1 << 18, file),
            path,
            source: Arc::from(path.display().to_string()),
            line: Vec::new(),
            place: Place { unfinished: 0, ..place },
            error: None,
        }
    }

    fn read(&mut self) -> Result<Option<RevocationEntry>, RevocationFileError> {
        while self.next_line().map_err(|error| unreadable(self.path, error))? {
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            let entry = if self.place.lines == 0 {
                if !line::is_header(line) {
                    return Err(RevocationFileError::Header { origin: self.origin() });
                }
                None
            } else {
                let wrong = |error| RevocationFileError::Line { origin: self.origin(), error };
                line::read(line).map_err(wrong)?
            };
            self.pass();
            if entry.is_some() {
                return Ok(entry);
            }
        }
        if self.place.lines == 0 {
            return Err(RevocationFileError::Header { origin: self.origin() });
        }
        Ok(None)
    }

    /// Whether there is one more complete line.
    fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        (&mut self.file).take(limit).read_until(b'\n', &mut self.line)?;
        if self.line.ends_with(b"\n") {
            return Ok(true);
        }
        self.place.unfinished = length(&self.line);
        if self.line.len() >= LONGEST_LINE {
            let error = LineError::TooLong(LONGEST_LINE);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(false)
    }

    fn pass(&mut self) {
        self.place.offset = self.place.offset.saturating_add(length(&self.line));
        self.place.lines = self.place.lines.saturating_add(1);
        let anchor = &mut self.place.anchor;
        anchor.extend_from_slice(&self.line);
        // Now and then, so that a long file is not copied within itself line by line.
        if anchor.len() > 16 * ANCHOR {
            keep_end(anchor);
        }
    }

    fn origin(&self) -> Origin {
        Origin::new(Arc::clone(&self.source), 0, self.place.lines.saturating_add(1))
    }

    /// How far it came, or why it did not come to the end.
    pub(super) fn finish(self) -> Result<Place, RevocationFileError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut place = self.place;
        keep_end(&mut place.anchor);
        Ok(place)
    }
}

impl<R: Read> Iterator for Entries<'_, R> {
    type Item = RevocationEntry;

    fn next(&mut self) -> Option<RevocationEntry> {
        if self.error.is_some() {
            return None;
        }
        self.read().unwrap_or_else(|error| {
            self.error = Some(error);
            None
        })
    }
}

fn keep_end(anchor: &mut Vec<u8>) {
    let surplus = anchor.len().saturating_sub(ANCHOR);
    anchor.drain(..surplus);
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> RevocationFileError {
    RevocationFileError::Read { path: path.display().to_string(), error }
}
