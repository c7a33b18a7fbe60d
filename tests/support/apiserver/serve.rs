//! Connections, and what every request meets before it is answered: who asks, the log, faults.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Method, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::answer::{self, Answer};
use super::fault::{self, Fault};
use super::kinds;
use super::object::render;
use super::status::Status;
use super::stream;
use super::{Shared, lock};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; empty for paths
    /// that are no resource's.
    pub(crate) verb: String,
    /// The plural.
    pub(crate) resource: String,
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
    pub(crate) path: String,
    /// Decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    /// Empty when nobody knows.
    pub(crate) user: String,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(self.parameter(name), Some("1" | "true"))
    }
}

pub(super) fn tls(ca: &str, certificate: &str, key: &str) -> TlsAcceptor {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if shared.state.borrow().is_down {
            continue;
        }
        tokio::spawn(connection(Arc::clone(&shared), tcp, tls.clone()));
    }
}

async fn connection(shared: Arc<Shared>, tcp: TcpStream, tls: TlsAcceptor) {
    let mut state = shared.state.subscribe();
    let cut = state.borrow().cut;
    let serve = async move {
        let _ = tcp.set_nodelay(true);
        let Ok(stream) = tls.accept(tcp).await else { return };
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.map(|certificate| certificate.to_vec());
        let service = service_fn(move |request| {
            let (shared, certificate) = (Arc::clone(&shared), certificate.clone());
            async move { Ok::<_, Infallible>(answer_to(&shared, certificate, request).await) }
        });
        let server = auto::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    };
    tokio::select! {
        () = serve => {}
        _ = state.wait_for(|state| state.cut != cut) => {}
    }
}

async fn answer_to(
    shared: &Arc<Shared>,
    certificate: Option<Vec<u8>>,
    request: http::Request<Incoming>,
) -> Response<Payload> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return refused(&Status::bad_request("the body cannot be read"));
    };
    let header = |name| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let user = {
        let access = lock(&shared.access);
        let token = header(header::AUTHORIZATION);
        let by_token = token.strip_prefix("Bearer ").and_then(|token| access.tokens.get(token));
        let by_certificate = certificate.and_then(|der| access.certificates.get(&der));
        by_token.or(by_certificate).cloned().unwrap_or_default()
    };
    let path = parts.uri.path().to_owned();
    let (known, mut asked) = {
        let store = lock(&shared.store);
        let served = store.tables.iter().filter(|table| table.is_served);
        let served: Vec<kinds::Resource> = served.map(|table| table.resource).collect();
        let asked = route(&parts.method, &path, parts.uri.query().unwrap_or_default(), &served);
        (served, asked)
    };
    asked.accept = header(header::ACCEPT);
    asked.content_type = header(header::CONTENT_TYPE);
    asked.user = user;
    {
        lock(&shared.requests).push(asked.clone());
        shared.arrived.notify_all();
    }
    let continued = asked.parameter("continue").is_some_and(|token| !token.is_empty());
    let fault = {
        let mut faults = lock(&shared.faults);
        fault::take(&mut faults, &asked.verb, &asked.resource, continued)
    };
    match &fault {
        Some(Fault::Answer(status)) => return refused(status),
        Some(Fault::NoAnswer) => std::future::pending().await,
        _ => {}
    }
    if asked.user.is_empty() {
        return refused(&Status::unauthorized());
    }
    if asked.resource.is_empty() {
        if ["/healthz", "/readyz", "/livez"].contains(&path.as_str()) {
            return whole(200, b"ok".to_vec());
        }
        let document = kinds::discovery(&path, &known);
        return document.map_or_else(
            || refused(&Status::no_such_path()),
            |document| whole(200, render(&document)),
        );
    }
    match answer::answer(shared, &asked, &body.to_bytes()) {
        Err(status) => refused(&status),
        Ok(Answer::Whole(code, text)) => match fault {
            Some(fault) => disturbed(code, text, fault),
            None => whole(code, text),
        },
        Ok(Answer::Watch(watching)) => {
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(stream::run(Arc::clone(shared), watching, fault, sender));
            response(200, Payload::Stream(receiver), None)
        }
    }
}

/// Reads a path and a query.
fn route(method: &Method, path: &str, query: &str, served: &[kinds::Resource]) -> Request {
    let mut request = Request {
        verb: String::new(),
        resource: String::new(),
        version: String::new(),
        namespace: String::new(),
        name: String::new(),
        subresource: String::new(),
        path: path.to_owned(),
        query: query.split('&').filter(|pair| !pair.is_empty()).map(parameter).collect(),
        accept: String::new(),
        content_type: String::new(),
        user: String::new(),
        at: Instant::now(),
    };
    let parts: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return request,
    };
    let find = |plural: &str| {
        served.iter().find(|resource| {
            resource.group == group
                && resource.plural == plural
                && resource.versions.contains(&version)
        })
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..]
            if rest.first().is_some_and(|plural| find(plural).is_some()) =>
        {
            (*namespace, rest)
        }
        rest => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, "", ""),
        [plural, name] => (plural, *name, ""),
        [plural, name, subresource] => (plural, *name, *subresource),
        _ => return request,
    };
    let Some(resource) = find(plural) else { return request };
    let is_known = subresource.is_empty() || resource.subresources.contains(&subresource);
    // Objects of namespaces are named within one.
    let is_placed = resource.namespaced || namespace.is_empty();
    let is_found = name.is_empty() || !resource.namespaced || !namespace.is_empty();
    if !is_known || !is_placed || !is_found {
        return request;
    }
    request.verb = match (method.as_str(), name.is_empty()) {
        ("GET", _) if request.is_set("watch") => "watch",
        ("GET", true) => "list",
        ("GET", false) => "get",
        ("POST", true) => "create",
        ("PUT", false) => "update",
        ("PATCH", false) => "patch",
        ("DELETE", false) => "delete",
        ("DELETE", true) => "deletecollection",
        _ => return request,
    }
    .to_owned();
    request.resource = resource.plural.to_owned();
    request.version = version.to_owned();
    request.namespace = namespace.to_owned();
    request.name = name.to_owned();
    request.subresource = subresource.to_owned();
    request
}

fn parameter(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
}

/// Percent-encoding.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// ---- answers ----------------------------------------------------------------------------------------

fn response(code: u16, payload: Payload, retry_after: Option<u64>) -> Response<Payload> {
    let mut response = Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-cache, private");
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(payload).unwrap()
}

fn whole(code: u16, text: Vec<u8>) -> Response<Payload> {
    response(code, Payload::Whole(Some(text.into())), None)
}

fn refused(status: &Status) -> Response<Payload> {
    if status.body.is_null() {
        let mut response = whole(status.code, b"404 page not found\n".to_vec());
        let text = header::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        return response;
    }
    let payload = Payload::Whole(Some(render(&status.body).into()));
    response(status.code, payload, status.retry_after)
}

/// A whole answer that does not arrive as one.
fn disturbed(code: u16, text: Vec<u8>, fault: Fault) -> Response<Payload> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut out = stream::Out::new(sender, Some(&fault));
        let text = if let Fault::Bytes(bytes) = fault { bytes } else { text };
        let _ = out.send(text).await;
    });
    response(code, Payload::Stream(receiver), None)
}

/// The body of an answer.
pub(super) enum Payload {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Stream(receiver) => {
                receiver.poll_recv(context).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text) => {
                let length = text.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(length.try_into().unwrap())
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
