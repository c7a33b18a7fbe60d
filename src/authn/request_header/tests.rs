use super::config::{RequestHeaderConfig, RequestHeaderConfigError};
use super::headers::{self, NotText};
use crate::model::User;

fn config() -> RequestHeaderConfig {
    RequestHeaderConfig::new(["front-proxy"])
}

type Lines<'a> = &'a [(&'a str, &'a str)];

fn read(config: &RequestHeaderConfig, lines: Lines<'_>) -> Result<Option<User>, NotText> {
    let lines: Vec<(&str, &[u8])> =
        lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    headers::user(config, &lines)
}

fn user(lines: Lines<'_>) -> User {
    read(&config(), lines).unwrap().expect("a user")
}

fn extra(header: &str) -> String {
    let user = user(&[("X-Remote-User", "jane"), (header, "v")]);
    user.extra.into_keys().next().expect("a key")
}

// ---- whom the headers name -----------------------------------------------------------------------

#[test]
fn a_user_a_uid_groups_and_extra_values_are_read_in_any_case_of_the_names() {
    let found = user(&[
        ("x-remote-user", "jane"),
        ("X-REMOTE-UID", "7"),
        ("X-Remote-Group", "dev"),
        ("x-remote-group", "ops"),
        ("X-Remote-Extra-Scopes", "a"),
        ("x-remote-extra-scopes", "b"),
    ]);
    assert_eq!((found.name.as_str(), found.uid.as_str()), ("jane", "7"));
    assert_eq!(found.groups, ["dev", "ops"]);
    assert_eq!(found.extra["scopes"], ["a", "b"]);
}

#[test]
fn without_a_user_name_there_is_no_opinion_whatever_else_is_said() {
    let rest = [("X-Remote-Group", "dev"), ("X-Remote-Uid", "7"), ("X-Remote-Extra-a", "b")];
    assert_eq!(read(&config(), &rest).unwrap(), None);
    assert_eq!(read(&config(), &[("X-Remote-User", "")]).unwrap(), None);
    assert_eq!(read(&config(), &[("X-Remote-Users", "jane")]).unwrap(), None);
}

#[test]
fn the_first_header_with_a_value_counts_and_of_each_only_its_first_line() {
    let mut config = config();
    config.username_headers = vec!["X-A".to_owned(), "X-B".to_owned()];
    config.uid_headers = config.username_headers.clone();
    let name = |lines: Lines<'_>| {
        let found = read(&config, lines).unwrap()?;
        assert_eq!(found.name, found.uid);
        Some(found.name)
    };
    // In the order of the configuration, not of the request.
    assert_eq!(name(&[("X-B", "b"), ("X-A", "a")]).as_deref(), Some("a"));
    assert_eq!(name(&[("X-B", "b"), ("X-A", "")]).as_deref(), Some("b"));
    // An empty first line hides the second.
    assert_eq!(name(&[("X-A", ""), ("X-A", "a"), ("X-B", "b")]).as_deref(), Some("b"));
    assert_eq!(name(&[("X-A", ""), ("X-A", "a")]), None);
    assert_eq!(name(&[("X-A", "a"), ("X-A", "other")]).as_deref(), Some("a"));
}

#[test]
fn a_line_is_a_group_commas_are_not_split_and_empty_lines_are_none() {
    let lines = [
        ("X-Remote-User", "jane"),
        ("X-Remote-Group", "a,b"),
        ("X-Remote-Group", ""),
        ("X-Remote-Group", "a,b"),
        ("X-Remote-Group", "system:masters"),
    ];
    assert_eq!(user(&lines).groups, ["a,b", "a,b", "system:masters"]);
    let mut config = config();
    config.group_headers = vec!["X-G".to_owned(), "X-Remote-Group".to_owned()];
    let lines = [("X-Remote-User", "jane"), ("X-Remote-Group", "first"), ("X-G", "second")];
    let found = read(&config, &lines).unwrap().unwrap();
    assert_eq!(found.groups, ["second", "first"]);
}

#[test]
fn keys_of_extra_values_are_lowered_then_decoded_and_left_raw_when_malformed() {
    for (header, key) in [
        ("X-Remote-Extra-Scopes", "scopes"),
        ("x-remote-extra-", ""),
        ("X-Remote-Extra-Acme.io%2Fproject", "acme.io/project"),
        ("X-Remote-Extra-a+b", "a+b"),
        // Lowered before it is decoded, so that a decoded letter keeps its case.
        ("X-Remote-Extra-%41", "A"),
        ("X-Remote-Extra-%C3%A9", "é"),
        ("X-Remote-Extra-%2F%zz", "%2f%zz"),
        ("X-Remote-Extra-a%2", "a%2"),
        ("X-Remote-Extra-%", "%"),
        ("X-Remote-Extra-%%41", "%%41"),
        ("X-Remote-Extra-%+1", "%+1"),
    ] {
        assert_eq!(extra(header), key, "{header}");
    }
    let lines = [("X-Remote-User", "jane"), ("X-Remote-Extra", "v"), ("X-Remote-Extr-a", "v")];
    assert_eq!(user(&lines).extra.len(), 0);
}

#[test]
fn values_of_a_key_are_kept_in_order_also_empty_ones() {
    let lines = [
        ("X-Remote-User", "jane"),
        ("X-Remote-Extra-a%2fb", "1"),
        ("X-Remote-Extra-a%2Fb", ""),
        ("X-Remote-Extra-A%2FB", "1"),
    ];
    assert_eq!(user(&lines).extra["a/b"], ["1", "", "1"]);
}

#[test]
fn what_is_no_text_is_an_error_and_never_a_similar_name() {
    let read = |name: &str, value: &[u8]| {
        let lines = [(name, value), ("X-Remote-User", b"jane".as_slice())];
        headers::user(&config(), &lines)
    };
    for header in ["X-Remote-User", "X-Remote-Uid", "X-Remote-Group", "X-Remote-Extra-a"] {
        let refused = read(header, b"jan\xff").unwrap_err();
        assert_eq!(refused, NotText { header: header.to_owned() });
        assert!(read(header, "jané".as_bytes()).unwrap().is_some(), "{header}");
    }
    assert!(read("X-Remote-Extra-%ff", b"a").is_err());
    // What nobody reads may be anything.
    assert!(read("X-Other", b"\xff").unwrap().is_some());
}

#[test]
fn the_headers_of_the_configuration_are_to_be_removed_and_no_others() {
    let mut config = config();
    config.uid_headers = vec!["X-Id".to_owned()];
    for name in ["x-remote-user", "X-REMOTE-GROUP", "x-id", "X-Remote-Extra-", "x-remote-extra-a"] {
        assert!(headers::reads(&config, name), "{name}");
    }
    for name in ["x-remote-uid", "x-remote-extra", "x-ids", "", "authorization"] {
        assert!(!headers::reads(&config, name), "{name}");
    }
}

// ---- configurations ------------------------------------------------------------------------------

#[test]
fn names_are_trimmed_and_empty_ones_refused() {
    let mut config = config();
    config.username_headers = vec![" X-User\t".to_owned()];
    assert_eq!(config.clone().checked().unwrap().username_headers, ["X-User"]);
    config.username_headers.clear();
    assert_eq!(config.checked().unwrap_err(), RequestHeaderConfigError::NoUserNameHeader);

    let blank = || vec!["X-A".to_owned(), " ".to_owned()];
    type Change = fn(&mut RequestHeaderConfig, Vec<String>);
    let lists: [(&str, Change); 5] = [
        ("requestheader-username-headers", |config, names| config.username_headers = names),
        ("requestheader-uid-headers", |config, names| config.uid_headers = names),
        ("requestheader-group-headers", |config, names| config.group_headers = names),
        ("requestheader-extra-headers-prefix", |config, names| config.extra_prefixes = names),
        ("requestheader-allowed-names", |config, names| config.allowed_names = names),
    ];
    for (list, change) in lists {
        let mut config = self::config();
        change(&mut config, blank());
        let refused = config.checked().unwrap_err();
        assert_eq!(refused, RequestHeaderConfigError::Empty { list });
    }
}

#[test]
fn what_no_header_is_called_is_refused() {
    for name in ["X Remote", "X-Remote-User:", "X-Üser"] {
        let mut config = config();
        config.username_headers = vec![name.to_owned()];
        let refused = config.checked().unwrap_err();
        let list = "requestheader-username-headers";
        let expected = RequestHeaderConfigError::NoHeaderName { list, name: name.to_owned() };
        assert_eq!(refused, expected);
    }
}

// ---- who may speak for others --------------------------------------------------------------------

mod proxies {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, KeyUsagePurpose, date_time_ymd,
    };

    use super::super::*;
    use crate::authn::ClientCertificates;
    use crate::crypto::certificate::fingerprint;
    use crate::model::{Revocation, RevocationEntry};

    /// 2026-11-26.
    const NOW: i64 = 1_795_651_200;

    const JANE: &[(&str, &[u8])] = &[("X-Remote-User", b"jane")];

    struct Authority {
        pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        fn new(name: &str) -> Self {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            let pem = params.self_signed(&key).unwrap().pem();
            Self { pem, issuer: Issuer::new(params, key) }
        }

        fn anchors(&self) -> TrustAnchors {
            TrustAnchors::from_pem(self.pem.as_bytes()).unwrap()
        }

        /// Good in 2026 and 2027, for clients, unless `change` says otherwise.
        fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            if !name.is_empty() {
                params.distinguished_name.push(DnType::CommonName, name);
            }
            params.not_before = date_time_ymd(2026, 1, 1);
            params.not_after = date_time_ymd(2028, 1, 1);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            change(&mut params);
            params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().to_vec()
        }
    }

    fn ask(
        proxies: &RequestHeaderAuthenticator,
        leaf: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<Option<String>, String> {
        let certificates = ClientCertificates { leaf, intermediates: &[], now: NOW };
        let found = proxies.authenticate(&CertifiedRequest { certificates, headers });
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.map(|found| {
            assert_eq!(found.audiences, Vec::<String>::new());
            // The second after the proxy's certificate is over: 2028-01-01.
            assert_eq!(found.expires, Some(1_830_297_601));
            found.user.name
        }))
    }

    fn accepting(authority: &Authority, names: &[&str]) -> RequestHeaderAuthenticator {
        let config = RequestHeaderConfig::new(names.iter().copied());
        RequestHeaderAuthenticator::new(authority.anchors(), config).unwrap()
    }

    #[test]
    fn a_proxy_of_the_authority_with_an_allowed_name_is_believed_and_others_are_errors() {
        let authority = Authority::new("proxies");
        let proxies = accepting(&authority, &["front", "spare"]);
        for name in ["front", "spare"] {
            let leaf = authority.issue(name, |_| {});
            assert_eq!(ask(&proxies, &leaf, JANE).unwrap().as_deref(), Some("jane"), "{name}");
            // Who names nobody is no error.
            assert_eq!(ask(&proxies, &leaf, &[]).unwrap(), None);
        }
        for name in ["Front", "front ", "jane", ""] {
            let leaf = authority.issue(name, |_| {});
            let text = format!("x509: subject with cn={name} is not in the allowed list");
            assert_eq!(ask(&proxies, &leaf, JANE).unwrap_err(), text);
            // Even if no header is there (S-RH-2).
            assert_eq!(ask(&proxies, &leaf, &[]).unwrap_err(), text);
        }
    }

    #[test]
    fn without_allowed_names_every_name_of_the_authority_is_a_proxy() {
        let authority = Authority::new("proxies");
        let proxies = accepting(&authority, &[]);
        for name in ["anybody", ""] {
            let leaf = authority.issue(name, |_| {});
            assert_eq!(ask(&proxies, &leaf, JANE).unwrap().as_deref(), Some("jane"), "{name}");
        }
    }

    #[test]
    fn a_certificate_that_does_not_verify_is_an_error_whatever_the_headers_say() {
        let (authority, other) = (Authority::new("proxies"), Authority::new("users"));
        let proxies = accepting(&authority, &["front"]);
        let refused = |leaf: &[u8]| ask(&proxies, leaf, JANE).unwrap_err();
        let unknown = "x509: certificate signed by unknown authority";
        assert_eq!(refused(&other.issue("front", |_| {})), unknown);
        let expired = authority.issue("front", |params| {
            params.not_after = date_time_ymd(2026, 11, 25);
        });
        assert!(refused(&expired).starts_with("x509: certificate has expired"));
        let server = authority.issue("front", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        assert_eq!(refused(&server), "x509: certificate specifies an incompatible key usage");
        let any = authority.issue("front", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        });
        assert!(ask(&proxies, &any, JANE).is_err());
        let kubernetes = proxies.clone().with_strictness(Strictness::AsKubernetes);
        assert_eq!(ask(&kubernetes, &any, JANE).unwrap().as_deref(), Some("jane"));
        for broken in [&b""[..], b"no certificate"] {
            assert!(ask(&proxies, broken, JANE).is_err());
        }
    }

    #[test]
    fn one_authority_for_users_and_proxies_needs_allowed_names_and_two_do_not() {
        let (users, proxies) = (Authority::new("users"), Authority::new("proxies"));
        let both = TrustAnchors::from_pem(format!("{}{}", proxies.pem, users.pem).as_bytes());
        let both = both.unwrap();
        let beside = |proxies: &TrustAnchors, names: &[&str]| {
            let config = RequestHeaderConfig::new(names.iter().copied());
            RequestHeaderAuthenticator::beside(&users.anchors(), proxies.clone(), config)
        };
        assert!(beside(&proxies.anchors(), &[]).is_ok());
        let refused = beside(&users.anchors(), &[]).unwrap_err();
        assert_eq!(refused, RequestHeaderConfigError::Overlap);
        assert_eq!(beside(&both, &[]).unwrap_err(), RequestHeaderConfigError::Overlap);
        assert!(beside(&both, &["front"]).is_ok());
        assert!(refused.to_string().starts_with("--requestheader-client-ca-file and --client-ca"));
    }

    #[test]
    fn an_authority_that_is_replaced_is_believed_no_more() {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let shared = SharedTrustAnchors::from(old.anchors());
        let config = RequestHeaderConfig::new(["front"]);
        let proxies = RequestHeaderAuthenticator::new(shared.clone(), config).unwrap();
        let leaf = old.issue("front", |_| {});
        assert!(ask(&proxies, &leaf, JANE).is_ok());
        shared.publish(new.anchors());
        assert!(ask(&proxies, &leaf, JANE).is_err());
        assert!(ask(&proxies, &new.issue("front", |_| {}), JANE).is_ok());
    }

    #[test]
    fn a_revoked_proxy_speaks_for_nobody_and_its_neighbour_goes_on() {
        let authority = Authority::new("proxies");
        let (bad, good) = (authority.issue("front", |_| {}), authority.issue("front", |_| {}));
        let config = RequestHeaderConfig::new(["front"]);
        let proxies = RequestHeaderAuthenticator::new(authority.anchors(), config).unwrap();
        let list = SharedRevocations::default();
        let checked = proxies.clone().with_revocations(list.clone());
        assert!(ask(&checked, &bad, JANE).is_ok());
        let what = Revocation::Certificate { fingerprint: fingerprint(&bad) };
        let entry = RevocationEntry { what, at: 0, reason: "lost".into(), by: String::new() };
        list.publish([entry].into_iter().collect());
        let refused = ask(&checked, &bad, JANE).unwrap_err();
        assert!(refused.to_string().ends_with("was revoked at 1970-01-01T00:00:00Z: lost"));
        assert!(ask(&checked, &good, JANE).is_ok());
        // To an API server nothing is revoked.
        let kubernetes = checked.with_strictness(Strictness::AsKubernetes);
        assert!(ask(&kubernetes, &bad, JANE).is_ok());
    }
}
