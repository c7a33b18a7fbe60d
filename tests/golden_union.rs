//! Chains of modes against the answers of the API server (`golden/worlds/union-1`): every recorded
//! list of modes.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::api::inventory::Inventory;
use portcullis::authz::abac;
use portcullis::authz::rbac::aggregation::Aggregation;
use portcullis::model::{Decision, Request, Verdict};
use portcullis::snapshot::{Config, Mode, Snapshot, SuperUserStep, compile};

use crate::reference::orders::allow_reasons;
use crate::support::world::{
    Expected, ExpectedRules, RulesQuery, assert_same_rules, error_parts, read_list,
};
use crate::support::{corpus, ndjson, shared};

#[test]
fn chains_of_the_corpus_are_answered_as_recorded() {
    let found = check_world(&corpus("union-1"));
    assert_eq!(found, LISTS);
}

#[test]
fn every_recorded_chain_is_answered_as_recorded() {
    if let Some(world) = shared("golden/worlds/union-1") {
        assert_eq!(check_world(&world), LISTS);
    }
}

/// How many lists of modes there are, and how many of them are asked for rules.
const LISTS: (usize, usize) =
    if cfg!(all(feature = "files", feature = "node")) { (8, 3) } else { (6, 2) };

/// How many lists of modes decided, and how many listed rules.
fn check_world(world: &Path) -> (usize, usize) {
    let mut files: Vec<String> = std::fs::read_dir(world)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let (mut decided, mut listed) = (0, 0);
    for file in &files {
        let Some(name) = file.strip_suffix(".ndjson") else { continue };
        if let Some(modes) = name.strip_prefix("expected-") {
            if let Some(snapshot) = snapshot(world, modes) {
                check_decisions(world, file, &snapshot);
                decided += 1;
            }
        } else if let Some(modes) = name.strip_prefix("rules-expected-")
            && let Some(snapshot) = snapshot(world, modes)
        {
            check_rules(world, file, &snapshot);
            listed += 1;
        }
    }
    (decided, listed)
}

/// The chain that a file name spells, as `RBAC-ABAC` or `RBAC-nosuperuser`. None with mode Node where
/// that engine is left out of the build.
fn snapshot(world: &Path, modes: &str) -> Option<Snapshot> {
    let (modes, super_user) = match modes.strip_suffix("-nosuperuser") {
        Some(modes) => (modes, SuperUserStep::LeaveOut),
        None => (modes, SuperUserStep::Include),
    };
    let modes: Vec<&str> = modes.split('-').collect();
    let mut inventory = read_list(&world.join("world.json"));
    if modes.contains(&"Node") && !read_graph(world, &mut inventory) {
        return None;
    }
    let modes = modes.into_iter().map(|mode| mode.parse::<Mode>().unwrap());
    let policy = std::fs::read_to_string(world.join("policy.jsonl")).unwrap();
    let config = Config::new(modes)
        .with_super_user(super_user)
        .with_aggregation(Aggregation::Stored)
        .with_abac(abac::Policy::parse("policy.jsonl", &policy).unwrap());
    Some(compile(&inventory, &config).unwrap())
}

#[cfg(all(feature = "files", feature = "node"))]
fn read_graph(world: &Path, inventory: &mut Inventory) -> bool {
    use portcullis::source::{self, Input, LoadOptions};

    let path = Input::from(world.join("graph.json"));
    let loaded = source::load(&[path], &LoadOptions::default(), &mut |_| ()).unwrap();
    inventory.graph = loaded.inventory.graph;
    !inventory.graph.is_empty()
}

#[cfg(not(all(feature = "files", feature = "node")))]
fn read_graph(_: &Path, _: &mut Inventory) -> bool {
    false
}

fn check_decisions(world: &Path, file: &str, snapshot: &Snapshot) {
    let queries: Vec<SubjectAccessReviewSpec> = ndjson(&world.join("queries.ndjson"));
    let expected: Vec<Expected> = ndjson(&world.join(file));
    assert_eq!(queries.len(), expected.len());
    let mut checked = 0;
    for (line, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        let Some(review) = PreparedReview::of(query) else {
            assert!(expected.no_attrs);
            continue;
        };
        let at = format!("{file}:{}: {query:?}", line + 1);
        let request = review.request();
        let verdict = snapshot.authorize(&request);
        check_verdict(&verdict, expected, snapshot, &request, &at);
        let principal = snapshot.principal(review.user());
        let attributes = review.attributes();
        let resolved = principal.authorize(&attributes);
        check_verdict(&resolved, expected, snapshot, &request, &at);
        assert_eq!(resolved.path(), verdict.path(), "{at}");
        // What a client is told. Questions that validation refuses have no answer to render.
        if query.validate().is_ok() {
            let status = review.status(&snapshot.authorize(&request));
            assert_eq!((status.allowed, status.denied), (expected.allowed, expected.denied));
            assert!(is_reason(&status.reason, expected, snapshot, &request), "{at}: {status:?}");
            assert_eq!(error_parts(&status.evaluation_error), error_parts(&expected.error), "{at}");
        }
        checked += 1;
    }
    assert!(checked > 850, "{checked}");
}

#[track_caller]
fn check_verdict(
    verdict: &Verdict<'_>,
    expected: &Expected,
    snapshot: &Snapshot,
    request: &Request<'_>,
    at: &str,
) {
    assert_eq!(
        (verdict.is_allowed(), verdict.decision == Decision::Deny),
        (expected.allowed, expected.denied),
        "{at}"
    );
    assert!(
        is_reason(&verdict.reason(), expected, snapshot, request),
        "{at}: {}",
        verdict.reason()
    );
    // No mode here errs; what was recorded concerns the selectors of the question.
    assert_eq!(verdict.errors, [""; 0], "{at}");
}

/// Where several bindings allow, the recorded reason is that of one order of them: both must be
/// among what is right. Otherwise the lines of the members are in order, each error list a set.
fn is_reason(
    reason: &str,
    expected: &Expected,
    snapshot: &Snapshot,
    request: &Request<'_>,
) -> bool {
    if expected.is_reason(reason) {
        return expected.allowed || same_lines(reason, &expected.reason);
    }
    let Some(rbac) = snapshot.rbac().filter(|_| expected.allowed) else { return false };
    let right = allow_reasons(rbac, request);
    right.contains(reason) && right.contains(&expected.reason)
}

fn same_lines(ours: &str, theirs: &str) -> bool {
    let lines =
        |text: &str| -> Vec<BTreeSet<String>> { text.split('\n').map(error_parts).collect() };
    lines(ours) == lines(theirs)
}

fn check_rules(world: &Path, file: &str, snapshot: &Snapshot) {
    let queries: Vec<RulesQuery> = ndjson(&world.join("rules-queries.ndjson"));
    let expected: Vec<ExpectedRules> = ndjson(&world.join(file));
    assert_eq!(queries.len(), expected.len());
    let mut checked = 0;
    for (line, (query, expected)) in queries.iter().zip(&expected).enumerate() {
        if expected.invalid.is_some() {
            assert!(query.namespace.is_empty());
            continue;
        }
        let found = snapshot.rules_for(&query.user(), &query.namespace);
        assert_same_rules(&found, &expected.status, &format!("{file}:{}", line + 1));
        checked += 1;
    }
    assert!(checked > 60, "{checked}");
}
