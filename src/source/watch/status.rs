use std::time::SystemTime;

use super::{Key, Watched};

/// Where the objects of a kind come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveFrom {
    /// There are none yet.
    Nothing,
    /// The disk: they were so at that time.
    Disk {
        /// When they were saved.
        saved: SystemTime,
    },
    /// The API server.
    Live,
}

/// How the watch of a kind is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindStatus {
    /// The kind.
    pub watched: Watched,
    /// Where its objects come from.
    pub from: LiveFrom,
    /// How many there are.
    pub objects: usize,
    /// Bytes they take, keys included.
    pub bytes: usize,
    /// When the newest event was received.
    pub newest_event: Option<SystemTime>,
    /// When the API server last said anything about it, a bookmark included.
    pub heard: Option<SystemTime>,
    /// Since when there is no watch, and why.
    pub lost: Option<(SystemTime, String)>,
    /// How often it was listed whole.
    pub lists: u64,
    /// Objects that cannot be read, at most 100.
    pub undecodable: Vec<Undecodable>,
    /// How many there are of those.
    pub undecodable_count: usize,
}

/// An object that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// Which; the name is empty when not even that can be read.
    pub key: Key,
    /// What is wrong; never a value of a Secret.
    pub reason: String,
}
