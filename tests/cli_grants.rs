//! Grants that end and grants that are inherited, on the command line.

use std::process::{Command, Stdio};

use serde_json::Value;

const TIMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/time-bound.yaml");
const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/hierarchy.yaml");
const TREE_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/hierarchy.tree.yaml");

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(line: &str, more: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(line.split(' '))
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err))
}

#[test]
fn can_i_asks_about_a_moment_and_says_when_the_yes_ends() {
    let kim = "can-i get secrets -n shop --as kim --explain -f";
    let at = |time| run(kim, &[TIMES, "--grant-times", "--at", time]);
    let ran = at("2026-11-27T06:30:00Z");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let until = "shop/incident-4711 from 2026-11-27T06:00:00Z until 2026-11-27T08:00:00Z";
    assert!(ran.out.contains(until), "{}", ran.out);
    assert!(!ran.err.contains("ends at"), "an hour and a half is not soon: {}", ran.err);
    let ran = at("2026-11-27T08:48:00+01:00");
    let told = "this rests on a grant that ends at 2026-11-27T08:00:00Z, in 12 minutes";
    assert!(ran.code == 0 && ran.err.contains(told), "{}", ran.err);
    let ran = at("2026-11-27T08:00:00Z");
    assert_eq!(ran.code, 1, "{}", ran.err);
    let missed = "grants this from 2026-11-27T06:00:00Z until 2026-11-27T08:00:00Z; this is asked at \
                  2026-11-27T08:00:00Z";
    assert!(ran.out.contains(missed), "{}", ran.out);
    let ran = run(kim, &[TIMES, "--grant-times", "--at", "2026-11-27T07:30:00Z", "-o", "json"]);
    assert_eq!(json(&ran)["grantEnds"], "2026-11-27T08:00:00Z");
    // Nobody ends as the night shift does, for the day shift begins.
    let ola = ["--at", "2026-11-27T06:59:00Z", "-o", "json", "--grant-times", "-f", TIMES];
    let ran = run("can-i get secrets -n shop --as ola", &ola);
    assert_eq!(json(&ran)["grantEnds"], "2026-11-27T19:00:00Z");
    assert!(!ran.err.contains("ends at"), "{}", ran.err);
}

#[test]
fn without_the_flag_times_mean_nothing_and_that_is_said() {
    let ran = run("can-i get secrets -n shop --as tom -f", &[TIMES]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.contains("5 bindings with an annotation portcullis.dev/not-before"),
        "{}",
        ran.err
    );
    let ran = run("can-i get secrets -n shop --as tom --grant-times -f", &[TIMES]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("RoleBinding `shop/until-tomorrow` never grants"), "{}", ran.err);
    let ran = run("can-i get secrets -n shop --as tom --at 2026-11-27T08:00:00Z -f", &[TIMES]);
    assert_eq!(ran.code, 2, "a moment without the flag: {}", ran.out);
    let ran = run("can-i get secrets -n shop --as tom --grant-times --at noon -f", &[TIMES]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("not a time as RFC 3339 writes it"), "{}", ran.err);
}

#[test]
fn who_can_and_rules_say_until_when() {
    let more = [TIMES, "--grant-times", "--at", "2026-11-27T07:30:00Z"];
    let ran = run("who-can get secrets -n shop -f", &more);
    let kim = ran.out.lines().find(|line| line.contains("kim")).unwrap();
    assert!(kim.ends_with("from 2026-11-27T06:00:00Z until 2026-11-27T08:00:00Z"), "{kim:?}");
    assert!(ran.out.lines().next().unwrap().contains("GRANTS"));
    assert!(!ran.out.contains("oncall-night") && !ran.out.contains("tom"), "{}", ran.out);
    let night = "ClusterRoleBinding \"oncall-night\" of ClusterRole \"read-secrets\" grants this, but \
                 until 2026-11-27T07:00:00Z";
    assert!(ran.err.contains(night), "{}", ran.err);
    let ran = run("who-can get secrets -n shop -o json -f", &more);
    let subjects = json(&ran)["subjects"].as_array().unwrap().clone();
    let kim = subjects.iter().find(|subject| subject["name"] == "kim").unwrap();
    assert_eq!(kim["notAfter"], "2026-11-27T08:00:00Z");
    let ran = run("who-can get secrets -n shop -f", &[TIMES]);
    assert!(!ran.out.contains("GRANTS") && ran.out.contains("tom"), "{}", ran.out);
    let ran = run("rules --as kim -n shop -f", &more);
    assert!(ran.out.contains("secrets") && ran.err.contains("grants ends at 2026-11-27T08:00:00Z"));
    let ran = run("rules --as kim -n shop --grant-times --at 2026-11-27T08:00:00Z -f", &[TIMES]);
    assert!(!ran.out.contains("secrets"), "{}", ran.out);
}

#[test]
fn check_warns_of_what_the_api_server_does_not_know() {
    let codes = |more: &[&str]| {
        let ran = run("check -o json -f", more);
        let findings = json(&ran)["findings"].as_array().unwrap().clone();
        let code = |finding: &Value| finding["code"].as_str().unwrap().to_owned();
        let mut codes: Vec<String> = findings.iter().map(code).collect();
        codes.sort();
        codes
    };
    let count = |codes: &[String], code: &str| codes.iter().filter(|it| *it == code).count();
    let off = codes(&[TIMES]);
    assert_eq!(count(&off, "grant-times-in-cluster"), 5, "{off:?}");
    assert_eq!(count(&off, "grant-times-off"), 5, "{off:?}");
    assert_eq!(count(&off, "unreadable-grant-times"), 1, "{off:?}");
    let on = codes(&[TIMES, "--grant-times"]);
    assert_eq!(count(&on, "grant-times-in-cluster"), 5, "{on:?}");
    assert_eq!(count(&on, "grant-times-off"), 0, "{on:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slip.yaml");
    let text = std::fs::read_to_string(TIMES).unwrap();
    std::fs::write(&path, text.replace("not-after: tomorrow", "not-afer: tomorrow")).unwrap();
    let ran = run("check --grant-times -f", &[path.to_str().unwrap()]);
    let told = "nothing reads `portcullis.dev/not-afer`; did you mean `portcullis.dev/not-after`?";
    assert!(ran.out.contains(told), "{}", ran.out);
}

#[test]
fn a_line_of_the_log_is_asked_at_its_own_time() {
    let line = |time: &str, decision: &str| {
        format!(
            r#"{{"time": "{time}", "kind": "authorize", "decision": "{decision}", "user": {{"name": "kim"}},
                "attributes": {{"verb": "get", "resource": "secrets", "namespace": "shop"}},
                "grantEnds": "2026-11-27T08:00:00Z"}}"#
        )
        .replace('\n', "")
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let explain = |lines: &[String], more: &[&str]| {
        std::fs::write(&path, lines.join("\n")).unwrap();
        let args = [&["--line", path.to_str().unwrap(), "-f", TIMES][..], more].concat();
        run("explain", &args)
    };
    let (yes, no) = ("2026-11-27T07:59:59Z", "2026-11-27T08:00:00Z");
    let both = [line(yes, "allow"), line(no, "no-opinion")];
    let ran = explain(&both, &["--grant-times"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let ran = explain(&both, &["--grant-times", "--at", no]);
    assert_eq!(ran.code, 3, "at one time one of them is another: {}", ran.out);
    let ran = explain(&both[..1], &["--grant-times"]);
    assert!(ran.out.contains("the grant was to end at 2026-11-27T08:00:00Z"), "{}", ran.out);
}

#[test]
fn inherited_grants_show_where_they_come_from() {
    let ada = "can-i get pods -n shop-test --as ada --as-group auditors --explain -f";
    assert_eq!(run(ada, &[TREE]).code, 1, "nothing is inherited unasked");
    for tree in ["labels", TREE_FILE] {
        let ran = run(ada, &[TREE, "--hierarchy", tree]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains(", inherited from namespace acme)"), "{}", ran.out);
        let sibling = "can-i get pods -n bank --as ann -f";
        assert_eq!(run(sibling, &[TREE, "--hierarchy", tree]).code, 1);
        let above = "can-i get pods -n acme --as ann -f";
        assert_eq!(run(above, &[TREE, "--hierarchy", tree]).code, 1);
    }
    let ran = run("who-can get pods -n shop-test -o wide -f", &[TREE, "--hierarchy", "labels"]);
    let ann = ran.out.lines().find(|line| line.contains(" ann ")).unwrap();
    assert!(ann.contains("inherited from namespace shop, "), "{ann}");
    let ran = run("who-can get pods -n shop-test -o json -f", &[TREE, "--hierarchy", "labels"]);
    assert!(ran.out.contains(r#""inheritedFrom": "shop""#), "{}", ran.out);
    let ran = run(ada, &[TIMES, "--hierarchy", "labels"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is no Namespace object among what was read"), "{}", ran.err);
}

#[test]
fn what_was_skipped_above_makes_a_no_below_doubtful() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.yaml");
    let text = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n\
                metadata: {name: r, namespace: acme}\nrules: [{verbs: get}]\n";
    let (tree, policy) = (std::fs::read_to_string(TREE).unwrap(), path.to_str().unwrap());
    std::fs::write(&path, format!("{tree}---\n{text}")).unwrap();
    let asked = "can-i get pods -n shop-test --as nobody -f";
    assert_eq!(run(asked, &[policy]).code, 1);
    assert_eq!(run(asked, &[policy, "--hierarchy", "labels"]).code, 3);
    let elsewhere = "can-i get pods -n lab --as nobody -f";
    assert_eq!(run(elsewhere, &[policy, "--hierarchy", "labels"]).code, 1);
}
