//! Writing a folder of files: all of them or none, and never over something by accident.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;

/// A file to be written.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where, below the folder.
    pub(super) path: &'static str,
    /// What.
    pub(super) content: Content,
}

/// What is written. Only `Secret` is unreadable for others, and only `Sample` is somebody else's
/// once it is there.
#[derive(Debug)]
pub(super) enum Content {
    /// Generated: is replaced when that is asked for.
    Plain(String),
    /// To be edited by people: is never replaced.
    Sample(String),
    /// A key.
    Secret(portcullis::authn::Secret),
}

/// What happens to files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing is written at all.
    Refuse,
    /// They are replaced, each as a whole.
    Replace,
}

/// Writes everything beside first. Only when all of it is on the disk the files are put in place.
pub(super) fn write(out: &Path, entries: &[Entry], existing: Existing) -> Result<(), Failure> {
    let there: Vec<&str> = entries
        .iter()
        .filter(|entry| fs::symlink_metadata(out.join(entry.path)).is_ok())
        .map(|entry| entry.path)
        .collect();
    if let (Existing::Refuse, [first, rest @ ..]) = (existing, there.as_slice()) {
        let more =
            if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        return Err(Failure::usage(format!(
            "`{}` is there already{more}; nothing was written. Choose another --out, or replace \
             them with --force",
            out.join(first).display()
        )));
    }
    let is_new = fs::symlink_metadata(out).is_err();
    // Inside of the folder if there is one: a rename does not cross file systems.
    let beside = if is_new { sibling(out)? } else { out.join(unique(".portcullis")) };
    let put = fill(&beside, entries).and_then(|()| {
        if is_new { rename(&beside, out) } else { move_each(&beside, out, entries) }
    });
    let cleared = match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&beside, error)),
        _ => Ok(()),
    };
    put.and(cleared)
}

fn fill(folder: &Path, entries: &[Entry]) -> Result<(), Failure> {
    make_folder(folder, true)?;
    for entry in entries {
        let path = folder.join(entry.path);
        if let Some(parent) = path.parent() {
            make_folder(parent, false)?;
        }
        let (text, secret) = match &entry.content {
            Content::Plain(text) | Content::Sample(text) => (text.as_str(), false),
            Content::Secret(secret) => (secret.expose_secret(), true),
        };
        create(&path, secret)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn move_each(from: &Path, to: &Path, entries: &[Entry]) -> Result<(), Failure> {
    for entry in entries {
        let target = to.join(entry.path);
        if matches!(entry.content, Content::Sample(_)) && fs::symlink_metadata(&target).is_ok() {
            continue;
        }
        if let Some(parent) = target.parent() {
            make_folder(parent, false)?;
        }
        rename(&from.join(entry.path), &target)?;
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|error| failed(to, error))
}

/// A new name in the folder that will hold `out`.
fn sibling(out: &Path) -> Result<PathBuf, Failure> {
    let name = out.file_name().and_then(|name| name.to_str()).unwrap_or("portcullis");
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
    Ok(parent.join(unique(&format!(".{name}"))))
}

fn unique(name: &str) -> String {
    format!("{name}.{}", std::process::id())
}

/// Keys lie in it: the folder is its owner's.
fn make_folder(path: &Path, new: bool) -> Result<(), Failure> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(!new).create(path).map_err(|error| failed(path, error))
}

fn create(path: &Path, secret: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = secret;
    options.open(path)
}

fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::Write { path: path.display().to_string(), error }
}
