//! The RBAC engine on the tables of Kubernetes' own unit tests (`golden/k8s-tests`).

use std::collections::BTreeSet;

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{
    ClusterRole, ClusterRoleBinding, Object, PolicyRule, RoleBinding, RoleRef, Subject,
};
use portcullis::authz::Authorizer;
use portcullis::authz::rbac::Policy;
use portcullis::model::{Origin, Request, ResourceAttributes, User};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::reference::rbac::{Reference, applies};
use crate::support::shared;
use crate::support::world::{ExpectedSubjects, Query, error_parts, inventory, sorted};

/// The cases of a table, if it is there.
fn table<T: DeserializeOwned>(name: &str) -> Option<Vec<T>> {
    let path = shared(&format!("golden/k8s-tests/{name}"))?;
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<T> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(!cases.is_empty());
    Some(cases)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decisions {
    name: String,
    objects: Vec<Value>,
    queries: Vec<Query>,
    expected: Vec<Allowed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    allowed: bool,
}

/// `plugin/pkg/auth/authorizer/rbac/rbac_test.go`: TestAuthorizer and TestRuleMatches.
#[test]
fn decisions_are_those_of_the_unit_tests_of_kubernetes() {
    let Some(cases) = table::<Decisions>("rbac_test.json") else { return };
    let (mut yes, mut no) = (0, 0);
    for Decisions { name, objects, queries, expected } in cases {
        let inventory = inventory(&objects);
        let policy = Policy::compile(&inventory).unwrap();
        let reference = Reference::new(&inventory);
        assert_eq!(queries.len(), expected.len(), "{name}");
        for (query, Allowed { allowed }) in queries.iter().zip(expected) {
            let (user, attributes) = (query.user(), query.attributes());
            let request = Request { user: &user, attributes };
            assert_eq!(policy.authorize(&request).is_allowed(), allowed, "{name}: {query:?}");
            let principal = policy.principal(&user.clone().into());
            assert_eq!(principal.allows(&attributes), allowed, "{name}: {query:?}");
            assert_eq!(
                reference.authorize(&user, &attributes).allowed,
                allowed,
                "{name}: {query:?}"
            );
            if allowed { yes += 1 } else { no += 1 }
        }
    }
    assert!(yes > 30 && no > 20, "{yes} allowed, {no} not");
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Locators {
    name: String,
    objects: Vec<Value>,
    queries: Vec<Query>,
    expected: Vec<ExpectedSubjects>,
    // A name that the locator of the test lists behind `system:masters`; the API server passes none.
    super_user: String,
}

/// `plugin/pkg/auth/authorizer/rbac/subject_locator_test.go`.
#[test]
fn subjects_are_those_of_the_unit_tests_of_kubernetes() {
    let Some(cases) = table::<Locators>("subject_locator_test.json") else { return };
    for Locators { name, objects, queries, expected, super_user } in cases {
        let policy = Policy::compile(&inventory(&objects)).unwrap();
        assert_eq!(queries.len(), expected.len(), "{name}");
        for (query, expected) in queries.iter().zip(expected) {
            let mut subjects = expected.subjects.unwrap();
            if !super_user.is_empty() {
                assert_eq!(subjects.remove(1), Subject::user(&super_user), "{name}");
            }
            let who = policy.who_can(&query.attributes());
            assert_eq!(who.subjects()[0], subjects[0], "{name}: {query:?}");
            assert_eq!(sorted(who.subjects()), sorted(subjects), "{name}: {query:?}");
            let errors: BTreeSet<String> = who.errors.iter().cloned().collect();
            assert_eq!(errors, error_parts(&expected.error), "{name}: {query:?}");
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Applies {
    name: String,
    #[serde(rename = "test")]
    _test: String,
    subjects: Vec<Subject>,
    namespace: String,
    user: String,
    groups: Option<Vec<String>>,
    applies_to: bool,
    index: usize,
}

/// A binding of these subjects to a role that allows everything; in a namespace, if one is given.
fn binding_of(subjects: Vec<Subject>, namespace: &str) -> Inventory {
    let mut role = ClusterRole {
        rules: vec![PolicyRule {
            verbs: vec!["*".into()],
            api_groups: vec!["*".into()],
            resources: vec!["*".into()],
            ..PolicyRule::default()
        }],
        ..ClusterRole::default()
    };
    role.metadata.name = "anything".into();
    let role_ref = RoleRef::cluster_role("anything");
    let binding: Object = if namespace.is_empty() {
        let mut binding = ClusterRoleBinding { subjects, role_ref, ..Default::default() };
        binding.metadata.name = "b".into();
        binding.into()
    } else {
        let mut binding = RoleBinding { subjects, role_ref, ..Default::default() };
        binding.metadata.name = "b".into();
        binding.metadata.namespace = namespace.into();
        binding.into()
    };
    let mut inventory = Inventory::default();
    inventory.push(role.into(), Origin::default());
    inventory.push(binding, Origin::default());
    inventory
}

/// What the reason says of a subject.
fn shown(subject: &Subject) -> String {
    match subject.namespace.as_str() {
        "" => format!("{} \"{}\"", subject.kind, subject.name),
        namespace => format!("{} \"{}/{namespace}\"", subject.kind, subject.name),
    }
}

/// `pkg/registry/rbac/validation/rule_test.go`: TestAppliesTo.
#[test]
fn subjects_apply_as_in_the_unit_tests_of_kubernetes() {
    let Some(cases) = table::<Applies>("applies_to_test.json") else { return };
    for case in cases {
        let name = &case.name;
        let user = User::new(&case.user).with_groups(case.groups.iter().flatten());
        let policy = Policy::compile(&binding_of(case.subjects.clone(), &case.namespace)).unwrap();
        let asked = ResourceAttributes::new("get", "pods").in_namespace(&case.namespace);
        let request = Request::resource(&user, asked);
        let verdict = policy.authorize(&request);
        assert_eq!(verdict.is_allowed(), case.applies_to, "{name}");
        let first = case.subjects.iter().position(|one| applies(one, &user, &case.namespace));
        assert_eq!(first, case.applies_to.then_some(case.index), "{name}");
        if case.applies_to {
            let subject = shown(&case.subjects[case.index]);
            let reason = verdict.reason();
            assert!(reason.ends_with(&format!(" to {subject}")), "{name}: {reason}, not {subject}");
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Username {
    namespace: String,
    name: String,
    username: String,
    matches: bool,
}

/// `staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util_test.go`:
/// TestMatchesUsername.
#[test]
fn service_accounts_have_the_user_names_of_the_unit_tests_of_kubernetes() {
    let Some(cases) = table::<Username>("sa_username_test.json") else { return };
    for Username { namespace, name, username, matches } in cases {
        let subject = Subject::service_account(&namespace, &name);
        let policy = Policy::compile(&binding_of(vec![subject.clone()], "")).unwrap();
        let user = User::new(&username);
        let request = Request::resource(&user, ResourceAttributes::new("get", "pods"));
        let at = format!("`{username}` for `{name}` of `{namespace}`");
        assert_eq!(policy.allows(&request), matches, "{at}");
        assert_eq!(applies(&subject, &user, ""), matches, "{at}");
    }
}
