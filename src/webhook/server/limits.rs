use std::net::IpAddr;
use std::time::Duration;

/// What one server takes on at most. Every number bounds memory or time that a client can take.
///
/// Worst case in bytes: `requests × body_bytes` for bodies being read, and about 100 KiB for each of
/// `connections` for TLS and HTTP buffers.
///
/// ```
/// use portcullis::webhook::server::Limits;
///
/// let mut limits = Limits::default();
/// limits.body_bytes = 256 * 1024;
/// assert_eq!(limits.requests, 512);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections, handshakes included. One more is closed at once. Default 512: a handful of
    /// API servers with some connections each.
    pub connections: usize,
    /// Open connections from one source address (IPv6: one /64). Default 256, so that no single
    /// address takes all.
    pub connections_per_source: usize,
    /// Requests in progress on all connections. One more is answered 503 with `Retry-After: 1`;
    /// nothing queues. Default 512.
    pub requests: usize,
    /// Requests in progress on one connection; beyond it 503 as above. Default 256.
    pub requests_per_connection: usize,
    /// Bytes of a request body; more is answered 413. Default 512 KiB, twice the largest reviews
    /// that API servers send.
    pub body_bytes: usize,
    /// Bytes of the request line and all headers; more is answered 431. Default 32 KiB.
    pub header_bytes: u32,
    /// Headers of an HTTP/1.1 request; more is answered 431. Default 100. Another value costs an
    /// allocation a request. On HTTP/2 `header_bytes` bounds the number, at 32 bytes a header.
    pub headers: usize,
    /// Time for the whole TLS handshake, from the accepted connection on. Default 5 s.
    pub handshake_time: Duration,
    /// Time for the headers of a request from their first byte, and from the handshake to the first
    /// request. Default 10 s.
    pub header_time: Duration,
    /// Time for the whole body of a request; answered 408. Default 10 s.
    pub body_time: Duration,
    /// How long a connection may stay open without a request. HTTP/2 pings do not count: they show
    /// that the client lives, not that it needs us. Nor does the server ping: a client that is gone
    /// is forgotten by this. Default 180 s.
    pub idle_time: Duration,
    /// HTTP/2 streams that a client may open at once on one connection (SETTINGS of RFC 9113
    /// §6.5.2). Default 256, a little more than clients written in Go ask for.
    pub streams: u32,
    /// HTTP/2 streams that a client reset before the server came to look at them; more ends the
    /// connection (rapid reset, CVE-2023-44487). Default 20.
    pub pending_resets: usize,
    /// HTTP/2 streams that the server had to reset for the client's errors; more ends the connection
    /// (RUSTSEC-2024-0003). Default 256.
    pub error_resets: usize,
    /// How many TLS handshakes one source address may fail.
    pub handshakes: HandshakeLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_source: 256,
            requests: 512,
            requests_per_connection: 256,
            body_bytes: 512 * 1024,
            header_bytes: 32 * 1024,
            headers: 100,
            handshake_time: Duration::from_secs(5),
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(180),
            streams: 256,
            pending_resets: 20,
            error_resets: 256,
            handshakes: HandshakeLimits::default(),
        }
    }
}

impl Limits {
    /// For the login listeners: small bodies, and headers with room for a ticket. Active Directory's have
    /// up to 48,000 bytes before base64.
    pub(in crate::webhook) fn logins(&self) -> Self {
        Self {
            body_bytes: self.body_bytes.min(64 * 1024),
            header_bytes: self.header_bytes.max(96 * 1024),
            ..self.clone()
        }
    }

    /// For the operations listeners, apart from the reviews' so that a flood of reviews does not
    /// hide metrics and readiness: a few connections, small requests.
    pub(super) fn operations(&self) -> Self {
        Self {
            connections: 64,
            connections_per_source: 64,
            requests: 64,
            requests_per_connection: 8,
            body_bytes: 64 * 1024,
            ..self.clone()
        }
    }
}

/// How many TLS handshakes one source address may fail before its connections are closed unheard.
/// Only failed handshakes count, never failed tokens: every review comes from the API server's one
/// address.
///
/// A source that spent its budget regains one try every `recovery`, never later, and a handshake
/// that succeeds wipes its slate: an API server whose certificate was replaced by a good one is let
/// in within that time. Somebody else who fails handshakes from the *same* address (behind one NAT,
/// say) can use up those tries; name the API server's address in `exempt` then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeLimits {
    /// Failures in a row that are borne. Default 20.
    pub burst: u32,
    /// After how long one failure is forgotten. Default 500 ms.
    pub recovery: Duration,
    /// Addresses remembered at most; the one nearest to being forgotten makes room. Default 4096,
    /// some 200 KiB.
    pub sources: usize,
    /// Leaves loopback addresses alone. Default true: an API server on the same node comes from
    /// there, and a local process could only lock it out, not be kept from the processor.
    pub exempt_loopback: bool,
    /// Further addresses that have no budget.
    pub exempt: Vec<IpAddr>,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            burst: 20,
            recovery: Duration::from_millis(500),
            sources: 4096,
            exempt_loopback: true,
            exempt: Vec::new(),
        }
    }
}
