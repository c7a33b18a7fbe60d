//! The thread that renders and writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::super::metrics::Metrics;
use super::Shared;
use super::record::Entry;
use super::render::Renderer;

/// So much is written at once.
const BATCH: usize = 256 << 10;

/// The writer looks for records so often: request threads need not wake it, which would cost them
/// a system call. It looks less often while there are none.
const SHORTEST_NAP: Duration = Duration::from_millis(1);
const LONGEST_NAP: Duration = Duration::from_millis(16);

/// A disk that is full is full for a while.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionSink {
    /// Standard output.
    Stdout,
    /// A file, appended to; made with mode 0600 if it is not there.
    File(PathBuf),
}

/// An open sink.
pub(super) enum Output {
    Stdout(io::Stdout),
    File(PathBuf, File),
    /// Anything, for tests.
    #[cfg(test)]
    Other(Box<dyn Write + Send>),
}

impl Output {
    pub(super) fn open(sink: DecisionSink) -> io::Result<Self> {
        match sink {
            DecisionSink::Stdout => Ok(Self::Stdout(io::stdout())),
            DecisionSink::File(path) => open_file(&path).map(|file| Self::File(path, file)),
        }
    }

    /// A file that was renamed is left alone from now on. One that cannot be opened anew is
    /// written to further.
    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File(path, file) = self {
            *file = open_file(path)?;
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(out) => {
                let mut out = out.lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File(_, file) => file.write_all(bytes),
            #[cfg(test)]
            Self::Other(out) => out.write_all(bytes),
        }
    }
}

fn open_file(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// All that the thread owns.
pub(super) struct Writer {
    pub(super) records: Receiver<Entry>,
    pub(super) shared: Arc<Shared>,
    pub(super) renderer: Renderer,
    pub(super) output: Output,
    pub(super) metrics: Arc<Metrics>,
    pub(super) complaint: Complaint,
    /// Whether a failed write may have left half a line.
    pub(super) is_torn: bool,
}

/// An error that is said once a minute.
#[derive(Debug, Default)]
pub(super) struct Complaint(Option<Instant>);

impl Complaint {
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.0.is_none_or(|last| now.duration_since(last) >= COMPLAINT_EVERY);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

impl Writer {
    /// Writes until the log is closed and everything that was handed over is written.
    pub(super) fn run(mut self) {
        let mut buffer = Vec::with_capacity(BATCH);
        let mut nap = SHORTEST_NAP;
        loop {
            // Read before the queue is, so that what was handed over before is written.
            let is_closing = self.shared.is_closing.load(Ordering::Acquire);
            if self.shared.wants_reopen.swap(false, Ordering::AcqRel)
                && let Err(error) = self.output.reopen()
            {
                self.complain("cannot be opened anew; the old file is written further", &error);
            }
            let (taken, is_alone) = self.drain(&mut buffer);
            if taken > 0 {
                nap = SHORTEST_NAP;
                continue;
            }
            if is_closing || is_alone {
                return;
            }
            thread::sleep(nap);
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }

    /// Writes a batch of what waits; says how many that were, and whether nobody can send more.
    fn drain(&mut self, buffer: &mut Vec<u8>) -> (u64, bool) {
        buffer.clear();
        let (mut taken, mut is_alone) = (0, false);
        while buffer.len() < BATCH {
            match self.records.try_recv() {
                Ok(entry) => {
                    self.shared.bytes.fetch_sub(entry.size(), Ordering::Relaxed);
                    self.renderer.render(&entry, buffer);
                    taken += 1;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    is_alone = true;
                    break;
                }
            }
        }
        if taken > 0 {
            self.write(buffer, taken);
            let done = self.shared.taken.fetch_add(taken, Ordering::AcqRel) + taken;
            let handed = self.shared.handed.load(Ordering::Acquire);
            self.metrics.log_queued(handed.saturating_sub(done));
        }
        (taken, is_alone)
    }

    fn write(&mut self, lines: &[u8], count: u64) {
        let written = if self.is_torn { self.output.write_all(b"\n") } else { Ok(()) };
        match written.and_then(|()| self.output.write_all(lines)) {
            Ok(()) => {
                self.is_torn = false;
                self.metrics.log_written(count);
            }
            Err(error) => {
                self.is_torn = true;
                // Told with the next line, as those are that found no room.
                self.shared.dropped.fetch_add(count, Ordering::Relaxed);
                self.complain("cannot be written; its lines are lost", &error);
            }
        }
    }

    fn complain(&mut self, what: &str, error: &io::Error) {
        self.metrics.log_write_failed();
        if self.complaint.is_due(Instant::now()) {
            tracing::error!(%error, "the decision log {what}");
        }
    }
}
