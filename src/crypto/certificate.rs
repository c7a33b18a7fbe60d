//! What does this X.509 certificate say of itself (RFC 5280)? Its names, its times, its key.
//!
//! Absent on purpose: whether anybody vouches for it. Chains are verified by `webpki`, and nothing
//! here is to be believed of a client before that.

use std::fmt;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// A certificate that was read; it borrows from its bytes.
///
/// ```
/// use portcullis::crypto::certificate::Certificate;
///
/// let issued = rcgen::generate_simple_self_signed(["review.example".to_owned()])?;
/// let certificate = Certificate::from_der(issued.cert.der())?;
/// assert_eq!(certificate.dns_names().collect::<Vec<_>>(), ["review.example"]);
/// assert!(Certificate::from_der(b"no certificate").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Certificate<'a>(X509Certificate<'a>);

/// The bytes are no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate; it may be cut off, or of another kind")]
pub struct NotACertificate;

impl fmt::Debug for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("common_name", &self.common_name())
            .field("not_before", &self.not_before())
            .field("not_after", &self.not_after())
            .finish_non_exhaustive()
    }
}

impl<'a> Certificate<'a> {
    /// Reads DER. Nothing may follow.
    ///
    /// # Errors
    /// When it is no certificate.
    pub fn from_der(der: &'a [u8]) -> Result<Self, NotACertificate> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Ok(Self(certificate)),
            Ok(_) | Err(_) => Err(NotACertificate),
        }
    }

    /// The common name of the subject; of several the last (S-X509-4). None as well when that is in
    /// an outdated character set.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.0.subject().iter_common_name().last()?.as_str().ok()
    }

    /// The DNS names among the subject's alternative names, as they are written.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.alternative_names().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
    }

    /// The URIs among the subject's alternative names, as they are written.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.alternative_names().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
    }

    /// None of a certificate that has the extension twice, or a broken one.
    fn alternative_names(&self) -> impl Iterator<Item = &GeneralName<'a>> {
        let names = self.0.subject_alternative_name().ok().flatten();
        names.into_iter().flat_map(|names| &names.value.general_names)
    }

    /// Whether it may sign others: its basic constraints say so.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.0.is_ca()
    }

    /// Valid from; seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.0.validity().not_before.timestamp()
    }

    /// Valid until, this second included; seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.0.validity().not_after.timestamp()
    }

    /// The DER of the issuer's name.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        self.0.issuer().as_raw()
    }

    /// Whether its key is this one, given as a `SubjectPublicKeyInfo` in DER: whether a private key
    /// belongs to it.
    #[must_use]
    pub fn has_key(&self, public_key_info: &[u8]) -> bool {
        self.0.public_key().raw == public_key_info
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData, SanType, date_time_ymd};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, KeyPair) {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().der().to_vec(), key)
    }

    #[test]
    fn names_and_times_are_read() {
        let (der, _) = certificate(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "system:masters");
            params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
            params.subject_alt_names = vec![
                SanType::DnsName("api.example".try_into().unwrap()),
                SanType::URI("spiffe://example/api".try_into().unwrap()),
            ];
            params.not_before = date_time_ymd(2020, 2, 29);
            params.not_after = date_time_ymd(2060, 1, 1);
        });
        let read = Certificate::from_der(&der).unwrap();
        assert_eq!(read.common_name(), Some("kube-apiserver"));
        assert_eq!(read.dns_names().collect::<Vec<_>>(), ["api.example"]);
        assert_eq!(read.uris().collect::<Vec<_>>(), ["spiffe://example/api"]);
        assert_eq!((read.not_before(), read.not_after()), (1_582_934_400, 2_840_140_800));
    }

    #[test]
    fn a_subject_without_names_has_none() {
        let (der, _) = certificate(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "kube-apiserver");
        });
        let read = Certificate::from_der(&der).unwrap();
        assert_eq!(read.common_name(), None);
        assert_eq!((read.dns_names().count(), read.uris().count()), (0, 0));
        assert!(!read.is_authority());
        let (der, _) = certificate(|params| {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        });
        assert!(Certificate::from_der(&der).unwrap().is_authority());
    }

    #[test]
    fn bytes_that_are_cut_off_or_go_on_are_no_certificate() {
        let (mut der, _) = certificate(|_| {});
        assert!(Certificate::from_der(&der).is_ok());
        for end in 0..der.len() {
            assert!(Certificate::from_der(&der[..end]).is_err(), "{end}");
        }
        der.push(0);
        assert_eq!(Certificate::from_der(&der).unwrap_err(), NotACertificate);
    }

    #[test]
    fn a_key_belongs_to_its_certificate_and_to_no_other() {
        let (der, key) = certificate(|_| {});
        let (_, other) = certificate(|_| {});
        let read = Certificate::from_der(&der).unwrap();
        assert!(read.has_key(&key.subject_public_key_info()));
        assert!(!read.has_key(&other.subject_public_key_info()));
    }
}
