//! A file of secrets on disk: locked while it is changed, and changed as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::whole_file::{self, Readers};

/// What to do about a file that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Begin an empty one.
    Absent,
    /// It must be there.
    Present,
}

/// A file, and the way back to it.
pub(crate) struct LockedFile {
    path: PathBuf,
    /// What was read. Locked until it is replaced, so that two commands do not lose each other's
    /// rows. `None` for a file that is to be made.
    old: Option<File>,
}

impl LockedFile {
    /// Locks a file and reads it. Without a text: it is not there.
    pub(crate) fn open(path: &Path, when: When) -> Result<(Self, Option<String>), Failure> {
        // A link stays a link; what it points to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let reading = |error| Failure::Read { path: path.display().to_string(), error };
        loop {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound && when == When::Absent => {
                    return Ok((Self { path, old: None }, None));
                }
                Err(error) => return Err(reading(error)),
            };
            file.lock().map_err(reading)?;
            // Whoever held the lock before has put another file in its place.
            if !is_current(&file, &path).map_err(reading)? {
                continue;
            }
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(reading)?;
            return Ok((Self { path, old: Some(file) }, Some(text)));
        }
    }

    /// The path, for errors.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Puts the file in place, whole. A new one is readable by its owner only; an old one keeps its
    /// owner and mode.
    pub(crate) fn save(self, content: &[u8]) -> Result<(), Failure> {
        whole_file::write(&self.path, content, Readers::Owner, self.old.as_ref())
            .map_err(|error| Failure::Write { path: self.name(), error })
    }
}

/// Whether the open file is still the one at the path.
#[cfg(unix)]
fn is_current(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let (open, named) = (file.metadata()?, fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Elsewhere a locked file is not replaced under the lock's holder.
#[cfg(not(unix))]
fn is_current(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}
