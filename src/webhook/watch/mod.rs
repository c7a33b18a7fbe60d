//! Did any of these files change?
//!
//! Directories are watched, not files: editors and deployment tools write a new file and rename it,
//! and Kubernetes swaps the symbolic link `..data` of a mounted ConfigMap. What the system tells is
//! only a reason to look: whether something changed is decided by the size, the times and the inode
//! of every file. The same look is taken at every interval, as a net below the watch.
//!
//! Absent on purpose: reading the files, and knowing what they mean.

mod fingerprint;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

pub(in crate::webhook) use fingerprint::Fingerprint;
use fingerprint::{Inode, directories};

/// How long it must be quiet before a look is taken: long enough for a write and its rename, short
/// enough for somebody who waits.
const QUIET: Duration = Duration::from_millis(200);

/// When it never gets quiet, a look is taken all the same.
const LONGEST: Duration = Duration::from_secs(2);

/// How to watch.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// Whether the system is asked to tell about changes.
    pub watch: bool,
    /// How often a look is taken besides; zero: never.
    pub interval: Duration,
}

enum Message {
    Event,
    Paths(Vec<PathBuf>),
    Stop,
}

/// Watches files until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Watches files and directories, whether they exist or not. `changed` is called on a thread
    /// of its own; it should only wake somebody up. Changes after this returns are not missed, so
    /// start before reading.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        paths: Vec<PathBuf>,
        options: WatchOptions,
        changed: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let notifier = if options.watch { notifier(sender.clone()) } else { None };
        let mut state =
            State { seen: Fingerprint::default(), paths, notifier, watched: BTreeMap::new() };
        state.watch();
        state.seen = Fingerprint::of(&state.paths);
        let thread = thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || state.run(&receiver, options.interval, &changed))?;
        Ok(Self { sender, thread: Some(thread) })
    }

    /// Watches other paths from now on. When they are others, that counts as a change: nobody
    /// looked at the new ones so far.
    pub fn set_paths(&self, paths: Vec<PathBuf>) {
        // A thread that is gone has been told about on the way.
        let _ = self.sender.send(Message::Paths(paths));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.sender.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What asks the system. `None`, and a line in the log, when the system has no more watches.
fn notifier(sender: Sender<Message>) -> Option<RecommendedWatcher> {
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading opens files, too; what went wrong is a reason to look.
        let matters = event.map_or(true, |event| match event.kind {
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            _ => true,
        });
        if matters {
            let _ = sender.send(Message::Event);
        }
    });
    made.inspect_err(|error| {
        tracing::warn!(%error, "files cannot be watched; they are looked at every interval");
    })
    .ok()
}

struct State {
    paths: Vec<PathBuf>,
    /// How the files were when somebody was last told.
    seen: Fingerprint,
    notifier: Option<RecommendedWatcher>,
    /// The directories that are watched, and which ones they were: one that was deleted and made
    /// anew is another.
    watched: BTreeMap<PathBuf, Inode>,
}

impl State {
    fn run(mut self, receiver: &Receiver<Message>, interval: Duration, changed: &dyn Fn()) {
        loop {
            let message = match interval.is_zero() {
                true => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => receiver.recv_timeout(interval),
            };
            match message {
                Ok(Message::Event) => match quiet(receiver) {
                    Next::Look => self.look(changed),
                    Next::Paths(paths) => {
                        // What came before is not forgotten.
                        self.look(changed);
                        self.replace(paths, changed);
                    }
                    Next::Stop => return,
                },
                Ok(Message::Paths(paths)) => self.replace(paths, changed),
                Err(RecvTimeoutError::Timeout) => self.look(changed),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn replace(&mut self, paths: Vec<PathBuf>, changed: &dyn Fn()) {
        if self.paths != paths {
            self.paths = paths;
            self.watch();
            self.seen = Fingerprint::of(&self.paths);
            changed();
        }
    }

    fn look(&mut self, changed: &dyn Fn()) {
        // Watch first: what happens after the look must be told.
        self.watch();
        let now = Fingerprint::of(&self.paths);
        if now != self.seen {
            self.seen = now;
            changed();
        }
    }

    /// Watches the directories that are there now.
    fn watch(&mut self) {
        let Some(notifier) = &mut self.notifier else { return };
        let wanted = directories(&self.paths);
        self.watched.retain(|path, inode| {
            let stays = wanted.get(path) == Some(inode);
            if !stays {
                // It may be gone already, and the watch with it.
                let _ = notifier.unwatch(path);
            }
            stays
        });
        for (path, inode) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match notifier.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => _ = self.watched.insert(path, inode),
                Err(error) => cannot_watch(&path, &error),
            }
        }
    }
}

fn cannot_watch(path: &Path, error: &notify::Error) {
    // Between listing and watching it can vanish, which is no reason to worry anybody.
    if path.exists() {
        tracing::warn!(path = %path.display(), %error, "directory cannot be watched");
    }
}

enum Next {
    Look,
    Paths(Vec<PathBuf>),
    Stop,
}

/// Waits until nothing more comes.
fn quiet(receiver: &Receiver<Message>) -> Next {
    let started = Instant::now();
    while started.elapsed() < LONGEST {
        match receiver.recv_timeout(QUIET) {
            Ok(Message::Event) => {}
            Ok(Message::Paths(paths)) => return Next::Paths(paths),
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return Next::Stop,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    Next::Look
}
