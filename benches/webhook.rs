//! How long the review server takes, from the bytes of a body to the bytes of the answer, without
//! HTTP: ids are `webhook/authorize/step/bindings`. `parse` is what every server has to do first;
//! `answer` is all of it. Bodies are made as the API server writes them, 50,000 shuffled ones, so
//! that neither they nor the tables they touch are in a cache by the time they come round again.

#[path = "gen/mod.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod world;

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use portcullis::api::authorization::IncomingReview;
use portcullis::authn::cache::{CacheConfig, TokenCache};
use portcullis::authn::chain::TokenChain;
use portcullis::snapshot::{self, Config, Mode};
use portcullis::webhook::{App, Asker};
use serde_json::{Value, json};

use world::queries::Query;
use world::{LARGE, MIX, Params, SMALL, World};

const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    for bindings in [SMALL, LARGE] {
        let world = World::generate(&Params { bindings, seed: 1 });
        let snapshot = snapshot::compile(&world.inventory, &Config::new([Mode::Rbac]))?;
        let tokens = TokenCache::new(Arc::new(TokenChain::default()), CacheConfig::default())?;
        let app = App::new(Arc::new(snapshot), tokens);
        let queries = world.questioner().mix(MIX);
        let bodies: Vec<Vec<u8>> = queries.iter().map(body).collect::<Result<_, _>>()?;
        for (query, body) in queries.iter().zip(&bodies) {
            let answer: Value =
                serde_json::from_slice(&app.authorize(body, Asker::default()).body)?;
            let allowed = answer.pointer("/status/allowed").and_then(Value::as_bool);
            assert_eq!(allowed, Some(query.allowed), "{query:?}");
        }
        bench(&mut criterion, "parse", bindings, &bodies, |body| {
            IncomingReview::from_json(body).is_ok()
        });
        bench(&mut criterion, "answer", bindings, &bodies, |body| {
            app.authorize(body, Asker::default()).status.is_success()
        });
    }
    criterion.final_summary();
    Ok(())
}

fn bench(
    criterion: &mut Criterion,
    step: &str,
    bindings: usize,
    bodies: &[Vec<u8>],
    run: impl Fn(&[u8]) -> bool,
) {
    let mut group = criterion.benchmark_group("webhook/authorize");
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap_or(u64::MAX)));
    let mut batches = bodies.chunks_exact(BATCH).cycle();
    group.bench_function(format!("{step}/{bindings}"), |bencher| {
        bencher.iter(|| {
            let Some(batch) = batches.next() else { return };
            for body in batch {
                assert!(black_box(run(black_box(body))));
            }
        });
    });
    group.finish();
}

/// The body that an API server sends.
fn body(query: &Query) -> Result<Vec<u8>, serde_json::Error> {
    let asked = &query.asked;
    let resource = json!({
        "namespace": asked.namespace, "verb": asked.verb, "group": asked.group, "version": "v1",
        "resource": asked.resource, "subresource": asked.subresource, "name": asked.name,
    });
    let path = json!({"path": asked.path, "verb": asked.verb});
    let (resource, path) =
        if asked.path.is_empty() { (resource, Value::Null) } else { (Value::Null, path) };
    serde_json::to_vec(&json!({
        "kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
        "spec": {
            "user": query.user.name, "groups": query.user.groups, "extra": query.user.extra,
            "resourceAttributes": resource, "nonResourceAttributes": path,
        },
        "status": {"allowed": false},
    }))
}
