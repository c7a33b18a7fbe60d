//! Revocation lists of issuers, and what becomes of certificates of which they say nothing.

use std::sync::Arc;

use portcullis::crypto::crl::{RevocationList, RevocationListError, UnknownStatus};
use portcullis::crypto::path::{PathError, PathInput, RevocationCheck, Usage, verify};
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    KeyIdMethod, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::anchors;
use super::authority::{Authority, DAY, NOW};

struct List<'a> {
    serials: &'a [&'a [u8]],
    next_update: i64,
    point: Option<CrlIssuingDistributionPoint>,
}

impl Default for List<'_> {
    fn default() -> Self {
        Self { serials: &[], next_update: NOW + DAY, point: None }
    }
}

fn second(second: i64) -> std::time::Duration {
    std::time::Duration::from_secs(second.try_into().unwrap())
}

fn der_of(authority: &Authority, list: List<'_>) -> Vec<u8> {
    let epoch = date_time_ymd(1970, 1, 1);
    let revoked = |serial: &&[u8]| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: epoch + second(NOW - 60),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: epoch + second(NOW - 2 * DAY),
        next_update: epoch + second(list.next_update),
        crl_number: SerialNumber::from(4711_u64),
        issuing_distribution_point: list.point,
        revoked_certs: list.serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&authority.issuer()).unwrap().der().to_vec()
}

/// With nobody on it, DER.
#[cfg(all(feature = "cli", feature = "ledger"))]
pub(super) fn empty(authority: &Authority) -> Vec<u8> {
    der_of(authority, List::default())
}

fn list_of(authority: &Authority, list: List<'_>) -> Arc<RevocationList> {
    Arc::new(RevocationList::from_pem_or_der(&der_of(authority, list)).unwrap())
}

/// An authority that may sign lists.
fn root() -> Authority {
    Authority::with("root", |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    })
}

fn issue(authority: &Authority, serial: &[u8]) -> Vec<u8> {
    authority.issue(|params| params.serial_number = Some(SerialNumber::from_slice(serial)))
}

struct Asked<'a> {
    leaf: &'a [u8],
    above: &'a [&'a [u8]],
    trusted: &'a [&'a Authority],
    lists: &'a [Arc<RevocationList>],
}

impl Asked<'_> {
    fn with(&self, unknown: UnknownStatus) -> Result<(), PathError> {
        let check = RevocationCheck { lists: self.lists, unknown };
        let input = PathInput {
            revocation: Some(check),
            ..PathInput::new(self.leaf, self.above, NOW, Usage::ClientAuth)
        };
        verify(&input, &anchors(self.trusted)).map(|_| ())
    }

    /// What a strict and a lenient answer are.
    fn both(&self) -> [Result<(), PathError>; 2] {
        [self.with(UnknownStatus::Deny), self.with(UnknownStatus::Allow)]
    }
}

fn ask(
    leaf: &[u8],
    trusted: &[&Authority],
    lists: &[Arc<RevocationList>],
) -> [Result<(), PathError>; 2] {
    Asked { leaf, above: &[], trusted, lists }.both()
}

fn revoked(subject: &str) -> Result<(), PathError> {
    Err(PathError::Revoked {
        subject: subject.to_owned(),
        at: NOW - 60,
        reason: Some("keyCompromise".to_owned()),
    })
}

fn unknown() -> Result<(), PathError> {
    Err(PathError::UnknownRevocationStatus {
        subject: "CN=jane".to_owned(),
        issuer: "CN=root".to_owned(),
    })
}

#[test]
fn a_certificate_on_the_list_of_its_issuer_is_refused_and_another_one_passes() {
    let root = root();
    let list = list_of(&root, List { serials: &[&[7], &[0x80, 9]], ..List::default() });
    for serial in [&[7][..], &[0x80, 9]] {
        let asked = ask(&issue(&root, serial), &[&root], &[Arc::clone(&list)]);
        assert_eq!(asked, [revoked("CN=jane"), revoked("CN=jane")]);
    }
    let good = issue(&root, &[8]);
    assert_eq!(ask(&good, &[&root], &[list]), [Ok(()), Ok(())]);
    let text = revoked("CN=jane").unwrap_err().to_string();
    assert_eq!(
        text,
        "certificate of `CN=jane` was revoked by its issuer at 2026-11-26T02:59:00Z: keyCompromise"
    );
}

#[test]
fn without_a_list_of_the_issuer_the_choice_decides() {
    let (root, other) = (root(), Authority::new("other"));
    let leaf = issue(&root, &[7]);
    assert_eq!(ask(&leaf, &[&root], &[]), [unknown(), Ok(())]);
    let foreign = list_of(&other, List { serials: &[&[7]], ..List::default() });
    assert_eq!(ask(&leaf, &[&root], &[foreign]), [unknown(), Ok(())]);
}

#[test]
fn a_list_that_somebody_else_signed_in_the_name_of_the_issuer_says_nothing() {
    let (genuine, impostor) = (root(), root());
    let leaf = issue(&genuine, &[7]);
    let forged = list_of(&impostor, List { serials: &[&[7]], ..List::default() });
    let asked = ask(&leaf, &[&genuine], &[Arc::clone(&forged)]);
    assert_eq!(asked, [unknown(), Ok(())]);
    // It hides no list that is genuine, before it or behind it.
    let list = list_of(&genuine, List { serials: &[&[7]], ..List::default() });
    for lists in [[Arc::clone(&forged), Arc::clone(&list)], [list, forged]] {
        assert_eq!(ask(&leaf, &[&genuine], &lists), [revoked("CN=jane"), revoked("CN=jane")]);
        // And each of two authorities of one name has its own.
        let theirs = issue(&impostor, &[8]);
        assert_eq!(ask(&theirs, &[&genuine, &impostor], &lists), [Ok(()), Ok(())]);
    }
}

#[test]
fn an_expired_list_still_refuses_who_stands_on_it_and_vouches_for_nobody() {
    let root = root();
    for (next_update, vouches) in [(NOW + 1, true), (NOW, false), (NOW - DAY, false)] {
        let list = list_of(&root, List { serials: &[&[7]], next_update, ..List::default() });
        let lists = [list];
        let asked = ask(&issue(&root, &[7]), &[&root], &lists);
        assert_eq!(asked, [revoked("CN=jane"), revoked("CN=jane")]);
        let strict = if vouches { Ok(()) } else { unknown() };
        assert_eq!(ask(&issue(&root, &[8]), &[&root], &lists), [strict, Ok(())]);
    }
    // A fresh list beside it does.
    let old = list_of(&root, List { next_update: NOW - DAY, ..List::default() });
    let lists = [old, list_of(&root, List::default())];
    assert_eq!(ask(&issue(&root, &[8]), &[&root], &lists), [Ok(()), Ok(())]);
}

/// As kubeadm makes its authority. webpki does not look at the key usages of a root.
#[test]
fn an_issuer_whose_key_usages_lack_crl_sign_cannot_say_that_a_certificate_is_good() {
    let root = Authority::with("root", |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    // rcgen asks the issuer's parameters whether it may.
    let signer = root.renewed(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let list = list_of(&signer, List { serials: &[&[7]], ..List::default() });
    let lists = [list];
    let refused = Err(PathError::NotACrlSigner {
        subject: "CN=jane".to_owned(),
        issuer: "CN=root".to_owned(),
    });
    assert_eq!(ask(&issue(&root, &[8]), &[&root], &lists), [refused, Ok(())]);
    let asked = ask(&issue(&root, &[7]), &[&root], &lists);
    assert_eq!(asked, [revoked("CN=jane"), revoked("CN=jane")]);
    let may = root.renewed(|params| params.key_usages.push(KeyUsagePurpose::CrlSign));
    assert_eq!(ask(&issue(&root, &[8]), &[&may], &lists), [Ok(()), Ok(())]);
}

#[test]
fn the_authorities_between_are_asked_about_too() {
    let root = root();
    let serial = SerialNumber::from_slice(&[9]);
    let sub = root.subordinate("sub", |params| {
        params.serial_number = Some(serial);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    });
    let leaf = issue(&sub, &[7]);
    let of_sub = list_of(&sub, List::default());
    let ask = |lists: &[Arc<RevocationList>]| {
        Asked { leaf: &leaf, above: &[&sub.der], trusted: &[&root], lists }.both()
    };
    let good = list_of(&root, List::default());
    assert_eq!(ask(&[Arc::clone(&of_sub), good]), [Ok(()), Ok(())]);
    let bad = list_of(&root, List { serials: &[&[9]], ..List::default() });
    assert_eq!(ask(&[Arc::clone(&of_sub), bad]), [revoked("CN=sub"), revoked("CN=sub")]);
    let unknown = Err(PathError::UnknownRevocationStatus {
        subject: "CN=sub".to_owned(),
        issuer: "CN=root".to_owned(),
    });
    assert_eq!(ask(&[of_sub]), [unknown, Ok(())]);
}

#[test]
fn a_list_of_some_certificates_says_nothing_of_others() {
    let root = root();
    let point = |scope, uri: &str| {
        Some(CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec![uri.to_owned()] },
            scope,
        })
    };
    let here = "http://crl.example/here";
    let placed = root.issue(|params| {
        params.serial_number = Some(SerialNumber::from_slice(&[7]));
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![here.to_owned()] }];
    });
    let plain = issue(&root, &[7]);
    let jane = || revoked("CN=jane");
    for (scope, uri, of_placed, of_plain) in [
        (None, here, jane(), jane()),
        (Some(CrlScope::UserCertsOnly), here, jane(), jane()),
        (Some(CrlScope::CaCertsOnly), here, unknown(), unknown()),
        (None, "http://crl.example/there", unknown(), jane()),
    ] {
        let list = List { serials: &[&[7]], point: point(scope, uri), ..List::default() };
        let lists = [list_of(&root, list)];
        let asked = |leaf: &[u8]| ask(leaf, &[&root], &lists)[0].clone();
        assert_eq!((asked(&placed), asked(&plain)), (of_placed, of_plain), "{scope:?} {uri}");
    }
}

#[test]
fn a_list_of_one_place_does_not_vouch_for_a_certificate_that_names_none() {
    let root = root();
    let here = "http://crl.example/here";
    let placed = root.issue(|params| {
        params.serial_number = Some(SerialNumber::from_slice(&[7]));
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![here.to_owned()] }];
    });
    let plain = issue(&root, &[7]);
    let point = Some(CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint { uris: vec![here.to_owned()] },
        scope: None,
    });
    // Another certificate stands on it.
    let part = [list_of(&root, List { serials: &[&[8]], point, ..List::default() })];
    assert_eq!(ask(&placed, &[&root], &part), [Ok(()), Ok(())]);
    assert_eq!(ask(&plain, &[&root], &part)[0], unknown());
    let whole = [list_of(&root, List { serials: &[&[8]], ..List::default() })];
    assert_eq!(ask(&plain, &[&root], &whole), [Ok(()), Ok(())]);
}

#[test]
fn a_list_is_read_from_pem_and_der_and_tells_its_number_and_its_times() {
    let root = root();
    let der = der_of(&root, List { serials: &[&[7], &[8]], ..List::default() });
    let pem = pem::encode(&pem::Pem::new("X509 CRL", der.clone()));
    for bytes in [&der[..], pem.as_bytes(), format!("# ours\n{pem}").as_bytes()] {
        let list = RevocationList::from_pem_or_der(bytes).unwrap();
        assert_eq!((list.number(), list.len()), (Some("4711"), 2));
        assert_eq!((list.this_update(), list.next_update()), (NOW - 2 * DAY, NOW + DAY));
        assert_eq!(list.issuer(), "CN=root");
        assert!(list.find(&[0, 7]).is_some() && list.find(&[9]).is_none());
        assert_eq!(list.der(), der);
    }
    let empty = list_of(&root, List::default());
    assert!(empty.is_empty());
}

#[test]
fn what_is_no_list_is_refused() {
    let root = root();
    let der = der_of(&root, List { serials: &[&[7]], ..List::default() });
    for end in 0..der.len() {
        assert!(RevocationList::from_pem_or_der(&der[..end]).is_err(), "{end}");
    }
    let mut longer = der.clone();
    longer.push(0);
    assert!(RevocationList::from_pem_or_der(&longer).is_err());
    let refused = RevocationList::from_pem_or_der(&root.der).unwrap_err();
    assert_eq!(refused, RevocationListError::Malformed);
    let refused = RevocationList::from_pem_or_der(root.pem().as_bytes()).unwrap_err();
    assert_eq!(refused, RevocationListError::NotOne { found: 0 });
    let pem = pem::encode(&pem::Pem::new("X509 CRL", der));
    let refused = RevocationList::from_pem_or_der(format!("{pem}{pem}").as_bytes()).unwrap_err();
    assert_eq!(refused, RevocationListError::NotOne { found: 2 });
}
