//! What the server counts. Every label value is one of a closed set; no user, token, path or
//! policy text ever becomes a label.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds: a decision takes microseconds, a bad day milliseconds.
const BUCKETS: [f64; 14] = [
    5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 250e-3,
    1.0,
];

/// How an authorization review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Decided {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
    /// Neither.
    NoOpinion,
    /// Could not be evaluated; answered with HTTP 500.
    Error,
    /// Not a review; answered with HTTP 4xx.
    Malformed,
}

/// How a token review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Proved {
    /// A user.
    Authenticated,
    /// No authenticator knows the token.
    Unknown,
    /// An authenticator that knows its kind refused it.
    Error,
    /// Not a review; answered with HTTP 4xx.
    Malformed,
}

/// Why a client was turned away before its request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Refused {
    /// Too many connections.
    Connections,
    /// Too many requests at once.
    Requests,
    /// The TLS handshake failed.
    Handshake,
    /// Its address failed too many handshakes.
    HandshakeBudget,
    /// The handshake, the headers or the body took too long.
    Slow,
    /// The body is too large.
    Large,
    /// No client certificate where one is required.
    NoCertificate,
}

/// What was loaded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Reloaded {
    /// Policy, tokens, keys: what decides.
    Policy,
    /// The server's certificate and the client CAs.
    Tls,
}

/// How loading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum LoadResult {
    /// It serves now.
    Success,
    /// The last good one goes on serving.
    Failure,
}

/// How a look-up in the token cache ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum CacheResult {
    /// It was there.
    Hit,
    /// It had to be looked up.
    Miss,
    /// It waited for the look-up of another request.
    Joined,
}

/// How a candidate policy differs from the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ShadowDifference {
    /// The candidate says the same.
    Same,
    /// The candidate would allow what is not allowed.
    WouldAllow,
    /// The candidate would not allow what is allowed.
    WouldRefuse,
    /// A no of the other kind: denied against no opinion.
    OtherNo,
    /// The same decision for another reason.
    OtherReason,
    /// The candidate could not be asked in time; the live decision was not held up.
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabel {
    decision: Decided,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProvedLabel {
    result: Proved,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabel {
    what: Reloaded,
    result: LoadResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabel {
    result: CacheResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabel {
    difference: ShadowDifference,
}

/// The server's metrics; cheap to update from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Family<DecisionLabel, Histogram>,
    token_reviews: Family<ProvedLabel, Histogram>,
    refused: Family<RefusedLabel, Counter>,
    reloads: Family<ReloadLabel, Counter>,
    cache: Family<CacheLabel, Counter>,
    shadow: Family<ShadowLabel, Counter>,
    log_dropped: Counter,
    connections: Gauge,
    policy_generation: Gauge,
    policy_loaded_at: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers everything.
    #[must_use]
    pub fn new() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("portcullis"),
            decisions: Family::new_with_constructor(histogram),
            token_reviews: Family::new_with_constructor(histogram),
            refused: Family::default(),
            reloads: Family::default(),
            cache: Family::default(),
            shadow: Family::default(),
            log_dropped: Counter::default(),
            connections: Gauge::default(),
            policy_generation: Gauge::default(),
            policy_loaded_at: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "authorize_duration_seconds",
            "Time from the read body to the rendered answer of an access review",
            self.decisions.clone(),
        );
        registry.register(
            "authenticate_duration_seconds",
            "Time from the read body to the rendered answer of a token review",
            self.token_reviews.clone(),
        );
        registry.register("refused", "Clients turned away unheard", self.refused.clone());
        registry.register("reloads", "Loads of policy and of TLS files", self.reloads.clone());
        registry.register("token_cache", "Look-ups in the token cache", self.cache.clone());
        registry.register("shadow", "Answers of the candidate policy", self.shadow.clone());
        registry.register(
            "decision_log_dropped",
            "Lines the decision log had no room for",
            self.log_dropped.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "policy_generation",
            "Counts the policies that served since the start",
            self.policy_generation.clone(),
        );
        registry.register(
            "policy_loaded_timestamp_seconds",
            "When the serving policy was loaded",
            self.policy_loaded_at.clone(),
        );
    }

    /// An access review was answered.
    pub fn authorized(&self, decision: Decided, took: Duration) {
        self.decisions.get_or_create(&DecisionLabel { decision }).observe(took.as_secs_f64());
    }

    /// A token review was answered.
    pub fn authenticated(&self, result: Proved, took: Duration) {
        self.token_reviews.get_or_create(&ProvedLabel { result }).observe(took.as_secs_f64());
    }

    /// A client was turned away.
    pub fn refused(&self, reason: Refused) {
        self.refused.get_or_create(&RefusedLabel { reason }).inc();
    }

    /// Something was loaded anew, or not.
    pub fn reloaded(&self, what: Reloaded, result: LoadResult) {
        self.reloads.get_or_create(&ReloadLabel { what, result }).inc();
    }

    /// The token cache was asked.
    pub fn cache(&self, result: CacheResult) {
        self.cache.get_or_create(&CacheLabel { result }).inc();
    }

    /// The candidate policy was asked.
    pub fn shadowed(&self, difference: ShadowDifference) {
        self.shadow.get_or_create(&ShadowLabel { difference }).inc();
    }

    /// A line of the decision log was dropped.
    pub fn log_dropped(&self) {
        self.log_dropped.inc();
    }

    /// The gauge of open connections.
    #[must_use]
    pub const fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// A policy began to serve.
    pub fn policy(&self, generation: i64, loaded_at: i64) {
        self.policy_generation.set(generation);
        self.policy_loaded_at.set(loaded_at);
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
