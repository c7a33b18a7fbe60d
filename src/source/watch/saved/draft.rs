//! The file that is written beside the old one and takes its place.
//!
//! Whoever writes a draft holds a lock on it, which ends with the process however that ends. So a draft that
//! can be locked is one that a crash left behind.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What the name of a draft ends with, after 16 hexadecimal digits.
const ENDING: &str = ".draft";

/// A draft. It vanishes unless it takes its place.
pub(super) struct Draft {
    path: PathBuf,
    pub(super) file: File,
}

impl Draft {
    /// Makes a draft of the file of this name.
    pub(super) fn new(folder: &Path, name: &OsStr) -> io::Result<Self> {
        loop {
            let mut random = [0_u8; 8];
            aws_lc_rs::rand::fill(&mut random)
                .map_err(|_| io::Error::other("the system has no random bytes"))?;
            let mut draft = begin(name);
            draft.push(format!("{:016x}{ENDING}", u64::from_ne_bytes(random)));
            let path = folder.join(draft);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let draft = Self { file: options.open(&path)?, path };
            // Where nothing can be locked nothing is taken for a leftover either.
            let _ = draft.file.lock();
            // In between it was nobody's, and may have been removed as such.
            if draft.path.try_exists()? {
                return Ok(draft);
            }
        }
    }

    /// Puts it in the place of another file, for good.
    pub(super) fn replace(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

fn begin(name: &OsStr) -> OsString {
    let mut begin = OsString::from(".");
    begin.push(name);
    begin.push(".");
    begin
}

/// Removes the drafts that nobody writes any more. What cannot be removed is in nobody's way.
pub(super) fn sweep(folder: &Path, name: &OsStr) {
    let begin = begin(name);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name
            .as_encoded_bytes()
            .strip_prefix(begin.as_encoded_bytes())
            .and_then(|rest| rest.strip_suffix(ENDING.as_bytes()));
        let is_draft = random
            .is_some_and(|random| random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit));
        if !is_draft || !entry.file_type().is_ok_and(|of| of.is_file()) {
            continue;
        }
        let Ok(file) = OpenOptions::new().write(true).open(entry.path()) else { continue };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(entry.path());
        }
    }
}
