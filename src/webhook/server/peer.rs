use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;

use crate::crypto::certificate::Certificate;

/// Who is on the other end of the connection. The server puts it into the extensions of every
/// request, so that handlers can take it as `Extension<Peer>`. Cheap to clone.
///
/// ```
/// use axum::Extension;
/// use portcullis::webhook::server::Peer;
///
/// async fn who(Extension(peer): Extension<Peer>) -> String {
///     match peer.certificate() {
///         Some(certificate) => format!("{certificate} from {}", peer.address()),
///         None => format!("somebody from {}", peer.address()),
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Peer(Arc<Known>);

#[derive(Debug)]
struct Known {
    address: SocketAddr,
    certificate: Option<PeerCertificate>,
    chain: Box<[CertificateDer<'static>]>,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, certificate: Option<PeerCertificate>) -> Self {
        Self(Arc::new(Known { address, certificate, chain: Box::default() }))
    }

    pub(super) fn with_chain(
        address: SocketAddr,
        certificate: PeerCertificate,
        chain: Box<[CertificateDer<'static>]>,
    ) -> Self {
        Self(Arc::new(Known { address, certificate: Some(certificate), chain }))
    }

    /// The certificates that the client sent, its own first; none where only whether it has a good one
    /// matters.
    pub(in crate::webhook) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.chain
    }

    /// The address that the connection comes from. Headers that name another are not believed.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The client certificate; there is one only if it was verified.
    #[must_use]
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.0.certificate.as_ref()
    }
}

/// A client certificate that was verified against the client CAs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    common_name: Option<Box<str>>,
    fingerprint: [u8; 32],
}

impl PeerCertificate {
    pub(super) fn read(certificate: &CertificateDer<'_>) -> Self {
        let read = Certificate::from_der(certificate).ok();
        let common_name = read.and_then(|read| read.common_name().map(Box::from));
        Self { common_name, fingerprint: fingerprint(certificate) }
    }

    /// The common name of the subject; of several the last, as the API server reads it.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// SHA-256 of the whole certificate.
    #[must_use]
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

/// The common name, escaped, and the first bytes of the fingerprint: for logs.
impl fmt::Display for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.common_name {
            Some(name) => write!(f, "`{}` (", name.escape_debug())?,
            None => f.write_str("no common name (")?,
        }
        for byte in self.fingerprint.iter().take(8) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// SHA-256 of a certificate.
pub(super) fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    // SHA-256 is as long as the array, so all of both is taken.
    for (to, from) in bytes.iter_mut().zip(digest(&SHA256, certificate).as_ref()) {
        *to = *from;
    }
    bytes
}
