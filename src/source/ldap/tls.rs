use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::PoolError;
use super::options::{ClientCertificate, PoolOptions};
use super::server::Address;
use crate::authn::SecretBytes;

/// What the client library is told as the host where the name is an IP address, which it cannot take
/// from a URL of IPv6. It is neither sent nor compared.
const NO_NAME: &str = "address.invalid";

/// The TLS of one server, from files that may change.
pub(super) struct Tls {
    ca_file: PathBuf,
    client: Option<ClientCertificate>,
    name: ServerName<'static>,
    current: Mutex<Option<Current>>,
}

/// What the files held, and what it came to.
#[derive(Clone)]
struct Current {
    files: Arc<Files>,
    config: Arc<ClientConfig>,
}

struct Files {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: SecretBytes,
}

impl Files {
    fn is_same(&self, other: &Self) -> bool {
        self.ca == other.ca && self.certificate == other.certificate && self.key == other.key
    }
}

impl Tls {
    pub(super) fn new(options: &PoolOptions, address: &Address) -> Result<Self, PoolError> {
        let ca_file = options
            .ca_file
            .clone()
            .ok_or_else(|| PoolError::NoCaFile { url: address.url.clone() })?;
        let name = options.server_name.as_ref().unwrap_or(&address.host);
        let name = ServerName::try_from(name.clone())
            .map_err(|_| PoolError::ServerName { name: name.clone() })?;
        let client = options.client_certificate.clone();
        let tls = Self { ca_file, client, name, current: Mutex::new(None) };
        tls.load()?;
        Ok(tls)
    }

    /// What the client library is to have as the host.
    pub(super) fn host(&self) -> &str {
        match &self.name {
            ServerName::DnsName(name) => name.as_ref(),
            _ => NO_NAME,
        }
    }

    /// The configuration by what the files hold now; that of before if they hold something broken.
    /// Reads small files: not for the hot path, but every connection may.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, PoolError> {
        self.load().or_else(|error| {
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(current) = current else { return Err(error) };
            tracing::warn!(%error, "certificates for the directory not reloaded, known ones serve");
            Ok(current.config)
        })
    }

    fn load(&self) -> Result<Arc<ClientConfig>, PoolError> {
        let files = self.read()?;
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(current) = current.filter(|current| current.files.is_same(&files)) {
            return Ok(current.config);
        }
        let config = Arc::new(self.build(&files)?);
        let current = Current { files: Arc::new(files), config: Arc::clone(&config) };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        Ok(config)
    }

    fn read(&self) -> Result<Files, PoolError> {
        let (certificate, key) = match &self.client {
            Some(client) => (read(&client.certificate_file)?, read(&client.key_file)?),
            None => (Vec::new(), Vec::new()),
        };
        Ok(Files { ca: read(&self.ca_file)?, certificate, key: SecretBytes::from(key) })
    }

    fn build(&self, files: &Files) -> Result<ClientConfig, PoolError> {
        // Named, not taken from the process: no other crate can swap it.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = NamedVerifier::new(self.roots(files)?, &provider, self.name.clone())?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| PoolError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let (chain, key) = identity(client, files)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| PoolError::Tls(error.to_string()))?
            }
        };
        config.enable_sni = matches!(self.name, ServerName::DnsName(_));
        Ok(config)
    }

    fn roots(&self, files: &Files) -> Result<RootCertStore, PoolError> {
        let what = "one or more certificates in PEM";
        let wrong = || PoolError::Content { path: self.ca_file.clone(), what };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&files.ca) {
            roots.add(certificate.map_err(|_| wrong())?).map_err(|_| wrong())?;
        }
        if roots.is_empty() { Err(wrong()) } else { Ok(roots) }
    }
}

fn identity(
    client: &ClientCertificate,
    files: &Files,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), PoolError> {
    let wrong_chain = || PoolError::Content {
        path: client.certificate_file.clone(),
        what: "one or more certificates in PEM",
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&files.certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong_chain())?;
    if chain.is_empty() {
        return Err(wrong_chain());
    }
    let key = PrivateKeyDer::from_pem_slice(files.key.expose_secret()).map_err(|_| {
        PoolError::Content { path: client.key_file.clone(), what: "a private key in PEM" }
    })?;
    Ok((chain, key))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, PoolError> {
    std::fs::read(path).map_err(|source| PoolError::Read { path: path.to_owned(), source })
}

/// Verifies as the TLS back-end does, but the name that was configured: the client library hands on
/// what its URL parser makes of the host, which it cannot for IPv6 addresses.
#[derive(Debug)]
struct NamedVerifier {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl NamedVerifier {
    fn new(
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
        name: ServerName<'static>,
    ) -> Result<Self, PoolError> {
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let inner = builder.build().map_err(|error| PoolError::Tls(error.to_string()))?;
        Ok(Self { inner, name })
    }
}

impl ServerCertVerifier for NamedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
