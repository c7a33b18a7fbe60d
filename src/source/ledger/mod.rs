//! Which certificates were issued and seen, which were taken back, and do servers know? The books of
//! an authority, in one file that survives a crash.
//!
//! The file is a redb store: records by fingerprint, found by serial number, user, group and end of
//! validity. Records are never changed; that one was revoked is said beside it, and not taken back.
//! What is written is on the disk when a call returns. One process uses the file at a time; another
//! waits for it up to ten seconds.
//!
//! **What counts is the ledger; what servers see is the revocation file**
//! (`source::revocations`). Everything that servers must be told is written into the ledger first,
//! in one transaction with what it is about, and appended to that file before the call returns. What
//! a crash left out between the two is appended by [`LedgerFile::sync`], which runs whenever a ledger
//! is opened for writing; so does a revocation file that was lost come back.
//!
//! A revocation of all of a user's certificates issued before a time also refuses those that nobody
//! recorded. So that it spares later ones, the revocation file must name them: recording a
//! certificate of such a user appends that, before the certificate is handed out.
//!
//! Absent on purpose: cryptography (see `crypto`), the judgement whether a certificate may be issued
//! (see `pki`), and forgetting: a record is small, and who held a certificate is a question that is
//! asked years later.
//!
//! ```
//! use portcullis::model::{CREDENTIAL_ID, Fingerprint, User};
//! use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance, RecordSource};
//! use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode, Revoke, Saying};
//! use portcullis::source::revocations::RevocationFile;
//!
//! let folder = tempfile::tempdir()?;
//! let (ledger, revocations) = (folder.path().join("ledger.redb"), folder.path().join("revoked"));
//! let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
//! let books = LedgerFile::open(&paths, OpenMode::Write)?;
//!
//! let issued = rcgen::generate_simple_self_signed(["jane".to_owned()])?;
//! let record = CertificateRecord::of_certificate(issued.cert.der(), Provenance::imported(100))?;
//! books.record(&record)?;
//!
//! let saying = Saying { at: 200, reason: "keyCompromise", by: "ops" };
//! let outcome = books.revoke(&Revoke::Certificate(record.fingerprint), &saying)?;
//! assert_eq!(outcome.revoked.len(), 1);
//!
//! // Whoever reads the revocation file refuses it now.
//! let mut bearer = User::new("jane");
//! let id = record.fingerprint.credential_id();
//! bearer.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
//! let list = RevocationFile::new(&revocations).read()?;
//! assert!(list.of_user(&bearer).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod crl;
mod enter;
mod error;
mod find;
mod open;
mod outbox;
mod revoke;
mod schema;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use redb::WriteTransaction;

pub use crl::RevokedNumber;
pub use error::LedgerFileError;
pub use revoke::{Outcome, Revoke, Saying};

use super::revocations::RevocationFile;
use crate::model::Fingerprint;
use crate::pki::ledger::{CertificateRecord, Ledger, LedgerError, Recorded};
use error::{Attempt, Cause};
use open::{Store, guarded};
use outbox::Outbox;
use schema::{Books, View};

/// How long a process waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the books are.
#[derive(Debug, Clone, Copy)]
pub struct LedgerPaths<'a> {
    /// The ledger.
    pub ledger: &'a Path,
    /// The revocation file that servers read.
    pub revocations: &'a Path,
}

/// What a ledger is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Looking things up. The file must be there. Several processes can read at a time.
    Read,
    /// Recording and revoking. A file that is not there is made, readable by its owner only; so is
    /// the revocation file. What that one lacks is appended.
    Write,
}

/// An open ledger. See the module.
pub struct LedgerFile {
    // `None` only while it is dropped.
    store: Option<Store>,
    path: PathBuf,
    outbox: Mutex<Outbox>,
}

impl std::fmt::Debug for LedgerFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl LedgerFile {
    /// Opens a ledger, and waits up to ten seconds while another process uses it.
    ///
    /// # Errors
    /// When it cannot be opened or is no ledger, which leaves the file as it was; for writing also
    /// when the revocation file lacks something that cannot be appended.
    pub fn open(paths: &LedgerPaths<'_>, mode: OpenMode) -> Result<Self, LedgerFileError> {
        Self::open_within(paths, mode, PATIENCE)
    }

    fn open_within(
        paths: &LedgerPaths<'_>,
        mode: OpenMode,
        patience: Duration,
    ) -> Result<Self, LedgerFileError> {
        let ledger = Self {
            store: Some(open::open(paths.ledger, mode, patience)?),
            path: paths.ledger.to_owned(),
            outbox: Mutex::new(Outbox::new(RevocationFile::new(paths.revocations))),
        };
        if mode == OpenMode::Write {
            ledger.sync()?;
        }
        Ok(ledger)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks things up in the tables as they are now.
    fn look<T>(&self, look: impl FnOnce(&View) -> Attempt<T>) -> Result<T, LedgerFileError> {
        let Some(store) = &self.store else { return Err(self.opened_for_reading()) };
        guarded(|| look(&View::open(&store.begin_read()?)?)).map_err(|cause| cause.at(&self.path))
    }

    /// Changes the tables; the change is on the disk on return. `change` sees them as they were
    /// before it, too, and says whether there is anything to keep.
    fn change<T>(
        &self,
        change: impl FnOnce(&View, &mut Books<'_>) -> Attempt<(T, Keep)>,
    ) -> Result<T, LedgerFileError> {
        let Some(Store::Write(database)) = &self.store else {
            return Err(self.opened_for_reading());
        };
        let attempt = || {
            let write: WriteTransaction = schema::begin(database)?;
            // Nobody else changes anything in the meantime, so this is how it is.
            let view = View::open(&redb::ReadableDatabase::begin_read(database)?)?;
            let (done, keep) = change(&view, &mut Books::open(&write)?)?;
            match keep {
                Keep::Changes => write.commit()?,
                Keep::Nothing => write.abort()?,
            }
            Ok(done)
        };
        guarded(attempt).map_err(|cause| cause.at(&self.path))
    }

    fn opened_for_reading(&self) -> LedgerFileError {
        LedgerFileError::OpenedForReading { path: self.path.display().to_string() }
    }

    /// Enters many certificates at once: all of them or none.
    ///
    /// # Errors
    /// As [`Ledger::record`].
    pub fn record_all(
        &self,
        records: &[CertificateRecord],
    ) -> Result<Vec<Recorded>, LedgerFileError> {
        let done = self.change(|_, books| {
            let mut done = Vec::with_capacity(records.len());
            for record in records {
                done.push(enter::enter(books, record)?);
            }
            let keep = if done.contains(&Recorded::New) { Keep::Changes } else { Keep::Nothing };
            Ok((done, keep))
        })?;
        // Also for certificates that were known: the first attempt may have failed half-way.
        self.publish()?;
        Ok(done)
    }
}

/// Whether a change is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Changes,
    Nothing,
}

impl Drop for LedgerFile {
    fn drop(&mut self) {
        let store = self.store.take();
        // Closing walks the file, too. What is committed is on the disk already.
        let _ = guarded(|| {
            drop(store);
            Ok(())
        });
    }
}

impl Ledger for LedgerFile {
    fn record(&self, record: &CertificateRecord) -> Result<Recorded, LedgerError> {
        let done = self.record_all(std::slice::from_ref(record));
        let done = done.map_err(|error| LedgerError::Record(Box::new(error)))?;
        Ok(done.first().copied().unwrap_or(Recorded::Known))
    }

    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<CertificateRecord>, LedgerError> {
        let found = self.look(|view| view.record(fingerprint));
        found.map_err(|error| LedgerError::Read(Box::new(error)))
    }

    fn of_user(&self, user: &str) -> Result<Vec<CertificateRecord>, LedgerError> {
        let found = self.look(|view| view.of_user(user));
        found.map_err(|error| LedgerError::Read(Box::new(error)))
    }
}

/// A stored value that is not as it was written.
fn damaged(what: &str) -> Cause {
    Cause::Damaged(format!("{what} cannot be read"))
}
