use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower::ServiceExt as _;

use super::body::Unread;
use super::gate::Seat;
use super::handshake::{self, Secured};
use super::life::{Life, later};
use super::peer::Peer;
use super::site::{Site, Stage};
use crate::webhook::metrics::{Metrics, Refused};

/// How long a connection that was asked to leave may take for its last bytes when nothing is in
/// flight.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a connection without a request yet may still bring one when the server is leaving: it
/// may be on its way, and the client of a fresh connection does not try again.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// One accepted connection, before anything is known of it.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) seat: Seat,
    pub(super) stage: watch::Receiver<Stage>,
    /// Dropped when the connection is over.
    pub(super) alive: mpsc::Sender<Infallible>,
}

/// Everything the requests of one connection share.
struct Connection {
    site: Arc<Site>,
    router: Router,
    peer: Peer,
    life: Life,
}

/// Serves a connection from the handshake to its end.
pub(super) async fn serve(site: Arc<Site>, arrival: Arrival) {
    let Arrival { stream, address, seat: _seat, mut stage, alive: _alive } = arrival;
    let _open = Open::new(&site.metrics);
    match &site.tls {
        Some(tls) => {
            let mut distrust = tls.distrust();
            let secured = tokio::select! {
                biased;
                secured = handshake::secure(&site, tls, stream, address) => secured,
                () = reached(&mut stage, Stage::Cut) => None,
            };
            if let Some(Secured { stream, peer, http2 }) = secured {
                speak(&site, stream, peer, http2, &mut stage, Some(&mut distrust)).await;
            }
        }
        None => speak(&site, stream, Peer::new(address, None), false, &mut stage, None).await,
    }
}

/// Keeps the gauge of open connections right, even if a handler panics.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.connections().inc();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections().dec();
    }
}

async fn speak<S>(
    site: &Arc<Site>,
    stream: S,
    peer: Peer,
    http2: bool,
    stage: &mut watch::Receiver<Stage>,
    distrust: Option<&mut watch::Receiver<()>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(Connection {
        site: Arc::clone(site),
        router: site.router.clone(),
        peer,
        life: Life::new(&site.limits, http2),
    });
    let shared = Arc::clone(&connection);
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let stream = TokioIo::new(Watched { stream, connection: Arc::clone(&connection) });
    let ended = if http2 {
        let hyper = site.http2.serve_connection(stream, service);
        drive(hyper, &connection, stage, distrust).await
    } else {
        let hyper = site.http1.serve_connection(stream, service);
        drive(hyper, &connection, stage, distrust).await
    };
    let peer = connection.peer.address();
    match ended {
        End::Closed(Ok(())) => tracing::debug!(%peer, "connection closed"),
        End::Closed(Err(error)) => tracing::debug!(%peer, %error, "connection failed"),
        End::Slow => {
            site.metrics.refused(Refused::Slow);
            tracing::info!(%peer, "connection closed: the request headers took too long");
        }
        End::Lingering => tracing::debug!(%peer, "connection cut: it did not leave when asked"),
        End::Cut => tracing::info!(%peer, "connection cut: the time to drain is over"),
    }
}

/// How a connection ended.
enum End {
    Closed(Result<(), hyper::Error>),
    /// Headers took too long.
    Slow,
    /// Asked to leave, and did not.
    Lingering,
    /// The server ends.
    Cut,
}

/// Runs a connection until it ends by itself, by time, or with the server.
async fn drive<C>(
    connection: C,
    shared: &Connection,
    stage: &mut watch::Receiver<Stage>,
    mut distrust: Option<&mut watch::Receiver<()>>,
) -> End
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let mut timer = pin!(sleep_until(later(Instant::now(), shared.life.look_again())));
    // When a connection that was asked to leave and has nothing in flight is cut.
    let mut farewell: Option<Instant> = None;
    let mut is_leaving = false;
    loop {
        let awaited = if is_leaving { Stage::Cut } else { Stage::Leaving };
        tokio::select! {
            biased;
            result = connection.as_mut() => return End::Closed(result),
            () = reached(stage, awaited) => {
                if is_leaving {
                    return End::Cut;
                }
                is_leaving = true;
                if shared.life.is_fresh() {
                    // Nothing was asked yet: see `FIRST_REQUEST`.
                    let patience = Instant::now() + FIRST_REQUEST;
                    let request = shared.life.first_request();
                    tokio::select! {
                        biased;
                        result = connection.as_mut() => return End::Closed(result),
                        _ = timeout_at(patience, request) => {}
                    }
                }
                connection.as_mut().graceful_shutdown();
                farewell.get_or_insert(Instant::now() + FAREWELL);
            }
            () = changed(&mut distrust), if farewell.is_none() => {
                tracing::debug!(peer = %shared.peer.address(), "asked to leave: a client CA is gone");
                connection.as_mut().graceful_shutdown();
                farewell = Some(Instant::now() + FAREWELL);
            }
            () = expired(timer.as_mut(), &shared.life, farewell) => {
                if shared.life.is_slow() {
                    return End::Slow;
                }
                if farewell.is_some() {
                    return End::Lingering;
                }
                connection.as_mut().graceful_shutdown();
                farewell = Some(Instant::now() + FAREWELL);
            }
        }
    }
}

/// Completes when the connection has nothing in flight and its time is over. The timer is only moved
/// when it would fire too late; one that fires too early is set anew.
async fn expired(mut timer: Pin<&mut Sleep>, life: &Life, farewell: Option<Instant>) {
    std::future::poll_fn(move |context: &mut Context<'_>| {
        loop {
            let deadline = deadline(life, farewell);
            if let Some(deadline) = deadline.filter(|deadline| *deadline < timer.deadline()) {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            match deadline {
                Some(deadline) if deadline <= now => return Poll::Ready(()),
                Some(deadline) => timer.as_mut().reset(deadline),
                // The end of a request need not wake us.
                None => timer.as_mut().reset(later(now, life.look_again())),
            }
        }
    })
    .await;
}

/// None while a request is in flight. One that was asked to leave has some time for its last bytes.
fn deadline(life: &Life, farewell: Option<Instant>) -> Option<Instant> {
    let deadline = life.deadline()?;
    let Some(farewell) = farewell else {
        return Some(deadline);
    };
    Some(deadline.min(farewell.max(later(life.quiet_since(), FAREWELL))))
}

async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    // A server that is gone without a word is one that ended.
    let _ = stage.wait_for(|stage| *stage >= wanted).await;
}

async fn changed(distrust: &mut Option<&mut watch::Receiver<()>>) {
    if let Some(distrust) = distrust
        && distrust.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Answers one request, or turns it away.
async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let site = &connection.site;
    let Some(_in_flight) = InFlight::enter(&connection) else {
        site.metrics.refused(Refused::Requests);
        tracing::debug!(peer = %connection.peer.address(), "503: too many requests at once");
        return Ok(overloaded());
    };
    if connection.peer.certificate().is_none()
        && let Some(tls) = &site.tls
        && !tls.clients().opens(request.uri().path())
    {
        site.metrics.refused(Refused::NoCertificate);
        tracing::debug!(peer = %connection.peer.address(), "403: no client certificate");
        let why = "a client certificate is required here\n";
        return Ok((StatusCode::FORBIDDEN, why).into_response());
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(connection.peer.clone());
    let mut response = match connection.router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let unread: Option<Unread> = response.extensions_mut().remove();
    if let Some(Unread(Some(reason))) = unread {
        site.metrics.refused(reason);
    }
    // A connection that is closed by us when it is idle may lose the request that is on its way; one that
    // the client was told about loses none. HTTP/2 has its own way to say so (GOAWAY), with the last one.
    if (unread.is_some() || site.gate.is_parting()) && !connection.life.is_http2() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

fn overloaded() -> Response {
    let why = "too many requests at once; try again\n";
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A request that is being answered; counted until it is dropped, and in the metrics if it came over
/// TLS: operations are no reviews.
struct InFlight<'a>(&'a Connection);

impl<'a> InFlight<'a> {
    fn enter(connection: &'a Connection) -> Option<Self> {
        if !connection.life.begin() {
            return None;
        }
        if !connection.site.gate.requests.enter() {
            connection.life.end();
            return None;
        }
        if connection.site.tls.is_some() {
            connection.site.metrics.in_flight().inc();
        }
        Some(Self(connection))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.0.site.tls.is_some() {
            self.0.site.metrics.in_flight().dec();
        }
        self.0.site.gate.requests.leave();
        self.0.life.end();
    }
}

/// The stream, telling when bytes come in: headers that have begun must be whole in time.
struct Watched<S> {
    stream: S,
    connection: Arc<Connection>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.connection.life.heard();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
