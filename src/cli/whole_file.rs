//! Files that are written whole or not at all, and never over something by accident.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner: keys and tokens.
    Owner,
    /// Whoever the umask lets: certificates and manifests.
    #[cfg_attr(
        all(feature = "login", not(feature = "ledger")),
        expect(dead_code, reason = "a login writes nothing for others")
    )]
    Anybody,
}

/// Whether a file can be written there: nothing is, and it is not a `-` by which somebody means
/// standard output.
pub(crate) fn check_new(path: &Path) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        return Err(Failure::usage(
            "`-` is no file; what can go to standard output goes there when its flag is left out, and \
             a file of that name is `./-`",
        ));
    }
    // Also when it is a link to nowhere.
    if fs::symlink_metadata(path).is_ok() {
        return Err(is_there_already(path));
    }
    Ok(())
}

fn is_there_already(path: &Path) -> Failure {
    Failure::usage(format!(
        "`{}` is there already and was left as it is; name another file, or move it away",
        path.display()
    ))
}

/// The mode of a file, when others than its owner can read or write it.
#[cfg(any(
    feature = "basic",
    feature = "ledger",
    feature = "login",
    feature = "token-file",
    feature = "webhook"
))]
pub(crate) fn mode_for_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).ok()?) & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &Path, content: &[u8], readers: Readers) -> Result<(), Failure> {
    check_new(path)?;
    write(path, content, readers, None).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => is_there_already(path),
        _ => Failure::Write { path: path.display().to_string(), error },
    })
}

/// Writes a file, in the place of the one that is there, if any. That one's owner and mode stay; a
/// link stays a link, and what it points to is replaced.
pub(crate) fn replace(path: &Path, content: &[u8], readers: Readers) -> Result<(), Failure> {
    let failed = |error| Failure::Write { path: path.display().to_string(), error };
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match File::open(&path) {
        Ok(old) => write(&path, content, readers, Some(&old)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write(&path, content, readers, None)
        }
        Err(error) => Err(error),
    }
    .map_err(failed)
}

/// Puts the content in place, whole. `old` is the file that is to be replaced; without one there
/// must be none.
pub(crate) fn write(
    path: &Path,
    content: &[u8],
    readers: Readers,
    old: Option<&File>,
) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Neither what an earlier process left behind nor another process's draft is in the way:
    // processes in containers have the same numbers.
    let mut random = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| io::ErrorKind::Other)?;
    let random = u64::from_ne_bytes(random);
    let draft = folder.join(format!(".{}.{random:016x}", name.to_string_lossy()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = options.open(&draft)?;
    // Only what was made here is removed.
    let draft = Draft(draft);
    file.write_all(content)?;
    match old {
        Some(old) => {
            keep_owner(old, &file)?;
            file.set_permissions(old.metadata()?.permissions())?;
            file.sync_all()?;
            fs::rename(&draft.0, path)?;
        }
        None => {
            file.sync_all()?;
            // Unlike a rename, this never replaces a file that was made in the meantime.
            fs::hard_link(&draft.0, path)?;
        }
    }
    // The folder, too, must survive a power cut; where it cannot be synced, it need not be.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// A file that vanishes unless it was renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
    }
}

/// A file that root rewrites must stay readable for whoever reads it.
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
