//! Keys that change, and keys that cannot be had: S-OIDC-8.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{ask, asked, begin, entry, name, quick, ready, refusal, run, until};

#[test]
fn the_first_token_of_a_new_key_is_verified_and_one_of_the_old_key_no_longer() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let changes = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&changes);
        started.on_change(move || {
            counting.fetch_add(1, Ordering::SeqCst);
        });
        let old = provider.token("ES256", json!({}));
        assert_eq!(name(&started, &old).await, "op:jane");
        assert_eq!(asked(provider, "/keys"), 1);
        provider.tell(json!({"do": "rotate"}));
        let new = provider.token("ES256", json!({"sub": "new"}));
        assert_eq!(name(&started, &new).await, "op:new");
        assert_eq!(changes.load(Ordering::SeqCst), 1);
        let text = refusal(&started, &old).await;
        assert!(text.starts_with("oidc: verify token: failed to verify signature: "), "{text}");
    });
}

#[test]
fn an_old_key_that_is_still_published_goes_on_serving() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let old = provider.token("ES256", json!({}));
        provider.tell(json!({"do": "rotate", "keep": true}));
        let new = provider.token("ES256", json!({"sub": "new"}));
        assert_eq!(name(&started, &new).await, "op:new");
        assert_eq!(name(&started, &old).await, "op:jane");
    });
}

#[test]
fn an_outage_or_a_set_of_no_use_keeps_the_known_keys() {
    run(async |provider| {
        let often = quick().with_refresh(Duration::from_millis(30));
        let started = ready(entry(provider), &often).await;
        let token = provider.token("ES256", json!({}));
        for answer in [
            json!({"status": 500}),
            json!({"body": "<html>"}),
            json!({"json": {"keys": []}}),
            json!({"status": 301, "location": format!("{}/keys", provider.issuer)}),
            json!({"body": "{}", "size": 2 << 20}),
        ] {
            provider.behave("/keys", answer.clone());
            let failures = || started.status().jwks.unwrap().failures;
            let before = failures();
            until("a failure", || failures() > before).await;
            assert_eq!(name(&started, &token).await, "op:jane", "{answer}");
            provider.behave("/keys", json!({}));
            until("recovery", || started.status().jwks.unwrap().last_error.is_none()).await;
        }
    });
}

#[test]
fn keys_that_come_late_are_waited_for_a_moment() {
    run(async |provider| {
        provider.behave("/keys", json!({"status": 500}));
        let started = begin(entry(provider), &quick());
        until("discovery", || started.status().discovered_at.is_some()).await;
        let token = provider.token("ES256", json!({}));
        let hasty = quick().with_key_wait(Duration::from_millis(100));
        let other = begin(entry(provider), &hasty);
        until("discovery", || other.status().discovered_at.is_some()).await;
        let text = refusal(&other, &token).await;
        assert_eq!(
            text,
            "oidc: verify token: failed to verify signature: invalid signature, no keys found"
        );
        provider.behave("/keys", json!({}));
        assert_eq!(name(&started, &token).await, "op:jane");
    });
}

#[test]
fn a_flood_of_unknown_keys_costs_the_provider_few_requests_and_nobody_much_time() {
    run(async |provider| {
        let options = quick()
            .with_min_refresh(Duration::from_millis(100))
            .with_key_wait(Duration::from_millis(50));
        let started = ready(entry(provider), &options).await;
        let forged = provider.mint(json!({"stranger": true, "header": {"kid": "none such"}}));
        let good = provider.token("ES256", json!({}));
        provider.requests();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1200) {
            // More than may wait at a time.
            let asking = (0..100).map(|_| {
                let (of, forged) = (started.authenticator(), forged.clone());
                tokio::spawn(async move { ask(&of, &forged).await })
            });
            let asking: Vec<_> = asking.collect();
            let at = Instant::now();
            assert_eq!(name(&started, &good).await, "op:jane");
            for answer in asking {
                assert!(answer.await.unwrap().is_err());
            }
            assert!(at.elapsed() < Duration::from_secs(5));
        }
        // 100 ms, 200, 400, 800: each wish that brings nothing new doubles the wait for the next.
        let requests = asked(provider, "/keys");
        assert!((1..=5).contains(&requests), "{requests}");
    });
}
