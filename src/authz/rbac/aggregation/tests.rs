use super::*;
use crate::api::Str;
use crate::api::meta::{LabelSelector, LabelSelectorRequirement};
use crate::api::rbac::AggregationRule;

fn rule(resource: &str) -> PolicyRule {
    PolicyRule {
        verbs: vec!["get".into()],
        api_groups: vec!["".into()],
        resources: vec![resource.into()],
        ..PolicyRule::default()
    }
}

/// A role with a label of its own for each of `labels`, and a rule for each of `resources`.
fn role(name: &str, labels: &[&str], resources: &[&str]) -> ClusterRole {
    let mut role = ClusterRole::default();
    role.metadata.name = name.into();
    role.metadata.labels = labels.iter().map(|label| ((*label).into(), "true".into())).collect();
    role.rules = resources.iter().map(|resource| rule(resource)).collect();
    role
}

/// The same role, selecting every role that has one of `labels`.
fn selecting(mut role: ClusterRole, labels: &[&str]) -> ClusterRole {
    let selector = |label: &&str| LabelSelector {
        match_labels: [((*label).into(), "true".into())].into(),
        ..LabelSelector::default()
    };
    let cluster_role_selectors = labels.iter().map(selector).collect();
    role.aggregation_rule = Some(AggregationRule { cluster_role_selectors });
    role
}

fn stored(mut role: ClusterRole) -> ClusterRole {
    role.metadata.resource_version = "7".into();
    role
}

fn resources(rules: &[PolicyRule]) -> Vec<&str> {
    rules.iter().flat_map(|rule| &rule.resources).map(Str::as_str).collect()
}

fn computed(roles: &[ClusterRole], name: &str) -> Vec<String> {
    let roles: Vec<&ClusterRole> = roles.iter().collect();
    let (aggregated, _) = compute(&roles);
    let found = aggregated.iter().find(|one| roles[one.role].metadata.name == name).unwrap();
    resources(&found.rules).into_iter().map(str::to_owned).collect()
}

#[test]
fn selected_roles_are_joined_by_name_and_each_rule_once() {
    let roles = [
        selecting(role("all", &["x"], &["overwritten"]), &["y", "x"]),
        role("b", &["x"], &["pods", "nodes"]),
        role("a", &["x"], &["nodes", "secrets"]),
        role("z", &["y"], &["services", "pods"]),
        role("other", &["w"], &["events"]),
    ];
    // S-AGG-2: selectors in order, names ascending, the role itself left out.
    assert_eq!(computed(&roles, "all"), ["services", "pods", "nodes", "secrets"]);
}

#[test]
fn chains_settle_whatever_the_names() {
    let roles = [
        selecting(role("a", &[], &[]), &["b"]),
        selecting(role("b", &["b"], &[]), &["c"]),
        selecting(role("c", &["c"], &[]), &["leaf"]),
        role("leaf", &["leaf"], &["pods"]),
    ];
    assert_eq!(computed(&roles, "a"), ["pods"]);
}

#[test]
fn a_circle_of_two_settles_and_one_of_three_that_passes_old_rules_on_is_reported() {
    let two = [
        selecting(role("a", &["a"], &[]), &["b", "leaf"]),
        selecting(role("b", &["b"], &[]), &["a"]),
        role("leaf", &["leaf"], &["pods"]),
    ];
    assert_eq!(computed(&two, "a"), ["pods"]);
    assert_eq!(computed(&two, "b"), ["pods"]);

    let three = [
        selecting(role("a", &["a"], &["x"]), &["b"]),
        selecting(role("b", &["b"], &["y"]), &["c"]),
        selecting(role("c", &["c"], &["z"]), &["a"]),
    ];
    let (_, warnings) = compute(&three.each_ref());
    assert!(warnings.iter().any(|warning| warning.problem == AggregationProblem::Unsettled));
}

#[test]
fn an_empty_selector_selects_everybody_and_no_selector_nobody() {
    let mut everybody = selecting(role("m", &[], &["old"]), &[]);
    let nobody = everybody.clone();
    everybody.aggregation_rule =
        Some(AggregationRule { cluster_role_selectors: vec![LabelSelector::default()] });
    let leaf = role("leaf", &[], &["pods"]);
    assert_eq!(computed(&[everybody, leaf.clone()], "m"), ["pods"]);
    assert!(computed(&[nobody, leaf], "m").is_empty());
}

#[test]
fn a_bad_selector_leaves_the_rules_and_is_reported() {
    let mut bad = selecting(role("bad", &["b"], &["old"]), &["leaf"]);
    let expression = LabelSelectorRequirement {
        key: "leaf".into(),
        operator: "Equals".into(),
        values: vec!["true".into()],
    };
    let selectors = &mut bad.aggregation_rule.as_mut().unwrap().cluster_role_selectors;
    selectors
        .push(LabelSelector { match_expressions: vec![expression], ..LabelSelector::default() });
    let roles = [bad, selecting(role("top", &[], &[]), &["b"]), role("leaf", &["leaf"], &["pods"])];
    let (aggregated, warnings) = compute(&roles.each_ref());
    assert!(!aggregated.iter().find(|one| one.role == 0).unwrap().differs);
    assert_eq!(computed(&roles, "top"), ["old"]);
    assert_eq!(
        warnings[0].to_string(),
        "aggregated ClusterRole `bad`: clusterRoleSelectors[1] cannot be read, the rules stay as \
         stored: \"Equals\" is not a valid label selector operator"
    );
}

#[test]
fn auto_believes_the_server_and_computes_for_manifests() {
    let roles = [
        stored(selecting(role("server", &["s"], &["stale"]), &["leaf"])),
        selecting(role("manifest", &[], &[]), &["leaf", "s"]),
        selecting(role("written", &[], &["by-hand"]), &["leaf"]),
        role("leaf", &["leaf"], &["pods"]),
    ];
    let roles = roles.each_ref();
    let shown = |mode| {
        let resolution = resolve(&roles, mode);
        let rules: Vec<String> =
            resolution.rules.iter().map(|rules| resources(rules).join(",")).collect();
        let warned: Vec<usize> = resolution.warnings.iter().map(|warning| warning.role).collect();
        (rules, warned)
    };
    // A manifest that leaves its rules to the controller is not odd; one that writes them is.
    let auto = shown(Aggregation::Auto);
    assert_eq!(
        auto,
        (vec!["stale".into(), "pods,stale".into(), "pods".into(), "pods".into()], vec![0, 2])
    );
    let computed = shown(Aggregation::Computed);
    assert_eq!(
        computed,
        (vec!["pods".into(), "pods".into(), "pods".into(), "pods".into()], vec![0, 2])
    );
    let stored = shown(Aggregation::Stored);
    assert_eq!(
        stored,
        (vec!["stale".into(), String::new(), "by-hand".into(), "pods".into()], vec![0, 1, 2])
    );
    assert_eq!(
        resolve(&roles, Aggregation::Auto).warnings[0].to_string(),
        "aggregated ClusterRole `server`: its 1 stored rules are not the 1 that its selectors \
         yield; the stored ones are used"
    );
}

#[test]
fn without_aggregated_roles_nothing_is_touched() {
    let roles = [role("a", &["x"], &["pods"])];
    let resolution = resolve(&roles.each_ref(), Aggregation::Computed);
    assert!(matches!(resolution.rules.as_slice(), [Cow::Borrowed(_)]));
}
