//! What was the cluster like when it was last seen? One file, so that a server can start while the API server
//! waits for it.
//!
//! The file is written whole beside the old one and renamed over it, so that a crash leaves one of the two.
//! It is believed whole or not at all: its checksum covers every byte, and nothing of it is looked at before
//! that is found right. The checksum tells damage, not forgery: whoever can write the file decides who may do
//! what. So a file that another user owns or may write is refused; in a pod with a `fsGroup`, say
//! `fsGroupChangePolicy: OnRootMismatch`, or the kubelet opens it to that group at every start.
//!
//! Absent on purpose: Secrets, which are never written; and when to write (see `webhook`).

mod age;
mod draft;
mod error;
mod file;
mod format;
mod kind;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod trust;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Key, Watched};

pub use age::Age;
pub use error::{Damage, SavedError};

/// What is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Which API server said so: its URL.
    pub server: String,
    /// When. What lies before 1970 is kept as 1970.
    pub at: SystemTime,
    /// The kinds.
    pub kinds: Vec<SavedKind>,
}

/// The objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedKind {
    /// The kind.
    pub watched: Watched,
    /// The version of the list.
    pub resource_version: String,
    /// The trimmed objects, as JSON, by key.
    pub objects: Vec<(Key, Box<[u8]>)>,
}

/// Where the file is, and what is believed.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use portcullis::source::watch::saved::{Saved, SavedError, SavedFile};
///
/// let folder = tempfile::tempdir()?;
/// let hour = Duration::from_secs(3600);
/// let file = SavedFile { path: folder.path().join("cluster.state"), max_age: Some(24 * hour) };
/// let now = SystemTime::now();
/// assert_eq!(file.read("https://a.example", now)?, None);
///
/// let saved = Saved { server: "https://a.example".to_owned(), at: now, kinds: Vec::new() };
/// file.write(&saved)?;
/// assert_eq!(file.read("https://a.example", now + hour)?, Some(saved));
///
/// let other = file.read("https://b.example", now).unwrap_err();
/// assert!(matches!(other, SavedError::OtherServer { .. }), "{other}");
/// let old = file.read("https://a.example", now + 25 * hour).unwrap_err();
/// assert!(matches!(old, SavedError::TooOld { .. }), "{old}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// The file.
    pub path: PathBuf,
    /// How old it may be, and then it may not be from the future either. `None`: any age, and
    /// [`Saved::age`] tells which.
    pub max_age: Option<Duration>,
}

impl SavedFile {
    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be vouched for: damaged, of another API server, too old, from the future, written by
    /// a newer build, or not safe from other users. Also when its folder is not there, since nothing could
    /// be written to it later.
    pub fn read(&self, server: &str, now: SystemTime) -> Result<Option<Saved>, SavedError> {
        let Some(bytes) = file::read(&self.path)? else {
            return Ok(None);
        };
        let saved = format::decode(&bytes).map_err(|wrong| wrong.at(&self.path))?;
        if without_slash(&saved.server) != without_slash(server) {
            return Err(SavedError::OtherServer {
                path: self.path.clone(),
                found: saved.server,
                expected: server.to_owned(),
            });
        }
        age::check(self, saved.at, now)?;
        Ok(Some(saved))
    }

    /// Replaces the file: all of it or nothing, readable by its owner only. Drafts that a crash left behind
    /// are removed. What is there and is not one of these files is left alone.
    ///
    /// # Errors
    /// When it cannot be written, the one before stays. When it holds Secrets, by the kinds that it names.
    pub fn write(&self, saved: &Saved) -> Result<(), SavedError> {
        for SavedKind { watched, .. } in &saved.kinds {
            if watched.is_secret() {
                return Err(SavedError::Secrets { kind: watched.name().into_owned() });
            }
        }
        file::write(&self.path, saved)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A URL with a slash at its end is that of the same server.
fn without_slash(url: &str) -> &str {
    url.trim_end_matches('/')
}
