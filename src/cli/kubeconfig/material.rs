//! What goes into a kubeconfig, looked at before it does.

use std::path::Path;

use portcullis::authn::Secret;
use portcullis::crypto::authority::MAX_PEM_BYTES;
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::private_key::{PrivateKey, PrivateKeyError};
use portcullis::model::groups;

use crate::cli::clock::utc;
use crate::cli::exit::Failure;
use crate::cli::short_file::read;
use crate::cli::speak::Speaker;

/// A token has no more bytes than a header may.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// A bundle of authorities.
pub(crate) fn read_authority(path: &Path, speaker: Speaker) -> Result<Vec<u8>, Failure> {
    let pem = read(path, MAX_PEM_BYTES)?;
    for der in chain(path, &pem)? {
        let certificate = certificate(path, &der)?;
        if !certificate.is_authority() {
            speaker.warn(format!(
                "`{}`: `{}` is no certificate authority; clients believe only this one server",
                path.display(),
                certificate.subject()
            ));
        }
    }
    Ok(pem)
}

/// The PEM of a certificate and of its key, which belong together now.
pub(crate) fn checked_pair(
    certificate: &Path,
    key: &Path,
    now: i64,
    speaker: Speaker,
) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let certificate_pem = read(certificate, MAX_PEM_BYTES)?;
    let key_pem = read(key, MAX_PEM_BYTES)?;
    let private = PrivateKey::from_pem(&key_pem, None).map_err(|error| {
        let path = key.display();
        Failure::usage(match error {
            PrivateKeyError::PassphraseMissing => format!(
                "`{path}`: under a passphrase, which kubectl cannot ask for; make a copy without \
                 one: openssl pkey -in FILE -out NEW"
            ),
            _ => format!("`{path}`: {error}"),
        })
    })?;
    let chain = chain(certificate, &certificate_pem)?;
    let der = chain.first().map(Vec::as_slice).unwrap_or_default();
    let read = self::certificate(certificate, der)?;
    if !read.has_key(private.public_key_info()) {
        return Err(Failure::usage(format!(
            "`{}` is not the key of the certificate `{}`",
            key.display(),
            certificate.display()
        )));
    }
    let outside = if now > read.not_after() {
        Some(("has expired at", read.not_after()))
    } else if now < read.not_before() {
        Some(("is not valid before", read.not_before()))
    } else {
        None
    };
    if let Some((what, at)) = outside {
        let path = certificate.display();
        return Err(Failure::usage(format!("`{path}`: the certificate {what} {}", utc(at))));
    }
    warn_of_masters(&read.organizations(), speaker);
    Ok((certificate_pem, key_pem))
}

/// Nothing but its revocation takes such a certificate's rights away.
pub(crate) fn warn_of_masters(groups: &[String], speaker: Speaker) {
    if groups.iter().any(|group| group == groups::MASTERS) {
        speaker.warn(format!(
            "the certificate is of `{}`: it may do everything, and no policy takes that away",
            groups::MASTERS
        ));
    }
}

/// A bearer token: the only line of its file. It is shown nowhere.
pub(super) fn read_token(path: &Path) -> Result<Secret, Failure> {
    let wrong = || {
        Failure::usage(format!(
            "`{}`: must hold a token and nothing else, on one line",
            path.display()
        ))
    };
    let bytes = read(path, MAX_TOKEN_BYTES)?;
    let text = Secret::new(String::from_utf8(bytes).map_err(|_| wrong())?);
    let token = text.expose_secret().trim();
    if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    Ok(Secret::new(token.to_owned()))
}

fn chain(path: &Path, pem: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    chain_from_pem(pem).map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))
}

fn certificate<'a>(path: &Path, der: &'a [u8]) -> Result<Certificate<'a>, Failure> {
    Certificate::from_der(der)
        .map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))
}
