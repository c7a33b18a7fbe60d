//! Rules that would not count, or that the two evaluators take for something else.

use regorus::Value;

use super::*;

fn compile(sources: Sources, evaluator: Evaluator) -> Result<Policy, String> {
    Policy::compile(sources, options(evaluator)).map_err(|error| error.to_string())
}

fn module(body: &str) -> Sources {
    Sources::module("m.rego", format!("package portcullis.authz\n{body}"))
}

fn refused(sources: &Sources) -> String {
    let [first, second] =
        EVALUATORS.map(|evaluator| compile(sources.clone(), evaluator).unwrap_err());
    assert_eq!(first, second);
    first
}

#[test]
fn a_denial_in_a_field_of_deny_is_refused_and_one_in_its_set_denies() {
    for body in
        ["deny[\"no jane\"] if input.user == \"jane\"", "deny.x := \"y\" if input.user == \"jane\""]
    {
        let error = refused(&module(&format!("allow := true\n{body}")));
        assert!(error.starts_with("m.rego:3: nothing asks for `deny."), "{error}");
    }
    let error = refused(&module("allow := true\nobligations.log := \"full\""));
    assert!(error.contains("write `obligations[key] := value if …`"), "{error}");
    let nested =
        Module::new("n.rego", "package portcullis.authz.deny\nx if input.user == \"jane\"");
    let error = refused(&module("allow := true").with(nested));
    assert_eq!(
        error,
        "n.rego:2: nothing asks for rules of the package `portcullis.authz.deny`; `deny` must be a rule"
    );
    for body in [
        "deny contains \"no jane\" if input.user == \"jane\"",
        "deny[msg] := true if { input.user == \"jane\"; msg := \"no jane\" }",
    ] {
        assert_eq!(decision(&format!("allow := true\n{body}")), Decision::Deny, "{body}");
    }
}

#[test]
fn data_that_stands_where_a_rule_does_is_refused_and_data_beside_it_is_not() {
    let data = |json: &str| Value::from_json_str(json).unwrap();
    for (body, json, path) in [
        (
            "allow if input.user == \"joe\"",
            r#"{"portcullis": {"authz": {"allow": true}}}"#,
            "allow",
        ),
        ("deny if input.user == \"jane\"", r#"{"portcullis": {"authz": {"deny": false}}}"#, "deny"),
        ("allow := true", r#"{"portcullis": {"authz": 1}}"#, "allow"),
        ("f(x) := x\nallow if f(true)", r#"{"portcullis": {"authz": {"f": 1}}}"#, "f"),
        (
            "b contains \"jane\"\ndeny if b[input.user]",
            r#"{"portcullis": {"authz": {"b": {"jane": false}}}}"#,
            "b",
        ),
    ] {
        let error = refused(&module(body).with_data(data(json)));
        let told = format!("`data.portcullis.authz.{path}` is a rule, and the data says it too");
        assert!(error.contains(&told), "{error}");
    }
    let beside = data(r#"{"portcullis": {"authz": {"users": {"jane": true}}}}"#);
    let sources = module("allow if data.portcullis.authz.users[input.user]\ndeny if false");
    for evaluator in EVALUATORS {
        let policy = compile(sources.clone().with_data(beside.clone()), evaluator).unwrap();
        let authorizer = RegoAuthorizer::new(Arc::new(policy), World::default());
        let user = jane();
        let request = Request::non_resource(&user, "get", "/");
        assert!(authorizer.authorize(&request).is_allowed());
    }
}

#[test]
fn a_rule_where_a_package_stands_is_refused() {
    let over = Module::new("n.rego", "package portcullis\nauthz := {\"deny\": true}");
    let error = refused(&module("allow := true\ndeny if false").with(over));
    assert!(error.contains("part of the package `data.portcullis.authz`"), "{error}");
    let beside = Module::new("n.rego", "package portcullis\nother := {\"deny\": true}");
    assert!(compile(module("allow := true").with(beside), Evaluator::Auto).is_ok());
}

#[test]
fn variables_called_input_are_refused_and_others_are_not() {
    for (shadows, plain) in [
        ("f(input) if input.user == \"joe\"\ndeny if f({\"user\": \"joe\"})", "input"),
        ("deny if { some input in [{\"user\": \"joe\"}]; input.user == \"joe\" }", "input"),
        ("deny if { every input in [{\"user\": \"joe\"}] { input.user == \"joe\" } }", "input"),
        ("f(data) if data.user == \"joe\"\ndeny if f({\"user\": \"joe\"})", "data"),
        (
            "deny if { some i, input in [{\"user\": \"joe\"}]; i == 0; input.user == \"joe\" }",
            "input",
        ),
    ] {
        let error = refused(&module(shadows));
        assert!(error.contains("a variable is called `input` or `data`"), "{error}");
        assert_eq!(decision(&shadows.replace(plain, "asked")), Decision::Deny, "{shadows}");
    }
    let error = refused(&module("import data.lib.input\nallow if input.x"));
    assert!(error.contains("an import is called `input`"), "{error}");
}

#[test]
fn the_default_of_a_function_counts() {
    let body = "default f(_) := 3\nf(x) := 1 if x == \"a\"\nallow := true\n";
    let user = jane();
    let request = Request::non_resource(&user, "get", "/");
    for (number, expected) in [(3, Decision::Deny), (1, Decision::Allow)] {
        let text = format!("{body}deny if f(input.user) == {number}");
        let authorizer = policy(Evaluator::Auto, &text);
        assert_eq!(authorizer.authorize(&request).decision, expected, "{text}");
        assert!(compile(module(&text), Evaluator::Machine).is_err());
    }
}

#[test]
fn an_allow_that_says_no_does_not_allow_and_its_twin_does() {
    for (no, yes) in [
        (
            "default allow := {\"allowed\": false, \"headers\": {\"a\": \"b\"}}",
            "default allow := {\"allowed\": true, \"headers\": {\"a\": \"b\"}}",
        ),
        ("allow := [false, \"no\"]", "allow := [true, \"yes\"]"),
        ("allow contains (input.user == \"joe\")", "allow contains (input.user == \"jane\")"),
    ] {
        assert_eq!(decision(no), Decision::NoOpinion, "{no}");
        assert_eq!(decision(yes), Decision::Allow, "{yes}");
    }
}

#[test]
fn what_the_machine_takes_for_something_else_runs_on_the_interpreter() {
    let user = jane();
    let request = Request::non_resource(&user, "get", "/");
    for (no, yes) in [
        // A variable whose value is undefined ends the body.
        (
            "allow if { x := input.nothing; not x == \"log\" }",
            "allow if { x := input.user; not x == \"log\" }",
        ),
        (
            "f(a) if { y := a.foo }\nallow if f({\"b\": 1})",
            "f(a) if { y := a.foo }\nallow if f({\"foo\": 1})",
        ),
        (
            "p contains 1 if { x := input.nothing }\nallow if p[1]",
            "p contains 1 if { x := input.user }\nallow if p[1]",
        ),
        (
            "allow if count([y | y := input.nothing]) == 1",
            "allow if count([y | y := input.nothing]) == 0",
        ),
        // So does an element or field of something that is being collected.
        (
            "allow if count([g.x | some g in input.groups]) == 2",
            "allow if count([g.x | some g in input.groups]) == 0",
        ),
        (
            "m[x] := input.nothing if some x in [1]\nallow if count(m) == 1",
            "m[x] := input.nothing if some x in [1]\nallow if count(m) == 0",
        ),
        (
            "m[input.nothing] := 1 if true\nallow if count(m) == 1",
            "m[input.nothing] := 1 if true\nallow if count(m) == 0",
        ),
        // Fields of fields.
        (
            "m[x] contains y if { some x, y in {\"a\": \"b\"} }\nallow if m.a[\"c\"]",
            "m[x] contains y if { some x, y in {\"a\": \"b\"} }\nallow if m.a[\"b\"]",
        ),
        (
            "m.a := 1\nm.b := 2\nallow if m == {\"a\": 1}",
            "m.a := 1\nm.b := 2\nallow if m == {\"a\": 1, \"b\": 2}",
        ),
        (
            "m.a := 1\nm.b := 2\nallow if data.portcullis.authz.m[_] == 3",
            "m.a := 1\nm.b := 2\nallow if data.portcullis.authz.m[_] == 2",
        ),
        (
            "v := input.nothing if true\nelse := 2\nallow if v == 3",
            "v := input.nothing if true\nelse := 2\nallow if v == 2",
        ),
    ] {
        assert!(!policy(Evaluator::Auto, no).authorize(&request).is_allowed(), "{no}");
        let twin = policy(Evaluator::Auto, yes);
        assert!(twin.authorize(&request).is_allowed(), "{yes}");
        assert_eq!(twin.policy().evaluator(), Evaluator::Interpreter, "{yes}");
    }
    let all = "allow if data.policies[_].deny\n";
    let other = Module::new("n.rego", "package policies.a\ndeny if input.user == \"jane\"");
    let policy = compile(module(all).with(other), Evaluator::Auto).unwrap();
    assert!(RegoAuthorizer::new(policy.into(), World::default()).authorize(&request).is_allowed());
}

#[test]
fn not_before_several_values_is_refused_and_before_a_rule_or_a_count_it_is_not() {
    for body in [
        "allow if not input.groups[_] == \"dev\"",
        "allow if not startswith(input.groups[_], \"dev\")",
        "allow if not data.blocked[_][input.user]",
        "allow if [1 | not input.groups[_] == \"dev\"] == []",
        "allow if not walk(input, [[\"user\"], \"jane\"])",
        "allow if every g in [1] { not input.groups[_] == \"dev\" }",
    ] {
        let error = refused(&module(body));
        assert!(error.starts_with("m.rego:2: `not` stands before"), "{error}");
    }
    for (body, expected) in [
        ("dev if input.groups[_] == \"dev\"\nallow if not dev", Decision::NoOpinion),
        ("dev if input.groups[_] == \"ops\"\nallow if not dev", Decision::Allow),
        ("allow if not count([1 | input.groups[_] == \"dev\"]) == 0", Decision::Allow),
        ("allow if { some g in input.groups; not g == \"dev\" }", Decision::Allow),
        ("allow if not \"dev\" in input.groups", Decision::NoOpinion),
    ] {
        assert_eq!(decision(body), expected, "{body}");
    }
}
