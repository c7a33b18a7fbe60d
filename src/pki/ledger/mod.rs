//! Which certificates are there, who asked for them, and which were taken back?
//!
//! What is known of a certificate is a [`CertificateRecord`]; where the records are kept is behind
//! the trait [`Ledger`], so that the pipeline that issues certificates opens no file. A certificate
//! is recorded before it is handed out: one that nobody recorded cannot be listed, and cannot be
//! revoked by name.
//!
//! Absent on purpose: files (see `source::ledger`), and any judgement of who may have what.

mod record;
mod wire;

#[cfg(test)]
mod tests;

use std::error::Error;

pub use record::{
    CertificateRecord, CertificateState, Provenance, RecordSource, Requester, RevokedRecord,
};

use crate::model::Fingerprint;

/// The books of an authority.
///
/// Implemented by `source::ledger::LedgerFile`.
pub trait Ledger {
    /// Enters a certificate. On return it is there to stay, and so is whatever servers must be told
    /// before it is handed out: that a revocation of all earlier certificates of this user does not
    /// mean this one.
    ///
    /// A certificate that is known already stays as it was first recorded.
    ///
    /// # Errors
    /// When that cannot be assured. The certificate must not be handed out then.
    fn record(&self, record: &CertificateRecord) -> Result<Recorded, LedgerError>;

    /// What is known of a certificate.
    ///
    /// # Errors
    /// When the books cannot be read.
    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<CertificateRecord>, LedgerError>;

    /// All certificates with this user name, oldest first.
    ///
    /// # Errors
    /// When the books cannot be read.
    fn of_user(&self, user: &str) -> Result<Vec<CertificateRecord>, LedgerError>;
}

/// What came of recording a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was not known before.
    New,
    /// It was known, and nothing was changed.
    Known,
}

/// The books failed. What failed, and what to do about it, is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A certificate is not recorded, or servers were not told of it.
    #[error("the certificate is not recorded, so it is not handed out")]
    Record(#[source] Box<dyn Error + Send + Sync>),
    /// Records cannot be read.
    #[error("the ledger cannot be read")]
    Read(#[source] Box<dyn Error + Send + Sync>),
}
