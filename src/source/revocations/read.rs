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
    place: Place,
    /// What to do with a line that cannot be understood.
    broken: BrokenLine,
    /// The first that is wrong.
    error: Option<RevocationFileError>,
    /// Where the first line stands that was passed over.
    passed_over: Option<Place>,
    /// Nothing more is to be read.
    is_over: bool,
}

/// What to do with a line that cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokenLine {
    /// Stop.
    Refuse,
    /// Read on: those who have a list already lose nothing by knowing more.
    PassOver,
}

impl<'a, R: Read> Entries<'a, R> {
    pub(super) fn new(path: &'a Path, file: R, place: Place, broken: BrokenLine) -> Self {
        Self {
            file: BufReader::with_capacity(1 << 18, file),
            path,
            source: Arc::from(path.display().to_string()),
            line: Vec::new(),
            place: Place { unfinished: 0, ..place },
            broken,
            error: None,
            passed_over: None,
            is_over: false,
        }
    }

    fn read(&mut self) -> Result<Option<RevocationEntry>, RevocationFileError> {
        while self.next_line()? {
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            let read = if self.place.lines == 0 {
                if !line::is_header(line) {
                    return Err(RevocationFileError::Header { origin: self.origin() });
                }
                Ok(None)
            } else {
                line::read(line)
            };
            let entry = match read {
                Ok(entry) => entry,
                Err(error) if self.broken == BrokenLine::Refuse => {
                    return Err(RevocationFileError::Line { origin: self.origin(), error });
                }
                Err(error) => {
                    if self.error.is_none() {
                        self.error =
                            Some(RevocationFileError::Line { origin: self.origin(), error });
                        self.passed_over = Some(self.place.clone());
                    }
                    None
                }
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
    fn next_line(&mut self) -> Result<bool, RevocationFileError> {
        self.line.clear();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        let read = (&mut self.file).take(limit).read_until(b'\n', &mut self.line);
        read.map_err(|error| unreadable(self.path, error))?;
        if self.line.ends_with(b"\n") {
            return Ok(true);
        }
        self.place.unfinished = length(&self.line);
        if self.line.len() >= LONGEST_LINE {
            let error = LineError::TooLong(LONGEST_LINE);
            return Err(RevocationFileError::Line { origin: self.origin(), error });
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

    /// How far it came: up to the first line that was not understood, if there is one.
    pub(super) fn end(self) -> (Place, Option<RevocationFileError>) {
        let mut place = self.passed_over.unwrap_or(self.place);
        keep_end(&mut place.anchor);
        (place, self.error)
    }

    /// How far it came, or why it did not come to the end.
    pub(super) fn finish(self) -> Result<Place, RevocationFileError> {
        match self.end() {
            (place, None) => Ok(place),
            (_, Some(error)) => Err(error),
        }
    }
}

impl<R: Read> Iterator for Entries<'_, R> {
    type Item = RevocationEntry;

    fn next(&mut self) -> Option<RevocationEntry> {
        if self.is_over {
            return None;
        }
        let entry = self.read().unwrap_or_else(|error| {
            if self.error.is_none() {
                self.error = Some(error);
                self.passed_over = Some(self.place.clone());
            }
            None
        });
        self.is_over = entry.is_none();
        entry
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
