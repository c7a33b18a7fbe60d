use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::Request;

use super::answer::Ending;
use super::door::{Door, Ended};
use super::proof::{Proof, Shown};
use crate::source::fetch::unix_now;
use crate::webhook::metrics::Metrics;
use crate::webhook::reload::Live;
use crate::webhook::reply::Reply;
use crate::webhook::request_id::RequestIds;
use crate::webhook::server::{Limits, Peer, read_body};

/// `/login` and `/login/refresh`, by the door of what serves.
pub(in crate::webhook) fn logins(live: Arc<Live>, metrics: Arc<Metrics>, limits: Limits) -> Router {
    let state = Arc::new(Logins { live, metrics, limits, ids: RequestIds::new() });
    Router::new()
        .route("/login", get(describe).post(log_in))
        .route("/login/refresh", post(refresh))
        .with_state(state)
}

struct Logins {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    limits: Limits,
    ids: RequestIds,
}

#[derive(Clone, Copy)]
enum What {
    LogIn,
    Refresh,
}

async fn describe(State(logins): State<Arc<Logins>>) -> Response {
    match logins.door() {
        Some(door) => door.described().into_response(),
        None => closed(),
    }
}

async fn log_in(State(logins): State<Arc<Logins>>, request: Request<Body>) -> Response {
    logins.answer(What::LogIn, request).await
}

async fn refresh(State(logins): State<Arc<Logins>>, request: Request<Body>) -> Response {
    logins.answer(What::Refresh, request).await
}

/// The configuration was changed to one without a door; the listener goes with the next restart.
fn closed() -> Response {
    Reply::failure(http::StatusCode::NOT_FOUND, "nobody logs in here any more").into_response()
}

impl Logins {
    fn door(&self) -> Option<Arc<Door>> {
        self.live.serving().loaded.door.clone()
    }

    /// Whether it is a credential of which nobody can say yet whether it is revoked.
    fn may_be_revoked(&self, proof: Proof<'_>) -> bool {
        let loaded = &self.live.serving().loaded;
        matches!(proof, Proof::Bearer(_) | Proof::Certificates(_))
            && loaded.revocations.as_ref().is_some_and(|revocations| !revocations.is_ready())
    }

    async fn answer(&self, what: What, request: Request<Body>) -> Response {
        let started = Instant::now();
        let Some(door) = self.door() else { return closed() };
        let id = self.ids.of(request.headers());
        let (parts, body) = request.into_parts();
        let body = match read_body(body, &self.limits).await {
            Ok(body) => body,
            Err(refusal) => return refusal.into_response(),
        };
        let peer = parts.extensions.get::<Peer>();
        let shown = Shown {
            proof: Proof::of(&parts.headers, peer.map(Peer::chain).unwrap_or_default()),
            source: peer.map(|peer| peer.address().ip().to_canonical()),
            now: unix_now(),
        };
        let ended = match what {
            _ if self.may_be_revoked(shown.proof) => {
                Ended::no(Ending::Unavailable, "", "what is revoked has not been read yet")
            }
            What::LogIn => door.log_in(shown, &body).await,
            What::Refresh => door.refresh(shown, &body).await,
        };
        let Ended { ending, method, user, reason, negotiated } = ended;
        let what = match what {
            What::LogIn => "login",
            What::Refresh => "refresh",
        };
        self.metrics.login(shown.proof.kind(), ending.outcome());
        let outcome = ending.outcome().as_str();
        let source = shown.source.map(tracing::field::display);
        let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Who it was is said only once it is proved: people type passwords where names belong.
        match user {
            Some(user) if reason.is_empty() => {
                tracing::info!(%id, source, %method, user, outcome, took_us, "{what}");
            }
            user => {
                tracing::warn!(%id, source, %method, user, outcome, reason, took_us, "{what}");
            }
        }
        ending.into_response(door.challenges(), negotiated)
    }
}
