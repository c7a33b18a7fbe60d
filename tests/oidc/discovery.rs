//! Discovery: S-OIDC-5, S-OIDC-8.

use std::time::Duration;

use portcullis::api::authentication_config::AuthenticationConfiguration;
use portcullis::source::fetch::FetchError;
use portcullis::source::oidc::{DiscoveryError, Options, start};
use serde_json::{Value, json};

use super::{ask, asked, begin, entry, name, quick, ready, refusal, run, until};
use crate::support::oidc_provider::Provider;

const DOCUMENT: &str = "/.well-known/openid-configuration";

#[test]
fn until_discovery_is_done_tokens_are_refused_and_afterwards_they_are_verified() {
    run(async |provider| {
        provider.behave(DOCUMENT, json!({"status": 503}));
        let started = begin(entry(provider), &quick());
        let token = provider.token("ES256", json!({}));
        until("an attempt", || started.status().attempts > 0).await;
        assert_eq!(refusal(&started, &token).await, "oidc: authenticator not initialized");
        assert!(!started.is_ready());
        let failed = Some(DiscoveryError::Fetch(FetchError::Status { status: 503 }));
        assert_eq!(started.status().last_error, failed);
        provider.behave(DOCUMENT, json!({}));
        until("keys", || started.is_ready()).await;
        assert_eq!(name(&started, &token).await, "op:jane");
        assert_eq!(started.status().last_error, None);
        assert_eq!(started.status().jwks_uri, Some(format!("{}/keys", provider.issuer)));
    });
}

/// The error of the first attempt with such a document.
async fn first_error(provider: &Provider, answer: Value, options: &Options) -> DiscoveryError {
    provider.behave(DOCUMENT, answer);
    let started = begin(entry(provider), options);
    until("an attempt", || started.status().attempts > 0).await;
    assert!(!started.is_ready());
    started.status().last_error.unwrap()
}

#[test]
fn a_document_of_another_issuer_or_of_no_use_is_refused() {
    run(async |provider| {
        let issuer = &provider.issuer;
        let keys = format!("{issuer}/keys");
        let of = |issuer: String| json!({"json": {"issuer": issuer, "jwks_uri": keys}});
        let error = first_error(provider, of(format!("{issuer}/")), &quick()).await;
        assert!(matches!(error, DiscoveryError::Issuer { .. }), "{error}");
        let plain = json!({"json": {"issuer": issuer, "jwks_uri": "http://127.0.0.1:1/keys"}});
        let error = first_error(provider, plain, &quick()).await;
        assert!(matches!(error, DiscoveryError::JwksUri(_)), "{error}");
        let error = first_error(provider, json!({"json": {"issuer": issuer}}), &quick()).await;
        assert_eq!(error, DiscoveryError::NoJwksUri);
        let error = first_error(provider, json!({"body": "<html>"}), &quick()).await;
        assert!(matches!(error, DiscoveryError::Json(_)), "{error}");
    });
}

#[test]
fn answers_too_large_too_slow_or_from_elsewhere_are_refused() {
    run(async |provider| {
        let small = quick().with_max_bytes(1000);
        let error = first_error(provider, json!({"body": "{}", "size": 1000}), &small).await;
        assert_eq!(error, DiscoveryError::Fetch(FetchError::TooLarge { max_bytes: 1000 }));
        let hasty = quick().with_timeout(Duration::from_millis(100));
        let error = first_error(provider, json!({"body": "{}", "delay": 0.5}), &hasty).await;
        assert!(matches!(error, DiscoveryError::Fetch(FetchError::Timeout { .. })), "{error}");
        let elsewhere = format!("{}/elsewhere", provider.issuer);
        provider.behave("/elsewhere", json!({"json": {}}));
        let redirect = json!({"status": 302, "location": elsewhere});
        let error = first_error(provider, redirect, &quick()).await;
        assert_eq!(error, DiscoveryError::Fetch(FetchError::Redirect { status: 302 }));
        assert_eq!(asked(provider, "/elsewhere"), 0);
    });
}

#[test]
fn the_document_may_be_elsewhere_and_the_issuer_have_a_path() {
    run(async |provider| {
        let issuer = format!("{}/tenant/", provider.issuer);
        let document =
            json!({"json": {"issuer": issuer, "jwks_uri": format!("{}/keys", provider.issuer)}});
        // Below the URL, less one slash.
        provider.behave("/tenant/.well-known/openid-configuration", document.clone());
        let mut tenant = entry(provider);
        tenant.issuer.url.clone_from(&issuer);
        let started = ready(tenant.clone(), &quick()).await;
        let token = provider.token("ES256", json!({"iss": issuer}));
        assert_eq!(name(&started, &token).await, "op:jane");
        drop(started);
        provider.behave("/tenant/.well-known/openid-configuration", json!({"status": 404}));
        provider.behave("/document", document);
        tenant.issuer.discovery_url = format!("{}/document", provider.issuer);
        let started = ready(tenant, &quick()).await;
        assert_eq!(name(&started, &token).await, "op:jane");
        assert_eq!(
            ask(&started.authenticator(), &provider.token("ES256", json!({}))).await,
            Ok(None)
        );
    });
}

#[test]
fn a_server_that_the_named_authorities_do_not_vouch_for_is_not_believed() {
    run(async |provider| {
        let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        for authority in [stranger.cert.pem(), String::new()] {
            let mut other = entry(provider);
            other.issuer.certificate_authority = authority;
            let config = AuthenticationConfiguration { jwt: vec![other], anonymous: None };
            let started = match start(&config, &quick()) {
                Ok(mut started) => started.remove(0),
                // Nobody is trusted by this machine.
                Err(error) => {
                    assert!(error.to_string().contains("no root certificates"), "{error}");
                    continue;
                }
            };
            until("an attempt", || started.status().attempts > 0).await;
            let error = started.status().last_error.unwrap();
            assert!(matches!(error, DiscoveryError::Fetch(FetchError::Connect(_))), "{error}");
        }
        assert_eq!(asked(provider, DOCUMENT), 0);
    });
}

#[test]
fn plain_http_broken_authorities_and_entries_without_meaning_start_nothing() {
    run(async |provider| {
        type Edit = fn(&mut portcullis::api::authentication_config::JwtAuthenticator);
        let edits: [(Edit, &str); 5] = [
            (|entry| entry.issuer.url = "http://127.0.0.1:1".to_owned(), "must be https"),
            (|entry| entry.issuer.discovery_url = "http://[::1]/d".to_owned(), "must be https"),
            (|entry| entry.issuer.url = "issuer".to_owned(), "must be a URL"),
            (|entry| entry.issuer.certificate_authority = "x".to_owned(), "must be PEM"),
            (|entry| entry.issuer.audiences.clear(), "`issuer.audiences` must be set"),
        ];
        for (edit, expected) in edits {
            let mut second = entry(provider);
            edit(&mut second);
            let config =
                AuthenticationConfiguration { jwt: vec![entry(provider), second], anonymous: None };
            let error = start(&config, &quick()).unwrap_err().to_string();
            assert!(error.starts_with("jwt[1]: ") && error.contains(expected), "{error}");
        }
    });
}

#[test]
fn dropping_ends_the_fetching() {
    run(async |provider| {
        let often = quick().with_refresh(Duration::from_millis(30));
        let started = ready(entry(provider), &often).await;
        until("keys fetched again", || asked(provider, "/keys") > 0).await;
        drop(started);
        tokio::time::sleep(Duration::from_millis(100)).await;
        provider.requests();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(provider.requests().len(), 0);
        // Before discovery, too.
        provider.behave(DOCUMENT, json!({"status": 500}));
        let started = begin(entry(provider), &quick());
        until("an attempt", || started.status().attempts > 0).await;
        drop(started);
        tokio::time::sleep(Duration::from_millis(50)).await;
        provider.requests();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(provider.requests().len(), 0);
    });
}
