use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use http::{HeaderValue, Request, header};

use super::app::{App, Asker};
use super::reply::Reply;
use super::request_id::RequestIds;
use super::server::{Limits, Peer, read_body};

/// The paths that an API server posts to, to be served by [`Server`](super::server::Server) or to be
/// nested into a router of your own: `POST /authorize` and `POST /authenticate`. Any query is ignored;
/// API servers send `?timeout=…` (S-WHA-1).
///
/// Of the limits it applies those on bodies; the rest is the transport's.
pub fn reviews(app: Arc<App>, limits: Limits) -> Router {
    let state = Reviews { app, limits: Arc::new(limits), ids: Arc::new(RequestIds::new()) };
    Router::new()
        .route("/authorize", post(authorize))
        .route("/authenticate", post(authenticate))
        .with_state(state)
}

#[derive(Clone)]
struct Reviews {
    app: Arc<App>,
    limits: Arc<Limits>,
    ids: Arc<RequestIds>,
}

type Sender = Option<Extension<Peer>>;

async fn authorize(
    State(reviews): State<Reviews>,
    peer: Sender,
    request: Request<Body>,
) -> Response {
    let id = reviews.ids.of(request.headers());
    let body = match read_body(request.into_body(), &reviews.limits).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let peer = peer.map(|Extension(peer)| peer.address());
    reviews.app.authorize(&body, Asker { request_id: id.as_str(), peer }).into_response()
}

async fn authenticate(
    State(reviews): State<Reviews>,
    peer: Sender,
    request: Request<Body>,
) -> Response {
    let id = reviews.ids.of(request.headers());
    let body = match read_body(request.into_body(), &reviews.limits).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let peer = peer.map(|Extension(peer)| peer.address());
    let asker = Asker { request_id: id.as_str(), peer };
    reviews.app.authenticate(&body, asker).await.into_response()
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
