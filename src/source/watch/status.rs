use std::time::SystemTime;

use super::decode::Reason;
use super::store::Store;
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
    /// When the API server last said anything about it: a whole list, an event or a bookmark. Bytes that come
    /// to nothing of these do not count.
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

/// How many objects that cannot be read are named.
const NAMED: usize = 100;

impl KindStatus {
    /// Of a kind of which nothing is known.
    pub(super) const fn new(watched: Watched) -> Self {
        Self {
            watched,
            from: LiveFrom::Nothing,
            objects: 0,
            bytes: 0,
            newest_event: None,
            heard: None,
            lost: None,
            lists: 0,
            undecodable: Vec::new(),
            undecodable_count: 0,
        }
    }

    /// Counts what is held.
    pub(super) fn hold(&mut self, store: &Store, from: LiveFrom) {
        self.from = from;
        self.objects = store.objects();
        self.bytes = store.bytes();
        let count = store.unreadable();
        if count == 0 && self.undecodable_count == 0 {
            return;
        }
        let told = |(key, reason): (Key, &Reason)| Undecodable { key, reason: reason.to_string() };
        self.undecodable = store.reasons().take(NAMED).map(told).collect();
        if count > self.undecodable_count {
            tracing::warn!(
                kind = %self.watched, count, "objects that cannot be read count as if they were not there"
            );
        }
        self.undecodable_count = count;
    }

    /// The watch is lost, or still is. Said once.
    pub(super) fn lose(&mut self, reason: String, now: SystemTime) {
        match &mut self.lost {
            Some((_, why)) => *why = reason,
            lost @ None => {
                tracing::warn!(kind = %self.watched, reason, "the watch is lost");
                *lost = Some((now, reason));
            }
        }
    }

    /// There is a watch again. What it will say is yet to come.
    pub(super) fn find(&mut self) {
        if self.lost.take().is_some() {
            tracing::info!(kind = %self.watched, "watching again");
        }
    }
}
