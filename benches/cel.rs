//! How long does a match condition take, compiled and evaluated, and how long the costliest that
//! its limit lets through? Every condition asserts its answer.

#![expect(clippy::unwrap_used, reason = "a bench on a condition that is refused must stop")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::cel::claims::{ClaimRule, Mapping, Output, UserRule};
use portcullis::cel::{Expression, MatchConditions, Matched};
use portcullis::model::{Request, ResourceAttributes, User};

/// What is usual, from short to long; all are true of the request below.
const CONDITIONS: [(&str, &str); 6] = [
    ("user", "!request.user.startsWith('system:node:')"),
    (
        "groups",
        "!('system:masters' in request.groups) && !request.groups.exists(g, g == 'system:nodes')",
    ),
    (
        "namespace",
        "has(request.resourceAttributes) && request.resourceAttributes.namespace in ['prod', 'stage', 'team-a']",
    ),
    (
        "secrets",
        "!has(request.resourceAttributes) || !(request.resourceAttributes.resource == 'secrets' && \
         request.resourceAttributes.verb in ['get', 'list', 'watch'])",
    ),
    ("pattern", "!request.user.matches('^system:serviceaccount:kube-system:.*$')"),
    ("optional", "request.?resourceAttributes.?namespace.orValue('') != 'kube-system'"),
];

fn user() -> User {
    User::new("jane@example.org").with_groups(["developers", "oncall", "system:authenticated"])
}

fn request(user: &User) -> Request<'_> {
    let attributes = ResourceAttributes::new("get", "pods").in_namespace("team-a").named("web-1");
    Request::resource(user, attributes)
}

fn compile(criterion: &mut Criterion) {
    for (name, text) in CONDITIONS {
        criterion.bench_function(&format!("cel/compile/{name}"), |bencher| {
            bencher.iter(|| Expression::compile(black_box(text)).unwrap());
        });
    }
}

fn evaluate(criterion: &mut Criterion) {
    let user = user();
    let request = request(&user);
    for (name, text) in CONDITIONS {
        let expression = Expression::compile(text).unwrap();
        assert_eq!(expression.evaluate(&request), Ok(true), "{text}");
        criterion.bench_function(&format!("cel/evaluate/{name}"), |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&request)));
        });
    }
    let all = CONDITIONS.iter().map(|(_, text)| Expression::compile(text).unwrap()).collect();
    let conditions = MatchConditions::new(all);
    assert_eq!(conditions.matches(&request), Matched::Yes);
    criterion.bench_function("cel/evaluate/all", |bencher| {
        bencher.iter(|| conditions.matches(black_box(&request)));
    });
}

/// The costliest that the limit lets through, and what it stops.
fn limit(criterion: &mut Criterion) {
    let user = User::new("u").with_groups((0..300).map(|number| format!("group-{number}")));
    let request = request(&user);
    let constants = vec!["true"; 500].join(" && ");
    for (name, text) in [
        (
            "macros",
            "request.groups.all(a, request.groups.all(b, request.groups.all(c, a + b + c != '')))",
        ),
        ("constants", &*format!("request.groups.all(a, request.groups.all(b, {constants}))")),
    ] {
        let expression = Expression::compile(text).unwrap();
        assert!(expression.evaluate(&request).is_err());
        criterion.bench_function(&format!("cel/limit/{name}"), |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&request)));
        });
    }
}

/// What a login costs: a mapping of the name, two rules over the claims, and one over the user.
fn token(criterion: &mut Criterion) {
    let token = serde_json::json!({
        "iss": "https://issuer.example.org",
        "sub": "248289761001",
        "aud": ["kubernetes"],
        "exp": 1_795_458_246,
        "iat": 1_795_454_646,
        "email": "jane@example.org",
        "email_verified": true,
        "hd": "example.org",
        "groups": ["developers", "oncall", "platform"],
    });
    let claims = token.as_object().unwrap();
    let name = Mapping::compile("'oidc:' + claims.email").unwrap();
    let verified = ClaimRule::compile("claims.?email_verified.orValue(true) == true").unwrap();
    let domain = ClaimRule::compile("claims.hd == 'example.org'").unwrap();
    let groups = Mapping::compile("dyn(claims.groups).map(g, 'oidc:' + g)").unwrap();
    let user = user();
    let rule = UserRule::compile("!user.username.startsWith('system:')").unwrap();

    assert_eq!(name.evaluate(claims), Ok(Output::String("oidc:jane@example.org".to_owned())));
    assert_eq!(verified.evaluate(claims), Ok(true));
    assert_eq!(domain.evaluate(claims), Ok(true));
    assert!(matches!(groups.evaluate(claims), Ok(Output::List(all)) if all.len() == 3));
    assert_eq!(rule.evaluate(&user), Ok(true));

    criterion.bench_function("cel/claims/name", |bencher| {
        bencher.iter(|| name.evaluate(black_box(claims)));
    });
    criterion.bench_function("cel/claims/rule", |bencher| {
        bencher.iter(|| domain.evaluate(black_box(claims)));
    });
    criterion.bench_function("cel/claims/name and two rules", |bencher| {
        bencher.iter(|| {
            let claims = black_box(claims);
            (name.evaluate(claims), verified.evaluate(claims), domain.evaluate(claims))
        });
    });
    criterion.bench_function("cel/claims/three groups", |bencher| {
        bencher.iter(|| groups.evaluate(black_box(claims)));
    });
    criterion.bench_function("cel/claims/user", |bencher| {
        bencher.iter(|| rule.evaluate(black_box(&user)));
    });
}

criterion_group!(benches, compile, evaluate, limit, token);
criterion_main!(benches);
