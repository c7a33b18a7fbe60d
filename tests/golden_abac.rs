//! The ABAC engine against the recorded answers of the API server, and against the reference.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis::authz::Authorizer;
use portcullis::authz::abac::Policy;
use portcullis::model::{
    Attributes, Decision, NonResourceAttributes, Request, ResourceAttributes, User, Verdict, groups,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::reference_abac;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Spec {
    user: String,
    groups: Option<Vec<String>>,
    namespace: String,
    resource_attributes: Option<Resource>,
    non_resource_attributes: Option<NonResource>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resource {
    verb: String,
    namespace: String,
    group: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NonResource {
    verb: String,
    path: String,
}

impl Spec {
    fn user(&self) -> User {
        User::new(&self.user).with_groups(self.groups.iter().flatten())
    }

    fn attributes(&self) -> Option<Attributes<'_>> {
        if let Some(asked) = &self.resource_attributes {
            return Some(Attributes::Resource(
                ResourceAttributes::new(&asked.verb, &asked.resource)
                    .in_group(&asked.group)
                    .in_namespace(&asked.namespace)
                    .with_subresource(&asked.subresource)
                    .named(&asked.name),
            ));
        }
        let asked = self.non_resource_attributes.as_ref()?;
        Some(Attributes::NonResource(NonResourceAttributes {
            verb: &asked.verb,
            path: &asked.path,
        }))
    }
}

fn lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Vec<T> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A file of the recordings, which a bare clone does not have.
fn recorded(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not here", path.display());
    None
}

/// Every way to an answer, which must agree: decision, principal, inverse.
fn decide(policy: &Policy, user: &User, attributes: Attributes<'_>) -> Decision {
    let request = Request { user, attributes };
    let verdict = policy.authorize(&request);
    let decision = verdict.decision;
    assert!(verdict.errors.is_empty());
    assert_eq!(verdict.path().is_empty(), !verdict.is_allowed());
    assert_eq!(policy.principal(user).authorize(policy, &attributes), decision);
    let rows = policy.who_can(&attributes);
    let mine = rows.iter().filter(|row| {
        row.user.as_ref().is_none_or(|name| *name == user.name)
            && row.group.as_ref().is_none_or(|group| user.is_member(group))
    });
    let origins: Vec<_> = mine.map(|row| row.origin.clone()).collect();
    assert_eq!(verdict.path().into_iter().find_map(|step| step.origin), origins.first().cloned());
    decision
}

fn check_world(folder: &Path) {
    let text = fs::read_to_string(folder.join("policy.jsonl")).unwrap();
    let policy = Policy::parse("policy.jsonl", &text).unwrap();
    let reference = reference_abac::parse(&text);
    let queries: Vec<Spec> = lines(&folder.join("queries.ndjson"));
    let expected: Vec<Value> = lines(&folder.join("expected.ndjson"));
    assert_eq!(queries.len(), expected.len());
    for (index, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        let (user, attributes) = (query.user(), query.attributes().unwrap());
        let request = Request { user: &user, attributes };
        let verdict = policy.authorize(&request);
        assert_eq!(decide(&policy, &user, attributes), verdict.decision);
        assert_eq!(reference_abac::allows(&reference, &request), verdict.is_allowed());
        // Recorded from the whole chain, in which members of system:masters pass before ABAC is
        // asked. That step is not the engine's.
        let verdict = if user.is_member(groups::MASTERS) { Verdict::allow("") } else { verdict };
        let answer = json!({
            "allowed": verdict.is_allowed(),
            "denied": verdict.decision == Decision::Deny,
            "reason": verdict.reason(),
            "error": verdict.errors.join(", "),
        });
        assert_eq!(answer, *expected, "{} line {}", folder.display(), index + 1);
    }

    let queries: Vec<Spec> = lines(&folder.join("rules-queries.ndjson"));
    let expected: Vec<Value> = lines(&folder.join("rules-expected.ndjson"));
    assert_eq!(queries.len(), expected.len());
    for (index, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        if expected.get("invalid").is_some() {
            // The API server refuses these before it asks the authorizer (S-SAR-20).
            assert_eq!(query.namespace, "");
            continue;
        }
        let rules = policy.rules_for(&query.user(), &query.namespace);
        assert!(rules.errors.is_empty());
        let answer = json!({
            "resourceRules": rules.resource,
            "nonResourceRules": rules.non_resource,
            "incomplete": rules.incomplete,
        });
        assert_eq!(answer, *expected, "{} rules line {}", folder.display(), index + 1);
    }
}

#[test]
fn the_world_in_the_corpus_is_answered_as_recorded() {
    check_world(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/abac-1"));
}

#[test]
fn every_recorded_world_is_answered_as_recorded() {
    for world in ["abac-1", "abac-2", "abac-3"] {
        if let Some(folder) = recorded(&format!("worlds/{world}")) {
            check_world(&folder);
        }
    }
}

/// Files whose error we word differently, and why. Everything before the cause is the same.
const WORDED_DIFFERENTLY: [(&str, &str); 1] = [(
    "cr only",
    "the recording turned the carriage return of the raw line into a line feed; we keep it",
)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileCase {
    name: String,
    policy: String,
    load_error: Option<String>,
    allowed: Option<Vec<bool>>,
    unversioned_warning: Option<bool>,
}

#[derive(Deserialize)]
struct Files {
    queries: Vec<Spec>,
    cases: Vec<FileCase>,
}

#[test]
fn odd_files_are_loaded_or_refused_as_recorded() {
    let Some(path) = recorded("worlds/abac-files.json") else {
        return;
    };
    let files: Files = read(&path);
    let mut different = Vec::new();
    for case in &files.cases {
        let name = &case.name;
        match (Policy::parse("policy.jsonl", &case.policy), &case.load_error) {
            (Err(error), Some(expected)) => {
                if error.to_string() != *expected {
                    assert_eq!(error.to_string().replace('\r', "\n"), *expected, "{name}");
                    different.push(name.as_str());
                }
            }
            (Ok(policy), None) => {
                let allowed = files.queries.iter().map(|query| {
                    decide(&policy, &query.user(), query.attributes().unwrap()) == Decision::Allow
                });
                assert_eq!(allowed.collect::<Vec<_>>(), *case.allowed.as_ref().unwrap(), "{name}");
                assert_eq!(
                    policy.unversioned_lines() > 0,
                    case.unversioned_warning.unwrap(),
                    "{name}"
                );
            }
            (Ok(_), Some(expected)) => panic!("{name}: loaded, but expected {expected}"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
    assert_eq!(different, WORDED_DIFFERENTLY.map(|(name, _)| name));
}

#[derive(Deserialize)]
struct UpstreamCase {
    name: String,
    policy: String,
    queries: Vec<Spec>,
    expected: Vec<Value>,
}

// Source: kubernetes/kubernetes v1.36.2, pkg/auth/authorizer/abac/abac_test.go
#[test]
fn the_tables_of_kubernetes_own_test_hold() {
    let Some(path) = recorded("k8s-tests/abac_test.json") else {
        return;
    };
    for case in read::<Vec<UpstreamCase>>(&path) {
        let policy = Policy::parse("policy.jsonl", &case.policy).unwrap();
        let reference = reference_abac::parse(&case.policy);
        assert_eq!(case.queries.len(), case.expected.len());
        for (index, (query, expected)) in case.queries.iter().zip(&case.expected).enumerate() {
            let (user, attributes) = (query.user(), query.attributes().unwrap());
            let allowed = decide(&policy, &user, attributes) == Decision::Allow;
            assert_eq!(expected["allowed"], allowed, "{} {index}", case.name);
            let request = Request { user: &user, attributes };
            assert_eq!(reference_abac::allows(&reference, &request), allowed, "{}", case.name);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpstreamRules {
    name: String,
    policy: String,
    user: String,
    groups: Vec<String>,
    namespace: String,
    resource_rules: Vec<Value>,
    non_resource_rules: Vec<Value>,
}

#[test]
fn the_rules_of_kubernetes_own_test_hold() {
    let Some(path) = recorded("k8s-tests/abac_rules_test.json") else {
        return;
    };
    for case in read::<Vec<UpstreamRules>>(&path) {
        let policy = Policy::parse("policy.jsonl", &case.policy).unwrap();
        let user = User::new(&case.user).with_groups(&case.groups);
        let rules = policy.rules_for(&user, &case.namespace);
        let resource: Vec<Value> = rules
            .resource
            .iter()
            .map(|rule| {
                json!({"Verbs": rule.verbs, "APIGroups": rule.api_groups,
                       "Resources": rule.resources, "ResourceNames": null})
            })
            .collect();
        let non_resource: Vec<Value> = rules
            .non_resource
            .iter()
            .map(|rule| json!({"Verbs": rule.verbs, "NonResourceURLs": rule.non_resource_urls}))
            .collect();
        assert_eq!(resource, case.resource_rules, "{}", case.name);
        assert_eq!(non_resource, case.non_resource_rules, "{}", case.name);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleCase {
    user: String,
    groups: Vec<String>,
    verb: String,
    resource: Option<String>,
    path: Option<String>,
    #[serde(default)]
    namespace: String,
    expect: String,
}

#[test]
fn the_sample_policy_answers_its_cases_and_gives_the_lint_no_concern() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/abac");
    let text = fs::read_to_string(folder.join("team.jsonl")).unwrap();
    let policy = Policy::parse("team.jsonl", &text).unwrap();
    assert_eq!(policy.lint(), []);
    let cases = fs::read_to_string(folder.join("team.cases.yaml")).unwrap();
    // Each case is one line of JSON in a YAML list.
    let cases = cases.lines().filter_map(|line| line.strip_prefix("- "));
    let cases: Vec<SampleCase> = cases.map(|case| serde_json::from_str(case).unwrap()).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let user = User::new(&case.user).with_groups(&case.groups);
        let attributes = match (&case.resource, &case.path) {
            (Some(resource), None) => {
                let (plain, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                let (name, group) = plain.split_once('.').unwrap_or((plain, ""));
                Attributes::Resource(
                    ResourceAttributes::new(&case.verb, name)
                        .in_group(group)
                        .in_namespace(&case.namespace)
                        .with_subresource(subresource),
                )
            }
            (None, Some(path)) => {
                Attributes::NonResource(NonResourceAttributes { verb: &case.verb, path })
            }
            _ => panic!("a case asks about a resource or a path"),
        };
        let expected = match case.expect.as_str() {
            "allow" => Decision::Allow,
            "deny" => Decision::Deny,
            "no-opinion" => Decision::NoOpinion,
            other => panic!("`{other}` is no answer"),
        };
        assert_eq!(decide(&policy, &user, attributes), expected, "{} {attributes:?}", case.user);
    }
}

mod random {
    use portcullis::api::abac::PolicySpec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const NAMES: &[&str] = &["", "*", "a", "b", "system:authenticated"];
    const WORDS: &[&str] = &["", "*", "x", "y", "x/y"];
    const PATHS: &[&str] =
        &["", "*", "/", "/x", "/x/", "/x/*", "/x*", "/x/y", "/*", "/x/y**", "/x*y"];
    const VERBS: &[&str] = &["get", "list", "watch", "create", "*", "GET", ""];

    fn line() -> impl Strategy<Value = String> {
        let names = (select(NAMES), select(NAMES), any::<bool>());
        let words = (select(WORDS), select(WORDS), select(WORDS), select(PATHS));
        (names, words, any::<bool>()).prop_map(|(names, words, legacy)| {
            let spec = PolicySpec {
                user: names.0.into(),
                group: names.1.into(),
                readonly: names.2,
                api_group: words.0.into(),
                resource: words.1.into(),
                namespace: words.2.into(),
                non_resource_path: words.3.into(),
            };
            if legacy { serde_json::to_string(&spec).unwrap() } else { spec.to_line() }
        })
    }

    fn user() -> impl Strategy<Value = User> {
        (select(NAMES), prop::collection::vec(select(NAMES), 0..4))
            .prop_map(|(name, groups)| User::new(name).with_groups(groups))
    }

    fn attributes() -> impl Strategy<Value = Attributes<'static>> {
        let resource = (select(VERBS), select(WORDS), select(WORDS), select(WORDS)).prop_map(
            |(verb, group, resource, namespace)| {
                Attributes::Resource(
                    ResourceAttributes::new(verb, resource).in_group(group).in_namespace(namespace),
                )
            },
        );
        let path = (select(VERBS), select(PATHS))
            .prop_map(|(verb, path)| Attributes::NonResource(NonResourceAttributes { verb, path }));
        prop_oneof![resource, path]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn engine_and_reference_agree(
            lines in prop::collection::vec(line(), 0..12),
            users in prop::collection::vec(user(), 1..6),
            questions in prop::collection::vec(attributes(), 1..8),
        ) {
            let text = lines.join("\n");
            let policy = Policy::parse("policy.jsonl", &text).unwrap();
            let reference = reference_abac::parse(&text);
            for attributes in questions {
                for user in &users {
                    let request = Request { user, attributes };
                    let expected = reference_abac::allows(&reference, &request);
                    let decision = decide(&policy, user, attributes);
                    prop_assert_eq!(decision == Decision::Allow, expected, "{}\n{:?}", text, request);
                }
                // The inverse: each row, made into a user, is allowed; without its group, when it
                // has one, the row says nothing.
                for row in policy.who_can(&attributes) {
                    let name = row.user.as_deref().unwrap_or("somebody else");
                    let member = User::new(name).with_groups(row.group.as_deref());
                    let request = Request { user: &member, attributes };
                    prop_assert!(policy.authorize(&request).is_allowed());
                    prop_assert!(reference_abac::allows(&reference, &request));
                }
            }
        }
    }
}
