//! Bindings that begin and end: the engine beside one that was compiled from what is in force.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::Object;
use portcullis::authz::Authorizer;
use portcullis::authz::rbac::{Editor, GrantTimes, NOT_AFTER, NOT_BEFORE, Policy, Principal};
use portcullis::model::{Clock, Moment, Origin, Request, User};
use portcullis::snapshot::{Change, Config, Live, Mode, Notice, compile};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::prop_rbac::{Asked, asked, object};

const HOUR: i64 = 3_600;

/// A clock that is set by hand.
#[derive(Debug, Clone, Default)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Clock::new(move || Moment::from_micros(hand.load(Ordering::Relaxed)))
    }

    fn set(&self, moment: Moment) {
        self.0.store(moment.micros(), Ordering::Relaxed);
    }
}

fn with_times(mut object: Object, times: [Option<&str>; 2]) -> Object {
    let metadata = match &mut object {
        Object::ClusterRoleBinding(binding) => &mut binding.metadata,
        Object::RoleBinding(binding) => &mut binding.metadata,
        Object::ClusterRole(_) | Object::Role(_) => return object,
    };
    for (annotation, value) in [NOT_BEFORE, NOT_AFTER].into_iter().zip(times) {
        if let Some(value) = value {
            metadata.annotations.insert(annotation.into(), value.into());
        }
    }
    object
}

/// Few times, so that ends and beginnings meet; some that nobody can read.
fn times() -> impl Strategy<Value = [Option<&'static str>; 2]> {
    let one = || {
        prop_oneof![
            2 => Just(None),
            4 => select(&[
                "1970-01-01T01:00:00Z",
                "1970-01-01T02:00:00Z",
                "1970-01-01T05:00:00+03:00",
                "1970-01-01T02:00:00.25Z",
                "1970-01-01T03:00:00Z",
                "1970-01-01T01:00:00-02:00",
            ][..]).prop_map(Some),
            1 => select(&["", "later", "1970-01-01"][..]).prop_map(Some),
        ]
    };
    [one(), one()]
}

fn timed_object() -> impl Strategy<Value = Object> {
    (object(), times()).prop_map(|(object, times)| with_times(object, times))
}

/// Moments at and around those times, in any order.
fn moments() -> impl Strategy<Value = Vec<Moment>> {
    const NEAR: [i64; 6] = [-1, 0, 1, 249_999, 250_000, 250_001];
    let moment = (1..4_i64, select(&NEAR[..])).prop_map(|(hour, micros)| {
        Moment::from_micros(Moment::from_seconds(hour * HOUR).micros() + micros)
    });
    vec(moment, 1..6)
}

/// Whether an object counts at a moment: read apart from the engine, from the annotations.
fn is_in_force(object: &Object, now: Moment) -> bool {
    let annotations = &object.metadata().annotations;
    let read = |annotation: &str| annotations.get(annotation).map(|value| value.parse::<Moment>());
    let (begin, end) = (read(NOT_BEFORE).transpose(), read(NOT_AFTER).transpose());
    match (begin, end) {
        (Ok(begin), Ok(end)) => {
            begin.is_none_or(|begin| begin <= now) && end.is_none_or(|end| now < end)
        }
        _ => false,
    }
}

/// The policy of the objects that count at a moment, the latest of each name.
fn filtered(objects: &[Object], now: Moment) -> Policy {
    let mut editor = Editor::new();
    for object in objects {
        editor.delete(&object.key());
        if is_in_force(object, now) {
            editor.apply(object, &Origin::default()).unwrap();
        }
    }
    editor.policy()
}

fn compare(timed: &Policy, principal: &Principal, plain: &Policy, asked: &Asked) {
    let attributes = asked.attributes();
    let request = Request { user: &asked.user, attributes };
    let (verdict, expected) = (timed.authorize(&request), plain.authorize(&request));
    assert_eq!(verdict.decision, expected.decision, "{asked:?}");
    assert_eq!(verdict.reason(), expected.reason(), "{asked:?}");
    assert_eq!(timed.allows(&request), plain.allows(&request));
    assert_eq!(principal.allows(&attributes), expected.is_allowed(), "{asked:?}");
    let of = |policy: &Policy| {
        let who = policy.who_can(&attributes);
        let row = |row: &portcullis::authz::rbac::Row<'_>| {
            (row.binding.describe(), row.subject(), row.rule_index)
        };
        (who.rows.iter().map(row).collect::<Vec<_>>(), who.errors)
    };
    assert_eq!(of(timed), of(plain), "{asked:?}");
    let rules = |policy: &Policy| policy.rules_for(&asked.user, asked.namespace);
    assert_eq!(rules(timed), rules(plain), "{asked:?}");
    let bindings = |policy: &Policy| {
        let bindings = policy.bindings_for(&asked.user, asked.namespace);
        bindings.iter().map(|binding| binding.describe()).collect::<Vec<_>>()
    };
    assert_eq!(bindings(timed), bindings(plain), "{asked:?}");
    let namespaces = |policy: &Policy| {
        policy.namespaces_of(&asked.user).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(namespaces(timed), namespaces(plain), "{asked:?}");
    let explained = |policy: &Policy| {
        let explanation = policy.explain(&request);
        (explanation.grant.map(|grant| (grant.describe(), grant.rule)), explanation.errors)
    };
    assert_eq!(explained(timed), explained(plain), "{asked:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn at_every_moment_it_answers_as_one_compiled_from_what_is_in_force(
        initial in vec(timed_object(), 0..20),
        changes in vec((timed_object(), any::<bool>()), 0..16),
        moments in moments(),
        questions in vec(asked(), 8),
    ) {
        let hand = Hand::default();
        let inventory: Inventory = initial.iter().cloned().collect();
        let mut editor =
            Editor::with_grant_times(hand.clock()).filled(&inventory, |_| None).unwrap();
        let mut objects = initial;
        for (object, is_removed) in changes {
            if is_removed {
                editor.delete(&object.key());
                objects.retain(|other| other.key() != object.key());
            } else {
                editor.apply(&object, &Origin::default()).unwrap();
                objects.push(object);
            }
        }
        let policy = editor.policy();
        let one_by_one = {
            let mut editor = Editor::with_grant_times(hand.clock());
            for object in &objects {
                editor.apply(object, &Origin::default()).unwrap();
            }
            editor.policy()
        };
        // Resolved once, before the clock moves.
        let principals: Vec<Principal> =
            questions.iter().map(|asked| policy.principal(&asked.user.clone().into())).collect();
        for now in moments {
            hand.set(now);
            let plain = filtered(&objects, now);
            for (asked, principal) in questions.iter().zip(&principals) {
                compare(&policy, principal, &plain, asked);
                compare(&one_by_one, principal, &plain, asked);
            }
        }
    }

    #[test]
    fn a_grant_ends_at_the_first_moment_at_which_it_is_refused(
        objects in vec(timed_object(), 0..20),
        moments in moments(),
        questions in vec(asked(), 8),
    ) {
        let hand = Hand::default();
        let inventory: Inventory = objects.iter().cloned().collect();
        let editor = Editor::with_grant_times(hand.clock()).filled(&inventory, |_| None).unwrap();
        let policy = editor.policy();
        for (asked, now) in questions.iter().zip(moments.iter().cycle()) {
            let request = Request { user: &asked.user, attributes: asked.attributes() };
            hand.set(*now);
            let verdict = policy.authorize(&request);
            let Some(end) = verdict.grant_ends() else { continue };
            prop_assert!(verdict.is_allowed() && end > *now);
            hand.set(Moment::from_micros(end.micros() - 1));
            prop_assert!(policy.allows(&request), "{:?} until {}", asked, end);
            hand.set(end);
            prop_assert!(!policy.allows(&request), "{:?} at {}", asked, end);
        }
    }
}

#[test]
fn live_policies_and_their_principals_keep_the_times_of_what_is_applied() {
    let hand = Hand::default();
    let config = Config::new([Mode::Rbac]).with_grant_times(hand.clock());
    let live = Live::new(&Inventory::default(), config).unwrap();
    let object = |json: &str| -> Object {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        crate::support::world::object(&value).unwrap()
    };
    let role = object(
        r#"{"kind": "ClusterRole", "metadata": {"name": "reader"},
            "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
    );
    let binding = object(
        r#"{"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "n1"},
            "subjects": [{"kind": "User", "name": "alice"}],
            "roleRef": {"kind": "ClusterRole", "name": "reader"}}"#,
    );
    let until = |end| with_times(binding.clone(), [None, Some(end)]);
    let origin = Origin::new("team.yaml", 1, 12);
    let changes = [role, until("1970-01-01T02:00:00Z")];
    live.change(changes.map(|object| Change::Apply(object, origin.clone()))).unwrap();
    let alice = User::new("alice");
    let get = portcullis::model::ResourceAttributes::new("get", "pods").in_namespace("n1");
    let request = Request::resource(&alice, get);
    let snapshot = live.snapshot();
    let principal = snapshot.principal(&alice);
    for (seconds, is_allowed) in [(2 * HOUR - 1, true), (2 * HOUR, false), (HOUR, true)] {
        hand.set(Moment::from_seconds(seconds));
        assert_eq!(snapshot.authorize(&request).is_allowed(), is_allowed);
        assert_eq!(principal.authorize(&request.attributes).is_allowed(), is_allowed);
    }
    let verdict = principal.authorize(&request.attributes);
    assert_eq!(verdict.grant_ends(), Some(Moment::from_seconds(2 * HOUR)));

    live.apply(until("1970-01-01T00:30:00Z"), &origin).unwrap();
    assert!(!live.snapshot().authorize(&request).is_allowed());
    live.apply(until("never"), &origin).unwrap();
    assert!(!live.snapshot().authorize(&request).is_allowed());
    let notices: Vec<String> = live.snapshot().notices().iter().map(Notice::to_string).collect();
    assert_eq!(
        notices,
        ["team.yaml:12: RoleBinding `n1/b` never grants: `portcullis.dev/not-after` is `never`, \
          which is not a time as RFC 3339 writes it (`2026-11-27T08:00:00Z`)"]
    );
    live.apply(binding.clone(), &origin).unwrap();
    assert!(live.snapshot().authorize(&request).is_allowed());
    assert_eq!(live.snapshot().notices(), []);
    live.apply(until("never"), &origin).unwrap();
    live.delete(&binding.key()).unwrap();
    assert_eq!(live.snapshot().notices(), []);
}

#[test]
fn off_the_annotations_change_nothing_and_nobody_is_told() {
    let inventory: Inventory = [
        r#"{"kind": "ClusterRole", "metadata": {"name": "reader"},
            "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
        r#"{"kind": "ClusterRoleBinding",
            "metadata": {"name": "b", "annotations": {"portcullis.dev/not-after": "gone"}},
            "subjects": [{"kind": "User", "name": "alice"}],
            "roleRef": {"kind": "ClusterRole", "name": "reader"}}"#,
    ]
    .iter()
    .map(|json| crate::support::world::object(&serde_json::from_str(json).unwrap()).unwrap())
    .collect();
    let alice = User::new("alice");
    let request =
        Request::resource(&alice, portcullis::model::ResourceAttributes::new("get", "pods"));
    let off = compile(&inventory, &Config::new([Mode::Rbac])).unwrap();
    assert!(off.authorize(&request).is_allowed());
    assert_eq!((off.notices(), off.authorize(&request).grant_ends()), (&[][..], None));
    let config = Config::new([Mode::Rbac]).with_grant_times(Clock::system());
    let on = compile(&inventory, &config).unwrap();
    assert!(!on.authorize(&request).is_allowed());
    assert_eq!(on.notices().len(), 1);
}

#[test]
fn times_read_alike_wherever_they_stand() {
    let mut metadata = portcullis::api::meta::ObjectMeta::default();
    metadata.annotations.insert(NOT_BEFORE.into(), "1970-01-01T05:00:00+03:00".into());
    let times = GrantTimes::of(&metadata).unwrap().unwrap();
    assert_eq!(times.not_before, Some(Moment::from_seconds(2 * HOUR)));
    assert_eq!(times.to_string(), "from 1970-01-01T02:00:00Z");
}
