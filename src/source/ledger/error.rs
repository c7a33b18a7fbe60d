use std::io;
use std::path::Path;

use crate::model::Fingerprint;
use crate::source::revocations::RevocationFileError;

/// Why a ledger cannot be used, or what it was asked cannot be done. Nothing was changed then,
/// unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerFileError {
    /// There is no file.
    #[error(
        "`{path}`: there is no ledger yet; the first certificate that is issued or recorded begins one"
    )]
    Absent {
        /// The file.
        path: String,
    },
    /// There is no folder for it.
    #[error("`{path}`: cannot be made, since there is no such folder; make the folder first")]
    NoFolder {
        /// The file.
        path: String,
    },
    /// Another process has it open.
    #[error(
        "`{path}`: another process has used the ledger for {seconds} seconds; end that process, or try again"
    )]
    Busy {
        /// The file.
        path: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It is something else.
    #[error("`{path}`: not a ledger; it was left as it is: name another file")]
    Foreign {
        /// The file.
        path: String,
    },
    /// A later version of this program wrote it.
    #[error(
        "`{path}`: a ledger of version {found}, and this program knows version {known}; use a newer one"
    )]
    Newer {
        /// The file.
        path: String,
        /// What it says.
        found: u64,
        /// What can be read.
        known: u64,
    },
    /// It is not as it was written.
    #[error("`{path}`: the ledger is damaged ({detail}); restore it from a backup")]
    Damaged {
        /// The file.
        path: String,
        /// Where that was seen.
        detail: String,
    },
    /// A process died while it wrote, and this one may not write.
    #[error(
        "`{path}`: a process died while it wrote the ledger, and only who may write it can repair it; run `cert list` as its owner"
    )]
    NeedsRepair {
        /// The file.
        path: String,
    },
    /// It was opened for reading.
    #[error("`{path}`: the ledger was opened for reading only")]
    OpenedForReading {
        /// The file.
        path: String,
    },
    /// The system refused.
    #[error("`{path}`: the ledger cannot be used; check the path, the disk and your permission")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The store refused.
    #[error("`{path}`: the ledger cannot be used")]
    Store {
        /// The file.
        path: String,
        /// What it said.
        #[source]
        error: Box<redb::Error>,
    },
    /// The revocation file cannot be used. What was revoked is in the ledger and is appended to that
    /// file as soon as it can be.
    #[error(transparent)]
    Revocations(#[from] RevocationFileError),
    /// All of a user's or group's certificates issued before a time to come.
    #[error("certificates that are yet to be issued cannot be revoked; name a time that is over")]
    CutoffInFuture,
    /// No certificate with this serial number is known, and its issuer was not named.
    #[error(
        "no certificate with serial number `{serial}` is known; name its issuer with --issuer to revoke it all the same"
    )]
    UnknownSerial {
        /// The number in hexadecimal digits.
        serial: String,
    },
    /// Several authorities issued certificates with this serial number.
    #[error("several authorities issued a certificate with serial number `{serial}`; name one by --fingerprint: {}", list(.fingerprints))]
    AmbiguousSerial {
        /// The number in hexadecimal digits.
        serial: String,
        /// Which.
        fingerprints: Vec<Fingerprint>,
    },
}

fn list(fingerprints: &[Fingerprint]) -> String {
    let texts: Vec<String> = fingerprints.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// What went wrong, before it is known in which file.
#[derive(Debug)]
pub(super) enum Cause {
    /// The store says so.
    Store(redb::Error),
    /// What is in it makes no sense.
    Damaged(String),
    /// It is no ledger.
    Foreign,
    /// It is a ledger of a later version.
    Newer(u64),
    /// There is an error for it.
    Told(LedgerFileError),
}

pub(super) type Attempt<T> = Result<T, Cause>;

impl Cause {
    /// The error, in the file at this path.
    pub(super) fn at(self, path: &Path) -> LedgerFileError {
        let path = path.display().to_string();
        match self {
            Self::Told(error) => error,
            Self::Foreign => LedgerFileError::Foreign { path },
            Self::Newer(found) => {
                LedgerFileError::Newer { path, found, known: super::schema::VERSION }
            }
            Self::Damaged(detail) => LedgerFileError::Damaged { path, detail },
            Self::Store(redb::Error::Corrupted(detail)) => {
                LedgerFileError::Damaged { path, detail: detail.replace('\n', " ") }
            }
            Self::Store(redb::Error::RepairAborted) => LedgerFileError::NeedsRepair { path },
            Self::Store(redb::Error::Io(error)) => match error.kind() {
                // So the store calls what does not begin as its files do.
                io::ErrorKind::InvalidData => LedgerFileError::Foreign { path },
                io::ErrorKind::NotFound => LedgerFileError::Absent { path },
                io::ErrorKind::UnexpectedEof => {
                    LedgerFileError::Damaged { path, detail: "it is cut off".to_owned() }
                }
                _ => LedgerFileError::Io { path, error },
            },
            Self::Store(
                redb::Error::TableDoesNotExist(_)
                | redb::Error::TableTypeMismatch { .. }
                | redb::Error::TableIsMultimap(_)
                | redb::Error::TableIsNotMultimap(_)
                | redb::Error::TypeDefinitionChanged { .. }
                | redb::Error::UpgradeRequired(_),
            ) => LedgerFileError::Foreign { path },
            Self::Store(error) => LedgerFileError::Store { path, error: Box::new(error) },
        }
    }
}

macro_rules! from_store {
    ($($error:ident),*) => { $(
        impl From<redb::$error> for Cause {
            fn from(error: redb::$error) -> Self {
                Self::Store(error.into())
            }
        }
    )* };
}

from_store!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

impl From<redb::SetDurabilityError> for Cause {
    fn from(error: redb::SetDurabilityError) -> Self {
        Self::Store(error.into())
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Store(redb::Error::Io(error))
    }
}
