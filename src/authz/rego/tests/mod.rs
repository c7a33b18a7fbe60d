//! Each case runs on both evaluators: they must say the same.

mod hidden;
mod lint;
mod place;
mod rbac_functions;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::api::inventory::{Inventory, Namespace, ObjectFacts};
use crate::model::{Clock, Moment, ResourceAttributes};

const EVALUATORS: [Evaluator; 2] = [Evaluator::Machine, Evaluator::Interpreter];

fn options(evaluator: Evaluator) -> Options {
    let budget = Budget { time: Duration::from_secs(20), ..Budget::default() };
    Options::default()
        .with_evaluator(evaluator)
        .with_budget(budget)
        .with_clock(Clock::fixed(Moment::from_seconds(1_795_656_600)))
}

fn policy(evaluator: Evaluator, body: &str) -> RegoAuthorizer {
    let text = format!("package portcullis.authz\n{body}");
    let policy = Policy::compile(Sources::module("m.rego", text), options(evaluator));
    let policy = policy.unwrap_or_else(|error| panic!("{evaluator:?}: {error}\n{body}"));
    RegoAuthorizer::new(Arc::new(policy), World::default())
}

fn jane() -> User {
    User::new("jane").with_groups(["dev", "system:authenticated"])
}

/// What both evaluators say of `jane` getting a pod in `shop`.
fn outcomes(body: &str) -> Outcome {
    let user = jane();
    let asked = ResourceAttributes::new("get", "pods").in_namespace("shop").named("web");
    let request = Request::resource(&user, asked);
    let [machine, interpreter] =
        EVALUATORS.map(|evaluator| policy(evaluator, body).evaluate(&request));
    assert_eq!(machine, interpreter, "{body}");
    machine
}

fn decision(body: &str) -> Decision {
    outcomes(body).decision
}

#[test]
fn allow_allows_and_its_twin_that_does_not_hold_has_no_opinion() {
    assert_eq!(decision("allow if input.user == \"jane\""), Decision::Allow);
    assert_eq!(decision("allow if input.user == \"joe\""), Decision::NoOpinion);
    assert_eq!(decision("default allow := false"), Decision::NoOpinion);
    assert_eq!(decision("allow contains \"dev may\" if \"dev\" in input.groups"), Decision::Allow);
    assert_eq!(
        decision("allow contains \"ops may\" if \"ops\" in input.groups"),
        Decision::NoOpinion
    );
}

#[test]
fn deny_wins_over_allow_and_a_deny_that_does_not_hold_leaves_the_allow() {
    assert_eq!(decision("allow := true\ndeny if input.user == \"jane\""), Decision::Deny);
    assert_eq!(decision("allow := true\ndeny if input.user == \"joe\""), Decision::Allow);
    assert_eq!(decision("deny if input.user == \"joe\""), Decision::NoOpinion);
    let outcome = outcomes("allow := true\ndeny := 1");
    assert_eq!(outcome.decision, Decision::Deny, "what is neither yes nor no denies");
}

#[test]
fn reasons_are_those_of_reason_or_else_the_messages_of_the_rule_that_decided() {
    let outcome = outcomes("deny contains sprintf(\"not for %s\", [input.user])\nallow := true");
    assert_eq!(outcome.reasons, ["not for jane"]);
    assert!(outcome.allow && outcome.deny);
    let outcome = outcomes("deny contains \"x\"\nreason := \"because\"");
    assert_eq!(outcome.reasons, ["because"]);
    let outcome = outcomes("allow := true\nreason contains g if some g in input.groups");
    assert_eq!(outcome.reasons, ["dev", "system:authenticated"]);
}

#[test]
fn obligations_are_told_when_something_was_decided() {
    let duties = "obligations := {\"log\": {\"full\", \"long\"}, \"n\": 1}\n";
    let outcome = outcomes(&format!("{duties}allow := true"));
    assert_eq!(outcome.obligations, Some(serde_json::json!({"log": ["full", "long"], "n": 1})));
    assert_eq!(outcomes(&format!("{duties}allow := false")).obligations, None);
}

#[test]
fn the_verdict_has_a_ready_reason_and_says_who_decided_when_the_policy_does_not() {
    let user = jane();
    let request = Request::non_resource(&user, "get", "/version");
    for evaluator in EVALUATORS {
        let reason = |body| policy(evaluator, body).authorize(&request).reason().into_owned();
        assert_eq!(reason("allow := true"), "allowed by policy `Rego`");
        assert_eq!(reason("deny := true"), "denied by policy `Rego`");
        assert_eq!(reason("allow := false"), "");
        assert_eq!(reason("deny contains \"b\"\ndeny contains \"a\""), "a; b");
    }
}

#[test]
fn clocks_agree_and_are_those_of_the_options() {
    for body in [
        "allow if time.now_ns() == 1795656600000000000",
        "allow if input.time.unix * 1000000000 == time.now_ns()",
        "allow if input.time.rfc3339 == \"2026-11-26T01:30:00Z\"",
        "allow if time.parse_rfc3339_ns(input.time.rfc3339) == time.now_ns()",
    ] {
        assert_eq!(decision(body), Decision::Allow, "{body}");
    }
}

#[test]
fn with_runs_on_the_interpreter_alone() {
    let body = "f if input.user == \"joe\"\nallow if f with input.user as \"joe\"";
    let user = jane();
    let request = Request::non_resource(&user, "get", "/version");
    assert!(policy(Evaluator::Auto, body).authorize(&request).is_allowed());
    assert_eq!(policy(Evaluator::Auto, body).policy().evaluator(), Evaluator::Interpreter);
    let text = format!("package portcullis.authz\n{body}");
    let refused = Policy::compile(Sources::module("m", text), options(Evaluator::Machine));
    assert!(refused.is_err());
    assert_eq!(policy(Evaluator::Auto, "allow := true").policy().evaluator(), Evaluator::Machine);
}

#[test]
fn rules_that_may_contradict_themselves_run_where_that_is_found_out() {
    let user = jane();
    let request = Request::non_resource(&user, "get", "/version");
    for body in [
        "deny := \"a\" if input.user == \"jane\"\ndeny := \"b\" if \"dev\" in input.groups",
        "deny := g if some g in input.groups",
    ] {
        let authorizer = policy(Evaluator::Auto, body);
        assert_eq!(authorizer.policy().evaluator(), Evaluator::Interpreter, "{body}");
        let verdict = authorizer.authorize(&request);
        assert_eq!(verdict.decision, Decision::Deny, "{body}");
        assert_eq!(verdict.errors, ["policy `Rego` failed while it was evaluated"], "{body}");
        assert_eq!(authorizer.policy().counters().errors, 1);
    }
    for body in [
        "deny if input.user == \"jane\"\ndeny if \"dev\" in input.groups",
        "deny if some g in input.groups",
        "level := 1 if input.user == \"joe\"\nelse := 2\ndeny if level == 2",
    ] {
        let authorizer = policy(Evaluator::Auto, body);
        assert_eq!(authorizer.policy().evaluator(), Evaluator::Machine, "{body}");
        assert_eq!(authorizer.authorize(&request).decision, Decision::Deny, "{body}");
    }
}

#[test]
fn the_same_cases_have_the_same_answer_on_both_evaluators() {
    for (body, allows) in [
        ("allow if not input.resourceAttributes.subresource", true),
        ("allow if object.get(input.resourceAttributes, \"group\", \"\") == \"\"", true),
        ("allow if input.resourceAttributes.group == \"\"", false),
        ("allow if startswith(input.resourceAttributes.name, \"we\")", true),
        ("allow if startswith(input.resourceAttributes.nothing, \"we\")", false),
        ("allow if regex.match(`^w.b$`, input.resourceAttributes.name)", true),
        ("allow if count([g | some g in input.groups; startswith(g, \"system:\")]) == 1", true),
        ("allow if every g in input.groups { count(g) > 2 }", true),
        ("allow if every g in input.groups { count(g) > 3 }", false),
        ("allow if {\n x := {\"a\": 1, \"b\": 2}\n x[k] == 2\n k == \"b\"\n}", true),
        (
            "roles contains r if { some g in input.groups; r := upper(g) }\nallow if \"DEV\" in roles",
            true,
        ),
        ("f(x) := y if y := x + 1\nallow if f(1) == 2", true),
        ("f(x) if x == 1\nf(x) if x == 2\nallow if f(2)", true),
        ("f(x) if x == 1\nf(x) if x == 2\nallow if f(3)", false),
        ("default level := 1\nlevel := 2 if input.user == \"jane\"\nallow if level == 2", true),
        ("allow if data.users[input.user]", false),
        ("allow if to_number(\"x\") == 1", false),
        ("allow if not to_number(\"x\")", true),
        ("allow if 1 / 0 == 1", false),
        ("m[k] := v if some k, v in {\"a\": 1, \"b\": 2}\nallow if m.b == 2", true),
        ("allow if input.user == \"joe\"\nelse := true", true),
        ("allow if { some i; input.groups[i] == \"dev\"; i == 0 }", true),
        ("allow if numbers.range(1, 3) == [1, 2, 3]", true),
        ("allow if json.unmarshal(\"{\\\"a\\\": 1}\").a == 1", true),
        ("allow if input == input", true),
        ("allow if { {\"a\", \"b\"} & {\"b\"} == {\"b\"} }", true),
    ] {
        let expected = if allows { Decision::Allow } else { Decision::NoOpinion };
        assert_eq!(decision(body), expected, "{body}");
    }
}

#[test]
fn a_policy_sees_what_it_reads_as_if_it_saw_the_whole() {
    let labels = |key: &str, value: &str| [(key.into(), value.into())].into();
    let inventory = Inventory {
        namespaces: vec![Namespace { name: "shop".into(), labels: labels("env", "prod") }],
        metadata: vec![ObjectFacts {
            kind: "Pod".into(),
            namespace: "shop".into(),
            name: "web".into(),
            labels: labels("app", "web"),
            annotations: labels("owner", "jane"),
            ..ObjectFacts::default()
        }],
        ..Inventory::default()
    };
    let facts = Arc::new(Facts::new(&inventory));
    let user = jane();
    let asked = ResourceAttributes::new("get", "pods").in_namespace("shop").named("web");
    let request = Request::resource(&user, asked);
    let whole = input(&request, &facts, 0);
    assert_eq!(whole["object"]["annotations"]["owner"], "jane".into());
    for (body, allows) in [
        ("allow if input.namespace.labels.env == \"prod\"", true),
        ("allow if input.namespace.labels.env == \"test\"", false),
        ("allow if input.object.labels.app == \"web\"", true),
        ("allow if input.object.annotations[\"owner\"] == input.user", true),
        ("allow if { i := input; i.object.annotations.owner == i.user }", true),
        ("allow if { k := \"user\"; input[k] == \"jane\" }", true),
        ("allow if { k := \"env\"; input.namespace.labels[k] == \"prod\" }", true),
        ("import input.namespace as ns\nallow if ns.labels.env == \"prod\"", true),
        ("import input as i\nallow if i.namespace.labels.env == \"prod\"", true),
        ("f(x) := x.user\nallow if f(input) == \"jane\"", true),
        ("allow if count(input.resourceAttributes) == 4", true),
        ("allow if [v | some v in input.namespace] == [{\"env\": \"prod\"}, \"shop\"]", true),
    ] {
        for evaluator in EVALUATORS {
            let policy = Arc::clone(policy(evaluator, body).policy());
            let world = World { facts: Arc::clone(&facts), rbac: None };
            let outcome = RegoAuthorizer::new(policy, world).evaluate(&request);
            assert_eq!(outcome.allow, allows, "{evaluator:?} {body}");
        }
    }
}

#[test]
fn a_denial_stands_when_its_reason_fails_and_an_allow_falls_with_its_obligations() {
    let user = jane();
    let request = Request::non_resource(&user, "get", "/");
    let endless = "numbers.range(1, 1000000000)[5]";
    for evaluator in EVALUATORS {
        let denied = policy(evaluator, &format!("deny contains \"m\"\nreason := {endless}"));
        let verdict = denied.authorize(&request);
        assert_eq!((verdict.decision, &*verdict.reason()), (Decision::Deny, "m"));
        assert_eq!(verdict.errors.len(), 1);
        let allowed = policy(evaluator, &format!("allow := true\nobligations := {endless}"));
        let verdict = allowed.authorize(&request);
        assert_eq!((verdict.decision, verdict.errors.len()), (Decision::NoOpinion, 1));
    }
}
