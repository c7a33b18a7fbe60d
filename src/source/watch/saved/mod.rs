//! What was the cluster like when it was last seen? One file, so that a server can start while the API server
//! waits for it.
//!
//! Absent on purpose: Secrets, which are never written.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Key, Watched};

/// What is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Which API server said so: its URL.
    pub server: String,
    /// When.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// The file.
    pub path: PathBuf,
    /// How old it may be; `None`: any age.
    pub max_age: Option<Duration>,
}

/// Why what is on disk does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// It cannot be read or written.
    #[error("`{path}` cannot be used; check the path and your permission")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
}

impl SavedFile {
    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be vouched for: damaged, of another API server, too old, or from the future.
    pub fn read(&self, server: &str, now: SystemTime) -> Result<Option<Saved>, SavedError> {
        let _ = (server, now);
        todo!()
    }

    /// Replaces the file: all of it or nothing, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be written; the one before stays then.
    pub fn write(&self, saved: &Saved) -> Result<(), SavedError> {
        let _ = saved;
        todo!()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
