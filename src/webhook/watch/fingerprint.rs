//! How files look from outside: enough to see that one changed.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Which file it is: device and number.
pub(super) type Inode = (u64, u64);

/// Sizes, times and inodes of everything below some paths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::webhook) struct Fingerprint(u64);

impl Fingerprint {
    pub(in crate::webhook) fn of(paths: &[PathBuf]) -> Self {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            add(path, &mut hasher);
        }
        Self(hasher.finish())
    }
}

/// What is not there is told apart from what is. Links are followed as the loader follows them:
/// to the named path, and to files below it.
fn add(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    match fs::metadata(path) {
        Err(error) => error.raw_os_error().hash(hasher),
        Ok(metadata) if metadata.is_dir() => {
            for entry in below(path) {
                entry.hash(hasher);
                match fs::metadata(&entry) {
                    Err(error) => error.raw_os_error().hash(hasher),
                    Ok(metadata) if metadata.is_dir() => {}
                    Ok(metadata) => look(&metadata, hasher),
                }
            }
        }
        Ok(metadata) => look(&metadata, hasher),
    }
}

fn look(metadata: &Metadata, hasher: &mut DefaultHasher) {
    metadata.len().hash(hasher);
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).hash(hasher);
    inode(metadata).hash(hasher);
    changed_at(metadata).hash(hasher);
}

/// Everything below a directory, sorted; names that begin with `..` are the hidden copies behind a
/// mounted ConfigMap, seen through the links beside them.
fn below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("..") {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// The directories in which a change of some paths would be seen: all of those below a directory,
/// the one that holds it, the one above in case that is replaced, and where links lead. What does
/// not exist is awaited in what does.
pub(super) fn directories(paths: &[PathBuf]) -> BTreeMap<PathBuf, Inode> {
    let mut found = BTreeMap::new();
    for path in paths {
        add_with_parents(path, &mut found);
        if let Ok(real) = fs::canonicalize(path) {
            add_with_parents(&real, &mut found);
        }
        if path.is_dir() {
            for entry in below(path) {
                add_directory(&entry, &mut found);
                let target = fs::canonicalize(&entry);
                if let Some(parent) = target.as_deref().ok().and_then(Path::parent) {
                    add_directory(parent, &mut found);
                }
            }
        }
    }
    found
}

fn add_with_parents(path: &Path, found: &mut BTreeMap<PathBuf, Inode>) {
    add_directory(path, found);
    let mut existing = 0;
    for ancestor in path.ancestors().skip(1) {
        let ancestor = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
        existing += usize::from(add_directory(ancestor, found));
        if existing == 2 {
            break;
        }
    }
}

/// Under its real name, so that no directory is watched twice.
fn add_directory(path: &Path, found: &mut BTreeMap<PathBuf, Inode>) -> bool {
    let Ok(real) = fs::canonicalize(path) else { return false };
    let Ok(metadata) = fs::metadata(&real) else { return false };
    if metadata.is_dir() {
        found.insert(real, inode(&metadata));
    }
    metadata.is_dir()
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Changes that put the old time of modification back are seen here.
#[cfg(unix)]
fn changed_at(metadata: &Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Inode {
    (0, 0)
}

#[cfg(not(unix))]
fn changed_at(_: &Metadata) -> (i64, i64) {
    (0, 0)
}
