//! A policy that changes while readers decide: every answer is that of one version, and any
//! sequence of changes ends where compiling the final objects ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use portcullis::api::inventory::Inventory;
use portcullis::api::meta::LabelSelector;
use portcullis::api::rbac::{
    AggregationRule, ClusterRole, ClusterRoleBinding, Object, ObjectKey, PolicyRule, RoleRef,
    Subject,
};
use portcullis::authz::rbac::aggregation::Aggregation;
use portcullis::model::{Origin, Request, ResourceAttributes, User};
use portcullis::snapshot::{ApplyError, Change, Config, Live, Mode, Snapshot, compile};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::prop_rbac::{Asked, asked, object};
use crate::support::world::sorted;

fn rule(verb: &str, resource: &str) -> PolicyRule {
    PolicyRule {
        verbs: vec![verb.into()],
        api_groups: vec!["".into()],
        resources: vec![resource.into()],
        ..PolicyRule::default()
    }
}

fn role(name: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    let mut role = ClusterRole { rules, ..ClusterRole::default() };
    role.metadata.name = name.into();
    role
}

/// A role that is part of the aggregated one.
fn part(name: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    let mut role = role(name, rules);
    role.metadata.labels.insert("part".into(), "yes".into());
    role
}

fn aggregated(name: &str) -> ClusterRole {
    let selector = LabelSelector {
        match_labels: [("part".into(), "yes".into())].into(),
        ..LabelSelector::default()
    };
    let aggregation_rule = Some(AggregationRule { cluster_role_selectors: vec![selector] });
    ClusterRole { aggregation_rule, ..role(name, Vec::new()) }
}

fn binding(name: &str, user: &str, role: &str) -> ClusterRoleBinding {
    let mut binding = ClusterRoleBinding {
        subjects: vec![Subject::user(user)],
        role_ref: RoleRef::cluster_role(role),
        ..ClusterRoleBinding::default()
    };
    binding.metadata.name = name.into();
    binding
}

fn applied(object: impl Into<Object>) -> Change {
    Change::Apply(object.into(), Origin::default())
}

fn deleted(object: impl Into<Object>) -> Change {
    Change::Delete(object.into().key())
}

fn live(objects: impl IntoIterator<Item = Object>) -> Live {
    let inventory: Inventory = objects.into_iter().collect();
    Live::new(&inventory, Config::new([Mode::Rbac])).unwrap()
}

fn may(snapshot: &Snapshot, user: &str, verb: &str, resource: &str) -> bool {
    let user = User::new(user);
    let request = Request::resource(&user, ResourceAttributes::new(verb, resource));
    let allowed = snapshot.authorize(&request).is_allowed();
    let principal = snapshot.principal(&user);
    let attributes = request.attributes;
    assert_eq!(principal.authorize(&attributes).is_allowed(), allowed);
    allowed
}

// ---- readers and a writer ------------------------------------------------------------------------

/// Versions that a writer publishes in the tests below: enough for readers to meet many of them.
const CHANGES: u64 = 600;

/// Lets `writer` publish while three readers check every snapshot they meet, and each once more
/// when later versions are out; generations never go back.
fn beside_readers(live: &Live, writer: impl FnOnce(), check: impl Fn(&Snapshot) + Sync) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut kept = live.snapshot();
                    let mut looked = 0_u64;
                    // At least one look after the last change.
                    loop {
                        let last = done.load(Ordering::Acquire);
                        let snapshot = live.snapshot();
                        assert!(snapshot.generation() >= kept.generation());
                        check(&snapshot);
                        check(&kept);
                        kept = snapshot;
                        looked += 1;
                        if last {
                            return (kept.generation(), looked);
                        }
                    }
                })
            })
            .collect();
        writer();
        done.store(true, Ordering::Release);
        for reader in readers {
            let (generation, looked) = reader.join().unwrap();
            assert_eq!(generation, live.snapshot().generation());
            assert!(looked > 0);
        }
    });
}

#[test]
fn every_answer_is_that_of_the_version_asked() {
    let always = binding("always", "root", "reader");
    let toggled = binding("toggled", "jane", "reader");
    let live = live([role("reader", vec![rule("get", "pods")]).into(), always.into()]);
    let first = live.snapshot().generation();
    let write = || {
        for change in 0..CHANGES {
            if change % 2 == 0 {
                live.apply(toggled.clone(), &Origin::default()).unwrap();
            } else {
                assert!(live.delete(&Object::from(toggled.clone()).key()).unwrap());
            }
            assert_eq!(live.snapshot().generation(), first + change + 1);
        }
    };
    beside_readers(&live, write, |snapshot| {
        let is_bound = (snapshot.generation() - first) % 2 == 1;
        assert_eq!(may(snapshot, "jane", "get", "pods"), is_bound);
        assert!(may(snapshot, "root", "get", "pods"), "not touched by any change");
        assert!(!may(snapshot, "jane", "delete", "pods"), "never granted");
        assert!(!may(snapshot, "joe", "get", "pods"), "never bound");
    });
}

#[test]
fn changes_made_together_are_seen_together() {
    let (jane, joe) = (binding("janes", "jane", "reader"), binding("joes", "joe", "reader"));
    let live = live([role("reader", vec![rule("get", "pods")]).into(), jane.clone().into()]);
    let write = || {
        for change in 0..CHANGES {
            let (comes, goes) = if change % 2 == 0 { (&joe, &jane) } else { (&jane, &joe) };
            let removed = live.change([deleted(goes.clone()), applied(comes.clone())]).unwrap();
            assert_eq!(removed, 1);
        }
    };
    beside_readers(&live, write, |snapshot| {
        let who = ["jane", "joe"].map(|user| may(snapshot, user, "get", "pods"));
        assert!(who == [true, false] || who == [false, true], "{who:?}");
    });
}

#[test]
fn aggregated_roles_follow_their_parts_in_the_same_version() {
    let grants = |verb: &str| part("p", vec![rule(verb, "pods")]);
    let live = live([
        aggregated("whole").into(),
        grants("get").into(),
        binding("b", "jane", "whole").into(),
        binding("c", "joe", "p").into(),
    ]);
    let write = || {
        for change in 0..CHANGES / 2 {
            let verb = if change % 2 == 0 { "list" } else { "get" };
            live.apply(grants(verb), &Origin::default()).unwrap();
        }
    };
    beside_readers(&live, write, |snapshot| {
        let verbs = ["get", "list"].map(|verb| may(snapshot, "jane", verb, "pods"));
        assert!(verbs == [true, false] || verbs == [false, true], "{verbs:?}");
        assert_eq!(verbs, ["get", "list"].map(|verb| may(snapshot, "joe", verb, "pods")));
    });
}

// ---- what a change may do ------------------------------------------------------------------------

#[test]
fn an_aggregated_role_gains_and_loses_with_each_part() {
    let live = live([aggregated("whole").into(), binding("b", "jane", "whole").into()]);
    let may = |verb| may(&live.snapshot(), "jane", verb, "pods");
    assert!(!may("get"));
    live.apply(part("p", vec![rule("get", "pods")]), &Origin::default()).unwrap();
    live.apply(part("q", vec![rule("list", "pods")]), &Origin::default()).unwrap();
    assert!(may("get") && may("list") && !may("delete"));
    // Without its label a role is no part any more.
    live.apply(role("p", vec![rule("get", "pods")]), &Origin::default()).unwrap();
    assert!(!may("get") && may("list"));
    live.change([deleted(role("q", Vec::new()))]).unwrap();
    assert!(!may("list"));
    // And one that aggregates no longer has the rules that are written in it.
    live.apply(part("q", vec![rule("list", "pods")]), &Origin::default()).unwrap();
    assert!(may("list"));
    live.apply(role("whole", vec![rule("delete", "pods")]), &Origin::default()).unwrap();
    assert!(!may("list") && may("delete"));
}

#[test]
fn a_change_that_cannot_be_made_changes_nothing() {
    let config = Config::new([Mode::AlwaysDeny]);
    let live = Live::new(&Inventory::default(), config).unwrap();
    let before = live.snapshot();
    let change = [applied(binding("b", "jane", "r")), applied(role("r", Vec::new()))];
    assert_eq!(live.change(change), Err(ApplyError::NoRbac));
    assert_eq!(live.snapshot().generation(), before.generation());
    assert!(!may(&live.snapshot(), "jane", "get", "pods"));
}

#[test]
fn deleting_what_is_not_there_is_said_and_does_no_harm() {
    let live = live([
        role("reader", vec![rule("get", "pods")]).into(),
        binding("b", "jane", "reader").into(),
    ]);
    let absent = Object::from(binding("c", "jane", "reader")).key();
    assert!(!live.delete(&absent).unwrap());
    assert!(may(&live.snapshot(), "jane", "get", "pods"));
    assert!(live.delete(&Object::from(role("reader", Vec::new())).key()).unwrap());
    assert!(!may(&live.snapshot(), "jane", "get", "pods"));
    assert_eq!(live.change([]).unwrap(), 0);
}

// ---- any sequence of changes ---------------------------------------------------------------------

/// An object that may be a part of an aggregated role, one itself, or read from a server.
fn any_object() -> impl Strategy<Value = Object> {
    let label = select(&["", "part", "other"][..]);
    let selects = prop_oneof![
        3 => Just(None),
        1 => vec(select(&["part", "other"][..]), 0..3).prop_map(Some),
    ];
    (object(), label, selects, any::<bool>()).prop_map(|(object, label, selects, stored)| {
        let Object::ClusterRole(mut role) = object else { return object };
        if !label.is_empty() {
            role.metadata.labels.insert(label.into(), "yes".into());
        }
        role.aggregation_rule = selects.map(|labels| AggregationRule {
            cluster_role_selectors: labels
                .into_iter()
                .map(|label| LabelSelector {
                    match_labels: [(label.into(), "yes".into())].into(),
                    ..LabelSelector::default()
                })
                .collect(),
        });
        if stored {
            role.metadata.resource_version = "7".into();
        }
        role.into()
    })
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => any_object().prop_map(applied),
        1 => any_object().prop_map(deleted),
    ]
}

/// What both must agree on.
fn assert_same(live: &Snapshot, compiled: &Snapshot, questions: &[Asked]) {
    let bindings = |snapshot: &Snapshot| {
        sorted(snapshot.rbac().unwrap().all_bindings().map(|binding| binding.describe()))
    };
    assert_eq!(bindings(live), bindings(compiled));
    let notices = |snapshot: &Snapshot| sorted(snapshot.notices().iter().map(ToString::to_string));
    assert_eq!(notices(live), notices(compiled));
    for asked in questions {
        let request = Request { user: &asked.user, attributes: asked.attributes() };
        let (ours, theirs) = (live.authorize(&request), compiled.authorize(&request));
        assert_eq!((ours.decision, ours.reason()), (theirs.decision, theirs.reason()), "{asked:?}");
        let rules = |snapshot: &Snapshot| {
            let rules = snapshot.rules_for(&asked.user, asked.namespace);
            sorted(rules.resource.iter().map(|rule| format!("{rule:?}")))
        };
        assert_eq!(rules(live), rules(compiled), "{asked:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_ends_where_compiling_ends(
        initial in vec(any_object(), 0..10),
        changes in vec(vec(any_change(), 1..4), 0..10),
        questions in vec(asked(), 8),
    ) {
        for aggregation in [Aggregation::Computed, Aggregation::Auto, Aggregation::Stored] {
            let config = Config::new([Mode::Rbac]).with_aggregation(aggregation);
            let live = Live::new(&initial.iter().cloned().collect(), config.clone()).unwrap();
            let mut objects: BTreeMap<ObjectKey, Object> = BTreeMap::new();
            objects.extend(initial.iter().map(|object| (object.key(), object.clone())));
            for changes in &changes {
                let mut removed = 0;
                for change in changes {
                    match change {
                        Change::Apply(object, _) => {
                            objects.insert(object.key(), object.clone());
                        }
                        Change::Delete(key) => removed += usize::from(objects.remove(key).is_some()),
                        other => panic!("{other:?} is none of RBAC"),
                    }
                }
                prop_assert_eq!(live.change(changes.iter().cloned()).unwrap(), removed);
                let inventory: Inventory = objects.values().cloned().collect();
                let compiled = compile(&inventory, &config).unwrap();
                assert_same(&live.snapshot(), &compiled, &questions);
            }
        }
    }
}
