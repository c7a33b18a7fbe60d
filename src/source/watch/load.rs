//! What is known, as files would say it.

use std::sync::Arc;

use super::cluster::Kind;
use super::store::Store;
use super::{Key, Watched};
use crate::model::Origin;
use crate::source::collect::Collector;
use crate::source::{LoadOptions, Loaded, Progress};

/// The objects of these kinds by the collector of files, and what could not be read in the report.
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
            // Who asks for a Secret wants the one with its values, if there is one.
            let is_double = || with_values(kinds).any(|it| it.holds(key));
            if kind.watched == Watched::SecretMetadata && is_double() {
                continue;
            }
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

/// Those of the kinds that hold Secrets with their values.
pub(super) fn with_values(kinds: &[Kind]) -> impl Iterator<Item = &Store> {
    let is_one = |kind: &&Kind| {
        matches!(kind.watched, Watched::BootstrapSecrets | Watched::ServiceAccountSecrets)
    };
    kinds.iter().filter(is_one).map(|kind| &kind.store)
}
