//! OpenID Connect against a real provider of another implementation over TLS, through the public
//! interface only. What needs no network is tested beside the engine.

mod discovery;
mod distributed;
mod introspection;
mod keys;
mod tokens;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use portcullis::api::authentication_config::{AuthenticationConfiguration, JwtAuthenticator};
use portcullis::authn::{Attempt, Authenticated, TokenAuthenticator};
use portcullis::source::oidc::{Options, Started, start};
use serde_json::json;

use crate::support::oidc_provider::Provider;

/// Runs a test with the provider, which one test has at a time.
fn run(test: impl AsyncFnOnce(&Provider)) {
    static PROVIDER: OnceLock<Option<Mutex<Provider>>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| Provider::start().map(Mutex::new));
    let Some(provider) = provider else {
        eprintln!("skipped: no provider");
        return;
    };
    // What a failed test left behind is reset.
    let provider = provider.lock().unwrap_or_else(PoisonError::into_inner);
    provider.tell(json!({"do": "reset"}));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test(&provider));
}

/// The provider's entry; `sub` is the user name, `groups` the groups.
fn entry(provider: &Provider) -> JwtAuthenticator {
    let mut entry = JwtAuthenticator::default();
    entry.issuer.url.clone_from(&provider.issuer);
    entry.issuer.certificate_authority.clone_from(&provider.ca);
    entry.issuer.audiences = vec!["kubectl".to_owned()];
    entry.claim_mappings.username.claim = "sub".to_owned();
    entry.claim_mappings.username.prefix = Some("op:".to_owned());
    entry.claim_mappings.groups.claim = "groups".to_owned();
    entry.claim_mappings.groups.prefix = Some("op:".to_owned());
    entry
}

/// Short waits, so that tests are quick.
fn quick() -> Options {
    Options::default()
        .with_retry(Duration::from_millis(50))
        .with_timeout(Duration::from_secs(5))
        .with_min_refresh(Duration::from_millis(20))
}

fn begin(entry: JwtAuthenticator, options: &Options) -> Started {
    let config = AuthenticationConfiguration { jwt: vec![entry], anonymous: None };
    start(&config, options).unwrap().remove(0)
}

async fn ready(entry: JwtAuthenticator, options: &Options) -> Started {
    let started = begin(entry, options);
    let waiting = tokio::time::timeout(Duration::from_secs(10), started.wait_ready());
    waiting.await.unwrap_or_else(|_| panic!("{:?}", started.status()));
    started
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

/// What is answered to a token, errors as their text.
async fn ask(
    of: &Arc<dyn TokenAuthenticator>,
    token: &str,
) -> Result<Option<Authenticated>, String> {
    let attempt = Attempt { token, audiences: &[], now: now() };
    of.authenticate(attempt).await.map_err(|error| error.to_string())
}

async fn name(of: &Started, token: &str) -> String {
    ask(&of.authenticator(), token).await.unwrap().expect("an opinion").user.name
}

async fn refusal(of: &Started, token: &str) -> String {
    ask(&of.authenticator(), token).await.expect_err("a refusal")
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How often a path was asked for since the last time anybody looked.
fn asked(provider: &Provider, path: &str) -> usize {
    provider.requests().iter().filter(|request| request["path"] == path).count()
}
