//! Files of certificates, requests and lists, and what is in them.

use std::io::{self, Read};
use std::path::Path;

use super::authority;
use crate::cli::exit::Failure;

/// A revocation list of a million certificates has about 40 MiB.
const MOST: usize = 256 * 1024 * 1024;

/// Reads a file, or standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path != Path::new("-") {
        return authority::read(path, MOST);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    io::stdin()
        .lock()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Read { path: "-".to_owned(), error })?;
    Ok(bytes)
}

/// What is wrong with a file.
pub(super) fn unusable(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("`{}`: {reason}", path.display()))
}

/// The certificates of a file, DER: of PEM all blocks, of DER the one.
pub(super) fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    use portcullis::crypto::certificate::{Certificate, chain_from_pem};

    let bytes = read(path)?;
    if Certificate::from_der(&bytes).is_ok() {
        return Ok(vec![bytes]);
    }
    chain_from_pem(&bytes).map_err(|error| unusable(path, crate::cli::exit::with_causes(&error)))
}
