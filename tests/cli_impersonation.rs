//! Acting as another, and live groups, on the command line.

use std::process::{Command, Stdio};

use serde_json::Value;

const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/impersonation.yaml");

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(line: &str, more: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(line.split(' '))
        .args(["-f", POLICY])
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
fn a_gateway_lists_as_a_developer_and_both_are_asked_about() {
    let ran = run("can-i list pods -n shop --as jane --as-group dev --by gateway --explain", &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let mut lines = ran.out.lines();
    assert!(lines.next().unwrap().contains("yes"));
    assert_eq!(
        lines.next(),
        Some(
            "gateway may act as jane (impersonate:user-info), in the groups dev, system:authenticated"
        ),
    );
    for question in [
        "impersonate-on:user-info:list pods -n shop ",
        "impersonate:user-info users.authentication.k8s.io/jane ",
        "impersonate:user-info groups.authentication.k8s.io/dev ",
    ] {
        assert!(ran.out.contains(question), "{question}: {}", ran.out);
    }
    // The answer about jane is hers.
    assert!(ran.out.contains("RoleBinding") && ran.out.contains("developers"), "{}", ran.out);
}

#[test]
fn what_the_other_may_not_do_is_a_no_although_the_gateway_may_act_as_them() {
    let ran = run("can-i list pods -n shop --as jane --by gateway -o json", &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let answer = json(&ran);
    assert_eq!(answer["decision"], "no-opinion");
    assert_eq!(answer["impersonation"]["allowed"], true);
    assert_eq!(answer["impersonation"]["constraint"], "impersonate:user-info");
    assert_eq!(answer["impersonation"]["user"]["groups"][0], "system:authenticated");
    assert!(answer["impersonation"]["checks"].is_null());
    assert_eq!(answer["spec"]["user"], "jane");
}

#[test]
fn who_may_not_act_as_another_is_refused_in_the_words_of_the_api_server() {
    let ran =
        run("can-i list pods -n shop --as jane --as-group ops --by gateway -o json --explain", &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let answer = json(&ran);
    assert_eq!(answer["decision"], "deny");
    let message = "groups.authentication.k8s.io \"ops\" is forbidden: User \"gateway\" cannot \
                   impersonate:user-info resource \"groups\" in API group \"authentication.k8s.io\" at the \
                   cluster scope";
    assert_eq!(answer["reason"], message);
    assert_eq!(answer["impersonation"]["message"], message);
    assert_eq!(answer["impersonation"]["checks"].as_array().unwrap().len(), 4);
    // The deed is not granted elsewhere.
    let ran = run("can-i list pods -n bank --as jane --as-group dev --by gateway", &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("cannot impersonate-on:user-info:list"), "{}", ran.out);
    assert!(ran.out.contains("gateway may not act as jane for this request"), "{}", ran.out);
    let ran = run("can-i list pods -n shop --as jane --as-group ops --by gateway -o name", &[]);
    assert_eq!((ran.code, &*ran.out), (1, "deny\n"));
}

#[test]
fn the_classic_permission_counts_with_the_gate_on_and_off_and_a_constrained_one_only_with_it_on() {
    let desk =
        "can-i list pods -n shop --as jane --as-group dev --by tom --by-group help-desk -o json";
    let gateway = "can-i list pods -n shop --as jane --as-group dev --by gateway -o json";
    let off = &["--no-constrained-impersonation"][..];
    for (line, more, code, mode) in [
        (desk, &[][..], 0, Value::from("legacy")),
        (desk, off, 0, Value::from("legacy")),
        (gateway, &[][..], 0, Value::from("user-info")),
        (gateway, off, 1, Value::Null),
    ] {
        let ran = run(line, more);
        assert_eq!(
            (ran.code, &json(&ran)["impersonation"]["mode"]),
            (code, &mode),
            "{line} {more:?}"
        );
    }
}

#[test]
fn an_agent_acts_as_its_own_node_alone() {
    let agent = "can-i list pods -A --by system:serviceaccount:kube-system:agent -o json --by-user-extra \
                 authentication.kubernetes.io/node-name=n1";
    let own = json(&run(agent, &["--as", "system:node:n1"]));
    assert_eq!(own["impersonation"]["mode"], "associated-node");
    let groups = serde_json::json!(["system:nodes", "system:authenticated"]);
    assert_eq!(own["impersonation"]["user"]["groups"], groups);
    let other = json(&run(agent, &["--as", "system:node:n2"]));
    assert_eq!(other["impersonation"]["allowed"], false);
}

#[test]
fn flags_that_make_no_sense_are_refused_and_the_verb_itself_is_asked_as_ever() {
    assert_eq!(run("can-i list pods --as jane --by-group g", &[]).code, 2);
    assert_eq!(run("can-i list pods --as jane --by-user-extra k=v", &[]).code, 2);
    assert_eq!(run("can-i list pods --as jane --by-user-extra k --by a", &[]).code, 2);
    assert_eq!(run("can-i --list --as jane --by a", &[]).code, 2);
    assert_eq!(run("can-i list pods --as jane --by", &[""]).code, 2);
    let ran = run("can-i impersonate users/jane --as tom --as-group help-desk", &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("act as"), "{}", ran.out);
}

#[cfg(feature = "live-groups")]
#[test]
fn live_groups_replace_those_of_the_question_and_explain_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("groups.yaml");
    std::fs::write(&file, "jane: [dev]\nada: [ops]\n").unwrap();
    let file = file.to_str().unwrap();
    let with = |line: &str| run(line, &["--live-groups", file]);

    let jane = with("can-i list pods -n shop --as jane --as-group old --explain");
    assert_eq!(jane.code, 0, "{}{}", jane.out, jane.err);
    let told =
        format!("groups replaced by those of `{file}`: dev, system:authenticated; gone: old");
    assert!(jane.out.contains(&told), "{}", jane.out);
    // Those of the question do not help.
    for line in [
        "can-i list pods -n shop --as ada --as-group dev",
        "can-i list pods -n shop --as joe --as-group dev",
        "can-i list secrets -n shop --as ada --as-group system:masters",
    ] {
        assert_eq!(with(line).code, 1, "{line}");
        assert_eq!(run(line, &[]).code, 0, "{line}");
    }
    let rules = with("rules -n shop --as jane");
    assert!(rules.out.contains("pods"), "{}", rules.out);
    assert!(!with("rules -n shop --as ada --as-group dev").out.contains("pods"));
    let who = with("who-can list pods -n shop -o json");
    assert_eq!(json(&who)["groupsFrom"], file);
    assert!(who.err.contains("who is in these groups is told by"), "{}", who.err);
    // Nothing near is looked for among groups that are gone.
    let near = with("can-i delete pods -n shop --as ada --as-group dev --explain -o json");
    assert!(!near.out.contains("\"missing\": \"verb\""), "{}", near.out);

    std::fs::write(file, "jane: [system:masters]\n").unwrap();
    let refused = with("can-i list pods -n shop --as jane");
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("group `system:masters` is one of the cluster's own"),
        "{}",
        refused.err
    );
}

#[cfg(feature = "live-groups")]
#[test]
fn whoever_acts_as_another_has_the_groups_of_now_and_so_has_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("groups.yaml");
    std::fs::write(&file, "tom: [help-desk]\njane: [dev]\n").unwrap();
    let with = |line: &str| run(line, &["--live-groups", file.to_str().unwrap()]);
    // No group is named, and yet jane is in dev.
    let ran = with("can-i list pods -n shop --as jane --by tom");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(with("can-i list pods -n shop --as jane --by ann --by-group help-desk").code, 1);
}
