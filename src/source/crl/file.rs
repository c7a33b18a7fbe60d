//! A file with revocation lists, looked at again and again.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::CrlSourceError;

/// Clocks of file systems tick as slowly as this: a file that was changed so recently may change again
/// without looking different.
const TICK: Duration = Duration::from_secs(2);

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Reads a file when it has changed.
#[derive(Debug)]
pub(super) struct FollowedFile {
    path: PathBuf,
    max_bytes: usize,
    /// As it was when it was read; `None` when it must be read in any case.
    seen: Option<Stamp>,
}

impl FollowedFile {
    pub(super) const fn new(path: PathBuf, max_bytes: usize) -> Self {
        Self { path, max_bytes, seen: None }
    }

    /// The bytes, if they may be others than last time.
    pub(super) fn changed(&mut self) -> Result<Option<Vec<u8>>, CrlSourceError> {
        let before = stamp(&self.path)?;
        if self.seen.as_ref() == Some(&before) {
            return Ok(None);
        }
        self.seen = None;
        let bytes = self.read()?;
        let recent = SystemTime::now().checked_sub(TICK);
        let is_settled = match (before.modified, recent) {
            (Some(modified), Some(recent)) => modified < recent,
            _ => false,
        };
        self.seen = is_settled.then_some(before);
        Ok(Some(bytes))
    }

    fn read(&self) -> Result<Vec<u8>, CrlSourceError> {
        let max_bytes = self.max_bytes;
        let most = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(reading)?;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(reading)?;
        if bytes.len() > max_bytes {
            return Err(CrlSourceError::TooLarge { max_bytes });
        }
        Ok(bytes)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn reading(error: std::io::Error) -> CrlSourceError {
    CrlSourceError::Read(error.kind())
}

fn stamp(path: &Path) -> Result<Stamp, CrlSourceError> {
    let metadata = fs::metadata(path).map_err(reading)?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Ok(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode })
}
