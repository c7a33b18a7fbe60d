//! Paths from certificates to trusted authorities: each reason to refuse one, and beside it the twin
//! that differs in one thing and passes. Certificates are made here, those with old algorithms by the
//! `openssl` program.

mod authority;
#[cfg(all(feature = "cli", feature = "ledger"))]
mod commands;
mod forms;
mod names;
mod openssl;
mod revocation;
mod users;

use std::time::{Duration, Instant};

use portcullis::crypto::path::{
    MOST_BYTES, MOST_CERTIFICATES, PathError, PathInput, Strictness, TrustAnchors,
    TrustAnchorsError, Usage, verify,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose as Purpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};

use authority::{Authority, DAY, NOW, from, leaf_params, until};

/// What becomes of a leaf: nothing, or why it is refused.
fn ask(leaf: &[u8], intermediates: &[&[u8]], trusted: &[&Authority]) -> Result<(), PathError> {
    let input = PathInput::new(leaf, intermediates, NOW, Usage::ClientAuth);
    verify(&input, &anchors(trusted)).map(|_| ())
}

fn anchors(trusted: &[&Authority]) -> TrustAnchors {
    TrustAnchors::from_der(trusted.iter().map(|authority| &*authority.der)).unwrap()
}

fn at_time(leaf: &[u8], trusted: &[&Authority], now: i64) -> Result<(), PathError> {
    let input = PathInput::new(leaf, &[], now, Usage::ClientAuth);
    verify(&input, &anchors(trusted)).map(|_| ())
}

// ---- times ---------------------------------------------------------------------------------------

#[test]
fn a_certificate_is_good_in_its_first_and_in_its_last_second_and_not_beyond() {
    let root = Authority::new("root");
    let leaf = root.issue(|params| {
        from(params, NOW - 10);
        until(params, NOW + 10);
    });
    assert_eq!(at_time(&leaf, &[&root], NOW - 10), Ok(()));
    assert_eq!(at_time(&leaf, &[&root], NOW + 10), Ok(()));
    let expired = at_time(&leaf, &[&root], NOW + 11).unwrap_err();
    assert_eq!(expired, PathError::Expired { now: NOW + 11, not_after: NOW + 10 });
    // S-X509-3.
    assert_eq!(
        expired.to_string(),
        "x509: certificate has expired or is not yet valid: current time 2026-11-26T03:00:11Z is \
         after 2026-11-26T03:00:10Z"
    );
    let early = at_time(&leaf, &[&root], NOW - 11).unwrap_err();
    assert_eq!(early, PathError::NotYetValid { now: NOW - 11, not_before: NOW - 10 });
    assert_eq!(
        early.to_string(),
        "x509: certificate has expired or is not yet valid: current time 2026-11-26T02:59:49Z is \
         before 2026-11-26T02:59:50Z"
    );
    for now in [-1, i64::MIN] {
        let early = at_time(&leaf, &[&root], now).unwrap_err();
        assert_eq!(early, PathError::NotYetValid { now, not_before: NOW - 10 });
    }
}

/// webpki has no dates for what is trusted; Go has.
#[test]
fn an_expired_root_vouches_for_nobody_and_its_successor_with_the_same_key_does() {
    let root = Authority::with("root", |params| {
        from(params, NOW - 2 * DAY);
        until(params, NOW - DAY);
    });
    let leaf = root.issue(|_| {});
    let refused = ask(&leaf, &[], &[&root]).unwrap_err();
    assert_eq!(refused, PathError::Expired { now: NOW, not_after: NOW - DAY });
    assert_eq!(at_time(&leaf, &[&root], NOW - DAY), Ok(()));
    let renewed = root.renewed(|params| until(params, NOW + DAY));
    assert_eq!(ask(&leaf, &[], &[&root, &renewed]), Ok(()));
    assert_eq!(ask(&leaf, &[], &[&renewed, &root]), Ok(()));
    let future = root.renewed(|params| from(params, NOW + 1));
    let refused = ask(&leaf, &[], &[&future]).unwrap_err();
    assert_eq!(refused, PathError::NotYetValid { now: NOW, not_before: NOW + 1 });
}

#[test]
fn an_expired_intermediate_breaks_the_path_and_the_path_is_good_until_its_earliest_end() {
    let root = Authority::with("root", |params| until(params, NOW + 9 * DAY));
    let sub = root.subordinate("sub", |params| until(params, NOW + DAY));
    let leaf = sub.issue(|params| until(params, NOW + 5 * DAY));
    let trusted = anchors(&[&root]);
    let intermediates = [&*sub.der];
    let at = |now| {
        let input = PathInput::new(&leaf, &intermediates, now, Usage::ClientAuth);
        verify(&input, &trusted).map(|path| path.not_after())
    };
    assert_eq!(at(NOW), Ok(NOW + DAY));
    let refused = at(NOW + DAY + 1).unwrap_err();
    assert_eq!(refused, PathError::Expired { now: NOW + DAY + 1, not_after: NOW + DAY });
}

// ---- who vouches -----------------------------------------------------------------------------------

#[test]
fn an_authority_that_is_not_trusted_vouches_for_nobody() {
    let (root, other) = (Authority::new("root"), Authority::new("other"));
    let leaf = root.issue(|_| {});
    assert_eq!(ask(&leaf, &[], &[&other, &root]), Ok(()));
    let refused = ask(&leaf, &[], &[&other]).unwrap_err();
    assert_eq!(refused, PathError::UnknownAuthority);
    assert_eq!(refused.to_string(), "x509: certificate signed by unknown authority");
    // Presenting the root makes nobody trust it.
    assert_eq!(ask(&leaf, &[&root.der], &[&other]), Err(PathError::UnknownAuthority));
}

#[test]
fn an_authority_of_the_same_name_with_another_key_is_an_impostor() {
    let (root, impostor) = (Authority::new("root"), Authority::new("root"));
    let leaf = impostor.issue(|_| {});
    let refused = ask(&leaf, &[], &[&root]).unwrap_err();
    assert_eq!(refused, PathError::WrongSignature);
    assert!(refused.to_string().starts_with("x509: certificate signed by unknown authority"));
    assert_eq!(ask(&leaf, &[&impostor.der], &[&root]), Err(PathError::WrongSignature));
    // During a rotation both are trusted, in whatever order.
    assert_eq!(ask(&leaf, &[], &[&root, &impostor]), Ok(()));
    assert_eq!(ask(&root.issue(|_| {}), &[], &[&impostor, &root]), Ok(()));
}

#[test]
fn intermediates_are_taken_in_any_order_amid_others_that_are_of_no_use() {
    let root = Authority::new("root");
    let one = root.subordinate("one", |_| {});
    let two = one.subordinate("two", |_| {});
    let leaf = two.issue(|_| {});
    let stranger = Authority::new("stranger");
    let presented = [&*stranger.der, b"junk", &two.der, &*one.der, &*one.der];
    let trusted = anchors(&[&root]);
    let input = PathInput::new(&leaf, &presented, NOW, Usage::ClientAuth);
    let path = verify(&input, &trusted).unwrap();
    assert_eq!(path.intermediates(), [&*two.der, &*one.der]);
    assert_eq!(path.anchor().der(), &*root.der);
    assert_eq!(path.certificates().count(), 4);
    assert_eq!(ask(&leaf, &[&two.der], &[&root]), Err(PathError::UnknownAuthority));
    // An intermediate that is itself trusted ends the path.
    assert_eq!(ask(&leaf, &[], &[&two]), Ok(()));
}

#[test]
fn an_intermediate_that_does_not_say_to_be_an_authority_is_none() {
    let root = Authority::new("root");
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let user = root.subordinate("user", |params| params.is_ca = is_ca);
        let refused = ask(&user.issue(|_| {}), &[&user.der], &[&root]).unwrap_err();
        assert_eq!(refused, PathError::NotAnAuthority { subject: "CN=user".to_owned() });
    }
    let sub = root.subordinate("user", |_| {});
    assert_eq!(ask(&sub.issue(|_| {}), &[&sub.der], &[&root]), Ok(()));
}

/// webpki passes over key usages; Go does not.
#[test]
fn an_authority_whose_key_usages_lack_cert_sign_signs_nobody() {
    let root = Authority::new("root");
    for (usages, is_good) in [
        (vec![KeyUsagePurpose::CrlSign], false),
        (vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign], false),
        (vec![KeyUsagePurpose::KeyCertSign], true),
        (vec![], true),
    ] {
        let sub = root.subordinate("sub", |params| params.key_usages = usages.clone());
        let not_an_authority =
            |name: &str| Err(PathError::NotAnAuthority { subject: format!("CN={name}") });
        let asked = ask(&sub.issue(|_| {}), &[&sub.der], &[&root]);
        assert_eq!(asked, if is_good { Ok(()) } else { not_an_authority("sub") });
        let top = Authority::with("top", |params| params.key_usages = usages.clone());
        let asked = ask(&top.issue(|_| {}), &[], &[&top]);
        assert_eq!(asked, if is_good { Ok(()) } else { not_an_authority("top") });
    }
}

#[test]
fn a_trusted_certificate_that_is_no_authority_vouches_for_nobody() {
    let user = Authority::with("user", |params| params.is_ca = IsCa::ExplicitNoCa);
    let refused = ask(&user.issue(|_| {}), &[], &[&user]).unwrap_err();
    assert_eq!(refused, PathError::NotAnAuthority { subject: "CN=user".to_owned() });
}

#[test]
fn a_path_length_is_kept_by_intermediates_and_by_the_root() {
    let limited = |most| {
        move |params: &mut CertificateParams| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
        }
    };
    for (of_root, of_sub, is_good) in [(1, 0, true), (0, 0, false), (2, 1, true)] {
        let root = Authority::with("root", limited(of_root));
        let sub = root.subordinate("sub", limited(of_sub));
        let asked = ask(&sub.issue(|_| {}), &[&sub.der], &[&root]);
        let expected = if is_good { Ok(()) } else { Err(PathError::PathLength) };
        assert_eq!(asked, expected, "{of_root} {of_sub}");
    }
    let root = Authority::new("root");
    for (most, is_good) in [(0, false), (1, true)] {
        let one = root.subordinate("one", limited(most));
        let two = one.subordinate("two", |_| {});
        let asked = ask(&two.issue(|_| {}), &[&one.der, &two.der], &[&root]);
        assert_eq!(asked, if is_good { Ok(()) } else { Err(PathError::PathLength) });
    }
}

#[test]
fn names_outside_of_what_an_authority_may_give_are_refused() {
    let within = |params: &mut CertificateParams| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("team.example".to_owned())],
            excluded_subtrees: vec![GeneralSubtree::DnsName("secret.team.example".to_owned())],
        });
    };
    let root = Authority::new("root");
    let limited_root = Authority::with("limited root", within);
    let sub = root.subordinate("sub", within);
    for (name, is_good) in [
        ("a.team.example", true),
        ("a.secret.team.example", false),
        ("a.other.example", false),
        ("", true),
    ] {
        let named = |params: &mut CertificateParams| {
            if !name.is_empty() {
                params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
            }
        };
        let expected = if is_good { Ok(()) } else { Err(PathError::NameConstraints) };
        assert_eq!(ask(&sub.issue(named), &[&sub.der], &[&root]), expected, "{name}");
        assert_eq!(ask(&limited_root.issue(named), &[], &[&limited_root]), expected, "{name}");
    }
}

// ---- purposes --------------------------------------------------------------------------------------

fn asked_both(leaf: &[u8], above: &[&[u8]], root: &Authority, usage: Usage) -> [bool; 2] {
    let trusted = anchors(&[root]);
    [Strictness::Strict, Strictness::AsKubernetes].map(|strictness| {
        let input = PathInput { strictness, ..PathInput::new(leaf, above, NOW, usage) };
        match verify(&input, &trusted) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error, PathError::IncompatibleUsage);
                assert!(!error.is_stricter_than_kubernetes());
                false
            }
        }
    })
}

/// S-X509-2.
#[test]
fn a_certificate_for_another_purpose_is_refused_and_one_for_any_only_by_us() {
    let root = Authority::new("root");
    for (purposes, expected) in [
        (vec![], [true, true]),
        (vec![Purpose::ClientAuth], [true, true]),
        (vec![Purpose::ServerAuth, Purpose::ClientAuth], [true, true]),
        (vec![Purpose::ServerAuth], [false, false]),
        (vec![Purpose::Other(vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 2])], [false, false]),
        (vec![Purpose::Any], [false, true]),
        (vec![Purpose::ServerAuth, Purpose::Any], [false, true]),
    ] {
        let limited = |params: &mut CertificateParams| {
            params.extended_key_usages = purposes.clone();
        };
        let leaf = root.issue(limited);
        assert_eq!(asked_both(&leaf, &[], &root, Usage::ClientAuth), expected, "{purposes:?}");
        assert_eq!(asked_both(&leaf, &[], &root, Usage::Any), [true, true], "{purposes:?}");
        // What an authority says of itself limits what it signs.
        let sub = root.subordinate("sub", limited);
        let leaf = sub.issue(|_| {});
        let above = [&*sub.der];
        assert_eq!(asked_both(&leaf, &above, &root, Usage::ClientAuth), expected, "{purposes:?}");
        let top = Authority::with("top", limited);
        let leaf = top.issue(|_| {});
        assert_eq!(asked_both(&leaf, &[], &top, Usage::ClientAuth), expected, "{purposes:?}");
    }
    let error = PathError::IncompatibleUsage.to_string();
    assert_eq!(error, "x509: certificate specifies an incompatible key usage");
}

#[test]
fn each_purpose_is_told_from_the_others() {
    let root = Authority::new("root");
    let usages = [Usage::ClientAuth, Usage::CodeSigning, Usage::ServerAuth];
    let purposes = [Purpose::ClientAuth, Purpose::CodeSigning, Purpose::ServerAuth];
    for (index, purpose) in purposes.into_iter().enumerate() {
        let leaf = root.issue(|params| params.extended_key_usages = vec![purpose.clone()]);
        for (other, usage) in usages.into_iter().enumerate() {
            assert_eq!(asked_both(&leaf, &[], &root, usage), [index == other; 2]);
        }
    }
}

/// Go looks at dates first, then for an authority, and at purposes last.
#[test]
fn of_several_faults_the_one_that_go_names_is_named() {
    let (root, other) = (Authority::new("root"), Authority::new("other"));
    let leaf = root.issue(|params| {
        until(params, NOW + 1);
        params.extended_key_usages = vec![Purpose::ServerAuth];
    });
    let expired = PathError::Expired { now: NOW + 2, not_after: NOW + 1 };
    assert_eq!(at_time(&leaf, &[&other], NOW + 2), Err(expired));
    assert_eq!(at_time(&leaf, &[&other], NOW), Err(PathError::UnknownAuthority));
    assert_eq!(at_time(&leaf, &[&root], NOW), Err(PathError::IncompatibleUsage));
}

// ---- shape -----------------------------------------------------------------------------------------

#[test]
fn a_critical_extension_that_nobody_knows_is_refused_in_the_leaf_and_above_it() {
    let odd = |is_critical| {
        move |params: &mut CertificateParams| {
            let mut odd = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            odd.set_criticality(is_critical);
            params.custom_extensions = vec![odd];
        }
    };
    for is_critical in [true, false] {
        let unhandled = Err(PathError::UnhandledCriticalExtension);
        let expected = if is_critical { unhandled } else { Ok(()) };
        let root = Authority::new("root");
        assert_eq!(ask(&root.issue(odd(is_critical)), &[], &[&root]), expected);
        let top = Authority::with("top", odd(is_critical));
        assert_eq!(ask(&top.issue(|_| {}), &[], &[&top]), expected);
        let sub = root.subordinate("sub", odd(is_critical));
        assert_eq!(ask(&sub.issue(|_| {}), &[&sub.der], &[&root]), expected);
    }
    let error = PathError::UnhandledCriticalExtension.to_string();
    assert_eq!(error, "x509: unhandled critical extension");
}

#[test]
fn critical_policies_are_refused_as_what_an_api_server_reads_and_others_are_passed_over() {
    let policies = |is_critical| {
        move |params: &mut CertificateParams| {
            // anyPolicy.
            let any = vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];
            let mut policies = CustomExtension::from_oid_content(&[2, 5, 29, 32], any);
            policies.set_criticality(is_critical);
            params.custom_extensions = vec![policies];
        }
    };
    for is_critical in [true, false] {
        let refused = Err(PathError::CriticalPolicies);
        let expected = if is_critical { refused } else { Ok(()) };
        let root = Authority::new("root");
        assert_eq!(ask(&root.issue(policies(is_critical)), &[], &[&root]), expected);
        let sub = root.subordinate("sub", policies(is_critical));
        assert_eq!(ask(&sub.issue(|_| {}), &[&sub.der], &[&root]), expected);
        // Of those of the trusted one nothing follows.
        let top = Authority::with("top", policies(is_critical));
        assert_eq!(ask(&top.issue(|_| {}), &[], &[&top]), Ok(()));
    }
    assert!(PathError::CriticalPolicies.is_stricter_than_kubernetes());
    assert!(!PathError::UnhandledCriticalExtension.is_stricter_than_kubernetes());
}

#[test]
fn a_certificate_that_is_cut_off_or_goes_on_is_malformed() {
    let root = Authority::new("root");
    let mut leaf = root.issue(|_| {});
    for end in 0..leaf.len() {
        let asked = ask(&leaf[..end], &[], &[&root]);
        assert!(matches!(asked, Err(PathError::Malformed(_))), "{end}: {asked:?}");
    }
    assert_eq!(ask(&leaf, &[], &[&root]), Ok(()));
    leaf.push(0);
    assert!(matches!(ask(&leaf, &[], &[&root]), Err(PathError::Malformed(_))));
}

#[test]
fn a_certificate_with_one_byte_changed_is_never_good() {
    let root = Authority::new("root");
    let leaf = root.issue(|params| params.extended_key_usages = vec![Purpose::ClientAuth]);
    let trusted = anchors(&[&root]);
    for at in 0..leaf.len() {
        let mut changed = leaf.clone();
        changed[at] ^= 1;
        let input = PathInput::new(&changed, &[], NOW, Usage::ClientAuth);
        assert!(verify(&input, &trusted).is_err(), "{at}");
    }
}

/// The API server takes the certificate of an authority for a user; we say that we do not.
#[test]
fn an_authority_is_nobody_s_identity() {
    let root = Authority::new("root");
    let sub = root.subordinate("sub", |_| {});
    let refused = ask(&sub.der, &[], &[&root]).unwrap_err();
    assert_eq!(refused, PathError::AuthorityAsLeaf);
    assert!(refused.is_stricter_than_kubernetes());
    let user = root.issue(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(ask(&user, &[], &[&root]), Ok(()));
}

/// Go trusts what is in the bundle, even as a leaf.
#[test]
fn a_certificate_of_the_bundle_is_no_leaf_to_us_and_one_to_an_api_server() {
    let alone = Authority::with("alone", |params| params.is_ca = IsCa::ExplicitNoCa);
    let trusted = anchors(&[&alone]);
    let input = PathInput::new(&alone.der, &[], NOW, Usage::ClientAuth);
    assert!(verify(&input, &trusted).is_err());
    let input = PathInput { strictness: Strictness::AsKubernetes, ..input };
    let path = verify(&input, &trusted).unwrap();
    assert_eq!(path.certificates().count(), 1);
    let refused = verify(&PathInput { now: i64::MAX, ..input }, &trusted);
    assert!(matches!(refused, Err(PathError::Expired { .. })), "{refused:?}");
}

// ---- work ------------------------------------------------------------------------------------------

/// Longer than anything here takes: these are checks that it ends at all.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_chain_of_seven_authorities_is_good_and_longer_ones_are_refused() {
    let root = Authority::new("root");
    let mut chain = vec![root.subordinate("sub 1", |_| {})];
    for number in 2..=20 {
        chain.push(chain.last().unwrap().subordinate(&format!("sub {number}"), |_| {}));
    }
    let asked = |length: usize| {
        let leaf = chain[length - 1].issue(|_| {});
        let presented: Vec<&[u8]> = chain[..length].iter().map(|sub| &*sub.der).collect();
        ask(&leaf, &presented, &[&root])
    };
    assert_eq!(asked(6), Ok(()));
    assert_eq!(asked(7), Err(PathError::TooComplex));
    assert_eq!(asked(15), Err(PathError::TooComplex));
    let too_many = PathError::TooMany { presented: 17, most: MOST_CERTIFICATES };
    assert_eq!(asked(16), Err(too_many));
    assert!(matches!(asked(20), Err(PathError::TooMany { .. })));
}

#[test]
fn too_many_bytes_are_not_even_read() {
    let root = Authority::new("root");
    let leaf = root.issue(|_| {});
    let rest = vec![0; MOST_BYTES - leaf.len()];
    assert_eq!(ask(&leaf, &[&rest], &[&root]), Ok(()));
    let presented = MOST_BYTES + 1;
    let too_large = PathError::TooLarge { presented, most: MOST_BYTES };
    assert_eq!(ask(&leaf, &[&rest, &[0]], &[&root]), Err(too_large));
}

#[test]
fn authorities_that_signed_each_other_in_a_loop_end_the_search() {
    let (a, b) = (Authority::new("a"), Authority::new("b"));
    let (a_by_b, b_by_a) = (b.certify(&a), a.certify(&b));
    let leaf = a.issue(|_| {});
    let stranger = Authority::new("stranger");
    let started = Instant::now();
    let loop_ = [&*a_by_b, &*b_by_a];
    assert_eq!(ask(&leaf, &loop_, &[&stranger]), Err(PathError::UnknownAuthority));
    // With a way out of the loop it is found.
    let a_by_stranger = stranger.certify(&a);
    assert_eq!(ask(&leaf, &[&a_by_b, &b_by_a, &a_by_stranger], &[&stranger]), Ok(()));
    let b_by_stranger = stranger.certify(&b);
    assert_eq!(ask(&leaf, &[&b_by_a, &a_by_b, &b_by_stranger], &[&stranger]), Ok(()));
    assert!(started.elapsed() < PATIENCE);
}

/// Every one of them could have signed every other: without care there are more orders to try than
/// anybody has time for.
#[test]
fn a_dozen_authorities_of_one_name_end_the_search() {
    let root = Authority::new("root");
    let crowd: Vec<Authority> = (0..MOST_CERTIFICATES - 1).map(|_| Authority::new("x")).collect();
    let presented: Vec<&[u8]> = crowd.iter().map(|one| &*one.der).collect();
    let leaf = crowd[0].issue(|_| {});
    let started = Instant::now();
    assert_eq!(ask(&leaf, &presented, &[&root]), Err(PathError::UnknownAuthority));
    // The same among those that a trusted one signed, each by each.
    let certified: Vec<Vec<u8>> = crowd[1..]
        .iter()
        .map(|one| crowd[0].certify(one))
        .chain([root.certify(&crowd[0])])
        .collect();
    let presented: Vec<&[u8]> = certified.iter().map(|der| &**der).collect();
    assert_eq!(ask(&leaf, &presented, &[&root]), Ok(()));
    let stranger = Authority::new("x").issue(|_| {});
    assert!(ask(&stranger, &presented, &[&root]).is_err());
    assert!(started.elapsed() < PATIENCE);
}

// ---- bundles ---------------------------------------------------------------------------------------

#[test]
fn a_bundle_without_a_certificate_or_with_a_broken_one_is_refused() {
    let root = Authority::new("root");
    let pem = root.pem();
    let twice = format!("# ours\n{pem}\n{pem}");
    let read = TrustAnchors::from_pem(twice.as_bytes()).unwrap();
    assert_eq!(read.certificates().len(), 1);
    assert_eq!(read.certificates()[0].subject(), "CN=root");
    for text in ["", "no pem", &KeyPair::generate().unwrap().serialize_pem()] {
        let refused = TrustAnchors::from_pem(text.as_bytes());
        assert!(matches!(refused, Err(TrustAnchorsError::Pem(_))), "{text}: {refused:?}");
    }
    let broken = pem.replace("MII", "AAA");
    assert!(TrustAnchors::from_pem(format!("{pem}{broken}").as_bytes()).is_err());
    let cut = pem.get(..pem.len() / 2).unwrap();
    assert!(TrustAnchors::from_pem(format!("{pem}{cut}").as_bytes()).is_err());
}

#[test]
fn bundles_overlap_when_they_share_a_certificate_and_not_a_name() {
    let (root, same_name, other) =
        (Authority::new("root"), Authority::new("root"), Authority::new("other"));
    let one = anchors(&[&root, &other]);
    assert!(one.overlaps(&anchors(&[&other])));
    assert!(!one.overlaps(&anchors(&[&same_name])));
}

#[test]
fn a_leaf_without_any_extension_is_good() {
    let root = Authority::new("root");
    let plain = leaf_params("jane");
    assert_eq!(ask(&root.sign(&plain, &KeyPair::generate().unwrap()), &[], &[&root]), Ok(()));
}
