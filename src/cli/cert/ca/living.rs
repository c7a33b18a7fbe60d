//! Which certificates of an authority are still in use, as far as the ledger knows.

use std::path::Path;

use portcullis::crypto::certificate::Certificate;
use portcullis::pki::ledger::CertificateRecord;
use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};

use crate::cli::exit::{Failure, with_causes};

/// How many certificates of an authority are good now, or will be, and not revoked.
pub(super) fn of_authority(ledger: &Path, authority: &[u8], now: i64) -> Result<usize, Failure> {
    let wrong = |error: &dyn std::error::Error| Failure::usage(with_causes(error));
    let authority = Certificate::from_der(authority).map_err(|error| wrong(&error))?;
    // Nothing is revoked here, so the revocation file is not asked.
    let paths = LedgerPaths { ledger, revocations: ledger };
    let records = LedgerFile::open(&paths, OpenMode::Read)
        .and_then(|ledger| ledger.ending(now, i64::MAX))
        .map_err(|error| wrong(&error))?;
    let living = |record: &&CertificateRecord| {
        record.revoked.is_none() && is_of(&record.certificate, &authority)
    };
    Ok(records.iter().filter(living).count())
}

/// Whether the authority signed it: by its key, or, where a certificate does not name that, by its
/// name. One that cannot be read counts: retiring is what needs certainty.
fn is_of(certificate: &[u8], authority: &Certificate<'_>) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else { return true };
    if certificate.issuer_der() != authority.subject_der() {
        return false;
    }
    match (certificate.authority_key_id(), authority.subject_key_id()) {
        (Some(named), Some(own)) => named == own,
        _ => true,
    }
}
