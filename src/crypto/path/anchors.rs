//! Authorities that are trusted.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use pki_types::{CertificateDer, TrustAnchor};

use super::TrustAnchorsError;
use crate::crypto::certificate::{Certificate, Extended, KeyDescription, chain_from_pem};
use crate::model::Fingerprint;

/// The critical extensions of a trusted authority that are looked at (RFC 5280 §4.2): its key
/// identifiers, key usage, alternative names, basic constraints, name constraints, distribution
/// points, policies and extended key usage. webpki passes over what a trusted authority calls
/// critical; Go does not.
pub(super) const KNOWN_EXTENSIONS: [&str; 9] = [
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.32",
    "2.5.29.35",
    "2.5.29.37",
];

/// Certificate policies (RFC 5280 §4.2.1.4), which Go reads.
pub(super) const POLICY_EXTENSIONS: [&str; 1] = ["2.5.29.32"];

/// A trusted authority.
#[derive(Clone, PartialEq, Eq)]
pub struct Anchor {
    der: CertificateDer<'static>,
    subject: String,
    fingerprint: Fingerprint,
    not_before: i64,
    not_after: i64,
    pub(super) key: KeyDescription,
    pub(super) subject_der: Vec<u8>,
    pub(super) public_key_info: Vec<u8>,
    pub(super) may_sign: bool,
    pub(super) may_sign_crls: bool,
    pub(super) path_length: Option<u32>,
    pub(super) extended: Extended,
    pub(super) is_understood: bool,
}

impl Anchor {
    fn read(certificate: &Certificate<'_>) -> Self {
        // Version 1 had no extensions to say it in.
        let is_authority = certificate.is_authority() || certificate.version() < 3;
        let critical = certificate.critical_extensions();
        Self {
            der: CertificateDer::from(certificate.der().to_vec()),
            subject: certificate.subject(),
            fingerprint: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            key: certificate.key(),
            subject_der: certificate.subject_der().to_vec(),
            public_key_info: certificate.public_key_info().to_vec(),
            may_sign: is_authority && certificate.may_sign_certificates(),
            may_sign_crls: certificate.may_sign_crls(),
            path_length: certificate.path_length(),
            extended: certificate.extended(),
            is_understood: critical.iter().all(|oid| KNOWN_EXTENSIONS.contains(&oid.as_str())),
        }
    }

    /// Its certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its name as text (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The fingerprint of its certificate.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Valid from; seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Valid until, this second included.
    #[must_use]
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchor")
            .field("subject", &self.subject)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The authorities of a bundle, such as that of `--client-ca-file`. One that has expired does no harm:
/// it vouches for nobody.
#[derive(Clone)]
pub struct TrustAnchors {
    anchors: Vec<Anchor>,
    /// INVARIANT: as many as there are anchors, in their order.
    pub(super) trusted: Vec<TrustAnchor<'static>>,
}

impl TrustAnchors {
    /// Reads a bundle in PEM. A certificate that is there twice is taken once.
    ///
    /// # Errors
    /// When it holds no certificate, or something that is none.
    pub fn from_pem(text: &[u8]) -> Result<Self, TrustAnchorsError> {
        let chain = chain_from_pem(text)?;
        Self::from_der(chain.iter().map(Vec::as_slice))
    }

    /// The same from certificates in DER.
    ///
    /// # Errors
    /// When there is none, or something that is none.
    pub fn from_der<'a>(
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, TrustAnchorsError> {
        let mut anchors: Vec<Anchor> = Vec::new();
        let mut trusted = Vec::new();
        for (index, der) in certificates.into_iter().enumerate() {
            let unusable = |reason: String| TrustAnchorsError::Unusable {
                number: index.saturating_add(1),
                reason,
            };
            let read = Certificate::from_der(der).map_err(|error| unusable(error.to_string()))?;
            let anchor = Anchor::read(&read);
            if anchors.iter().any(|known| known.fingerprint == anchor.fingerprint) {
                continue;
            }
            let trust = webpki::anchor_from_trusted_cert(&anchor.der)
                .map_err(|error| unusable(error.to_string()))?
                .to_owned();
            trusted.push(trust);
            anchors.push(anchor);
        }
        if anchors.is_empty() {
            return Err(crate::crypto::certificate::ChainError::NoCertificate.into());
        }
        Ok(Self { anchors, trusted })
    }

    /// The authorities, in the order of the bundle.
    #[must_use]
    pub fn certificates(&self) -> &[Anchor] {
        &self.anchors
    }

    /// Whether a certificate is in both bundles (S-RH-7).
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_there = |anchor: &Anchor| other.anchors.iter().any(|known| known == anchor);
        self.anchors.iter().any(is_there)
    }

    /// The authority that webpki found. It gives back what it was given, by reference.
    pub(super) fn of(&self, trusted: &TrustAnchor<'_>) -> Option<&Anchor> {
        let same = |known: &&TrustAnchor<'static>| std::ptr::addr_eq(*known, trusted);
        let found = self.trusted.iter().zip(&self.anchors).find(|(known, _)| same(known));
        found.map(|(_, anchor)| anchor)
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.anchors).finish()
    }
}

/// Trusted authorities that can be replaced while they are in use, all handles at once. To replace an
/// authority, publish old and new together, and the new one alone when the last certificate of the old
/// one is gone.
///
/// ```
/// use portcullis::crypto::path::{SharedTrustAnchors, TrustAnchors};
///
/// let bundle = |name: &str| {
///     let key = rcgen::KeyPair::generate()?;
///     let mut params = rcgen::CertificateParams::default();
///     params.distinguished_name.push(rcgen::DnType::CommonName, name);
///     params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
///     Ok::<_, rcgen::Error>(params.self_signed(&key)?.pem())
/// };
/// let (old, new) = (bundle("old")?, bundle("new")?);
/// let shared = SharedTrustAnchors::from(TrustAnchors::from_pem(old.as_bytes())?);
/// let elsewhere = shared.clone();
/// shared.publish(TrustAnchors::from_pem(format!("{old}{new}").as_bytes())?);
/// assert_eq!(elsewhere.load().certificates().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SharedTrustAnchors(Arc<ArcSwap<TrustAnchors>>);

impl SharedTrustAnchors {
    /// What is trusted now.
    #[must_use]
    pub fn load(&self) -> Arc<TrustAnchors> {
        self.0.load_full()
    }

    /// From now on these are trusted, and no others.
    pub fn publish(&self, anchors: TrustAnchors) {
        self.0.store(Arc::new(anchors));
    }
}

impl From<TrustAnchors> for SharedTrustAnchors {
    fn from(anchors: TrustAnchors) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(anchors)))
    }
}
