use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use http::Method;
use serde_json::Value;
use tokio::sync::Mutex;

use super::chunk::{Chunk, KIND_LABEL, LONGEST_LINE, MOST_CHUNKS, WRITER_LABEL, lines};
use super::error::FactError;
use super::list::list;
use super::options::{FactKind, FactsOptions};
use crate::source::api_server::{ApiError, Pauses, send, spread};
use crate::source::watch::Connection;

/// Whoever lost against another writer waits at most so long before the next try.
const AFTER_CONFLICT: Duration = Duration::from_millis(50);

/// Where one writer adds facts of one kind.
///
/// ```no_run
/// # async fn revoke(connection: &portcullis::source::watch::Connection)
/// #     -> Result<(), portcullis::source::shared_facts::FactError> {
/// use portcullis::source::shared_facts::{FactKind, FactLog, FactsOptions};
///
/// let options = FactsOptions::new("portcullis-system", "cli-ops");
/// let log = FactLog::open(connection, options, FactKind::Revocations);
/// let line = r#"{"kind":"Token","id":"2dK1","at":"2026-11-26T08:00:00Z"}"#;
/// log.append(&[line]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FactLog {
    connection: Connection,
    options: FactsOptions,
    kind: FactKind,
    /// What is known of this writer's ConfigMaps; nothing while it is doubtful.
    held: Mutex<Option<Held>>,
}

/// What came of adding facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// How many of the lines this writer had not written before.
    pub new: usize,
}

#[derive(Debug)]
struct Held {
    /// The one that is added to.
    chunk: Chunk,
    number: usize,
    /// How many there are.
    count: usize,
    /// Digests of the lines in all of them.
    known: HashSet<[u8; 16]>,
}

/// How many lines a call has written.
#[derive(Default)]
struct Count {
    /// For sure.
    written: usize,
    /// As far as it can be told: an answer that was lost may have meant some of them.
    new: Option<usize>,
}

/// Why one try came to nothing.
enum Failed {
    /// Another try may succeed.
    Passing(ApiError),
    Final(FactError),
}

impl FactLog {
    /// Asks nothing of the API server yet.
    #[must_use]
    pub fn open(connection: &Connection, options: FactsOptions, kind: FactKind) -> Self {
        Self { connection: connection.clone(), options, kind, held: Mutex::new(None) }
    }

    /// Adds lines, without line feeds. When this returns the API server has stored them, and others
    /// hear of them as soon as their watch does. What this writer wrote before is not written again, so
    /// that trying again after an error is harmless.
    ///
    /// # Errors
    /// When a line is no fact, or it cannot be written within [`FactsOptions::patience`]. Some or all of
    /// the lines may be written then.
    pub async fn append<L: AsRef<str>>(&self, lines: &[L]) -> Result<Appended, FactError> {
        let lines = lines.iter().map(|line| checked(line.as_ref()));
        let lines: Vec<&str> = lines.collect::<Result<_, _>>()?;
        if lines.is_empty() {
            return Ok(Appended { new: 0 });
        }
        let begun = Instant::now();
        let mut held = self.held.lock().await;
        let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(2));
        let mut tries = 0_u32;
        let mut count = Count::default();
        loop {
            tries = tries.saturating_add(1);
            // Whoever stops waiting for this leaves nothing behind that may be wrong.
            let known = held.take();
            let error = match self.attempt(known, &lines, &mut count).await {
                Ok(known) => {
                    *held = Some(known);
                    return Ok(Appended { new: count.new.unwrap_or_default() });
                }
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Passing(error)) => error,
            };
            let pause = match error.is_conflict() || error.is_not_found() {
                true => {
                    // What was known was out of date, and nothing of it was written.
                    count.new = None;
                    spread(AFTER_CONFLICT)
                }
                false => pauses.next(error.retry_after()),
            };
            if begun.elapsed().saturating_add(pause) >= self.options.patience {
                let namespace = self.options.namespace.clone();
                return Err(FactError::GaveUp { namespace, tries, error });
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        known: Option<Held>,
        lines: &[&str],
        count: &mut Count,
    ) -> Result<Held, Failed> {
        let mut held = match known {
            // What stood there once may have been deleted: that it stands there now is asked anew.
            Some(held) if held.missing(lines).len() == lines.len() => held,
            _ => self.read().await?,
        };
        let missing = held.missing(lines);
        count.new.get_or_insert(count.written.saturating_add(missing.len()));
        let mut missing = missing.as_slice();
        while !missing.is_empty() {
            let mut chunk = held.chunk.clone();
            let (now, later) = missing.split_at(chunk.add(missing));
            if now.is_empty() {
                held.begin_another(&self.options, self.kind)?;
                continue;
            }
            let stored = self.write(&chunk).await?;
            held.chunk = Chunk::of(stored).unwrap_or(chunk);
            held.known.extend(now.iter().map(digest_of));
            count.written = count.written.saturating_add(now.len());
            missing = later;
        }
        Ok(held)
    }

    /// What this writer has written so far.
    async fn read(&self) -> Result<Held, Failed> {
        let FactsOptions { namespace, .. } = &self.options;
        let writer = self.options.writer_id();
        let labels = [(KIND_LABEL, self.kind.as_str()), (WRITER_LABEL, writer.as_str())];
        let chunks = self.done(list(&self.connection, namespace, &labels).await)?;
        let mut known = HashSet::new();
        let mut newest: Option<(usize, Chunk)> = None;
        let count = chunks.len();
        for chunk in chunks {
            known.extend(lines(chunk.text()).map(digest_of));
            let number = chunk.number(self.kind, &writer).unwrap_or_default();
            if number > 0 && newest.as_ref().is_none_or(|(newest, _)| *newest < number) {
                newest = Some((number, chunk));
            }
        }
        let (number, chunk) =
            newest.unwrap_or_else(|| (1, Chunk::new(&self.options, self.kind, 1)));
        Ok(Held { chunk, number, count, known })
    }

    async fn write(&self, chunk: &Chunk) -> Result<Value, Failed> {
        let all = format!("/api/v1/namespaces/{}/configmaps", self.options.namespace);
        let (body, one) = (chunk.as_value(), format!("{all}/{}", chunk.name()));
        let (method, path) = match chunk.is_stored() {
            true => (Method::PUT, &one),
            false => (Method::POST, &all),
        };
        let answer = send(&self.connection, method, path, Some(&body)).await;
        match answer {
            // Somebody deleted it meanwhile.
            Err(error) if error.is_not_found() && chunk.is_stored() => Err(Failed::Passing(error)),
            answer => self.done(answer),
        }
    }

    fn done<T>(&self, answer: Result<T, ApiError>) -> Result<T, Failed> {
        let is_passing =
            |error: &ApiError| error.is_conflict() || error.is_expired() || error.may_pass();
        answer.map_err(|error| match is_passing(&error) {
            true => Failed::Passing(error),
            false => Failed::Final(FactError::of(&self.options.namespace, error)),
        })
    }
}

impl Held {
    /// The lines that are not there, each once.
    fn missing<'a>(&self, lines: &[&'a str]) -> Vec<&'a str> {
        let mut seen = HashSet::new();
        let is_new = |line: &&&str| {
            let digest = digest_of(line);
            !self.known.contains(&digest) && seen.insert(digest)
        };
        lines.iter().filter(is_new).copied().collect()
    }

    fn begin_another(&mut self, options: &FactsOptions, kind: FactKind) -> Result<(), Failed> {
        if self.count >= MOST_CHUNKS {
            let (namespace, chunks) = (options.namespace.clone(), self.count);
            return Err(Failed::Final(FactError::Full { namespace, chunks }));
        }
        self.count = self.count.saturating_add(1);
        self.number = self.number.saturating_add(1);
        self.chunk = Chunk::new(options, kind, self.number);
        Ok(())
    }
}

/// A line that can stand among others.
pub(super) fn checked(line: &str) -> Result<&str, FactError> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let is_fact =
        !line.trim().is_empty() && line.len() <= LONGEST_LINE && !line.contains(['\n', '\r']);
    if is_fact { Ok(line) } else { Err(FactError::Line) }
}

fn digest_of(line: impl AsRef<str>) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest(&SHA256, line.as_ref().as_bytes()).as_ref()) {
        *byte = *from;
    }
    bytes
}
