use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::RevocationFileError;
use super::line::{self, HEADER};
use super::read::{BrokenLine, Entries, LONGEST_LINE, Place, unreadable};
use crate::model::{Origin, RevocationEntry, Revocations};

/// A revocation list on disk, to be read or added to.
///
/// ```
/// use portcullis::model::{Fingerprint, Revocation, RevocationEntry};
/// use portcullis::source::revocations::RevocationFile;
///
/// let folder = tempfile::tempdir()?;
/// let file = RevocationFile::new(folder.path().join("revoked.ndjson"));
/// let fingerprint = Fingerprint::from_bytes([7; 32]);
/// let what = Revocation::Certificate { fingerprint };
/// let entry = RevocationEntry { what, at: 0, reason: "lost".to_owned(), by: "ops".to_owned() };
/// file.append(&[entry.clone()])?;
/// assert_eq!(file.entries()?, [entry]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RevocationFile {
    path: PathBuf,
}

/// What else was done while appending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The file was not there and was made.
    pub created: bool,
    /// Bytes at the end that were no whole line, left behind by a writer that crashed, and were cut
    /// off.
    pub cut: u64,
}

impl RevocationFile {
    /// The list at this path, which need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All entries, in order.
    ///
    /// # Errors
    /// When the file is not there, cannot be read, or is no revocation list from its first line to
    /// its last.
    pub fn entries(&self) -> Result<Vec<RevocationEntry>, RevocationFileError> {
        let file = File::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let mut entries = Entries::new(&self.path, file, Place::default(), BrokenLine::Refuse);
        let read = entries.by_ref().collect();
        entries.finish().map(|_| read)
    }

    /// What all entries mean together.
    ///
    /// # Errors
    /// As [`Self::entries`].
    pub fn read(&self) -> Result<Revocations, RevocationFileError> {
        let file = File::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let mut entries = Entries::new(&self.path, file, Place::default(), BrokenLine::Refuse);
        let read = entries.by_ref().collect();
        entries.finish().map(|_| read)
    }

    /// Adds entries at the end; they are on disk when this returns. A file that is not there is
    /// made, its folder is not. Waits while another process is at it.
    ///
    /// Either all entries are added or none, unless the machine stops half-way: then the next call
    /// cuts off what is no whole line.
    ///
    /// # Errors
    /// When the file cannot be written, or does not begin as a revocation list does. Lines in the
    /// middle are not looked at.
    pub fn append(&self, entries: &[RevocationEntry]) -> Result<Appended, RevocationFileError> {
        let mut lines = Vec::new();
        for entry in entries {
            line::write(entry, &mut lines).map_err(|error| self.unwritable(error.into()))?;
        }
        let (mut file, created) = self.lock().map_err(|error| self.unwritable(error))?;
        let end = self.good_end(&mut file)?;
        let repaired =
            self.write(&mut file, &end, &lines).map_err(|error| self.unwritable(error))?;
        Ok(Appended { created, cut: repaired })
    }

    /// Opens the file for this process alone. Whoever held the lock may have put another file in its
    /// place.
    fn lock(&self) -> io::Result<(File, bool)> {
        loop {
            let is_there = self.path.try_exists()?;
            let mut options = OpenOptions::new();
            let file =
                options.read(true).write(true).create(true).truncate(false).open(&self.path)?;
            file.lock()?;
            match self.path.metadata() {
                Ok(now) if same_file(&file.metadata()?, &now) => return Ok((file, !is_there)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where new lines go, and what must be written before them.
    fn good_end(&self, file: &mut File) -> Result<End, RevocationFileError> {
        let failed = |error| unreadable(&self.path, error);
        let length = file.metadata().map_err(failed)?.len();
        let mut first = Vec::new();
        file.rewind().map_err(failed)?;
        let limit = u64::try_from(HEADER.len()).unwrap_or(u64::MAX).saturating_mul(4);
        file.take(limit).read_to_end(&mut first).map_err(failed)?;
        let line = first.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        match line.strip_suffix(b"\n") {
            Some(line) if line::is_header(line) => {}
            // A writer that crashed while it made the file.
            None if HEADER.as_bytes().starts_with(&first) => {
                return Ok(End { at: 0, before: format!("{HEADER}\n").into(), length });
            }
            _ => {
                let source: Arc<str> = Arc::from(self.path.display().to_string());
                return Err(RevocationFileError::Header { origin: Origin::new(source, 0, 1) });
            }
        }
        let window = length.min(u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX));
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(window))).map_err(failed)?;
        file.take(window).read_to_end(&mut tail).map_err(failed)?;
        let unfinished = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if !unfinished.trim_ascii().is_empty() && line::read(unfinished).is_ok() {
            return Ok(End { at: length, before: b"\n".to_vec(), length });
        }
        let unfinished = u64::try_from(unfinished.len()).unwrap_or(u64::MAX);
        Ok(End { at: length.saturating_sub(unfinished), before: Vec::new(), length })
    }

    /// Writes at the end; gives how many bytes were cut off.
    fn write(&self, file: &mut File, end: &End, lines: &[u8]) -> io::Result<u64> {
        let mut content = end.before.clone();
        content.extend_from_slice(lines);
        file.set_len(end.at)?;
        file.seek(SeekFrom::Start(end.at))?;
        if let Err(error) = file.write_all(&content) {
            // A full disk, most likely: half a line must not stay.
            let _ = file.set_len(end.at);
            return Err(error);
        }
        file.sync_all()?;
        if end.at == 0 {
            let folder = match self.path.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            // The name, too, must survive a power cut; a folder that cannot be synced need not be.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(end.length.saturating_sub(end.at))
    }

    fn unwritable(&self, error: io::Error) -> RevocationFileError {
        RevocationFileError::Write { path: self.path.display().to_string(), error }
    }
}

struct End {
    at: u64,
    before: Vec<u8>,
    length: u64,
}

#[cfg(unix)]
fn same_file(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
}
