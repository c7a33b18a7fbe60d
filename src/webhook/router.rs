use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderName, HeaderValue, Request, header};
use tracing::Instrument as _;

use super::app::{App, Asker};
use super::reply::Reply;
use super::request_id::{RequestId, RequestIds};
use super::server::{Limits, Peer, read_body};
use super::telemetry::request_span;
use super::traces::Trace;

/// In which a failure names its request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The paths that an API server posts to, to be served by [`Server`](super::server::Server) or to be
/// nested into a router of your own: `POST /authorize` and `POST /authenticate`. Any query is ignored;
/// API servers send `?timeout=…` (S-WHA-1).
///
/// Of the limits it applies those on bodies; the rest is the transport's.
pub fn reviews(app: Arc<App>, limits: Limits) -> Router {
    let state = Arc::new(Reviews { app, limits, ids: RequestIds::new() });
    Router::new()
        .route("/authorize", post(authorize))
        .route("/authenticate", post(authenticate))
        .with_state(state)
}

struct Reviews {
    app: Arc<App>,
    limits: Limits,
    ids: RequestIds,
}

impl Reviews {
    /// A span for the collector, if there is one and this request is among those that it sees.
    fn trace(&self, route: &'static str, request: &Request<Body>) -> Option<Trace<'_>> {
        self.app.traces()?.begin(route, request.headers())
    }
}

/// What was answered ends the span.
fn traced(
    trace: Option<Trace<'_>>,
    id: &RequestId,
    decision: &'static str,
    response: Response,
) -> Response {
    if let Some(trace) = trace {
        trace.end(id, decision, response.status());
    }
    response
}

async fn authorize(State(reviews): State<Arc<Reviews>>, request: Request<Body>) -> Response {
    let id = reviews.ids.of(request.headers());
    let trace = reviews.trace("/authorize", &request);
    let peer = sender(&request);
    let body = match read_body(request.into_body(), &reviews.limits).await {
        Ok(body) => body,
        Err(refusal) => return traced(trace, &id, "", named(refusal.into_response(), &id)),
    };
    let asker = Asker { request_id: id.as_str(), peer };
    let (reply, decided) = request_span("authorize", &id, peer).in_scope(|| {
        let (reply, decided) = reviews.app.authorized(&body, asker);
        (said(reply), decided)
    });
    traced(trace, &id, decided.as_str(), respond(reply, &id))
}

async fn authenticate(State(reviews): State<Arc<Reviews>>, request: Request<Body>) -> Response {
    let id = reviews.ids.of(request.headers());
    let trace = reviews.trace("/authenticate", &request);
    let peer = sender(&request);
    let body = match read_body(request.into_body(), &reviews.limits).await {
        Ok(body) => body,
        Err(refusal) => return traced(trace, &id, "", named(refusal.into_response(), &id)),
    };
    let asker = Asker { request_id: id.as_str(), peer };
    let answered = async {
        let (reply, proved) = reviews.app.authenticated(&body, asker).await;
        (said(reply), proved)
    };
    let (reply, proved) = answered.instrument(request_span("authenticate", &id, peer)).await;
    traced(trace, &id, proved.as_str(), respond(reply, &id))
}

/// Where the connection comes from, if the server says so.
fn sender(request: &Request<Body>) -> Option<SocketAddr> {
    request.extensions().get::<Peer>().map(Peer::address)
}

/// One event for each request, in its span.
fn said(reply: Reply) -> Reply {
    tracing::debug!(status = reply.status.as_u16(), "answered");
    reply
}

/// A failure names its request, for whoever looks it up in the logs. An answer does not: API servers
/// read no headers of it, and a header that is new in every answer would fill the table of HTTP/2.
fn respond(reply: Reply, id: &RequestId) -> Response {
    let is_answer = reply.status.is_success();
    let response = reply.into_response();
    if is_answer { response } else { named(response, id) }
}

fn named(mut response: Response, id: &RequestId) -> Response {
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
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

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;
    use crate::api::inventory::Inventory;
    use crate::authn::cache::{CacheConfig, TokenCache};
    use crate::authn::chain::TokenChain;
    use crate::snapshot::{Config, Mode, compile};

    async fn ask(path: &str, body: impl Into<Body>) -> Response {
        let snapshot = compile(&Inventory::default(), &Config::new([Mode::AlwaysAllow])).unwrap();
        let tokens = TokenCache::new(Arc::new(TokenChain::default()), CacheConfig::default());
        let app = App::new(Arc::new(snapshot), tokens.unwrap());
        let request = Request::post(path).header(REQUEST_ID, "r-1").body(body.into());
        reviews(Arc::new(app), Limits::default()).oneshot(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_failure_names_its_request_and_an_answer_does_not() {
        for path in ["/authorize", "/authenticate"] {
            let failure = ask(path, "{}").await;
            assert_eq!(failure.status(), 400, "{path}");
            assert_eq!(failure.headers()[REQUEST_ID], "r-1", "{path}");
            let refusal = ask(path, vec![b' '; 2 << 20]).await;
            assert_eq!(refusal.status(), 413, "{path}");
            assert_eq!(refusal.headers()[REQUEST_ID], "r-1", "{path}");
        }
        let answer = ask(
            "/authorize",
            r#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {"user": "jane", "nonResourceAttributes": {}}}"#,
        );
        let answer = answer.await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key(REQUEST_ID));
    }
}
