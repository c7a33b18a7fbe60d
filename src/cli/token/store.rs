//! A file of tokens on disk: locked while it is changed, and changed as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use portcullis::authn::ReservedNames;
use portcullis::authn::token_file::HashedTokens;

use crate::cli::exit::Failure;

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
        self.replace().map_err(|error| Failure::Write { path, error })
    }

    fn replace(&self) -> io::Result<()> {
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // Neither what an earlier process left behind nor another process's draft is in the way:
        // processes in containers have the same numbers.
        let mut random = [0_u8; 8];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| io::ErrorKind::Other)?;
        let random = u64::from_ne_bytes(random);
        let path = folder.join(format!(".{}.{random:016x}", name.to_string_lossy()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        // Only what was made here is removed.
        let draft = Draft(path);
        file.write_all(self.tokens.to_string().as_bytes())?;
        match &self.old {
            Some(old) => {
                keep_owner(old, &file)?;
                file.set_permissions(old.metadata()?.permissions())?;
                file.sync_all()?;
                fs::rename(&draft.0, &self.path)?;
            }
            None => {
                file.sync_all()?;
                // Unlike a rename, this never replaces a file that was made in the meantime.
                fs::hard_link(&draft.0, &self.path)?;
            }
        }
        // The folder, too, must survive a power cut; where it cannot be synced, it need not be.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// A file that vanishes unless it was renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
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

/// A file that root rewrites must stay readable for the server.
#[cfg(unix)]
fn keep_owner(old: &File, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let (old, now) = (old.metadata()?, new.metadata()?);
    if (old.uid(), old.gid()) == (now.uid(), now.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}
