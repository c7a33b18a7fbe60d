//! The authority of the command line: read from its folder, or from files named one by one.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis::authn::Secret;
use portcullis::crypto::authority::{self, Authority};
use portcullis::crypto::private_key::{self, PrivateKey, PrivateKeyError};

use super::ca;
use super::place::PkiArgs;
use crate::cli::exit::Failure;
pub(crate) use crate::cli::short_file::read;
use crate::cli::speak::Speaker;
use crate::cli::whole_file::mode_for_others;

/// A passphrase has no more bytes than this.
const MAX_PASSPHRASE: usize = 4096;

/// Reads the certificate and the key.
pub(crate) fn load(args: &PkiArgs, speaker: Speaker) -> Result<Authority, Failure> {
    let (certificate, key) = files(args);
    if let Some(mode) = mode_for_others(&key) {
        let path = key.display();
        speaker.warn(format!(
            "`{path}`: others than its owner can use this key (mode {mode:o}), and with it sign for \
             anybody; chmod 600 {path}"
        ));
    }
    let passphrase = passphrase(args.ca_passphrase_file.as_deref())?;
    load_pair(&certificate, &key, passphrase.as_ref(), "--ca-passphrase-file")
}

/// Where they are. An `activate` that was cut off has put the new key in place, but not yet the new
/// certificate: that one still is where `ca next` put it.
fn files(args: &PkiArgs) -> (PathBuf, PathBuf) {
    let is_folder = args.ca_cert.is_none() && args.ca_key.is_none();
    let certificate = if is_folder { ca::certificate_in(&args.pki) } else { args.ca_cert() };
    (certificate, args.ca_key())
}

/// Reads a pair of files. `flag` names the passphrase to whoever must give it.
pub(super) fn load_pair(
    certificate: &Path,
    key: &Path,
    passphrase: Option<&Secret>,
    flag: &str,
) -> Result<Authority, Failure> {
    if !certificate.exists() {
        return Err(Failure::usage(format!(
            "`{}`: there is no certificate authority; `portcullis cert ca init` makes one, and --pki, \
             or --ca-cert and --ca-key, name another",
            certificate.display()
        )));
    }
    let pem = read(certificate, authority::MAX_PEM_BYTES)?;
    let key = load_key(key, passphrase, flag)?;
    Authority::from_pem(&pem, key)
        .map_err(|error| Failure::usage(format!("`{}`: {error}", certificate.display())))
}

/// Reads a private key.
pub(super) fn load_key(
    path: &Path,
    passphrase: Option<&Secret>,
    flag: &str,
) -> Result<PrivateKey, Failure> {
    let pem = zeroizing(read(path, private_key::MAX_PEM_BYTES)?);
    PrivateKey::from_pem(pem.expose_secret(), passphrase).map_err(|error| {
        let hint = match error {
            PrivateKeyError::PassphraseMissing => format!(" with {flag} FILE"),
            _ => String::new(),
        };
        Failure::usage(format!("`{}`: {error}{hint}", path.display()))
    })
}

fn zeroizing(bytes: Vec<u8>) -> portcullis::authn::SecretBytes {
    bytes.into()
}

/// The first line of a file, if one is named.
pub(crate) fn passphrase(path: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let wrong = |what| Failure::usage(format!("`{}`: {what}", path.display()));
    let bytes = zeroizing(read(path, MAX_PASSPHRASE)?);
    let text = std::str::from_utf8(bytes.expose_secret())
        .map_err(|_| wrong("a passphrase must be UTF-8"))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Some(Secret::new(line.to_owned()))),
        _ => Err(wrong("its first line is empty; it must hold the passphrase")),
    }
}

/// Whether something is at a path, be it a link to nowhere.
pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
