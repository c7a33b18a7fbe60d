//! For whom does this proxy speak? An authenticating proxy proves itself with a client certificate of
//! an authority of its own, and names its user in headers (S-RH-1 to S-RH-7).
//!
//! Whoever may connect as a proxy may be anybody, members of `system:masters` included. So the
//! authority of proxies should sign for nobody else, and where it does, the common names of proxies
//! must be listed.
//!
//! ```
//! use portcullis::authn::request_header::{RequestHeaderAuthenticator, RequestHeaderConfig};
//! use portcullis::authn::{CertificateAuthenticator, CertifiedRequest, ClientCertificates};
//! use portcullis::crypto::path::TrustAnchors;
//!
//! # let key = rcgen::KeyPair::generate()?;
//! # let mut params = rcgen::CertificateParams::default();
//! # params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
//! # let authority = params.self_signed(&key)?;
//! # let bundle = authority.pem();
//! # let issuer = rcgen::Issuer::new(params, key);
//! # let key = rcgen::KeyPair::generate()?;
//! # let mut params = rcgen::CertificateParams::default();
//! # params.distinguished_name.push(rcgen::DnType::CommonName, "front-proxy");
//! # params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
//! # let proxy = params.signed_by(&key, &issuer)?;
//! # let leaf: &[u8] = proxy.der();
//! let proxies = RequestHeaderAuthenticator::new(
//!     TrustAnchors::from_pem(bundle.as_bytes())?,
//!     RequestHeaderConfig::new(["front-proxy"]),
//! )?;
//! let request = CertifiedRequest {
//!     certificates: ClientCertificates { leaf, intermediates: &[], now: 1_795_662_000 },
//!     headers: &[("X-Remote-User", b"jane"), ("X-Remote-Group", b"dev")],
//! };
//! let found = proxies.authenticate(&request)?.expect("a user");
//! assert_eq!((found.user.name.as_str(), found.user.groups.as_slice()), ("jane", &["dev".to_owned()][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: deleting the headers from the request, which is the caller's;
//! [`CertificateAuthenticator::reads_header`] says which (S-RH-6). Audiences, which headers do not
//! have; see [`request`](super::request). The revocation lists of issuers: a proxy that must stop is put
//! on the list of [`with_revocations`](RequestHeaderAuthenticator::with_revocations), taken out of the
//! allowed names, or its authority replaced.

mod config;
mod headers;
#[cfg(test)]
mod tests;

pub use config::{RequestHeaderConfig, RequestHeaderConfigError};
pub use headers::NotText;

use super::{
    Authenticated, AuthnError, CertificateAuthenticator, CertifiedRequest, Outcome, why_revoked,
};
use crate::crypto::certificate::{Certificate, NotACertificate};
use crate::crypto::path::{
    self, PathError, PathInput, SharedTrustAnchors, Strictness, TrustAnchors, Usage,
};
use crate::model::SharedRevocations;

/// Why the client of a connection is no proxy, or what it says is of no use.
///
/// An ordinary user's certificate is an error here, too (S-RH-2): it is dropped when the user's own
/// authenticator knows it (S-AUTHN-3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestHeaderError {
    /// Nobody vouches for its certificate.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Its certificate cannot be read.
    #[error(transparent)]
    Unreadable(#[from] NotACertificate),
    /// It is somebody of the authority's, and no proxy.
    #[error("x509: subject with cn={common_name} is not in the allowed list")]
    NotAllowed {
        /// The common name; empty for none.
        common_name: String,
    },
    /// Its certificate, or an authority above it, is on the list of revocations.
    #[error("{0}")]
    Revoked(String),
    /// Its headers cannot be read.
    #[error(transparent)]
    NotText(#[from] NotText),
}

/// Believes proxies.
#[derive(Debug, Clone)]
pub struct RequestHeaderAuthenticator {
    authorities: SharedTrustAnchors,
    config: RequestHeaderConfig,
    strictness: Strictness,
    revocations: Option<SharedRevocations>,
}

impl RequestHeaderAuthenticator {
    /// The name in logs and metrics.
    pub const NAME: &'static str = "request-header";

    /// Believes proxies whose certificates one of these authorities issued. Where client certificates
    /// are believed as well, [`beside`](Self::beside) is the constructor to use.
    ///
    /// # Errors
    /// When the configuration makes no sense; see [`RequestHeaderConfigError`].
    pub fn new(
        authorities: impl Into<SharedTrustAnchors>,
        config: RequestHeaderConfig,
    ) -> Result<Self, RequestHeaderConfigError> {
        let config = config.checked()?;
        Ok(Self {
            authorities: authorities.into(),
            config,
            strictness: Strictness::Strict,
            revocations: None,
        })
    }

    /// The same where these authorities issue the certificates of users: refused when one of them
    /// issues those of proxies, too, and everybody could be a proxy (S-RH-7). Authorities that are
    /// published later are the publisher's to compare.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`RequestHeaderConfigError::Overlap`].
    pub fn beside(
        client_authorities: &TrustAnchors,
        authorities: impl Into<SharedTrustAnchors>,
        config: RequestHeaderConfig,
    ) -> Result<Self, RequestHeaderConfigError> {
        let made = Self::new(authorities, config)?;
        let is_open = made.config.allowed_names.is_empty();
        if is_open && made.authorities.load().overlaps(client_authorities) {
            return Err(RequestHeaderConfigError::Overlap);
        }
        Ok(made)
    }

    /// The same with proxies' certificates read in another way, to tell what an API server says. It
    /// knows no revocation either.
    #[must_use]
    pub const fn with_strictness(mut self, strictness: Strictness) -> Self {
        self.strictness = strictness;
        self
    }

    /// The same without the proxies whose certificates are on this list. Their common names and
    /// organizations count as those of users do.
    #[must_use]
    pub fn with_revocations(mut self, revocations: SharedRevocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// For whom a request is. `None` when its headers name no user (S-RH-3).
    ///
    /// # Errors
    /// When the certificate is not that of a proxy, even if no header names a user (S-RH-2), or the
    /// headers cannot be read.
    pub fn find(
        &self,
        request: &CertifiedRequest<'_>,
    ) -> Result<Option<Authenticated>, RequestHeaderError> {
        let CertifiedRequest { certificates, headers } = request;
        let input = PathInput {
            strictness: self.strictness,
            ..PathInput::new(
                certificates.leaf,
                certificates.intermediates,
                certificates.now,
                Usage::ClientAuth,
            )
        };
        let authorities = self.authorities.load();
        let path = path::verify(&input, &authorities)?;
        self.check_name(&Certificate::from_der(certificates.leaf)?)?;
        if let (Strictness::Strict, Some(revocations)) = (self.strictness, &self.revocations)
            && let Some(why) = why_revoked(&revocations.load(), &path)?
        {
            return Err(RequestHeaderError::Revoked(why));
        }
        let not_after = path.not_after();
        let user = headers::user(&self.config, headers)?;
        let expires = Some(not_after.saturating_add(1));
        Ok(user.map(|user| Authenticated { user, audiences: Vec::new(), expires }))
    }

    fn check_name(&self, proxy: &Certificate<'_>) -> Result<(), RequestHeaderError> {
        let allowed = &self.config.allowed_names;
        let common_name = proxy.common_name().unwrap_or_default();
        if allowed.is_empty() || allowed.iter().any(|name| name == common_name) {
            return Ok(());
        }
        Err(RequestHeaderError::NotAllowed { common_name: common_name.to_owned() })
    }
}

impl CertificateAuthenticator for RequestHeaderAuthenticator {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn authenticate(&self, request: &CertifiedRequest<'_>) -> Outcome {
        self.find(request).map_err(AuthnError::new)
    }

    fn reads_header(&self, name: &str) -> bool {
        headers::reads(&self.config, name)
    }
}
