//! Who may speak to us, for how long, and how do we stop? The transport under the review router:
//! listeners, TLS, limits, drain. It serves any [`axum::Router`].
//!
//! Two kinds of listeners, never on one port: reviews over TLS ([`Server::review`]), and operations
//! (liveness, readiness, metrics) in plain HTTP/1.1 on loopback ([`Server::operations`]). Each
//! connection passes, in this order:
//!
//! | step | refused when | the client sees |
//! |---|---|---|
//! | accept | its address failed too many handshakes, or there are too many connections | closed |
//! | TLS 1.2 or 1.3 | slow, not TLS, no or a wrong client certificate | an alert, closed |
//! | request | headers too slow / too large | closed / 431 |
//! | admission | too many requests at once | 503 with `Retry-After: 1` |
//! | [`read_body`] | body too large / too slow | 413 / 408 |
//!
//! Nothing queues, every table is bounded, and no number depends on tokens: all reviews come from
//! the API server's few addresses, so one bad token must not shut out the others.
//!
//! On shutdown [`Phase::Draining`] is told first, so that readiness fails; during [`Drain::delay`]
//! everything is answered, and connections of HTTP/1.1 end with their next answer; after it
//! the server stops accepting, answers what is in flight, and after [`Drain::timeout`] cuts the
//! rest. Operations listeners answer until the end.
//!
//! Absent on purpose: what is answered (see the routers), reading files (TLS comes in as bytes),
//! forwarded-for headers (the peer is who connects), HTTP/2 without TLS, upgrades.
//!
//! ```no_run
//! # async fn f(certificate: &[u8], key: &[u8], ca: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use axum::{Router, routing::get};
//! use portcullis::webhook::metrics::Metrics;
//! use portcullis::webhook::server::{ClientAuth, Exposure, Limits, ReloadableTls, Server, TlsFiles};
//! use tokio::net::TcpListener;
//!
//! let files = TlsFiles { certificate, key, client_ca: Some(ca) };
//! let tls = Arc::new(ReloadableTls::new(&files, ClientAuth::Required { allowed: Vec::new() })?);
//! let operations = Router::new().route("/livez", get(|| async { "ok" }));
//!
//! let server = Server::new(Limits::default(), Arc::new(Metrics::new()))
//!     .review(TcpListener::bind("0.0.0.0:8443").await?, tls)
//!     .operations(TcpListener::bind("127.0.0.1:8080").await?, operations, Exposure::Loopback)?;
//! let stop = async { let _ = tokio::signal::ctrl_c().await; };
//! let drained = server.run(Router::new(), stop).await;
//! assert_eq!(drained.requests_cut, 0);
//! # Ok(()) }
//! ```

mod accept;
mod body;
mod budget;
mod client;
mod connection;
mod gate;
mod handshake;
mod life;
mod limits;
mod peer;
mod site;
mod tls;

pub use body::{Refusal, read_body};
pub use client::{AllowedClient, ClientAuth};
pub use limits::{HandshakeLimits, Limits};
pub use peer::{Peer, PeerCertificate};
pub use tls::{ReloadableTls, Serving, TlsError, TlsFile, TlsFiles};

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::webhook::metrics::Metrics;
use budget::Budget;
use gate::Gate;
use site::{Site, Stage};

/// Whether the server wants new work. Readiness is to fail as soon as it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It serves.
    Serving,
    /// It was told to stop.
    Draining,
}

/// How the server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Between [`Phase::Draining`] and no longer accepting: the time that load balancers need to see
    /// readiness fail. Default none: an API server keeps to the address it was given, and only
    /// learns from connections that no longer open. Behind a Service take twice the probe's period.
    pub delay: Duration,
    /// For requests in flight, from no longer accepting on. Default 20 s, which together with a
    /// short delay fits into the 30 s that Kubernetes gives a pod.
    pub timeout: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { delay: Duration::ZERO, timeout: Duration::from_secs(20) }
    }
}

/// How stopping went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Review connections that had to be cut.
    pub connections_cut: usize,
    /// Reviews that were still being answered when the time was over.
    pub requests_cut: usize,
}

/// Who may reach an operations listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// Only this machine.
    #[default]
    Loopback,
    /// Everybody who can reach the address: probes of the kubelet, scrapes of Prometheus. It is
    /// neither encrypted nor authenticated.
    Network,
}

/// Why a listener was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerError {
    /// A plain listener that others can reach, which nobody asked for.
    #[error(
        "the operations listener at {address} is not on loopback: it is plain HTTP, so bind it to 127.0.0.1 or say that it is meant for the network"
    )]
    NotLoopback {
        /// Where it listens.
        address: SocketAddr,
    },
    /// The listener does not say where it listens.
    #[error("the operations listener has no address")]
    NoAddress(#[source] io::Error),
}

/// The server before it runs. See the [module](self).
#[derive(Debug)]
pub struct Server {
    limits: Limits,
    drain: Drain,
    metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
    review: Vec<(TcpListener, Arc<ReloadableTls>)>,
    logins: Vec<(TcpListener, Arc<ReloadableTls>, Router)>,
    operations: Vec<(TcpListener, Router)>,
}

impl Server {
    /// A server without listeners.
    #[must_use]
    pub fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            limits,
            drain: Drain::default(),
            metrics,
            phase: watch::Sender::new(Phase::Serving),
            review: Vec::new(),
            logins: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// Stops in another way than the default.
    #[must_use]
    pub const fn with_drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// Serves reviews here, HTTP/1.1 and HTTP/2 over TLS.
    #[must_use]
    pub fn review(mut self, listener: TcpListener, tls: Arc<ReloadableTls>) -> Self {
        self.review.push((listener, tls));
        self
    }

    /// Serves logins here, over TLS like reviews, with a router of its own and limits of its own:
    /// whoever hammers at this door does not keep API servers from theirs.
    #[must_use]
    pub fn logins(
        mut self,
        listener: TcpListener,
        tls: Arc<ReloadableTls>,
        router: Router,
    ) -> Self {
        self.logins.push((listener, tls, router));
        self
    }

    /// Serves operations here, plain HTTP/1.1 with a router of its own and limits of its own: a
    /// flood of reviews does not hide readiness and metrics.
    ///
    /// # Errors
    /// The listener is not on loopback, and `exposure` does not say that it is meant so.
    pub fn operations(
        mut self,
        listener: TcpListener,
        router: Router,
        exposure: Exposure,
    ) -> Result<Self, ListenerError> {
        let address = listener.local_addr().map_err(ListenerError::NoAddress)?;
        if exposure == Exposure::Loopback && !address.ip().to_canonical().is_loopback() {
            return Err(ListenerError::NotLoopback { address });
        }
        self.operations.push((listener, router));
        Ok(self)
    }

    /// Tells handlers whether the server is stopping.
    #[must_use]
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Serves until `shutdown` completes, and then until everything in flight is answered or out of
    /// time. Dropping the future instead ends everything at once.
    pub async fn run(self, router: Router, shutdown: impl Future<Output = ()>) -> Drained {
        let Self { limits, drain, metrics, phase, review, logins, operations } = self;
        let budget = Arc::new(Budget::new(limits.handshakes.clone()));
        let gate = Arc::new(Gate::new(&limits));
        let reviews = Group::new();
        for (listener, tls) in review {
            let (limits, router) = (limits.clone(), router.clone());
            let site = Site::new(limits, &gate, &budget, &metrics, router, Some(tls));
            reviews.listen(listener, site);
        }
        let door_limits = limits.logins();
        let door_gate = Arc::new(Gate::new(&door_limits));
        let door_budget = Arc::new(Budget::new(limits.handshakes.clone()));
        let doors = Group::new();
        for (listener, tls, router) in logins {
            let site = Site::new(
                door_limits.clone(),
                &door_gate,
                &door_budget,
                &metrics,
                router,
                Some(tls),
            );
            doors.listen(listener, site);
        }
        let small = limits.operations();
        let small_gate = Arc::new(Gate::new(&small));
        let others = Group::new();
        for (listener, router) in operations {
            let site = Site::new(small.clone(), &small_gate, &budget, &metrics, router, None);
            others.listen(listener, site);
        }
        shutdown.await;
        phase.send_replace(Phase::Draining);
        tracing::info!("stopping: no longer ready");
        if !drain.delay.is_zero() {
            gate.part();
            door_gate.part();
            sleep(drain.delay).await;
        }
        // Both have the same time, from now on.
        let (drained, _) = tokio::join!(
            reviews.leave(drain.timeout, &gate),
            doors.leave(drain.timeout, &door_gate),
        );
        others.leave(OPERATIONS_TIMEOUT, &small_gate).await;
        let Drained { connections_cut, requests_cut } = drained;
        tracing::info!(connections_cut, requests_cut, "stopped");
        drained
    }
}

/// For scrapes and probes that are being answered at the very end.
const OPERATIONS_TIMEOUT: Duration = Duration::from_millis(500);

/// Listeners that leave together.
struct Group {
    stage: watch::Sender<Stage>,
    alive: mpsc::Sender<Infallible>,
    /// Ends when nobody is left alive.
    last: mpsc::Receiver<Infallible>,
}

impl Group {
    fn new() -> Self {
        let (alive, last) = mpsc::channel(1);
        Self { stage: watch::Sender::new(Stage::Open), alive, last }
    }

    fn listen(&self, listener: TcpListener, site: Site) {
        let (stage, alive) = (self.stage.subscribe(), self.alive.clone());
        tokio::spawn(accept::accept(listener, Arc::new(site), stage, alive));
    }

    async fn leave(self, time: Duration, gate: &Gate) -> Drained {
        let Self { stage, alive, mut last } = self;
        drop(alive);
        stage.send_replace(Stage::Leaving);
        if timeout(time, last.recv()).await.is_ok() {
            return Drained { connections_cut: 0, requests_cut: 0 };
        }
        let drained =
            Drained { connections_cut: gate.connections(), requests_cut: gate.requests.now() };
        stage.send_replace(Stage::Cut);
        last.recv().await;
        drained
    }
}
