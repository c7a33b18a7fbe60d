//! The certificate that a client shows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::LoginError;
use crate::util::secret::SecretBytes;

/// No certificate chain and no key is longer.
const MAX_BYTES: u64 = 1 << 20;

/// A certificate with its chain, and its key; both PEM.
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    pub(super) key: SecretBytes,
}

impl Identity {
    /// Reads both from files.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, LoginError> {
        let identity = Self { certificate: read(certificate)?, key: SecretBytes::from(read(key)?) };
        let wrong = |path: &Path, problem| LoginError::File { path: path.to_owned(), problem };
        identity.parse().map_err(|problem| match problem {
            Problem::Certificate => wrong(certificate, "it must be PEM with a certificate first"),
            Problem::Key => wrong(key, "it must be a private key in PEM without a passphrase"),
        })?;
        Ok(identity)
    }

    /// As TLS takes them.
    pub(super) fn parse(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Problem> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::Certificate)?;
        if chain.is_empty() {
            return Err(Problem::Certificate);
        }
        let key =
            PrivateKeyDer::from_pem_slice(self.key.expose_secret()).map_err(|_| Problem::Key)?;
        Ok((chain, key))
    }
}

/// Which half is no good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Problem {
    Certificate,
    Key,
}

/// A file that must not be longer than it can sensibly be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoginError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| LoginError::Read { path: path.to_owned(), error })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        let (path, problem) = (path.to_owned(), "it is another file than is meant: it is too long");
        return Err(LoginError::File { path, problem });
    }
    Ok(bytes)
}
