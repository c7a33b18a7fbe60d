//! What does a token of an OpenID provider cost?
//!
//! `fresh` is all that the authenticator does with one that nobody has seen: both readings of its
//! claims, the signature, mappings and rules. `seen` is the same token once more, through the cache of
//! tokens. Every class asserts its answer. Targets: 150 µs and 2 µs.

#![expect(clippy::unwrap_used, reason = "a bench without its token must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::api::authentication_config::{
    ClaimValidationRule, ExtraMapping, JwtAuthenticator, UserValidationRule,
};
use portcullis::authn::cache::{CacheConfig, CacheUse, TokenCache};
use portcullis::authn::chain::{Member, TokenChain, Trust};
use portcullis::authn::oidc::{OidcAuthenticator, Rules};
use portcullis::authn::{Attempt, TokenAuthenticator};
use portcullis::crypto::{KeySet, SigningAlgorithm, SigningKey};
use serde_json::{Map, json};

const NOW: i64 = 1_795_680_000;

/// As providers write them: some thirty claims of which few are read.
fn token(key: &SigningKey) -> String {
    let claims = json!({
        "iss": "https://issuer.example/realms/corp", "aud": ["kubectl", "account"], "azp": "kubectl",
        "sub": "f3a6c1de-8a1f-4a0c-9a53-4f6f0f8d7a11", "exp": NOW + 300, "iat": NOW, "nbf": NOW,
        "auth_time": NOW - 60, "jti": "3a1f6a4e-2b4c-4f0e-9f57-5d1f0a1b2c3d", "typ": "ID",
        "session_state": "9c0e9f0e-5f7e-4e43-8d5e-2b9d3c1a0f4b", "acr": "1", "scope": "openid email",
        "email": "jane@example.com", "email_verified": true, "name": "Jane Doe",
        "preferred_username": "jane", "given_name": "Jane", "family_name": "Doe",
        "groups": ["dev", "ops", "oncall", "sre", "everyone"], "team": "storage",
    });
    key.sign(&Map::new(), claims.as_object().unwrap()).unwrap()
}

/// Claims only.
fn claims() -> JwtAuthenticator {
    let mut config = JwtAuthenticator::default();
    config.issuer.url = "https://issuer.example/realms/corp".to_owned();
    config.issuer.audiences = vec!["kubectl".to_owned()];
    config.claim_mappings.username.claim = "email".to_owned();
    config.claim_mappings.username.prefix = Some("corp:".to_owned());
    config.claim_mappings.groups.claim = "groups".to_owned();
    config.claim_mappings.groups.prefix = Some("corp:".to_owned());
    config
}

/// The same with expressions wherever there may be one.
fn expressions() -> JwtAuthenticator {
    let mut config = claims();
    config.claim_mappings.username.claim.clear();
    config.claim_mappings.username.prefix = None;
    config.claim_mappings.username.expression =
        "claims.email_verified ? 'corp:' + claims.email : ''".to_owned();
    config.claim_mappings.extra = vec![ExtraMapping {
        key: "example.com/team".to_owned(),
        value_expression: "claims.?team.orValue('')".to_owned(),
    }];
    config.claim_validation_rules = vec![ClaimValidationRule {
        expression: "claims.exp - claims.iat <= 86400.0".to_owned(),
        ..ClaimValidationRule::default()
    }];
    config.user_validation_rules = vec![UserValidationRule {
        expression: "!user.username.startsWith('system:')".to_owned(),
        message: String::new(),
    }];
    config
}

fn bench(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let token = token(&key);
    let attempt = Attempt { token: &token, audiences: &[], now: NOW };
    let authenticator = |config: &JwtAuthenticator| {
        let keys = Arc::new(KeySet::new([key.verifying_key().clone()]));
        OidcAuthenticator::new(Rules::compile(config).unwrap(), Arc::new(keys))
    };
    let mut group = criterion.benchmark_group("oidc");
    for (name, config) in [("claims", claims()), ("expressions", expressions())] {
        let oidc = authenticator(&config);
        let found = runtime.block_on(oidc.authenticate(attempt)).unwrap().unwrap();
        assert_eq!(found.user.name, "corp:jane@example.com");
        group.bench_function(format!("fresh/es256/{name}"), |bencher| {
            bencher.iter(|| runtime.block_on(oidc.check(black_box(attempt))).unwrap().unwrap());
        });
    }
    let member =
        Member::new(Arc::new(authenticator(&claims())), Trust::Foreign).audience_agnostic();
    let chain = TokenChain::new(Vec::<String>::new()).with(member);
    let cache = TokenCache::new(Arc::new(chain), CacheConfig::default()).unwrap();
    let (_, found) = runtime.block_on(cache.find(attempt));
    assert_eq!(found.unwrap().unwrap().authenticated.user.name, "corp:jane@example.com");
    let (used, _) = runtime.block_on(cache.find(attempt));
    assert_eq!(used, CacheUse::Hit);
    group.bench_function("seen/es256", |bencher| {
        bencher.iter(|| runtime.block_on(cache.find(black_box(attempt))).1.unwrap().unwrap());
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
