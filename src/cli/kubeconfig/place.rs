//! Where a kubeconfig goes.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf, absolute};

use portcullis::api::kubeconfig::Entries;
use portcullis::source::kubeconfig::{self, Existing, How};

use crate::cli::exit::Failure;
use crate::cli::speak::Speaker;
use crate::cli::whole_file::{Readers, mode_for_others, replace, write_new};

/// Where a kubeconfig goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    Stdout,
    /// A file that must not be there.
    New(&'a Path),
    /// A file that keeps what else is in it.
    Merge(&'a Path, Existing),
}

/// A path as a kubeconfig names it: relative to its folder where that is above, else absolute, as
/// kubectl writes them.
pub(crate) fn reference(path: &Path, place: Place<'_>) -> Result<String, Failure> {
    let failed = |error| Failure::Read { path: path.display().to_string(), error };
    let path = absolute(path).map_err(failed)?;
    let file = match place {
        Place::Stdout => None,
        Place::New(file) | Place::Merge(file, _) => Some(absolute(file).map_err(failed)?),
    };
    let folder = file.as_deref().and_then(Path::parent);
    let named = folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(&path);
    named.to_str().map(str::to_owned).ok_or_else(|| {
        let path = path.display();
        Failure::usage(format!("`{path}`: a kubeconfig can name only paths that are UTF-8"))
    })
}

/// Writes a file, whole or not at all.
pub(crate) fn put(
    entries: &Entries,
    place: Place<'_>,
    path: &Path,
    speaker: Speaker,
) -> Result<(), Failure> {
    match place {
        Place::Merge(_, existing) => Held::take(path)?.put(entries, existing, speaker),
        Place::New(_) | Place::Stdout => write(entries, path, speaker),
    }
}

/// A kubeconfig that no other command writes until this is dropped. Who makes something that cannot
/// be made twice, such as a certificate, takes it first: a lock may have been left behind.
pub(crate) struct Held<'a> {
    path: &'a Path,
    _lock: Lock,
}

impl<'a> Held<'a> {
    /// Takes it, whether it is there yet or not; its folder must be.
    pub(crate) fn take(path: &'a Path) -> Result<Self, Failure> {
        Ok(Self { path, _lock: Lock::take(path)? })
    }

    /// Puts entries into it; it is made when it is not there.
    pub(crate) fn put(
        &self,
        entries: &Entries,
        existing: Existing,
        speaker: Speaker,
    ) -> Result<(), Failure> {
        match fs::read(self.path) {
            Ok(old) => merge(entries, existing, self.path, &old, speaker),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write(entries, self.path, speaker)
            }
            Err(error) => Err(Failure::Read { path: self.path.display().to_string(), error }),
        }
    }
}

/// Writes one that must not be there.
fn write(entries: &Entries, path: &Path, speaker: Speaker) -> Result<(), Failure> {
    let shown = path.display();
    if entries.cluster.is_none() {
        return Err(Failure::usage(format!(
            "`{shown}` is not there, so it has no cluster; add --server and --ca-file"
        )));
    }
    let text = kubeconfig::render(entries);
    write_new(path, text.expose_secret().as_bytes(), Readers::Owner)?;
    speaker.note(format!("the kubeconfig of `{}` is in `{shown}`", entries.user.name));
    Ok(())
}

/// Whether entries of these names could be put there, whatever is in them. Nothing is written.
#[cfg(feature = "ledger")]
pub(crate) fn would_put(entries: &Entries, path: &Path) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Failure::Read { path: shown, error }),
    };
    kubeconfig::merge(&shown, &old, entries, Existing::Refuse)?;
    Ok(())
}

fn merge(
    entries: &Entries,
    existing: Existing,
    path: &Path,
    old: &[u8],
    speaker: Speaker,
) -> Result<(), Failure> {
    let shown = path.display();
    let merged = kubeconfig::merge(&shown.to_string(), old, entries, existing)?;
    match merged.how {
        How::Unchanged => {
            speaker.note(format!("`{shown}` has all of it already, and was left as it is"));
            return Ok(());
        }
        How::Spliced => {}
        How::Rewritten { comments_lost } => {
            let lost = if comments_lost { "; its comments are lost" } else { "" };
            speaker.note(format!("`{shown}` was written anew as a whole{lost}"));
        }
    }
    replace(path, merged.text.expose_secret().as_bytes(), Readers::Owner)?;
    if entries.user.value.embeds_secret()
        && let Some(mode) = mode_for_others(path)
    {
        speaker.warn(format!(
            "`{shown}` has a secret in it, and others than its owner can read it (mode {mode:o}); \
             chmod 600 {shown}"
        ));
    }
    for replaced in &merged.replaced {
        speaker.note(format!("{replaced} of `{shown}` was replaced"));
    }
    let context = &entries.context.name;
    speaker.note(format!("`{shown}` has the user `{}`, context `{context}`", entries.user.name));
    Ok(())
}

/// The lock that kubectl takes, too: a file beside the kubeconfig.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::usage(format!(
                    "`{}` is there: another command writes this kubeconfig; try again, or remove \
                     that file if none does",
                    lock.display()
                )))
            }
            Err(error) => Err(Failure::Write { path: lock.display().to_string(), error }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Whoever finds it left behind is told what to do.
        let _ = fs::remove_file(&self.0);
    }
}
