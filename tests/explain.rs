//! `explain`: lines of the decision log, replayed. What the log writes, the verb agrees with.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const POLICY: &str = r#"
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: reader}
rules:
- {verbs: [get], apiGroups: [""], resources: [pods]}
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: readers, namespace: shop}
subjects:
- {kind: Group, name: devs, apiGroup: rbac.authorization.k8s.io}
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
"#;

const REASON: &str =
    "RBAC: allowed by RoleBinding \"readers/shop\" of ClusterRole \"reader\" to Group \"devs\"";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

/// Explains lines from standard input against a policy of this text.
fn explain(policy: &str, lines: &str, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, policy).unwrap();
    run(&[&["-f", path.to_str().unwrap()], more].concat(), lines)
}

fn run(args: &[&str], lines: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("explain")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments closes the pipe early.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A line that says that a dev may get a pod.
fn line() -> Value {
    json!({
        "time": "2026-11-26T03:05:22.123456Z", "kind": "authorize", "requestId": "r1",
        "decision": "allow", "reason": REASON,
        "user": {"name": "jane", "groups": ["devs"]},
        "attributes": {"verb": "get", "version": "v1", "resource": "pods", "namespace": "shop"},
        "generation": 3, "latencyUs": 7.0, "sampleRate": 1.0,
        "path": [{"kind": "RoleBinding", "text": "shop/readers",
                  "origin": {"source": "old.yaml", "document": 2, "line": 8}}],
    })
}

fn with(changes: &[(&str, Value)]) -> String {
    let mut line = line();
    for (field, value) in changes {
        line[*field] = value.clone();
    }
    line.to_string()
}

fn no() -> String {
    with(&[
        ("decision", json!("no-opinion")),
        ("reason", json!("")),
        ("user", json!({"name": "joe"})),
    ])
}

#[test]
fn a_yes_that_is_still_a_yes_shows_both_ways() {
    let ran = explain(POLICY, &line().to_string(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "may jane (groups devs) get pods in shop?",
        "then: allow (at 2026-11-26T03:05:22.123456Z, policy generation 3)",
        "old.yaml:8",
        "now: allow",
        "policy.yaml:8",
        "rules[0]: verbs [get]",
        "the same\n",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let json = explain(POLICY, &line().to_string(), &["-o", "json"]).json();
    assert_eq!((&json["agrees"], &json["sameReason"]), (&json!(true), &json!(true)));
    assert_eq!(json["then"], line());
    assert_eq!(json["now"]["decision"], "allow");
    assert_eq!(json["now"]["path"].as_array().unwrap().len(), 4);
}

#[test]
fn a_no_that_is_still_a_no_ends_with_1_and_shows_what_came_nearest() {
    let ran = explain(POLICY, &no(), &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("now: no-opinion") && ran.out.contains("nearest"), "{}", ran.out);
}

#[test]
fn a_decision_that_the_policy_does_not_explain_ends_with_3_either_way() {
    let narrower = POLICY.replace("[get]", "[list]");
    let ran = explain(&narrower, &line().to_string(), &[]);
    assert_eq!(ran.code, 3);
    assert!(ran.out.contains("not explained: the policy says something else now"), "{}", ran.out);
    let wider = POLICY.replace("kind: Group, name: devs", "kind: User, name: joe");
    assert_eq!(explain(&wider, &no(), &["-o", "name"]).out, "differs\n");
    // A denial is not the same no; what failed then is explained by nothing.
    for decision in ["deny", "error"] {
        let line = with(&[("decision", json!(decision)), ("user", json!({"name": "joe"}))]);
        assert_eq!(explain(POLICY, &line, &[]).code, 3, "{decision}");
    }
}

#[test]
fn the_same_answer_for_another_reason_agrees_and_says_so() {
    let renamed = POLICY.replace("name: readers", "name: others");
    let ran = explain(&renamed, &line().to_string(), &[]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("the same, for another reason"), "{}", ran.out);
}

#[test]
fn a_no_of_a_policy_with_holes_is_not_vouched_for_and_a_yes_is() {
    let holes = format!(
        "{POLICY}---\nkind: RoleBinding\napiVersion: rbac.authorization.k8s.io/v1\n\
                         metadata: {{name: b, namespace: shop}}\nsubjects: 7\n"
    );
    assert_eq!(explain(&holes, &no(), &[]).code, 3);
    assert_eq!(explain(&holes, &line().to_string(), &[]).code, 0);
}

#[test]
fn a_line_that_cannot_be_replayed_is_refused_with_the_reason() {
    for (line, why) in [
        (with(&[("masked", json!("users"))]), "masked (`users`)"),
        (with(&[("kind", json!("authenticate"))]), "a token review"),
        (with(&[("user", Value::Null)]), "missing"),
        ("{\"kind\": \"authorize\"".to_owned(), "not a line of the decision log"),
        (String::new(), "not a single line"),
    ] {
        let ran = explain(POLICY, &line, &[]);
        assert_eq!(ran.code, 2, "{line}");
        assert!(ran.err.contains(why) && ran.out.is_empty(), "{why}: {}", ran.err);
    }
}

#[test]
fn of_several_lines_the_differing_ones_are_listed_and_the_rest_counted() {
    let narrower = POLICY.replace("[get]", "[list]");
    let token = with(&[("kind", json!("authenticate"))]);
    let lines = [line().to_string(), String::new(), no(), token.clone()].join("\n");
    let ran = explain(POLICY, &lines, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("2 decisions replayed: 2 agree, 0 differ; 1 token review"),
        "{}",
        ran.out
    );
    let ran = explain(&narrower, &lines, &["-o", "json"]);
    assert_eq!(ran.code, 3);
    let json = ran.json();
    assert_eq!((&json["replayed"], &json["agreeing"]), (&json!(2), &json!(1)));
    assert_eq!((&json["lines"], &json["tokenReviews"]), (&json!(3), &json!(1)));
    assert_eq!(json["differing"][0]["line"], 1);
    assert_eq!(explain(&narrower, &lines, &["-o", "name"]).out, "r1\n");
    // What could not be replayed is named, and makes the answer incomplete.
    let masked = with(&[("masked", json!("users"))]);
    let ran = explain(POLICY, &format!("{lines}\n{masked}\n{{torn"), &["-o", "json"]);
    assert_eq!(ran.code, 3);
    let skipped = ran.json()["skipped"].clone();
    assert_eq!((&skipped[0]["line"], &skipped[1]["line"]), (&json!(5), &json!(6)));
    // Nothing to replay among them is no answer.
    assert_eq!(explain(POLICY, &format!("{token}\n{masked}"), &[]).code, 2);
}

#[test]
fn a_hostile_line_cannot_steer_the_terminal() {
    let hostile = json!({"name": "joe\u{1b}[2J", "groups": ["\u{1b}[1m"]});
    let ran = explain(POLICY, &with(&[("user", hostile), ("reason", json!("\u{1b}]0;x"))]), &[]);
    assert!(!ran.out.contains('\u{1b}'), "{:?}", ran.out);
}

#[cfg(feature = "webhook")]
mod round_trip {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use portcullis::authz::abac;
    use portcullis::model::{Decision, Request};
    use portcullis::snapshot::{Config, Mode, Snapshot, compile};
    use portcullis::source::{self, Input, LoadOptions};
    use portcullis::webhook::decision_log::{
        AuthorizeRecord, DecisionLog, DecisionSink, LogOptions,
    };
    use portcullis::webhook::digest::DigestKey;
    use portcullis::webhook::metrics::{Decided, Metrics};

    use super::*;
    use crate::support::world::Query;
    use crate::support::{corpus, ndjson};

    fn snapshot(world: &Path, policy: &Path, modes: [Mode; 2]) -> Arc<Snapshot> {
        let inputs = [Input::from(&world.to_path_buf())];
        let loaded = source::load(&inputs, &LoadOptions::default(), &mut |_| {}).unwrap();
        let text = std::fs::read_to_string(policy).unwrap();
        let abac = abac::Policy::parse(policy.display().to_string().as_str(), &text).unwrap();
        Arc::new(compile(&loaded.inventory, &Config::new(modes).with_abac(abac)).unwrap())
    }

    #[test]
    fn what_the_log_writes_is_explained_to_the_letter_and_another_policy_differs() {
        let (world, policy) = (corpus("union-1/world.json"), corpus("union-1/policy.jsonl"));
        let live = snapshot(&world, &policy, [Mode::Rbac, Mode::Abac]);
        let queries: Vec<Query> = ndjson(&corpus("union-1/queries.ndjson"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut options = LogOptions::new(DecisionSink::File(path.clone()));
        options.queue = queries.len();
        let key = DigestKey::random().unwrap();
        let log = DecisionLog::open(options, key.into(), Metrics::new().into()).unwrap();
        let (mut asked, mut allowed) = (0, 0);
        let has_attributes = |query: &&Query| {
            query.resource_attributes.is_some() || query.non_resource_attributes.is_some()
        };
        for query in queries.iter().filter(has_attributes) {
            let user = query.user();
            let request = Request { user: &user, attributes: query.attributes() };
            let verdict = live.authorize(&request);
            let decided = match verdict.decision {
                Decision::Allow => Decided::Allow,
                Decision::Deny => Decided::Deny,
                Decision::NoOpinion => Decided::NoOpinion,
            };
            asked += 1;
            allowed += usize::from(verdict.is_allowed());
            let reason = verdict.reason();
            let kept = log.wants(decided, request.attributes.verb()).unwrap();
            log.authorize(
                kept,
                &AuthorizeRecord {
                    request_id: "r",
                    request: &request,
                    decided,
                    reason: &reason,
                    link: verdict.link().unwrap_or_default(),
                    moment: verdict.moment(),
                    asked_as: verdict.replaced_user(),
                    errors: &verdict.errors,
                    snapshot: &live,
                    generation: 1,
                    took: Duration::from_micros(1),
                    peer: None,
                    shadow: None,
                },
            );
        }
        assert!(log.close(Duration::from_secs(30)));
        assert!(allowed > 100 && asked > 800, "{asked} {allowed}");

        let [world, policy, path] = [&world, &policy, &path].map(|path| path.to_str().unwrap());
        let files = ["--line", path, "-f", world, "--abac", policy, "-o", "json"];
        let ran = run(&[&files[..], &["--mode", "RBAC,ABAC"]].concat(), "");
        let json = ran.json();
        assert_eq!(ran.code, 0, "{}", json["differing"]);
        assert_eq!((&json["replayed"], &json["agreeing"]), (&json!(asked), &json!(asked)));

        // Each alone, too: reason and way are the same to the letter.
        let text = std::fs::read_to_string(path).unwrap();
        let is_allowed = |line: &&str| line.contains("\"decision\":\"allow\"");
        for line in text.lines().filter(is_allowed).step_by(40).take(5) {
            let files = ["-f", world, "--abac", policy, "-o", "json", "--mode", "RBAC,ABAC"];
            let json = run(&files, line).json();
            assert_eq!(json["sameReason"], true, "{json}");
            assert_eq!(json["then"]["path"], json["now"]["path"]);
        }

        // Without ABAC some answers are others.
        let ran = run(&["--line", path, "-f", world, "-o", "json"], "");
        assert_eq!(ran.code, 3);
        let differing = ran.json()["differing"].as_array().unwrap().len();
        assert!(differing > 10, "{differing}");
    }
}
