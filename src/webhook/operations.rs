use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::app::App;
use super::cluster::FollowedCluster;
use super::load::{FetchedKeys, FollowedRevocations, Loaded};
use super::reload::Live;
use super::reply::Reply;
use super::server::{Phase, ReloadableTls};
use crate::source::oidc::Started;

/// What people and probes look at: `/livez`, `/readyz`, `/metrics` and, where a candidate policy is
/// tried, `/shadow`. To be served apart from the reviews: it is plain and open.
///
/// `/readyz` is 200 when everything that is configured is loaded, keys from URLs and the objects of a
/// cluster included, and the server is not stopping. Its text says which
/// revision serves, since when, and what is wrong with newer files, if anything is: a failed reload
/// does not make a server unready, since the last good policy decides as before.
pub fn operations(
    app: Arc<App>,
    live: Arc<Live>,
    tls: Option<Arc<ReloadableTls>>,
    phase: watch::Receiver<Phase>,
) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/shadow", get(shadow))
        .with_state(Operations { app, live, tls, phase })
}

#[derive(Clone)]
struct Operations {
    app: Arc<App>,
    live: Arc<Live>,
    tls: Option<Arc<ReloadableTls>>,
    phase: watch::Receiver<Phase>,
}

/// A certificate that ends so soon should have been renewed: a week is time for people.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Until when the certificate is good, and what that means now.
fn write_certificate(text: &mut String, not_after: i64, now: Timestamp) -> std::fmt::Result {
    let end = Timestamp::from_second(not_after).unwrap_or(Timestamp::MAX);
    let left = end.duration_since(now);
    let note = if left.is_negative() {
        ": EXPIRED, no API server takes it; renew it"
    } else if left < SOON {
        ": renew it"
    } else {
        ""
    };
    writeln!(text, "certificate: until {}{note}", end.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

async fn readyz(State(operations): State<Operations>) -> (StatusCode, String) {
    let phase = *operations.phase.borrow();
    let is_whole = {
        let loaded = &operations.live.serving().loaded;
        loaded.fetched.iter().all(FetchedKeys::is_loaded)
            && loaded.organisation.all_issuers().all(Started::is_ready)
    };
    let unready = match phase {
        Phase::Draining => Some("stopping"),
        Phase::Serving if !is_whole => Some("keys were not fetched yet"),
        Phase::Serving => {
            let loaded = &operations.live.serving().loaded;
            revocations_unready(loaded).or_else(|| cluster_unready(loaded))
        }
    };
    let (status, first) = match unready {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    };
    let mut text = first;
    // Writing to a string cannot fail.
    let _ = describe(&operations.app, &operations.live, &mut text);
    if let Some(tls) = &operations.tls {
        let _ = write_certificate(&mut text, tls.serving().not_after, Timestamp::now());
    }
    (status, text)
}

/// Why what is revoked is not known: whoever was revoked before this start would be let in.
fn revocations_unready(loaded: &Loaded) -> Option<&'static str> {
    let is_ready = loaded.revocations.as_ref().is_none_or(FollowedRevocations::is_ready);
    (!is_ready).then_some("what replicas revoke was not heard yet")
}

/// Why a policy that comes from a cluster should not be asked.
fn cluster_unready(loaded: &Loaded) -> Option<&'static str> {
    let followed = loaded.followed.as_ref().filter(|_| loaded.plan.is_some())?;
    if !followed.is_serving() {
        return Some("the cluster was not listed yet");
    }
    followed.is_unready().then_some("the cluster is lost")
}

fn describe(app: &App, live: &Live, text: &mut String) -> std::fmt::Result {
    let serving = live.serving();
    let policy = &serving.loaded.policy;
    let followed = serving.loaded.followed.as_ref();
    let of_cluster = followed.filter(|_| serving.loaded.plan.is_some());
    let (roles, bindings) =
        of_cluster.map_or((policy.roles, policy.bindings), FollowedCluster::counts);
    let generation = match of_cluster {
        Some(_) => app.generation(),
        None => serving.generation,
    };
    writeln!(
        text,
        "policy: revision {}, generation {}, loaded {}, {} roles, {} bindings",
        serving.loaded.revision,
        generation,
        rfc3339(serving.loaded_at),
        roles,
        bindings,
    )?;
    if let Some(followed) = followed {
        followed.describe(text, SystemTime::now())?;
    }
    let status = live.status();
    if let Some(since) = status.failing_since {
        let error = status.last_error.as_deref().unwrap_or_default();
        writeln!(text, "reload: failing since {}: {}", rfc3339(since), error.trim_end())?;
    }
    if let Some(error) = &status.tls_error {
        writeln!(text, "tls: new files are not taken: {}", error.trim_end())?;
    }
    if !status.needs_restart.is_empty() {
        writeln!(text, "restart needed for: {}", status.needs_restart.join(", "))?;
    }
    if let Some(revocations) = &serving.loaded.revocations {
        write_revocations(revocations, text)?;
    }
    for keys in serving.loaded.fetched.iter().filter(|keys| !keys.is_loaded()) {
        let error = keys.status().last_error.map(|error| error.to_string());
        let error = error.unwrap_or_else(|| "no answer yet".to_owned());
        writeln!(text, "keys of {}: none yet: {}", keys.url(), error.trim_end())?;
    }
    for issuer in serving.loaded.organisation.all_issuers().filter(|issuer| !issuer.is_ready()) {
        writeln!(text, "issuer {}: no keys yet", issuer.issuer())?;
    }
    for (directory, status) in serving.loaded.organisation.directories() {
        for server in status.iter().filter(|server| server.failures > 0) {
            let error = server.last_error.as_deref().unwrap_or_default();
            let (url, failures) = (&server.url, server.failures);
            writeln!(text, "directory {directory}: {url}: {failures} failures: {error}")?;
        }
    }
    for problem in &serving.loaded.shadow_problems {
        writeln!(text, "shadow: no candidate is tried: {problem}")?;
    }
    for warning in &serving.loaded.warnings {
        writeln!(text, "warning: {warning}")?;
    }
    Ok(())
}

fn write_revocations(revocations: &FollowedRevocations, text: &mut String) -> std::fmt::Result {
    let status = revocations.status();
    writeln!(
        text,
        "revocations: {} entries, changed {}",
        revocations.shared().load().len(),
        rfc3339(status.changed_at),
    )?;
    if let (Some(problem), Some(since)) = (&status.problem, status.failing_since) {
        writeln!(text, "revocations: failing since {}: {}", rfc3339(since), problem.trim_end())?;
    }
    let Some(replicas) = revocations.cluster() else { return Ok(()) };
    let status = replicas.status();
    writeln!(
        text,
        "revocations of replicas: {} ConfigMaps, {} lines kept of what is gone",
        status.chunks, status.kept
    )?;
    for problem in &status.problems {
        writeln!(text, "revocations of replicas: does not count: {problem}")?;
    }
    for (since, why) in status.watch.iter().filter_map(|kind| kind.lost.as_ref()) {
        writeln!(
            text,
            "revocations of replicas: lost since {}: {}",
            rfc3339(*since),
            why.trim_end()
        )?;
    }
    Ok(())
}

async fn metrics(State(operations): State<Operations>) -> Response {
    if let Some(followed) = &operations.live.serving().loaded.followed {
        followed.count(operations.app.metrics(), SystemTime::now());
    }
    match operations.app.metrics().render() {
        Ok(text) => {
            const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn shadow(State(operations): State<Operations>) -> Response {
    let summary = operations.app.shadow().map(|shadow| shadow.summary());
    if let Some(summary) = summary.filter(|summary| summary.candidate.is_some()) {
        return Reply::answer(&summary).into_response();
    }
    let serving = operations.live.serving();
    let text = match serving.loaded.shadow_problems.as_slice() {
        [] => "no candidate policy is tried; name one under `shadow` in the configuration\n".into(),
        problems => problems.iter().fold(String::new(), |text, problem| {
            format!("{text}no candidate policy is tried: {problem}\n")
        }),
    };
    (StatusCode::NOT_FOUND, text).into_response()
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    // Seconds are enough for people, and a time out of range is a clock gone mad.
    Timestamp::try_from(time).map_or_else(
        |_| "at an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;
    use crate::authn::cache::{CacheConfig, TokenCache};
    use crate::webhook::load::load;
    use crate::webhook::load::tests::{Home, SERVER};

    /// What `/readyz` says with this below the configuration.
    async fn readyz(more: &str) -> (StatusCode, String) {
        let home = Home::new();
        home.write("server.yaml", &format!("{SERVER}{more}"));
        let loaded = load(&home.path("server.yaml")).unwrap();
        let tokens = TokenCache::new(loaded.tokens(), CacheConfig::default()).unwrap();
        let app = App::new(Arc::clone(&loaded.policy.snapshot), tokens);
        let live = Live::new(loaded, Arc::clone(app.metrics()), SystemTime::now());
        let phase = watch::Sender::new(Phase::Serving).subscribe();
        let router = operations(Arc::new(app), Arc::new(live), None, phase);
        let request = http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn keys_that_never_came_are_unready_and_without_such_keys_it_is_ready() {
        let (status, text) = readyz(
            "authenticators: [{serviceAccounts: {issuers: [a], boundObjects: Skip, \
             jwks: {url: 'http://127.0.0.1:1/keys'}}}]\n",
        )
        .await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.starts_with("not ready: keys were not fetched yet\npolicy: "), "{text}");
        assert!(text.contains("\nkeys of http://127.0.0.1:1/keys: none yet: "), "{text}");
        let (status, text) = readyz("").await;
        assert!(status == StatusCode::OK && text.starts_with("ready\npolicy: "), "{text}");
    }

    #[test]
    fn a_certificate_that_ends_soon_or_has_ended_is_pointed_out() {
        let said = |seconds: i64| {
            let mut text = String::new();
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            write_certificate(&mut text, 1_800_000_000 + seconds, now).unwrap();
            text
        };
        let day = 24 * 60 * 60;
        assert_eq!(said(8 * day), "certificate: until 2027-01-23T08:00:00Z\n");
        assert!(said(6 * day).ends_with("Z: renew it\n"));
        assert!(said(-1).contains("EXPIRED"));
    }
}
