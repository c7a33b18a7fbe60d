use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::WebhookClientError;
use crate::source::fetch;
use crate::util::secret::SecretBytes;

/// Who must answer.
pub(super) enum Server {
    /// Whoever has a certificate of one of these authorities, PEM.
    Verified(Vec<u8>),
    /// Whoever speaks TLS.
    Unverified,
    /// Whoever speaks at all.
    Plain,
}

/// What this client proves itself with, PEM.
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    pub(super) key: SecretBytes,
}

/// Why there is no configuration.
pub(super) enum Problem {
    Material { field: &'static str, problem: &'static str },
    Backend,
}

impl Problem {
    /// The same, of a kubeconfig.
    pub(super) fn of(self, path: &Path) -> WebhookClientError {
        match self {
            Self::Material { field, problem } => {
                WebhookClientError::Material { path: path.to_owned(), field, problem }
            }
            Self::Backend => WebhookClientError::Options(fetch::FetchConfigError::Tls),
        }
    }
}

/// TLS as a kubeconfig asks for it. The provider is named, not taken from the process.
pub(super) fn config(server: &Server, identity: Option<Identity>) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Problem::Backend)?;
    let builder = match server {
        Server::Verified(authorities) => {
            let roots = fetch::roots(authorities).map_err(|_| Problem::Material {
                field: "certificate-authority",
                problem: "it must be PEM with one or more certificates",
            })?;
            builder.with_root_certificates(roots)
        }
        Server::Unverified => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(danger::AnyCertificate(provider))),
        Server::Plain => builder.with_root_certificates(rustls::RootCertStore::empty()),
    };
    let Some(Identity { certificate, key }) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let wrong = |field, problem| Problem::Material { field, problem };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| wrong("client-certificate", "it must be PEM with a certificate first"))?;
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret())
        .map_err(|_| wrong("client-key", "it must be a private key in PEM without a passphrase"))?;
    builder.with_client_auth_cert(certificates, key).map_err(|_| {
        wrong("client-key", "it is not the key of `client-certificate`, or of no known kind")
    })
}

/// What nobody should use.
mod danger {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    use super::CryptoProvider;

    /// Takes any certificate, as `insecure-skip-tls-verify` says; that the server has its key is
    /// verified all the same.
    #[derive(Debug)]
    pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for AnyCertificate {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
