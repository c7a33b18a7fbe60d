//! What does this X.509 certificate say of itself (RFC 5280)? Its names, its times, its key.
//!
//! Absent on purpose: whether anybody vouches for it. That is [`path`](super::path)'s to find out,
//! and nothing here is to be believed of a client before that.

mod aliases;
mod key;
mod name;
mod pem;
#[cfg(test)]
mod tests;
mod usage;

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

pub use key::{KeyDescription, KeyKind};
pub use name::{USER_UID, UidError, distinguished_name};
pub(super) use pem::blocks;
pub use pem::{ChainError, chain_from_pem};
pub(super) use usage::{Extended, uris};

use crate::model::Fingerprint;
use name::Names;

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
pub struct Certificate<'a> {
    der: &'a [u8],
    read: X509Certificate<'a>,
    names: Names,
}

/// The bytes are no certificate that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACertificate {
    /// No certificate at all.
    #[error("not an X.509 certificate; it may be cut off, or of another kind")]
    Malformed,
    /// The subject has a value that is no text, or one that breaks the rules of its kind. Go refuses
    /// such certificates whole, and so do we: a name or a group would be missing.
    #[error("the subject of the certificate holds a value that is no readable text")]
    UnreadableSubject,
}

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
    /// When it is no certificate, or its subject cannot be read whole.
    pub fn from_der(der: &'a [u8]) -> Result<Self, NotACertificate> {
        let Ok(([], read)) = X509Certificate::from_der(der) else {
            return Err(NotACertificate::Malformed);
        };
        let names = Names::read(read.subject()).ok_or(NotACertificate::UnreadableSubject)?;
        Ok(Self { der, read, names })
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(self.der)
    }

    /// The fingerprints of the same certificate in other bytes. Whoever has a certificate can write its
    /// signature in other ways, which an API server takes as well and calls by other credential ids
    /// (S-X509-6): to take a certificate back is to take back all of these with it.
    ///
    /// Mostly five with ECDSA, up to seven with others, and often none with RSA.
    ///
    /// ```
    /// use portcullis::crypto::certificate::Certificate;
    ///
    /// // ECDSA on P-256.
    /// let issued = rcgen::generate_simple_self_signed(["review.example".to_owned()])?;
    /// let certificate = Certificate::from_der(issued.cert.der())?;
    /// assert_eq!(certificate.aliases().len(), 5);
    /// assert!(!certificate.aliases().contains(&certificate.fingerprint()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn aliases(&self) -> Vec<Fingerprint> {
        aliases::of(self.der)
    }

    /// The common name of the subject; of several the last (S-X509-4).
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.names.common_name()
    }

    /// Every organisation of the subject in the order in which they are written, doubles and empty
    /// ones included (S-X509-4). To Kubernetes these are groups.
    #[must_use]
    pub fn organizations(&self) -> Vec<String> {
        self.names.organizations().to_vec()
    }

    /// The value of the subject's attribute [`USER_UID`]: to Kubernetes the UID of the user
    /// (S-X509-5).
    ///
    /// # Errors
    /// More than one, an empty one, or one that is no text.
    pub fn uid(&self) -> Result<Option<String>, UidError> {
        self.names.uid()
    }

    /// The subject, DER.
    #[must_use]
    pub fn subject_der(&self) -> &'a [u8] {
        self.read.tbs_certificate.subject.as_raw()
    }

    /// The issuer, DER.
    #[must_use]
    pub fn issuer_der(&self) -> &'a [u8] {
        self.read.tbs_certificate.issuer.as_raw()
    }

    /// The subject as text (RFC 4514): the last part first.
    #[must_use]
    pub fn subject(&self) -> String {
        name::rfc4514(self.read.subject())
    }

    /// The issuer as text (RFC 4514).
    #[must_use]
    pub fn issuer(&self) -> String {
        name::rfc4514(self.read.issuer())
    }

    /// The serial number, most significant byte first, without leading zero bytes.
    #[must_use]
    pub fn serial(&self) -> &'a [u8] {
        without_zeros(self.read.tbs_certificate.raw_serial())
    }

    /// The serial number in decimal digits. One of more than 64 bytes, where RFC 5280 §4.1.2.2 allows
    /// 20, is given as `0x` and its first 64 bytes in hexadecimal digits: to count in tens takes time
    /// that grows with the square, and anybody can present a certificate.
    #[must_use]
    pub fn serial_decimal(&self) -> String {
        match self.serial().split_at_checked(64) {
            Some((first, [_, ..])) => format!("0x{}…", hexadecimal(first)),
            _ => self.read.tbs_certificate.serial.to_string(),
        }
    }

    /// The identifier of its key, as it says itself.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<&'a [u8]> {
        self.extensions().find_map(|extension| match extension {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        })
    }

    /// The identifier of its issuer's key, as it says itself.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<&'a [u8]> {
        self.extensions().find_map(|extension| match extension {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                id.key_identifier.as_ref().map(|id| id.0)
            }
            _ => None,
        })
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

    /// The mail addresses among the subject's alternative names, as they are written.
    pub fn email_addresses(&self) -> impl Iterator<Item = &str> {
        self.alternative_names().filter_map(|name| match name {
            GeneralName::RFC822Name(address) => Some(*address),
            _ => None,
        })
    }

    /// The IP addresses among the subject's alternative names; one of another length than 4 or 16
    /// bytes is none.
    pub fn ip_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.alternative_names().filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
                Ok(bytes) => Some(IpAddr::from(bytes)),
                Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
            },
            _ => None,
        })
    }

    /// None of a certificate that has the extension twice, or a broken one.
    fn alternative_names(&self) -> impl Iterator<Item = &GeneralName<'a>> {
        let names = self.read.subject_alternative_name().ok().flatten();
        names.into_iter().flat_map(|names| &names.value.general_names)
    }

    /// Its key usages, by the names that a CertificateSigningRequest has for them (S-CSR-4). Empty
    /// without the extension.
    #[must_use]
    pub fn key_usages(&self) -> Vec<&'static str> {
        let usage = self.read.key_usage().ok().flatten();
        usage.map(|usage| usage::key_usages(usage.value)).unwrap_or_default()
    }

    /// Its extended key usages: by the names that a CertificateSigningRequest has for them (S-CSR-4),
    /// and in dotted form for others. Empty without the extension.
    #[must_use]
    pub fn extended_key_usages(&self) -> Vec<String> {
        let usage = self.read.extended_key_usage().ok().flatten();
        usage.map(|usage| usage::extended_key_usages(usage.value)).unwrap_or_default()
    }

    /// Whether it may sign others: its basic constraints say so.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.read.is_ca()
    }

    /// How many authorities may stand between it and a certificate that names somebody. `None` for
    /// any number.
    #[must_use]
    pub fn path_length(&self) -> Option<u32> {
        self.read.basic_constraints().ok().flatten()?.value.path_len_constraint
    }

    /// Whether its key usages let it sign certificates; without the extension they do.
    #[must_use]
    pub fn may_sign_certificates(&self) -> bool {
        let usage = self.read.key_usage();
        usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()))
    }

    /// Whether its key usages let it sign revocation lists; without the extension they do.
    #[must_use]
    pub fn may_sign_crls(&self) -> bool {
        let usage = self.read.key_usage();
        usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.crl_sign()))
    }

    /// What its extended key usages say of a purpose.
    pub(super) fn extended(&self) -> Extended {
        match self.read.extended_key_usage() {
            Ok(None) => Extended::Unlimited,
            Ok(Some(usage)) => Extended::of(usage.value),
            Err(_) => Extended::default(),
        }
    }

    /// Valid from; seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.read.validity().not_before.timestamp()
    }

    /// Valid until, this second included; seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.read.validity().not_after.timestamp()
    }

    /// Its version: 1, 2 or 3; others as they are.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.read.version().0.saturating_add(1)
    }

    /// Whether its key is this one, given as a `SubjectPublicKeyInfo` in DER: whether a private key
    /// belongs to it.
    #[must_use]
    pub fn has_key(&self, public_key_info: &[u8]) -> bool {
        self.public_key_info() == public_key_info
    }

    /// Its key, a `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn public_key_info(&self) -> &'a [u8] {
        self.read.tbs_certificate.subject_pki.raw
    }

    /// The kind and the size of its key.
    #[must_use]
    pub fn key(&self) -> KeyDescription {
        KeyDescription::of(&self.read.tbs_certificate.subject_pki)
    }

    /// The algorithm by which it was signed, as Go names it (`ECDSA-SHA256`); others in dotted form.
    #[must_use]
    pub fn signature_algorithm(&self) -> String {
        key::signature_algorithm(&self.read.signature_algorithm)
    }

    /// The dotted identifiers of its critical extensions.
    #[must_use]
    pub fn critical_extensions(&self) -> Vec<String> {
        let critical = self.read.extensions().iter().filter(|extension| extension.critical);
        critical.map(|extension| extension.oid.to_id_string()).collect()
    }

    /// The URIs from which revocation lists can be had, as it says.
    pub(super) fn crl_uris(&self) -> Option<Vec<&'a str>> {
        self.extensions().find_map(|extension| match extension {
            ParsedExtension::CRLDistributionPoints(points) => Some(usage::crl_uris(points)),
            _ => None,
        })
    }

    fn extensions(&self) -> impl Iterator<Item = &ParsedExtension<'a>> {
        self.read.extensions().iter().map(|extension| extension.parsed_extension())
    }
}

/// The SHA-256 of the bytes of a certificate.
#[must_use]
pub fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    // INVARIANT: SHA-256 has 32 bytes.
    for (byte, digest) in bytes.iter_mut().zip(digest::digest(&digest::SHA256, der).as_ref()) {
        *byte = *digest;
    }
    Fingerprint::from_bytes(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number without the zero bytes that stand before it.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
