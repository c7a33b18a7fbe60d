//! The authenticator: from certificates to users.

use std::sync::Arc;

use portcullis::authn::x509::{Crls, UnknownStatus, X509Authenticator, X509Error};
use portcullis::authn::{
    Authenticated, CREDENTIAL_ID, CertificateAuthenticator, CertifiedRequest, ClientCertificates,
};
use portcullis::crypto::certificate::{Certificate, fingerprint};
use portcullis::crypto::path::{SharedTrustAnchors, TrustAnchors};
use portcullis::model::{Revocation, RevocationEntry, Revocations, SharedRevocations};
use rcgen::{DnType, ExtendedKeyUsagePurpose as Purpose, SerialNumber};

use super::anchors;
use super::authority::{Authority, DAY, NOW, placeholder, to_organizations, until};

fn who(authenticator: &X509Authenticator, leaf: &[u8]) -> Result<Option<Authenticated>, X509Error> {
    authenticator.authenticate(&ClientCertificates { leaf, intermediates: &[], now: NOW })
}

/// S-X509-4, S-X509-6, S-X509-7.
#[test]
fn the_common_name_is_the_user_every_organization_a_group_and_the_credential_is_told() {
    let root = Authority::new("root");
    let groups = ["dev", "system:masters", "dev", ""];
    let leaf = root.issue_changed(
        |params| {
            for (group, index) in groups.into_iter().zip(0..) {
                params.distinguished_name.push(placeholder(index), group);
            }
            let uid = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]);
            params.distinguished_name.push(uid, "42");
            until(params, NOW + DAY);
        },
        to_organizations,
    );
    let authenticator = X509Authenticator::new(anchors(&[&root]));
    let found = who(&authenticator, &leaf).unwrap().unwrap();
    assert_eq!((found.user.name.as_str(), found.user.uid.as_str()), ("jane", "42"));
    // `system:authenticated` is added where authenticators are joined (S-AUTHN-5).
    assert_eq!(found.user.groups, groups);
    let id = fingerprint(&leaf).credential_id();
    assert!(id.starts_with("X509SHA256="), "{id}");
    assert_eq!(found.user.extra.len(), 1);
    assert_eq!(found.user.extra[CREDENTIAL_ID], [id]);
    // The first second in which it would be refused.
    assert_eq!((found.expires, found.audiences.len()), (Some(NOW + DAY + 1), 0));
    let later = ClientCertificates { leaf: &leaf, intermediates: &[], now: NOW + DAY + 1 };
    assert!(authenticator.authenticate(&later).is_err());
    let request =
        CertifiedRequest { certificates: ClientCertificates { now: NOW, ..later }, headers: &[] };
    let member: &dyn CertificateAuthenticator = &authenticator;
    assert_eq!(member.authenticate(&request).unwrap().unwrap().user, found.user);
    assert_eq!((member.name(), member.reads_header("x-remote-user")), ("x509", false));
}

/// S-X509-4.
#[test]
fn a_good_certificate_without_a_common_name_is_no_opinion_and_a_bad_one_an_error() {
    let (root, other) = (Authority::new("root"), Authority::new("other"));
    let authenticator = X509Authenticator::new(anchors(&[&root]));
    for name in [None, Some("")] {
        let nameless = |authority: &Authority| {
            authority.issue(|params| {
                params.distinguished_name = rcgen::DistinguishedName::new();
                params.distinguished_name.push(DnType::OrganizationName, "dev");
                if let Some(name) = name {
                    params.distinguished_name.push(DnType::CommonName, name);
                }
            })
        };
        assert_eq!(who(&authenticator, &nameless(&root)), Ok(None), "{name:?}");
        assert!(who(&authenticator, &nameless(&other)).is_err());
    }
}

/// S-X509-3, S-X509-5.
#[test]
fn refusals_are_told_in_the_words_of_the_api_server() {
    let root = Authority::new("root");
    let authenticator = X509Authenticator::new(anchors(&[&root]));
    let leaf = root.issue(|params| {
        params.serial_number = Some(SerialNumber::from_slice(&[1, 0]));
        params.extended_key_usages = vec![Purpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
    });
    let read = Certificate::from_der(&leaf).unwrap();
    let akid: Vec<String> =
        read.authority_key_id().unwrap().iter().map(|byte| format!("{byte:02X}")).collect();
    let refused = who(&authenticator, &leaf).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "verifying certificate SN=256, SKID=, AKID={} failed: x509: certificate specifies an \
             incompatible key usage",
            akid.join(":")
        )
    );
    let two = root.issue_changed(
        |params| {
            let uid = |last| DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, last]);
            params.distinguished_name.push(uid(2), "a");
            params.distinguished_name.push(uid(3), "b");
        },
        |signed| {
            let at = signed.windows(9).position(|w| w == [0x2b, 6, 1, 4, 1, 0x83, 0xc2, 0x53, 3]);
            signed[at.unwrap() + 8] = 2;
        },
    );
    let refused = who(&authenticator, &two).unwrap_err();
    assert_eq!(refused.to_string(), "expected 1 UID, but found multiple: [a b]");
    assert!(!refused.is_stricter_than_kubernetes());
    let refused = who(&authenticator, b"junk").unwrap_err();
    assert!(matches!(refused, X509Error::Malformed(_)), "{refused}");
}

#[test]
fn both_answers_can_be_told_where_ours_is_stricter() {
    let root = Authority::new("root");
    let strict = X509Authenticator::new(anchors(&[&root]));
    let any = root.issue(|params| params.extended_key_usages = vec![Purpose::Any]);
    assert!(who(&strict, &any).is_err());
    assert_eq!(who(&strict.as_kubernetes(), &any).unwrap().unwrap().user.name, "jane");
    let sub = root.subordinate("sub", |_| {});
    let refused = who(&strict.as_kubernetes(), &sub.der).unwrap_err();
    assert!(refused.is_stricter_than_kubernetes(), "{refused}");
}

fn entry(what: Revocation) -> RevocationEntry {
    RevocationEntry { what, at: NOW, reason: "key compromise".to_owned(), by: String::new() }
}

#[test]
fn a_certificate_is_refused_as_soon_as_the_list_says_so_and_no_other_is() {
    let root = Authority::new("root");
    let (jane, other) = (root.issue(|_| {}), root.issue(|_| {}));
    let shared = SharedRevocations::new(Revocations::default());
    let authenticator = X509Authenticator::new(anchors(&[&root])).with_revocations(shared.clone());
    assert!(who(&authenticator, &jane).unwrap().is_some());
    let read = Certificate::from_der(&jane).unwrap();
    for what in [
        Revocation::Certificate { fingerprint: read.fingerprint() },
        Revocation::Serial { issuer: read.issuer_der().into(), serial: read.serial().into() },
    ] {
        shared.publish([entry(what.clone())].into_iter().collect());
        let refused = who(&authenticator, &jane).unwrap_err();
        assert!(refused.to_string().contains("was revoked at"), "{refused}");
        assert!(refused.is_stricter_than_kubernetes());
        assert!(who(&authenticator, &other).unwrap().is_some(), "{what:?}");
        assert!(who(&authenticator.as_kubernetes(), &jane).unwrap().is_some());
    }
    let of_user = Revocation::User { name: "jane".to_owned(), issued_before: NOW };
    shared.publish([entry(of_user)].into_iter().collect());
    assert!(who(&authenticator, &other).is_err());
    let of_another = Revocation::User { name: "joe".to_owned(), issued_before: NOW };
    shared.publish([entry(of_another)].into_iter().collect());
    assert!(who(&authenticator, &other).unwrap().is_some());
}

#[test]
fn a_revoked_authority_in_between_takes_its_users_with_it() {
    let root = Authority::new("root");
    let sub = root.subordinate("sub", |_| {});
    let leaf = sub.issue(|_| {});
    let shared = SharedRevocations::new(Revocations::default());
    let authenticator = X509Authenticator::new(anchors(&[&root])).with_revocations(shared.clone());
    let presented = ClientCertificates { leaf: &leaf, intermediates: &[&sub.der], now: NOW };
    assert!(authenticator.authenticate(&presented).unwrap().is_some());
    let of_sub = Revocation::Certificate { fingerprint: fingerprint(&sub.der) };
    shared.publish([entry(of_sub)].into_iter().collect());
    let refused = authenticator.authenticate(&presented).unwrap_err();
    assert!(matches!(refused, X509Error::Revoked(_)), "{refused}");
}

#[test]
fn with_lists_of_issuers_who_is_unknown_is_refused_unless_the_choice_is_another() {
    let root = Authority::new("root");
    let leaf = root.issue(|_| {});
    let with =
        |unknown| X509Authenticator::new(anchors(&[&root])).with_crls(Crls::default(), unknown);
    assert!(who(&with(UnknownStatus::Deny), &leaf).is_err());
    assert!(who(&with(UnknownStatus::default()), &leaf).is_err());
    assert!(who(&with(UnknownStatus::Allow), &leaf).unwrap().is_some());
}

#[test]
fn authorities_are_replaced_while_they_are_in_use() {
    let (old, new) = (Authority::new("ca"), Authority::new("ca"));
    let shared = SharedTrustAnchors::from(anchors(&[&old]));
    let authenticator = Arc::new(X509Authenticator::new(shared.clone()));
    let (of_old, of_new) = (old.issue(|_| {}), new.issue(|_| {}));
    let known = || [&of_old, &of_new].map(|leaf| who(&authenticator, leaf).is_ok());
    assert_eq!(known(), [true, false]);
    let both = format!("{}{}", old.pem(), new.pem());
    shared.publish(TrustAnchors::from_pem(both.as_bytes()).unwrap());
    assert_eq!(known(), [true, true]);
    authenticator.trusted().publish(anchors(&[&new]));
    assert_eq!(known(), [false, true]);
}
