//! Where the certificate authority and its books are.

use std::path::PathBuf;

use clap::Args;

/// The folder of the authority, or its files one by one.
#[derive(Debug, Args)]
#[command(next_help_heading = "Certificate authority")]
pub(crate) struct PkiArgs {
    /// The folder of the authority: ca.crt, ca.key, ledger.redb, revocations.ndjson
    #[arg(long, value_name = "DIR", default_value = "pki")]
    pub(crate) pki: PathBuf,
    /// The authority's certificate, PEM [default: DIR/ca.crt]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// Its key, PEM: PKCS#8, PKCS#1 or SEC1 [default: DIR/ca.key]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_key: Option<PathBuf>,
    /// A file whose first line is the passphrase of the key
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_passphrase_file: Option<PathBuf>,
    /// The ledger of certificates [default: DIR/ledger.redb]
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// The revocation file that servers read [default: DIR/revocations.ndjson]
    #[arg(long, value_name = "FILE")]
    pub(crate) revocations: Option<PathBuf>,
}

impl PkiArgs {
    /// Where the authority's certificate is.
    pub(crate) fn ca_cert(&self) -> PathBuf {
        self.or_in_folder(self.ca_cert.as_ref(), "ca.crt")
    }

    /// Where its key is.
    pub(crate) fn ca_key(&self) -> PathBuf {
        self.or_in_folder(self.ca_key.as_ref(), "ca.key")
    }

    /// Where the ledger is.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.or_in_folder(self.ledger.as_ref(), "ledger.redb")
    }

    /// Where the revocation file is.
    pub(crate) fn revocations(&self) -> PathBuf {
        self.or_in_folder(self.revocations.as_ref(), "revocations.ndjson")
    }

    fn or_in_folder(&self, named: Option<&PathBuf>, file: &str) -> PathBuf {
        named.cloned().unwrap_or_else(|| self.pki.join(file))
    }
}
