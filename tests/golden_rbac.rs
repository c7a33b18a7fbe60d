//! RBAC against the answers of the real authorizer (`golden/worlds/rbac-*`), on every path.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::api::inventory::Inventory;
use portcullis::authz::rbac::{Editor, NOT_AFTER, Policy};
use portcullis::authz::{Authorizer, Chain};
use portcullis::model::{Clock, Moment, Request};

use crate::reference::rbac::Reference;
use crate::support::world::{
    Expected, ExpectedRules, ExpectedSubjects, Query, RulesQuery, assert_same_rules, error_parts,
    read_list, sorted,
};
use crate::support::{corpus, ndjson, shared};

#[test]
fn the_worlds_of_the_corpus_are_answered_as_recorded() {
    check_world(&corpus("rbac-1"), [2990, 375, 60]);
    check_world(&corpus("rbac-bootstrap-1"), [490, 100, 30]);
}

#[test]
fn every_recorded_world_is_answered_as_recorded() {
    for world in ["rbac-2", "rbac-3", "rbac-4", "rbac-5", "rbac-6", "rbac-bootstrap-1"] {
        let Some(path) = shared(&format!("golden/worlds/{world}")) else {
            return;
        };
        check_world(&path, [2990, 375, 60]);
    }
}

/// `least`: how many decisions, locators and rules reviews the world holds at least.
fn check_world(path: &Path, least: [usize; 3]) {
    let inventory = read_list(&path.join("world.json"));
    let reference = Reference::new(&inventory);
    for policy in [Policy::compile(&inventory).unwrap(), with_grant_times(inventory)] {
        let decisions = check_decisions(path, &policy, &reference);
        let found = [decisions, check_who_can(path, &policy), check_rules(path, &policy)];
        assert!(found.iter().zip(&least).all(|(found, least)| found >= least), "{found:?}");
    }
}

/// The same policy where bindings end by a clock, and every second one does so tomorrow.
fn with_grant_times(mut inventory: Inventory) -> Policy {
    let of_cluster = inventory.cluster_role_bindings.iter_mut().map(|it| &mut it.value.metadata);
    let others = inventory.role_bindings.iter_mut().map(|it| &mut it.value.metadata);
    for metadata in of_cluster.chain(others).step_by(2) {
        metadata.annotations.insert(NOT_AFTER.into(), "2026-11-28T00:00:00Z".into());
    }
    let today = Clock::fixed("2026-11-27T12:00:00Z".parse::<Moment>().unwrap());
    Editor::with_grant_times(today).filled(&inventory, |_| None).unwrap().policy()
}

fn check_decisions(path: &Path, policy: &Policy, reference: &Reference) -> usize {
    let queries: Vec<Query> = ndjson(&path.join("queries.ndjson"));
    let expected: Vec<Expected> = ndjson(&path.join("expected.ndjson"));
    assert_eq!(queries.len(), expected.len());
    // Recorded with the built-in step for `system:masters` in front.
    let chain = Chain::new().with("RBAC", policy.clone());
    let mut checked = 0;
    for (line, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        if expected.no_attrs {
            continue;
        }
        let at = format!("{}:{}: {query:?}", path.display(), line + 1);
        let user = query.user();
        let attributes = query.attributes();
        let request = Request { user: &user, attributes };
        let verdict = chain.authorize(&request);
        assert_eq!(verdict.is_allowed(), expected.allowed, "{at}");
        assert!(expected.is_reason(&verdict.reason()), "{at}: {}", verdict.reason());
        // RBAC never denies and never errs (S-RBAC-24); what was recorded concerns selectors.
        assert!(!expected.denied && verdict.errors.is_empty(), "{at}");
        assert!(expected.error.is_empty() || expected.error.contains("parse error"), "{at}");
        let principal = chain.principal(&user.clone().into());
        assert_eq!(principal.authorize(&attributes).is_allowed(), expected.allowed, "{at}");
        assert_eq!(verdict.path().is_empty(), !expected.allowed, "{at}");
        let own = policy.authorize(&request);
        let slow = reference.authorize(&user, &attributes);
        assert_eq!(slow.allowed, own.is_allowed(), "{at}");
        assert_eq!(slow.reason, own.reason(), "{at}");
        let principal = policy.principal(&user.clone().into());
        assert_eq!(principal.allows(&attributes), slow.allowed, "{at}");
        checked += 1;
    }
    checked
}

fn check_who_can(path: &Path, policy: &Policy) -> usize {
    let queries: Vec<Query> = ndjson(&path.join("whocan-queries.ndjson"));
    let expected: Vec<ExpectedSubjects> = ndjson(&path.join("whocan-expected.ndjson"));
    for (line, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        let at = format!("{} who-can:{}", path.display(), line + 1);
        let Some(subjects) = &expected.subjects else { continue };
        let attributes = query.attributes();
        let who = policy.who_can(&attributes);
        assert_eq!(sorted(who.subjects()), sorted(subjects.clone()), "{at}");
        let errors: BTreeSet<String> = who.errors.iter().cloned().collect();
        assert_eq!(errors, error_parts(&expected.error), "{at}");
    }
    queries.len()
}

fn check_rules(path: &Path, policy: &Policy) -> usize {
    let queries: Vec<RulesQuery> = ndjson(&path.join("rules-queries.ndjson"));
    let expected: Vec<ExpectedRules> = ndjson(&path.join("rules-expected.ndjson"));
    assert_eq!(queries.len(), expected.len());
    let mut checked = 0;
    for (line, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        if expected.invalid.is_some() {
            assert!(query.namespace.is_empty());
            continue;
        }
        let at = format!("{} rules:{}", path.display(), line + 1);
        let found = policy.rules_for(&query.user(), &query.namespace);
        assert_same_rules(&found, &expected.status, &at);
        checked += 1;
    }
    checked
}
