//! Finding and reading files: directories, standard input, gzip.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::text::length;
use super::{Input, Limits, LoadError};

/// Something to read whole.
pub(super) struct Source {
    /// What origins call it.
    pub(super) name: String,
    /// Its size on disk; 0 when unknown.
    pub(super) size: u64,
    /// `None`: standard input.
    path: Option<PathBuf>,
}

/// What is read within directories; a file that is named itself is read whatever its name.
const EXTENSIONS: [&str; 5] = ["json", "ndjson", "jsonl", "yaml", "yml"];

/// A gzip stream is not judged by its ratio before it yields this much: small and repetitive is
/// no danger.
const UNSUSPICIOUS: u64 = 64 << 20;

/// How many bytes are decompressed between two looks at the limits.
const STEP: usize = 1 << 16;

/// Replaces directories by the files below them, sorted by path.
pub(super) fn expand(inputs: &[Input]) -> Result<Vec<Source>, LoadError> {
    let mut sources: Vec<Source> = Vec::with_capacity(inputs.len());
    for input in inputs {
        let Input::Path(path) = input else {
            if sources.iter().any(|source| source.path.is_none()) {
                return Err(LoadError::StdinTwice);
            }
            sources.push(Source { name: "<stdin>".to_owned(), size: 0, path: None });
            continue;
        };
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if metadata.is_dir() {
            let before = sources.len();
            walk(path, &mut sources)?;
            if sources.len() == before {
                return Err(LoadError::NoFiles { path: path.display().to_string() });
            }
        } else {
            sources.push(Source::file(path.clone(), metadata.len()));
        }
    }
    Ok(sources)
}

impl Source {
    fn file(path: PathBuf, size: u64) -> Self {
        Self { name: path.display().to_string(), size, path: Some(path) }
    }
}

/// Symbolic links to files are followed and those to directories are not, as by kubectl, so there
/// are no cycles. Names that begin with `..` are the hidden copies behind a mounted ConfigMap.
///
/// Directories yet to be read are kept in a list, not on the stack: nesting cannot exhaust it.
fn walk(root: &Path, sources: &mut Vec<Source>) -> Result<(), LoadError> {
    let first = sources.len();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).map_err(|error| unreadable(&directory, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&directory, error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| unreadable(&path, error))?;
            if entry.file_name().to_string_lossy().starts_with("..") {
                continue;
            }
            if kind.is_dir() {
                directories.push(path);
            } else if is_policy_name(&path) {
                let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
                if metadata.is_file() {
                    sources.push(Source::file(path, metadata.len()));
                }
            }
        }
    }
    if let Some(found) = sources.get_mut(first..) {
        found.sort_by(|a, b| a.path.cmp(&b.path));
    }
    Ok(())
}

fn is_policy_name(path: &Path) -> bool {
    let inner = if path.extension().is_some_and(|extension| extension == "gz") {
        path.file_stem().map(Path::new)
    } else {
        Some(path)
    };
    let extension = inner.and_then(Path::extension);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// The bytes of a source, decompressed when they are gzip, whatever its name.
pub(super) fn read(source: &Source, left: u64, limits: &Limits) -> Result<Vec<u8>, LoadError> {
    let wrap = |error| LoadError::Read { path: source.name.clone(), error };
    let mut bytes = Vec::new();
    match &source.path {
        None => read_limited(io::stdin().lock(), left, &mut bytes).map_err(wrap)?,
        Some(path) => {
            let file = File::open(path).map_err(wrap)?;
            bytes.reserve(usize::try_from(source.size.min(left)).unwrap_or(0).saturating_add(1));
            read_limited(file, left, &mut bytes).map_err(wrap)?;
        }
    }
    decompress(&source.name, bytes, left, limits)
}

/// One byte more than allowed is enough to know that it is too much.
fn read_limited(from: impl Read, left: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    from.take(left.saturating_add(1)).read_to_end(bytes).map(drop)
}

/// Gzip is known by its first two bytes; anything else passes.
pub(super) fn decompress(
    name: &str,
    bytes: Vec<u8>,
    left: u64,
    limits: &Limits,
) -> Result<Vec<u8>, LoadError> {
    let too_large = || LoadError::TooLarge { path: name.to_owned(), limit: limits.max_bytes };
    if length(bytes.len()) > left {
        return Err(too_large());
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let suspicious = length(bytes.len()).saturating_mul(limits.max_gzip_ratio).max(UNSUSPICIOUS);
    let mut decoder = MultiGzDecoder::new(bytes.as_slice());
    let mut text = Vec::new();
    loop {
        let step = decoder.by_ref().take(length(STEP)).read_to_end(&mut text);
        if step.map_err(|error| LoadError::Gzip { path: name.to_owned(), error })? == 0 {
            return Ok(text);
        }
        if length(text.len()) > left {
            return Err(too_large());
        }
        if length(text.len()) > suspicious {
            return Err(LoadError::GzipBomb {
                path: name.to_owned(),
                ratio: limits.max_gzip_ratio,
            });
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> LoadError {
    LoadError::Read { path: path.display().to_string(), error }
}
