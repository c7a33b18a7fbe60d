//! The books of an authority as a person, a script and a crash meet them: nothing that was handed out
//! is forgotten, nothing that was revoked comes back, and the revocation file says all of it.

mod crash;
mod verbs;

use std::path::{Path, PathBuf};

use portcullis::model::{CREDENTIAL_ID, Revocations, User};
use portcullis::pki::ledger::CertificateRecord;
use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};
use portcullis::source::revocations::RevocationFile;

fn ledger(folder: &Path) -> PathBuf {
    folder.join("ledger.redb")
}

fn revocations(folder: &Path) -> PathBuf {
    folder.join("revocations.ndjson")
}

#[track_caller]
fn open(folder: &Path) -> LedgerFile {
    let (ledger, revocations) = (ledger(folder), revocations(folder));
    let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
    LedgerFile::open(&paths, OpenMode::Write).unwrap()
}

#[track_caller]
fn list(folder: &Path) -> Revocations {
    RevocationFile::new(revocations(folder)).read().unwrap()
}

/// Whether an authorizer that reads the list refuses its bearer.
fn is_refused(list: &Revocations, record: &CertificateRecord) -> bool {
    let mut user = User::new(&record.user).with_groups(&record.groups);
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![record.fingerprint.credential_id()]);
    list.of_user(&user).is_some()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
