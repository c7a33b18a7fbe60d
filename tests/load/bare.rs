//! The bare handler beside which the review server is measured: the same transport, the body read and
//! parsed the same way, and always the same answer. No policy, no metrics of decisions, no log.
//!
//! ```text
//! cargo run --release --features webhook --example bare_server -- FOLDER 127.0.0.1:9543
//! ```
//!
//! `FOLDER` holds `tls.crt` and `tls.key`, and `client-ca.crt` if clients need certificates.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderValue, Request, StatusCode, header};
use portcullis::api::authentication::TokenReview;
use portcullis::api::authorization::IncomingReview;
use portcullis::webhook::metrics::Metrics;
use portcullis::webhook::server::{ClientAuth, Limits, ReloadableTls, Server, TlsFiles, read_body};
use tokio::net::TcpListener;

const ALLOWED: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true,"reason":"RBAC: allowed by RoleBinding \"readers/team\" of Role \"reader\" to User \"jane\""}}"#;
const PROVED: &str = r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{},"status":{"authenticated":true,"user":{"username":"jane","uid":"1","groups":["dev","system:authenticated"]},"audiences":["https://kubernetes.default.svc"]}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(address)) = (words.next(), words.next()) else {
        return Err("usage: bare_server FOLDER HOST:PORT".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(folder.into(), address))
}

async fn serve(folder: PathBuf, address: String) -> Result<(), Box<dyn Error>> {
    let read = |name: &str| fs::read(folder.join(name));
    let (certificate, key) = (read("tls.crt")?, read("tls.key")?);
    // The review server asks for client certificates exactly when it has authorities for them.
    let ca = read("client-ca.crt").ok();
    let clients = match ca {
        Some(_) => ClientAuth::Required { allowed: Vec::new() },
        None => ClientAuth::None,
    };
    let files = TlsFiles { certificate: &certificate, key: &key, client_ca: ca.as_deref() };
    let tls = ReloadableTls::new(&files, clients)?;
    let router = Router::new()
        .route("/authorize", post(|request| answer(request, authorize)))
        .route("/authenticate", post(|request| answer(request, authenticate)));
    let server = Server::new(Limits::default(), Arc::new(Metrics::new()))
        .review(TcpListener::bind(address).await?, Arc::new(tls));
    server.run(router, async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(())
}

fn authorize(body: &[u8]) -> Option<&'static str> {
    IncomingReview::from_json(body).is_ok().then_some(ALLOWED)
}

fn authenticate(body: &[u8]) -> Option<&'static str> {
    TokenReview::from_json(body).is_ok().then_some(PROVED)
}

async fn answer(request: Request<Body>, parse: fn(&[u8]) -> Option<&'static str>) -> Response {
    let body = match read_body(request.into_body(), &Limits::default()).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(text) = parse(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
