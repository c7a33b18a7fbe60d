//! The ledger and its revocation file, from the command line.

use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};

use super::place::PkiArgs;
use crate::cli::exit::Failure;

/// Opens the books. For writing they are made when they are not there, though not their folder, and
/// what a crash left out of the revocation file is appended.
pub(super) fn open(place: &PkiArgs, mode: OpenMode) -> Result<LedgerFile, Failure> {
    let (ledger, revocations) = (place.ledger(), place.revocations());
    let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
    Ok(LedgerFile::open(&paths, mode)?)
}
