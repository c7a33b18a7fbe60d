use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::error::CrlSourceError;
use super::file::FollowedFile;
use super::lists::{self, Issuers};
use super::{Board, CrlStatus};
use crate::crypto::crl::RevocationList;
use crate::source::fetch::{Client, FIRST_RETRY, doubled, jittered, unix_now};

/// The place of one source among all.
pub(super) struct Slot {
    board: Arc<Board>,
    index: usize,
    issuers: Issuers,
    status: watch::Sender<CrlStatus>,
    serving: Vec<Arc<RevocationList>>,
    /// What was refused last, so that the same is not told over and over.
    told: Option<CrlSourceError>,
}

impl Slot {
    pub(super) const fn new(
        board: Arc<Board>,
        index: usize,
        issuers: Issuers,
        status: watch::Sender<CrlStatus>,
    ) -> Self {
        Self { board, index, issuers, status, serving: Vec::new(), told: None }
    }

    /// Looks at a file, and takes what is new in it.
    pub(super) fn look(&mut self, file: &mut FollowedFile) -> Result<(), CrlSourceError> {
        let Some(bytes) = file.changed().transpose() else { return Ok(()) };
        self.take(bytes).map(|_| ())
    }

    /// Takes what a source brought. Whether other lists serve than before.
    fn take(&mut self, bytes: Result<Vec<u8>, CrlSourceError>) -> Result<bool, CrlSourceError> {
        let read = bytes.and_then(|bytes| lists::read(&bytes, &self.issuers, &self.serving));
        match read {
            Ok(lists) => Ok(self.publish(lists)),
            Err(error) => {
                self.report(error.clone());
                Err(error)
            }
        }
    }

    fn publish(&mut self, lists: Vec<Arc<RevocationList>>) -> bool {
        let same =
            |(new, old): (&Arc<RevocationList>, &Arc<RevocationList>)| new.der() == old.der();
        let is_new =
            self.serving.len() != lists.len() || !lists.iter().zip(&self.serving).all(same);
        let entries = lists.iter().map(|list| list.len()).sum();
        if is_new {
            let source = self.name();
            tracing::info!(source, lists = lists.len(), entries, "revocation list changed");
            // Before anybody is told: who waits for a list relies on it from then on.
            self.board.put(self.index, lists.clone());
            self.serving.clone_from(&lists);
        }
        self.status.send_modify(|status| {
            status.loaded_at = Some(unix_now());
            status.this_update = lists.iter().map(|list| list.this_update()).min();
            status.next_update = lists.iter().map(|list| list.next_update()).min();
            status.lists = lists.len();
            status.entries = entries;
            status.last_error = None;
            status.attempts += 1;
        });
        self.told = None;
        is_new
    }

    /// The lists stay as they are.
    fn report(&mut self, error: CrlSourceError) {
        if self.told.as_ref() != Some(&error) {
            let source = self.name();
            tracing::warn!(source, %error, "revocation list not read, the known one goes on serving");
            self.told = Some(error.clone());
        }
        self.status.send_modify(|status| {
            status.last_error = Some(error);
            status.attempts += 1;
            status.failures += 1;
        });
    }

    fn name(&self) -> String {
        self.status.borrow().source.clone()
    }

    /// The seconds until the first list is to be replaced; 0 for one that should have been.
    fn left(&self) -> Option<u64> {
        let due = self.serving.iter().map(|list| list.next_update()).min()?;
        Some(u64::try_from(due.saturating_sub(unix_now())).unwrap_or(0))
    }
}

/// Follows a file.
pub(super) struct FileFollower {
    pub(super) slot: Slot,
    pub(super) file: FollowedFile,
    pub(super) poll: Duration,
}

impl FileFollower {
    /// Looks until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            sleep(self.poll).await;
            // Large lists take their time, which is not to be that of others.
            let looked = tokio::task::spawn_blocking(move || {
                // Told by the slot.
                let _ = self.slot.look(&mut self.file);
                self
            });
            let Ok(back) = looked.await else { return };
            self = back;
        }
    }
}

/// Follows a URL.
pub(super) struct UrlFollower {
    pub(super) slot: Slot,
    pub(super) client: Client,
    pub(super) refresh: Duration,
    pub(super) min_refresh: Duration,
}

impl UrlFollower {
    /// Fetches until it is aborted.
    pub(super) async fn run(mut self) {
        // Failures in a row, and answers in a row that were not the list that is due.
        let (mut failures, mut idle) = (0_u32, 0_u32);
        loop {
            let bytes = self.client.fetch().await.map(Vec::from).map_err(CrlSourceError::from);
            let mut slot = self.slot;
            let taken = tokio::task::spawn_blocking(move || {
                let taken = slot.take(bytes);
                (slot, taken)
            });
            let Ok((slot, taken)) = taken.await else { return };
            self.slot = slot;
            match taken {
                Ok(is_new) => {
                    failures = 0;
                    let is_overdue = self.slot.left() == Some(0);
                    idle = if is_new || !is_overdue { 0 } else { idle.saturating_add(1) };
                }
                Err(_) => failures = failures.saturating_add(1),
            }
            let ordinary = ordinary_wait(self.slot.left(), self.refresh, self.min_refresh, idle);
            let wait = match failures.checked_sub(1) {
                None => ordinary,
                Some(before) => doubled(FIRST_RETRY, before, self.refresh),
            };
            sleep(jittered(wait)).await;
        }
    }
}

/// Half of what is left until the next list is due, within the bounds. One that is overdue and does not
/// come is asked for less and less often: `idle` times it was in vain.
fn ordinary_wait(left: Option<u64>, longest: Duration, shortest: Duration, idle: u32) -> Duration {
    let half = left.map_or(longest, |seconds| Duration::from_millis(seconds.saturating_mul(500)));
    half.max(doubled(shortest, idle, longest)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_half_of_what_is_left_within_the_bounds_and_grows_when_overdue() {
        let wait = |left, idle| {
            let (longest, shortest) = (Duration::from_secs(3600), Duration::from_secs(10));
            ordinary_wait(left, longest, shortest, idle).as_secs()
        };
        assert_eq!(
            [Some(86_400), Some(600), Some(21), Some(1)].map(|left| wait(left, 0)),
            [3600, 300, 10, 10]
        );
        assert_eq!([0, 1, 2, 9, 40].map(|idle| wait(Some(0), idle)), [10, 20, 40, 3600, 3600]);
        // Before the first list.
        assert_eq!(wait(None, 0), 3600);
    }
}
