//! `portcullis kubeconfig` as a person and a script meet it, and as kubectl reads what it writes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

#[track_caller]
fn run(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

#[track_caller]
fn done(folder: &Path, args: &[&str]) -> Ran {
    let ran = run(folder, args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

#[track_caller]
fn refused(folder: &Path, args: &[&str], because: &str) {
    let ran = run(folder, args);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains(because), "{because}\n{}", ran.err);
}

/// A file as kubectl has it; `None` without kubectl.
fn kubectl(folder: &Path, file: &str) -> Option<Value> {
    let mut command = Command::new("kubectl");
    command.args(["config", "view", "--raw", "-o", "json", "--kubeconfig", file]);
    let Ok(output) = command.current_dir(folder).output() else {
        eprintln!("skipped: there is no kubectl");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The entries of a list that are not called so.
fn others<'a>(config: &'a Value, list: &str, name: &str) -> Vec<&'a Value> {
    let items = config[list].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter(|item| item["name"] != name).collect()
}

fn entry<'a>(config: &'a Value, list: &str, name: &str) -> &'a Value {
    config[list].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap()
}

/// A folder with an authority and a certificate of Jane's, made by OpenSSL; `None` without it.
fn folder() -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let make = |args: &str| {
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).current_dir(folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
    };
    let ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let made = make(&format!("req -x509 {ec} -keyout ca.key -out ca.crt -days 30 -subj /CN=ca"))
        && make(&format!("req {ec} -keyout jane.key -out jane.csr -subj /O=dev/CN=jane"))
        && make(
            "x509 -req -in jane.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 10 -out jane.crt",
        )
        && make("ecparam -name prime256v1 -genkey -noout -out other.key")
        && make(
            "x509 -req -in jane.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days -1 -out expired.crt",
        )
        && make(&format!(
            "req {ec} -keyout root.key -out root.csr -subj /O=system:masters/CN=root"
        ))
        && make(
            "x509 -req -in root.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 10 -out root.crt",
        )
        && make("pkcs8 -topk8 -in jane.key -passout pass:s3cret -out locked.key");
    if !made {
        eprintln!("skipped: there is no openssl that makes certificates");
        return None;
    }
    fs::write(folder.path().join("token"), "s3cret-token\n").unwrap();
    Some(folder)
}

const JANE: [&str; 7] = [
    "kubeconfig",
    "--user",
    "jane",
    "--client-certificate",
    "jane.crt",
    "--client-key",
    "jane.key",
];
const SERVER: [&str; 4] = ["--server", "https://api.example:6443", "--ca-file", "ca.crt"];

fn base64(bytes: &[u8]) -> String {
    use std::io::Write;
    let mut child = Command::new("base64")
        .arg("-w0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_file_embeds_what_the_user_needs_and_kubectl_reads_it() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let more = ["--cluster", "example", "--context-namespace", "team", "--out", "config"];
    done(folder, &[&JANE[..], &SERVER, &more].concat());
    #[cfg(unix)]
    assert_eq!(mode(&folder.join("config")), 0o600);
    // Standard output is no terminal here, and has the same.
    let shown = done(folder, &[&JANE[..], &SERVER, &more[..4]].concat());
    assert_eq!(shown.out, fs::read_to_string(folder.join("config")).unwrap());
    refused(folder, &[&JANE[..], &SERVER, &more].concat(), "was left as it is");

    let Some(config) = kubectl(folder, "config") else { return };
    let file = |name: &str| base64(&fs::read(folder.join(name)).unwrap());
    let cluster = &entry(&config, "clusters", "example")["cluster"];
    assert_eq!(cluster["server"], "https://api.example:6443");
    assert_eq!(cluster["certificate-authority-data"], file("ca.crt"));
    let user = &entry(&config, "users", "jane")["user"];
    assert_eq!(user["client-certificate-data"], file("jane.crt"));
    assert_eq!(user["client-key-data"], file("jane.key"));
    let context = &entry(&config, "contexts", "jane@example")["context"];
    assert_eq!(context["namespace"], "team");
    assert_eq!(config["current-context"], "jane@example");
}

#[test]
fn files_that_are_named_are_found_from_where_the_kubeconfig_is() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    fs::create_dir(folder.join("sub")).unwrap();
    done(folder, &[&JANE[..], &SERVER, &["--reference", "--out", "config"]].concat());
    let text = fs::read_to_string(folder.join("config")).unwrap();
    assert!(text.contains("client-key: jane.key\n") && !text.contains("-data"), "{text}");
    done(folder, &[&JANE[..], &SERVER, &["--reference", "--out", "sub/config"]].concat());
    let Some(config) = kubectl(folder, "sub/config") else { return };
    let absolute = folder.join("ca.crt");
    let cluster = &entry(&config, "clusters", "kubernetes")["cluster"];
    assert_eq!(cluster["certificate-authority"], absolute.to_str().unwrap());
    let token = ["kubeconfig", "--user", "ci", "--token-file", "token", "--reference"];
    done(folder, &[&token[..], &SERVER, &["--out", "ci"]].concat());
    let ci = fs::read_to_string(folder.join("ci")).unwrap();
    assert!(ci.contains("tokenFile: token\n") && !ci.contains("s3cret"), "{ci}");
    done(folder, &[&token[..5], &SERVER, &["--out", "ci2"]].concat());
    let ci = kubectl(folder, "ci2").unwrap();
    assert_eq!(entry(&ci, "users", "ci")["user"]["token"], "s3cret-token");
}

#[test]
fn what_does_not_belong_together_is_refused_before_anything_is_written() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let with = |certificate, key| {
        let pair = ["--client-certificate", certificate, "--client-key", key];
        [&JANE[..3], &pair, &SERVER, &["--out", "config"]].concat()
    };
    refused(
        folder,
        &with("jane.crt", "other.key"),
        "`other.key` is not the key of the certificate",
    );
    refused(folder, &with("expired.crt", "jane.key"), "has expired at");
    refused(folder, &with("jane.crt", "locked.key"), "kubectl cannot ask for");
    refused(folder, &with("jane.key", "jane.key"), "`jane.key`");
    refused(folder, &with("none.crt", "jane.key"), "`none.crt`");
    let ca = ["--server", "https://a", "--ca-file", "jane.key"];
    refused(folder, &[&JANE[..], &ca].concat(), "`jane.key`");
    refused(
        folder,
        &[&JANE[..], &["--server", "http://a", "--ca-file", "ca.crt"]].concat(),
        "https://",
    );
    refused(folder, &[&JANE[..], &["--server", "https://a"]].concat(), "--ca-file");
    refused(folder, &JANE, "--server");
    refused(folder, &[&JANE[..], &["--merge", "config"]].concat(), "it has no cluster");
    fs::write(folder.join("token"), "s3cret\ns3cret\n").unwrap();
    let ran = run(
        folder,
        &[&["kubeconfig", "--user", "u", "--token-file", "token"][..], &SERVER].concat(),
    );
    assert!(ran.code == 2 && !ran.err.contains("s3cret"), "{}", ran.err);
    assert!(!folder.join("config").exists() && !folder.join("config.lock").exists());

    let warned = done(folder, &with("root.crt", "root.key"));
    assert!(warned.err.contains("system:masters"), "{}", warned.err);
}

/// Files as people and programs have them. The second says whether the old lines are all kept.
const AWKWARD: [(&str, bool); 15] = [
    ("", true),
    ("# only a remark\n", true),
    ("current-context: old", true),
    ("apiVersion: v1\nkind: Config\nusers: []\nclusters: null\ncontexts: ~ # none\n", true),
    ("users: # mine\n- name: bob # him\n  user:\n    token: \"a\\tb\"   # tabs\n\n# end", true),
    ("clusters:\r\n- cluster:\r\n    server: https://x\r\n  name: x\r\ncontexts: []\r\n", true),
    ("---\nusers:\n    -   user: {token: '# no remark'}\n        name: 'ö😀'\n", true),
    ("users:\n- name: bob\n  user:\n    token: |\n      # text\n      more\ncontexts:\n", true),
    (
        "preferences: {colors: true}\nextensions:\n- name: z\n  extension: {a: [1, 2.5, null]}\n",
        true,
    ),
    (
        "users:\n- name: bob\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: c\n      args:\n      - --x\n      env: null\n      interactiveMode: Never\n      provideClusterInfo: false\n",
        true,
    ),
    ("users:\n- name: a\n  user: &u {token: t}\n- name: b\n  user: *u\n", true),
    ("users: [{name: bob, user: {token: t}}] # flow\n", false),
    ("{kind: Config, users: [{name: bob}]}", false),
    (
        "{\n  \"kind\": \"Config\",\n  \"users\": [{\"name\": \"bob\", \"user\": {\"token\": \"t\"}}]\n}\n",
        false,
    ),
    ("users: &all\n- name: bob\n  user: {token: t}\n", false),
];

#[test]
fn whatever_a_file_looks_like_kubectl_finds_the_user_and_all_that_was_there() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    for (index, (old, kept)) in AWKWARD.into_iter().enumerate() {
        let name = format!("config{index}");
        fs::write(folder.join(&name), old).unwrap();
        let before = kubectl(folder, &name);
        let ran = done(
            folder,
            &[&JANE[..], &SERVER, &["--merge", &name, "--no-current-context"]].concat(),
        );
        let new = fs::read_to_string(folder.join(&name)).unwrap();
        assert_eq!(ran.err.contains("written anew"), !kept, "{old}\n{}", ran.err);
        assert_eq!(ran.err.contains("comments are lost"), !kept && old.contains("# flow"), "{old}");
        if kept {
            // Nothing but the values of empty lists went.
            let mut rest = new.as_str();
            for line in
                old.lines().map(|line| line.trim_end_matches(['[', ']']).trim_end_matches("null"))
            {
                let line = line.split('~').next().unwrap();
                let found = if line.is_empty() { Some(("", rest)) } else { rest.split_once(line) };
                rest = found.unwrap_or_else(|| panic!("{line:?} is gone from\n{new}")).1;
            }
            assert_eq!(new.contains("\r\n"), old.contains("\r\n"));
            assert!(!old.contains("\r\n") || !new.replace("\r\n", "").contains('\n'), "{new:?}");
        }
        let Some(before) = before else { continue };
        let after = kubectl(folder, &name).unwrap();
        for (list, mine) in
            [("clusters", "kubernetes"), ("users", "jane"), ("contexts", "jane@kubernetes")]
        {
            assert_eq!(others(&after, list, mine), others(&before, list, ""), "{old}\n{new}");
            entry(&after, list, mine);
        }
        for field in ["current-context", "preferences", "extensions"] {
            assert_eq!(after[field], before[field], "{old}\n{new}");
        }
        // Once more there is nothing to do.
        let again = done(
            folder,
            &[&JANE[..], &SERVER, &["--merge", &name, "--no-current-context"]].concat(),
        );
        assert!(again.err.contains("left as it is"), "{}", again.err);
        assert_eq!(fs::read_to_string(folder.join(&name)).unwrap(), new);
    }
}

#[test]
fn entries_of_other_content_are_replaced_only_when_asked_for() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let old = "users:\n# jane's\n- name: jane\n  user: {token: s3cret}\n- name: bob\ncurrent-context: b\n";
    fs::write(folder.join("config"), old).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder.join("config"), fs::Permissions::from_mode(0o640)).unwrap();
    }
    let merge = [&JANE[..], &SERVER, &["--merge", "config"]].concat();
    let ran = run(folder, &merge);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("has user `jane` already") && !ran.err.contains("s3cret"),
        "{}",
        ran.err
    );
    assert_eq!(fs::read_to_string(folder.join("config")).unwrap(), old);

    let ran = done(folder, &[&merge[..], &["--overwrite"]].concat());
    assert!(ran.err.contains("user `jane` of `config` was replaced"), "{}", ran.err);
    let new = fs::read_to_string(folder.join("config")).unwrap();
    assert!(
        new.starts_with("users:\n# jane's\n- name: jane\n  user:\n    client-certificate-data: ")
    );
    assert!(
        !new.contains("s3cret")
            && new.contains("\n- name: bob\ncurrent-context: jane@kubernetes\n")
    );
    #[cfg(unix)]
    assert_eq!(mode(&folder.join("config")), 0o640);

    // Another user of the same cluster need not say where it is.
    let root = [
        "kubeconfig",
        "--user",
        "root",
        "--client-certificate",
        "root.crt",
        "--client-key",
        "root.key",
    ];
    done(folder, &[&root[..], &["--merge", "config"]].concat());
    let Some(config) = kubectl(folder, "config") else { return };
    assert_eq!(config["current-context"], "root@kubernetes");
    assert_eq!(config["users"].as_array().unwrap().len(), 3);
}

#[test]
fn a_file_that_is_none_or_that_another_command_writes_stays_as_it_is() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let path = folder.join("config");
    let merge = [&JANE[..], &SERVER, &["--merge", "config", "--overwrite"]].concat();
    for (old, because) in [
        ("users:\n- name: a\n- name: a\n", "two entries called `a`"),
        ("kind: Pod\n", "no kubeconfig"),
        ("users: {a: s3cret}\n", "`users` must be a list"),
        ("users: []\nusers: []\n", "stands twice"),
        ("kind: Config\n---\nkind: Config\n", "a second document"),
        ("users: [\n", "config"),
    ] {
        fs::write(&path, old).unwrap();
        let ran = run(folder, &merge);
        assert_eq!(ran.code, 2, "{old}");
        assert!(ran.err.contains(because) && !ran.err.contains("s3cret"), "{}", ran.err);
        assert_eq!(fs::read_to_string(&path).unwrap(), old);
    }
    fs::write(&path, "kind: Config\n").unwrap();
    fs::write(folder.join("config.lock"), "").unwrap();
    refused(folder, &merge, "config.lock");
    assert!(folder.join("config.lock").exists());
    fs::remove_file(folder.join("config.lock")).unwrap();
    done(folder, &merge);
    assert!(!folder.join("config.lock").exists());
}

// ---- cert issue, cert renew --------------------------------------------------------------------

/// A folder with an authority of ours.
fn authority() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["cert", "ca", "init"]);
    folder
}

const POLICY: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view}
rules:
- {apiGroups: [''], resources: [pods], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lead}
rules:
- {apiGroups: [''], resources: [pods], verbs: ['*']}
- {apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [create]}
- {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secrets}
rules:
- {apiGroups: [''], resources: [secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: lead}
subjects: [{kind: User, name: lead}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lead}
";

fn records(folder: &Path) -> Vec<Value> {
    let listed = done(folder, &["cert", "list", "--all", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    listed["certificates"].as_array().unwrap_or_else(|| panic!("{listed}")).clone()
}

#[test]
fn one_step_makes_key_certificate_record_binding_and_kubeconfig() {
    let folder = authority();
    let folder = folder.path();
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let issue = [
        "cert",
        "issue",
        "--user",
        "jane",
        "--group",
        "dev",
        "--group",
        "ops",
        "--out-dir",
        "out",
        "--days",
        "30",
        "--kubeconfig",
        "config",
        "--server",
        "https://api.example:6443",
        "--bind",
        "clusterrole/view",
        "-n",
        "team",
        "-f",
        "policy.yaml",
        "--requester",
        "lead",
        "--as",
        "root",
        "--as-group",
        "system:masters",
    ];
    let ran = done(folder, &issue);
    assert!(
        ran.err.contains(r#"{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}"#),
        "{}",
        ran.err
    );
    #[cfg(unix)]
    assert_eq!(mode(&folder.join("out/jane.key")), 0o600);
    let binding = fs::read_to_string(folder.join("out/jane.binding.yaml")).unwrap();
    assert!(
        binding.contains("kind: RoleBinding\n") && binding.contains("namespace: team\n"),
        "{binding}"
    );
    let all = records(folder);
    assert_eq!((all.len(), &all[0]["user"]), (1, &Value::from("jane")));
    if let Some(config) = kubectl(folder, "config") {
        let user = &entry(&config, "users", "jane")["user"];
        let certificate = fs::read(folder.join("out/jane.crt")).unwrap();
        assert_eq!(user["client-certificate-data"], base64(&certificate));
    }
    // Nothing is overwritten, and nothing is left of the attempt.
    refused(folder, &issue, "was left as it is");
    assert_eq!(records(folder).len(), 1);
}

#[test]
fn a_binding_that_the_requester_may_not_grant_refuses_the_whole_step() {
    let folder = authority();
    let folder = folder.path();
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let issue = ["cert", "issue", "--user", "jane", "--out-dir", "out", "--bind"];
    let who = [
        "-f",
        "policy.yaml",
        "--requester",
        "lead",
        "--as",
        "root",
        "--as-group",
        "system:masters",
    ];
    let ran = run(folder, &[&issue[..], &["clusterrole/secrets", "-n", "team"], &who].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.err.contains("is attempting to grant RBAC permissions not currently held")
            && ran.err.contains(r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#),
        "{}",
        ran.err
    );
    let ran = run(folder, &[&issue[..], &["clusterrole/view", "--cluster-wide"], &who].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    refused(folder, &[&issue[..], &["clusterrole/view"], &who].concat(), "--cluster-wide");
    refused(folder, &[&issue[..], &["clusterrole/view", "-n", "team"]].concat(), "--unchecked");
    assert!(!folder.join("out").exists());
    let ran = done(folder, &[&issue[..], &["role/x", "-n", "team", "--unchecked"]].concat());
    assert!(ran.err.contains("nobody checked"), "{}", ran.err);
}

#[test]
fn the_rules_of_the_signer_refuse_masters_before_there_is_a_key() {
    let folder = authority();
    let folder = folder.path();
    let ran = run(
        folder,
        &["cert", "issue", "--user", "x", "--group", "system:masters", "--out-dir", "out"],
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(!folder.join("out").exists() && records(folder).is_empty());
}

#[test]
fn a_certificate_is_renewed_when_it_is_due_and_not_before() {
    let folder = authority();
    let folder = folder.path();
    done(
        folder,
        &[
            "cert",
            "issue",
            "--user",
            "jane",
            "--group",
            "b",
            "--group",
            "a",
            "--group",
            "b",
            "--out-dir",
            "out",
            "--days",
            "30",
        ],
    );
    let path = |name: &str| folder.join("out").join(name);
    let (key, certificate) =
        (fs::read(path("jane.key")).unwrap(), fs::read(path("jane.crt")).unwrap());
    let renew = ["cert", "renew", "--cert", "out/jane.crt", "--key", "out/jane.key"];
    let ran = done(folder, &renew);
    assert!(ran.err.contains("not due"), "{}", ran.err);
    assert_eq!(fs::read(path("jane.crt")).unwrap(), certificate);

    done(folder, &[&renew[..], &["--if-within", "31", "--keep-key"]].concat());
    assert_eq!(fs::read(path("jane.key")).unwrap(), key);
    assert_ne!(fs::read(path("jane.crt")).unwrap(), certificate);

    let ran = done(folder, &[&renew[..], &["--if-within", "400", "--revoke-old"]].concat());
    assert!(ran.err.contains("the old certificate is revoked"), "{}", ran.err);
    assert_ne!(fs::read(path("jane.key")).unwrap(), key);
    #[cfg(unix)]
    assert_eq!(mode(&path("jane.key")), 0o600);
    assert!(!path("jane.key.new").exists() && !path("jane.crt.new").exists());
    let all = records(folder);
    assert_eq!(all.len(), 3);
    // Every group in its order, the one that stands twice included.
    assert!(
        all.iter().all(|record| record["groups"] == serde_json::json!(["b", "a", "b"])),
        "{all:?}"
    );

    // The old one is revoked, and is not renewed any more.
    fs::write(path("old.crt"), &certificate).unwrap();
    fs::write(path("old.key"), &key).unwrap();
    let old =
        ["cert", "renew", "--cert", "out/old.crt", "--key", "out/old.key", "--if-within", "400"];
    done(folder, &["cert", "revoke", "--cert", "out/old.crt"]);
    let ran = run(folder, &old);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("was revoked"), "{}", ran.err);
}

#[test]
fn a_renewal_that_was_interrupted_is_finished_by_the_next() {
    let folder = authority();
    let folder = folder.path();
    for user in ["old", "new"] {
        done(folder, &["cert", "issue", "--user", user, "--out-dir", "out"]);
    }
    let path = |name: &str| folder.join("out").join(name);
    let new = (fs::read(path("new.key")).unwrap(), fs::read(path("new.crt")).unwrap());
    // The key is in place, the certificate is not.
    fs::rename(path("new.key"), path("old.key")).unwrap();
    fs::rename(path("new.crt"), path("old.crt.new")).unwrap();
    let renew = ["cert", "renew", "--cert", "out/old.crt", "--key", "out/old.key"];
    let ran = done(folder, &renew);
    assert!(ran.err.contains("is finished now"), "{}", ran.err);
    assert_eq!((fs::read(path("old.key")).unwrap(), fs::read(path("old.crt")).unwrap()), new);
    // With --revoke-old the old one is revoked then, too; before, it was in force for good.
    assert!(!done(folder, &["cert", "list", "--revoked"]).out.contains("new"));
    done(folder, &["cert", "issue", "--user", "newer", "--out-dir", "out"]);
    fs::rename(path("newer.key"), path("old.key.new")).unwrap();
    fs::rename(path("newer.crt"), path("old.crt.new")).unwrap();
    let ran = done(folder, &[&renew[..], &["--revoke-old"]].concat());
    assert!(ran.err.contains("the old certificate is revoked"), "{}", ran.err);
    let revoked = done(folder, &["cert", "list", "--revoked"]).out;
    assert!(revoked.contains("new ") && !revoked.contains("newer"), "{revoked}");
    // A key without a certificate is nobody's.
    fs::write(path("old.key.new"), "x").unwrap();
    refused(folder, &renew, "old.key.new");
    fs::remove_file(path("old.key.new")).unwrap();
    // New files that do not belong together are not put in place.
    fs::write(path("old.crt.new"), fs::read(folder.join("pki/ca.crt")).unwrap()).unwrap();
    refused(folder, &renew, "do not belong together");
}

#[test]
fn a_user_of_a_kubeconfig_is_renewed_and_nothing_else_of_it_changes() {
    let folder = authority();
    let folder = folder.path();
    fs::write(folder.join("config"), "# mine\ncurrent-context: x # keep\nusers:\n- name: bob\n")
        .unwrap();
    let server = ["--kubeconfig", "config", "--server", "https://a", "--no-current-context"];
    done(folder, &[&["cert", "issue", "--user", "jane", "--out-dir", "out"][..], &server].concat());
    let before = fs::read_to_string(folder.join("config")).unwrap();
    assert!(
        before
            .starts_with("# mine\ncurrent-context: x # keep\nusers:\n- name: bob\n- name: jane\n"),
        "{before}"
    );
    let renew =
        ["cert", "renew", "--kubeconfig", "config", "--user", "jane", "--if-within", "9999"];
    done(folder, &renew);
    let after = fs::read_to_string(folder.join("config")).unwrap();
    let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
    assert_eq!((changed, before.lines().count()), (2, after.lines().count()), "{after}");
    refused(folder, &[&renew[..5], &["bob"]].concat(), "`bob`");
}
