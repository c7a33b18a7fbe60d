//! The sample policies in Rego answer their questions, by both evaluators, and have no opinion on what they
//! are not about.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
use portcullis::authz::abac;
use portcullis::authz::rego::{Evaluator, Options, Policy};
use portcullis::model::{Clock, Moment};
use portcullis::snapshot::{Config, Mode, Snapshot, SuperUserStep, compile};
use portcullis::source::rego::{self, RegoLoadOptions};
use portcullis::source::{self, LoadOptions};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::plain_yaml;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rego");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Who is asked, in this order; only Rego when it is left out.
    #[serde(default)]
    chain: Vec<String>,
    /// What the cluster has.
    #[serde(default)]
    objects: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    scenario: String,
    #[serde(default = "noon")]
    time: String,
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    verb: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    expect: String,
    #[serde(default)]
    reason: Option<String>,
}

fn noon() -> String {
    "2026-11-26T12:00:00Z".to_owned()
}

impl Case {
    fn spec(&self) -> SubjectAccessReviewSpec {
        let mut spec = json!({"user": self.user, "groups": self.groups});
        match &self.path {
            Some(path) => spec["nonResourceAttributes"] = json!({"verb": self.verb, "path": path}),
            None => {
                spec["resourceAttributes"] = json!({
                    "verb": self.verb, "group": self.group, "resource": self.resource,
                    "subresource": self.subresource, "name": self.name, "namespace": self.namespace,
                });
            }
        }
        serde_json::from_value(spec).unwrap()
    }
}

/// The seconds since 1970 of a time such as `2026-11-26T12:00:00Z`.
fn unix(time: &str) -> i64 {
    let parts: Vec<i64> = time
        .trim_end_matches('Z')
        .split(['-', 'T', ':'])
        .map(|part| part.parse().unwrap_or_else(|e| panic!("{time}: {e}")))
        .collect();
    let [year, month, day, hour, minute, second] = *parts.as_slice() else {
        panic!("{time} is no time");
    };
    // The year begins in March, so that the odd day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    86_400 * days + 3_600 * hour + 60 * minute + second
}

/// A sample policy in its chain, at a time that can be set.
struct Sample {
    snapshot: Snapshot,
    now: Arc<AtomicI64>,
}

fn read(name: &str) -> File {
    let text = std::fs::read_to_string(format!("{ROOT}/{name}.cases.yaml")).unwrap();
    serde_json::from_value(plain_yaml::documents(&text).remove(0)).unwrap()
}

fn sources(name: &str) -> Vec<PathBuf> {
    let data = PathBuf::from(format!("{ROOT}/{name}.data.yaml"));
    let module = PathBuf::from(format!("{ROOT}/{name}.rego"));
    [module].into_iter().chain(data.exists().then_some(data)).collect()
}

fn sample(name: &str, file: &File, evaluator: Evaluator) -> Sample {
    let options = LoadOptions { keep_metadata: true, ..LoadOptions::default() };
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": file.objects}).to_string();
    let loaded = source::parse("objects.json", objects.as_bytes(), &options).unwrap();
    assert!(loaded.report.skipped.is_empty(), "{name}");

    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let options = Options::default()
        .with_evaluator(evaluator)
        .with_clock(Clock::new(move || Moment::from_seconds(clock.load(Ordering::Relaxed))));
    let sources = rego::load(&sources(name), &RegoLoadOptions::default()).unwrap().sources;
    let policy = Arc::new(Policy::compile(sources, options).unwrap_or_else(|e| panic!("{e}")));
    assert!(policy.warnings().is_empty(), "{name}: {:?}", policy.warnings());

    let mut config = Config::default().with_super_user(SuperUserStep::LeaveOut);
    let only = ["Rego".to_owned()];
    for link in if file.chain.is_empty() { &only } else { file.chain.as_slice() } {
        config = match link.as_str() {
            "Rego" => config.with_rego("Rego", Arc::clone(&policy)),
            mode => config.with_link(mode.parse::<Mode>().unwrap()),
        };
    }
    Sample { snapshot: compile(&loaded.inventory, &config).unwrap(), now }
}

impl Sample {
    /// The decision, in the words of cases, and the reason.
    fn ask(&self, case: &Case) -> (String, String) {
        self.now.store(unix(&case.time), Ordering::Relaxed);
        let spec = case.spec();
        let review = PreparedReview::of(&spec).unwrap();
        let request = review.request();
        let verdict = self.snapshot.authorize(&request);
        assert_eq!(verdict.errors, [""; 0], "{case:?}");
        (verdict.decision.to_string().replace(' ', "-"), verdict.reason().to_string())
    }
}

/// The names of the sample policies.
fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(ROOT)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".rego").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

#[test]
fn each_sample_policy_answers_its_questions() {
    let names = names();
    assert_eq!(names.len(), 8);
    for name in names {
        let file = read(&name);
        for evaluator in [Evaluator::Auto, Evaluator::Interpreter] {
            let sample = sample(&name, &file, evaluator);
            for case in &file.cases {
                let (decision, reason) = sample.ask(case);
                assert_eq!(decision, case.expect, "{name}, {evaluator:?}: {reason}: {case:?}");
                if let Some(expected) = &case.reason {
                    assert_eq!(reason, *expected, "{name}, {evaluator:?}: {case:?}");
                }
            }
        }
        // Each has a yes or a no, and the twin that is neither.
        let decisions: BTreeSet<&str> =
            file.cases.iter().map(|case| case.expect.as_str()).collect();
        assert!(decisions.len() >= 2 && decisions.contains("no-opinion"), "{name}: {decisions:?}");
        let scenarios: BTreeSet<&str> =
            file.cases.iter().map(|case| case.scenario.as_str()).collect();
        assert_eq!(scenarios.len(), file.cases.len(), "{name}");
    }
}

/// T11: nothing is allowed because nothing denied it.
#[test]
fn a_request_that_no_sample_policy_is_about_gives_no_opinion() {
    let unrelated = [
        json!({"scenario": "a", "user": "nobody", "verb": "get", "resource": "pods", "name": "p",
            "namespace": "elsewhere", "expect": ""}),
        json!({"scenario": "b", "user": "nobody", "verb": "get", "path": "/nowhere", "expect": ""}),
        json!({"scenario": "c", "user": "", "verb": "frobnicate", "group": "example.com",
            "resource": "things", "expect": ""}),
    ];
    for name in names() {
        let sample = sample(&name, &read(&name), Evaluator::Auto);
        for case in &unrelated {
            let case: Case = serde_json::from_value(case.clone()).unwrap();
            assert_eq!(sample.ask(&case), ("no-opinion".to_owned(), String::new()), "{name}");
        }
    }
}

/// Without its data a policy allows nobody anything.
#[test]
fn a_sample_policy_without_its_data_allows_nothing() {
    for name in names() {
        let module = PathBuf::from(format!("{ROOT}/{name}.rego"));
        let file = read(&name);
        if sources(&name).len() == 1 {
            continue;
        }
        let sources = rego::load(&[module], &RegoLoadOptions::default()).unwrap().sources;
        let policy = Policy::compile(sources, Options::default()).unwrap();
        let config = Config::default()
            .with_super_user(SuperUserStep::LeaveOut)
            .with_rego("Rego", Arc::new(policy));
        let snapshot = compile(&Default::default(), &config).unwrap();
        for case in &file.cases {
            let spec = case.spec();
            let review = PreparedReview::of(&spec).unwrap();
            assert!(!snapshot.authorize(&review.request()).is_allowed(), "{name}: {case:?}");
        }
    }
}

/// The policy that does as ABAC does, on the lines of the sample policy of ABAC.
#[test]
fn abac_in_rego_answers_as_abac_does() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/abac/team.jsonl"));
    let text = text.unwrap();
    let lines: Vec<Value> = text
        .lines()
        .filter(|line| line.trim_start().starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() > 5);
    let abac = abac::Policy::parse("team.jsonl", &text).unwrap();
    let abac = Config::new([Mode::Abac]).with_super_user(SuperUserStep::LeaveOut).with_abac(abac);
    let abac = compile(&Default::default(), &abac).unwrap();

    let module = std::fs::read_to_string(format!("{ROOT}/abac.rego")).unwrap();
    let data = json!({"abac": {"lines": lines}});
    let sources = portcullis::authz::rego::Sources::module("abac.rego", module)
        .with_data(regorus::Value::from(data));
    let policy = Policy::compile(sources, Options::default()).unwrap();
    let config = Config::default()
        .with_super_user(SuperUserStep::LeaveOut)
        .with_rego("Rego", Arc::new(policy));
    let rego = compile(&Default::default(), &config).unwrap();

    // Everything that the lines name, asked by everybody whom they name, and neighbours of it.
    let named = |field: &str| {
        let named = lines.iter().filter_map(|line| line["spec"][field].as_str());
        named.map(str::to_owned).chain(["".into(), "other".into()]).collect::<BTreeSet<_>>()
    };
    let (mut asked, mut allowed) = (0, 0);
    for user in named("user") {
        for group in named("group") {
            let mut specs = Vec::new();
            for verb in ["get", "delete"] {
                for resource in named("resource") {
                    for namespace in named("namespace") {
                        for api_group in named("apiGroup") {
                            specs.push(json!({"resourceAttributes": {"verb": verb,
                                "resource": resource, "namespace": namespace, "group": api_group}}));
                        }
                    }
                }
                for path in named("nonResourcePath") {
                    for path in [path.clone(), path.replace('*', "x"), path.replace('*', "")] {
                        specs.push(json!({"nonResourceAttributes": {"verb": verb, "path": path}}));
                    }
                }
            }
            for mut spec in specs {
                spec["user"] = json!(user);
                spec["groups"] = json!([group]);
                let spec: SubjectAccessReviewSpec = serde_json::from_value(spec).unwrap();
                let Some(review) = PreparedReview::of(&spec) else { continue };
                let request = review.request();
                let (want, got) = (abac.authorize(&request), rego.authorize(&request));
                assert_eq!(got.decision, want.decision, "{spec:?}");
                asked += 1;
                allowed += usize::from(got.is_allowed());
            }
        }
    }
    assert!(asked > 500 && allowed > 50 && allowed < asked, "{allowed} of {asked}");
}

/// What a policy compares by using a name twice, both evaluators compare; or it does not compile.
#[test]
fn a_name_that_stands_twice_is_compared_or_refused() {
    let mut refused = Vec::new();
    for body in [
        "same(x, x) := true\nallow if same(input.user, \"jane\")",
        "same([x, x]) := true\nallow if same([input.user, \"jane\"])",
        "allow if [x, x] = [input.user, \"jane\"]",
        "allow if { some x; [x, x] = [input.user, \"jane\"] }",
        "allow if { some [x, x] in [[input.user, \"jane\"]] }",
        "allow if { x := \"jane\"; some x in [input.user] }",
        "allow if { x := \"jane\"; [x, _] = [input.user, 1] }",
        "allow if { x := \"jane\"; {\"a\": x} = {\"a\": input.user} }",
        "allow if { some x; {\"jane\": input.user}[x] == x }",
        "allow if { [x, y] = [input.user, \"jane\"]; x = y }",
        "allow if { x := \"jane\"; count([1 | [x, 1] = [input.user, 1]]) == 1 }",
        "allow if { x := \"jane\"; every y in [1] { [x, y] = [input.user, 1] } }",
        "allow if { every x in [\"jane\"] { x = input.user } }",
        "allow if { every x in [\"jane\"] { x == input.user } }",
        "allow if { every k, v in {\"jane\": 1} { [v, k] = [1, input.user] } }",
        "allow if { every x in [\"jane\"] { every y in [1] { [x, y] = [input.user, 1] } } }",
        "allow if { some x in [\"jane\"]; [x, 1] = [input.user, 1] }",
        "f(x) if { [x, 1] = [input.user, 1] }\nallow if f(\"jane\")",
    ] {
        for evaluator in [Evaluator::Interpreter, Evaluator::Auto, Evaluator::Machine] {
            let text = format!("package portcullis.authz\n{body}\n");
            let sources = portcullis::authz::rego::Sources::module("m.rego", text);
            let options = Options::default().with_evaluator(evaluator);
            let policy = match Policy::compile(sources, options) {
                Ok(policy) => policy,
                Err(error) => {
                    refused.push((body, error.to_string()));
                    continue;
                }
            };
            let config = Config::default().with_rego("Rego", Arc::new(policy));
            let snapshot = compile(&Default::default(), &config).unwrap();
            for (user, is_allowed) in [("jane", true), ("bob", false)] {
                let user = portcullis::model::User::new(user);
                let request = portcullis::model::Request::non_resource(&user, "get", "/x");
                let got = snapshot.authorize(&request).is_allowed();
                assert_eq!(got, is_allowed, "{evaluator:?}: {body}: {user:?}");
            }
        }
    }
    for (count, why) in [
        (6, "m.rego:2: two parameters are called `x`; give them names of their own and compare"),
        (6, "m.rego:2: `=` does not compare with `x`, over which `every` runs; write `==`"),
        (3, "m.rego:2: `=` does not compare with `v`, over which `every` runs; write `==`"),
    ] {
        let found = refused.iter().filter(|(_, said)| said.starts_with(why)).count();
        assert_eq!(found, count, "{why}: {refused:?}");
    }
}
