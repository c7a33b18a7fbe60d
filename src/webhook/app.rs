use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::authorize::{self, ReviewLimits};
use super::identities::Identities;
use super::metrics::Metrics;
use super::reply::Reply;
use crate::snapshot::Snapshot;

/// The reviews' side of the server, without any HTTP: bodies in, answers out.
#[derive(Debug)]
pub struct App {
    snapshot: ArcSwap<Snapshot>,
    identities: Identities,
    limits: ReviewLimits,
    metrics: Arc<Metrics>,
}

impl App {
    /// Serves this policy until another is put in its place.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, limits: ReviewLimits, metrics: Arc<Metrics>) -> Self {
        Self {
            snapshot: ArcSwap::new(snapshot),
            identities: Identities::new(limits.identity_cache_bytes),
            limits,
            metrics,
        }
    }

    /// Answers the body of a `POST /authorize`.
    pub fn authorize(&self, body: &[u8]) -> Reply {
        let started = Instant::now();
        let snapshot = self.snapshot.load();
        let (reply, decided) =
            authorize::answer(body, &snapshot, &self.identities, &self.limits, |_| ());
        self.metrics.authorized(decided, started.elapsed());
        reply
    }
}
