//! How long did requests take, and what came of them, in the eyes of an OpenTelemetry collector?
//!
//! One span for each request that is sampled, sent as OTLP over HTTP in the background. It says when,
//! how long, which route, which request id, what was decided and with which status; nothing of what
//! was asked, by whom, or with which token. Whoever begins a trace decides whether it is sampled (W3C
//! `traceparent`); for requests without one the configured share does. `tracestate` and `baggage` are
//! not looked at.
//!
//! Nothing here waits for a collector: there is a queue with an end, and what does not fit into it, or
//! cannot be sent at once, is counted and gone.
//!
//! Absent on purpose: metrics and logs over OTLP (see [`super::metrics`], [`super::telemetry`]),
//! attempts after a failed one, environment variables, anything global to the process.

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod message;
#[cfg(feature = "otel")]
mod parent;
#[cfg(feature = "otel")]
mod span;
#[cfg(test)]
#[cfg(feature = "otel")]
mod tests;

#[cfg(not(feature = "otel"))]
pub(super) use absent::{Trace, Traces, check};
#[cfg(feature = "otel")]
pub(super) use span::{Trace, Traces, check};
