//! What is in a gzipped tar archive? Nothing of it is written anywhere.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Component;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::{File, RegoLoadError, RegoLoadLimits};

/// The files of a bundle. `left` is how many bytes they may have together.
pub(super) fn unpack(
    bundle: &File,
    left: usize,
    limits: &RegoLoadLimits,
) -> Result<Vec<File>, RegoLoadError> {
    let name = bundle.name.as_str();
    let broken = |error| RegoLoadError::Archive { name: name.to_owned(), error };
    let too_many = |what, limit| RegoLoadError::Limit { name: name.to_owned(), what, limit };
    // Headers count as well: an archive of nothing but headers is long, too.
    let headers = limits.files.saturating_mul(2_048);
    let most = left.saturating_add(headers);
    let decoder = MultiGzDecoder::new(bundle.bytes.as_slice());
    let mut archive =
        Archive::new(decoder.take(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1)));
    let directory: Arc<str> = Arc::from(name);
    let mut files: Vec<File> = Vec::new();
    let mut paths = BTreeSet::new();
    let (mut seen, mut used) = (0, 0);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        seen += 1;
        if seen > limits.files {
            return Err(too_many("files", limits.files));
        }
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse =
            |what| RegoLoadError::Entry { name: name.to_owned(), entry: shown.clone(), what };
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Symlink | EntryType::Link => return Err(refuse("is a link")),
            _ => return Err(refuse("is neither a file nor a directory")),
        }
        let path = names(&entry.path().map_err(broken)?).map_err(&refuse)?;
        if path.len() > limits.depth {
            return Err(too_many("directories inside one another", limits.depth));
        }
        if !paths.insert(path.clone()) {
            return Err(refuse("is there twice"));
        }
        let mut bytes = Vec::new();
        let room = left - used;
        let step = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
        entry.by_ref().take(step).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() > room {
            return Err(too_many("bytes", limits.bytes));
        }
        used += bytes.len();
        let name = format!("{name}:/{}", path.join("/"));
        files.push(File { name, path, bytes, directory: Some(Arc::clone(&directory)) });
    }
    Ok(files)
}

/// The names of a path. OPA writes them from the root on, which is that of the bundle.
fn names(path: &std::path::Path) -> Result<Vec<String>, &'static str> {
    let mut names = Vec::new();
    let text = path.to_str().ok_or("has a name that is no UTF-8")?;
    // Two slashes, and Windows' ways to begin anew, are nobody's bundle.
    if text.starts_with("//") || text.contains('\\') || text.contains('\0') {
        return Err("has an absolute path");
    }
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                names.push(name.to_str().ok_or("has a name that is no UTF-8")?.to_owned());
            }
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir => return Err("leaves the bundle by `..`"),
            Component::Prefix(_) => return Err("has an absolute path"),
        }
    }
    if names.is_empty() { Err("has no name") } else { Ok(names) }
}
