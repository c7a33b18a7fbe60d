//! Escalation and the default policy against what Kubernetes itself answered.

use std::collections::BTreeMap;

use portcullis::api::rbac::{
    ClusterRole, ClusterRoleBinding, Object, PolicyRule, Role, RoleBinding, Subject,
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
        let role = Role { rules: case.servant_rules.unwrap_or_default(), ..Role::default() };

        let coverage = covers(&owner, &role.rules);
        assert_eq!(coverage.covered, case.covered, "line {}", line + 1);
        assert_eq!(coverage.uncovered, case.uncovered.unwrap_or_default(), "line {}", line + 1);
        let compacted = compact(&coverage.uncovered);
        let expected = case.compact.unwrap_or_default();
        assert_eq!(sorted(&compacted), sorted(&expected), "line {}", line + 1);

        let requester = Requester { user: &user, authorizer: &Nobody, rules: &owner, errors: &[] };
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
    assert_eq!(check_escalate(&project("tests/corpus/escalate/cases.ndjson")), 200);
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
        assert_eq!(coverage.covered, case["covered"].as_bool().unwrap(), "{case}");
        assert_eq!(sorted(&coverage.uncovered), sorted(&rules("uncoveredAnyOrder")), "{case}");
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
        assert_eq!(sorted(&compact(&rules("rules"))), sorted(&rules("expectedAnyOrder")), "{case}");
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
        (text(&object["kind"]), text(&meta["namespace"]), text(&meta["name"]))
    };
    let count = objects.len();
    let objects: Objects = objects.into_iter().map(|object| (key(&object), object)).collect();
    assert_eq!(objects.len(), count, "an object stands twice");
    objects
}

fn default_policy() -> Objects {
    by_key(plain_yaml::documents(&project("policies/rbac/kubernetes-defaults.yaml")))
}

fn cluster_roles(objects: &Objects) -> Vec<ClusterRole> {
    let roles = objects.values().filter(|object| object["kind"] == "ClusterRole");
    roles.map(|role| serde_json::from_value(role.clone()).unwrap()).collect()
}

fn items(list: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(list).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn typed(object: &Value) -> Object {
    let object = object.clone();
    match object["kind"].as_str().unwrap() {
        "ClusterRole" => serde_json::from_value::<ClusterRole>(object).unwrap().into(),
        "ClusterRoleBinding" => {
            serde_json::from_value::<ClusterRoleBinding>(object).unwrap().into()
        }
        "Role" => serde_json::from_value::<Role>(object).unwrap().into(),
        "RoleBinding" => serde_json::from_value::<RoleBinding>(object).unwrap().into(),
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
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    user: String,
    groups: Vec<String>,
    verb: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    expect: String,
}

/// The rules of S-RBAC, in the order in which they stand there; slow and obvious.
struct Obvious {
    cluster_rules: BTreeMap<String, Vec<PolicyRule>>,
    roles: Vec<Role>,
    cluster_bindings: Vec<ClusterRoleBinding>,
    bindings: Vec<RoleBinding>,
}

impl Obvious {
    fn new(objects: &[Value]) -> Self {
        let mut cluster_roles = Vec::new();
        let mut obvious = Self {
            cluster_rules: BTreeMap::new(),
            roles: Vec::new(),
            cluster_bindings: Vec::new(),
            bindings: Vec::new(),
        };
        for object in objects {
            match typed(object) {
                Object::ClusterRole(role) => cluster_roles.push(role),
                Object::ClusterRoleBinding(binding) => obvious.cluster_bindings.push(binding),
                Object::Role(role) => obvious.roles.push(role),
                Object::RoleBinding(binding) => obvious.bindings.push(binding),
            }
        }
        let roles: Vec<&ClusterRole> = cluster_roles.iter().collect();
        let resolution = resolve(&roles, Aggregation::Auto);
        assert_eq!(resolution.warnings, []);
        for (role, rules) in roles.iter().zip(resolution.rules) {
            obvious.cluster_rules.insert(role.metadata.name.to_string(), rules.into_owned());
        }
        obvious
    }

    fn allows(&self, case: &Case) -> bool {
        let cluster_rules = |name: &str| self.cluster_rules.get(name).into_iter().flatten();
        let cluster = self.cluster_bindings.iter().any(|binding| {
            binding.subjects.iter().any(|subject| is_bound(subject, "", case))
                && cluster_rules(&binding.role_ref.name).any(|rule| matches(rule, case))
        });
        cluster
            || self.bindings.iter().any(|binding| {
                let namespace = &binding.metadata.namespace;
                let role = |role: &&Role| {
                    role.metadata.name == binding.role_ref.name
                        && role.metadata.namespace == *namespace
                };
                let rules: Vec<&PolicyRule> = match binding.role_ref.kind.as_str() {
                    "ClusterRole" => cluster_rules(&binding.role_ref.name).collect(),
                    _ => self.roles.iter().filter(role).flat_map(|role| &role.rules).collect(),
                };
                !case.namespace.is_empty()
                    && *namespace == case.namespace
                    && binding.subjects.iter().any(|subject| is_bound(subject, namespace, case))
                    && rules.iter().any(|rule| matches(rule, case))
            })
    }
}

fn is_bound(subject: &Subject, namespace: &str, case: &Case) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == case.user,
        "Group" => case.groups.iter().any(|group| subject.name == group),
        "ServiceAccount" => {
            let own = subject.namespace.as_str();
            let namespace = if own.is_empty() { namespace } else { own };
            case.user == format!("system:serviceaccount:{namespace}:{}", subject.name)
        }
        _ => false,
    }
}

fn matches(rule: &PolicyRule, case: &Case) -> bool {
    let has = |list: &[portcullis::api::Str], value: &str| {
        list.iter().any(|held| held == "*" || held == value)
    };
    if !has(&rule.verbs, &case.verb) {
        return false;
    }
    if let Some(path) = &case.path {
        return rule.non_resource_urls.iter().any(|url| {
            url == path || url.ends_with('*') && path.starts_with(url.trim_end_matches('*'))
        });
    }
    let (combined, any) = if case.subresource.is_empty() {
        (case.resource.clone(), String::new())
    } else {
        (format!("{}/{}", case.resource, case.subresource), format!("*/{}", case.subresource))
    };
    has(&rule.api_groups, &case.group)
        && (has(&rule.resources, &combined)
            || !any.is_empty() && rule.resources.iter().any(|resource| *resource == any))
        && (rule.resource_names.is_empty() || rule.resource_names.iter().any(|n| *n == case.name))
}

#[test]
fn the_sample_cluster_answers_its_questions() {
    let mut objects = plain_yaml::documents(&project("policies/rbac/sample-cluster.yaml"));
    objects.retain(|object| object["apiVersion"] == "rbac.authorization.k8s.io/v1");
    by_key(objects.clone());
    for object in &objects {
        assert_eq!(validate(&typed(object)).to_string(), "", "{object}");
    }
    let cluster = Obvious::new(&objects);
    let cases =
        plain_yaml::documents(&project("policies/rbac/sample-cluster.cases.yaml")).remove(0);
    let cases: Vec<Case> = serde_json::from_value(cases).unwrap();
    assert!(cases.len() >= 30);
    for case in &cases {
        let answer = if cluster.allows(case) { "allow" } else { "no-opinion" };
        assert_eq!(answer, case.expect, "{case:?}");
    }
    // Every allow has its twin.
    let allowed = cases.iter().filter(|case| case.expect == "allow").count();
    assert!(cases.len() - allowed >= allowed);
}

/// A dump of a cluster without a controller manager: aggregated roles are stored empty.
#[test]
fn a_dump_is_believed_and_what_its_aggregated_roles_lack_is_told() {
    let Some(text) = shared("real-cluster/dump/rbac.json") else { return };
    let mut objects = items(&text);
    objects.retain(|object| object["kind"] == "ClusterRole");
    let roles = cluster_roles(&by_key(objects));
    let roles: Vec<&ClusterRole> = roles.iter().collect();
    let (aggregated, _) = compute(&roles);
    let differing: Vec<usize> =
        aggregated.iter().filter(|one| one.differs).map(|one| one.role).collect();
    assert!(!differing.is_empty());

    let stored = resolve(&roles, Aggregation::Auto);
    let warned: Vec<usize> = stored.warnings.iter().map(|warning| warning.role).collect();
    let mut expected = differing.clone();
    expected.sort_unstable();
    assert_eq!(warned, expected);
    assert!(roles.iter().zip(&stored.rules).all(|(role, rules)| role.rules == **rules));

    let computed = resolve(&roles, Aggregation::Computed);
    assert!(differing.iter().all(|role| computed.rules[*role].len() > stored.rules[*role].len()));
    // What was computed is what the next sync would compute.
    let filled: Vec<ClusterRole> = roles
        .iter()
        .zip(&computed.rules)
        .map(|(role, rules)| ClusterRole { rules: rules.to_vec(), ..(*role).clone() })
        .collect();
    let (again, _) = compute(&filled.iter().collect::<Vec<_>>());
    assert!(again.iter().all(|one| !one.differs));
}
