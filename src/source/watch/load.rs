//! What is known, as files would say it.

use std::sync::Arc;

use super::Key;
use super::cluster::Kind;
use crate::model::Origin;
use crate::source::collect::Collector;
use crate::source::{LoadOptions, Loaded, Progress};

/// The objects of these kinds by the collector of files, and what could not be read in the report. A Secret
/// that is watched by its metadata and with its values stands there twice
/// ([`TokenObjects::of_cluster`](crate::api::core::TokenObjects::of_cluster) tells them apart).
pub(super) fn loaded(kinds: &[Kind]) -> Loaded {
    let options = LoadOptions::default();
    let mut silent = |_: Progress<'_>| {};
    let mut collector = Collector::new(&options, &mut silent, 0);
    let mut files = 0;
    for kind in kinds {
        let definition = kind.watched.definition();
        let api_version = definition.api_version(kind.served);
        files += 1;
        for (key, entry) in &kind.store.entries {
            let source = entry.origin(definition, key).source;
            collector.begin(source, 0, 0);
            // Only a strict load fails.
            let _ = collector.add(0, 0, entry.outcome(definition, &api_version, key));
        }
        for reason in &kind.store.nameless {
            let Origin { source, .. } = Origin::named(format!("cluster: a {}", definition.kind));
            collector.begin(Arc::clone(&source), 0, 0);
            let outcome = reason.outcome(definition, &Key::default());
            let _ = collector.add(0, 0, outcome);
        }
    }
    let mut loaded = collector.finish();
    loaded.report.files = files;
    loaded.report.bytes =
        kinds.iter().map(|kind| crate::source::text::length(kind.store.bytes())).sum();
    loaded
}
