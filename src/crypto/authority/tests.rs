use super::*;
use crate::crypto::private_key::KeyAlgorithm;
use crate::crypto::request::SigningRequest;

const NOW: i64 = 1_795_662_000;
/// 2060-01-01, which takes four digits for the year.
const END: i64 = 2_840_140_800;

fn options() -> AuthorityOptions {
    AuthorityOptions {
        common_name: "ca".to_owned(),
        organizations: Vec::new(),
        not_before: NOW,
        not_after: END,
        path_length: Some(0),
    }
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

fn request() -> SigningRequest {
    let subject = Subject { common_name: "jane".to_owned(), ..Subject::default() };
    SigningRequest::create(&key(), &subject).unwrap()
}

fn leaf(request: &SigningRequest) -> Leaf<'_> {
    Leaf {
        request,
        usages: CertificateUsages::client(),
        not_before: NOW,
        not_after: END,
        serial: SerialNumber::from_bytes(&[0x80, 1]).unwrap(),
    }
}

#[test]
fn an_authority_says_what_it_may_do() {
    let authority = Authority::self_signed(key(), &options()).unwrap();
    let read = Certificate::from_der(authority.certificate_der()).unwrap();
    assert!(read.is_authority() && read.may_sign_certificates() && read.may_sign_crls());
    assert_eq!(read.path_length(), Some(0));
    assert_eq!(read.key_usages(), ["cert sign", "crl sign"]);
    assert_eq!(read.subject_der(), read.issuer_der());
    assert_eq!((authority.not_before(), authority.not_after()), (NOW, END));
    assert_eq!(read.subject_key_id().map(<[u8]>::len), Some(20));
    // Its own text leads to it again, with the one key and with no other.
    let text = authority.certificate_pem();
    assert_eq!(Authority::from_pem(text.as_bytes(), key()).unwrap_err(), AuthorityError::OtherKey);

    let no_limit = AuthorityOptions { path_length: None, ..options() };
    let authority = Authority::self_signed(key(), &no_limit).unwrap();
    assert_eq!(Certificate::from_der(authority.certificate_der()).unwrap().path_length(), None);
    let nobody = AuthorityOptions { common_name: String::new(), ..options() };
    assert_eq!(Authority::self_signed(key(), &nobody).unwrap_err(), AuthorityError::NoName);
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let authority = Authority::self_signed(key(), &options()).unwrap();
    let request = request();
    let issued = authority.issue(&leaf(&request)).unwrap();
    let read = Certificate::from_der(issued.der()).unwrap();
    assert_eq!((read.not_before(), read.not_after()), (NOW, END));
    let refusal = |not_before, not_after| {
        authority.issue(&Leaf { not_before, not_after, ..leaf(&request) }).unwrap_err()
    };
    assert_eq!(refusal(NOW, END + 1), AuthorityError::OutlivesAuthority);
    assert_eq!(refusal(NOW, NOW - 1), AuthorityError::EmptyValidity);
    assert_eq!(refusal(i64::MIN, NOW), AuthorityError::Time);
}

#[test]
fn serial_numbers_are_positive_and_differ() {
    let authority = Authority::self_signed(key(), &options()).unwrap();
    let request = request();
    // A first bit of 1 would be a negative number without a zero before it.
    let issued = authority.issue(&leaf(&request)).unwrap();
    assert_eq!(Certificate::from_der(issued.der()).unwrap().serial_decimal(), "32769");
    assert_eq!(issued.serial().to_string(), "8001");

    assert_ne!(SerialNumber::random().unwrap(), SerialNumber::random().unwrap());
    assert!(SerialNumber::random().unwrap().as_bytes().len() <= 16);
    assert_eq!(SerialNumber::from_bytes(&[0, 0, 7]).unwrap().as_bytes(), [7]);
    for bad in [&[][..], &[0, 0], &[1; 21], &[0x80; 20]] {
        assert_eq!(SerialNumber::from_bytes(bad).unwrap_err(), AuthorityError::Serial);
    }
    assert!(SerialNumber::from_bytes(&[0x7f; 20]).is_ok());
}

#[test]
fn every_usage_is_written_as_kubernetes_names_it() {
    let authority = Authority::self_signed(key(), &options()).unwrap();
    let request = request();
    let issue = |usages| authority.issue(&Leaf { usages, ..leaf(&request) }).unwrap();
    // S-CSR-4.
    for (usage, name) in [
        (KeyUsage::DIGITAL_SIGNATURE, "digital signature"),
        (KeyUsage::CONTENT_COMMITMENT, "content commitment"),
        (KeyUsage::KEY_ENCIPHERMENT, "key encipherment"),
        (KeyUsage::DATA_ENCIPHERMENT, "data encipherment"),
        (KeyUsage::KEY_AGREEMENT, "key agreement"),
        (KeyUsage::KEY_CERT_SIGN, "cert sign"),
        (KeyUsage::CRL_SIGN, "crl sign"),
        (KeyUsage::ENCIPHER_ONLY, "encipher only"),
        (KeyUsage::DECIPHER_ONLY, "decipher only"),
    ] {
        let issued = issue(CertificateUsages { key_usage: usage, extended: Vec::new() });
        let read = Certificate::from_der(issued.der()).unwrap();
        assert_eq!(read.key_usages(), [name]);
        assert!(read.extended_key_usages().is_empty());
    }
    for (usage, name) in [
        (ExtendedUsage::Any, "any"),
        (ExtendedUsage::ServerAuth, "server auth"),
        (ExtendedUsage::ClientAuth, "client auth"),
        (ExtendedUsage::CodeSigning, "code signing"),
        (ExtendedUsage::EmailProtection, "email protection"),
        (ExtendedUsage::IpsecEndSystem, "ipsec end system"),
        (ExtendedUsage::IpsecTunnel, "ipsec tunnel"),
        (ExtendedUsage::IpsecUser, "ipsec user"),
        (ExtendedUsage::Timestamping, "timestamping"),
        (ExtendedUsage::OcspSigning, "ocsp signing"),
        (ExtendedUsage::MicrosoftSgc, "microsoft sgc"),
        (ExtendedUsage::NetscapeSgc, "netscape sgc"),
    ] {
        let extended = vec![usage];
        let issued = issue(CertificateUsages { key_usage: KeyUsage::empty(), extended });
        let read = Certificate::from_der(issued.der()).unwrap();
        assert_eq!(read.extended_key_usages(), [name]);
        assert!(read.key_usages().is_empty());
    }
}

#[test]
fn a_reason_that_a_list_cannot_have_is_refused() {
    // Its signatures are all of one length.
    let key = PrivateKey::generate(KeyAlgorithm::Ed25519).unwrap();
    let authority = Authority::self_signed(key, &options()).unwrap();
    let list = |reason| {
        let revoked = [RevokedSerial { serial: &[7], at: NOW, reason }];
        let (this_update, next_update) = (NOW, NOW + 1);
        authority.crl(&CrlContent { number: 1, this_update, next_update, revoked: &revoked })
    };
    for reason in [7, 8, 11, 255] {
        assert_eq!(list(Some(reason)).unwrap_err(), AuthorityError::Reason(reason));
    }
    for reason in [1, 2, 3, 4, 5, 6, 9, 10] {
        assert!(list(Some(reason)).is_ok());
    }
    // Unspecified is left out.
    assert_eq!(list(Some(0)).unwrap().len(), list(None).unwrap().len());
}
