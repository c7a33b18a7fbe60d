//! The span of a request: whether there is one, and what it says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use http::{HeaderMap, StatusCode};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::collector::Collector;
use super::export::{Exporter, Lost};
use super::message::{KeyValue, Span, Status};
use super::parent::Parent;
use crate::webhook::config::{ConfigError, OpenTelemetryConfig};
use crate::webhook::metrics::Metrics;
use crate::webhook::request_id::RequestId;
use crate::webhook::sample::{Rate, Sampler};

/// Spans that wait to be sent; of half a kilobyte each.
const QUEUE: usize = 2048;

/// `SPAN_KIND_SERVER`.
const SERVER: i32 = 2;
/// `STATUS_CODE_ERROR`.
const ERROR: i32 = 2;
/// The span is sampled, and it is known whether its parent is another process.
const SAMPLED: u32 = 0x101;
/// It is.
const REMOTE: u32 = 0x200;

/// Whether the collector that is configured could be asked, without asking it.
pub(in crate::webhook) fn check(config: &OpenTelemetryConfig) -> Result<(), ConfigError> {
    Collector::new(config).map(drop)
}

/// Where spans go.
#[derive(Debug)]
pub(in crate::webhook) struct Traces {
    rate: Rate,
    sampler: Sampler,
    queue: mpsc::Sender<Span>,
    lost: Arc<Lost>,
    closing: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Traces {
    /// Begins to send, if a collector is configured. Must be called within a tokio runtime.
    pub(in crate::webhook) fn start(
        config: Option<&OpenTelemetryConfig>,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Arc<Self>>, ConfigError> {
        let Some(config) = config else { return Ok(None) };
        let collector = Collector::new(config)?;
        let (queue, receiver) = mpsc::channel(QUEUE);
        let lost = Arc::new(Lost::new(Arc::clone(metrics)));
        let closing = Arc::new(Notify::new());
        let exporter = Exporter {
            collector,
            service_name: config.service_name.clone(),
            queue: receiver,
            closing: Arc::clone(&closing),
            lost: Arc::clone(&lost),
            told: (0, None),
        };
        let task = Mutex::new(Some(tokio::spawn(exporter.run())));
        // A share out of range was refused when it was parsed.
        let rate = Rate::new(config.sample).unwrap_or(Rate::NONE);
        let sampler = Sampler::default();
        Ok(Some(Arc::new(Self { rate, sampler, queue, lost, closing, task })))
    }

    /// The span of a request that begins now. Whoever sent it decides whether there is one, if it
    /// belongs to a trace already.
    pub(in crate::webhook) fn begin(
        &self,
        route: &'static str,
        headers: &HeaderMap,
    ) -> Option<Trace<'_>> {
        let parent = Parent::of(headers);
        let is_sampled =
            parent.map_or_else(|| self.sampler.takes(self.rate), |parent| parent.is_sampled);
        if !is_sampled {
            return None;
        }
        let started = (SystemTime::now(), Instant::now());
        Some(Trace { traces: self, route, parent, started })
    }

    /// Sends what is queued, for at most `patience`. False when something is left.
    pub(in crate::webhook) async fn close(&self, patience: Duration) -> bool {
        self.closing.notify_one();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return true };
        let is_sent = tokio::time::timeout(patience, &mut task).await.is_ok();
        task.abort();
        is_sent
    }
}

/// The span of a request that is being answered. Dropped, it was never there.
pub(in crate::webhook) struct Trace<'a> {
    traces: &'a Traces,
    route: &'static str,
    parent: Option<Parent>,
    started: (SystemTime, Instant),
}

impl Trace<'_> {
    /// The request is answered. Never waits.
    pub(in crate::webhook) fn end(
        self,
        id: &RequestId,
        decision: &'static str,
        status: StatusCode,
    ) {
        let traces = self.traces;
        // Without randomness there are no ids.
        let queued =
            self.span(id, decision, status).is_some_and(|span| traces.queue.try_send(span).is_ok());
        if !queued {
            traces.lost.count(1);
        }
    }

    fn span(&self, id: &RequestId, decision: &'static str, status: StatusCode) -> Option<Span> {
        let mut span_id = vec![0; 8];
        rand::fill(&mut span_id).ok()?;
        let (trace_id, parent_span_id, flags) = match self.parent {
            Some(parent) => (parent.trace_id.to_vec(), parent.span_id.to_vec(), SAMPLED | REMOTE),
            None => {
                let mut trace_id = vec![0; 16];
                rand::fill(&mut trace_id).ok()?;
                (trace_id, Vec::new(), SAMPLED)
            }
        };
        let (wall, clock) = self.started;
        // The wall clock may be set meanwhile.
        let (begun, took) = (nanos(wall), u64::try_from(clock.elapsed().as_nanos()));
        let mut attributes = vec![
            KeyValue::text("http.route", self.route),
            KeyValue::number("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::text("portcullis.request_id", id.as_str()),
        ];
        if !decision.is_empty() {
            attributes.push(KeyValue::text("portcullis.decision", decision));
        }
        Some(Span {
            trace_id,
            span_id,
            parent_span_id,
            name: format!("POST {}", self.route),
            kind: SERVER,
            start_time_unix_nano: begun,
            end_time_unix_nano: begun.saturating_add(took.unwrap_or(u64::MAX)),
            attributes,
            status: status.is_server_error().then_some(Status { code: ERROR }),
            flags,
        })
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
