//! The Node authorizer against the answers of the real one: `golden/worlds/node-*`, and the table of
//! Kubernetes' own unit tests.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::PolicyRule;
use portcullis::authz::node::{Editor, Gates, Graph, Rule, rules};
use portcullis::authz::{Authorizer, Chain};
use portcullis::model::Decision;
use portcullis::source::{self, Input, LoadOptions};
use serde::Deserialize;
use serde_json::Value;

use crate::reference::node::Reference;
use crate::support::{corpus, ndjson, shared};

#[test]
fn the_world_of_the_corpus_is_answered_as_recorded() {
    check_world(&corpus("node-1"));
}

#[test]
fn every_recorded_world_is_answered_as_recorded() {
    // The other one is that of the corpus.
    if let Some(world) = shared("golden/worlds/node-2") {
        check_world(&world);
    }
}

/// A line of an expected file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    denied: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    error: String,
    /// Every reason that is right under some order of the bindings.
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "the authorizer alone is asked, which validates nothing")]
    invalid: Value,
}

fn gates(pod_certificate_request: bool, credential_providers: bool) -> Gates {
    let mut gates = Gates::default();
    gates.pod_certificate_request = pod_certificate_request;
    gates.service_account_token_for_credential_providers = credential_providers;
    gates
}

fn check_world(path: &Path) {
    let loaded = read(&path.join("graph.json"));
    let objects = || loaded.graph.iter().map(|object| &object.value);
    let queries: Vec<SubjectAccessReviewSpec> = ndjson(&path.join("queries.ndjson"));
    for (file, gates) in
        [("expected.ndjson", Gates::default()), ("expected-pcr-enabled.ndjson", gates(true, true))]
    {
        let graph = Editor::load(gates, objects()).graph();
        let reference = Reference::load(gates, objects());
        let chain = Chain::new().with("Node", graph.clone());
        let expected: Vec<Expected> = ndjson(&path.join(file));
        check(&chain, Some((&graph, &reference)), &queries, &expected, file);
    }
    #[cfg(feature = "rbac")]
    if let Some(bootstrap) = shared("golden/bootstrap/bootstrap-upstream-aggregated.json") {
        let graph = Editor::load(Gates::default(), objects()).graph();
        let policy = portcullis::authz::rbac::Policy::compile(&read(&bootstrap)).unwrap();
        let chain = Chain::new().with("Node", graph).with("RBAC", policy);
        let expected: Vec<Expected> = ndjson(&path.join("expected-node-rbac.ndjson"));
        check(&chain, None, &queries, &expected, "expected-node-rbac.ndjson");
    }
}

fn read(path: &Path) -> Inventory {
    let loaded = source::load(&[Input::from(path)], &LoadOptions::default(), &mut |_| ()).unwrap();
    assert!(loaded.report.skipped.is_empty(), "{:?}", loaded.report.skipped);
    loaded.inventory
}

fn check(
    chain: &Chain,
    node: Option<(&Graph, &Reference)>,
    queries: &[SubjectAccessReviewSpec],
    expected: &[Expected],
    file: &str,
) {
    assert_eq!(queries.len(), expected.len());
    let (mut yes, mut no) = (0, BTreeSet::new());
    for (line, (query, expected)) in queries.iter().zip(expected).enumerate() {
        let at = format!("{file}:{}: {query:?}", line + 1);
        let review = PreparedReview::of(query).unwrap();
        let request = review.request();
        let verdict = chain.authorize(&request);
        let found = (verdict.is_allowed(), verdict.decision == Decision::Deny);
        assert_eq!(found, (expected.allowed, expected.denied), "{at}");
        let reason = verdict.reason();
        let is_known = expected.reasons.iter().any(|known| *known == reason);
        assert!(is_known || expected.reason == reason, "{at}: {reason}: {expected:?}");
        // The authorizer never errs (S-NODE-2); what was recorded concerns selectors (S-SAR-14).
        assert_eq!(verdict.errors, [""; 0], "{at}");
        let status = review.status(&verdict);
        assert_eq!(status.evaluation_error, expected.error, "{at}");
        if let Some((graph, reference)) = node {
            let own = graph.authorize(&request);
            assert_eq!(own.path().is_empty(), !own.is_allowed(), "{at}");
            let found = if own.is_allowed() { Ok(()) } else { Err(own.reason().into_owned()) };
            assert_eq!(found, reference.authorize(&request), "{at}");
            // Members of this group are allowed everything, before anybody is asked (S-CHAIN-10).
            let is_master = request.user.is_member("system:masters");
            assert!(is_master || own.is_allowed() == expected.allowed, "{at}");
        }
        if expected.allowed {
            yes += 1;
        } else {
            no.insert(reason.replace(&request.user.name, "").into_bytes());
        }
    }
    assert!(yes > 400 && no.len() > 20, "{yes} allowed, {} reasons", no.len());
}

#[derive(Deserialize)]
struct Table {
    objects: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    case: String,
    features: Features,
    query: SubjectAccessReviewSpec,
    allowed: bool,
    actual_reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Features {
    authorize_node_with_selectors: bool,
    kubelet_service_account_token_for_credential_providers: bool,
    pod_certificate_request: bool,
}

/// `plugin/pkg/auth/authorizer/node/node_authorizer_test.go`.
#[test]
fn decisions_are_those_of_the_unit_tests_of_kubernetes() {
    let Some(path) = shared("golden/k8s-tests/node_authorizer_test.json") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let Table { objects, cases } = serde_json::from_str(&text).unwrap();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let bytes = serde_json::to_vec(&list).unwrap();
    let loaded = source::parse("table.json", &bytes, &LoadOptions::default()).unwrap();
    assert!(loaded.report.skipped.is_empty(), "{:?}", loaded.report.skipped);
    assert_eq!(loaded.inventory.graph.len(), objects.len());
    let objects = || loaded.inventory.graph.iter().map(|object| &object.value);
    let (mut yes, mut no) = (0, 0);
    for Case { case, features, query, allowed, actual_reason } in cases {
        // Locked on since 1.34 (S-NODE-6): without it another authorizer would be asked.
        if !features.authorize_node_with_selectors {
            continue;
        }
        let gates = gates(
            features.pod_certificate_request,
            features.kubelet_service_account_token_for_credential_providers,
        );
        let graph = Editor::load(gates, objects()).graph();
        let review = PreparedReview::of(&query).unwrap();
        let request = review.request();
        let verdict = graph.authorize(&request);
        assert_eq!(verdict.is_allowed(), allowed, "{case}: {query:?}");
        assert_eq!(verdict.reason(), actual_reason, "{case}: {query:?}");
        let slow = Reference::load(gates, objects()).authorize(&request);
        assert_eq!(slow, if allowed { Ok(()) } else { Err(actual_reason) }, "{case}");
        if allowed { yes += 1 } else { no += 1 }
    }
    assert!(yes >= 65 && no >= 60, "{yes} allowed, {no} not");
}

/// The rule list of the real authorizer (S-NODE-3), rule by rule.
#[test]
fn the_rules_of_every_node_are_those_of_kubernetes() {
    let Some(path) = shared("golden/bootstrap/node-rules.json") else { return };
    let theirs: Vec<PolicyRule> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(ours(), theirs);
}

/// The sample of the default roles says the same as the authorizer.
#[test]
fn the_role_of_nodes_among_the_default_roles_has_the_same_rules() {
    let defaults =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rbac/kubernetes-defaults.yaml");
    let inventory = read(&defaults);
    let role =
        inventory.cluster_roles.iter().find(|role| role.value.metadata.name == "system:node");
    assert_eq!(role.unwrap().value.rules, ours());
}

fn ours() -> Vec<PolicyRule> {
    let words = |list: &[&str]| list.iter().copied().map(Into::into).collect();
    let rule = |rule: &Rule| PolicyRule {
        verbs: words(rule.verbs),
        api_groups: words(rule.api_groups),
        resources: words(rule.resources),
        ..PolicyRule::default()
    };
    rules().iter().map(rule).collect()
}
