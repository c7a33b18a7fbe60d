//! Does a chain of certificates lead from this one to an authority that is trusted (RFC 5280 §6,
//! S-X509-2)?
//!
//! ```
//! use portcullis::crypto::path::{PathInput, TrustAnchors, Usage, verify};
//!
//! let key = rcgen::KeyPair::generate()?;
//! let mut params = rcgen::CertificateParams::default();
//! params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
//! let root = params.self_signed(&key)?;
//! let issuer = rcgen::Issuer::new(params, key);
//! let jane = rcgen::KeyPair::generate()?;
//! let leaf = rcgen::CertificateParams::default().signed_by(&jane, &issuer)?;
//!
//! let trusted = TrustAnchors::from_pem(root.pem().as_bytes())?;
//! let input = PathInput::new(leaf.der(), &[], 1_795_662_000, Usage::ClientAuth);
//! assert_eq!(verify(&input, &trusted)?.certificates().count(), 2);
//! assert!(verify(&PathInput { now: i64::MAX, ..input }, &trusted).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Paths are searched and signatures checked by `webpki`, with its limits of work. What it has no eye
//! for is checked here, on each path that it finds, before the path counts:
//!
//! - trusted authorities: their dates, their key usages, their basic constraints and path length,
//!   their extended key usages and critical extensions, all of which Go looks at;
//! - `cert sign` among the key usages of the authorities between;
//! - purposes, in two ways ([`Strictness`]), and in the order in which Go complains;
//! - revocation lists of several keys under one name (see [`crl`](super::crl)).
//!
//! Stricter than the API server, whatever the [`Strictness`]: a certificate of an authority is
//! nobody's identity ([`PathError::AuthorityAsLeaf`]), keys above are RSA of 2048 bits or more,
//! certificates are of version 3, certificate policies must not be critical, and the work is bounded.
//!
//! Absent on purpose: names. A path says that somebody vouches for a certificate, not for whom.

mod anchors;
mod check;
mod error;
mod search;

use std::sync::Arc;

pub use anchors::{Anchor, SharedTrustAnchors, TrustAnchors};
pub use error::{PathError, TrustAnchorsError};
pub use search::verify;

use super::crl::{RevocationList, UnknownStatus};

/// So many certificates are looked at, the first included. A chain of more than three is rare;
/// webpki goes no deeper than eight.
pub const MOST_CERTIFICATES: usize = 16;

/// So many bytes of certificates are looked at, which is what TLS libraries take in a handshake.
pub const MOST_BYTES: usize = 64 * 1024;

/// What a certificate is presented for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Whatever it is for.
    Any,
    /// To prove who a client is.
    ClientAuth,
    /// To sign code.
    CodeSigning,
    /// To prove who a server is.
    ServerAuth,
}

/// How purposes are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// As the API server reads them: `anyExtendedKeyUsage` is every purpose, RSA keys of leaves may
    /// be short, and a certificate that is itself among the trusted ones is trusted. For telling what
    /// an API server would say; the answers of Portcullis are strict.
    AsKubernetes,
    /// A certificate that limits its purposes must name this one.
    #[default]
    Strict,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct PathInput<'a> {
    /// The certificate that somebody presents, DER.
    pub leaf: &'a [u8],
    /// What was presented besides, DER, in any order. Anything that is of no use is passed over.
    pub intermediates: &'a [&'a [u8]],
    /// The time that counts; seconds since 1970-01-01 UTC.
    pub now: i64,
    /// What it is presented for.
    pub usage: Usage,
    /// How strictly.
    pub strictness: Strictness,
    /// Revocation lists, if they count.
    pub revocation: Option<RevocationCheck<'a>>,
}

impl<'a> PathInput<'a> {
    /// Strict, and without revocation lists.
    #[must_use]
    pub const fn new(
        leaf: &'a [u8],
        intermediates: &'a [&'a [u8]],
        now: i64,
        usage: Usage,
    ) -> Self {
        Self { leaf, intermediates, now, usage, strictness: Strictness::Strict, revocation: None }
    }
}

/// Revocation lists, and what becomes of a certificate of which they say nothing. They are asked about
/// the leaf and every authority below the trusted one.
#[derive(Debug, Clone, Copy)]
pub struct RevocationCheck<'a> {
    /// The lists.
    pub lists: &'a [Arc<RevocationList>],
    /// What becomes of the others.
    pub unknown: UnknownStatus,
}

/// A chain that leads from a certificate to a trusted one. Only [`verify`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPath<'a> {
    leaf: &'a [u8],
    intermediates: Vec<&'a [u8]>,
    anchor: &'a Anchor,
    not_after: i64,
}

impl<'a> VerifiedPath<'a> {
    /// The certificate that was asked for, DER.
    #[must_use]
    pub const fn leaf(&self) -> &'a [u8] {
        self.leaf
    }

    /// The authorities between it and the trusted one, DER, from the leaf up.
    #[must_use]
    pub fn intermediates(&self) -> &[&'a [u8]] {
        &self.intermediates
    }

    /// The trusted authority.
    #[must_use]
    pub const fn anchor(&self) -> &'a Anchor {
        self.anchor
    }

    /// All certificates of the path, DER, from the leaf to the trusted authority.
    pub fn certificates(&self) -> impl Iterator<Item = &'a [u8]> {
        let is_its_own = self.leaf == self.anchor.der();
        let below = [self.leaf].into_iter().chain(self.intermediates.iter().copied());
        below.chain((!is_its_own).then(|| self.anchor.der()))
    }

    /// The last second in which the whole path is good: the earliest end of its certificates; seconds
    /// since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }
}
