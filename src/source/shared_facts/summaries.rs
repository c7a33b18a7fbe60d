use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chunk::{Chunk, FULL_CHUNK, lines};
use super::error::FactError;
use super::options::{FactKind, FactsOptions};
use super::reader::{Reader, Sink, lock};
use super::union::{News, Union};
use crate::source::api_server::{ApiError, send};
use crate::source::watch::{Cluster, Connection};

/// What each replica last said of itself. Not a log: of each writer only the latest counts, and not
/// for long.
pub struct Summaries {
    connection: Connection,
    options: FactsOptions,
    reader: Reader,
    board: Arc<Board>,
    chunk: tokio::sync::Mutex<Option<Chunk>>,
}

impl std::fmt::Debug for Summaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summaries").field("writer", &self.options.writer).finish_non_exhaustive()
    }
}

/// What one replica said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Who.
    pub writer: String,
    /// When; seconds since 1970-01-01 UTC.
    pub at: i64,
    /// What.
    pub said: Value,
}

#[derive(Default)]
struct Board(Mutex<BTreeMap<String, Summary>>);

impl Summaries {
    /// Begins to read. Must be called within a Tokio runtime.
    #[must_use]
    pub fn start(connection: &Connection, options: FactsOptions) -> Self {
        let board = Arc::new(Board::default());
        let sink = Arc::<Board>::clone(&board);
        let reader = Reader::start(connection, &options, FactKind::Shadow, None, sink);
        let chunk = tokio::sync::Mutex::new(None);
        Self { connection: connection.clone(), options, reader, board, chunk }
    }

    /// The watch below, to be awaited and asked.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        self.reader.cluster()
    }

    /// What this replica calls itself.
    #[must_use]
    pub fn writer(&self) -> &str {
        &self.options.writer
    }

    /// Says this in the place of what was said before. One try: the next comes soon.
    ///
    /// # Errors
    /// When it is too large, or cannot be written now.
    pub async fn say(&self, now: i64, said: Value) -> Result<(), FactError> {
        let writer = self.options.writer.clone();
        let line = serde_json::to_string(&Summary { writer, at: now, said }).unwrap_or_default();
        if line.is_empty() || line.len() > FULL_CHUNK {
            return Err(FactError::Line);
        }
        let mut held = self.chunk.lock().await;
        let known = match held.take() {
            Some(chunk) => Ok(chunk),
            None => self.read().await,
        };
        let stored = async {
            let mut chunk = known?;
            chunk.set(line);
            let all = format!("/api/v1/namespaces/{}/configmaps", self.options.namespace);
            let (body, one) = (chunk.as_value(), format!("{all}/{}", chunk.name()));
            match chunk.is_stored() {
                true => send(&self.connection, Method::PUT, &one, Some(&body)).await,
                false => send(&self.connection, Method::POST, &all, Some(&body)).await,
            }
        };
        match stored.await {
            Ok(stored) => {
                *held = Chunk::of(stored);
                Ok(())
            }
            Err(error) if error.may_pass() || error.is_conflict() || error.is_not_found() => {
                let namespace = self.options.namespace.clone();
                Err(FactError::GaveUp { namespace, tries: 1, error })
            }
            Err(error) => Err(FactError::of(&self.options.namespace, error)),
        }
    }

    /// The ConfigMap as it is, or a new one.
    async fn read(&self) -> Result<Chunk, ApiError> {
        let new = Chunk::new(&self.options, FactKind::Shadow, 1);
        let all = format!("/api/v1/namespaces/{}/configmaps", self.options.namespace);
        let path = format!("{all}/{}", new.name());
        match send(&self.connection, Method::GET, &path, None).await {
            Ok(value) => Ok(Chunk::of(value).unwrap_or(new)),
            Err(error) if error.is_not_found() => Ok(new),
            Err(error) => Err(error),
        }
    }

    /// What was said in the last `within` seconds before `now`, ours included, by writer.
    #[must_use]
    pub fn latest(&self, now: i64, within: Duration) -> Vec<Summary> {
        let within = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
        let board = lock(&self.board.0);
        let fresh = board.values().filter(|said| now.saturating_sub(said.at) <= within);
        fresh.cloned().collect()
    }
}

impl Sink for Board {
    fn take(&self, _: News, union: &Union) {
        let mut latest = BTreeMap::new();
        for (name, seen) in union.live() {
            let said = lines(&seen.text).next().map(serde_json::from_str::<Summary>);
            if let Some(Ok(said)) = said {
                latest.insert(name.to_owned(), said);
            }
        }
        *lock(&self.0) = latest;
    }
}
