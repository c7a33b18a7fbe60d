use std::sync::Arc;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::budget::Budget;
use super::gate::Gate;
use super::limits::Limits;
use super::tls::ReloadableTls;
use crate::webhook::metrics::Metrics;

/// Bytes of one HTTP/2 body that a client may send ahead of their being read, and of all bodies of
/// a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of an answer that are held ready for a slow HTTP/2 client, for each stream.
const SEND_BUFFER: usize = 64 * 1024;
/// The smallest buffer of hyper; a smaller one would panic.
const SMALLEST_BUFFER: usize = 8192;
/// What hyper allows, and parses without an allocation.
const USUAL_HEADERS: usize = 100;

/// How far the server has come with leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Everything is served.
    Open,
    /// No new connections; the open ones answer what is in flight.
    Leaving,
    /// Whatever is left is cut.
    Cut,
}

/// What all connections of one kind of listener share.
pub(super) struct Site {
    pub(super) limits: Limits,
    pub(super) gate: Arc<Gate>,
    pub(super) budget: Arc<Budget>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) router: Router,
    pub(super) tls: Option<Arc<ReloadableTls>>,
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<TokioExecutor>,
}

impl Site {
    pub(super) fn new(
        limits: Limits,
        gate: &Arc<Gate>,
        budget: &Arc<Budget>,
        metrics: &Arc<Metrics>,
        router: Router,
        tls: Option<Arc<ReloadableTls>>,
    ) -> Self {
        Self {
            http1: http1(&limits),
            http2: http2(&limits),
            gate: Arc::clone(gate),
            budget: Arc::clone(budget),
            metrics: Arc::clone(metrics),
            limits,
            router,
            tls,
        }
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Our own timer tells waiting for a request from waiting for the rest of one; see `Life`.
        .header_read_timeout(None)
        .max_header_size(header_bytes)
        .max_buf_size(header_bytes.max(SMALLEST_BUFFER));
    if limits.headers != USUAL_HEADERS {
        builder.max_headers(limits.headers);
    }
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .max_pending_accept_reset_streams(limits.pending_resets)
        .max_local_error_reset_streams(limits.error_resets)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    builder
}
