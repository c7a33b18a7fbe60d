//! Sends what is queued, in the background.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::collector::{Collector, SendError};
use super::message::{ExportRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span};
use crate::webhook::metrics::Metrics;

/// Spans of one message.
const BATCH: usize = 512;

/// How long the first span of a message waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// Losses are not told more often.
const TELL: Duration = Duration::from_secs(60);

/// Counts the spans that did not reach the collector.
#[derive(Debug)]
pub(super) struct Lost {
    number: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Lost {
    pub(super) const fn new(metrics: Arc<Metrics>) -> Self {
        Self { number: AtomicU64::new(0), metrics }
    }

    pub(super) fn count(&self, number: u64) {
        self.number.fetch_add(number, Ordering::Relaxed);
        self.metrics.spans_lost(number);
    }
}

/// What the task holds.
pub(super) struct Exporter {
    pub(super) collector: Collector,
    pub(super) service_name: String,
    pub(super) queue: mpsc::Receiver<Span>,
    pub(super) closing: Arc<Notify>,
    pub(super) lost: Arc<Lost>,
    /// How many losses were told, and when last.
    pub(super) told: (u64, Option<Instant>),
}

impl Exporter {
    /// Runs until it is told to close and has sent what is queued.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.gather(&mut batch).await {
            let number = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let request = self.request(mem::take(&mut batch));
            let sent = self.collector.send(&request).await;
            match &sent {
                Ok(()) => {}
                Err(SendError::Rejected(rejected)) => self.lost.count(number.min(*rejected)),
                Err(_) => self.lost.count(number),
            }
            self.tell(sent.err());
        }
    }

    /// Waits for a span and a little longer for others. False when there will be none.
    async fn gather(&mut self, batch: &mut Vec<Span>) -> bool {
        let mut deadline = None;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let waited = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                got = self.queue.recv_many(batch, room) => {
                    if got == 0 {
                        break;
                    }
                    deadline.get_or_insert_with(|| Instant::now() + GATHER);
                }
                () = waited => break,
                () = self.closing.notified() => self.queue.close(),
            }
        }
        !batch.is_empty()
    }

    fn request(&self, spans: Vec<Span>) -> ExportRequest {
        let version = env!("CARGO_PKG_VERSION");
        let resource = Resource {
            attributes: vec![
                KeyValue::text("service.name", self.service_name.as_str()),
                KeyValue::text("service.version", version),
            ],
        };
        let scope = Scope { name: "portcullis".to_owned(), version: version.to_owned() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        ExportRequest {
            resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans }],
        }
    }

    /// Says what is lost since it was said last, once a minute.
    fn tell(&mut self, error: Option<SendError>) {
        let lost = self.lost.number.load(Ordering::Relaxed);
        let (told, when) = self.told;
        if lost == told || when.is_some_and(|when| when.elapsed() < TELL) {
            return;
        }
        self.told = (lost, Some(Instant::now()));
        let error =
            error.map_or_else(|| "the queue was full".to_owned(), |error| error.to_string());
        tracing::warn!(lost = lost - told, error, "spans do not reach the collector");
    }
}
