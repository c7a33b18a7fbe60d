use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::crypto::certificate::Certificate;

/// Which clients may speak to the review listener.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Anybody who reaches it. For `serve --dev` and behind a proxy that checks.
    #[default]
    None,
    /// Only holders of a certificate of a client CA, checked in the handshake.
    Required {
        /// Which of them; empty means all.
        allowed: Vec<AllowedClient>,
    },
    /// As `Required`, but the paths named here are answered without a certificate too, for probes
    /// that have none. Anything else without a certificate is answered 403 by the server itself;
    /// a certificate that is presented must be a good one even so.
    RequiredExcept {
        /// Which certificates; empty means all of the client CAs.
        allowed: Vec<AllowedClient>,
        /// Exact paths, such as `/readyz`.
        open: Vec<String>,
    },
}

impl ClientAuth {
    pub(super) const fn wants_certificates(&self) -> bool {
        !matches!(self, Self::None)
    }

    pub(super) const fn is_mandatory(&self) -> bool {
        matches!(self, Self::Required { .. })
    }

    pub(super) fn allowed(&self) -> &[AllowedClient] {
        match self {
            Self::None => &[],
            Self::Required { allowed } | Self::RequiredExcept { allowed, .. } => allowed,
        }
    }

    /// Whether a request for this path is answered without a client certificate.
    pub(super) fn opens(&self, path: &str) -> bool {
        match self {
            Self::None => true,
            Self::Required { .. } => false,
            Self::RequiredExcept { open, .. } => open.iter().any(|open| open == path),
        }
    }
}

/// One client that may speak, named by something in its certificate. Compared whole and exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedClient {
    /// The common name of the subject, such as `kube-apiserver`.
    CommonName(String),
    /// A DNS name among the subject's alternative names, in lower case.
    Dns(String),
    /// A URI among the subject's alternative names, such as a SPIFFE id.
    Uri(String),
}

impl AllowedClient {
    fn is(&self, certificate: &Certificate<'_>) -> bool {
        match self {
            Self::CommonName(name) => certificate.common_name() == Some(name.as_str()),
            Self::Dns(name) => certificate.dns_names().any(|dns| dns.eq_ignore_ascii_case(name)),
            Self::Uri(name) => certificate.uris().any(|uri| uri == name),
        }
    }
}

/// The verifier of rustls, and after it the list of allowed clients.
pub(super) struct Verifier {
    pub(super) chain: Arc<dyn ClientCertVerifier>,
    pub(super) allowed: Vec<AllowedClient>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        if self.allowed.is_empty() {
            return Ok(verified);
        }
        let refusal = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let Ok(certificate) = Certificate::from_der(end_entity) else {
            return Err(refusal);
        };
        let is_allowed = self.allowed.iter().any(|one| one.is(&certificate));
        if is_allowed { Ok(verified) } else { Err(refusal) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
