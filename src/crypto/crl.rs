//! Which certificates has their issuer taken back (RFC 5280 §5)? Revocation lists that are read once
//! and asked often.
//!
//! A list is believed for what its issuer's key signed: which of several authorities of one name that
//! is, is found out by the signature, once. What it says counts so: a certificate that stands on it is
//! revoked, even after the list has expired; one that does not is good while the list has not.
//!
//! Absent on purpose: delta lists, indirect lists and lists of some reasons only, which are refused
//! when they are read; fetching lists (see `source`); and OCSP.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use pki_types::UnixTime;
use webpki::{BorrowedCertRevocationList, RevocationReason};
use x509_parser::extensions::{IssuingDistributionPoint, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::{
    Certificate, blocks, distinguished_name, fingerprint, uris, without_zeros,
};
use super::signed::Signed;
use crate::model::Fingerprint;

/// What becomes of a certificate of which no revocation list says anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownStatus {
    /// It passes.
    Allow,
    /// It is refused.
    #[default]
    Deny,
}

/// Why bytes are no revocation list that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// Neither PEM nor DER of a list.
    #[error("not a revocation list (RFC 5280, version 2, with a next update); it may be cut off")]
    Malformed,
    /// More or less than one `X509 CRL` block.
    #[error("{found} `X509 CRL` blocks where one was expected")]
    NotOne {
        /// How many there are.
        found: usize,
    },
    /// A kind of list that is not read.
    #[error("{kind} revocation lists are not read; use a complete one")]
    Kind {
        /// Which kind.
        kind: &'static str,
    },
    /// A critical extension that nobody here knows.
    #[error("the revocation list has a critical extension that is not known")]
    CriticalExtension,
}

/// So many keys of one name are remembered that did not sign a list; an authority has two or three.
const MOST_STRANGERS: usize = 64;

/// A certificate on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Since when; seconds since 1970-01-01 UTC.
    pub at: i64,
    /// Why, by the name in RFC 5280 §5.3.1. `None` when it does not say.
    pub reason: Option<&'static str>,
}

/// A revocation list. Its signature is checked when it is asked for a path, with the issuer's key of
/// that path.
pub struct RevocationList {
    der: Vec<u8>,
    /// With tag and length.
    issuer_der: Vec<u8>,
    number: Option<String>,
    this_update: i64,
    next_update: i64,
    scope: Scope,
    /// By serial number without leading zeros.
    revoked: HashMap<Box<[u8]>, RevokedCertificate>,
    /// The key that was found to have signed it.
    signer: OnceLock<Box<[u8]>>,
    /// Keys that were found not to have: looking again means reading the whole list.
    strangers: Mutex<Vec<Fingerprint>>,
}

/// About which certificates of its issuer a list is (RFC 5280 §5.2.5).
#[derive(Debug, Default)]
struct Scope {
    no_users: bool,
    no_authorities: bool,
    /// Those that name one of these places, when it has any.
    uris: Option<Vec<String>>,
}

impl RevocationList {
    /// Reads a list in PEM (one `X509 CRL` block) or DER.
    ///
    /// # Errors
    /// When it is none, or of a kind that is not read.
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, RevocationListError> {
        // DER begins with a byte that no text has before a block.
        if bytes.first() == Some(&super::der::SEQUENCE) && bytes.get(1) != Some(&b'-') {
            return Self::from_der(bytes.to_vec());
        }
        let blocks = blocks(bytes).ok_or(RevocationListError::Malformed)?;
        let mut lists = blocks.into_iter().filter(|block| block.tag() == "X509 CRL");
        match (lists.next(), lists.count()) {
            (Some(list), 0) => Self::from_der(list.into_contents()),
            (first, others) => Err(RevocationListError::NotOne {
                found: others.saturating_add(usize::from(first.is_some())),
            }),
        }
    }

    fn from_der(der: Vec<u8>) -> Result<Self, RevocationListError> {
        let strict = BorrowedCertRevocationList::from_der(&der).map_err(kind_of)?;
        let mut revoked = HashMap::new();
        for entry in &strict {
            let entry = entry.map_err(kind_of)?;
            let certificate = RevokedCertificate {
                at: seconds(entry.revocation_date),
                reason: entry.reason_code.map(reason_name),
            };
            revoked.insert(without_zeros(entry.serial_number).into(), certificate);
        }
        let Ok(([], read)) = CertificateRevocationList::from_der(&der) else {
            return Err(RevocationListError::Malformed);
        };
        Signed::from_der(&der).ok_or(RevocationListError::Malformed)?;
        let next_update = read.next_update().ok_or(RevocationListError::Malformed)?.timestamp();
        let mut scope = Scope::default();
        for extension in read.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::IssuingDistributionPoint(point) => scope = Scope::of(point)?,
                ParsedExtension::ParseError { .. } => return Err(RevocationListError::Malformed),
                _ => {}
            }
        }
        Ok(Self {
            issuer_der: read.tbs_cert_list.issuer.as_raw().to_vec(),
            number: read.crl_number().map(ToString::to_string),
            this_update: read.last_update().timestamp(),
            next_update,
            scope,
            revoked,
            signer: OnceLock::new(),
            strangers: Mutex::default(),
            der,
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whose list it says to be, DER.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer_der
    }

    /// Whose list it says to be (RFC 4514).
    #[must_use]
    pub fn issuer(&self) -> String {
        distinguished_name(&self.issuer_der).unwrap_or_default()
    }

    /// Its number, in decimal digits; it grows from list to list.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }

    /// When it was made; seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next one is due. From this second on it has expired.
    #[must_use]
    pub const fn next_update(&self) -> i64 {
        self.next_update
    }

    /// How many certificates stand on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether no certificate stands on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Whether a certificate of its issuer with this serial number stands on it. The number is given
    /// most significant byte first.
    #[must_use]
    pub fn find(&self, serial: &[u8]) -> Option<RevokedCertificate> {
        self.revoked.get(without_zeros(serial)).copied()
    }

    /// Whether it is about such a certificate: it has the same issuer, and is within what the list
    /// says to be about.
    pub(super) fn is_about(&self, certificate: &Certificate<'_>, is_authority: bool) -> bool {
        if self.issuer_der != certificate.issuer_der() {
            return false;
        }
        if if is_authority { self.scope.no_authorities } else { self.scope.no_users } {
            return false;
        }
        match (&self.scope.uris, certificate.crl_uris()) {
            (Some(ours), Some(theirs)) => ours.iter().any(|uri| theirs.contains(&uri.as_str())),
            // A certificate that names no place is revoked by any list of its issuer.
            (_, None) | (None, _) => true,
        }
    }

    /// Whether one that it is about, and that does not stand on it, is good: not when the list is that
    /// of one place among several, and the certificate does not say that the place is its own
    /// (RFC 5280 §6.3.3 (b) (2)).
    pub(super) fn vouches_for(&self, certificate: &Certificate<'_>) -> bool {
        self.scope.uris.is_none() || certificate.crl_uris().is_some()
    }

    /// Whether this key signed it. Answers are remembered.
    #[must_use]
    pub fn is_by(&self, public_key_info: &[u8]) -> bool {
        if let Some(signer) = self.signer.get() {
            return **signer == *public_key_info;
        }
        let key = fingerprint(public_key_info);
        let strangers = || self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers().contains(&key) {
            return false;
        }
        let is_by = Signed::from_der(&self.der).is_some_and(|signed| signed.is_by(public_key_info));
        if is_by {
            // Another thread may have been first; it found the same.
            let _ = self.signer.set(public_key_info.into());
        } else {
            let mut strangers = strangers();
            if strangers.len() < MOST_STRANGERS {
                strangers.push(key);
            }
        }
        is_by
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("issuer", &self.issuer())
            .field("number", &self.number)
            .field("next_update", &self.next_update)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Scope {
    fn of(point: &IssuingDistributionPoint<'_>) -> Result<Self, RevocationListError> {
        if point.indirect_crl {
            return Err(RevocationListError::Kind { kind: "indirect" });
        }
        if point.only_some_reasons.is_some() {
            return Err(RevocationListError::Kind { kind: "partial" });
        }
        Ok(Self {
            no_users: point.only_contains_ca_certs || point.only_contains_attribute_certs,
            no_authorities: point.only_contains_user_certs || point.only_contains_attribute_certs,
            uris: point
                .distribution_point
                .as_ref()
                .map(|point| uris(point).into_iter().map(str::to_owned).collect()),
        })
    }
}

fn kind_of(error: webpki::Error) -> RevocationListError {
    match error {
        webpki::Error::UnsupportedDeltaCrl => RevocationListError::Kind { kind: "delta" },
        webpki::Error::UnsupportedIndirectCrl => RevocationListError::Kind { kind: "indirect" },
        webpki::Error::UnsupportedRevocationReasonsPartitioning => {
            RevocationListError::Kind { kind: "partial" }
        }
        webpki::Error::UnsupportedCriticalExtension => RevocationListError::CriticalExtension,
        _ => RevocationListError::Malformed,
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

const fn reason_name(reason: RevocationReason) -> &'static str {
    match reason {
        RevocationReason::Unspecified => "unspecified",
        RevocationReason::KeyCompromise => "keyCompromise",
        RevocationReason::CaCompromise => "cACompromise",
        RevocationReason::AffiliationChanged => "affiliationChanged",
        RevocationReason::Superseded => "superseded",
        RevocationReason::CessationOfOperation => "cessationOfOperation",
        RevocationReason::CertificateHold => "certificateHold",
        RevocationReason::RemoveFromCrl => "removeFromCRL",
        RevocationReason::PrivilegeWithdrawn => "privilegeWithdrawn",
        RevocationReason::AaCompromise => "aACompromise",
    }
}
