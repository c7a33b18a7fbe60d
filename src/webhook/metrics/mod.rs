//! What does the server count? Every label value is one of a closed set; no user, token, path or
//! policy text ever becomes a label.
//!
//! This is all of it, and a test holds the list against what is rendered. Counters and gauges are
//! there from the start with 0, but for those of kinds that are watched.
//!
//! | Metric | Type | Labels | Meaning |
//! |---|---|---|---|
//! | `portcullis_authenticate_duration_seconds` | histogram | `result`: authenticated, unknown, error, malformed | Time from the read body to the rendered answer of a token review |
//! | `portcullis_authenticator_outcomes_total` | counter | `authenticator`: token_file, bootstrap_token, service_account, issued_token, oidc, introspection, custom; `result`: authenticated, no_opinion, error | What the configured authenticators said to the tokens they were asked about |
//! | `portcullis_authorize_duration_seconds` | histogram | `decision`: allow, deny, no_opinion, error, malformed | Time from the read body to the rendered answer of an access review |
//! | `portcullis_build_info` | info | `version` | The version that runs |
//! | `portcullis_cluster_bytes` | gauge | `kind`: cluster_roles, cluster_role_bindings, roles, role_bindings, pods, persistent_volumes, volume_attachments, resource_slices, pod_certificate_requests, service_accounts, nodes, bootstrap_secrets, service_account_secrets, secret_metadata, namespaces, custom_resource_definitions, signing_requests, config_maps | Bytes that they take |
//! | `portcullis_cluster_lists_total` | counter | `kind`: cluster_roles, cluster_role_bindings, roles, role_bindings, pods, persistent_volumes, volume_attachments, resource_slices, pod_certificate_requests, service_accounts, nodes, bootstrap_secrets, service_account_secrets, secret_metadata, namespaces, custom_resource_definitions, signing_requests, config_maps | Times the kind was listed whole, rather than watched on |
//! | `portcullis_cluster_newest_event_age_seconds` | gauge | `kind`: cluster_roles, cluster_role_bindings, roles, role_bindings, pods, persistent_volumes, volume_attachments, resource_slices, pod_certificate_requests, service_accounts, nodes, bootstrap_secrets, service_account_secrets, secret_metadata, namespaces, custom_resource_definitions, signing_requests, config_maps | How long ago an object of the kind last changed |
//! | `portcullis_cluster_objects` | gauge | `kind`: cluster_roles, cluster_role_bindings, roles, role_bindings, pods, persistent_volumes, volume_attachments, resource_slices, pod_certificate_requests, service_accounts, nodes, bootstrap_secrets, service_account_secrets, secret_metadata, namespaces, custom_resource_definitions, signing_requests, config_maps | Objects of the cluster that are kept, by kind; only of kinds that are watched, like all of `portcullis_cluster` |
//! | `portcullis_cluster_state_write_failures_total` | counter | – | Times the cluster's state could not be saved |
//! | `portcullis_cluster_state_written_timestamp_seconds` | gauge | – | When the cluster's state was last saved; 0 for never |
//! | `portcullis_cluster_undecodable` | gauge | `kind`: cluster_roles, cluster_role_bindings, roles, role_bindings, pods, persistent_volumes, volume_attachments, resource_slices, pod_certificate_requests, service_accounts, nodes, bootstrap_secrets, service_account_secrets, secret_metadata, namespaces, custom_resource_definitions, signing_requests, config_maps | Objects of the kind that cannot be read, and grant nothing |
//! | `portcullis_cluster_watch_lost` | gauge | `kind`: cluster_roles, cluster_role_bindings, roles, role_bindings, pods, persistent_volumes, volume_attachments, resource_slices, pod_certificate_requests, service_accounts, nodes, bootstrap_secrets, service_account_secrets, secret_metadata, namespaces, custom_resource_definitions, signing_requests, config_maps | 1 while there is no watch of the kind |
//! | `portcullis_connections` | gauge | – | Open connections |
//! | `portcullis_decisions_on_ending_grants_total` | counter | – | Access reviews allowed by grants that end soon |
//! | `portcullis_decision_log_dropped_total` | counter | – | Lines the decision log had no room for |
//! | `portcullis_decision_log_queued` | gauge | – | Lines that wait to be written |
//! | `portcullis_decision_log_sampled_out_total` | counter | – | Decisions that sampling left out of the decision log |
//! | `portcullis_decision_log_write_errors_total` | counter | – | Writes of the decision log that failed; their lines are lost |
//! | `portcullis_decision_log_written_total` | counter | – | Lines written to the decision log |
//! | `portcullis_logins_total` | counter | `proof`: password, ticket, token, certificate, none; `outcome`: success, unauthorized, throttled, forbidden, malformed, unavailable, failed | Logins and renewals at `/login` |
//! | `portcullis_policy_generation` | gauge | – | Counts the policies that served since the start |
//! | `portcullis_policy_loaded_timestamp_seconds` | gauge | – | When the serving policy was loaded |
//! | `portcullis_policy_objects` | gauge | `kind`: cluster_role, cluster_role_binding, role, role_binding, abac_line | What the serving policy consists of |
//! | `portcullis_policy_staleness_seconds` | gauge | – | How long ago the API server whose objects decide was last heard, of the kind for which that is longest; it says something once a minute at least, so up to 60 s are normal |
//! | `portcullis_refused_total` | counter | `reason`: connections, requests, handshake, handshake_budget, slow, large, no_certificate | Clients turned away unheard |
//! | `portcullis_reload_timestamp_seconds` | gauge | `what`: policy, tls; `result`: success, failure | When a load last ended so; 0 for never |
//! | `portcullis_reloads_total` | counter | `what`: policy, tls; `result`: success, failure | Loads of policy and of TLS files |
//! | `portcullis_requests_in_flight` | gauge | – | Reviews that are being answered |
//! | `portcullis_revocation_changed_timestamp_seconds` | gauge | – | When the revocation list that counts last changed; 0 without one |
//! | `portcullis_revocation_entries` | gauge | – | Certificates, serial numbers, users and groups on the revocation list |
//! | `portcullis_revocation_read_failures_total` | counter | – | Times the revocation list became unreadable, wholly or in part; what counted goes on counting |
//! | `portcullis_revocation_refusals_total` | counter | – | Access reviews denied by the revocation list |
//! | `portcullis_shadow_total` | counter | `difference`: same, would_allow, would_refuse, other_no, other_reason, failed, skipped | Answers of the candidate policy beside those of the live one |
//! | `portcullis_signer_requests_total` | counter | `outcome`: approved, denied, failed, refused, signed | What signers did with CertificateSigningRequests |
//! | `portcullis_spans_lost_total` | counter | – | Spans that did not reach the collector (`log.openTelemetry`) |
//! | `portcullis_token_cache_total` | counter | `result`: hit, miss, joined | Look-ups in the token cache |
//! | `process_resident_memory_bytes` | gauge | – | Resident memory of the process (Linux) |
//!
//! Absent on purpose: serving them (see `webhook`), and anything per user, namespace or
//! rule; the decision log has that.

mod cluster;
mod held;
mod labels;
mod process;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use cluster::{ClusterReadings, KindReading};
use held::Held;
pub use labels::{
    AuthenticatorKind, CacheResult, ClusterKind, Decided, LoadResult, LoginOutcome, LoginProof,
    PolicyObject, Proved, Refused, Reloaded, ShadowDifference, SignerOutcome, Tried,
};

/// Upper bounds in seconds: a decision takes microseconds, a bad day milliseconds.
const BUCKETS: [f64; 14] = [
    5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 250e-3,
    1.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabel {
    decision: Decided,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProvedLabel {
    result: Proved,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TriedLabel {
    authenticator: AuthenticatorKind,
    result: Tried,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoginLabel {
    proof: LoginProof,
    outcome: LoginOutcome,
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
struct ObjectLabel {
    kind: PolicyObject,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabel {
    difference: ShadowDifference,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignerLabel {
    outcome: SignerOutcome,
}

/// The server's metrics; cheap to update from any thread.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::webhook::metrics::{Decided, Metrics};
///
/// let metrics = Metrics::new();
/// metrics.authorized(Decided::NoOpinion, Duration::from_micros(7));
/// let text = metrics.render()?;
/// assert!(text.contains(r#"authorize_duration_seconds_count{decision="no_opinion"} 1"#));
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Held<Decided, Histogram>,
    token_reviews: Held<Proved, Histogram>,
    authenticators: Held<(AuthenticatorKind, Tried), Counter>,
    refused: Held<Refused, Counter>,
    logins: Held<(LoginProof, LoginOutcome), Counter>,
    reloads: Held<(Reloaded, LoadResult), Counter>,
    reloaded_at: Held<(Reloaded, LoadResult), Gauge>,
    cache: Held<CacheResult, Counter>,
    shadow: Held<ShadowDifference, Counter>,
    signers: Held<SignerOutcome, Counter>,
    objects: Held<PolicyObject, Gauge>,
    grants_ending: Counter,
    log_dropped: Counter,
    log_sampled_out: Counter,
    log_written: Counter,
    log_write_errors: Counter,
    log_queued: Gauge,
    spans_lost: Counter,
    revocation_refusals: Counter,
    revocation_read_failures: Counter,
    revocation_entries: Gauge,
    revocation_changed_at: Gauge,
    connections: Gauge,
    in_flight: Gauge,
    policy_generation: Gauge,
    policy_loaded_at: Gauge,
    cluster: cluster::ClusterMetrics,
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
        let decisions = Family::<DecisionLabel, Histogram, _>::new_with_constructor(histogram);
        let reviews = Family::<ProvedLabel, Histogram, _>::new_with_constructor(histogram);
        let authenticators = Family::<TriedLabel, Counter>::default();
        let refused = Family::<RefusedLabel, Counter>::default();
        let logins = Family::<LoginLabel, Counter>::default();
        let reloads = Family::<ReloadLabel, Counter>::default();
        let reloaded_at = Family::<ReloadLabel, Gauge>::default();
        let cache = Family::<CacheLabel, Counter>::default();
        let shadow = Family::<ShadowLabel, Counter>::default();
        let signers = Family::<SignerLabel, Counter>::default();
        let objects = Family::<ObjectLabel, Gauge>::default();

        let reload = |(what, result)| ReloadLabel { what, result };
        let tried = |(authenticator, result)| TriedLabel { authenticator, result };
        let mut metrics = Self {
            registry: Registry::default(),
            decisions: Held::new(&decisions, all(Decided::ALL), |decision| DecisionLabel {
                decision,
            }),
            token_reviews: Held::new(&reviews, all(Proved::ALL), |result| ProvedLabel { result }),
            authenticators: Held::new(
                &authenticators,
                pairs(AuthenticatorKind::ALL, Tried::ALL),
                tried,
            ),
            refused: Held::new(&refused, all(Refused::ALL), |reason| RefusedLabel { reason }),
            logins: Held::new(
                &logins,
                pairs(LoginProof::ALL, LoginOutcome::ALL),
                |(proof, outcome)| LoginLabel { proof, outcome },
            ),
            reloads: Held::new(&reloads, pairs(Reloaded::ALL, LoadResult::ALL), reload),
            reloaded_at: Held::new(&reloaded_at, pairs(Reloaded::ALL, LoadResult::ALL), reload),
            cache: Held::new(&cache, all(CacheResult::ALL), |result| CacheLabel { result }),
            shadow: Held::new(&shadow, all(ShadowDifference::ALL), |difference| ShadowLabel {
                difference,
            }),
            signers: Held::new(&signers, all(SignerOutcome::ALL), |outcome| SignerLabel {
                outcome,
            }),
            objects: Held::new(&objects, all(PolicyObject::ALL), |kind| ObjectLabel { kind }),
            grants_ending: Counter::default(),
            log_dropped: Counter::default(),
            log_sampled_out: Counter::default(),
            log_written: Counter::default(),
            log_write_errors: Counter::default(),
            log_queued: Gauge::default(),
            spans_lost: Counter::default(),
            revocation_refusals: Counter::default(),
            revocation_read_failures: Counter::default(),
            revocation_entries: Gauge::default(),
            revocation_changed_at: Gauge::default(),
            connections: Gauge::default(),
            in_flight: Gauge::default(),
            policy_generation: Gauge::default(),
            policy_loaded_at: Gauge::default(),
            cluster: cluster::ClusterMetrics::default(),
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        let ours = registry.sub_registry_with_prefix("portcullis");
        metrics.register_single(ours);
        metrics.cluster.register(ours);
        ours.register(
            "authorize_duration_seconds",
            "Time from the read body to the rendered answer of an access review",
            decisions,
        );
        ours.register(
            "authenticate_duration_seconds",
            "Time from the read body to the rendered answer of a token review",
            reviews,
        );
        ours.register(
            "authenticator_outcomes",
            "What the configured authenticators said to the tokens they were asked about",
            authenticators,
        );
        ours.register("refused", "Clients turned away unheard", refused);
        ours.register("logins", "Logins and renewals at `/login`", logins);
        ours.register("reloads", "Loads of policy and of TLS files", reloads);
        ours.register(
            "reload_timestamp_seconds",
            "When a load last ended so; 0 for never",
            reloaded_at,
        );
        ours.register("token_cache", "Look-ups in the token cache", cache);
        ours.register("shadow", "Answers of the candidate policy beside those of the live one", {
            shadow
        });
        ours.register(
            "signer_requests",
            "What signers did with CertificateSigningRequests",
            signers,
        );
        ours.register("policy_objects", "What the serving policy consists of", objects);
        metrics.registry = registry;
        metrics
    }

    fn register_single(&self, registry: &mut Registry) {
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", version);
        let counters = [
            (
                "decisions_on_ending_grants",
                "Access reviews allowed by grants that end soon",
                &self.grants_ending,
            ),
            ("decision_log_dropped", "Lines the decision log had no room for", &self.log_dropped),
            (
                "decision_log_sampled_out",
                "Decisions that sampling left out of the decision log",
                &self.log_sampled_out,
            ),
            ("decision_log_written", "Lines written to the decision log", &self.log_written),
            (
                "decision_log_write_errors",
                "Writes of the decision log that failed; their lines are lost",
                &self.log_write_errors,
            ),
            ("spans_lost", "Spans that did not reach the collector", &self.spans_lost),
            (
                "revocation_refusals",
                "Access reviews denied by the revocation list",
                &self.revocation_refusals,
            ),
            (
                "revocation_read_failures",
                "Times the revocation list became unreadable; what counted goes on counting",
                &self.revocation_read_failures,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let gauges = [
            ("decision_log_queued", "Lines that wait to be written", &self.log_queued),
            ("connections", "Open connections", &self.connections),
            ("requests_in_flight", "Reviews that are being answered", &self.in_flight),
            (
                "policy_generation",
                "Counts the policies that served since the start",
                &self.policy_generation,
            ),
            (
                "policy_loaded_timestamp_seconds",
                "When the serving policy was loaded",
                &self.policy_loaded_at,
            ),
            (
                "revocation_entries",
                "Certificates, serial numbers, users and groups on the revocation list",
                &self.revocation_entries,
            ),
            (
                "revocation_changed_timestamp_seconds",
                "When the revocation list that counts last changed; 0 without one",
                &self.revocation_changed_at,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
    }

    /// An access review was answered.
    pub fn authorized(&self, decision: Decided, took: Duration) {
        if let Some(histogram) = self.decisions.get(decision) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// A token review was answered.
    pub fn authenticated(&self, result: Proved, took: Duration) {
        if let Some(histogram) = self.token_reviews.get(result) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// One authenticator was asked about a token.
    pub fn authenticator(&self, kind: AuthenticatorKind, outcome: Tried) {
        count(self.authenticators.get((kind, outcome)));
    }

    /// Somebody logged in, or did not.
    pub fn login(&self, proof: LoginProof, outcome: LoginOutcome) {
        count(self.logins.get((proof, outcome)));
    }

    /// A client was turned away.
    pub fn refused(&self, reason: Refused) {
        count(self.refused.get(reason));
    }

    /// Something was loaded anew, or not, just now.
    pub fn reloaded(&self, what: Reloaded, result: LoadResult) {
        count(self.reloads.get((what, result)));
        if let Some(gauge) = self.reloaded_at.get((what, result)) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            gauge.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// The token cache was asked.
    pub fn cache(&self, result: CacheResult) {
        count(self.cache.get(result));
    }

    /// The candidate policy was asked.
    pub fn shadowed(&self, difference: ShadowDifference) {
        count(self.shadow.get(difference));
    }

    /// A signer did something with a CertificateSigningRequest.
    pub fn signer(&self, outcome: SignerOutcome) {
        count(self.signers.get(outcome));
    }

    /// How many things of a kind the serving policy has.
    pub fn policy_objects(&self, kind: PolicyObject, number: usize) {
        if let Some(gauge) = self.objects.get(kind) {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    /// An access review was allowed by grants that end soon.
    pub fn grant_ends_soon(&self) {
        self.grants_ending.inc();
    }

    /// A line of the decision log was dropped.
    pub fn log_dropped(&self) {
        self.log_dropped.inc();
    }

    /// A decision was left out of the decision log by sampling.
    pub fn log_sampled_out(&self) {
        self.log_sampled_out.inc();
    }

    /// Lines were written to the decision log.
    pub fn log_written(&self, lines: u64) {
        self.log_written.inc_by(lines);
    }

    /// A write of the decision log failed.
    pub fn log_write_failed(&self) {
        self.log_write_errors.inc();
    }

    /// So many lines wait to be written.
    pub fn log_queued(&self, lines: u64) {
        self.log_queued.set(i64::try_from(lines).unwrap_or(i64::MAX));
    }

    /// Spans did not reach the collector.
    pub fn spans_lost(&self, number: u64) {
        self.spans_lost.inc_by(number);
    }

    /// A revocation list counts, with so many entries, since then.
    pub fn revocations(&self, entries: usize, changed_at: i64) {
        self.revocation_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.revocation_changed_at.set(changed_at);
    }

    /// The revocation list denied a review.
    pub fn revocation_refused(&self) {
        self.revocation_refusals.inc();
    }

    /// The revocation list could not be read to its end.
    pub fn revocation_read_failed(&self) {
        self.revocation_read_failures.inc();
    }

    /// The gauge of open connections.
    #[must_use]
    pub const fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// The gauge of reviews that are being answered.
    #[must_use]
    pub const fn in_flight(&self) -> &Gauge {
        &self.in_flight
    }

    /// A policy began to serve.
    pub fn policy(&self, generation: i64, loaded_at: i64) {
        self.policy_generation.set(generation);
        self.policy_loaded_at.set(loaded_at);
    }

    /// A change of the cluster made another policy serve.
    pub fn policy_generation(&self, generation: u64) {
        self.policy_generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// The cluster is doing so.
    pub fn cluster(&self, readings: &ClusterReadings) {
        self.cluster.set(readings);
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

fn count(counter: Option<&Counter>) {
    if let Some(counter) = counter {
        counter.inc();
    }
}

fn all<T: Copy>(values: &[T]) -> impl Iterator<Item = T> {
    values.iter().copied()
}

fn pairs<A: Copy, B: Copy>(first: &[A], second: &[B]) -> impl Iterator<Item = (A, B)> {
    first.iter().flat_map(move |&a| second.iter().map(move |&b| (a, b)))
}
