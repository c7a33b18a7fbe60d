use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use tokio::sync::watch;

use super::client::{ClientAuth, Verifier};
use super::peer;
use crate::crypto::certificate::Certificate;

/// The contents of the TLS files, all PEM. Reading the files is the caller's.
pub struct TlsFiles<'a> {
    /// The certificate, followed by its intermediates.
    pub certificate: &'a [u8],
    /// Its key: PKCS#8, PKCS#1 or SEC1, not encrypted. Never logged, never part of an error.
    pub key: &'a [u8],
    /// The CAs whose clients are let in; must be there exactly when [`ClientAuth`] asks for
    /// certificates, so that a missing file cannot open the door.
    pub client_ca: Option<&'a [u8]>,
}

impl fmt::Debug for TlsFiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFiles")
            .field("certificate", &self.certificate.len())
            .field("key", &"[secret]")
            .field("client_ca", &self.client_ca.map(<[u8]>::len))
            .finish()
    }
}

/// Why TLS files cannot serve. Each names the file that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Not PEM.
    #[error("the {file} is not PEM: check that it is the file meant")]
    Pem {
        /// Which one.
        file: TlsFile,
        /// Where it goes wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Nothing of use in the file.
    #[error("the {file} file holds no {file}")]
    Empty {
        /// Which one.
        file: TlsFile,
    },
    /// An encrypted key.
    #[error("the key is encrypted: decrypt it with `openssl pkey` and protect the file instead")]
    EncryptedKey,
    /// A key that is broken or of a kind that TLS does not know.
    #[error("the key is not an RSA, ECDSA or Ed25519 key that can sign")]
    Key,
    /// A certificate that cannot be read.
    #[error("certificate {number} of the {file} file cannot be read")]
    Certificate {
        /// Which file.
        file: TlsFile,
        /// Its place in the file, from 1 on.
        number: usize,
    },
    /// The key belongs to another certificate.
    #[error(
        "the key does not belong to the certificate: they were issued or copied at different times"
    )]
    Mismatch,
    /// The certificate's time is over; no client would accept it.
    #[error("the certificate expired at {at}: renew it")]
    Expired {
        /// When.
        at: jiff::Timestamp,
    },
    /// Client certificates are asked for, and there is no CA to check them with.
    #[error("client certificates are required, but there is no client CA")]
    NoClientCa,
    /// There is a client CA, and client certificates are not asked for.
    #[error("there is a client CA, but client certificates are not required: require them")]
    UnusedClientCa,
    /// TLS cannot be set up.
    #[error("tls cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// One of the TLS files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificate.
    Certificate,
    /// The key.
    Key,
    /// The client CAs.
    ClientCa,
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
            Self::ClientCa => "client CA",
        })
    }
}

/// The certificate that is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Valid from; seconds since 1970-01-01 UTC. May lie ahead: clocks differ.
    pub not_before: i64,
    /// Valid until; seconds since 1970-01-01 UTC. Log a warning well before.
    pub not_after: i64,
}

/// The server's certificate and client CAs, to be exchanged while it serves.
///
/// Every handshake takes one whole configuration, so it never meets a new certificate with old CAs.
/// Sessions are not resumed: a resumed one would skip the check of the client certificate, and API
/// servers keep connections open instead.
///
/// When a reload takes away a client CA, open connections are asked to leave (GOAWAY, or the end of
/// keep-alive) once what is in flight is answered, so that no client stays on a CA that is gone.
/// Otherwise open connections go on with the certificate they saw.
#[derive(Debug)]
pub struct ReloadableTls {
    clients: ClientAuth,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Loaded>,
    distrust: watch::Sender<()>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    serving: Serving,
    client_cas: Vec<CertificateDer<'static>>,
}

impl ReloadableTls {
    /// Loads the files for the first time. What is asked of clients stays as it is for good.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(files: &TlsFiles<'_>, clients: ClientAuth) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let loaded = load(files, &clients, &provider)?;
        let current = ArcSwap::from_pointee(loaded);
        Ok(Self { clients, provider, current, distrust: watch::Sender::new(()) })
    }

    /// Serves these files from the next handshake on.
    ///
    /// # Errors
    /// See [`TlsError`]; then what was served goes on being served.
    pub fn reload(&self, files: &TlsFiles<'_>) -> Result<(), TlsError> {
        let loaded = load(files, &self.clients, &self.provider)?;
        let kept = loaded.client_cas.clone();
        let old = self.current.swap(Arc::new(loaded));
        if old.client_cas.iter().any(|ca| !kept.contains(ca)) {
            self.distrust.send_replace(());
        }
        Ok(())
    }

    /// Which certificate new connections see.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.current.load().serving
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    pub(super) const fn clients(&self) -> &ClientAuth {
        &self.clients
    }

    /// Changes when a client CA is gone. Subscribe before taking the configuration.
    pub(super) fn distrust(&self) -> watch::Receiver<()> {
        self.distrust.subscribe()
    }
}

fn load(
    files: &TlsFiles<'_>,
    clients: &ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Loaded, TlsError> {
    let chain = certificates(files.certificate, TlsFile::Certificate)?;
    let leaf = chain.first().ok_or(TlsError::Empty { file: TlsFile::Certificate })?;
    let serving = serving(leaf)?;
    let key = key(files.key)?;
    let key = provider.key_provider.load_private_key(key).map_err(|_| TlsError::Key)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => return Err(TlsError::Mismatch),
        Err(_) => {
            return Err(TlsError::Certificate { file: TlsFile::Certificate, number: 1 });
        }
    }
    let client_cas = match (files.client_ca, clients.wants_certificates()) {
        (Some(pem), true) => certificates(pem, TlsFile::ClientCa)?,
        (None, false) => Vec::new(),
        (None, true) => return Err(TlsError::NoClientCa),
        (Some(_), false) => return Err(TlsError::UnusedClientCa),
    };
    let versions = &[&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(TlsError::Setup)?
        .with_client_cert_verifier(verifier(&client_cas, clients, provider)?)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Loaded { config: Arc::new(config), serving, client_cas })
}

fn verifier(
    cas: &[CertificateDer<'static>],
    clients: &ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if !clients.wants_certificates() {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    for (number, ca) in (1..).zip(cas) {
        let file = TlsFile::ClientCa;
        roots.add(ca.clone()).map_err(|_| TlsError::Certificate { file, number })?;
    }
    let provider = Arc::clone(provider);
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if !clients.is_mandatory() {
        builder = builder.allow_unauthenticated();
    }
    // The only error left is a list without a CA.
    let chain = builder.build().map_err(|_| TlsError::NoClientCa)?;
    Ok(Arc::new(Verifier { chain, allowed: clients.allowed().to_vec() }))
}

/// What the certificate says of itself. One that is not valid yet serves: the clocks of two machines
/// may differ, and clients judge by their own.
fn serving(leaf: &CertificateDer<'_>) -> Result<Serving, TlsError> {
    let unreadable = |_| TlsError::Certificate { file: TlsFile::Certificate, number: 1 };
    let certificate = Certificate::from_der(leaf).map_err(unreadable)?;
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    let expiry = jiff::Timestamp::from_second(not_after).unwrap_or(jiff::Timestamp::MAX);
    if jiff::Timestamp::try_from(SystemTime::now()).is_ok_and(|now| now > expiry) {
        return Err(TlsError::Expired { at: expiry });
    }
    Ok(Serving { fingerprint: peer::fingerprint(leaf), not_before, not_after })
}

fn certificates(pem: &[u8], file: TlsFile) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|source| TlsError::Pem { file, source })?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { file });
    }
    Ok(certificates)
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error;
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound if is_encrypted(pem) => TlsError::EncryptedKey,
        Error::NoItemsFound => TlsError::Empty { file: TlsFile::Key },
        // The cause is not passed on: it may quote a line of the file.
        _ => TlsError::Key,
    })
}

fn is_encrypted(pem: &[u8]) -> bool {
    let mark = b"BEGIN ENCRYPTED PRIVATE KEY";
    pem.windows(mark.len()).any(|window| window == mark)
}

#[cfg(test)]
mod tests;
