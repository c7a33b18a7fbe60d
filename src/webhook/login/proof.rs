use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use rustls::pki_types::CertificateDer;

use crate::authn::ClientCertificates;
use crate::authn::UnixSeconds;
use crate::webhook::metrics::LoginProof;

/// What a client shows.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) proof: Proof<'a>,
    pub(super) source: Option<IpAddr>,
    pub(super) now: UnixSeconds,
}

/// The one proof of a request.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    /// The whole value of an `Authorization: Basic` header.
    Basic(&'a [u8]),
    /// What follows `Negotiate`.
    Negotiate(&'a str),
    /// A token.
    Bearer(&'a str),
    /// The certificates of the connection, without an `Authorization` header.
    Certificates(&'a [CertificateDer<'static>]),
    /// Nothing, or nothing that anybody here looks at.
    None,
}

impl<'a> Proof<'a> {
    pub(super) const fn kind(&self) -> LoginProof {
        match self {
            Self::Basic(_) => LoginProof::Password,
            Self::Negotiate(_) => LoginProof::Ticket,
            Self::Bearer(_) => LoginProof::Token,
            Self::Certificates(_) => LoginProof::Certificate,
            Self::None => LoginProof::None,
        }
    }

    /// What is shown. Two `Authorization` headers are none: whoever reads the other one would see
    /// somebody else.
    pub(super) fn of(headers: &'a HeaderMap, chain: &'a [CertificateDer<'static>]) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (None, _) if chain.is_empty() => return Self::None,
            (None, _) => return Self::Certificates(chain),
            (Some(value), None) => value.as_bytes(),
            (Some(_), Some(_)) => return Self::None,
        };
        let mut parts = value.splitn(2, |byte| *byte == b' ');
        let scheme = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default().trim_ascii();
        if scheme.eq_ignore_ascii_case(b"basic") {
            return Self::Basic(value);
        }
        let Ok(text) = std::str::from_utf8(rest) else { return Self::None };
        if text.is_empty() || text.contains(' ') {
            return Self::None;
        }
        if scheme.eq_ignore_ascii_case(b"negotiate") {
            return Self::Negotiate(text);
        }
        if scheme.eq_ignore_ascii_case(b"bearer") { Self::Bearer(text) } else { Self::None }
    }
}

/// Base64 of a negotiation.
pub(super) fn negotiation(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The certificates as authenticators take them.
pub(super) fn with_certificates<T>(
    chain: &[CertificateDer<'static>],
    now: UnixSeconds,
    look: impl FnOnce(&ClientCertificates<'_>) -> T,
) -> Option<T> {
    let chain: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
    ClientCertificates::presented(&chain, now).map(|presented| look(&presented))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(values: &[&str]) -> &'static str {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        match Proof::of(&headers, &[]) {
            Proof::Basic(_) => "basic",
            Proof::Negotiate(_) => "negotiate",
            Proof::Bearer(_) => "bearer",
            Proof::Certificates(_) => "certificates",
            Proof::None => "none",
        }
    }

    #[test]
    fn the_scheme_of_the_only_header_says_what_is_shown() {
        assert_eq!(named(&["Basic YTpi"]), "basic");
        assert_eq!(named(&["negotiate YII="]), "negotiate");
        assert_eq!(named(&["BEARER a.b.c"]), "bearer");
    }

    #[test]
    fn nothing_is_shown_by_two_headers_an_empty_one_or_another_scheme() {
        for values in [
            &["Basic YTpi", "Bearer a.b.c"][..],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a b"],
            &["Digest a"],
            &[],
        ] {
            assert_eq!(named(values), "none", "{values:?}");
        }
    }

    #[test]
    fn a_certificate_counts_only_without_a_header() {
        let chain = [CertificateDer::from(vec![1])];
        assert!(matches!(Proof::of(&HeaderMap::new(), &chain), Proof::Certificates(_)));
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, "Digest a".parse().unwrap())]);
        assert!(matches!(Proof::of(&headers, &chain), Proof::None));
    }
}
