//! Whether a file is safe from other users.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::SavedError;

/// The file that a path means: itself, or where a link leads that nobody else made. What is there must be a
/// file. `None` as the second: nothing is there.
pub(super) fn resolved(path: &Path) -> Result<(PathBuf, Option<Metadata>), SavedError> {
    let failed = |error| SavedError::Read { path: path.to_owned(), error };
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((path.to_owned(), None));
        }
        Err(error) => return Err(failed(error)),
    };
    let (real, about) = if about.is_symlink() {
        check_link(path, &about)?;
        match fs::canonicalize(path) {
            Ok(real) => {
                let about = fs::metadata(&real).map_err(failed)?;
                (real, about)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let target = fs::read_link(path).map_err(failed)?;
                return Ok((folder(path).join(target), None));
            }
            Err(error) => return Err(failed(error)),
        }
    } else {
        (path.to_owned(), about)
    };
    if !about.is_file() {
        return Err(SavedError::NoFile { path: path.to_owned() });
    }
    Ok((real, Some(about)))
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Root can do everything anyway.
#[cfg(unix)]
fn is_stranger(owner: u32) -> bool {
    owner != 0 && owner != rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn check_link(path: &Path, about: &Metadata) -> Result<(), SavedError> {
    let owner = std::os::unix::fs::MetadataExt::uid(about);
    if is_stranger(owner) {
        return Err(SavedError::Link { path: path.to_owned(), owner });
    }
    Ok(())
}

/// Whether nobody else can have written the open file.
#[cfg(unix)]
pub(super) fn check(path: &Path, about: &Metadata) -> Result<(), SavedError> {
    use std::os::unix::fs::MetadataExt;

    let (path, mode, owner) = (path.to_owned(), about.mode() & 0o7777, about.uid());
    if is_stranger(owner) {
        let me = rustix::process::geteuid().as_raw();
        return Err(SavedError::Owner { path, owner, me });
    }
    if mode & 0o022 != 0 {
        return Err(SavedError::Writable { path, mode });
    }
    Ok(())
}

/// Elsewhere that is the business of the folder.
#[cfg(not(unix))]
fn check_link(_: &Path, _: &Metadata) -> Result<(), SavedError> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn check(_: &Path, _: &Metadata) -> Result<(), SavedError> {
    Ok(())
}
