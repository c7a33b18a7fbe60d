//! What does the webhook authorizer itself cost, where nobody waits for a network?
//!
//! Every request pays for its match conditions; whatever they let through is written as JSON, which is
//! also the key under which answers are kept. The remote is a function that answers at once, so the
//! third class is all that a review costs besides the network. Every class asserts its answer.

#![expect(clippy::unwrap_used, reason = "a bench on a condition that does not compile must stop")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::api::authorization::Version;
use portcullis::authz::Authorizer;
use portcullis::authz::webhook::{
    Remote, RemoteAnswer, RemoteError, WebhookAuthorizer, WebhookOptions,
};
use portcullis::cel::{Expression, MatchConditions};
use portcullis::model::{Decision, Request, ResourceAttributes, User};

#[derive(Debug)]
struct Yes;

impl Remote for Yes {
    fn review(&self, _: &[u8]) -> Result<RemoteAnswer, RemoteError> {
        Ok(RemoteAnswer::json(
            200,
            r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true}}"#,
        ))
    }
}

/// The conditions of the Kubernetes documentation: only resources, only of this namespace, not for
/// service accounts of kube-system.
const CONDITIONS: [&str; 3] = [
    "has(request.resourceAttributes)",
    "request.resourceAttributes.namespace == 'shop'",
    "!('system:serviceaccounts:kube-system' in request.groups)",
];

fn webhook(conditions: &[&str], ttl: Duration) -> WebhookAuthorizer {
    let conditions = conditions.iter().map(|text| Expression::compile(text).unwrap()).collect();
    let options = WebhookOptions::new(Version::V1)
        .with_ttls(ttl, ttl)
        .with_match_conditions(MatchConditions::new(conditions));
    WebhookAuthorizer::new(options, Arc::new(Yes))
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("webhook_authorizer");
    let user = User::new("jane@example.com").with_groups([
        "dev",
        "ops",
        "system:authenticated",
        "system:serviceaccounts",
    ]);
    let in_shop = ResourceAttributes { version: "v1", ..ResourceAttributes::new("get", "pods") }
        .in_namespace("shop")
        .named("web-0");
    let shop = Request::resource(&user, in_shop);
    let elsewhere = Request::resource(&user, in_shop.in_namespace("other"));
    let hour = Duration::from_secs(3_600);

    for (name, webhook, request, expected) in [
        ("kept/no_conditions", webhook(&[], hour), &shop, Decision::Allow),
        ("kept/three_conditions", webhook(&CONDITIONS, hour), &shop, Decision::Allow),
        ("asked/no_conditions", webhook(&[], Duration::ZERO), &shop, Decision::Allow),
        ("skipped/first_of_one", webhook(&CONDITIONS[1..2], hour), &elsewhere, Decision::NoOpinion),
        ("skipped/second_of_three", webhook(&CONDITIONS, hour), &elsewhere, Decision::NoOpinion),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let verdict = webhook.authorize(black_box(request));
                assert_eq!(verdict.decision, expected);
            });
        });
    }
    for (index, text) in CONDITIONS.iter().enumerate() {
        let condition = Expression::compile(text).unwrap();
        group.bench_function(format!("condition/{}", index + 1), |bencher| {
            bencher.iter(|| assert_eq!(condition.evaluate(black_box(&shop)), Ok(true)));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
