//! Escalation and the default policy against what Kubernetes itself answered.

use std::collections::BTreeMap;

use portcullis::api::rbac::{
    ClusterRole, ClusterRoleBinding, Object, PolicyRule, Role, RoleBinding,
};
use portcullis::authz::rbac::aggregation::{Aggregation, compute, resolve};
use portcullis::authz::rbac::escalation::{
    Requester, RoleWrite, check_role_write, compact, covers,
};
use portcullis::authz::rbac::validation::validate;
use portcullis::authz::{Authorizer, Rules};
use portcullis::model::{Request, User, Verdict};
use serde::Deserialize;
use serde_json::Value;

use crate::plain_yaml;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A recorded file beside the project; `None`, and a line, when it is not there.
fn shared(path: &str) -> Option<String> {
    let path = format!("{ROOT}/../shared/{path}");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {path} is not here");
    }
    text
}

fn project(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

/// Grants nothing.
struct Nobody;

impl Authorizer for Nobody {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        Verdict::no_opinion("")
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete("a test")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EscalateCase {
    owner_rules: Option<Vec<PolicyRule>>,
    servant_rules: Option<Vec<PolicyRule>>,
    covered: bool,
    uncovered: Option<Vec<PolicyRule>>,
    compact: Option<Vec<PolicyRule>>,
    #[serde(default)]
    message: String,
}

fn sorted(rules: &[PolicyRule]) -> Vec<String> {
    let mut texts: Vec<String> = rules.iter().map(|rule| format!("{rule:?}")).collect();
    texts.sort_unstable();
    texts
}

fn check_escalate(text: &str) -> usize {
    let user = User::new("alice").with_groups(["dev", "qa"]);
    for (line, case) in text.lines().enumerate() {
        let case: EscalateCase = serde_json::from_str(case).unwrap();
        let owner = case.owner_rules.unwrap_or_default();
        let role = Role {
            rules: case.servant_rules.unwrap_or_default(),
            ..Role::default()
        };

        let coverage = covers(&owner, &role.rules);
        assert_eq!(coverage.covered, case.covered, "line {}", line + 1);
        assert_eq!(
            coverage.uncovered,
            case.uncovered.unwrap_or_default(),
            "line {}",
            line + 1
        );
        let compacted = compact(&coverage.uncovered);
        let expected = case.compact.unwrap_or_default();
        assert_eq!(sorted(&compacted), sorted(&expected), "line {}", line + 1);

        let requester = Requester {
            user: &user,
            authorizer: &Nobody,
            rules: &owner,
            errors: &[],
        };
        let verdict = check_role_write(&requester, &RoleWrite::create_role("ns", &role));
        let message = verdict.map_or_else(|refusal| refusal.to_string(), |()| String::new());
        let message = message
            .strip_prefix("roles.rbac.authorization.k8s.io is forbidden: ")
            .unwrap_or(&message);
        assert_eq!(message, case.message, "line {}", line + 1);
    }
    text.lines().count()
}

#[test]
fn escalation_is_judged_as_kubernetes_judges_it() {
    assert_eq!(
        check_escalate(&project("tests/corpus/escalate/cases.ndjson")),
        200
    );
    if let Some(all) = shared("golden/worlds/escalate/cases.ndjson") {
        assert_eq!(check_escalate(&all), 1500);
    }
}

/// `staging/src/k8s.io/component-helpers/auth/rbac/validation/policy_comparator_test.go`.
#[test]
fn coverage_is_that_of_the_unit_tests_of_kubernetes() {
    let Some(text) = shared("golden/k8s-tests/covers_test.json") else {
        return;
    };
    for case in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
        let rules = |field: &str| -> Vec<PolicyRule> {
            let rules: Option<_> = serde_json::from_value(case[field].clone()).unwrap();
            rules.unwrap_or_default()
        };
        let coverage = covers(&rules("ownerRules"), &rules("servantRules"));
        assert_eq!(
            coverage.covered,
            case["covered"].as_bool().unwrap(),
            "{case}"
        );
        assert_eq!(
            sorted(&coverage.uncovered),
            sorted(&rules("uncoveredAnyOrder")),
            "{case}"
        );
    }
}

/// `pkg/registry/rbac/validation/policy_compact_test.go`.
#[test]
fn compaction_is_that_of_the_unit_tests_of_kubernetes() {
    let Some(text) = shared("golden/k8s-tests/compact_rules_test.json") else {
        return;
    };
    for case in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
        let rules = |field: &str| -> Vec<PolicyRule> {
            let rules: Option<_> = serde_json::from_value(case[field].clone()).unwrap();
            rules.unwrap_or_default()
        };
        assert_eq!(
            sorted(&compact(&rules("rules"))),
            sorted(&rules("expectedAnyOrder")),
            "{case}"
        );
    }
}

/// The recorded policy comes from a fork that publishes one more authority.
const FORK_ONLY: &str = "system:controller:service-ca-cert-publisher";

/// Objects by kind, namespace and name.
type Objects = BTreeMap<(String, String, String), Value>;

fn by_key(objects: Vec<Value>) -> Objects {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = |object: &Value| {
        let meta = &object["metadata"];
        (
            text(&object["kind"]),
            text(&meta["namespace"]),
            text(&meta["name"]),
        )
    };
    let count = objects.len();
    let objects: Objects = objects
        .into_iter()
        .map(|object| (key(&object), object))
        .collect();
    assert_eq!(objects.len(), count, "an object stands twice");
    objects
}

fn default_policy() -> Objects {
    by_key(plain_yaml::documents(&project(
        "policies/rbac/kubernetes-defaults.yaml",
    )))
}

fn cluster_roles(objects: &Objects) -> Vec<ClusterRole> {
    let roles = objects
        .values()
        .filter(|object| object["kind"] == "ClusterRole");
    roles
        .map(|role| serde_json::from_value(role.clone()).unwrap())
        .collect()
}

fn items(list: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(list).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn typed(object: &Value) -> Object {
    let object = object.clone();
    match object["kind"].as_str().unwrap() {
        "ClusterRole" => serde_json::from_value::<ClusterRole>(object)
            .unwrap()
            .into(),
        "ClusterRoleBinding" => serde_json::from_value::<ClusterRoleBinding>(object)
            .unwrap()
            .into(),
        "Role" => serde_json::from_value::<Role>(object).unwrap().into(),
        "RoleBinding" => serde_json::from_value::<RoleBinding>(object)
            .unwrap()
            .into(),
        other => panic!("{other} is no kind of RBAC"),
    }
}

#[test]
fn the_default_policy_is_that_of_kubernetes() {
    let ours = default_policy();
    for object in ours.values() {
        assert_eq!(validate(&typed(object)).to_string(), "", "{object}");
    }
    let Some(text) = shared("golden/bootstrap/bootstrap-upstream.json") else {
        return;
    };
    let mut theirs = by_key(items(&text));
    theirs.retain(|(_, _, name), _| name != FORK_ONLY);
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>()
    );
    for (key, object) in &ours {
        let theirs = &theirs[key];
        // Labels and annotations, which are no part of what the engine reads.
        assert_eq!(object["metadata"], theirs["metadata"], "{key:?}");
        assert_eq!(typed(object), typed(theirs), "{key:?}");
    }
}

#[test]
fn the_default_aggregates_are_filled_as_the_controller_fills_them() {
    let roles = cluster_roles(&default_policy());
    let roles: Vec<&ClusterRole> = roles.iter().collect();
    let (aggregated, warnings) = compute(&roles);
    assert_eq!(warnings, []);
    // S-BOOT-14.
    let sizes: Vec<(&str, usize)> = aggregated
        .iter()
        .map(|one| (roles[one.role].metadata.name.as_str(), one.rules.len()))
        .collect();
    assert_eq!(sizes, [("admin", 29), ("edit", 27), ("view", 12)]);

    let resolution = resolve(&roles, Aggregation::Auto);
    assert_eq!(resolution.warnings, []);
    let Some(text) = shared("golden/bootstrap/bootstrap-upstream-aggregated.json") else {
        return;
    };
    let mut theirs = by_key(items(&text));
    theirs.retain(|(_, _, name), _| name != FORK_ONLY);
    let theirs = cluster_roles(&theirs);
    assert_eq!(theirs.len(), roles.len());
    for ((ours, rules), theirs) in roles.iter().zip(&resolution.rules).zip(&theirs) {
        assert_eq!(ours.metadata.name, theirs.metadata.name);
        assert_eq!(**rules, theirs.rules, "{}", ours.metadata.name);
    }
}
