//! `--rego` on the command line: answers, reasons, exit codes, and what is said about policies that make no
//! sense.

use std::process::{Command, Stdio};

use tempfile::TempDir;

const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rego");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/sample-cluster.yaml");

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{ran:?}");
    ran
}

/// The reason in an answer that is JSON.
fn reason(ran: &Ran) -> String {
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    answer["reason"].as_str().unwrap().to_owned()
}

/// A folder with one policy in it, and its path.
fn policy(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.rego");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn ask(rego: &str, question: &[&str]) -> Ran {
    run(&[&["can-i"], question, &["--rego", rego]].concat())
}

#[test]
fn a_policy_alone_answers_with_its_reason_and_without_one_there_is_no_opinion() {
    let (_folder, path) = policy(
        "package portcullis.authz\nallow if input.user == \"jane\"\nreason := \"jane may\" if allow\n",
    );
    let yes = ask(&path, &["get", "pods", "--as", "jane", "-o", "json"]);
    assert_eq!((yes.code, reason(&yes).as_str()), (0, "jane may"), "{yes:?}");
    let no = ask(&path, &["get", "pods", "--as", "bob"]);
    assert_eq!(no.code, 1, "{no:?}");
    let json = ask(&path, &["get", "pods", "--as", "bob", "-o", "json"]);
    assert!(json.out.contains("\"no-opinion\""), "{json:?}");
}

#[test]
fn a_denial_counts_before_rbac_and_behind_it_only_what_rbac_leaves() {
    let (_folder, path) = policy("package portcullis.authz\ndeny contains \"frozen\" if true\n");
    let question = ["get", "/version", "--as", "jane", "--with-defaults"];
    let behind = ask(&path, &question);
    assert_eq!(behind.code, 0, "{behind:?}");
    assert!(behind.err.contains("--mode Rego,RBAC asks them first"), "{behind:?}");
    let before = ask(&path, &[&question[..], &["--mode", "Rego,RBAC"]].concat());
    assert_eq!((before.code, before.out.trim()), (1, "no - frozen"), "{before:?}");
    assert!(!before.err.contains("--mode"), "{before:?}");
}

#[test]
fn a_policy_sees_labels_of_namespaces_and_the_answers_of_rbac() {
    let (folder, path) = policy(
        "package portcullis.authz\n\
         allow contains \"labelled\" if input.namespace.labels.team == \"blue\"\n\
         allow contains \"as RBAC says\" if {\n\
         \tportcullis.rbac.allowed({\"user\": \"other\", \"groups\": [\"system:authenticated\"], \
         \"nonResourceAttributes\": {\"verb\": \"get\", \"path\": \"/version\"}})\n\
         \tinput.user == \"asks-rbac\"\n}\n",
    );
    let objects = folder.path().join("ns.yaml");
    std::fs::write(
        &objects,
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: blue}}\n",
    )
    .unwrap();
    let objects = objects.to_str().unwrap();
    let yes =
        ask(&path, &["get", "pods", "-n", "shop", "--as", "jane", "-f", objects, "-o", "json"]);
    assert_eq!((yes.code, reason(&yes).as_str()), (0, "labelled"), "{yes:?}");
    let no = ask(&path, &["get", "pods", "-n", "bank", "--as", "jane", "-f", objects]);
    assert_eq!(no.code, 1, "{no:?}");
    let question = ["get", "nodes", "--with-defaults", "-o", "json", "--as"];
    let yes = ask(&path, &[&question[..], &["asks-rbac"]].concat());
    assert_eq!((yes.code, reason(&yes).as_str()), (0, "as RBAC says"), "{yes:?}");
    let no = ask(&path, &[&question[..], &["jane"]].concat());
    assert_eq!(no.code, 1, "{no:?}");
}

#[test]
fn a_failure_leaves_the_answer_incomplete() {
    let (_folder, path) = policy(
        "package portcullis.authz\nallow if count(numbers.range(1, 100000000)) > 0\n\
         allow if input.user == \"jane\"\n",
    );
    let ran = ask(&path, &["get", "pods", "--as", "bob"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("may be incomplete"), "{ran:?}");
}

#[test]
fn warnings_are_told_by_every_verb_and_found_by_check() {
    let (_folder, path) = policy("package portcullis.authz\nallowed if input.user == \"jane\"\n");
    let ran = ask(&path, &["get", "pods", "--as", "jane"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("did you mean `allow`?"), "{ran:?}");
    let check = run(&["check", "--rego", &path, "--fail-on", "warning"]);
    assert_eq!(check.code, 1, "{check:?}");
    assert!(
        check.out.contains("main.rego:2: warning[rego-policy]: nothing asks for `allowed`"),
        "{check:?}"
    );
    let clean = format!("{POLICIES}/break-glass.rego");
    let clean = run(&["check", "--rego", &clean, "--fail-on", "warning"]);
    assert_eq!(clean.code, 0, "{clean:?}");
}

#[test]
fn the_package_and_the_version_are_named_by_flags() {
    let (_folder, path) = policy("package mine\nallow = true { input.user == \"jane\" }\n");
    let v1 = ask(&path, &["get", "pods", "--as", "jane", "--rego-package", "mine"]);
    assert_eq!(v1.code, 2, "{v1:?}");
    assert!(v1.err.contains("main.rego:2:"), "{v1:?}");
    let v0 = ask(&path, &["get", "pods", "--as", "jane", "--rego-package", "mine", "--rego-v0"]);
    assert_eq!(v0.code, 0, "{v0:?}");
    let other = ask(&path, &["get", "pods", "--as", "jane", "--rego-v0"]);
    assert_eq!(other.code, 1, "{other:?}");
}

#[test]
fn what_cannot_be_loaded_is_told_in_one_line_with_what_to_do() {
    let (folder, path) = policy("package portcullis.authz\nallow if { input. }\n");
    let question = ["get", "pods", "--as", "jane"];
    let broken = ask(&path, &question);
    assert!(broken.err.contains("main.rego:2:"), "{broken:?}");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let nothing = ask(empty.to_str().unwrap(), &question);
    assert!(nothing.err.contains("no Rego module there"), "{nothing:?}");
    let missing = ask("/nowhere/at/all.rego", &question);
    assert!(missing.err.contains("cannot be read"), "{missing:?}");
    let stray = run(&["can-i", "get", "pods", "--as", "jane", "-f", SAMPLE, "--mode", "Rego,RBAC"]);
    assert!(stray.err.contains("mode Rego needs policies; name them with --rego"), "{stray:?}");
    let (_good, good) = policy("package a\n");
    let package = ask(&good, &[&question[..], &["--rego-package", "a b"]].concat());
    assert!(package.err.contains("is not the name of a package"), "{package:?}");
    for ran in [broken, nothing, missing, stray] {
        assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{ran:?}");
    }
}

/// The documented use of a sample policy.
#[test]
fn a_sample_policy_is_used_with_its_data() {
    let module = format!("{POLICIES}/secrets-by-name.rego");
    let data = format!("{POLICIES}/secrets-by-name.data.yaml");
    let list = ["can-i", "list", "secrets", "-n", "shop", "-f", SAMPLE, "--mode", "Rego,RBAC"];
    let rego = ["--rego", module.as_str(), "--rego", data.as_str()];
    let ask = |who: &[&str]| run(&[&list[..], &rego[..], who].concat());
    let denied = ask(&["--as", "jane"]);
    assert_eq!((denied.code, denied.out.trim()), (1, "no - secrets are asked for by name only"));
    let spared = ask(&["--as", "system:kube-controller-manager", "-o", "json"]);
    assert!(spared.out.contains("\"no-opinion\""), "{spared:?}");
}
