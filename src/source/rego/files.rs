//! From paths to files in memory.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{File, Kind, RegoLoadError, RegoLoadOptions, manifest};

/// The first half of [`load`](super::load): only reads.
///
/// # Errors
///
/// When something cannot be read, or passes a limit.
pub fn read(paths: &[PathBuf], options: &RegoLoadOptions) -> Result<Vec<File>, RegoLoadError> {
    let mut reading = Reading { left: options.limits.bytes, options, files: Vec::new() };
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if metadata.is_dir() {
            reading.directory(path)?;
        } else {
            let name = path.display().to_string();
            let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut file = File { path: vec![own], ..File::new(name, Vec::new()) };
            if file.kind() == Kind::Other {
                return Err(RegoLoadError::Kind { name: file.name });
            }
            file.bytes = reading.bytes(path, &file.name)?;
            reading.files.push(file);
        }
    }
    Ok(reading.files)
}

struct Reading<'a> {
    options: &'a RegoLoadOptions,
    left: usize,
    files: Vec<File>,
}

impl Reading<'_> {
    /// Links to files are followed and those to directories are not, so there are no cycles. Names that begin
    /// with a dot are left out, save the manifest of a bundle: behind a mounted ConfigMap they are copies.
    ///
    /// Directories yet to be read are kept in a list, not on the stack: nesting cannot exhaust it.
    fn directory(&mut self, root: &Path) -> Result<(), RegoLoadError> {
        let limits = &self.options.limits;
        let named: Arc<str> = Arc::from(root.display().to_string());
        let mut found: Vec<(Vec<String>, PathBuf)> = Vec::new();
        let mut directories = vec![(Vec::new(), root.to_owned())];
        while let Some((above, directory)) = directories.pop() {
            let refuse = |what, limit| RegoLoadError::Limit {
                name: directory.display().to_string(),
                what,
                limit,
            };
            if above.len() >= limits.depth {
                return Err(refuse("directories inside one another", limits.depth));
            }
            let entries =
                fs::read_dir(&directory).map_err(|error| unreadable(&directory, error))?;
            for entry in entries {
                let entry = entry.map_err(|error| unreadable(&directory, error))?;
                let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), error))?;
                let own = entry.file_name().to_string_lossy().into_owned();
                let is_manifest = own == manifest::NAME && above.is_empty();
                if own.starts_with('.') && !is_manifest {
                    continue;
                }
                let path: Vec<String> = above.iter().cloned().chain([own]).collect();
                if kind.is_dir() {
                    directories.push((path, entry.path()));
                } else {
                    found.push((path, entry.path()));
                }
                if found.len() + directories.len() + self.files.len() > limits.files {
                    return Err(refuse("files", limits.files));
                }
            }
        }
        found.sort();
        for (path, on_disk) in found {
            let name = on_disk.display().to_string();
            let directory = Some(Arc::clone(&named));
            let mut file = File { name, path, bytes: Vec::new(), directory };
            let is_left_out = matches!(file.kind(), Kind::Bundle | Kind::Other);
            if is_left_out && file.file_name() != "policy.wasm" {
                continue;
            }
            let metadata = fs::metadata(&on_disk).map_err(|error| unreadable(&on_disk, error))?;
            if !metadata.is_file() {
                continue;
            }
            file.bytes = self.bytes(&on_disk, &file.name)?;
            self.files.push(file);
        }
        Ok(())
    }

    /// One byte more than allowed is enough to know that it is too much.
    fn bytes(&mut self, path: &Path, name: &str) -> Result<Vec<u8>, RegoLoadError> {
        let file = fs::File::open(path).map_err(|error| unreadable(path, error))?;
        let mut bytes = Vec::new();
        let most = u64::try_from(self.left).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
        let limit = self.options.limits.bytes;
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| RegoLoadError::Limit {
            name: name.to_owned(),
            what: "bytes",
            limit,
        })?;
        Ok(bytes)
    }
}

fn unreadable(path: &Path, error: io::Error) -> RegoLoadError {
    RegoLoadError::Read { path: path.display().to_string(), error }
}
