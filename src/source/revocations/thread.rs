use std::fmt;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::follow::{Change, ListChange, ProblemChange, RevocationFollower};
use crate::model::SharedRevocations;

/// How often a file should be looked at: ten times a second, so that what is appended counts well
/// within one.
pub const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A thread that follows a revocation list. It ends when this is dropped.
pub struct FollowerThread {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for FollowerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowerThread").finish_non_exhaustive()
    }
}

/// Publishes what the follower has read, and whatever it reads from now on, looking at its file every
/// `interval` on a thread of its own. `told` hears of everything that changed, after it counts.
///
/// # Errors
/// When the system gives no thread.
///
/// ```
/// use std::time::Instant;
///
/// use portcullis::model::{Revocation, RevocationEntry, SharedRevocations};
/// use portcullis::source::revocations::{POLL_INTERVAL, RevocationFile, RevocationFollower, follow};
///
/// let folder = tempfile::tempdir()?;
/// let file = RevocationFile::new(folder.path().join("revoked.ndjson"));
/// file.append(&[])?;
/// let shared = SharedRevocations::default();
/// let follower = RevocationFollower::open(file.path(), Instant::now())?;
/// let thread = follow(follower, shared.clone(), POLL_INTERVAL, |_, _| {})?;
/// let what = Revocation::User { name: "jane".to_owned(), issued_before: 0 };
/// file.append(&[RevocationEntry { what, at: 0, reason: String::new(), by: String::new() }])?;
/// while shared.load().is_empty() {
///     std::thread::sleep(POLL_INTERVAL);
/// }
/// # drop(thread);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn follow(
    mut follower: RevocationFollower,
    shared: SharedRevocations,
    interval: Duration,
    mut told: impl FnMut(&RevocationFollower, Change) + Send + 'static,
) -> io::Result<FollowerThread> {
    shared.publish(follower.revocations().clone());
    let (stop, stopped) = channel();
    let run = move || {
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
            let change = follower.poll(Instant::now());
            if change.list != ListChange::Same {
                shared.publish(follower.revocations().clone());
            }
            if change.list != ListChange::Same || change.problem != ProblemChange::Same {
                told(&follower, change);
            }
        }
    };
    let thread = thread::Builder::new().name("revocations".to_owned()).spawn(run)?;
    Ok(FollowerThread { stop: Some(stop), thread: Some(thread) })
}

impl Drop for FollowerThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say that was not said.
            let _ = thread.join();
        }
    }
}
