//! Who was allowed what, and why? One JSON line a decision, off the hot path.
//!
//! A request thread asks [`DecisionLog::wants`], which costs some ten nanoseconds, and hands a small
//! record to a bounded queue. It never waits: with a full queue the line is dropped, counted, and
//! the next line says how many are missing before it. A thread of its own finds the way to the
//! deciding rule, renders the line ([`crate::api::decision_line`]) and writes it. An error of the
//! disk costs lines, never an answer.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use portcullis::api::inventory::Inventory;
//! use portcullis::model::{Request, User};
//! use portcullis::snapshot::{Config, Mode, compile};
//! use portcullis::webhook::decision_log::{
//!     AuthorizeRecord, DecisionLog, DecisionSink, LogOptions,
//! };
//! use portcullis::webhook::digest::DigestKey;
//! use portcullis::webhook::metrics::{Decided, Metrics};
//!
//! let snapshot = Arc::new(compile(&Inventory::default(), &Config::new([Mode::AlwaysAllow]))?);
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("decisions.jsonl");
//! let options = LogOptions::new(DecisionSink::File(path.clone()));
//! let log = DecisionLog::open(options, DigestKey::random()?.into(), Metrics::new().into())?;
//!
//! let jane = User::new("jane");
//! let request = Request::non_resource(&jane, "get", "/healthz");
//! if let Some(kept) = log.wants(Decided::Allow, "get") {
//!     log.authorize(kept, &AuthorizeRecord {
//!         request_id: "1",
//!         request: &request,
//!         decided: Decided::Allow,
//!         reason: "",
//!         link: "AlwaysAllow",
//!         moment: None,
//!         asked_as: None,
//!         errors: &[],
//!         snapshot: &snapshot,
//!         generation: 1,
//!         took: Duration::from_micros(7),
//!         peer: None,
//!         shadow: None,
//!     });
//! }
//! assert!(log.close(Duration::from_secs(5)));
//! assert!(std::fs::read_to_string(path)?.contains(r#""user":{"name":"jane"}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: rotation (rename the file and call [`DecisionLog::reopen`]), shipping lines
//! elsewhere, and tokens, which appear as a keyed digest only.

mod record;
pub(super) mod render;
mod sampling;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::digest::DigestKey;
use super::metrics::{Decided, Metrics, Proved};
use super::sample::Rate;
use crate::api::decision_line::Mask;
use record::Entry;
pub use record::{AuthenticateRecord, AuthorizeRecord};
use render::Renderer;
pub use sampling::SamplePolicy;
use sampling::{Class, Sampling};
pub use writer::DecisionSink;
use writer::{Complaint, Output, Writer};

/// The verb under which token reviews go.
const AUTHENTICATE: &str = "authenticate";

/// How decisions are logged.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Where to.
    pub sink: DecisionSink,
    /// Which of them.
    pub sample: SamplePolicy,
    /// What is hidden.
    pub mask: Mask,
    /// How many records may wait; a record takes about half a kilobyte.
    pub queue: usize,
    /// How many bytes they may be together: a record is as large as what it is about, and the path
    /// of a request may have a mebibyte.
    pub queue_bytes: u64,
}

impl LogOptions {
    /// Every decision, in the clear, with a queue of 8,192 records (usually 4 MiB, at most 32; a
    /// tenth of a second at the highest rate of one core).
    #[must_use]
    pub fn new(sink: DecisionSink) -> Self {
        let (sample, mask) = (SamplePolicy::default(), Mask::None);
        Self { sink, sample, mask, queue: 8_192, queue_bytes: 32 << 20 }
    }
}

/// Why there is no decision log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionLogError {
    /// The file cannot be opened.
    #[error("the decision log `{path}` cannot be opened; check the folder and its permissions")]
    Open {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The system gave no thread.
    #[error("the decision log has no thread to write with")]
    Thread(#[source] io::Error),
}

/// That a decision is to be logged, and of how many it is one.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Kept(Rate);

/// The log. Shared by all request threads.
#[derive(Debug)]
pub struct DecisionLog(Option<Open>);

#[derive(Debug)]
struct Open {
    queue: SyncSender<Entry>,
    most_bytes: u64,
    sampling: Sampling,
    key: Arc<DigestKey>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What request threads and the writer both touch.
#[derive(Debug, Default)]
struct Shared {
    handed: AtomicU64,
    taken: AtomicU64,
    dropped: AtomicU64,
    /// Of the records that wait.
    bytes: AtomicU64,
    wants_reopen: AtomicBool,
    is_closing: AtomicBool,
}

impl DecisionLog {
    /// No log; asking it costs one branch.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Opens the sink and starts the writer.
    ///
    /// # Errors
    /// When the file cannot be opened, or there is no thread.
    pub fn open(
        options: LogOptions,
        key: Arc<DigestKey>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, DecisionLogError> {
        let path = match &options.sink {
            DecisionSink::Stdout => "<stdout>".to_owned(),
            DecisionSink::File(path) => path.display().to_string(),
        };
        let output = Output::open(options.sink.clone())
            .map_err(|error| DecisionLogError::Open { path, error })?;
        let (log, writer) = Self::parts(options, key, metrics, output);
        log.start(writer)
    }

    /// A log and its writer, which does not run yet.
    fn parts(
        options: LogOptions,
        key: Arc<DigestKey>,
        metrics: Arc<Metrics>,
        output: Output,
    ) -> (Self, Writer) {
        let (queue, records) = sync_channel(options.queue.max(1));
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            records,
            shared: Arc::clone(&shared),
            renderer: Renderer { key: Arc::clone(&key), mask: options.mask },
            output,
            metrics: Arc::clone(&metrics),
            complaint: Complaint::default(),
            is_torn: false,
        };
        let sampling = Sampling::new(options.sample);
        let most_bytes = options.queue_bytes;
        let open =
            Open { queue, most_bytes, sampling, key, metrics, shared, writer: Mutex::new(None) };
        (Self(Some(open)), writer)
    }

    fn start(self, writer: Writer) -> Result<Self, DecisionLogError> {
        let named = thread::Builder::new().name("decision-log".to_owned());
        let thread = named.spawn(move || writer.run()).map_err(DecisionLogError::Thread)?;
        if let Some(open) = &self.0 {
            *open.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        }
        Ok(self)
    }

    /// Whether an access review that ended so is to be logged. To be asked once a decision, before
    /// anything is put together for the log.
    pub fn wants(&self, decided: Decided, verb: &str) -> Option<Kept> {
        self.0.as_ref()?.wants(decided.into(), verb)
    }

    /// The same for a token review.
    pub fn wants_token(&self, proved: Proved) -> Option<Kept> {
        self.0.as_ref()?.wants(proved.into(), AUTHENTICATE)
    }

    /// Logs an access review. Never waits.
    pub fn authorize(&self, kept: Kept, record: &AuthorizeRecord<'_>) {
        if let Some(open) = &self.0 {
            open.hand(Entry::authorize(record, kept.0));
        }
    }

    /// Logs a token review. Never waits.
    pub fn authenticate(&self, kept: Kept, record: &AuthenticateRecord<'_>) {
        if let Some(open) = &self.0 {
            open.hand(Entry::authenticate(record, open.key.token(record.token), kept.0));
        }
    }

    /// Opens the file anew, after it was renamed. Done by the writer before the next line.
    pub fn reopen(&self) {
        if let Some(open) = &self.0 {
            open.shared.wants_reopen.store(true, Ordering::Release);
        }
    }

    /// Waits until everything that was handed over so far is written, but not longer than this.
    /// Says whether it is. For tests and for the end; never on a request.
    pub fn flush(&self, most: Duration) -> bool {
        let Some(open) = &self.0 else {
            return true;
        };
        let handed = open.shared.handed.load(Ordering::Acquire);
        wait_for(most, || open.shared.taken.load(Ordering::Acquire) >= handed)
    }

    /// Writes what waits and ends the writer, but waits no longer than this. Says whether all is
    /// written. Decisions after this are dropped.
    pub fn close(&self, most: Duration) -> bool {
        let Some(open) = &self.0 else {
            return true;
        };
        open.shared.is_closing.store(true, Ordering::Release);
        let mut writer = open.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = writer.take() else {
            return true;
        };
        if !wait_for(most, || thread.is_finished()) {
            *writer = Some(thread);
            return false;
        }
        thread.join().is_ok()
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        // The queue closes with its last sender, and the writer ends when it is empty; who needs
        // to know calls `close`.
        self.close(Duration::from_secs(1));
    }
}

impl Open {
    fn wants(&self, class: Class, verb: &str) -> Option<Kept> {
        let kept = self.sampling.keeps(class, verb);
        if kept.is_none() && class != Class::None {
            self.metrics.log_sampled_out();
        }
        kept.map(Kept)
    }

    fn hand(&self, mut entry: Entry) {
        if self.shared.dropped.load(Ordering::Relaxed) > 0 {
            entry.dropped_before = self.shared.dropped.swap(0, Ordering::Relaxed);
        }
        // Counted first: a writer must not be seen to have taken more than was handed over.
        self.shared.handed.fetch_add(1, Ordering::AcqRel);
        let size = entry.size();
        let waiting = self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        let sent = if waiting.saturating_add(size) <= self.most_bytes {
            self.queue.try_send(entry)
        } else {
            Err(TrySendError::Full(entry))
        };
        if let Err(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) = sent {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.handed.fetch_sub(1, Ordering::AcqRel);
            self.shared.dropped.fetch_add(entry.dropped_before + 1, Ordering::Relaxed);
            self.metrics.log_dropped();
        }
    }
}

fn wait_for(most: Duration, is_done: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !is_done() {
        if started.elapsed() >= most {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}
