//! A file of tokens on disk: locked while it is changed, and changed as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use portcullis::authn::ReservedNames;
use portcullis::authn::token_file::HashedTokens;

use crate::cli::exit::Failure;
use crate::cli::whole_file::{self, Readers};

/// What to do about a file that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Begin an empty one.
    Absent,
    /// It must be there.
    Present,
}

/// The tokens of a file, and the way back to it.
pub(super) struct Store {
    /// The rows; change them, then [`Store::save`].
    pub(super) tokens: HashedTokens,
    path: PathBuf,
    /// What was read. Locked until it is replaced, so that two commands do not lose each other's
    /// rows. `None` for a file that is to be made.
    old: Option<File>,
}

impl Store {
    /// Reads a file. One in another form is refused: nothing of it would survive being rewritten.
    pub(super) fn open(path: &Path, when: When) -> Result<Self, Failure> {
        // A link stays a link; what it points to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let reading = |error| Failure::Read { path: path.display().to_string(), error };
        loop {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound && when == When::Absent => {
                    return Ok(Self { tokens: HashedTokens::default(), path, old: None });
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
            // A file for the control plane's own identities may hold their names; what is added here
            // may not.
            let name = path.display().to_string();
            let tokens = HashedTokens::parse(&name, &text, ReservedNames::Allow)?;
            return Ok(Self { tokens, path, old: Some(file) });
        }
    }

    /// Puts the file in place, whole. A new one is readable by its owner only; an old one keeps its
    /// owner and mode.
    pub(super) fn save(self) -> Result<(), Failure> {
        let path = self.path.display().to_string();
        let content = self.tokens.to_string();
        whole_file::write(&self.path, content.as_bytes(), Readers::Owner, self.old.as_ref())
            .map_err(|error| Failure::Write { path, error })
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
