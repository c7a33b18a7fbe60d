//! A certificate authority, a server to start, and clients to ask it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use portcullis::webhook::metrics::Metrics;
use portcullis::webhook::server::{
    ClientAuth, Drain, Drained, Limits, Peer, Phase, Refusal, ReloadableTls, Server, TlsError,
    TlsFiles, read_body,
};
use rustls::ClientConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

pub(super) use crate::support::tls::*;

/// What the server is: its own certificate, and the CA that it takes clients of.
pub(super) fn tls(own: &Identity, ca: Option<&str>, clients: ClientAuth) -> Arc<ReloadableTls> {
    Arc::new(ReloadableTls::new(&files(own, ca), clients).unwrap())
}

pub(super) fn reload(
    tls: &ReloadableTls,
    own: &Identity,
    ca: Option<&str>,
) -> Result<(), TlsError> {
    tls.reload(&files(own, ca))
}

fn files<'a>(own: &'a Identity, ca: Option<&'a str>) -> TlsFiles<'a> {
    TlsFiles {
        certificate: own.certificate.as_bytes(),
        key: own.key.as_bytes(),
        client_ca: ca.map(str::as_bytes),
    }
}

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) operations: SocketAddr,
    pub(super) metrics: Arc<Metrics>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) tls: Arc<ReloadableTls>,
    /// Lets one request to `/slow` go on.
    pub(super) gate: Arc<Notify>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Drained>,
}

/// A server with the routes of [`router`].
pub(super) async fn start(limits: Limits, tls: Arc<ReloadableTls>, drain: Drain) -> Running {
    let review = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, operations) = (review.local_addr().unwrap(), other.local_addr().unwrap());
    let (metrics, gate) = (Arc::new(Metrics::new()), Arc::new(Notify::new()));
    let server = Server::new(limits.clone(), Arc::clone(&metrics))
        .with_drain(drain)
        .review(review, Arc::clone(&tls));
    let phase = server.phase();
    let ready = phase.clone();
    let readyz = move || async move { format!("{:?}", *ready.borrow()) };
    let server = server
        .operations(other, Router::new().route("/readyz", get(readyz)), Default::default())
        .unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = router(limits, Arc::clone(&gate));
    let done = tokio::spawn(server.run(router, async move {
        let _ = stopped.await;
    }));
    Running { address, operations, metrics, phase, tls, gate, stop, done }
}

impl Running {
    pub(super) fn stop(self) -> JoinHandle<Drained> {
        self.stop.send(()).unwrap();
        self.done
    }

    /// The value of a metric line that begins so.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics.render().unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    pub(super) fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!("portcullis_refused_total{{reason=\"{reason}\"}}"))
    }

    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        within(what, async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

fn router(limits: Limits, gate: Arc<Notify>) -> Router {
    let who = |Extension(peer): Extension<Peer>| async move {
        let name = peer.certificate().map(|one| one.common_name().unwrap_or("?").to_owned());
        format!("{name:?}")
    };
    let slow = move || async move {
        gate.notified().await;
        "slow"
    };
    let size = move |body: Body| async move {
        Ok::<_, Refusal>(read_body(body, &limits).await?.len().to_string())
    };
    Router::new()
        .route("/", get(who))
        .route("/readyz", get(|| async { "ready" }))
        .route("/slow", get(slow))
        .route("/size", post(size))
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("as asked")
                }
            }),
        )
        .route("/never", get(std::future::pending::<()>).post(std::future::pending::<()>))
}

/// One GET on an open connection.
pub(super) async fn get_on(
    stream: &mut TlsStream<TcpStream>,
    path: &str,
) -> std::io::Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    hear(stream).await.map(|(status, _, body)| (status, body))
}

/// One GET on a connection of its own.
pub(super) async fn ask(
    address: SocketAddr,
    config: &ClientConfig,
    path: &str,
) -> std::io::Result<(u16, String)> {
    get_on(&mut connect(address, config, "http/1.1").await?, path).await
}

pub(super) async fn h2_get(
    sender: &mut http2::SendRequest<Full<Bytes>>,
    path: &str,
) -> Result<(u16, String), hyper::Error> {
    let uri = format!("https://localhost{path}");
    let request = http::Request::get(uri).body(Full::default()).unwrap();
    h2_request(sender, request).await.map(|(parts, body)| (parts.status.as_u16(), body))
}

/// A server that asks nothing of its clients, and a client of it.
pub(super) async fn open_server(limits: Limits, drain: Drain) -> (Running, ClientConfig) {
    let authority = Authority::new("server CA");
    let tls = tls(&authority.issue("server"), None, ClientAuth::None);
    (start(limits, tls, drain).await, client(&authority, None))
}

pub(super) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}
