use std::cell::RefCell;

use super::*;
use crate::api::authorization::{
    Condition, ConditionSet, ConditionalMode, Effect, SubjectAccessReviewStatus,
};
use crate::authz::{AlwaysAllow, AlwaysDeny, Authorizer, Chain, OnFailure, Rules};
use crate::model::{Request, ResourceAttributes, User};

fn condition(id: &str, effect: Effect) -> Condition {
    Condition { id: id.into(), effect, condition: id.into(), description: String::new() }
}

fn map(conditions: &[(&str, Effect)]) -> Conditional {
    let conditions = conditions.iter().map(|(id, effect)| condition(id, *effect)).collect();
    Conditional::of_map("example.com/words", conditions)
}

/// Says of a condition what its id begins with.
fn by_id(conditions_type: &str, condition: &Condition) -> Evaluated {
    assert_eq!(conditions_type, "example.com/words");
    match condition.condition.split('-').next() {
        Some("true") => Evaluated::True,
        Some("error") => Evaluated::Error("oh no".to_owned()),
        Some("open") => Evaluated::Unevaluatable,
        _ => Evaluated::False,
    }
}

/// What an answer comes to that depends on nothing any more.
fn settled(answer: &Conditional) -> (Decision, &str, Vec<&str>) {
    match answer {
        Conditional::Settled(Settled { decision, reason, errors }) => {
            (*decision, reason, errors.iter().map(String::as_str).collect())
        }
        open => panic!("{open:?}"),
    }
}

fn evaluated(conditions: &[(&str, Effect)]) -> (Decision, String, Vec<String>) {
    let answer = map(conditions).evaluate(&mut by_id);
    let (decision, reason, errors) = settled(&answer);
    (decision, reason.to_owned(), errors.into_iter().map(str::to_owned).collect())
}

use Effect::{Allow, Deny, NoOpinion};

// ---- S-COND-5 ------------------------------------------------------------------------------------

#[test]
fn up_to_128_conditions_are_a_map_and_one_more_fails_closed() {
    let conditions = |count, effect| {
        (0..count).map(|number| condition(&format!("c{number}"), effect)).collect::<Vec<_>>()
    };
    assert!(!Conditional::of_map("t", conditions(128, Allow)).is_settled());
    let reason = "failed closed: too many conditions: 129 exceeds maximum of 128";
    for (effect, decision) in [(Allow, Decision::NoOpinion), (Deny, Decision::Deny)] {
        let answer = Conditional::of_map("t", conditions(129, effect));
        assert_eq!(settled(&answer), (decision, reason, vec![]));
    }
}

#[test]
fn ids_stand_once_and_look_like_label_keys_and_so_does_the_type() {
    assert!(!map(&[("a", Allow), ("example.com/A_b.c-d", Allow)]).is_settled());
    let twice = map(&[("a", Allow), ("a", Deny)]);
    assert_eq!(
        settled(&twice),
        (Decision::Deny, "failed closed: duplicate condition ID \"a\"", vec![])
    );
    let long = "x".repeat(64);
    for bad in ["", "-a", "a-", "a b", "/a", "A.com/a", "a/b/c", "ä", &long] {
        let answer = map(&[(bad, Allow)]);
        let (decision, reason, _) = settled(&answer);
        assert_eq!(decision, Decision::NoOpinion);
        assert!(reason.starts_with("failed closed: invalid condition ID "), "{reason}");
        let answer = Conditional::of_map(bad, vec![condition("a", Deny)]);
        let (decision, reason, _) = settled(&answer);
        assert_eq!(decision, Decision::Deny);
        assert!(reason.starts_with("failed closed: invalid conditions type "), "{reason}");
    }
}

#[test]
fn no_conditions_and_conditions_that_decide_nothing_are_no_opinion() {
    assert_eq!(settled(&map(&[])), (Decision::NoOpinion, "no conditions", vec![]));
    assert_eq!(settled(&map(&[("a", NoOpinion)])).0, Decision::NoOpinion);
    assert!(!map(&[("a", NoOpinion), ("b", Allow)]).is_settled());
}

// ---- S-COND-6 ------------------------------------------------------------------------------------

#[test]
fn effects_come_in_order_and_true_comes_before_error() {
    let (ok, text) = (Vec::<String>::new(), str::to_owned);
    let error = |id: &str, effect: &str| {
        vec![format!("condition \"{id}\" with effect={effect} evaluated to an error: oh no")]
    };
    let failed = "one or more conditional evaluation errors occurred";
    for (conditions, decision, reason, errors) in [
        (
            &[("true-a", Allow), ("true-n", NoOpinion), ("error-d", Deny), ("true-d", Deny)][..],
            Decision::Deny,
            "condition \"true-d\" denied the request",
            ok.clone(),
        ),
        (
            &[("true-a", Allow), ("true-n", NoOpinion), ("error-d", Deny)],
            Decision::Deny,
            failed,
            error("error-d", "Deny"),
        ),
        (
            &[("true-a", Allow), ("error-n", NoOpinion), ("true-n", NoOpinion), ("false-d", Deny)],
            Decision::NoOpinion,
            "condition \"true-n\" evaluated to NoOpinion",
            ok.clone(),
        ),
        (
            &[("true-a", Allow), ("error-n", NoOpinion)],
            Decision::NoOpinion,
            failed,
            error("error-n", "NoOpinion"),
        ),
        (
            &[("error-a", Allow), ("true-a", Allow), ("false-n", NoOpinion)],
            Decision::Allow,
            "condition \"true-a\" allowed the request",
            ok.clone(),
        ),
        (
            &[("error-a", Allow), ("false-a", Allow)],
            Decision::NoOpinion,
            failed,
            error("error-a", "Allow"),
        ),
        (
            &[("false-a", Allow), ("false-d", Deny)],
            Decision::NoOpinion,
            "no conditions matched",
            ok,
        ),
    ] {
        assert_eq!(evaluated(conditions), (decision, text(reason), errors), "{conditions:?}");
    }
}

#[test]
fn a_denial_is_described_if_there_is_a_description() {
    let mut denies = condition("true", Deny);
    denies.description = "never on \"Fridays\"".to_owned();
    let answer = Conditional::of_map("example.com/words", vec![denies]).evaluate(&mut by_id);
    let reason =
        "condition \"true\" denied the request with description \"never on \\\"Fridays\\\"\"";
    assert_eq!(settled(&answer), (Decision::Deny, reason, vec![]));
}

#[test]
fn what_cannot_be_evaluated_stays_open_with_all_that_comes_later() {
    let answer =
        map(&[("true-a", Allow), ("open-d", Deny), ("false-d", Deny), ("true-n", NoOpinion)]);
    let open = answer.evaluate(&mut by_id);
    assert_eq!(open, map(&[("open-d", Deny), ("true-a", Allow), ("true-n", NoOpinion)]));
    // Nobody is told yes by it, and a no is possible.
    assert_eq!(open.fold().decision, Decision::Deny);
    // True and error come before it.
    assert_eq!(evaluated(&[("open-d", Deny), ("error-d", Deny)]).0, Decision::Deny);
    assert_eq!(evaluated(&[("open-a", Allow), ("true-a", Allow)]).0, Decision::Allow);
}

// ---- S-COND-7 ------------------------------------------------------------------------------------

fn said(decision: Decision, reason: &str) -> Conditional {
    Conditional::Settled(Settled::new(decision, reason))
}

fn union(members: Vec<Conditional>) -> Conditional {
    let names = ["a", "b", "c", "d"].map(str::to_owned);
    Conditional::of_union(names.into_iter().zip(members))
}

#[test]
fn a_union_of_which_one_result_may_come_is_folded_at_once() {
    let quiet = || said(Decision::NoOpinion, "");
    let folded = union(vec![said(Decision::NoOpinion, "x"), quiet(), said(Decision::Allow, "y")]);
    assert_eq!(settled(&folded), (Decision::Allow, "a: {x}, c: {y}", vec![]));
    let folded = union(vec![quiet(), quiet()]);
    assert_eq!(settled(&folded), (Decision::NoOpinion, "", vec![]));
    // An allow on a condition, and an allow whatever: only an allow can come of it.
    let certain = union(vec![map(&[("c", Allow)]), said(Decision::Allow, "y")]);
    assert_eq!(settled(&certain), (Decision::Allow, "b: {y}", vec![]));
    assert!(!union(vec![map(&[("c", Deny)]), said(Decision::Allow, "y")]).is_settled());
    assert!(!union(vec![map(&[("c", Allow)]), said(Decision::NoOpinion, "y")]).is_settled());
}

#[test]
fn nobody_is_asked_after_one_who_decides_whatever_the_conditions() {
    let asked = RefCell::new(Vec::new());
    let members = [
        ("a", map(&[("true", Allow)])),
        ("b", said(Decision::Deny, "no")),
        ("c", said(Decision::Allow, "yes")),
    ];
    let answer = Conditional::of_union(members.into_iter().map(|(name, member)| {
        asked.borrow_mut().push(name);
        (name.to_owned(), member)
    }));
    assert_eq!(*asked.borrow(), ["a", "b"]);
    assert!(!answer.is_settled());
    assert_eq!(settled(&answer.evaluate(&mut by_id)).0, Decision::Allow);
}

#[test]
fn a_union_is_evaluated_in_order_and_the_first_that_decides_wins() {
    let denies =
        union(vec![map(&[("false", Allow)]), map(&[("true", Deny)]), map(&[("true", Allow)])]);
    let answer = denies.evaluate(&mut by_id);
    assert_eq!(settled(&answer).0, Decision::Deny);
    let allows =
        union(vec![map(&[("false", Allow)]), map(&[("true", Allow)]), map(&[("true", Deny)])]);
    assert_eq!(settled(&allows.evaluate(&mut by_id)).0, Decision::Allow);
    // What nobody could evaluate keeps the rest open.
    let open = union(vec![map(&[("open", Deny)]), map(&[("true", Allow)])]);
    assert_eq!(open.evaluate(&mut by_id).fold().decision, Decision::Deny);
}

// ---- S-COND-8 ------------------------------------------------------------------------------------

#[test]
fn whoever_knows_of_no_conditions_is_never_told_yes() {
    let unaware =
        "failed closed: tried to return conditional decision to conditions-unaware authorizer";
    for (answer, decision) in [
        (map(&[("a", Allow)]), Decision::NoOpinion),
        (map(&[("a", Allow), ("b", Deny)]), Decision::Deny),
        (union(vec![map(&[("a", Allow)]), said(Decision::NoOpinion, "")]), Decision::NoOpinion),
        (union(vec![map(&[("a", Allow)]), said(Decision::Deny, "")]), Decision::Deny),
    ] {
        let verdict = answer.fold();
        assert_eq!((verdict.decision, &*verdict.reason()), (decision, unaware), "{answer:?}");
    }
    // What depends on nothing stays as it is.
    assert_eq!(said(Decision::Allow, "y").fold().reason(), "y");
}

// ---- S-COND-2 ------------------------------------------------------------------------------------

#[test]
fn an_answer_goes_over_the_wire_and_comes_back() {
    let status = SubjectAccessReviewStatus::default();
    for answer in [
        union(vec![map(&[("a", Allow)]), said(Decision::NoOpinion, "")]),
        union(vec![map(&[("a", Allow)]), said(Decision::Deny, "")]),
        union(vec![
            union(vec![map(&[("x", Deny)]), said(Decision::Allow, "")]),
            map(&[("a", Allow)]),
        ]),
    ] {
        let chain = answer.to_wire().unwrap();
        assert_eq!(Conditional::from_wire(&status, &chain), Ok(answer));
    }
    assert_eq!(said(Decision::Allow, "").to_wire(), None);
    let map = map(&[("a", Allow)]);
    let read = Conditional::from_wire(&status, &map.to_wire().unwrap()).unwrap();
    assert_eq!(read.evaluate(&mut |_, _| Evaluated::True).fold().decision, Decision::Allow);
    assert_eq!(settled(&Conditional::from_wire(&status, &[]).unwrap()).0, Decision::NoOpinion);
}

#[test]
fn an_answer_that_says_two_things_is_refused() {
    let allowed = SubjectAccessReviewStatus { allowed: true, ..Default::default() };
    assert_eq!(Conditional::from_wire(&allowed, &[]), Err(WireError::Both));
    let none = SubjectAccessReviewStatus::default();
    let set = ConditionSet { conditions: vec![condition("a", Allow)], ..Default::default() };
    for bad in [
        ConditionSet { allowed: true, ..set.clone() },
        ConditionSet { denied: true, allowed: true, ..ConditionSet::default() },
        ConditionSet { condition_set_chain: vec![set.clone()], ..set.clone() },
        ConditionSet { denied: true, condition_set_chain: vec![set], ..ConditionSet::default() },
    ] {
        assert_eq!(Conditional::from_wire(&none, &[bad]), Err(WireError::Ambiguous));
    }
}

// ---- in a chain ----------------------------------------------------------------------------------

/// Allows on a condition, to those who understand any.
struct OnCondition;

impl Authorizer for OnCondition {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        map(&[("true", Allow)]).fold()
    }

    fn authorize_conditionally(&self, request: &Request<'_>, mode: ConditionalMode) -> Conditional {
        match mode {
            ConditionalMode::Unsupported => self.authorize(request).into(),
            _ => map(&[("true", Allow)]),
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

/// Would deny, if it could.
struct Broken;

impl Authorizer for Broken {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        Verdict::no_opinion("").with_error("broken")
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

#[test]
fn a_chain_passes_conditions_on_to_those_who_understand_them_and_folds_them_for_others() {
    let user = User::new("jane");
    let request = Request::resource(&user, ResourceAttributes::new("create", "pods"));
    let chain = Chain::new().with("On", OnCondition).with("AlwaysDeny", AlwaysDeny);
    let aware = chain.authorize_conditionally(&request, ConditionalMode::Optimized);
    assert!(!aware.is_settled());
    assert_eq!(settled(&aware.evaluate(&mut by_id)).0, Decision::Allow);
    let unaware = chain.authorize_conditionally(&request, ConditionalMode::Unsupported);
    assert_eq!(settled(&unaware).0, Decision::NoOpinion);
    // Who is certain to be allowed is told so, and members of system:masters are.
    let certain = chain.with("AlwaysAllow", AlwaysAllow);
    let answer = certain.authorize_conditionally(&request, ConditionalMode::Optimized);
    assert_eq!(settled(&answer).0, Decision::Allow);
    let root = User::new("root").with_groups(["system:masters"]);
    let request = Request { user: &root, ..request };
    let answer = Chain::new()
        .with("On", OnCondition)
        .authorize_conditionally(&request, ConditionalMode::Optimized);
    assert_eq!(settled(&answer).0, Decision::Allow);
}

#[test]
fn a_failure_that_may_hide_a_denial_ends_a_final_chain_for_those_who_understand_conditions_too() {
    let user = User::new("jane");
    let request = Request::resource(&user, ResourceAttributes::new("create", "pods"));
    let chain = Chain::new().with("Broken", Broken).with("AlwaysAllow", AlwaysAllow);
    let open = chain.authorize_conditionally(&request, ConditionalMode::Optimized);
    assert_eq!(settled(&open), (Decision::Allow, "", vec![]));
    let closed = chain.with_on_failure(OnFailure::Deny);
    let answer = closed.authorize_conditionally(&request, ConditionalMode::Optimized);
    assert_eq!(settled(&answer), (Decision::Deny, "", vec!["broken"]));
}
