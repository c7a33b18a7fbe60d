use super::compact::SimpleResource;
use super::*;
use crate::api::rbac::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
};
use crate::authz::{Authorizer, Rules};
use crate::model::{Attributes, Request, User, Verdict};

/// Allows what is written as `verb group/resource name namespace version`.
struct Allows(&'static [&'static str]);

impl Authorizer for Allows {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        let Attributes::Resource(asked) = request.attributes else {
            return Verdict::no_opinion("");
        };
        let text = format!(
            "{} {}/{} {:?} {:?} {}",
            asked.verb, asked.group, asked.resource, asked.name, asked.namespace, asked.version
        );
        if self.0.contains(&text.as_str()) { Verdict::allow("") } else { Verdict::no_opinion("") }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete("a test")
    }
}

fn rule(verbs: &[&str], resource: &str) -> PolicyRule {
    PolicyRule {
        verbs: verbs.iter().map(|verb| (*verb).into()).collect(),
        api_groups: vec!["".into()],
        resources: vec![resource.into()],
        ..PolicyRule::default()
    }
}

fn everything() -> [PolicyRule; 2] {
    let all = || vec!["*".into()];
    let resources =
        PolicyRule { verbs: all(), api_groups: all(), resources: all(), ..Default::default() };
    let paths = PolicyRule { verbs: all(), non_resource_urls: all(), ..Default::default() };
    [resources, paths]
}

fn secrets_role() -> ClusterRole {
    let mut role =
        ClusterRole { rules: vec![rule(&["get", "list"], "secrets")], ..Default::default() };
    role.metadata.name = "r".into();
    role
}

fn text(result: Result<(), Refusal>) -> String {
    result.map_or_else(|refusal| format!("{} {refusal}", refusal.status()), |()| "yes".to_owned())
}

#[test]
fn what_one_does_not_hold_is_refused_with_the_text_of_the_api_server() {
    let bob = User::new("bob").with_groups(["dev", "system:authenticated"]);
    let role = secrets_role();
    let write = RoleWrite::create_cluster_role(&role);
    let nobody = Allows(&[]);
    let holds = |rules: &[PolicyRule]| {
        let requester = Requester { user: &bob, authorizer: &nobody, rules, errors: &[] };
        text(check_role_write(&requester, &write))
    };
    // The example of S-ESC-7.
    assert_eq!(
        holds(&[]),
        "403 clusterroles.rbac.authorization.k8s.io \"r\" is forbidden: user \"bob\" \
         (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC permissions not \
         currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}"
    );
    assert_eq!(holds(&[rule(&["list"], "*"), rule(&["get"], "secrets")]), "yes");
}

#[test]
fn errors_of_resolution_are_told_but_refuse_nothing() {
    let user = User::new("u");
    let role = secrets_role();
    let write = RoleWrite::create_cluster_role(&role);
    let errors = ["e1".to_owned(), "e2".to_owned()];
    let ask = |rules: &[PolicyRule], errors: &[String]| {
        let requester = Requester { user: &user, authorizer: &Allows(&[]), rules, errors };
        text(check_role_write(&requester, &write))
    };
    assert!(ask(&[], &errors).ends_with("; resolution errors: [[e1, e2]]"));
    assert!(ask(&[], &errors[..1]).ends_with("; resolution errors: [e1]"));
    assert_eq!(ask(&everything(), &errors), "yes");
}

#[test]
fn masters_and_escalators_write_any_role() {
    let role = secrets_role();
    let ask = |user: &User, authorizer: &Allows, write: &RoleWrite<'_>| {
        check_role_write(&Requester { user, authorizer, rules: &[], errors: &[] }, write).is_ok()
    };
    let user = User::new("u");
    let create = RoleWrite::create_cluster_role(&role);
    let update = RoleWrite::update_cluster_role(&ClusterRole::default(), &role);
    assert!(ask(&User::new("u").with_groups(["system:masters"]), &Allows(&[]), &create));
    assert!(!ask(&user, &Allows(&[]), &create));
    let any = Allows(&["escalate rbac.authorization.k8s.io/clusterroles \"\" \"\" *"]);
    assert!(ask(&user, &any, &create));
    // S-ESC-2: permission by name serves updates, not creation.
    let named = Allows(&["escalate rbac.authorization.k8s.io/clusterroles \"r\" \"\" *"]);
    assert!(ask(&user, &named, &update));
    assert!(!ask(&user, &named, &create));

    let role = Role { rules: role.rules.clone(), ..Role::default() };
    let write = RoleWrite::create_role("ns", &role);
    assert!(ask(
        &user,
        &Allows(&["escalate rbac.authorization.k8s.io/roles \"\" \"ns\" *"]),
        &write
    ));
    assert!(!ask(&user, &any, &write));
    let requester = Requester { user: &user, authorizer: &any, rules: &[], errors: &[] };
    let refused = text(check_role_write(&requester, &write));
    assert!(
        refused.starts_with("403 roles.rbac.authorization.k8s.io is forbidden: user"),
        "{refused}"
    );
}

#[test]
fn an_aggregation_rule_old_or_new_needs_everything_there_is() {
    let user = User::new("u");
    let plain = secrets_role();
    let mut aggregated = plain.clone();
    aggregated.aggregation_rule =
        Some(AggregationRule { cluster_role_selectors: vec![Default::default()] });
    let ask = |rules: &[PolicyRule], write: &RoleWrite<'_>| {
        let requester = Requester { user: &user, authorizer: &Allows(&[]), rules, errors: &[] };
        text(check_role_write(&requester, write))
    };
    let refused = "403 clusterroles.rbac.authorization.k8s.io \"r\" is forbidden: must have \
                   cluster-admin privileges to use the aggregationRule";
    let held = [rule(&["*"], "secrets")];
    assert_eq!(ask(&held, &RoleWrite::create_cluster_role(&plain)), "yes");
    assert_eq!(ask(&held, &RoleWrite::create_cluster_role(&aggregated)), refused);
    assert_eq!(ask(&held, &RoleWrite::update_cluster_role(&aggregated, &plain)), refused);
    assert_eq!(ask(&everything()[..1], &RoleWrite::create_cluster_role(&aggregated)), refused);
    assert_eq!(ask(&everything(), &RoleWrite::create_cluster_role(&aggregated)), "yes");
}

#[test]
fn a_binding_needs_bind_or_every_rule_of_the_role() {
    let user = User::new("u");
    let mut binding = RoleBinding { role_ref: RoleRef::cluster_role("r"), ..Default::default() };
    binding.metadata.name = "b".into();
    let role = secrets_role();
    let ask = |authorizer: &Allows, rules: &[PolicyRule], namespace: &str, referenced| {
        let requester = Requester { user: &user, authorizer, rules, errors: &[] };
        let write = BindingWrite::role_binding(namespace, &binding);
        text(check_binding_write(&requester, &write, referenced))
    };
    let nobody = Allows(&[]);
    let binder = Allows(&["bind rbac.authorization.k8s.io/clusterroles \"r\" \"ns\" *"]);
    let rules = Some(role.rules.as_slice());
    assert!(
        ask(&nobody, &[], "ns", rules).starts_with(
            "403 rolebindings.rbac.authorization.k8s.io \"b\" is forbidden: user \"u\""
        )
    );
    assert_eq!(ask(&nobody, &role.rules, "ns", rules), "yes");
    assert_eq!(ask(&binder, &[], "ns", rules), "yes");
    assert!(ask(&binder, &[], "other", rules).starts_with("403"));
    // S-ESC-12: only who may bind may bind what does not exist.
    assert_eq!(
        ask(&nobody, &everything(), "ns", None),
        "404 clusterroles.rbac.authorization.k8s.io \"r\" not found"
    );
    assert_eq!(ask(&binder, &[], "ns", None), "yes");
    // S-ESC-15.
    assert_eq!(ask(&binder, &[], "", rules), "400 namespace is required");
}

#[test]
fn a_cluster_role_binding_is_asked_about_without_a_namespace() {
    let user = User::new("u");
    let mut binding =
        ClusterRoleBinding { role_ref: RoleRef::cluster_role("r"), ..Default::default() };
    let binder = Allows(&["bind rbac.authorization.k8s.io/clusterroles \"r\" \"\" *"]);
    let ask = |binding: &ClusterRoleBinding| {
        let requester = Requester { user: &user, authorizer: &binder, rules: &[], errors: &[] };
        text(check_binding_write(&requester, &BindingWrite::cluster_role_binding(binding), None))
    };
    assert_eq!(ask(&binding), "yes");
    binding.role_ref.name = "other".into();
    assert_eq!(ask(&binding), "404 clusterroles.rbac.authorization.k8s.io \"other\" not found");
    binding.role_ref.kind = "Group".into();
    assert_eq!(ask(&binding), "500 unsupported role reference kind: \"Group\"");
}

#[test]
fn a_role_that_breaks_down_into_billions_of_atoms_ends_the_search() {
    let many = |prefix: &str| (0..1500).map(|i| format!("{prefix}{i}").into()).collect::<Vec<_>>();
    let hostile = PolicyRule {
        verbs: many("v"),
        api_groups: many("g"),
        resources: many("r"),
        ..PolicyRule::default()
    };
    let coverage = covers(&[rule(&["get"], "pods")], std::slice::from_ref(&hostile));
    assert!(!coverage.covered && coverage.truncated);
    assert_eq!(coverage.uncovered.len(), UNCOVERED_LIMIT);
    assert!(covers(&everything(), &[hostile]).covered);
}

/// The index answers as a walk over the rules does, also where it changes its representation.
#[test]
fn many_rules_are_covered_as_few_are() {
    let owner: Vec<PolicyRule> = (0..300)
        .map(|i| {
            let mut one =
                rule(&["get", if i % 7 == 0 { "*" } else { "list" }], &format!("r{}", i % 90));
            if i % 3 == 0 {
                one.resource_names = vec![format!("n{i}").into()];
            }
            one
        })
        .collect();
    let walk = |atom: &PolicyRule| {
        owner.iter().any(|held| {
            let verb = held.verbs.contains(&atom.verbs[0]) || held.verbs.contains(&"*".into());
            let name = held.resource_names.is_empty()
                || atom.resource_names.first().is_some_and(|n| held.resource_names.contains(n));
            verb && name && held.resources == atom.resources
        })
    };
    let mut requested = Vec::new();
    for i in 0..95 {
        let mut one = rule(&["get", "list", "patch"], &format!("r{i}"));
        requested.push(one.clone());
        one.resource_names = vec![format!("n{i}").into(), "none".into()];
        requested.push(one);
    }
    let expected: Vec<PolicyRule> =
        requested.iter().flat_map(break_down).filter(|atom| !walk(atom)).collect();
    assert!(expected.len() > 100 && expected.len() < requested.len() * 6);
    assert_eq!(covers(&owner, &requested).uncovered, expected);
}

/// `pkg/registry/rbac/validation/policy_compact_test.go`, which stays outside the project.
#[test]
fn simple_rules_are_told_as_kubernetes_tells_them() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/golden/k8s-tests/simple_resource_rule_test.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not here");
        return;
    };
    for case in serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap() {
        let rule: PolicyRule = serde_json::from_value(case["rule"].clone()).unwrap();
        let found = SimpleResource::of(&rule);
        assert_eq!(found.is_some(), case["simple"].as_bool().unwrap(), "{case}");
        let Some(found) = found else { continue };
        assert_eq!(found.group, case["group"], "{case}");
        assert_eq!(found.resource, case["resource"], "{case}");
        assert_eq!(found.name.unwrap_or_default(), case["resourceName"], "{case}");
        assert_eq!(found.name.is_some(), case["resourceNameExist"], "{case}");
    }
}
