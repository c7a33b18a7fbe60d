//! Policies that would never end, or take all memory: each is stopped within its budget or refused when it
//! is compiled, while another thread's decisions go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use portcullis::authz::rego::{
    Budget, Evaluator, Failure, OnError, Options, Policy, RegoAuthorizer, Sources, World,
};
use portcullis::model::{Decision, Request, ResourceAttributes, User};

/// What a policy may take here.
const BUDGET: Duration = Duration::from_millis(50);

/// How much longer it may take until it is stopped: the machine may be busy, and the engine a debug build.
const GRACE: Duration = Duration::from_secs(5);

const EVALUATORS: [Evaluator; 2] = [Evaluator::Machine, Evaluator::Interpreter];

fn compile(evaluator: Evaluator, body: &str) -> Result<RegoAuthorizer, String> {
    let text = format!("package portcullis.authz\n{body}\n");
    let budget = Budget { time: BUDGET, ..Budget::default() };
    let options = Options::default().with_evaluator(evaluator).with_budget(budget);
    let policy = Policy::compile(Sources::module("hostile.rego", text), options);
    let policy = policy.map_err(|error| error.to_string())?;
    Ok(RegoAuthorizer::new(Arc::new(policy), World::default()))
}

/// Evaluates a policy on a thread with the stack that threads of servers have; what it failed of.
fn stopped(evaluator: Evaluator, body: &str) -> Failure {
    let authorizer = match compile(evaluator, body) {
        Ok(authorizer) => authorizer,
        Err(error) => panic!("{evaluator:?}: {error}\n{body}"),
    };
    let start = Instant::now();
    let outcome = thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let user = User::new("jane").with_groups(["dev"]);
            let asked = ResourceAttributes::new("get", "pods").in_namespace("shop").named("web");
            let outcome = authorizer.evaluate(&Request::resource(&user, asked));
            let again = authorizer.evaluate(&Request::resource(&user, asked));
            assert_eq!(outcome.failure.is_some(), again.failure.is_some(), "each time anew");
            outcome
        })
        .unwrap()
        .join()
        .unwrap();
    let took = start.elapsed();
    assert!(took < 2 * (BUDGET + GRACE), "{evaluator:?}: {took:?}\n{body}");
    outcome.failure.unwrap_or_else(|| panic!("{evaluator:?}: it ended with {outcome:?}\n{body}"))
}

#[test]
fn products_of_ranges_are_stopped() {
    for body in [
        "allow if { some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); \
         some c in numbers.range(1, 1000); a * b * c < 0 }",
        "allow if count([1 | some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); \
         some c in numbers.range(1, 1000)]) == 1",
        "allow if count({[a, b] | some a in numbers.range(1, 9000); some b in numbers.range(1, 9000)}) == 1",
        "allow if every a in numbers.range(1, 9000) { every b in numbers.range(1, 9000) { a + b > 0 } }",
        "s contains [a, b] if { some a in numbers.range(1, 9000); some b in numbers.range(1, 9000) }\n\
         allow if count(s) == 1",
        "f(x) := count([y | some y in numbers.range(1, 9000)])\n\
         allow if sum([f(x) | some x in numbers.range(1, 9000)]) == 1",
    ] {
        for evaluator in EVALUATORS {
            let failure = stopped(evaluator, body);
            assert!(matches!(failure, Failure::Timeout(_) | Failure::Limit), "{failure:?} {body}");
        }
    }
}

#[test]
fn a_function_that_runs_out_of_time_is_not_taken_for_an_undefined_call() {
    let body = "f if count([1 | some a in numbers.range(1, 9000); some b in numbers.range(1, 9000)]) == 1\n\
        g(x) if count([1 | some a in numbers.range(1, 9000); some b in numbers.range(1, 9000)]) == x\n\
        allow if not f\nallow if not g(1)";
    for evaluator in EVALUATORS {
        assert!(matches!(stopped(evaluator, body), Failure::Timeout(_)));
    }
}

#[test]
fn a_step_that_would_take_all_memory_is_refused() {
    for body in [
        "allow if count(numbers.range(1, 1000000000)) == 1",
        "allow if not numbers.range(1, 1000000000)",
        "allow if count(numbers.range_step(1, 1000000000, 1)) == 1",
        "allow if sprintf(\"%1000000000d\", [1]) == \"\"",
        "allow if bits.lsh(1, 100000000000) == 1",
        "allow if count(split(concat(\"\", [s | s := input.user; some i in numbers.range(1, 9000); \
         some j in numbers.range(1, 9000)]), \"\")) == 1",
    ] {
        for evaluator in EVALUATORS {
            let failure = stopped(evaluator, body);
            assert!(matches!(failure, Failure::Timeout(_) | Failure::Limit), "{failure:?} {body}");
        }
    }
}

/// `x0`, and `levels` rules each of which is made of two of the one before.
fn doubled(first: &str, next: impl Fn(&str) -> String, levels: usize) -> String {
    let mut rules = vec![format!("x0 := {first}")];
    for level in 1..=levels {
        rules.push(format!("x{level} := {}", next(&format!("x{}", level - 1))));
    }
    rules.join("\n")
}

#[test]
fn values_that_double_with_each_rule_are_stopped() {
    for (first, next) in [
        ("input.user", "concat(\"\", [X, X])"),
        ("input.user", "sprintf(\"%s%s\", [X, X])"),
        ("input.user", "replace(X, \"a\", X)"),
        ("input.groups", "array.concat(X, X)"),
        ("{\"a\": input.user}", "{\"a\": json.marshal([X, X])}"),
        ("1234567890123456789", "X * X"),
    ] {
        let rules = doubled(first, |x| next.replace('X', x), 45);
        let body = format!("{rules}\nallow if count(json.marshal(x45)) == 1");
        for evaluator in EVALUATORS {
            let failure = stopped(evaluator, &body);
            assert!(matches!(failure, Failure::Timeout(_) | Failure::Limit), "{failure:?} {next}");
        }
    }
}

#[test]
fn a_value_that_is_small_in_memory_and_endless_to_read_is_stopped() {
    for last in ["allow if json.marshal(x45) == \"\"", "allow := true\nobligations := x45"] {
        let body = format!("{}\n{last}", doubled("input.user", |x| format!("[{x}, {x}]"), 45));
        for evaluator in EVALUATORS {
            let failure = stopped(evaluator, &body);
            assert!(matches!(failure, Failure::Timeout(_) | Failure::Limit), "{failure:?} {last}");
        }
    }
}

#[test]
fn regular_expressions_that_explode_are_refused_or_stopped() {
    for body in [
        "allow if regex.match(\"(((((a{0,50}){0,50}){0,50}){0,50}){0,50})\", input.user)",
        "allow if not regex.match(\"(((((a{0,50}){0,50}){0,50}){0,50}){0,50})\", input.user)",
    ] {
        for evaluator in EVALUATORS {
            let failure = stopped(evaluator, body);
            assert!(matches!(failure, Failure::Timeout(_) | Failure::Limit), "{failure:?} {body}");
        }
    }
    // Such as hang other engines: this one is linear.
    let text = "a".repeat(3000);
    let body = format!(
        "allow if regex.match(\"^(a+)+$\", \"{text}b\")\nallow if regex.match(`(a*)*b`, \"{text}b\")"
    );
    for evaluator in EVALUATORS {
        let authorizer = compile(evaluator, &body).unwrap();
        let user = User::new("jane");
        let outcome = authorizer.evaluate(&Request::non_resource(&user, "get", "/"));
        assert_eq!(outcome.decision, Decision::Allow);
    }
}

#[test]
fn recursion_is_refused() {
    for body in [
        "f(x) := f(x + 1)\nallow if f(1)",
        "f(x) := g(x)\ng(x) := f(x)\nallow if f(1)",
        "a if b\nb if a\nallow if a",
        "allow if data.portcullis.authz.allow",
        "allow if data.portcullis[\"authz\"].allow",
        "allow if { some k; data.portcullis[k].allow }",
        "allow if [x | x := allow]",
        "f(x) if g(x)\ng(x) if { f := x; f == 1 } \ng(x) if { [y | y := 1; f(y)] }\nallow if f(1)",
    ] {
        for evaluator in EVALUATORS {
            let error = compile(evaluator, body).unwrap_err();
            assert!(error.contains("leads back to itself"), "{error} {body}");
        }
    }
    let twin = "user := \"x\"\nf(user) := user\nallow if f(user)";
    assert!(compile(Evaluator::Auto, twin).is_ok(), "an argument is no rule");
}

#[test]
fn a_chain_of_rules_as_long_as_is_allowed_fits_the_stack_and_a_longer_one_is_refused() {
    let chain = |rules: usize, next: &str| {
        let mut body = "x0 := 1\n".to_owned();
        for rule in 1..=rules {
            body += &format!("x{rule} := {}\n", next.replace('X', &format!("x{}", rule - 1)));
        }
        format!("{body}allow if x{rules}")
    };
    let user = User::new("jane");
    for (next, step) in [
        ("X", 1),
        ("[y | y := X][0]", 5),
        ("(((((((X)))))))", 10),
        ("1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + (1 + X)))))))))", 20),
        ("[[[[[[[[[[[[[[[[[[[[X]]]]]]]]]]]]]]]]]]]]", 40),
        ("{y | some a in [1]; some b in [1]; some c in [1]; y := X}", 10),
    ] {
        let mut longest = None;
        for rules in (1..1000).step_by(step) {
            match compile(Evaluator::Auto, &chain(rules, next)) {
                Ok(_) => longest = Some(rules),
                Err(error) => {
                    assert!(error.contains("levels deep"), "{error}");
                    break;
                }
            }
            if step == 1 && rules == 1 {
                // From the other end: compiling each would take long.
                longest = (1..600)
                    .rev()
                    .step_by(50)
                    .find(|rules| compile(Evaluator::Auto, &chain(*rules, next)).is_ok());
                assert!(compile(Evaluator::Auto, &chain(999, next)).is_err());
                break;
            }
        }
        let rules = longest.unwrap();
        println!("{rules} rules of {next}");
        for evaluator in EVALUATORS {
            let authorizer = compile(evaluator, &chain(rules, next)).unwrap();
            let user = user.clone();
            let small = thread::Builder::new().stack_size(2 << 20);
            let run = move || {
                let outcome = authorizer.evaluate(&Request::non_resource(&user, "get", "/"));
                outcome.failure.is_none() || matches!(outcome.failure, Some(Failure::Timeout(_)))
            };
            assert!(small.spawn(run).unwrap().join().unwrap());
        }
    }
}

#[test]
fn text_and_data_that_are_too_deep_or_too_large_are_refused_before_they_are_parsed() {
    let deep = |depth| format!("allow if {}1{} == 1", "[".repeat(depth), "]".repeat(depth));
    let long = format!("allow if {}1 == 1", "1 + ".repeat(100_000).replace("+ 1 + 1", "+ 1 +\n 1"));
    for body in [deep(100_000), deep(33), long, "x := -".to_owned() + &"- ".repeat(2000) + "1"] {
        let error = compile(Evaluator::Auto, &body).unwrap_err();
        assert!(error.contains("too deep") || error.contains("bytes, more than"), "{error}");
    }
    let mut data = serde_json::json!({});
    for _ in 0..100 {
        data = serde_json::json!({ "a": data });
    }
    let sources = Sources::module("m", "package portcullis.authz").with_data(data.into());
    let error = Policy::compile(sources, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "the data is nested more than 64 levels deep");
}

#[test]
fn what_a_failed_evaluation_answers_depends_on_whether_it_may_have_denied() {
    let forever = "numbers.range(1, 1000000000)";
    let user = User::new("secret-name");
    let request = Request::non_resource(&user, "get", "/");
    let answer = |body: &str, on_error| {
        let text = format!("package portcullis.authz\n{body}");
        let options = Options::default().with_name("Mine").with_on_error(on_error);
        let policy = Policy::compile(Sources::module("m", text), options).unwrap();
        let authorizer = RegoAuthorizer::new(Arc::new(policy), World::default());
        let outcome = authorizer.evaluate(&request);
        (outcome.decision, outcome.failure.map(|failure| failure.to_string()))
    };
    let limit = Some("went beyond its limits of instructions or sizes".to_owned());
    let allow = format!("allow if {forever}");
    let deny = format!("allow := true\ndeny if {{ {forever}; input.user == \"joe\" }}");
    assert_eq!(answer(&allow, OnError::Auto), (Decision::NoOpinion, limit.clone()));
    assert_eq!(answer(&deny, OnError::Auto), (Decision::Deny, limit.clone()));
    assert_eq!(answer(&allow, OnError::Deny), (Decision::Deny, limit.clone()));
    assert_eq!(answer(&deny, OnError::NoOpinion), (Decision::NoOpinion, limit));
}

#[test]
fn other_threads_go_on_while_a_policy_runs_out_of_its_time() {
    let good = Arc::new(compile(Evaluator::Auto, "allow if input.user == \"jane\"").unwrap());
    let bad = compile(
        Evaluator::Auto,
        "allow if { some a in numbers.range(1, 1000); some b in numbers.range(1, 1000); \
         some c in numbers.range(1, 1000); a * b * c < 0 }",
    )
    .unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let decided = Arc::new(AtomicU64::new(0));
    let other = thread::spawn({
        let (good, is_over, decided) =
            (Arc::clone(&good), Arc::clone(&is_over), Arc::clone(&decided));
        move || {
            let user = User::new("jane");
            let request = Request::non_resource(&user, "get", "/");
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(good.evaluate(&request).decision, Decision::Allow);
                decided.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let user = User::new("jane");
    for _ in 0..5 {
        let before = decided.load(Ordering::Relaxed);
        let outcome = bad.evaluate(&Request::non_resource(&user, "get", "/"));
        assert!(outcome.failure.is_some());
        let deadline = Instant::now() + GRACE;
        while decided.load(Ordering::Relaxed) == before && Instant::now() < deadline {
            thread::yield_now();
        }
        assert!(decided.load(Ordering::Relaxed) > before);
    }
    is_over.store(true, Ordering::Relaxed);
    other.join().unwrap();
    assert_eq!(bad.policy().counters().evaluations, 5);
}
