use std::fmt;

use crate::crypto::certificate::{Certificate, NotACertificate, UidError};
use crate::crypto::path::PathError;

/// Why a client certificate is refused; where the API server has words for it, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum X509Error {
    /// It cannot be read.
    #[error("the client certificate cannot be used")]
    Malformed(#[from] NotACertificate),
    /// No trusted authority vouches for it (S-X509-3), or the issuer has revoked it.
    #[error("verifying certificate {id} failed: {error}")]
    Unverified {
        /// Which.
        id: Box<CertificateId>,
        /// Why. Part of the text, as it is the API server's.
        error: PathError,
    },
    /// Its UID cannot be read (S-X509-5).
    #[error(transparent)]
    Uid(#[from] UidError),
    /// It, or an authority above it, is on the list of revocations.
    #[error("{0}")]
    Revoked(String),
}

impl X509Error {
    /// Whether this is a rule that the API server does not have: it might take the certificate.
    #[must_use]
    pub fn is_stricter_than_kubernetes(&self) -> bool {
        match self {
            Self::Malformed(_) | Self::Uid(_) => false,
            Self::Unverified { error, .. } => error.is_stricter_than_kubernetes(),
            Self::Revoked(_) => true,
        }
    }
}

/// What a certificate is called in errors (S-X509-3). Displays as `SN=…, SKID=…, AKID=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateId {
    /// The serial number in decimal digits.
    pub serial: String,
    /// The identifier of its key; empty without.
    pub subject_key_id: Vec<u8>,
    /// The identifier of its issuer's key; empty without.
    pub authority_key_id: Vec<u8>,
}

impl CertificateId {
    /// What this one is called.
    #[must_use]
    pub fn of(certificate: &Certificate<'_>) -> Self {
        Self {
            serial: certificate.serial_decimal(),
            subject_key_id: certificate.subject_key_id().unwrap_or_default().to_vec(),
            authority_key_id: certificate.authority_key_id().unwrap_or_default().to_vec(),
        }
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { serial, subject_key_id, authority_key_id } = self;
        write!(f, "SN={serial}, SKID={}, AKID={}", Pairs(subject_key_id), Pairs(authority_key_id))
    }
}

/// `0A:1B`, as the API server writes identifiers of keys.
struct Pairs<'a>(&'a [u8]);

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, byte)| {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })
        })
    }
}
