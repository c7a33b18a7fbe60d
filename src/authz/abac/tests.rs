use super::*;
use crate::model::{Attributes, NonResourceAttributes, ResourceAttributes};

fn policy(text: &str) -> Policy {
    Policy::parse("policy.jsonl", text).unwrap()
}

fn v1(spec: &str) -> Policy {
    policy(&line(spec))
}

fn line(spec: &str) -> String {
    format!(
        r#"{{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{{{spec}}}}}"#
    )
}

fn alice() -> User {
    User::new("alice").with_groups(["dev", "system:authenticated"])
}

fn may(policy: &Policy, user: &User, attributes: Attributes<'_>) -> bool {
    let decision = policy.principal(user).authorize(policy, &attributes);
    let request = Request { user, attributes };
    let verdict = policy.authorize(&request);
    assert_eq!(verdict.decision, decision);
    assert_eq!(verdict.path().len(), usize::from(verdict.is_allowed()));
    verdict.is_allowed()
}

fn pods(verb: &'static str, namespace: &'static str) -> Attributes<'static> {
    Attributes::Resource(ResourceAttributes::new(verb, "pods").in_namespace(namespace))
}

fn path(verb: &'static str, path: &'static str) -> Attributes<'static> {
    Attributes::NonResource(NonResourceAttributes { verb, path })
}

#[test]
fn user_and_group_must_both_match() {
    let policy = v1(r#""user":"alice","group":"dev","namespace":"*","resource":"*""#);
    assert!(may(&policy, &alice(), pods("get", "ns")));
    assert!(!may(&policy, &User::new("alice"), pods("get", "ns")));
    assert!(!may(&policy, &User::new("bob").with_groups(["dev"]), pods("get", "ns")));
}

#[test]
fn readonly_covers_the_three_verbs_and_no_other() {
    let policy = v1(r#""user":"alice","readonly":true,"namespace":"*","resource":"*""#);
    for verb in ["get", "list", "watch"] {
        assert!(may(&policy, &alice(), pods(verb, "ns")), "{verb}");
    }
    for verb in ["GET", "head", "create", "*", ""] {
        assert!(!may(&policy, &alice(), pods(verb, "ns")), "{verb}");
    }
}

#[test]
fn a_line_for_all_verbs_wins_over_the_same_line_for_reading_in_either_order() {
    let readonly = line(r#""user":"alice","readonly":true,"namespace":"*","resource":"*""#);
    let all = line(r#""user":"alice","namespace":"*","resource":"*""#);
    for text in [format!("{readonly}\n{all}"), format!("{all}\n{readonly}")] {
        assert!(may(&policy(&text), &alice(), pods("create", "ns")));
    }
    assert!(!may(&policy(&readonly), &alice(), pods("create", "ns")));
}

#[test]
fn an_empty_namespace_is_cluster_scope_and_subresources_are_ignored() {
    let policy = v1(r#""user":"alice","resource":"pods""#);
    assert!(may(&policy, &alice(), pods("get", "")));
    assert!(!may(&policy, &alice(), pods("get", "ns")));
    let log = ResourceAttributes::new("get", "pods").with_subresource("log").named("x");
    assert!(may(&policy, &alice(), Attributes::Resource(log)));
    let named = v1(r#""user":"alice","resource":"pods/log""#);
    assert!(!may(&named, &alice(), Attributes::Resource(log)));
}

#[test]
fn paths_match_whole_or_by_prefix() {
    let both = format!(
        "{}\n{}\n{}",
        line(r#""user":"alice","nonResourcePath":"/a/**""#),
        line(r#""user":"alice","nonResourcePath":"/a/b*","readonly":true"#),
        line(r#""user":"alice","nonResourcePath":"/x*y""#),
    );
    let policy = policy(&both);
    for allowed in ["/a/", "/a/b", "/a/**", "/x*y"] {
        assert!(may(&policy, &alice(), path("post", allowed)), "{allowed}");
    }
    for refused in ["/a", "/b", "/xzy", "/", "*"] {
        assert!(!may(&policy, &alice(), path("get", refused)), "{refused}");
    }
    // S-ABAC-17: no line here has an empty path, and a resource line has.
    assert!(!may(&policy, &alice(), path("get", "")));
    assert!(may(&v1(r#""user":"alice","resource":"pods""#), &alice(), path("get", "")));
}

#[test]
fn a_star_subject_is_everyone_authenticated_and_nobody_else() {
    for subject in [r#""user":"*""#, r#""group":"*""#, r#""user":"bob","group":"*""#] {
        let policy = v1(&format!(r#"{subject},"namespace":"*","resource":"*""#));
        assert!(may(&policy, &alice(), pods("get", "ns")));
        assert!(!may(&policy, &User::new("alice"), pods("get", "ns")));
        assert!(!may(&policy, &User::new("bob"), pods("get", "ns")));
    }
}

#[test]
fn a_principal_of_another_policy_is_nobody() {
    let one = v1(r#""user":"alice","namespace":"*","resource":"*""#);
    let other = v1(r#""user":"alice","namespace":"*","resource":"*""#);
    let principal = one.principal(&alice());
    assert_eq!(principal.authorize(&one, &pods("get", "ns")), Decision::Allow);
    assert_eq!(principal.authorize(&other, &pods("get", "ns")), Decision::NoOpinion);
}

#[test]
fn a_grant_names_the_first_line_that_gives_it() {
    let text = format!(
        "# comment\n{}\n\n {} \r\n{}",
        line(r#""user":"alice","resource":"nodes""#),
        line(r#""group":"dev","resource":"pods","namespace":"ns""#),
        line(r#""user":"alice","resource":"pods","namespace":"ns""#),
    );
    let policy = policy(&text);
    let user = alice();
    let request = Request { user: &user, attributes: pods("get", "ns") };
    let verdict = policy.authorize(&request);
    assert_eq!(verdict.reason(), "");
    let [step] = verdict.path().try_into().unwrap();
    assert_eq!(step.kind, "policy");
    assert_eq!(step.text, line(r#""group":"dev","resource":"pods","namespace":"ns""#));
    assert_eq!(step.origin.unwrap().to_string(), "policy.jsonl:4");
}

#[test]
fn a_group_given_twice_lists_its_rules_once() {
    let policy = policy(r#"{"group":"dev","resource":"pods"}"#);
    let user = User::new("alice").with_groups(["dev", "dev"]);
    assert_eq!(policy.rules_for(&user, "ns").resource.len(), 1);
}

#[test]
fn the_limit_of_a_line_is_that_of_the_api_server() {
    let comment = |len: usize| format!("#{}\n{{\"user\":\"alice\"}}", "x".repeat(len - 1));
    assert_eq!(policy(&comment(65_535)).len(), 1);
    let error = Policy::parse("p", &comment(65_536)).unwrap_err();
    assert_eq!(error, LoadError::LineTooLong { path: "p".into(), line: 1 });
}

#[test]
fn lint_finds_each_concern_and_leaves_a_plain_line_alone() {
    let concerns = |text: &str| -> Vec<Concern> {
        policy(text).lint().into_iter().map(|finding| finding.concern).collect()
    };
    let everything = Concern::GrantsEverything { readonly: false };
    for silent in ["{}", "null", "---", r#"{"kind":"Policy","spec":{"user":"alice"}}"#] {
        assert_eq!(concerns(silent).first(), Some(&everything), "{silent}");
    }
    assert_eq!(
        concerns(r#"{"readonly":true}"#).first(),
        Some(&Concern::GrantsEverything { readonly: true })
    );
    for (spec, concern) in [
        (
            r#""user":"alice","group":"*","resource":"pods""#,
            Concern::SubjectIgnored { name: "alice".into() },
        ),
        (
            r#""user":"alice","resource":"pods","Namespace":"ns""#,
            Concern::UnknownFields { names: vec!["Namespace".into()] },
        ),
        (r#""resource":"pods""#, Concern::NoSubject),
        (
            r#""user":"alice","resource":"pods/log""#,
            Concern::SubresourceNamed { resource: "pods/log".into() },
        ),
        (
            r#""user":"alice","nonResourcePath":"/a*b*""#,
            Concern::LiteralStar { path: "/a*b*".into() },
        ),
        (r#""user":"alice","namespace":"ns""#, Concern::GrantsNothing),
    ] {
        assert_eq!(concerns(&line(spec)), [concern], "{spec}");
    }
    assert_eq!(concerns(&line(r#""user":"alice","resource":"pods","namespace":"ns""#)), []);
    // Said aloud, it is no surprise.
    let aloud = r#""user":"*","namespace":"*","resource":"*","apiGroup":"*","nonResourcePath":"*""#;
    assert_eq!(concerns(&line(aloud)), []);
}

#[test]
fn the_line_suggested_for_a_legacy_line_means_the_same() {
    for text in [
        "{}",
        r#"{"user":"alice"}"#,
        r#"{"user":"alice","resource":"pods"}"#,
        r#"{"group":"*","namespace":"ns","readonly":true}"#,
    ] {
        let legacy = policy(text);
        let Some(Concern::Unversioned { instead }) = legacy.lint().pop().map(|last| last.concern)
        else {
            panic!("no suggestion for {text}");
        };
        assert_eq!(policy(&instead).table.lines[0].spec, legacy.table.lines[0].spec);
    }
}
