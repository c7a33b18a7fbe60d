//! The command as a user and a script meet it: answers, exit codes, and what it says about input
//! that makes no sense. Never a panic, and never a yes that was not earned.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portcullis::api::authorization::{SubjectAccessReviewStatus, SubjectRulesReviewStatus};
use portcullis::authz::rbac::Policy;
use portcullis::model::Request;
use serde_json::{Value, json};

use crate::plain_yaml;
use crate::reference::orders::allow_reasons;
use crate::support::world::{
    Expected, ExpectedSubjects, Query, error_parts, read_list, reason_parts, sorted,
};
use crate::support::{corpus, ndjson};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/sample-cluster.yaml");
const ABAC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/abac/team.jsonl");

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let ran = Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        assert!((0..=3).contains(&ran.code), "{ran:?}");
        ran
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> Ran {
    command(args).stdin(Stdio::null()).output().unwrap().into()
}

fn run_with_input(args: &[&str], input: &str) -> Ran {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A command that ends early closes the pipe.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.into()
}

/// A folder with files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn path(&self) -> String {
        self.0.path().display().to_string()
    }
}

// ---- answers ------------------------------------------------------------------------------------

fn sample_cases() -> Vec<Value> {
    let path = SAMPLE.replace(".yaml", ".cases.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let document = plain_yaml::documents(&text).remove(0);
    document.as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_default()
}

fn groups(case: &Value) -> Vec<&str> {
    case["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap()).collect()
}

#[test]
fn the_sample_questions_are_answered_by_can_i() {
    let mut asked = 0;
    for case in sample_cases() {
        let mut target = match text(&case, "path") {
            "" if text(&case, "group").is_empty() => text(&case, "resource").to_owned(),
            "" => format!("{}.{}", text(&case, "resource"), text(&case, "group")),
            path => path.to_owned(),
        };
        // kubectl adds a group to who has none, so such a question cannot be put to `can-i`.
        if !groups(&case).iter().any(|group| group.ends_with("authenticated")) {
            continue;
        }
        if !text(&case, "name").is_empty() {
            target = format!("{target}/{}", text(&case, "name"));
        }
        let mut args = vec!["can-i", text(&case, "verb"), &target, "-f", SAMPLE, "-o", "name"];
        args.extend(["--as", text(&case, "user")]);
        args.extend(groups(&case).into_iter().flat_map(|group| ["--as-group", group]));
        match text(&case, "namespace") {
            "" if text(&case, "path").is_empty() => args.push("-A"),
            "" => {}
            namespace => args.extend(["-n", namespace]),
        }
        if !text(&case, "subresource").is_empty() {
            args.extend(["--subresource", text(&case, "subresource")]);
        }
        let ran = run(&args);
        assert_eq!(ran.out.trim(), text(&case, "expect"), "{case} {ran:?}");
        assert_eq!(ran.code, i32::from(text(&case, "expect") != "allow"), "{case} {ran:?}");
        asked += 1;
    }
    assert!(asked > 30, "{asked}");
}

#[test]
fn the_sample_questions_are_answered_by_authorize() {
    let cases = sample_cases();
    let mut queries = String::new();
    for case in &cases {
        let attributes = match text(case, "path") {
            "" => json!({"resourceAttributes": {
                "verb": case["verb"], "resource": case["resource"], "group": case["group"],
                "subresource": case["subresource"], "name": case["name"],
                "namespace": case["namespace"],
            }}),
            path => json!({"nonResourceAttributes": {"verb": case["verb"], "path": path}}),
        };
        let mut spec = json!({"user": case["user"], "groups": case["groups"]});
        spec.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        queries.push_str(&format!("{spec}\n"));
    }
    let ran = run_with_input(&["authorize", "--queries", "-", "-f", SAMPLE], &queries);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answers: Vec<SubjectAccessReviewStatus> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(answer.allowed, text(case, "expect") == "allow", "{case} {answer:?}");
        assert!(!answer.denied);
    }
}

#[test]
fn a_yes_is_explained_by_its_path_and_a_no_by_what_came_nearest() {
    let ask = ["can-i", "get", "secrets", "-n", "kube-system", "-f", SAMPLE, "--explain"];
    let yes = run(&[&ask[..], &["--as", "sue", "--as-group", "oidc:support"]].concat());
    assert_eq!(yes.code, 0);
    for part in ["yes\n", "Group oidc:support", "ClusterRoleBinding", "sample-cluster.yaml:279"] {
        assert!(yes.out.contains(part), "{part}: {}", yes.out);
    }
    let no = run(&[&ask[..], &["--as", "sue"]].concat());
    assert_eq!(no.code, 1);
    assert!(no.out.starts_with("no\nnearest to a yes:\n"), "{}", no.out);
}

#[test]
fn a_document_keeps_a_no_of_everybody_apart_from_a_denial() {
    let ask = ["can-i", "get", "secrets", "--as", "sue", "-f", SAMPLE];
    let ran = run(&[&ask[..], &["-o", "json"]].concat());
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &answer["decision"]), (1, &json!("no-opinion")));
    assert_eq!(answer["spec"]["resourceAttributes"]["namespace"], "default");
    assert_eq!(answer["spec"]["groups"], json!(["system:authenticated"]));
    assert!(ran.err.contains("namespace `default`"), "{}", ran.err);
    let yaml = run(&[&ask[..], &["-o", "yaml", "-q"]].concat());
    assert!(yaml.out.starts_with("decision: no-opinion\n"), "{}", yaml.out);
    assert_eq!(yaml.err, "");
}

#[test]
fn names_are_read_as_kubectl_reads_them_and_doubts_go_to_standard_error() {
    let ask = |target| run(&["can-i", "get", target, "-n", "shop", "--as", "u", "-f", SAMPLE]);
    let subresource = ask("pods/log");
    assert!(subresource.err.contains("--subresource=log"), "{}", subresource.err);
    let typo = ask("secretz");
    assert!(typo.err.contains("did you mean 'secrets'?"), "{}", typo.err);
    let scope = ask("nodes");
    assert!(scope.err.contains("not namespace scoped"), "{}", scope.err);
    assert!(ask("pods").err.is_empty());
    // Without -n a cluster-scoped resource is asked about at cluster scope, and nothing is said.
    let nodes = run(&["can-i", "get", "nodes", "--as", "u", "-f", SAMPLE, "-o", "json"]);
    assert_eq!(nodes.err, "");
    let answer: Value = serde_json::from_str(&nodes.out).unwrap();
    assert_eq!(answer["spec"]["resourceAttributes"]["namespace"], Value::Null);
}

#[test]
fn a_yes_that_no_request_can_use_is_said_to_be_one() {
    let folder = Folder::new();
    let policy = folder.file(
        "nodes.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n\
         rules: [{apiGroups: [''], resources: [nodes, pods], verbs: [get]}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: dev}\n\
         subjects: [{kind: User, name: u}]\nroleRef: {kind: ClusterRole, name: r}\n",
    );
    let ask = |target, more: &[&str]| {
        run(&[&["can-i", "get", target, "--as", "u", "-f", &policy], more].concat())
    };
    let nodes = ask("nodes", &["-n", "dev", "-o", "json"]);
    assert_eq!(nodes.code, 0);
    assert!(nodes.err.contains("no real request can use this grant"), "{}", nodes.err);
    let answer: Value = serde_json::from_str(&nodes.out).unwrap();
    assert_eq!(answer["path"][1]["origin"]["line"], 6);
    // As such a request is made.
    assert_eq!(ask("nodes", &[]).code, 1);
    assert_eq!(ask("pods", &["-n", "dev"]).err, "");
}

#[test]
fn a_service_account_gets_its_groups_and_a_pod_its_service_account() {
    let folder = Folder::new();
    let pods = folder.file(
        "pods.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n\
         spec: {serviceAccountName: ci-deployer, containers: []}\n",
    );
    let ask = ["can-i", "get", "secrets", "-n", "kube-system", "-f", SAMPLE, "-f", &pods];
    let by_name = run(&[&ask[..], &["--as-sa", "shop/ci-deployer"]].concat());
    assert_eq!((by_name.code, by_name.out.as_str()), (0, "yes\n"));
    let by_pod = run(&[&ask[..], &["--as-pod", "shop/web"]].concat());
    assert_eq!((by_pod.code, by_pod.out.as_str()), (0, "yes\n"), "{}", by_pod.err);
    let other = run(&[&ask[..], &["--as-sa", "payments/ci-deployer"]].concat());
    assert_eq!(other.code, 1);
    let absent = run(&[&ask[..], &["--as-pod", "shop/nobody"]].concat());
    assert_eq!((absent.code, absent.out.as_str()), (2, ""), "{}", absent.err);
}

#[test]
fn who_can_lists_the_built_in_step_first_and_each_subject_with_its_grant() {
    let ask = ["who-can", "get", "secrets", "-n", "kube-system", "-f", SAMPLE];
    let ran = run(&ask);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("KIND ") && lines[0].contains("BINDING"), "{}", ran.out);
    assert!(lines[1].contains("system:masters") && lines[1].contains("built-in"), "{}", ran.out);
    let names = run(&[&ask[..], &["-o", "name"]].concat());
    assert!(names.out.contains("\nServiceAccount/kube-system/etcd-backup\n"), "{}", names.out);
    assert!(!names.out.contains("sue"));
    let without = run(&[&ask[..], &["-o", "name", "--no-super-user"]].concat());
    assert!(!without.out.starts_with("Group/system:masters\n"), "{}", without.out);
    let json: Value =
        serde_json::from_str(&run(&[&ask[..], &["-o", "json"]].concat()).out).unwrap();
    assert_eq!(json["subjects"].as_array().unwrap().len(), lines.len() - 1);
}

#[test]
fn groups_are_expanded_to_those_whom_a_file_names() {
    let folder = Folder::new();
    let groups = folder.file("groups.yaml", "\"oidc:support\": [sue, tim]\n");
    let ask = ["who-can", "get", "secrets", "-n", "kube-system", "-f", SAMPLE, "-o", "name"];
    let expanded = run(&[&ask[..], &["--expand", "--groups", &groups]].concat());
    assert!(expanded.out.contains("\nUser/sue\nUser/tim\n"), "{expanded:?}");
    assert!(!run(&ask).out.contains("User/sue"));
}

#[test]
fn rules_are_listed_in_kubectls_columns_and_as_a_status() {
    let ask = ["rules", "--as", "sue", "--as-group", "oidc:support", "-n", "shop", "-f", SAMPLE];
    let table = run(&ask);
    assert_eq!(table.code, 0);
    assert!(table.out.starts_with("Resources"), "{}", table.out);
    let list = run(&[&["can-i", "--list"], &ask[1..]].concat());
    assert_eq!(list.out, table.out);
    let status = run(&[&ask[..], &["-o", "json"]].concat());
    let status: SubjectRulesReviewStatus = serde_json::from_str(&status.out).unwrap();
    assert!(!status.resource_rules.is_empty() && !status.incomplete);
}

#[test]
fn the_defaults_are_added_and_the_modes_follow_what_was_given() {
    let ask = ["can-i", "get", "/healthz", "--as", "u", "-o", "name"];
    assert_eq!(run(&[&ask[..], &["--with-defaults"]].concat()).out, "allow\n");
    assert_eq!(run(&[&ask[..], &["--mode", "AlwaysDeny"]].concat()).out, "no-opinion\n");
    let open = ["--mode", "AlwaysDeny,AlwaysAllow"];
    assert_eq!(run(&[&ask[..], &open].concat()).out, "allow\n");
    let explained = run(&[&ask[..5], &open, &["--explain"]].concat());
    assert_eq!(
        explained.out,
        "yes\n  built-in  the mode AlwaysAllow allows everything\nasked in turn:\n  \
         system:masters  no opinion\n  AlwaysDeny      no opinion - Everything is forbidden.\n  \
         AlwaysAllow     allow\n"
    );
    let abac = run(&[&ask[..], &["--abac", ABAC]].concat());
    assert!([0, 1].contains(&abac.code), "{abac:?}");
    let both = run(&["can-i", "get", "/x", "--as", "u", "--abac", ABAC, "--with-defaults", "-v"]);
    assert!(both.err.contains("modes RBAC,ABAC"), "{}", both.err);
    let unasked = run(&[&ask[..], &["--abac", ABAC, "--mode", "AlwaysDeny"]].concat());
    assert!(unasked.err.contains("leaves out ABAC"), "{}", unasked.err);
}

#[test]
fn check_fails_for_errors_and_passes_a_clean_policy() {
    let folder = Folder::new();
    let bad = folder.file(
        "bad.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: dev}\n\
         subjects: [{kind: User, name: u}]\nroleRef: {kind: Rolle, name: r}\n",
    );
    let ran = run(&["check", "-f", &bad]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("bad.yaml") && ran.out.contains("error"), "{ran:?}");
    let clean = folder.file(
        "clean.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: dev}\n\
         rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: dev}\n\
         subjects: [{kind: User, name: u, apiGroup: rbac.authorization.k8s.io}]\n\
         roleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\n",
    );
    assert_eq!(run(&["check", "-f", &clean]).code, 0);
    let json: Value = serde_json::from_str(&run(&["check", "-f", &bad, "-o", "json"]).out).unwrap();
    assert!(!json["findings"].as_array().unwrap().is_empty());
}

#[cfg(feature = "webhook")]
#[test]
fn check_of_a_configuration_says_what_would_be_served_or_what_is_wrong() {
    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    folder.file("tls.crt", made.cert.pem());
    let key = folder.file("tls.key", made.signing_key.serialize_pem());
    folder.file("tokens.csv", "t0k3n-of-jane,jane,7\n");
    let rbac = std::fs::read_to_string("policies/rbac/sample-cluster.yaml").unwrap();
    folder.file("rbac.yaml", &rbac);
    let text = "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
                listen: {address: 127.0.0.1:9443, tls: {certificateFile: tls.crt, keyFile: tls.key}}\n\
                policy: {paths: [rbac.yaml], defaultRoles: true}\nauthorizers: [{type: RBAC}]\n\
                authenticators: [{tokenFile: {file: tokens.csv}}]\n";
    let config = folder.file("server.yaml", text);

    let good = run(&["check", "--config", &config]);
    assert_eq!(good.code, 0, "{good:?}");
    for expected in ["revision", "https://127.0.0.1:9443", "RBAC: ", "token-file (tokens: 1)"] {
        assert!(good.out.contains(expected), "{expected}: {good:?}");
    }
    assert!(good.err.contains("can be served"), "{good:?}");
    assert!(!format!("{good:?}").contains("t0k3n"));
    let json: Value =
        serde_json::from_str(&run(&["check", "--config", &config, "-o", "json"]).out).unwrap();
    assert_eq!(json["serves"]["policy"]["authorizers"][0], "RBAC");
    // A key that everybody can read is a warning, no error.
    assert!(good.out.contains("everybody on this machine"), "{good:?}");
    assert_eq!(run(&["check", "--config", &config, "--fail-on", "warning"]).code, 1);

    // The twin: every mistake is told at once, with its line.
    let bad = folder.file("bad.yaml", text.replace("RBAC}", "RBCA}").replace("9443", "x"));
    let ran = run(&["check", "--config", &bad]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("bad.yaml:3: error[configuration]: `listen.address`"), "{ran:?}");
    assert!(ran.out.contains("bad.yaml:5: error[configuration]: `authorizers[0].type`"), "{ran:?}");
    assert!(ran.err.contains("would not start a server: 2 errors"), "{ran:?}");

    // Files that do not fit together, too.
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    folder.file("tokens.csv", "t0k3n-of-jane\n");
    let ran = run(&["check", "--config", &config]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("`listen.tls`: the key does not belong"), "{ran:?}");
    assert!(ran.out.contains("`authenticators[0].tokenFile.file`"), "{ran:?}");

    // What is not there, and two questions at once, are wrong usage.
    assert_eq!(run(&["check", "--config", "/nowhere.yaml"]).code, 2);
    assert_eq!(run(&["check", "--config", &config, "-f", "x"]).code, 2);
}

// ---- incomplete answers -------------------------------------------------------------------------

#[test]
fn a_skipped_object_makes_a_no_doubtful_and_leaves_a_yes_alone() {
    let folder = Folder::new();
    let skipped = folder.file(
        "skipped.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n\
         metadata: {name: b, namespace: shop}\nsubjects: all\nroleRef: {kind: Role, name: r}\n",
    );
    let ask = |who: &str, namespace: &str, more: &[&str]| {
        let question = ["can-i", "get", "secrets", "-f", SAMPLE, "-f", &skipped];
        run(&[&question[..], &["--as", who, "-n", namespace], more].concat())
    };
    let doubtful = ask("sue", "shop", &[]);
    assert_eq!((doubtful.code, doubtful.out.as_str()), (3, "no\n"));
    assert!(doubtful.err.contains("skipped.yaml:1"), "{}", doubtful.err);
    // Even when told to be quiet.
    assert!(ask("sue", "shop", &["-q"]).err.contains("skipped.yaml:1"));
    assert_eq!(ask("sue", "payments", &[]).code, 1);
    assert_eq!(ask("oncall@example.com", "shop", &[]).code, 0);
    let strict = ask("oncall@example.com", "shop", &["--strict"]);
    assert_eq!((strict.code, strict.out.as_str()), (2, ""), "{}", strict.err);
    let who = run(&["who-can", "get", "secrets", "-n", "shop", "-f", SAMPLE, "-f", &skipped]);
    assert_eq!(who.code, 3);
    let line = r#"{"user":"sue","resourceAttributes":{"verb":"get","resource":"pods","namespace":"shop"}}"#;
    let batch = ["authorize", "--queries", "-", "-f", SAMPLE, "-f", &skipped];
    assert_eq!(run_with_input(&batch, line).code, 3);
    assert_eq!(run_with_input(&batch, &line.replace("shop", "payments")).code, 0);
}

// ---- input that makes no sense ------------------------------------------------------------------

/// Exit code 2, nothing on standard output, and a message with these parts.
fn refused(ran: &Ran, parts: &[&str]) {
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    for part in parts {
        assert!(ran.err.contains(part), "`{part}` is not in: {}", ran.err);
    }
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_line() {
    let folder = Folder::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_json = format!("{{\"a\":{deep}}}");
    let mut gzip = vec![0x1f, 0x8b, 8, 0];
    gzip.extend([7; 40]);
    for (name, content, parts) in [
        ("cut.json", &b"{\"kind\": \"List\",\n \"items\": ["[..], &["cut.json"][..]),
        ("tabs.yaml", b"kind: Role\nmetadata:\n\tname: r\n", &["tabs.yaml:3"]),
        ("latin.yaml", b"kind: Role\nmetadata: {name: \xe9}\n", &["latin.yaml:2", "UTF-8"]),
        ("empty.yaml", b"", &["empty.yaml", "nothing in it"]),
        ("blank.yaml", b"\n---\n\n", &["blank.yaml"]),
        ("other.yaml", b"kind: Pod\napiVersion: v1\n", &["other.yaml", "no Role"]),
        ("text.yaml", b"this is no policy\n", &["text.yaml"]),
        ("broken.yaml.gz", &gzip, &["broken.yaml.gz", "gzip"]),
        ("deep.yaml", deep.as_bytes(), &["deep.yaml"]),
        ("deep.json", deep_json.as_bytes(), &["deep.json"]),
    ] {
        let path = folder.file(name, content);
        let ran = run(&["can-i", "get", "pods", "--as", "u", "-f", &path]);
        refused(&ran, parts);
    }
    let missing = run(&["can-i", "get", "pods", "--as", "u", "-f", "/no/such/file"]);
    refused(&missing, &["/no/such/file", "No such file"]);
    let empty = Folder::new();
    refused(&run(&["can-i", "get", "pods", "--as", "u", "-f", &empty.path()]), &["no policy"]);
    let abac = folder.file("abac.jsonl", "{\"user\":\"a\"}\n{\"user\":\n");
    let ran = run(&["can-i", "get", "pods", "--as", "a", "--abac", &abac]);
    refused(&ran, &["abac.jsonl", "line 2"]);
    let empty = folder.file("none.jsonl", "\n");
    refused(&run(&["can-i", "get", "pods", "--as", "a", "--abac", &empty]), &["none.jsonl"]);
}

#[test]
fn a_line_of_ten_megabytes_is_refused_or_passed_over_but_never_a_yes() {
    let folder = Folder::new();
    let long = "x".repeat(10 << 20);
    let quoted = format!("\"{long}\"");
    for (name, content) in [("long.yaml", &long), ("long.json", &quoted)] {
        let path = folder.file(name, content);
        refused(&run(&["can-i", "get", "pods", "--as", "u", "-f", &path]), &[name]);
    }
    let abac = folder.file("long.jsonl", &quoted);
    let ran = run(&["can-i", "get", "pods", "--as", "u", "--abac", &abac]);
    refused(&ran, &["token too long"]);
    let queries = format!("{{\"user\": {quoted}, \"nonResourceAttributes\": {{\"path\": \"/\"}}}}");
    let ran = run_with_input(&["authorize", "--queries", "-", "-f", SAMPLE], &queries);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("{\"allowed\":false"), "{}", ran.err);
}

#[test]
fn a_gzipped_policy_answers_as_the_plain_one() {
    let folder = Folder::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(SAMPLE).unwrap()).unwrap();
    let path = folder.file("sample.yaml.gz", encoder.finish().unwrap());
    let ask = ["can-i", "get", "secrets", "-n", "shop", "-f", &path, "--as"];
    assert_eq!(run(&[&ask[..], &["oncall@example.com"]].concat()).code, 0);
    assert_eq!(run(&[&ask[..], &["OnCall@example.com"]].concat()).code, 1);
}

#[test]
fn wrong_usage_is_refused_with_a_hint() {
    let ask = ["can-i", "get", "pods", "--as", "u", "-f", SAMPLE];
    let with = |more: &[&str]| run(&[&ask[..], more].concat());
    refused(&with(&["--frobnicate"]), &["--frobnicate"]);
    refused(&with(&["--mode", "rbac"]), &["rbac", "RBAC", "case matters"]);
    refused(&with(&["--mode", "Webhook,RBAC"]), &["Webhook", "AuthorizationConfiguration"]);
    refused(&with(&["--mode", "RBAC,RBAC"]), &["more than once"]);
    refused(&with(&["--mode", "ABAC"]), &["ABAC", "needs a policy"]);
    refused(&with(&["-o", "xml"]), &["xml", "json"]);
    refused(&with(&["-n", "a", "-A"]), &["--all-namespaces"]);
    refused(&with(&["--feature-gates", "Node"]), &["NAME=true"]);
    refused(&with(&["more"]), &["more"]);
    refused(&with(&["--as-sa", "a/b"]), &["--as"]);
    refused(&with(&["--list"]), &["--list"]);
    refused(&run(&["can-i", "get", "pods", "-f", SAMPLE]), &["--as USER"]);
    refused(&run(&["can-i", "get", "--as", "u", "-f", SAMPLE]), &["VERB TYPE"]);
    refused(&run(&["can-i", "get", "pods", "--as", "u"]), &["no policy", "-f PATH"]);
    refused(&run(&["can-i", "get", "pods", "--as-sa", "x", "-f", SAMPLE]), &["NAMESPACE/NAME"]);
    refused(&run(&["can-j"]), &["can-j", "can-i"]);
    refused(&run(&["authorize", "-f", SAMPLE]), &["--queries"]);
    refused(&run(&["authorize", "--queries", "-", "-f", "-"]), &["only once"]);
    refused(&run(&[]), &["Usage"]);
    assert_eq!(run(&["--version"]).code, 0);
    for verb in ["can-i", "who-can", "rules", "authorize", "check"] {
        let help = run(&[verb, "--help"]);
        assert!(help.code == 0 && help.out.contains("Exit status:"), "{verb}");
        assert!(help.out.contains("portcullis "), "{verb}");
    }
}

#[test]
fn a_batch_with_a_line_that_is_no_question_answers_nothing() {
    let ask =
        |queries: &str| run_with_input(&["authorize", "--queries", "-", "-f", SAMPLE], queries);
    let good = r#"{"user":"oncall@example.com","nonResourceAttributes":{"path":"/","verb":"get"}}"#;
    refused(&ask(&format!("{good}\n{{\"user\":")), &["<stdin>:2"]);
    refused(&ask(&format!("{good}\n\n{{\"user\": 1}}")), &["<stdin>:3", "string"]);
    refused(&ask("{\"spec\": {}}"), &["<stdin>:1", "kind"]);
    refused(&ask(""), &["not a single question"]);
    refused(&ask("\u{0}"), &["<stdin>:1"]);
    let mixed = ask(&format!("{good}\n{{\"user\":\"u\"}}\n"));
    assert_eq!(mixed.code, 0);
    let lines: Vec<Value> = mixed.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&lines[0]["allowed"], &lines[1]["allowed"]), (&json!(true), &json!(false)));
    assert!(lines[1]["evaluationError"].as_str().unwrap().contains("exactly one of"), "{lines:?}");
    assert!(mixed.err.contains("1 question refused"), "{}", mixed.err);
    for (verb, line) in [("rules", "{\"usr\":\"u\"}"), ("who-can", "[]")] {
        let ran = run_with_input(&[verb, "--queries", "-", "-f", SAMPLE], line);
        refused(&ran, &["<stdin>:1"]);
    }
}

#[test]
fn statistics_are_one_line_of_json_and_a_decision_allocates_nothing() {
    let line = r#"{"user":"u","nonResourceAttributes":{"path":"/healthz","verb":"get"}}"#;
    let args = ["authorize", "--queries", "-", "-f", SAMPLE, "--stats", "--repeat", "200"];
    let ran = run_with_input(&args, &format!("{line}\n{line}\n"));
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2));
    let stats: Value = serde_json::from_str(ran.err.trim()).unwrap();
    assert_eq!(stats["decisions"], 400);
    assert_eq!(stats["allocations_per_decision"], 0.0);
    for field in ["load_ms", "mean_ns", "p50_ns", "p99_ns"] {
        assert!(stats[field].as_f64().unwrap() > 0.0, "{field}: {stats}");
    }
    assert!(stats["bindings"].as_u64().unwrap() > 10);
    assert_eq!(stats["resident_bytes"].is_u64(), cfg!(target_os = "linux"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = command(&["rules", "--as", "u", "--as-group", "g", "-f", SAMPLE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("error"));
}

#[test]
fn a_name_in_a_policy_cannot_steer_the_terminal() {
    let folder = Folder::new();
    let path = folder.file(
        "esc.json",
        r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"List","items":[
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"r"},
             "rules":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]},
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",
             "metadata":{"name":"b"},"subjects":[{"kind":"User","name":"a\u001b[2Jb"}],
             "roleRef":{"kind":"ClusterRole","name":"r"}}]}"#,
    );
    let ran = run(&["who-can", "get", "pods", "-A", "-f", &path]);
    assert!(ran.out.contains("a\\u{1b}[2Jb") && !ran.out.contains('\u{1b}'), "{ran:?}");
}

// ---- recorded answers ---------------------------------------------------------------------------

fn check_decisions(world: &Path, expected: &str, policy: &[&str], orders: Option<&Policy>) {
    let asked: Vec<Query> = ndjson(&world.join("queries.ndjson"));
    let queries = world.join("queries.ndjson").display().to_string();
    let ran = run(&[&["authorize", "--queries", &queries], policy].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let expected: Vec<Expected> = ndjson(&world.join(expected));
    let answers: Vec<SubjectAccessReviewStatus> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), expected.len());
    let mut refused = 0;
    for (index, (answer, expected)) in answers.iter().zip(&expected).enumerate() {
        let at = format!("{}:{}: {answer:?} {expected:?}", world.display(), index + 1);
        if expected.invalid.is_some() || expected.no_attrs {
            assert!(!answer.allowed && !answer.evaluation_error.is_empty(), "{at}");
            refused += 1;
            continue;
        }
        assert_eq!((answer.allowed, answer.denied), (expected.allowed, expected.denied), "{at}");
        // Where several bindings allow, the recorded reason is that of one order.
        let other_order = || {
            let user = asked[index].user();
            let request = Request { user: &user, attributes: asked[index].attributes() };
            let right = allow_reasons(orders.unwrap(), &request);
            right.contains(&answer.reason) && right.contains(&expected.reason)
        };
        assert!(expected.is_reason(&answer.reason) || other_order(), "{at}");
        assert_eq!(reason_parts(&answer.evaluation_error), reason_parts(&expected.error), "{at}");
    }
    assert!(refused < expected.len() / 2, "{refused}");
}

fn check_rules(world: &Path, expected: &str, policy: &[&str]) {
    #[derive(serde::Deserialize)]
    struct ExpectedRules {
        invalid: Option<String>,
        #[serde(flatten)]
        status: SubjectRulesReviewStatus,
    }
    let queries = world.join("rules-queries.ndjson").display().to_string();
    let ran = run(&[&["rules", "--queries", &queries], policy].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let expected: Vec<ExpectedRules> = ndjson(&world.join(expected));
    assert_eq!(ran.out.lines().count(), expected.len());
    for (line, ExpectedRules { invalid, status: expected }) in ran.out.lines().zip(&expected) {
        let status: SubjectRulesReviewStatus = serde_json::from_str(line).unwrap();
        if let Some(invalid) = invalid {
            assert_eq!(&status.evaluation_error, invalid);
            continue;
        }
        let resource = |of: &SubjectRulesReviewStatus| {
            sorted(of.resource_rules.iter().map(|rule| format!("{rule:?}")))
        };
        assert_eq!(resource(&status), resource(expected));
        let paths = |of: &SubjectRulesReviewStatus| {
            sorted(of.non_resource_rules.iter().map(|rule| format!("{rule:?}")))
        };
        assert_eq!(paths(&status), paths(expected));
        assert_eq!(status.incomplete, expected.incomplete);
        let errors = |of: &SubjectRulesReviewStatus| error_parts(&of.evaluation_error);
        assert_eq!(errors(&status), errors(expected));
    }
}

fn check_who_can(world: &Path, policy: &[&str]) {
    let queries = world.join("whocan-queries.ndjson").display().to_string();
    let ran = run(&[&["who-can", "--queries", &queries], policy].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let expected: Vec<ExpectedSubjects> = ndjson(&world.join("whocan-expected.ndjson"));
    assert_eq!(ran.out.lines().count(), expected.len());
    for (line, expected) in ran.out.lines().zip(expected) {
        let found: ExpectedSubjects = serde_json::from_str(line).unwrap();
        let masters = |of: &ExpectedSubjects| of.subjects.as_ref().map(|list| list[0].clone());
        assert_eq!(masters(&found), masters(&expected));
        let shown = |of: &ExpectedSubjects| {
            of.subjects.as_ref().map(|list| sorted(list.iter().map(|s| format!("{s:?}"))))
        };
        assert_eq!(shown(&found), shown(&expected), "{line}");
        assert_eq!(error_parts(&found.error), error_parts(&expected.error));
    }
}

/// A file of a world, as an argument.
fn part(world: &Path, name: &str) -> String {
    let path: PathBuf = world.join(name);
    path.display().to_string()
}

#[test]
fn the_abac_world_of_the_corpus_is_answered_as_recorded() {
    let world = corpus("abac-1");
    let policy = part(&world, "policy.jsonl");
    check_decisions(&world, "expected.ndjson", &["--abac", &policy], None);
    check_rules(&world, "rules-expected.ndjson", &["--abac", &policy]);
}

#[test]
fn a_recorded_rbac_world_is_answered_as_recorded() {
    let world = corpus("rbac-1");
    let objects = part(&world, "world.json");
    let policy = ["-f", objects.as_str(), "--aggregate", "stored"];
    check_decisions(&world, "expected.ndjson", &policy, None);
    check_rules(&world, "rules-expected.ndjson", &policy);
    check_who_can(&world, &policy);
}

#[test]
fn recorded_chains_are_answered_as_recorded() {
    let world = corpus("union-1");
    let (objects, lines) = (part(&world, "world.json"), part(&world, "policy.jsonl"));
    let policy = ["-f", &objects, "--abac", &lines, "--aggregate", "stored", "-q", "--mode"];
    let rbac = Policy::compile(&read_list(&world.join("world.json"))).unwrap();
    for (modes, expected) in [
        ("ABAC,RBAC", "expected-ABAC-RBAC.ndjson"),
        ("AlwaysDeny,RBAC", "expected-AlwaysDeny-RBAC.ndjson"),
        ("AlwaysDeny", "expected-AlwaysDeny.ndjson"),
        ("RBAC,ABAC", "expected-RBAC-ABAC.ndjson"),
        ("RBAC,AlwaysAllow", "expected-RBAC-AlwaysAllow.ndjson"),
    ] {
        check_decisions(&world, expected, &[&policy[..], &[modes]].concat(), Some(&rbac));
    }
    let without = [&policy[..], &["RBAC", "--no-super-user"]].concat();
    check_decisions(&world, "expected-RBAC-nosuperuser.ndjson", &without, None);
    for (modes, expected) in [
        ("AlwaysDeny,RBAC", "rules-expected-AlwaysDeny-RBAC.ndjson"),
        ("RBAC,AlwaysAllow", "rules-expected-RBAC-AlwaysAllow.ndjson"),
    ] {
        check_rules(&world, expected, &[&policy[..], &[modes]].concat());
    }
}
