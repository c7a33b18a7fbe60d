//! The search for a path, by webpki.

use std::cell::RefCell;
use std::time::Duration;

use pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use super::anchors::{KNOWN_EXTENSIONS, POLICY_EXTENSIONS};
use super::check::{Candidate, allows, check_dates};
use super::{
    Anchor, MOST_BYTES, MOST_CERTIFICATES, PathError, PathInput, Strictness, TrustAnchors,
    VerifiedPath,
};
use crate::crypto::certificate::{Certificate, KeyDescription};
use crate::crypto::signed::Signed;

/// Whether an authority that is trusted vouches for a certificate.
///
/// # Errors
/// Why nobody does. With several ways to an authority it is about the one that led furthest.
pub fn verify<'a>(
    input: &PathInput<'a>,
    trusted: &'a TrustAnchors,
) -> Result<VerifiedPath<'a>, PathError> {
    check_size(input)?;
    let leaf = Certificate::from_der(input.leaf)
        .map_err(|error| PathError::Malformed(error.to_string()))?;
    if input.strictness == Strictness::AsKubernetes
        && let Some(anchor) = trusted.certificates().iter().find(|known| known.der() == input.leaf)
    {
        return trusted_itself(input, &leaf, anchor);
    }
    let now = u64::try_from(input.now)
        .map_err(|_| PathError::NotYetValid { now: input.now, not_before: leaf.not_before() })?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));

    let leaf_der = CertificateDer::from(input.leaf);
    let entity = EndEntityCert::try_from(&leaf_der).map_err(|error| told(error, input, &leaf))?;
    let pool = useful(input.intermediates, trusted);
    let found = RefCell::new(Ok(None));
    let judge = |path: &webpki::VerifiedPath<'_>| {
        let judged = judge(input, &leaf, path, trusted);
        let is_good = judged.is_ok();
        let mut found = found.borrow_mut();
        // The first refusal stays: the authorities that were tried first stand first in the bundle.
        if is_good || found.is_ok() {
            *found = judged.map(Some);
        }
        if is_good { Ok(()) } else { Err(Error::UnknownIssuer) }
    };
    let searched = entity
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &trusted.trusted,
            &pool,
            now,
            AnyPurpose,
            None,
            Some(&judge),
        )
        .map(|_| ());
    match (searched, found.into_inner()) {
        (Ok(()), Ok(Some(path))) => Ok(path),
        (_, Err(refusal)) => Err(refusal),
        (Err(error), Ok(_)) => Err(explained(error, input, &leaf, trusted)),
        (Ok(()), Ok(None)) => Err(PathError::UnknownAuthority),
    }
}

fn check_size(input: &PathInput<'_>) -> Result<(), PathError> {
    let presented = input.intermediates.len().saturating_add(1);
    if presented > MOST_CERTIFICATES {
        return Err(PathError::TooMany { presented, most: MOST_CERTIFICATES });
    }
    let sizes = input.intermediates.iter().map(|der| der.len());
    let presented = sizes.fold(input.leaf.len(), usize::saturating_add);
    if presented > MOST_BYTES {
        return Err(PathError::TooLarge { presented, most: MOST_BYTES });
    }
    Ok(())
}

/// A leaf that is trusted as it is, which only Go does.
fn trusted_itself<'a>(
    input: &PathInput<'a>,
    leaf: &Certificate<'_>,
    anchor: &'a Anchor,
) -> Result<VerifiedPath<'a>, PathError> {
    if !anchor.is_understood {
        return Err(PathError::UnhandledCriticalExtension);
    }
    check_dates(leaf.not_before(), leaf.not_after(), input.now)?;
    if !allows(leaf.extended(), input.usage, input.strictness) {
        return Err(PathError::IncompatibleUsage);
    }
    Ok(VerifiedPath {
        leaf: input.leaf,
        intermediates: Vec::new(),
        anchor,
        not_after: leaf.not_after(),
    })
}

/// The intermediates that can be part of a path. webpki tries them in every order, which of a dozen
/// that were made for it takes seconds of work without one signature being right. So more than two are
/// looked at from the trusted end first: those that a trusted authority signed, those that one of
/// these signed, and so on. Nobody without an authority's key can add to them.
fn useful<'a>(presented: &[&'a [u8]], trusted: &TrustAnchors) -> Vec<CertificateDer<'a>> {
    if presented.len() <= 2 {
        return presented.iter().copied().map(CertificateDer::from).collect();
    }
    let mut open: Vec<(Certificate<'a>, Signed<'a>)> = Vec::new();
    for der in presented {
        let is_known = open.iter().any(|(known, _)| known.der() == *der);
        if !is_known
            && let Ok(certificate) = Certificate::from_der(der)
            && let Some(signed) = Signed::from_der(der)
        {
            open.push((certificate, signed));
        }
    }
    let anchors = trusted.certificates().iter();
    let mut issuers: Vec<(&[u8], &[u8])> =
        anchors.map(|anchor| (&*anchor.subject_der, &*anchor.public_key_info)).collect();
    let mut useful = Vec::new();
    while !issuers.is_empty() {
        let (signed, rest) = open.into_iter().partition(|(certificate, signed)| {
            issuers.iter().any(|(name, key)| certificate.issuer_der() == *name && signed.is_by(key))
        });
        open = rest;
        let signed: Vec<(Certificate<'a>, Signed<'a>)> = signed;
        issuers = signed.iter().map(|(c, _)| (c.subject_der(), c.public_key_info())).collect();
        useful.extend(signed.iter().map(|(c, _)| CertificateDer::from(c.der())));
    }
    useful
}

/// Purposes are looked at on the whole path, since Go complains of them last.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

fn judge<'a>(
    input: &PathInput<'a>,
    leaf: &Certificate<'_>,
    path: &webpki::VerifiedPath<'_>,
    trusted: &'a TrustAnchors,
) -> Result<VerifiedPath<'a>, PathError> {
    let anchor = trusted.of(path.anchor()).ok_or(PathError::UnknownAuthority)?;
    // The path has parts of what was presented; those parts are what is given back.
    let mut intermediates = Vec::new();
    for part in path.intermediate_certificates() {
        let part = part.der();
        let presented = input.intermediates.iter().find(|der| **der == part.as_ref());
        intermediates.push(*presented.ok_or(PathError::UnknownAuthority)?);
    }
    let mut read = Vec::with_capacity(intermediates.len());
    for der in &intermediates {
        let certificate =
            Certificate::from_der(der).map_err(|error| PathError::Malformed(error.to_string()))?;
        read.push(certificate);
    }
    // Two readers must not see two subjects in the same bytes.
    if !leaf.subject_der().ends_with(path.end_entity().subject()) {
        return Err(PathError::Malformed("its subject can be read in two ways".to_owned()));
    }
    let candidate = Candidate { leaf, intermediates: &read, anchor };
    candidate.check(input)?;
    let not_after = candidate.not_after();
    Ok(VerifiedPath { leaf: input.leaf, intermediates, anchor, not_after })
}

/// The error of a search, with the reason behind it where webpki has none.
fn explained(
    error: Error,
    input: &PathInput<'_>,
    leaf: &Certificate<'_>,
    trusted: &TrustAnchors,
) -> PathError {
    // A key that is too short is to webpki one that signed nothing.
    let weak = || {
        let presented =
            input.intermediates.iter().filter_map(|der| Certificate::from_der(der).ok());
        let presented: Vec<_> = presented.map(|c| (c.subject_der().to_vec(), c.key())).collect();
        let anchors = trusted.certificates().iter();
        let anchors = anchors.map(|anchor| (anchor.subject_der.clone(), anchor.key.clone()));
        let mut issuers = presented.into_iter().chain(anchors);
        let is_short = |(subject, key): &(Vec<u8>, KeyDescription)| {
            key.is_weak() && (*subject == leaf.issuer_der() || !input.intermediates.is_empty())
        };
        issuers.find(is_short).map(|(_, key)| key.bits)
    };
    match error {
        Error::InvalidSignatureForPublicKey => match weak() {
            Some(bits) => PathError::WeakKey { bits },
            None => PathError::WrongSignature,
        },
        other => told(other, input, leaf),
    }
}

/// An error of webpki in the words of the API server.
fn told(error: Error, input: &PathInput<'_>, leaf: &Certificate<'_>) -> PathError {
    let seconds = |time: UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match error {
        Error::CertExpired { not_after, .. } => {
            PathError::Expired { now: input.now, not_after: seconds(not_after) }
        }
        Error::CertNotValidYet { not_before, .. } => {
            PathError::NotYetValid { now: input.now, not_before: seconds(not_before) }
        }
        Error::UnknownIssuer => PathError::UnknownAuthority,
        Error::InvalidSignatureForPublicKey => PathError::WrongSignature,
        Error::UnsupportedCriticalExtension => unhandled(input, leaf),
        Error::PathLenConstraintViolated => PathError::PathLength,
        Error::NameConstraintViolation => PathError::NameConstraints,
        Error::CaUsedAsEndEntity => PathError::AuthorityAsLeaf,
        Error::EndEntityUsedAsCa => PathError::NotAnAuthority { subject: leaf.issuer() },
        Error::UnsupportedCertVersion => PathError::Version,
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => PathError::TooComplex,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            PathError::SignatureAlgorithm { algorithm: unsupported(input, leaf) }
        }
        Error::BadDer
        | Error::BadDerTime
        | Error::EmptyEkuExtension
        | Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::MalformedExtensions
        | Error::SignatureAlgorithmMismatch
        | Error::TrailingData(_) => PathError::Malformed(error.to_string()),
        other => PathError::Other(other.to_string()),
    }
}

/// Whether it is policies that were not understood, or something that nobody understands.
fn unhandled(input: &PathInput<'_>, leaf: &Certificate<'_>) -> PathError {
    let above = input.intermediates.iter().filter_map(|der| Certificate::from_der(der).ok());
    let above = above.flat_map(|certificate| certificate.critical_extensions());
    let critical: Vec<String> = leaf.critical_extensions().into_iter().chain(above).collect();
    let is_policy = |oid: &String| POLICY_EXTENSIONS.contains(&oid.as_str());
    let is_understood = |oid: &String| KNOWN_EXTENSIONS.contains(&oid.as_str()) || is_policy(oid);
    if critical.iter().all(is_understood) && critical.iter().any(is_policy) {
        PathError::CriticalPolicies
    } else {
        PathError::UnhandledCriticalExtension
    }
}

/// The first signature algorithm that is not known, from the leaf up.
fn unsupported(input: &PathInput<'_>, leaf: &Certificate<'_>) -> String {
    let is_unknown = |der: &[u8]| Signed::from_der(der).is_none_or(|signed| !signed.is_known());
    if is_unknown(input.leaf) {
        return leaf.signature_algorithm();
    }
    let above = input.intermediates.iter().filter(|der| is_unknown(der));
    let above = above.filter_map(|der| Certificate::from_der(der).ok());
    above.map(|certificate| certificate.signature_algorithm()).next().unwrap_or_default()
}
