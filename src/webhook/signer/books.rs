//! Where a signer records what it signs.

use super::SharedLedger;
use crate::model::Fingerprint;
use crate::pki::ledger::{CertificateRecord, Ledger, LedgerError, Recorded};
use crate::source::ledger::{LedgerFile, LedgerPaths, OpenMode};
use crate::webhook::config::{Problem, SignerConfig, SignerLedgerConfig};

/// The books of one signer.
#[derive(Clone)]
pub(super) enum SignerBooks {
    /// Files of its own, opened for each record: other processes use them, too.
    Files(SignerLedgerConfig),
    /// Those of all replicas.
    Shared(SharedLedger),
}

impl SignerBooks {
    pub(super) fn of(
        config: &SignerConfig,
        shared: Option<&SharedLedger>,
    ) -> Result<Self, Problem> {
        match (&config.ledger, shared) {
            (Some(files), _) => Ok(Self::Files(files.clone())),
            (None, Some(shared)) => Ok(Self::Shared(SharedLedger::clone(shared))),
            (None, None) => {
                let message = "has no books: name files under `ledger`, or let replicas share theirs with \
                               `cluster.facts`";
                Err(Problem::new(config.origin.clone(), "signers", message))
            }
        }
    }

    fn open(files: &SignerLedgerConfig, mode: OpenMode) -> Result<LedgerFile, LedgerError> {
        let paths =
            LedgerPaths { ledger: &files.file.path, revocations: &files.revocations_file.path };
        LedgerFile::open(&paths, mode).map_err(|error| match mode {
            OpenMode::Read => LedgerError::Read(Box::new(error)),
            OpenMode::Write => LedgerError::Record(Box::new(error)),
        })
    }
}

impl Ledger for SignerBooks {
    fn record(&self, record: &CertificateRecord) -> Result<Recorded, LedgerError> {
        match self {
            Self::Files(files) => Self::open(files, OpenMode::Write)?.record(record),
            Self::Shared(shared) => shared.record(record),
        }
    }

    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<CertificateRecord>, LedgerError> {
        match self {
            Self::Files(files) => Self::open(files, OpenMode::Read)?.find(fingerprint),
            Self::Shared(shared) => shared.find(fingerprint),
        }
    }

    fn of_user(&self, user: &str) -> Result<Vec<CertificateRecord>, LedgerError> {
        match self {
            Self::Files(files) => Self::open(files, OpenMode::Read)?.of_user(user),
            Self::Shared(shared) => shared.of_user(user),
        }
    }
}
