//! Handles that are held, since looking one up costs ten times what updating it does.

use std::hash::Hash;

use prometheus_client::metrics::family::{Family, MetricConstructor};

/// One metric for each value of a closed set of labels, all of them there from the start: a rate
/// over a counter that appears with its first event would miss that event.
#[derive(Debug)]
pub(super) struct Held<K, M>(Box<[(K, M)]>);

impl<K: Copy + PartialEq, M: Clone> Held<K, M> {
    /// Takes the metrics of all keys out of a family.
    pub(super) fn new<L, C>(
        family: &Family<L, M, C>,
        keys: impl IntoIterator<Item = K>,
        label: impl Fn(K) -> L,
    ) -> Self
    where
        L: Clone + Hash + Eq,
        C: MetricConstructor<M>,
    {
        let held = keys.into_iter().map(|key| (key, family.get_or_create_owned(&label(key))));
        Self(held.collect())
    }

    /// The metric of a key. `None` only for a key that was not among those of the start.
    pub(super) fn get(&self, key: K) -> Option<&M> {
        // PERF: a handful of keys of a byte or two; 1 ns where a hash table needs 30.
        self.0.iter().find(|(held, _)| *held == key).map(|(_, metric)| metric)
    }
}
