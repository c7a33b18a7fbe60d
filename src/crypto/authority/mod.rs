//! A certificate authority: a certificate, its key, and what it signs with them (RFC 5280).
//!
//! Absent on purpose: whether something should be signed (see `pki`), files, clocks, and a memory of
//! what was signed (see the ledger). Certificates and lists are written byte by byte, with the raw
//! names and keys they came with: a subject that goes through a map of attributes loses groups.

mod crl;
mod error;
mod issue;
mod serial;
#[cfg(test)]
mod tests;
mod usages;

use std::fmt;

use ::pem::{EncodeConfig, LineEnding, Pem};

pub use crl::{CrlContent, RevokedSerial};
pub use error::AuthorityError;
pub use issue::{IssuedCertificate, Leaf};
pub use serial::SerialNumber;
pub use usages::{CertificateUsages, ExtendedUsage, KeyUsage};

use super::certificate::{Certificate, fingerprint};
use super::private_key::PrivateKey;
use super::subject::Subject;
use crate::model::Fingerprint;

/// The certificates of an authority have no more bytes than this.
pub const MAX_PEM_BYTES: usize = 1024 * 1024;

const LABEL: &str = "CERTIFICATE";

/// An authority that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityOptions {
    /// Its common name.
    pub common_name: String,
    /// Its organizations, if any.
    pub organizations: Vec<String>,
    /// Valid from; seconds since 1970-01-01 UTC.
    pub not_before: i64,
    /// Valid until, this second included.
    pub not_after: i64,
    /// How many authorities may stand between it and a user's certificate; `None` sets no limit.
    pub path_length: Option<u8>,
}

/// A certificate authority. `Debug` shows no key.
///
/// ```
/// use portcullis::crypto::authority::{Authority, AuthorityOptions};
/// use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
///
/// let authority = Authority::self_signed(
///     PrivateKey::generate(KeyAlgorithm::EcdsaP256)?,
///     &AuthorityOptions {
///         common_name: "users of example".to_owned(),
///         organizations: Vec::new(),
///         not_before: 1_790_000_000,
///         not_after: 2_100_000_000,
///         path_length: Some(0),
///     },
/// )?;
/// assert_eq!(authority.common_name(), Some("users of example"));
/// assert!(authority.may_sign_crls());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Authority {
    key: PrivateKey,
    certificate: Vec<u8>,
    chain: Vec<Vec<u8>>,
    subject: Vec<u8>,
    common_name: Option<String>,
    /// The subject key id: what certificates name as their authority's.
    key_id: Option<Vec<u8>>,
    not_before: i64,
    not_after: i64,
    may_sign_crls: bool,
}

impl Authority {
    /// Reads the certificate of an authority, and what may follow it: the authorities above it.
    ///
    /// # Errors
    /// When there is no certificate, one cannot be read, the first is no authority's or may not sign
    /// certificates, or the key is another's.
    pub fn from_pem(certificate_pem: &[u8], key: PrivateKey) -> Result<Self, AuthorityError> {
        if certificate_pem.len() > MAX_PEM_BYTES {
            return Err(AuthorityError::TooLarge);
        }
        let blocks =
            ::pem::parse_many(certificate_pem).map_err(|_| AuthorityError::NoCertificate)?;
        let mut certificates = blocks
            .into_iter()
            .filter(|block| block.tag() == LABEL)
            .map(Pem::into_contents)
            .collect::<Vec<_>>()
            .into_iter();
        let first = certificates.next().ok_or(AuthorityError::NoCertificate)?;
        let mut authority = Self::from_der(first, key)?;
        for (index, der) in certificates.enumerate() {
            if Certificate::from_der(&der).is_err() {
                return Err(AuthorityError::NotACertificate(index.saturating_add(2)));
            }
            authority.chain.push(der);
        }
        Ok(authority)
    }

    fn from_der(certificate: Vec<u8>, key: PrivateKey) -> Result<Self, AuthorityError> {
        let read =
            Certificate::from_der(&certificate).map_err(|_| AuthorityError::NotACertificate(1))?;
        if !read.is_authority() {
            return Err(AuthorityError::NotAnAuthority);
        }
        if !read.may_sign_certificates() {
            return Err(AuthorityError::MayNotSignCertificates);
        }
        if !read.has_key(key.public_key_info()) {
            return Err(AuthorityError::OtherKey);
        }
        Ok(Self {
            key,
            chain: Vec::new(),
            subject: read.subject_der().to_vec(),
            common_name: read.common_name().map(str::to_owned),
            key_id: read.subject_key_id().map(<[u8]>::to_vec),
            not_before: read.not_before(),
            not_after: read.not_after(),
            may_sign_crls: read.may_sign_crls(),
            certificate,
        })
    }

    /// Makes a new authority that vouches for itself. It may sign certificates and lists of revoked
    /// ones, and nothing else.
    ///
    /// # Errors
    /// When it has no name, its times make no sense, or the key cannot sign.
    pub fn self_signed(
        key: PrivateKey,
        options: &AuthorityOptions,
    ) -> Result<Self, AuthorityError> {
        if options.common_name.is_empty() && options.organizations.is_empty() {
            return Err(AuthorityError::NoName);
        }
        let subject = Subject {
            common_name: options.common_name.clone(),
            organizations: options.organizations.clone(),
            uid: None,
        };
        Self::from_der(issue::self_signed(&key, &subject, options)?, key)
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// Its certificate as one PEM block.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        pem(&self.certificate)
    }

    /// The authorities above it, as they were read: the nearest first, if the file had that order.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// What a client sends after a certificate of this authority, PEM: its own certificate and the ones
    /// above it, where there are any. Nothing when verifiers trust it itself.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        if self.chain.is_empty() {
            return String::new();
        }
        std::iter::once(&self.certificate).chain(&self.chain).map(|der| pem(der)).collect()
    }

    /// Its name, the issuer of what it signs, in DER.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.subject
    }

    /// Its common name; of several the last.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Valid from; seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Valid until, this second included; seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether a list of revoked certificates that it signs counts. kubeadm's authorities may not.
    #[must_use]
    pub const fn may_sign_crls(&self) -> bool {
        self.may_sign_crls
    }

    /// The fingerprint of its certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.certificate)
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &PrivateKey {
        &self.key
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("common_name", &self.common_name)
            .field("not_after", &self.not_after)
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

fn pem(der: &[u8]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    ::pem::encode_config(&Pem::new(LABEL, der), config)
}
