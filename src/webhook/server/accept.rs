use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{self, Arrival};
use super::site::{Site, Stage};
use crate::webhook::metrics::Refused;

/// The pause after an error that does not pass by itself, such as no file descriptor being free.
const PAUSE: Duration = Duration::from_millis(100);

/// How long connections that the kernel accepted for us are still taken when the server leaves:
/// their clients think that they are served.
const BACKLOG: Duration = Duration::from_millis(50);

/// Accepts connections until the server leaves. `alive` is dropped with the last of them.
pub(super) async fn accept(
    listener: TcpListener,
    site: Arc<Site>,
    mut stage: watch::Receiver<Stage>,
    alive: mpsc::Sender<Infallible>,
) {
    let connections = stage.clone();
    let leaving = stage.wait_for(|stage| *stage >= Stage::Leaving);
    let mut leaving = std::pin::pin!(leaving);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = leaving.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => admit(&site, stream, address, &connections, &alive),
            Err(error) => {
                if let Some(pause) = pause_after(&error) {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    sleep(pause).await;
                }
            }
        }
    }
    let until = Instant::now() + BACKLOG;
    while let Ok(Ok((stream, address))) = timeout_at(until, listener.accept()).await {
        admit(&site, stream, address, &connections, &alive);
    }
}

/// Takes a connection in, or closes it at once.
fn admit(
    site: &Arc<Site>,
    stream: TcpStream,
    address: SocketAddr,
    stage: &watch::Receiver<Stage>,
    alive: &mpsc::Sender<Infallible>,
) {
    if site.tls.is_some() && !site.budget.allows(address.ip(), std::time::Instant::now()) {
        site.metrics.refused(Refused::HandshakeBudget);
        tracing::debug!(peer = %address, "connection closed: too many failed handshakes");
        return;
    }
    let Some(seat) = site.gate.enter(address.ip().into()) else {
        site.metrics.refused(Refused::Connections);
        tracing::debug!(peer = %address, "connection closed: too many connections");
        return;
    };
    // Answers are small and complete: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(peer = %address, %error, "no TCP_NODELAY");
    }
    let (stage, alive) = (stage.clone(), alive.clone());
    let arrival = Arrival { stream, address, seat, stage, alive };
    tokio::spawn(connection::serve(Arc::clone(site), arrival));
}

/// Errors of the connection that was being accepted are over with it; any other would come again at
/// once, and again.
fn pause_after(error: &io::Error) -> Option<Duration> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let is_of_connection = matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    );
    (!is_of_connection).then_some(PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_that_stay_make_a_pause() {
        let (emfile, econnaborted) = (24, 103);
        assert_eq!(pause_after(&io::Error::from_raw_os_error(emfile)), Some(PAUSE));
        assert_eq!(pause_after(&io::Error::from_raw_os_error(econnaborted)), None);
    }
}
