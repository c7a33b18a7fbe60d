use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::peer::{Peer, PeerCertificate};
use super::site::Site;
use super::tls::ReloadableTls;
use crate::webhook::metrics::Refused;

/// The content type of a TLS handshake record (RFC 8446 §5.1): the first byte of every TLS client.
const HANDSHAKE: u8 = 0x16;

/// A connection whose peer is known.
pub(super) struct Secured {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) peer: Peer,
    /// Whether the client chose HTTP/2 (ALPN); without a choice it is HTTP/1.1.
    pub(super) http2: bool,
}

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("closed before the first byte")]
    Probe,
    #[error("not TLS")]
    NotTls,
    #[error("took too long")]
    Slow,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The TLS handshake, in time and on the account of the client's address. None when there is no
/// connection to go on with; then it is logged and counted.
pub(super) async fn secure(
    site: &Site,
    tls: &ReloadableTls,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<Secured> {
    let done = timeout(site.limits.handshake_time, shake_hands(tls, stream));
    match done.await.unwrap_or(Err(Failure::Slow)) {
        Ok(stream) => {
            site.budget.succeeded(address.ip());
            let (_, session) = stream.get_ref();
            let certificate = session.peer_certificates().and_then(<[_]>::first);
            let certificate = certificate.map(PeerCertificate::read);
            let http2 = session.alpn_protocol() == Some(b"h2");
            tracing::debug!(
                peer = %address,
                http2,
                certificate = certificate.as_ref().map(tracing::field::display),
                "connection open",
            );
            let peer = match certificate {
                // Where it is not mandatory, handlers ask whose it is.
                Some(certificate) if !tls.clients().is_mandatory() => {
                    let chain = session.peer_certificates().unwrap_or_default();
                    let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
                    Peer::with_chain(address, certificate, chain)
                }
                certificate => Peer::new(address, certificate),
            };
            Some(Secured { peer, stream, http2 })
        }
        // Load balancers and kubelets look whether the port is open. It costs nothing, and counts
        // for nothing.
        Err(Failure::Probe) => None,
        Err(failure) => {
            site.budget.failed(address.ip(), Instant::now());
            site.metrics.refused(reason(&failure));
            tracing::info!(peer = %address, error = %failure, "tls handshake failed");
            None
        }
    }
}

async fn shake_hands(
    tls: &ReloadableTls,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    // Nothing is set up for a client that has not said anything.
    let mut first = [0_u8];
    match stream.peek(&mut first).await? {
        0 => return Err(Failure::Probe),
        _ if first != [HANDSHAKE] => return Err(Failure::NotTls),
        _ => {}
    }
    let acceptor = TlsAcceptor::from(tls.config());
    Ok(acceptor.accept(stream).await?)
}

fn reason(failure: &Failure) -> Refused {
    match failure {
        Failure::Slow => Refused::Slow,
        Failure::Io(error) if is_without_certificate(error) => Refused::NoCertificate,
        Failure::Io(_) | Failure::NotTls | Failure::Probe => Refused::Handshake,
    }
}

fn is_without_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::NoCertificatesPresented))
}
