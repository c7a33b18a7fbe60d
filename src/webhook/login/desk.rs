use std::fmt;
use std::path::PathBuf;

use super::session::Proven;
use crate::authn::issued::{IssueError as TokenError, IssuedTokens, Issuer, Session};
use crate::authn::x509::X509Authenticator;
use crate::authn::{Secret, UnixSeconds};
use crate::crypto::authority::Authority;
use crate::crypto::request::SigningRequest;
use crate::pki::issue::{
    IssueError as CertificateError, IssueRefusal, LOGIN_SIGNER, ProvenOrder, issue_proven,
};
use crate::pki::ledger::{CertificateRecord, RecordSource};
use crate::source::ledger::{LedgerFile, LedgerFileError, LedgerPaths, OpenMode};

/// Signs tokens for those who proved who they are.
#[derive(Debug)]
pub(in crate::webhook) struct TokenDesk {
    pub(in crate::webhook) issuer: Issuer,
    /// Knows its own tokens again.
    pub(in crate::webhook) verifier: IssuedTokens,
    /// For whom its tokens are. Nobody gets others than these.
    pub(in crate::webhook) audiences: Vec<String>,
    pub(in crate::webhook) lifetime: i64,
}

/// Signs client certificates for them.
pub(in crate::webhook) struct CertificateDesk {
    pub(in crate::webhook) authority: Authority,
    /// Knows its own certificates again.
    pub(in crate::webhook) own: X509Authenticator,
    pub(in crate::webhook) ledger: PathBuf,
    pub(in crate::webhook) revocations: PathBuf,
    pub(in crate::webhook) lifetime: i64,
}

impl fmt::Debug for CertificateDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateDesk")
            .field("authority", &self.authority.common_name())
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

/// A credential, and its end.
pub(super) struct HandedOut<T> {
    pub(super) credential: T,
    /// The first second in which it is no longer good.
    pub(super) expires: UnixSeconds,
}

/// Why there is no credential for somebody who proved who they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeskError {
    /// It is not to be, and the client may know why.
    #[error("{0}")]
    Refused(String),
    #[error("the token could not be signed: {0}")]
    Token(#[source] TokenError),
    #[error("the certificate could not be issued: {0}")]
    Certificate(#[source] CertificateError),
    #[error(transparent)]
    Ledger(#[from] LedgerFileError),
}

impl TokenDesk {
    pub(super) fn hand_out(
        &self,
        proven: &Proven,
        audiences: &[String],
        seconds: Option<i64>,
        now: UnixSeconds,
    ) -> Result<HandedOut<Secret>, DeskError> {
        if let Some(other) = audiences.iter().find(|asked| !self.audiences.contains(asked)) {
            return Err(DeskError::Refused(format!(
                "no token for the audience `{other}` is to be had here; the audiences are {}",
                self.audiences.join(", ")
            )));
        }
        let lifetime = lifetime(seconds, self.lifetime, proven, now)?;
        let session = Session {
            since: proven.since,
            refreshable_until: proven.refreshable_until.unwrap_or(proven.since),
            method: proven.method.to_string(),
        };
        let credential = self
            .issuer
            .issue_in(&proven.user, audiences, now, Some(lifetime), Some(session))
            .map_err(DeskError::Token)?;
        Ok(HandedOut { credential, expires: now.saturating_add(lifetime) })
    }
}

impl CertificateDesk {
    /// Waits for the disk: the certificate is in the books when this returns.
    pub(super) fn hand_out(
        &self,
        proven: &Proven,
        request: &SigningRequest,
        seconds: Option<i64>,
        now: UnixSeconds,
    ) -> Result<HandedOut<String>, DeskError> {
        let lifetime = lifetime(seconds, self.lifetime, proven, now)?;
        // A certificate is good in its last second, a credential here is not.
        let not_after = now.saturating_add(lifetime).saturating_sub(1);
        let order = ProvenOrder {
            request,
            user: &proven.user,
            method: &proven.method,
            since: proven.since,
            not_after,
            now,
        };
        let paths = LedgerPaths { ledger: &self.ledger, revocations: &self.revocations };
        let ledger = LedgerFile::open(&paths, OpenMode::Write)?;
        let issued =
            issue_proven(&order, &self.authority, &ledger).map_err(|error| match error {
                CertificateError::Refused(IssueRefusal::Key(_)) => {
                    DeskError::Refused(error.to_string())
                }
                error => DeskError::Certificate(error),
            })?;
        let expires = issued.not_after().saturating_add(1);
        Ok(HandedOut { credential: issued.pem() + &self.authority.chain_pem(), expires })
    }

    /// The certificates of logins with this number, as the books have them. Waits for the disk.
    pub(super) fn of_serial(&self, serial: &[u8]) -> Result<Vec<CertificateRecord>, DeskError> {
        let paths = LedgerPaths { ledger: &self.ledger, revocations: &self.revocations };
        let ledger = match LedgerFile::open(&paths, OpenMode::Read) {
            Ok(ledger) => ledger,
            // The first certificate begins it.
            Err(LedgerFileError::Absent { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut records = ledger.of_serial(serial)?;
        records.retain(|record| {
            record.signer == LOGIN_SIGNER && record.source == RecordSource::Issued
        });
        Ok(records)
    }
}

/// Not longer than what was asked for, what is given, what the proof itself lasts, and, for somebody
/// who may renew, the session.
fn lifetime(
    seconds: Option<i64>,
    longest: i64,
    proven: &Proven,
    now: UnixSeconds,
) -> Result<i64, DeskError> {
    let ends = [proven.ends, proven.refreshable_until].into_iter().flatten().min();
    let left = ends.map_or(i64::MAX, |ends| ends.saturating_sub(now));
    let lifetime = seconds.unwrap_or(longest).min(longest).min(left);
    if lifetime < 1 {
        return Err(DeskError::Refused("what was shown ends now; log in again".to_owned()));
    }
    Ok(lifetime)
}
