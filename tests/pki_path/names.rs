//! Subjects as Go reads them: every kind of text, every organisation, and UIDs.

use portcullis::crypto::certificate::{Certificate, NotACertificate, USER_UID, UidError};
use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

use super::authority::{Authority, leaf_params, placeholder, retype, to_organizations};

fn with_organizations(values: &[&str]) -> Vec<u8> {
    let values: Vec<DnValue> = values.iter().map(|value| DnValue::from(*value)).collect();
    with_values(values, to_organizations)
}

fn with_values(values: Vec<DnValue>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let push = |params: &mut CertificateParams| {
        for (value, index) in values.into_iter().zip(0..) {
            params.distinguished_name.push(placeholder(index), value);
        }
    };
    Authority::new("root").issue_changed(push, change)
}

fn organizations(der: &[u8]) -> Vec<String> {
    Certificate::from_der(der).unwrap().organizations()
}

/// S-X509-4.
#[test]
fn every_organization_is_read_in_order_with_doubles_and_empty_ones() {
    let all = ["dev", "ops", "dev", "", "system:masters", "größe", ""];
    assert_eq!(organizations(&with_organizations(&all)), all);
    assert_eq!(organizations(&with_organizations(&[])), [""; 0]);
}

/// S-X509-4.
#[test]
fn of_several_common_names_the_last_counts() {
    let names = ["first", "second", "third"].map(DnValue::from).to_vec();
    let der = with_values(names, |signed| retype(signed, 3));
    assert_eq!(Certificate::from_der(&der).unwrap().common_name(), Some("third"));
    let none = Authority::new("root").issue(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
    });
    assert_eq!(Certificate::from_der(&none).unwrap().common_name(), None);
}

#[test]
fn every_kind_of_text_that_go_reads_is_read() {
    let values = vec![
        DnValue::PrintableString("printable".try_into().unwrap()),
        DnValue::Ia5String("ia5@example".try_into().unwrap()),
        DnValue::TeletexString("teletex".try_into().unwrap()),
        DnValue::BmpString("größe €".try_into().unwrap()),
        DnValue::Utf8String("größe 👥".to_owned()),
    ];
    let read = organizations(&with_values(values, to_organizations));
    assert_eq!(read, ["printable", "ia5@example", "teletex", "größe €", "größe 👥"]);
}

/// `dev`, with the tag of another kind of text.
fn tagged(tag: u8, text: &str) -> Vec<u8> {
    with_values(vec![DnValue::Utf8String(text.to_owned())], |signed| {
        to_organizations(signed);
        let place =
            [&[6, 3, 0x55, 4, 10, 12, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let at = signed.windows(place.len()).position(|window| window == place).unwrap();
        signed[at + 5] = tag;
    })
}

#[test]
fn text_that_breaks_the_rules_of_its_kind_refuses_the_certificate_and_no_group_is_lost() {
    const NUMERIC: u8 = 18;
    const PRINTABLE: u8 = 19;
    const TELETEX: u8 = 20;
    const IA5: u8 = 22;
    const BASIC_PLANE: u8 = 30;
    for (tag, text, read) in [
        (NUMERIC, "12 3", Some("12 3")),
        (NUMERIC, "12a", None),
        (PRINTABLE, "a*&'()+,-./:=? z", Some("a*&'()+,-./:=? z")),
        (PRINTABLE, "a@b", None),
        (PRINTABLE, "a_b", None),
        (PRINTABLE, "ä", None),
        (IA5, "a@b_", Some("a@b_")),
        (IA5, "ä", None),
        // Bytes of ISO 8859-1.
        (TELETEX, "ä", Some("Ã¤")),
        (BASIC_PLANE, "\0d\0e", Some("de")),
        (BASIC_PLANE, "\0d\0e\0\0", Some("de")),
        (BASIC_PLANE, "\0de", None),
        // Universal, visible, general, bit and octet strings; an integer; a sequence.
        (28, "\0\0\0d", None),
        (26, "dev", None),
        (27, "dev", None),
        (3, "\0dev", None),
        (4, "dev", None),
        (2, "dev", None),
        (0x30, "", None),
        (0x2c, "", None),
        (0x8c, "dev", None),
    ] {
        let der = tagged(tag, text);
        match (Certificate::from_der(&der), read) {
            (Ok(certificate), Some(read)) => {
                assert_eq!(certificate.organizations(), [read], "{tag} {text:?}");
            }
            (refused, None) => {
                let refused = refused.map(|_| ()).unwrap_err();
                assert_eq!(refused, NotACertificate::UnreadableSubject, "{tag} {text:?}");
            }
            (Err(error), Some(_)) => panic!("{tag} {text:?}: {error}"),
        }
    }
    // A lone half of a pair, and what is no character.
    for point in [[0xd8, 0x00], [0xfd, 0xd0], [0xff, 0xfe]] {
        let der = with_values(vec![DnValue::BmpString("ab".try_into().unwrap())], |signed| {
            to_organizations(signed);
            let place = [6, 3, 0x55, 4, 10, 30, 4, 0, b'a', 0, b'b'];
            let at = signed.windows(place.len()).position(|window| window == place).unwrap();
            signed[at + 7..at + 9].copy_from_slice(&point);
        });
        let refused = Certificate::from_der(&der).map(|_| ()).unwrap_err();
        assert_eq!(refused, NotACertificate::UnreadableSubject, "{point:?}");
    }
}

/// The attribute's identifier, and those that become it.
fn uid_type(last: u64) -> DnType {
    let mut oid: Vec<u64> = USER_UID.split('.').map(|part| part.parse().unwrap()).collect();
    *oid.last_mut().unwrap() = last;
    DnType::CustomDnType(oid)
}

fn with_uids(values: &[&str], tag: u8) -> Result<Option<String>, UidError> {
    let der = Authority::new("root").issue_changed(
        |params| {
            for (value, last) in values.iter().zip(100..) {
                params.distinguished_name.push(uid_type(last), *value);
            }
        },
        |signed| {
            let before = [0x2b, 6, 1, 4, 1, 0x83, 0xc2, 0x53];
            for at in 0..signed.len() - 10 {
                if signed[at..].starts_with(&before) {
                    signed[at + 8] = 2;
                    signed[at + 9] = tag;
                }
            }
        },
    );
    Certificate::from_der(&der).unwrap().uid()
}

/// S-X509-5.
#[test]
fn the_uid_is_an_attribute_of_the_subject_and_its_errors_are_the_api_server_s() {
    let error = |values: &[&str], tag| with_uids(values, tag).unwrap_err().to_string();
    assert_eq!(with_uids(&["42"], 12), Ok(Some("42".to_owned())));
    assert_eq!(with_uids(&[], 12), Ok(None));
    assert_eq!(error(&["a", "b"], 12), "expected 1 UID, but found multiple: [a b]");
    assert_eq!(error(&[""], 12), "UID cannot be an empty string");
    assert_eq!(error(&["42"], 4), "unable to parse UID into a string");
    // LDAP's uid is another attribute.
    let der = Authority::new("root").issue(|params| {
        let ldap = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
        params.distinguished_name.push(ldap, "jane");
    });
    assert_eq!(Certificate::from_der(&der).unwrap().uid(), Ok(None));
}

#[test]
fn names_are_told_as_rfc_4514_writes_them() {
    let der = Authority::with("Ein, \"Name\"", |params| {
        params.distinguished_name.push(DnType::CountryName, "DE");
    })
    .issue(|params| {
        params.distinguished_name.push(DnType::OrganizationName, "#a+b;c<d>e\\ ");
        params.distinguished_name.push(uid_type(2), "42");
    });
    let read = Certificate::from_der(&der).unwrap();
    let subject = r"1.3.6.1.4.1.57683.2=#0c023432,O=\#a\+b\;c\<d\>e\\\ ,CN=jane";
    assert_eq!(read.subject(), subject);
    assert_eq!(read.issuer(), r#"C=DE,CN=Ein\, \"Name\""#);
}

#[test]
fn a_certificate_tells_what_it_is_for_and_how_it_was_made() {
    use rcgen::{ExtendedKeyUsagePurpose as Purpose, KeyUsagePurpose};

    let root = Authority::new("root");
    let der = root.issue(|params| {
        params.serial_number = Some(vec![0, 0, 0x80, 0x01].into());
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
        params.extended_key_usages = vec![
            Purpose::ClientAuth,
            Purpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 7]),
            Purpose::Other(vec![1, 2, 3]),
        ];
        params.subject_alt_names = vec![
            SanType::DnsName("a.example".try_into().unwrap()),
            SanType::Rfc822Name("jane@example".try_into().unwrap()),
            SanType::URI("spiffe://example/jane".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        ];
        params.use_authority_key_identifier_extension = true;
    });
    let read = Certificate::from_der(&der).unwrap();
    assert_eq!(read.key_usages(), ["digital signature", "content commitment"]);
    assert_eq!(read.extended_key_usages(), ["client auth", "ipsec user", "1.2.3"]);
    assert_eq!((read.serial(), read.serial_decimal()), (&[0x80, 1][..], "32769".to_owned()));
    assert_eq!(read.email_addresses().collect::<Vec<_>>(), ["jane@example"]);
    let addresses: Vec<String> = read.ip_addresses().map(|address| address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1", "::1"]);
    assert_eq!(read.key().to_string(), "ECDSA P-256");
    assert_eq!(read.signature_algorithm(), "ECDSA-SHA256");
    assert_eq!(read.version(), 3);
    assert!(read.subject_key_id().is_none());
    assert!(read.authority_key_id().is_some_and(|id| !id.is_empty()));
    assert!(Certificate::from_der(&root.der).unwrap().subject_key_id().is_some());
    // Of a certificate that says nothing, nothing is told.
    let plain = root.sign(&leaf_params("x"), &KeyPair::generate().unwrap());
    let plain = Certificate::from_der(&plain).unwrap();
    assert!(plain.key_usages().is_empty() && plain.extended_key_usages().is_empty());
}
