//! The bytes of the server's certificate, its key and the authorities of its clients.

use std::fmt;

use zeroize::Zeroizing;

use super::Revision;
use super::material::{Digest, read_file, unreadable};
use crate::webhook::config::{ConfigError, NamedPath, Problem, ServerConfig, TlsConfig};
use crate::webhook::server::{ClientAuth, ReloadableTls, TlsError, TlsFiles};

/// What the listener needs, as the files have it: PEM.
pub struct TlsBytes {
    /// The certificate and its chain.
    pub certificate: Vec<u8>,
    /// The private key. Never log it.
    pub key: Zeroizing<Vec<u8>>,
    /// Authorities of client certificates.
    pub client_ca: Option<Vec<u8>>,
    /// Which bytes they are.
    pub revision: Revision,
    /// What somebody should look at.
    pub warnings: Vec<Problem>,
}

impl fmt::Debug for TlsBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBytes")
            .field("revision", &self.revision)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

impl TlsBytes {
    /// The same as TLS takes it.
    pub(in crate::webhook) fn files(&self) -> TlsFiles<'_> {
        TlsFiles {
            certificate: &self.certificate,
            key: &self.key,
            client_ca: self.client_ca.as_deref(),
        }
    }
}

/// The TLS of the login listener. Whoever logs in by a password has no certificate; one that is shown
/// must be a good one even so.
pub(in crate::webhook) fn login_tls(bytes: &TlsBytes) -> Result<ReloadableTls, TlsError> {
    let clients = match &bytes.client_ca {
        Some(_) => ClientAuth::RequiredExcept {
            allowed: Vec::new(),
            open: vec!["/login".to_owned(), "/login/refresh".to_owned()],
        },
        None => ClientAuth::None,
    };
    ReloadableTls::new(&bytes.files(), clients)
}

/// Reads the files of the review listener.
///
/// # Errors
/// Every file that cannot be read or is empty.
pub fn read_tls(config: &TlsConfig) -> Result<TlsBytes, ConfigError> {
    let client_cas = config.client_ca_file.iter();
    let mut bytes = read(&config.certificate_file, &config.key_file, client_cas)?;
    // Those that concern everybody come first.
    let own = std::mem::take(&mut bytes.warnings);
    let warnings = &mut bytes.warnings;
    match &config.client_ca_file {
        None => warnings.push(Problem::new(
            config.certificate_file.origin.clone(),
            "listen.tls.clientCAFile",
            "not set: everybody may ask for reviews; name the authority of the API server's \
             client certificate",
        )),
        // The cluster's own authority vouches for every kubelet and every person.
        Some(named) if config.allowed_clients.is_empty() => warnings.push(Problem::new(
            named.origin.clone(),
            "listen.tls.allowedClients",
            "not set: whoever has any certificate of these authorities may ask for reviews; name \
             the common name of the API server's",
        )),
        Some(_) => {}
    }
    warnings.extend(own);
    Ok(bytes)
}

/// Reads the files of the login listener; clients may show certificates of the authorities for logins,
/// and those that are handed out there. Without a login listener nothing is wrong, and nothing is there.
///
/// # Errors
/// Every file that cannot be read or is empty.
pub fn read_login_tls(config: &ServerConfig) -> Result<TlsBytes, ConfigError> {
    let Some(login) = &config.login else { return Err(ConfigError::new(Vec::new())) };
    let own = login.certificate.as_ref().map(|certificate| &certificate.ca_certificate_file);
    let client_cas = login.client_ca_files().chain(own);
    read(&login.certificate_file, &login.key_file, client_cas)
}

fn read<'a>(
    certificate_file: &NamedPath,
    key_file: &NamedPath,
    client_ca_files: impl Iterator<Item = &'a NamedPath>,
) -> Result<TlsBytes, ConfigError> {
    let mut problems = Vec::new();
    let mut digest = Digest::new();
    let mut read = |named: &NamedPath| match read_file(&named.path) {
        Ok(bytes) if bytes.trim_ascii().is_empty() => {
            let message = format!("`{}`: nothing in it", named.path.display());
            problems.push(Problem::new(named.origin.clone(), &named.field, message));
            None
        }
        Ok(bytes) => {
            digest.add("", &bytes);
            Some(bytes)
        }
        Err(error) => {
            problems.push(unreadable(named, &error));
            None
        }
    };
    let certificate = read(certificate_file);
    let key = read(key_file);
    let mut client_ca = None;
    for bytes in client_ca_files.filter_map(read) {
        let all: &mut Vec<u8> = client_ca.get_or_insert_default();
        all.extend_from_slice(&bytes);
        all.push(b'\n');
    }
    let mut warnings = Vec::new();
    if is_world_readable(key_file) {
        let message = format!(
            "`{}`: everybody on this machine can read this private key; `chmod 600` it",
            key_file.path.display()
        );
        let NamedPath { origin, field, .. } = key_file;
        warnings.push(Problem::new(origin.clone(), field, message));
    }
    let revision = digest.finish();
    match (certificate, key) {
        (Some(certificate), Some(key)) if problems.is_empty() => {
            Ok(TlsBytes { certificate: certificate.to_vec(), key, client_ca, revision, warnings })
        }
        _ => Err(ConfigError::new(problems)),
    }
}

#[cfg(unix)]
fn is_world_readable(named: &NamedPath) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(&named.path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_world_readable(_: &NamedPath) -> bool {
    false
}
