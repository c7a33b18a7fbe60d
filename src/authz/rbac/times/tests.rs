use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::*;
use crate::api::rbac::{ClusterRole, ClusterRoleBinding, RoleRef, Subject};
use crate::authz::rbac::Editor;
use crate::authz::{Authorizer, Resolved};
use crate::model::{Attributes, Origin, ResourceAttributes, User};

/// A clock that is set by hand and counts who looks at it.
#[derive(Debug, Clone, Default)]
struct Hand(Arc<(AtomicI64, AtomicUsize)>);

impl Hand {
    fn clock(&self) -> Clock {
        let hand = self.clone();
        Clock::new(move || {
            hand.0.1.fetch_add(1, Ordering::Relaxed);
            Moment::from_micros(hand.0.0.load(Ordering::Relaxed))
        })
    }

    fn set(&self, text: &str) {
        self.0.0.store(at(text).micros(), Ordering::Relaxed);
    }

    fn looks(&self) -> usize {
        self.0.1.swap(0, Ordering::Relaxed)
    }
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

fn role(verb: &str) -> ClusterRole {
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": "reader"},
        "rules": [{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]},
                  {"verbs": [verb], "nonResourceURLs": ["/healthz"]}],
    }))
    .unwrap()
}

fn binding(name: &str, not_before: &str, not_after: &str) -> ClusterRoleBinding {
    let mut binding = ClusterRoleBinding {
        subjects: vec![Subject::user("jane")],
        role_ref: RoleRef::cluster_role("reader"),
        ..ClusterRoleBinding::default()
    };
    binding.metadata.name = name.into();
    for (annotation, value) in [(NOT_BEFORE, not_before), (NOT_AFTER, not_after)] {
        if !value.is_empty() {
            binding.metadata.annotations.insert(annotation.into(), value.into());
        }
    }
    binding
}

fn editor<const N: usize>(hand: &Hand, bindings: [ClusterRoleBinding; N]) -> Editor {
    let mut editor = Editor::with_grant_times(hand.clock());
    editor.apply(&role("get").into(), &Origin::default()).unwrap();
    for binding in bindings {
        editor.apply(&binding.into(), &Origin::new("team.yaml", 1, 7)).unwrap();
    }
    editor
}

fn get() -> Attributes<'static> {
    Attributes::Resource(ResourceAttributes::new("get", "pods"))
}

fn allows(policy: &Policy) -> bool {
    policy.allows(&Request { user: &User::new("jane"), attributes: get() })
}

#[test]
fn a_binding_grants_from_its_first_instant_to_the_one_before_its_last() {
    let hand = Hand::default();
    let shift = binding("shift", "2026-11-27T08:00:00+02:00", "2026-11-27T07:30:00.5Z");
    let policy = editor(&hand, [shift]).policy();
    let principal = policy.principal(&User::new("jane").into());
    for (now, is_allowed) in [
        ("2026-11-27T05:59:59.999999Z", false),
        ("2026-11-27T06:00:00Z", true),
        ("2026-11-27T07:30:00.499999Z", true),
        ("2026-11-27T07:30:00.5Z", false),
        // Clocks are set back.
        ("2026-11-27T07:00:00Z", true),
        ("2026-11-26T07:00:00Z", false),
    ] {
        hand.set(now);
        assert_eq!(allows(&policy), is_allowed, "{now}");
        assert_eq!(principal.allows(&get()), is_allowed, "{now}");
        assert_eq!(policy.who_can(&get()).rows.len(), usize::from(is_allowed), "{now}");
        let jane = User::new("jane");
        assert_eq!(policy.rules_of(&jane, "").resource.len(), usize::from(is_allowed), "{now}");
        assert_eq!(policy.bindings_for(&jane, "").len(), usize::from(is_allowed), "{now}");
        assert_eq!(policy.dormant_bindings_for(&jane, "").len(), usize::from(!is_allowed));
        let path = Request::non_resource(&jane, "get", "/healthz");
        assert_eq!(policy.allows(&path), is_allowed, "{now}");
    }
}

#[test]
fn what_cannot_be_read_never_grants() {
    let hand = Hand::default();
    for (not_before, not_after, error) in [
        (
            "",
            "tomorrow",
            "`portcullis.dev/not-after` is `tomorrow`, which is not a time as RFC 3339 writes it (`2026-11-27T08:00:00Z`)",
        ),
        (
            "",
            "2026-11-27",
            "`portcullis.dev/not-after` is `2026-11-27`, which is not a time as RFC 3339 writes it (`2026-11-27T08:00:00Z`)",
        ),
        (
            "2026-02-30T00:00:00Z",
            "2026-11-27T08:00:00Z",
            "`portcullis.dev/not-before` is `2026-02-30T00:00:00Z`, which is not a time as RFC 3339 writes it (`2026-11-27T08:00:00Z`)",
        ),
        (
            "2026-11-27T08:00:00Z",
            "2026-11-27T09:00:00+01:00",
            "it ends at 2026-11-27T08:00:00Z, which is not after it begins, 2026-11-27T08:00:00Z",
        ),
        (
            "2026-11-27T08:00:00Z",
            "2026-11-27T07:00:00Z",
            "it ends at 2026-11-27T07:00:00Z, which is not after it begins, 2026-11-27T08:00:00Z",
        ),
    ] {
        let odd = binding("odd", not_before, not_after);
        assert_eq!(GrantTimes::of(&odd.metadata).unwrap_err().to_string(), error);
        let policy = editor(&hand, [odd]).policy();
        for now in ["1970-01-01T00:00:00Z", "2026-11-27T07:30:00Z", "9999-12-31T23:59:59Z"] {
            hand.set(now);
            assert!(!allows(&policy), "{not_before} {not_after} {now}");
        }
        assert_eq!(policy.all_bindings().next().unwrap().times().unwrap().to_string(), "never");
    }
    let mut empty = binding("empty", "", "");
    empty.metadata.annotations.insert(NOT_AFTER.into(), "".into());
    assert!(!allows(&editor(&hand, [empty]).policy()), "an empty value is no time either");
}

#[test]
fn without_a_clock_the_annotations_mean_nothing() {
    let mut editor = Editor::new();
    editor.apply(&role("get").into(), &Origin::default()).unwrap();
    let ended = binding("ended", "", "1970-01-01T00:00:00Z");
    editor.apply(&ended.into(), &Origin::default()).unwrap();
    assert!(allows(&editor.policy()));
    assert_eq!(editor.policy().all_bindings().next().unwrap().times(), None);
}

#[test]
fn a_binding_applied_again_with_another_end_has_that_end() {
    let hand = Hand::default();
    hand.set("2026-11-27T08:00:00Z");
    let mut editor = editor(&hand, [binding("b", "", "2026-11-27T07:00:00Z")]);
    let jane = Arc::new(User::new("jane"));
    let before = editor.policy().principal(&jane);
    assert!(!allows(&editor.policy()));
    let mut apply = |binding: ClusterRoleBinding| {
        editor.apply(&binding.into(), &Origin::default()).unwrap();
        (allows(&editor.policy()), editor.policy().principal(&jane).allows(&get()))
    };
    assert_eq!(apply(binding("b", "", "2026-11-27T09:00:00Z")), (true, true));
    assert_eq!(apply(binding("b", "2026-11-27T08:00:01Z", "")), (false, false));
    assert_eq!(apply(binding("b", "", "")), (true, true));
    assert_eq!(apply(binding("b", "", "soon")), (false, false));
    assert!(!before.allows(&get()), "a principal keeps to the version it was resolved from");
}

#[test]
fn a_role_that_changes_or_goes_changes_for_those_bound_to_it_for_a_time() {
    let hand = Hand::default();
    let bindings = [
        binding("one", "", "2026-11-27T07:00:00Z"),
        binding("two", "", "2026-11-27T08:00:00Z"),
        binding("two-too", "", "2026-11-27T08:00:00Z"),
    ];
    let mut editor = editor(&hand, bindings);
    assert!(allows(&editor.policy()));
    editor.apply(&role("list").into(), &Origin::default()).unwrap();
    assert!(!allows(&editor.policy()));
    editor.delete(&crate::api::rbac::Object::from(role("list")).key());
    let policy = editor.policy();
    let jane = User::new("jane");
    assert_eq!(policy.rules_of(&jane, "").errors.len(), 3, "as for any role that is not there");
    let reason =
        || policy.authorize(&Request { user: &jane, attributes: get() }).reason().into_owned();
    assert!(reason().contains("not found"));
    hand.set("2026-11-27T07:00:00Z");
    assert_eq!(policy.rules_of(&jane, "").errors.len(), 2, "one has ended");
    assert_eq!(policy.who_can(&get()).errors.len(), 2);
    hand.set("2026-11-27T09:00:00Z");
    assert_eq!((reason(), policy.who_can(&get()).errors.len()), (String::new(), 0));
    editor.apply(&role("get").into(), &Origin::default()).unwrap();
    hand.set("2026-11-27T07:59:59Z");
    assert!(allows(&editor.policy()));
    for name in ["one", "two", "two-too"] {
        editor.delete(&crate::api::rbac::Object::from(binding(name, "", "")).key());
    }
    assert!(!allows(&editor.policy()));
    assert_eq!(editor.policy().roles.iter().filter(|row| row.rules.is_some()).count(), 1);
}

#[test]
fn the_clock_is_asked_once_a_decision_and_only_where_something_begins_or_ends() {
    let hand = Hand::default();
    hand.set("2026-11-27T08:00:00Z");
    let bindings = [
        binding("a", "", "2026-11-27T08:00:00Z"),
        binding("b", "2026-11-27T08:00:00.000001Z", ""),
        binding("c", "2026-11-27T09:00:00Z", ""),
    ];
    let mut editor = editor(&hand, bindings);
    assert!(!allows(&editor.policy()));
    assert_eq!(hand.looks(), 1);
    let joe = User::new("joe");
    assert!(!editor.policy().allows(&Request { user: &joe, attributes: get() }));
    assert_eq!(hand.looks(), 0, "nothing of his begins or ends");
    for name in ["a", "b", "c"] {
        editor.delete(&crate::api::rbac::Object::from(binding(name, "", "")).key());
    }
    editor.apply(&binding("ever", "", "").into(), &Origin::default()).unwrap();
    assert!(allows(&editor.policy()));
    assert_eq!(hand.looks(), 0);
}

#[test]
fn a_reason_is_that_of_the_moment_of_the_decision() {
    let hand = Hand::default();
    let bindings = [
        binding("a-night", "2026-11-27T20:00:00Z", "2026-11-28T06:00:00Z"),
        binding("b-day", "2026-11-27T06:00:00Z", "2026-11-27T20:00:00Z"),
    ];
    let policy = editor(&hand, bindings).policy();
    let jane = User::new("jane");
    let request = Request { user: &jane, attributes: get() };
    hand.set("2026-11-27T19:59:59Z");
    let verdict = policy.authorize(&request);
    hand.set("2026-11-27T20:00:00Z");
    assert!(verdict.reason().contains("\"b-day\""), "{}", verdict.reason());
    let steps = verdict.path();
    let step = steps.iter().find(|step| step.kind == "ClusterRoleBinding").unwrap();
    assert_eq!(step.text, "b-day from 2026-11-27T06:00:00Z until 2026-11-27T20:00:00Z");
    assert!(policy.authorize(&request).reason().contains("\"a-night\""));
    let attributes = get();
    let principal = policy.principal(&jane.clone().into());
    let verdict = Resolved::authorize(&principal, &attributes);
    hand.set("2026-11-29T20:00:00Z");
    assert!(verdict.reason().contains("\"a-night\""));
    assert!(!policy.authorize(&request).is_allowed());
}

#[test]
fn a_grant_ends_where_nothing_follows_it() {
    let hand = Hand::default();
    let end = |now: &str, bindings: &[(&str, &str)]| {
        let mut editor = editor(&hand, []);
        for (index, (not_before, not_after)) in bindings.iter().enumerate() {
            let binding = binding(&format!("b{index}"), not_before, not_after);
            editor.apply(&binding.into(), &Origin::default()).unwrap();
        }
        hand.set(now);
        let (policy, jane) = (editor.policy(), User::new("jane"));
        let request = Request { user: &jane, attributes: get() };
        policy.authorize(&request).grant_ends().map(|end| end.to_string())
    };
    let (noon, six, ten) = ("2026-11-27T12:00:00Z", "2026-11-27T18:00:00Z", "2026-11-27T22:00:00Z");
    assert_eq!(end(noon, &[("", six)]).as_deref(), Some(six));
    assert_eq!(end(noon, &[("", six), ("", ten)]).as_deref(), Some(ten));
    assert_eq!(end(noon, &[(six, ten), ("", six)]).as_deref(), Some(ten), "one follows the other");
    assert_eq!(end(noon, &[("2026-11-27T18:00:00.000001Z", ten), ("", six)]).as_deref(), Some(six));
    assert_eq!(end(noon, &[("", six), (six, "")]), None, "the other lasts");
    assert_eq!(end(noon, &[("", six), ("", "")]), None, "it does not rest on what ends");
    assert_eq!(end(ten, &[("", six)]), None, "a no does not end");
    assert_eq!(end(noon, &[("", six), ("", "never")]).as_deref(), Some(six));
    assert_eq!(end(noon, &[("2026-11-27T06:00:00Z", ""), ("", "2026-11-27T06:00:00Z")]), None);
}
