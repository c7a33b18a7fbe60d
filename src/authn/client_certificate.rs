use std::fmt;

use super::{Outcome, UnixSeconds};

/// The certificates by which a client proved itself in a TLS handshake, as it sent them. The
/// handshake showed that it has the leaf's key, and no more than that: whether anybody vouches for
/// them is for an authenticator to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientCertificates<'a> {
    /// Its own certificate, DER.
    pub leaf: &'a [u8],
    /// The others that it sent, DER, in any order.
    pub intermediates: &'a [&'a [u8]],
    /// The time of the request.
    pub now: UnixSeconds,
}

impl<'a> ClientCertificates<'a> {
    /// The certificates as TLS delivers them: the client's own first. `None` for none.
    #[must_use]
    pub fn presented(chain: &'a [&'a [u8]], now: UnixSeconds) -> Option<Self> {
        let (leaf, intermediates) = chain.split_first()?;
        Some(Self { leaf, intermediates, now })
    }
}

impl fmt::Debug for ClientCertificates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificates")
            .field("leaf", &format_args!("{} bytes", self.leaf.len()))
            .field("intermediates", &self.intermediates.len())
            .field("now", &self.now)
            .finish()
    }
}

/// A request over a connection whose client has a certificate.
#[derive(Clone, Copy)]
pub struct CertifiedRequest<'a> {
    /// The client's certificates.
    pub certificates: ClientCertificates<'a>,
    /// The headers: names in any case and values, one entry a line, in the order of the request.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl fmt::Debug for CertifiedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A header may hold a token.
        f.debug_struct("CertifiedRequest")
            .field("certificates", &self.certificates)
            .field("headers", &self.headers.len())
            .finish()
    }
}

/// Anything that can tell by the client certificate of a connection who sends a request: the client
/// itself, or somebody for whom it speaks. A request without a certificate is none of its business
/// (S-X509-1, S-RH-2).
pub trait CertificateAuthenticator: Send + Sync {
    /// The name in logs and metrics, such as `x509`.
    fn name(&self) -> &str;

    /// Looks at one request.
    fn authenticate(&self, request: &CertifiedRequest<'_>) -> Outcome;

    /// Whether it reads this header, so that nobody behind it may see the client's (S-RH-6). `name`
    /// in any case.
    fn reads_header(&self, name: &str) -> bool {
        let _ = name;
        false
    }
}
