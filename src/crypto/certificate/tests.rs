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
fn a_serial_number_of_any_length_is_told_in_little_time() {
    let decimal = |serial: Vec<u8>| {
        let (der, _) = certificate(|params| {
            params.serial_number = Some(rcgen::SerialNumber::from(serial));
        });
        Certificate::from_der(&der).unwrap().serial_decimal()
    };
    assert_eq!(decimal(vec![1, 0]), "256");
    assert_eq!(decimal(vec![0x7f; 64]).len(), 154);
    let long = decimal(vec![0x7f; 1 << 20]);
    assert_eq!(long, format!("0x{}…", "7f".repeat(64)));
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
    assert_eq!(Certificate::from_der(&der).unwrap_err(), NotACertificate::Malformed);
}

#[test]
fn a_key_belongs_to_its_certificate_and_to_no_other() {
    let (der, key) = certificate(|_| {});
    let (_, other) = certificate(|_| {});
    let read = Certificate::from_der(&der).unwrap();
    assert!(read.has_key(&key.subject_public_key_info()));
    assert!(!read.has_key(&other.subject_public_key_info()));
}
