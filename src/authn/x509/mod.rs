//! Whose is this client certificate? The API server's `--client-ca-file` (S-X509-1 to S-X509-7), and
//! what it does not have: revocation.
//!
//! ```
//! use portcullis::authn::ClientCertificates;
//! use portcullis::authn::x509::X509Authenticator;
//! use portcullis::crypto::path::TrustAnchors;
//!
//! let key = rcgen::KeyPair::generate()?;
//! let mut params = rcgen::CertificateParams::default();
//! params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
//! let root = params.self_signed(&key)?;
//! let authority = rcgen::Issuer::new(params, key);
//! let mut jane = rcgen::CertificateParams::default();
//! jane.distinguished_name = rcgen::DistinguishedName::new();
//! jane.distinguished_name.push(rcgen::DnType::CommonName, "jane");
//! jane.distinguished_name.push(rcgen::DnType::OrganizationName, "dev");
//! let jane = jane.signed_by(&rcgen::KeyPair::generate()?, &authority)?;
//!
//! let who = X509Authenticator::new(TrustAnchors::from_pem(root.pem().as_bytes())?);
//! let presented = ClientCertificates { leaf: jane.der(), intermediates: &[], now: 1_795_662_000 };
//! let found = who.authenticate(&presented)?.expect("it names somebody");
//! assert_eq!((found.user.name.as_str(), found.user.groups), ("jane", vec!["dev".to_owned()]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Stricter than the API server where [`path`](crate::crypto::path) is;
//! [`X509Authenticator::as_kubernetes`] tells what an API server would say.
//!
//! Absent on purpose: the group `system:authenticated`, which is added where authenticators are joined
//! (S-AUTHN-5), and the proof that the client has the key, which is TLS's.

mod crls;
mod error;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use crls::Crls;
pub use error::{CertificateId, X509Error};

use super::{
    Authenticated, AuthnError, CREDENTIAL_ID, CertificateAuthenticator, CertifiedRequest,
    ClientCertificates, Outcome, why_revoked,
};
use crate::crypto::certificate::Certificate;
pub use crate::crypto::crl::UnknownStatus;
use crate::crypto::path::{
    PathInput, RevocationCheck, SharedTrustAnchors, Strictness, TrustAnchors, Usage, verify,
};
use crate::model::{SharedRevocations, User};

/// Tells whose a client certificate is.
#[derive(Debug, Clone)]
pub struct X509Authenticator {
    trusted: SharedTrustAnchors,
    revocations: Option<SharedRevocations>,
    crls: Option<(Crls, UnknownStatus)>,
    strictness: Strictness,
}

impl X509Authenticator {
    /// The name in logs and metrics.
    pub const NAME: &'static str = "x509";

    /// Believes these authorities: [`TrustAnchors`] that stay, or a handle to ones that are replaced
    /// meanwhile. Nothing is revoked.
    #[must_use]
    pub fn new(trusted: impl Into<SharedTrustAnchors>) -> Self {
        Self {
            trusted: trusted.into(),
            revocations: None,
            crls: None,
            strictness: Strictness::Strict,
        }
    }

    /// Refuses what is on this list.
    #[must_use]
    pub fn with_revocations(mut self, revocations: SharedRevocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Refuses what is on the revocation lists of issuers; and, with [`UnknownStatus::Deny`], what none
    /// of them tells about, such as everything before the first list is there.
    #[must_use]
    pub fn with_crls(mut self, crls: Crls, unknown: UnknownStatus) -> Self {
        self.crls = Some((crls, unknown));
        self
    }

    /// The same authorities as an API server sees them: no revocation, and purposes as Go reads them
    /// ([`Strictness::AsKubernetes`]). For telling what it would say, never for deciding.
    #[must_use]
    pub fn as_kubernetes(&self) -> Self {
        Self {
            trusted: self.trusted.clone(),
            revocations: None,
            crls: None,
            strictness: Strictness::AsKubernetes,
        }
    }

    /// The authorities, to replace them.
    #[must_use]
    pub const fn trusted(&self) -> &SharedTrustAnchors {
        &self.trusted
    }

    /// Who it is. `None`, no opinion, for a good certificate without a common name (S-X509-4).
    ///
    /// # Errors
    /// When no trusted authority vouches for it, it is revoked, or its UID cannot be read.
    pub fn authenticate(
        &self,
        presented: &ClientCertificates<'_>,
    ) -> Result<Option<Authenticated>, X509Error> {
        let leaf = Certificate::from_der(presented.leaf)?;
        let lists = self.crls.as_ref().map(|(crls, unknown)| (crls.load(), *unknown));
        let input = PathInput {
            strictness: self.strictness,
            revocation: lists
                .as_ref()
                .map(|(lists, unknown)| RevocationCheck { lists, unknown: *unknown }),
            ..PathInput::new(
                presented.leaf,
                presented.intermediates,
                presented.now,
                Usage::ClientAuth,
            )
        };
        let trusted: Arc<TrustAnchors> = self.trusted.load();
        let path = verify(&input, &trusted).map_err(|error| X509Error::Unverified {
            id: Box::new(CertificateId::of(&leaf)),
            error,
        })?;
        let Some(name) = leaf.common_name().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let user = User {
            name: name.to_owned(),
            uid: leaf.uid()?.unwrap_or_default(),
            groups: leaf.organizations(),
            extra: BTreeMap::from([(
                CREDENTIAL_ID.to_owned(),
                vec![leaf.fingerprint().credential_id()],
            )]),
        };
        if let Some(revocations) = &self.revocations {
            let why = why_revoked(&revocations.load(), &path)?;
            why.map_or(Ok(()), |why| Err(X509Error::Revoked(why)))?;
        }
        Ok(Some(Authenticated {
            user,
            audiences: Vec::new(),
            expires: Some(path.not_after().saturating_add(1)),
        }))
    }
}

impl CertificateAuthenticator for X509Authenticator {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn authenticate(&self, request: &CertifiedRequest<'_>) -> Outcome {
        Self::authenticate(self, &request.certificates).map_err(AuthnError::new)
    }
}
