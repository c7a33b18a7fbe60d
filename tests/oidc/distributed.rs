//! Groups that an issuer keeps elsewhere: S-OIDC-22.

use std::time::Duration;

use portcullis::source::oidc::{Distributed, Options};
use serde_json::{Value, json};

use super::{ask, asked, entry, quick, ready, refusal, run};
use crate::support::oidc_provider::Provider;

fn any() -> Options {
    quick().with_distributed(Distributed::AnyHost)
}

/// A token that has its groups at an endpoint.
fn token(provider: &Provider, endpoint: &str, more: Value) -> String {
    let mut source = json!({"endpoint": endpoint});
    for (name, value) in more.as_object().unwrap() {
        source[name] = value.clone();
    }
    let claims = json!({"_claim_names": {"groups": "src"}, "_claim_sources": {"src": source}});
    provider.token("ES256", claims)
}

/// What a path answers: a JWT with groups.
fn serve(provider: &Provider, path: &str, claims: Value) -> String {
    let jwt = provider.token("ES256", claims);
    provider.behave(path, json!({"body": jwt, "type": "application/jwt"}));
    format!("{}{path}", provider.issuer)
}

const PREFIX: &str = "oidc: could not expand distributed claims: ";

#[test]
fn groups_are_fetched_with_the_access_token_and_verified() {
    run(async |provider| {
        let started = ready(entry(provider), &any()).await;
        let endpoint = serve(provider, "/groups", json!({"groups": ["dev", "ops"]}));
        let token = token(provider, &endpoint, json!({"access_token": "t0k3n"}));
        provider.requests();
        let found = ask(&started.authenticator(), &token).await.unwrap().unwrap();
        assert_eq!(found.user.groups, ["op:dev", "op:ops"]);
        let requests = provider.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert_eq!(requests[0]["authorization"], "Bearer t0k3n");
    });
}

#[test]
fn groups_may_be_signed_by_another_issuer_that_is_discovered_once() {
    run(async |provider| {
        let other = format!("{}/other", provider.issuer);
        let keys = format!("{}/keys", provider.issuer);
        let document = "/other/.well-known/openid-configuration";
        provider.behave(document, json!({"json": {"issuer": other, "jwks_uri": keys}}));
        let started = ready(entry(provider), &any()).await;
        let endpoint = serve(provider, "/groups", json!({"groups": "dev", "iss": other}));
        for _ in 0..2 {
            let token = token(provider, &endpoint, json!({}));
            let found = ask(&started.authenticator(), &token).await.unwrap().unwrap();
            assert_eq!(found.user.groups, ["op:dev"]);
        }
        assert_eq!(asked(provider, document), 1);
    });
}

#[test]
fn an_issuer_that_cannot_be_discovered_is_not_believed() {
    run(async |provider| {
        let hasty = any().with_timeout(Duration::from_secs(1));
        let started = ready(entry(provider), &hasty).await;
        let nobody = "http://127.0.0.1:1";
        let endpoint = serve(provider, "/groups", json!({"groups": "dev", "iss": nobody}));
        let text = refusal(&started, &token(provider, &endpoint, json!({}))).await;
        let expected = format!(
            "{PREFIX}verifying untrusted issuer {nobody} failed: not an https URL without a user name"
        );
        assert_eq!(text, expected);
    });
}

#[test]
fn nothing_is_fetched_unless_it_was_enabled() {
    run(async |provider| {
        let started = ready(entry(provider), &quick()).await;
        let endpoint = serve(provider, "/groups", json!({"groups": ["dev"]}));
        let text = refusal(&started, &token(provider, &endpoint, json!({}))).await;
        let expected = "the claim \"groups\" is kept elsewhere, and distributed claims are not \
                        enabled for this issuer";
        assert_eq!(text, format!("{PREFIX}{expected}"));
        assert_eq!(asked(provider, "/groups"), 0);
    });
}

#[test]
fn only_hosts_that_are_named_are_asked() {
    run(async |provider| {
        let hosts =
            |host: &str| quick().with_distributed(Distributed::Hosts(vec![host.to_owned()]));
        let endpoint = serve(provider, "/groups", json!({"groups": ["dev"]}));
        let token = token(provider, &endpoint, json!({}));
        let started = ready(entry(provider), &hosts("LOCALHOST")).await;
        let found = ask(&started.authenticator(), &token).await.unwrap().unwrap();
        assert_eq!(found.user.groups, ["op:dev"]);
        assert_eq!(asked(provider, "/groups"), 1);
        let started = ready(entry(provider), &hosts("groups.example")).await;
        let text = refusal(&started, &token).await;
        let expected =
            "the host `localhost` is none of those that distributed claims may come from";
        assert_eq!(text, format!("{PREFIX}while getting distributed claim \"groups\": {expected}"));
        assert_eq!(asked(provider, "/groups"), 0);
    });
}

#[test]
fn an_endpoint_is_https_is_not_left_for_another_and_answers_little_and_soon() {
    run(async |provider| {
        let hasty = any().with_timeout(Duration::from_millis(500));
        let started = ready(entry(provider), &hasty).await;
        let fetching = format!("{PREFIX}while getting distributed claim \"groups\": ");
        let at = |path: &str| format!("{}{path}", provider.issuer);
        for (endpoint, expected) in [
            ("http://127.0.0.1:9/g".to_owned(), "not an https URL"),
            ("file:///etc/passwd".to_owned(), "not an https URL"),
            ("https://u:p@localhost/".to_owned(), "not an https URL"),
            ("https://localhost:1/".to_owned(), "no connection: "),
            (at("/nothing"), "the server answers with HTTP status 404"),
            (at("/redirect"), "the server answers with a redirect (302)"),
            (at("/large"), "the answer is larger than 65536 bytes"),
            (at("/slow"), "no answer within 0 s"),
        ] {
            provider.behave("/redirect", json!({"status": 302, "location": at("/elsewhere")}));
            provider.behave("/large", json!({"size": 70_000}));
            provider.behave("/slow", json!({"delay": 1.5, "body": "x"}));
            let text = refusal(&started, &token(provider, &endpoint, json!({}))).await;
            assert!(text.starts_with(&format!("{fetching}{expected}")), "{text}");
        }
        assert_eq!(asked(provider, "/elsewhere"), 0);
    });
}

#[test]
fn an_answer_that_another_signed_or_that_is_no_token_is_refused() {
    run(async |provider| {
        let started = ready(entry(provider), &any()).await;
        let forged = provider.mint(json!({"stranger": true, "claims": {"groups": ["dev"]}}));
        provider.behave("/forged", json!({"body": forged}));
        let endpoint = format!("{}/forged", provider.issuer);
        let text = refusal(&started, &token(provider, &endpoint, json!({}))).await;
        let expected = "verify distributed claim token: failed to verify signature: ";
        assert!(text.starts_with(&format!("{PREFIX}{expected}")), "{text}");
        provider.behave("/page", json!({"body": "<html>"}));
        let endpoint = format!("{}/page", provider.issuer);
        let text = refusal(&started, &token(provider, &endpoint, json!({}))).await;
        assert!(text.ends_with("failed for claim \"groups\": no JWT with an issuer"), "{text}");
    });
}
