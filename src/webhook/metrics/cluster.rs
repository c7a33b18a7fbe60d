//! The API server that is followed. Set when the metrics are read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::ClusterKind;

/// What there is to say about the cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterReadings {
    /// How long ago the API server was heard of the kind for which that is longest.
    pub staleness: Duration,
    /// When the saved state was last written, in seconds since 1970; 0 for never.
    pub state_written: u64,
    /// How often that failed.
    pub state_write_failures: u64,
    /// Each kind.
    pub kinds: Vec<KindReading>,
}

/// What there is to say about one kind.
#[derive(Debug, Clone)]
pub struct KindReading {
    /// The kind.
    pub kind: ClusterKind,
    /// How many objects there are.
    pub objects: usize,
    /// Bytes they take.
    pub bytes: usize,
    /// How long ago the newest event came; `None` before the first.
    pub newest_event_age: Option<Duration>,
    /// How often it was listed whole.
    pub lists: u64,
    /// Whether there is no watch.
    pub is_lost: bool,
    /// Objects that cannot be read.
    pub undecodable: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: ClusterKind,
}

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Default)]
pub(super) struct ClusterMetrics {
    staleness: Seconds,
    state_written: Gauge,
    state_write_failures: Counter,
    objects: Family<KindLabel, Gauge>,
    bytes: Family<KindLabel, Gauge>,
    newest_event_age: Family<KindLabel, Seconds>,
    lists: Family<KindLabel, Counter>,
    watch_lost: Family<KindLabel, Gauge>,
    undecodable: Family<KindLabel, Gauge>,
}

impl ClusterMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "policy_staleness",
            "How long ago the API server whose objects decide was last heard, of the kind for which \
             that is longest; it says something once a minute at least, so up to 60 s are normal",
            Unit::Seconds,
            self.staleness.clone(),
        );
        registry.register(
            "cluster_state_written_timestamp_seconds",
            "When the cluster's state was last saved; 0 for never",
            self.state_written.clone(),
        );
        registry.register(
            "cluster_state_write_failures",
            "Times the cluster's state could not be saved",
            self.state_write_failures.clone(),
        );
        registry.register(
            "cluster_objects",
            "Objects of the cluster that are kept",
            self.objects.clone(),
        );
        registry.register("cluster_bytes", "Bytes that they take", self.bytes.clone());
        registry.register_with_unit(
            "cluster_newest_event_age",
            "How long ago an object of the kind last changed",
            Unit::Seconds,
            self.newest_event_age.clone(),
        );
        registry.register(
            "cluster_lists",
            "Times the kind was listed whole, rather than watched on",
            self.lists.clone(),
        );
        registry.register(
            "cluster_watch_lost",
            "1 while there is no watch of the kind",
            self.watch_lost.clone(),
        );
        registry.register(
            "cluster_undecodable",
            "Objects of the kind that cannot be read, and grant nothing",
            self.undecodable.clone(),
        );
    }

    pub(super) fn set(&self, readings: &ClusterReadings) {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.staleness.set(readings.staleness.as_secs_f64());
        self.state_written.set(i64::try_from(readings.state_written).unwrap_or(i64::MAX));
        set(&self.state_write_failures, readings.state_write_failures);
        for reading in &readings.kinds {
            let label = KindLabel { kind: reading.kind };
            self.objects.get_or_create(&label).set(number(reading.objects));
            self.bytes.get_or_create(&label).set(number(reading.bytes));
            if let Some(age) = reading.newest_event_age {
                self.newest_event_age.get_or_create(&label).set(age.as_secs_f64());
            }
            set(&self.lists.get_or_create(&label), reading.lists);
            self.watch_lost.get_or_create(&label).set(i64::from(reading.is_lost));
            self.undecodable.get_or_create(&label).set(number(reading.undecodable));
        }
    }
}

/// Whoever counts elsewhere says how far it came.
fn set(counter: &Counter, value: u64) {
    counter.inner().store(value, Ordering::Relaxed);
}
