use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use jiff::Timestamp;
use tokio::sync::watch;

use super::app::App;
use super::reload::Live;
use super::reply::Reply;
use super::server::Phase;

/// What people and probes look at: `/livez`, `/readyz`, `/metrics` and, where a candidate policy is
/// tried, `/shadow`. To be served apart from the reviews: it is plain and open.
///
/// `/readyz` is 200 as long as something serves and the server is not stopping. Its text says which
/// revision serves, since when, and what is wrong with newer files, if anything is: a failed reload
/// does not make a server unready, since the last good policy decides as before.
pub fn operations(app: Arc<App>, live: Arc<Live>, phase: watch::Receiver<Phase>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/shadow", get(shadow))
        .with_state(Operations { app, live, phase })
}

#[derive(Clone)]
struct Operations {
    app: Arc<App>,
    live: Arc<Live>,
    phase: watch::Receiver<Phase>,
}

async fn readyz(State(operations): State<Operations>) -> (StatusCode, String) {
    let status = match *operations.phase.borrow() {
        Phase::Serving => StatusCode::OK,
        Phase::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut text = String::from(match status {
        StatusCode::OK => "ready\n",
        _ => "not ready: stopping\n",
    });
    // Writing to a string cannot fail.
    let _ = describe(&operations.live, &mut text);
    (status, text)
}

fn describe(live: &Live, text: &mut String) -> std::fmt::Result {
    let serving = live.serving();
    let policy = &serving.loaded.policy;
    writeln!(
        text,
        "policy: revision {}, generation {}, loaded {}, {} roles, {} bindings",
        serving.loaded.revision,
        serving.generation,
        rfc3339(serving.loaded_at),
        policy.roles,
        policy.bindings,
    )?;
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
    for warning in &serving.loaded.warnings {
        writeln!(text, "warning: {warning}")?;
    }
    Ok(())
}

async fn metrics(State(operations): State<Operations>) -> Response {
    match operations.app.metrics().render() {
        Ok(text) => {
            const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn shadow(State(operations): State<Operations>) -> Response {
    match operations.app.shadow() {
        Some(shadow) => Reply::answer(&shadow.summary()).into_response(),
        None => {
            let hint =
                "no candidate policy is tried; name one under `shadow` in the configuration\n";
            (StatusCode::NOT_FOUND, hint).into_response()
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    // Seconds are enough for people, and a time out of range is a clock gone mad.
    Timestamp::try_from(time).map_or_else(
        |_| "at an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
