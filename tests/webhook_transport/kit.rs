//! A certificate authority, a server to start, and clients to ask it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portcullis::webhook::metrics::Metrics;
use portcullis::webhook::server::{
    ClientAuth, Drain, Drained, Limits, Peer, Phase, Refusal, ReloadableTls, Server, TlsError,
    TlsFiles, read_body,
};
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything here takes, shorter than a developer's patience.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

#[derive(Clone)]
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(super) fn issue(&self, name: &str) -> Identity {
        self.issue_with(name, Vec::new())
    }

    pub(super) fn issue_with(&self, name: &str, mut alternative: Vec<SanType>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.subject_alt_names.append(&mut alternative);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

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

/// A client that trusts `ca` and has a certificate or not.
pub(super) fn client(ca: &Authority, identity: Option<&Identity>) -> ClientConfig {
    client_of(ca, identity, &[&rustls::version::TLS13, &rustls::version::TLS12])
}

/// The same, for some versions of TLS only.
pub(super) fn client_of(
    ca: &Authority,
    identity: Option<&Identity>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    }
}

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("too long: {what}"))
}

pub(super) async fn connect(
    address: SocketAddr,
    config: &ClientConfig,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = config.clone();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").unwrap();
    within("handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
}

/// An HTTP/1.1 connection written by hand.
pub(super) async fn h1(address: SocketAddr, config: &ClientConfig) -> TlsStream<TcpStream> {
    connect(address, config, "http/1.1").await.unwrap()
}

pub(super) async fn say(stream: &mut (impl tokio::io::AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Status and body of the next answer; an error when the connection ends instead.
pub(super) async fn hear(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> std::io::Result<(u16, String, String)> {
    within("an answer", async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await?;
        Ok((status, head, String::from_utf8(body).unwrap()))
    })
    .await
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

/// Whether the server closes this connection, reading whatever comes before.
pub(super) async fn is_closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.is_ok()
}

/// An HTTP/2 connection.
pub(super) async fn h2(
    address: SocketAddr,
    config: &ClientConfig,
) -> http2::SendRequest<Full<Bytes>> {
    let stream = connect(address, config, "h2").await.unwrap();
    // Pings like an API server, only more often.
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_millis(100))
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender
}

pub(super) async fn h2_request(
    sender: &mut http2::SendRequest<Full<Bytes>>,
    request: http::Request<Full<Bytes>>,
) -> Result<(http::response::Parts, String), hyper::Error> {
    within("an answer", async {
        sender.ready().await?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((parts, String::from_utf8(body.to_vec()).unwrap()))
    })
    .await
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
