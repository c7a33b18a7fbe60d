use std::net::IpAddr;

use super::*;
use crate::crypto::certificate::KeyKind;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn named(texts: &[&str]) -> Vec<Grant> {
    patterns(texts).into_iter().map(Grant::Named).collect()
}

fn rule() -> Rule {
    Rule {
        name: "dev".to_owned(),
        requesters: patterns(&["lead", "system:serviceaccount:ci:bot"]),
        requester_groups: patterns(&["dev"]),
        user_names: [vec![Grant::Own], named(&["team-*"])].concat(),
        groups: [vec![Grant::Own], named(&["view-*"])].concat(),
        max_lifetime: Some(86_400),
        max_lifetime_by_group: [("ops".to_owned(), 3_600), ("dev".to_owned(), 172_800)].into(),
        ..Rule::default()
    }
}

/// Everything that can be asked, with an answer of yes.
struct Case {
    requester: User,
    name: &'static str,
    uid: Option<&'static str>,
    groups: Vec<String>,
    key: Option<KeyDescription>,
    dns: Vec<String>,
    ip: Vec<IpAddr>,
    email: Vec<String>,
    uris: Vec<String>,
    signer: Signer,
}

fn key(kind: KeyKind, bits: u32) -> Option<KeyDescription> {
    Some(KeyDescription { algorithm: kind, bits, curve: None })
}

fn good() -> Case {
    Case {
        requester: User::new("jane").with_groups(["dev", "ops", "system:authenticated"]),
        name: "jane",
        uid: None,
        groups: vec!["dev".to_owned()],
        key: key(KeyKind::Rsa, 2048),
        dns: Vec::new(),
        ip: Vec::new(),
        email: Vec::new(),
        uris: Vec::new(),
        signer: Signer::KubeApiserverClient,
    }
}

fn decide(
    rules: &[Rule],
    change: impl FnOnce(&mut Case),
) -> Result<(String, Option<i64>), PolicyRefusal> {
    let mut case = good();
    change(&mut case);
    let policy = SigningPolicy { rules: rules.to_vec() };
    let requested = Requested {
        common_name: case.name,
        earlier_common_names: &[],
        organizations: &case.groups,
        uid: case.uid,
        dns_names: &case.dns,
        ip_addresses: &case.ip,
        email_addresses: &case.email,
        uris: &case.uris,
        key: case.key,
    };
    let asked = Asked { requester: &case.requester, requested, signer: &case.signer };
    policy.decide(&asked).map(|allowed| (allowed.rule.to_owned(), allowed.max_lifetime))
}

fn allowed(change: impl FnOnce(&mut Case)) -> bool {
    decide(&[rule()], change).is_ok()
}

fn misfit(change: impl FnOnce(&mut Case)) -> Misfit {
    match decide(&[rule()], change) {
        Err(PolicyRefusal::NoRule { rule, misfit }) => {
            assert_eq!(rule, "dev");
            misfit
        }
        other => panic!("{other:?}"),
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_rule_is_for_its_signers_and_no_other() {
    assert!(allowed(|_| ()));
    let other = misfit(|case| case.signer = Signer::KubeletServing);
    assert_eq!(other, Misfit::Signer("kubernetes.io/kubelet-serving".to_owned()));
}

#[test]
fn a_rule_is_for_its_requesters_by_name_or_by_group() {
    assert!(allowed(|case| case.requester = User::new("jane").with_groups(["dev"])));
    let stranger = misfit(|case| case.requester = User::new("jane").with_groups(["development"]));
    assert_eq!(stranger, Misfit::Requester("jane".to_owned()));
    let lead = |case: &mut Case| {
        (case.requester, case.name, case.groups) = (User::new("lead"), "lead", Vec::new());
    };
    assert!(allowed(lead));
    assert!(!allowed(|case| {
        lead(case);
        case.requester.name = "leader".to_owned();
    }));
}

#[test]
fn a_name_is_ones_own_or_one_that_is_meant() {
    assert!(allowed(|case| case.name = "team-x"));
    for name in ["joe", "Jane", "my-team-x", ""] {
        assert_eq!(misfit(|case| case.name = name), Misfit::UserName(name.to_owned()));
    }
    // Nobody without a name has that name.
    let nobody = misfit(|case| (case.requester.name, case.name) = (String::new(), ""));
    assert_eq!(nobody, Misfit::UserName(String::new()));
}

#[test]
fn a_name_of_kubernetes_is_ones_own_only_where_the_rule_says_that_name() {
    let own = |name: &'static str| {
        move |case: &mut Case| {
            (case.requester.name, case.name) = (name.to_owned(), name);
        }
    };
    assert!(allowed(own("system:serviceaccount:ci:bot")));
    assert_eq!(
        misfit(own("system:serviceaccount:ci:other")),
        Misfit::UserName("system:serviceaccount:ci:other".to_owned())
    );
    let mut all = rule();
    all.requesters = patterns(&["*"]);
    all.user_names = named(&["*"]);
    assert!(decide(&[all.clone()], |case| case.name = "anybody").is_ok());
    assert!(decide(&[all], |case| case.name = "system:admin").is_err());
}

#[test]
fn every_group_is_ones_own_or_one_that_is_meant() {
    assert!(allowed(|case| case.groups = Vec::new()));
    assert!(allowed(|case| case.groups = strings(&["dev", "ops", "view-a", "dev"])));
    let other = misfit(|case| case.groups = strings(&["dev", "admins", "ops"]));
    assert_eq!(other, Misfit::Group("admins".to_owned()));
    assert_eq!(misfit(|case| case.groups = strings(&[""])), Misfit::Group(String::new()));
    // One has it, but it is not given by the way.
    let system = misfit(|case| case.groups = strings(&["system:authenticated"]));
    assert_eq!(system, Misfit::Group("system:authenticated".to_owned()));
    let mut nodes = rule();
    nodes.groups = named(&["system:nodes"]);
    assert!(decide(&[nodes.clone()], |case| case.groups = strings(&["system:nodes"])).is_ok());
    assert!(decide(&[nodes], |case| case.groups = strings(&["system:node"])).is_err());
}

#[test]
fn system_masters_is_given_by_no_rule_and_said_first() {
    let mut any = rule();
    any.groups = named(&["system:masters", "*"]);
    let masters = |case: &mut Case| case.groups = strings(&["dev", "system:masters"]);
    assert_eq!(decide(&[any.clone()], masters), Err(PolicyRefusal::Masters));
    assert_eq!(decide(&[], masters), Err(PolicyRefusal::Masters));
    assert!(decide(&[any], |case| case.groups = strings(&["dev", "masters"])).is_ok());
}

#[test]
fn a_required_group_is_asked_for_or_nothing_is_given() {
    let mut strict = rule();
    strict.required_groups = strings(&["dev"]);
    assert!(decide(&[strict.clone()], |_| ()).is_ok());
    let refusal = decide(&[strict], |case| case.groups = strings(&["ops"])).unwrap_err();
    let misfit = Misfit::MissingGroup("dev".to_owned());
    assert_eq!(refusal, PolicyRefusal::NoRule { rule: "dev".to_owned(), misfit });
}

#[test]
fn keys_are_of_a_kind_and_long_enough() {
    for (kind, bits) in [(KeyKind::Rsa, 4096), (KeyKind::Ecdsa, 256), (KeyKind::Ed25519, 256)] {
        assert!(allowed(|case| case.key = key(kind, bits)));
    }
    for (kind, bits) in [
        (KeyKind::Rsa, 2047),
        (KeyKind::Ecdsa, 224),
        (KeyKind::Ecdsa, 0),
        (KeyKind::Other("1.2".to_owned()), 9_999),
    ] {
        assert!(matches!(misfit(|case| case.key = key(kind, bits)), Misfit::Key(_)));
    }
    assert_eq!(misfit(|case| case.key = None), Misfit::Key("unknown".to_owned()));
    let mut strict = rule();
    strict.keys = vec![KeyRule { kind: KeyKind::Rsa, min_bits: 3072 }];
    assert!(decide(&[strict.clone()], |case| case.key = key(KeyKind::Rsa, 3072)).is_ok());
    assert!(decide(&[strict.clone()], |case| case.key = key(KeyKind::Rsa, 2048)).is_err());
    assert!(decide(&[strict], |case| case.key = key(KeyKind::Ecdsa, 384)).is_err());
}

#[test]
fn alternative_names_are_given_only_where_the_rule_says_so() {
    let mut open = rule();
    open.alternative_names = AlternativeNames {
        dns_names: patterns(&["*.example.com"]),
        ip_addresses: vec!["10.0.0.0/8".parse().unwrap()],
        email_addresses: patterns(&["*@example.com"]),
        uris: patterns(&["spiffe://example/*"]),
    };
    let ip = |text: &str| vec![text.parse().unwrap()];
    type Change = Box<dyn Fn(&mut Case)>;
    let twins: [(Change, Change); 4] = [
        (
            Box::new(|case| case.dns = strings(&["a.example.com"])),
            Box::new(|case| case.dns = strings(&["a.example.com", "example.com"])),
        ),
        (
            Box::new(move |case| case.ip = ip("10.1.1.1")),
            Box::new(move |case| case.ip = ip("11.1.1.1")),
        ),
        (
            Box::new(|case| case.email = strings(&["a@example.com"])),
            Box::new(|case| case.email = strings(&["a@example.org"])),
        ),
        (
            Box::new(|case| case.uris = strings(&["spiffe://example/a"])),
            Box::new(|case| case.uris = strings(&["spiffe://other/a"])),
        ),
    ];
    for (fits, twin) in twins {
        assert!(decide(&[open.clone()], &fits).is_ok());
        assert!(decide(&[open.clone()], &twin).is_err());
        assert!(matches!(misfit(&fits), Misfit::AlternativeName(_)));
    }
}

#[test]
fn the_shortest_life_that_holds_counts() {
    let life = |groups: &[&str], rule: Rule| {
        decide(&[rule], |case| case.groups = strings(groups)).unwrap().1
    };
    assert_eq!(life(&[], rule()), Some(86_400));
    assert_eq!(life(&["dev"], rule()), Some(86_400));
    assert_eq!(life(&["dev", "ops"], rule()), Some(3_600));
    let free = Rule { max_lifetime: None, ..rule() };
    assert_eq!(life(&[], free.clone()), None);
    assert_eq!(life(&["dev"], free), Some(172_800));
}

#[test]
fn the_first_rule_that_fits_allows_and_the_nearest_is_told() {
    let other = Rule { name: "other".to_owned(), requester_groups: patterns(&["ops"]), ..rule() };
    assert_eq!(decide(&[rule(), other.clone()], |_| ()).unwrap().0, "dev");
    assert_eq!(decide(&[other.clone(), rule()], |_| ()).unwrap().0, "other");
    // It gets farther in `dev`, though it comes later.
    let serving = Rule { signers: vec![Signer::KubeletServing], ..other };
    let refusal = decide(&[serving.clone(), rule()], |case| case.name = "joe").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "no rule of the signing policy allows it; the nearest is `dev`: it does not give user name `joe`"
    );
    // Of two that are as near the first is told.
    let twin = Rule { name: "twin".to_owned(), ..rule() };
    let refusal = decide(&[serving, rule(), twin], |case| case.name = "joe").unwrap_err();
    assert!(refusal.to_string().contains("`dev`"));
    assert_eq!(decide(&[], |_| ()), Err(PolicyRefusal::Empty));
}

#[test]
fn a_uid_is_given_by_a_rule_that_says_so_and_by_no_other() {
    // S-X509-5: an API server takes it for the user's.
    assert_eq!(misfit(|case| case.uid = Some("42")), Misfit::Uid("42".to_owned()));
    let with_uid = |case: &mut Case, own: &str| {
        case.requester.uid = own.to_owned();
        case.uid = Some("42");
    };
    let own = Rule { uids: vec![Grant::Own], ..rule() };
    assert!(decide(std::slice::from_ref(&own), |case| with_uid(case, "42")).is_ok());
    assert!(decide(std::slice::from_ref(&own), |_| ()).is_ok());
    assert!(decide(std::slice::from_ref(&own), |case| with_uid(case, "43")).is_err());
    assert!(decide(&[own], |case| with_uid(case, "")).is_err());
    let named = Rule { uids: named(&["4*"]), ..rule() };
    assert!(decide(std::slice::from_ref(&named), |case| with_uid(case, "")).is_ok());
    assert!(decide(&[named], |case| case.uid = Some("52")).is_err());
}

#[test]
fn a_star_gives_hosts_and_no_wildcard_for_all_of_them() {
    let with = |patterns_: &[&str]| {
        let mut with = rule();
        with.alternative_names.dns_names = patterns(patterns_);
        with
    };
    let ask = |rule: &Rule, name: &str| {
        decide(std::slice::from_ref(rule), |case| case.dns = strings(&[name])).is_ok()
    };
    let hosts = with(&["*.example.com"]);
    assert!(ask(&hosts, "a.example.com"));
    assert!(!ask(&hosts, "*.example.com"));
    assert!(!ask(&hosts, "*.a.example.com"));
    assert!(ask(&with(&["*"]), "*.example.com"));
}
