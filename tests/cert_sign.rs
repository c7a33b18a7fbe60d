//! `portcullis cert sign`, `approve` and `deny` as a person and a script meet them: requests made by
//! openssl, objects as kubectl writes them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::support::shared;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(folder: &Path, args: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("cert")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

#[track_caller]
fn ends(folder: &Path, args: &[&str], stdin: &str, code: i32) -> Ran {
    let ran = run(folder, args, stdin);
    assert_eq!(ran.code, code, "{args:?}\n{}\n{}", ran.err, ran.out);
    ran
}

/// A folder with an authority; `None` without openssl.
fn place() -> Option<tempfile::TempDir> {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: openssl is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let args = ["ca", "init", "--key-type", "ecdsa-p256"];
    ends(folder.path(), &args, "", 0);
    Some(folder)
}

/// What openssl prints.
fn openssl(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A request made by openssl.
fn request(folder: &Path, subject: &str, more: &[&str]) -> String {
    let mut args = vec![
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "k.key",
        "-subj",
        subject,
    ];
    args.extend(more);
    openssl(folder, &args)
}

fn object(name: &str, pem: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name, "resourceVersion": "7", "annotations": {"a": "b"}},
        "spec": {
            "request": BASE64_STANDARD.encode(pem), "username": "jane",
            "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"],
            "groups": ["dev", "system:authenticated"], "expirationSeconds": 3600,
        },
        "status": {},
    });
    change(&mut value);
    value
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn approved(value: &mut Value) {
    value["status"]["conditions"] = json!([{"type": "Approved", "status": "True", "reason": "R"}]);
}

/// The certificate of an object, in a file.
fn write_certificate(folder: &Path, object: &Value) {
    let text = object["status"]["certificate"].as_str().unwrap();
    fs::write(folder.join("issued.crt"), BASE64_STANDARD.decode(text).unwrap()).unwrap();
}

#[test]
fn a_bare_request_is_signed_and_openssl_verifies_it() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let pem = request(folder, "/O=dev/O=ops/CN=jane", &["-addext", "subjectAltName=DNS:a.example"]);
    let ran = ends(folder, &["sign", "-", "--expiration-seconds", "3600"], &pem, 0);
    assert!(ran.err.contains("only the rules of the signer decide"), "{}", ran.err);
    fs::write(folder.join("c.crt"), &ran.out).unwrap();
    openssl(folder, &["verify", "-purpose", "sslclient", "-CAfile", "pki/ca.crt", "c.crt"]);
    let text = openssl(
        folder,
        &[
            "x509",
            "-in",
            "c.crt",
            "-noout",
            "-subject",
            "-ext",
            "subjectAltName,extendedKeyUsage,basicConstraints",
        ],
    );
    for part in [
        "O = dev, O = ops, CN = jane",
        "DNS:a.example",
        "TLS Web Client Authentication",
        "CA:FALSE",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // DER does as well, and the ledger knows both.
    fs::write(folder.join("r.pem"), &pem).unwrap();
    openssl(folder, &["req", "-in", "r.pem", "-outform", "DER", "-out", "r.der"]);
    ends(folder, &["sign", "r.der", "-q"], "", 0);
    let known = ends(folder, &["list", "-o", "json"], "", 0).out;
    assert_eq!(known.matches("\"jane\"").count(), 2, "{known}");
}

#[test]
fn what_is_refused_is_neither_printed_nor_recorded() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let jane = request(folder, "/O=dev/CN=jane", &[]);
    let masters = request(folder, "/O=system:masters/CN=jane", &[]);
    for (args, pem, because) in [
        (&["sign", "-"][..], &masters, "with system:masters group is not allowed"),
        (
            &["sign", "-", "--usages", "server auth"],
            &jane,
            "invalid usage for client certificate: server auth",
        ),
        (
            &["sign", "-", "--signer", "kubernetes.io/kubelet-serving"],
            &jane,
            "subject organization is not system:nodes",
        ),
        (
            &["sign", "-", "--signer", "kubernetes.io/mine"],
            &jane,
            "there is no signer `kubernetes.io/mine`",
        ),
        (
            &["sign", "-", "--signer", "example.com/mine"],
            &jane,
            "a signing policy with a rule for it is needed",
        ),
    ] {
        let ran = ends(folder, args, pem, 1);
        assert!(ran.out.is_empty() && ran.err.contains(because), "{because}\n{}", ran.err);
    }
    for (args, input, because) in [
        (&["sign", "-"][..], "", "there is no object in it"),
        (
            &["sign", "-"],
            "-----BEGIN CERTIFICATE REQUEST-----\nYQ==\n-----END CERTIFICATE REQUEST-----\n",
            "not a certificate signing request",
        ),
        (&["sign", "-"], "kind: Pod\napiVersion: v1\n", "must be `CertificateSigningRequest`"),
        (&["sign", "nowhere.csr"], "", "cannot be read"),
        (&["sign", "-", "--usages", "clientAuth"], &jane, "is no key usage"),
        (&["sign", "-", "--expiration-seconds", "599"], &jane, "599"),
        (&["sign", "-", "--pki", "nowhere"], &jane, "there is no certificate authority"),
        (&["sign", "-", "--as", "x"], &jane, "--as needs somebody to ask"),
    ] {
        let ran = ends(folder, args, input, 2);
        assert!(ran.out.is_empty() && ran.err.contains(because), "{because}\n{}", ran.err);
    }
    // Nothing of it is in the books; it may be that there are none.
    let known = run(folder, &["list", "-o", "json"], "").out;
    assert!(!known.contains("jane"), "{known}");
}

#[test]
fn a_policy_decides_by_who_asks_and_shortens_lives() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/signing/team.yaml");
    let jane = request(folder, "/O=dev/CN=jane", &[]);
    let base = ["sign", "-", "--days", "90", "--signing-policy", policy, "--requester"];
    let yes = [&base[..], &["jane", "--requester-group", "dev"]].concat();
    let ran = ends(folder, &yes, &jane, 0);
    assert!(ran.err.contains("rule `developers` of the signing policy"), "{}", ran.err);
    fs::write(folder.join("c.crt"), &ran.out).unwrap();
    let check = |seconds: &str| {
        Command::new("openssl")
            .args(["x509", "-in", "c.crt", "-noout", "-checkend", seconds])
            .current_dir(folder)
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(check("80000") && !check("86400"));
    for (requester, because) in [
        (&["jane", "--requester-group", "ops"][..], "it is not for requester `jane`"),
        (&["joe", "--requester-group", "dev"], "it does not give user name `jane`"),
    ] {
        let ran = ends(folder, &[&base[..], requester].concat(), &jane, 1);
        assert!(ran.err.contains(because), "{}", ran.err);
    }
    let ran = ends(folder, &["sign", "-", "--signing-policy", policy], &jane, 2);
    assert!(ran.err.contains("name the user with --requester"), "{}", ran.err);
    fs::write(
        folder.join("bad.yaml"),
        "apiVersion: portcullis.dev/v1alpha1\nkind: SigningPolicy\n",
    )
    .unwrap();
    let ran = ends(folder, &["sign", "-", "--signing-policy", "bad.yaml"], &jane, 2);
    assert!(ran.err.contains("`rules` is missing"), "{}", ran.err);
}

#[test]
fn the_authorizers_are_asked_whether_the_approver_may() {
    let Some(place) = place() else { return };
    let folder = place.path();
    const WRITES: &str = "[certificatesigningrequests/approval, certificatesigningrequests/status]";
    let role = |verbs: &str, writes: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: ca}}\nrules:\n\
             - {{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: ['kubernetes.io/*'], verbs: {verbs}}}\n\
             - {{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create]}}\n\
             - {{apiGroups: [certificates.k8s.io], resources: {writes}, verbs: [update]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: ca}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ca}}\n\
             subjects: [{{kind: User, name: ca-bot, apiGroup: rbac.authorization.k8s.io}}]\n"
        )
    };
    fs::write(folder.join("both.yaml"), role("[approve, sign]", WRITES)).unwrap();
    fs::write(folder.join("one.yaml"), role("[approve]", WRITES)).unwrap();
    let no_status = role("[approve, sign]", "[certificatesigningrequests/approval]");
    fs::write(folder.join("no-status.yaml"), no_status).unwrap();
    // May write all of it, and has no word about signers.
    let clerk = role("[get]", WRITES).replace("ca-bot", "clerk");
    fs::write(folder.join("clerk.yaml"), clerk).unwrap();
    let jane = request(folder, "/CN=jane", &[]);
    ends(folder, &["sign", "-", "--as", "ca-bot", "-f", "both.yaml"], &jane, 0);
    let ran = ends(folder, &["sign", "-", "--as", "ca-bot", "-f", "one.yaml"], &jane, 1);
    assert!(ran.err.contains("user not permitted to sign requests with signerName"), "{}", ran.err);
    let ran = ends(folder, &["sign", "-", "--as", "clerk", "-f", "clerk.yaml"], &jane, 1);
    assert!(
        ran.err.contains("user not permitted to approve requests with signerName"),
        "{}",
        ran.err
    );
    // S-CSR-9: the subresource, too, must be theirs to write.
    for (who, file, subresource) in
        [("other", "both.yaml", "approval"), ("ca-bot", "no-status.yaml", "status")]
    {
        let ran = ends(folder, &["sign", "-", "--as", who, "-f", file], &jane, 1);
        let because = format!(
            "User \"{who}\" cannot update resource \"certificatesigningrequests/{subresource}\""
        );
        assert!(ran.err.contains(&because), "{}", ran.err);
    }
    let args = ["sign", "-", "--requester", "jane", "--as", "ca-bot", "-f", "both.yaml"];
    let ran = ends(folder, &args, &jane, 1);
    assert!(ran.err.contains("cannot create resource"), "{}", ran.err);
    let pending = object("a", &jane, |_| ()).to_string();
    // Whoever may not approve may not deny for ever either.
    let args = ["approve", "a", "--as", "clerk", "-f", "clerk.yaml", "--deny-refused"];
    let ran = ends(folder, &args, &pending, 1);
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert!(ran.err.contains("`a` stays pending: user not permitted to approve"), "{}", ran.err);
    // May approve, may not sign: it is approved, and said so.
    let args = ["approve", "a", "--as", "ca-bot", "-f", "one.yaml", "-o", "json"];
    let ran = ends(folder, &args, &pending, 1);
    assert!(ran.err.contains("`a` is approved, and not signed: user not permitted"), "{}", ran.err);
    assert!(ran.out.contains("PortcullisApprove"), "{}", ran.out);
    // What was approved before has not changed, and is not printed.
    let ran = ends(folder, &args, &ran.out, 1);
    assert!(ran.out.is_empty() && ran.err.contains("is approved, and not signed"), "{}", ran.err);
    let args = ["approve", "a", "--as", "ca-bot", "-f", "both.yaml", "-o", "json"];
    let ran = ends(folder, &args, &pending, 0);
    let done: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(done["status"]["conditions"][0]["message"].as_str().unwrap().contains("for ca-bot"));
}

#[test]
fn approved_objects_are_signed_and_everything_else_of_them_is_kept() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let pem = request(folder, "/O=dev/CN=jane", &[]);
    let node = request(folder, "/O=nodes/CN=system:node:a", &[]);
    let before = object("jane", &pem, approved);
    let items = [
        before.clone(),
        object("pending", &pem, |_| ()),
        object("kubelet", &node, |value| {
            approved(value);
            value["spec"]["signerName"] = "kubernetes.io/kube-apiserver-client-kubelet".into();
        }),
        object("done", &pem, |value| {
            approved(value);
            value["status"]["conditions"][0]["type"] = "Denied".into();
        }),
    ];
    let ran = ends(folder, &["sign", "-", "-o", "json"], &list(&items), 1);
    let out: Value = serde_json::from_str(&ran.out).unwrap();
    let changed = out["items"].as_array().unwrap();
    assert_eq!(changed.len(), 2, "{}", ran.out);
    write_certificate(folder, &changed[0]);
    openssl(folder, &["verify", "-purpose", "sslclient", "-CAfile", "pki/ca.crt", "issued.crt"]);
    let mut after = changed[0].clone();
    after["status"].as_object_mut().unwrap().remove("certificate");
    assert_eq!(after, before);
    // S-CSR-13
    let failed = &changed[1]["status"]["conditions"][1];
    assert_eq!(
        (&failed["type"], &failed["status"], &failed["reason"], &failed["message"]),
        (
            &"Failed".into(),
            &"True".into(),
            &"SignerValidationFailure".into(),
            &"subject organization is not system:nodes".into()
        )
    );
    assert_eq!(changed[1]["status"].get("certificate"), None);
    // One object alone comes out alone, as YAML by default.
    let ran = ends(folder, &["sign", "-", "-q"], &before.to_string(), 0);
    assert!(ran.out.starts_with("apiVersion: certificates.k8s.io/v1\n"), "{}", ran.out);
    // It has its certificate now: there is nothing to do.
    let ran = ends(folder, &["sign", "-", "-q"], &ran.out, 0);
    assert_eq!(ran.out, "");
}

#[test]
fn approving_is_a_working_signer() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/signing/team.yaml");
    let pem = |subject: &str| request(folder, subject, &[]);
    let items = [
        object("good", &pem("/O=dev/CN=jane"), |_| ()),
        object("other", &pem("/O=dev/CN=joe"), |_| ()),
        object("named", &pem("/O=dev/CN=jane"), |_| ()),
    ];
    let args = ["approve", "--signing-policy", policy, "good", "other"];
    let ran = ends(folder, &args, &list(&items), 1);
    assert!(
        ran.err.contains("`other` stays pending: no rule of the signing policy"),
        "{}",
        ran.err
    );
    // What comes out goes in again: YAML as kubectl reads it.
    let again = ends(folder, &["sign", "-", "-o", "json"], &ran.out, 0);
    assert_eq!(serde_json::from_str::<Value>(&again.out).unwrap()["items"], json!([]));
    if Command::new("kubectl").arg("version").arg("--client").output().is_ok() {
        fs::write(folder.join("out.yaml"), &ran.out).unwrap();
        let read = Command::new("kubectl")
            .args(["label", "--local", "-f", "out.yaml", "seen=yes", "-o", "json"])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        let read: Value = serde_json::from_slice(&read.stdout).unwrap();
        let read = if read["kind"] == "List" { read["items"][0].clone() } else { read };
        assert_eq!(read["metadata"]["labels"]["seen"], "yes");
        let condition = &read["status"]["conditions"][0];
        assert_eq!(
            (&condition["type"], &condition["reason"]),
            (&"Approved".into(), &"PortcullisApprove".into())
        );
        write_certificate(folder, &read);
        openssl(folder, &["verify", "-CAfile", "pki/ca.crt", "issued.crt"]);
    }
    // Refused for ever, when that is asked for; approved only, when that is.
    let args = ["approve", "--signing-policy", policy, "--deny-refused", "--no-sign", "-o", "json"];
    let ran = ends(folder, &args, &list(&items), 1);
    let out: Value = serde_json::from_str(&ran.out).unwrap();
    let types: Vec<&str> = out["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"]["conditions"][0]["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["Approved", "Denied", "Approved"]);
    assert!(!ran.out.contains("\"certificate\""));
    assert_eq!(
        ends(folder, &["approve", "-q", "-o", "json"], &list(&[]), 0)
            .out
            .matches("\"items\": []")
            .count(),
        1
    );
    let ran = ends(folder, &["approve", "nobody"], &list(&items), 2);
    assert!(
        ran.out.is_empty() && ran.err.contains("there is no CertificateSigningRequest `nobody`")
    );
    let ran = ends(folder, &["approve", "--sign", "--pki", "nowhere"], &list(&items), 2);
    assert!(ran.out.is_empty(), "{}", ran.out);
}

#[test]
fn denying_is_for_what_is_not_approved() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let pem = request(folder, "/CN=jane", &[]);
    let items = [object("a", &pem, |_| ()), object("b", &pem, approved), object("c", &pem, |_| ())];
    let ran = ends(folder, &["deny", "a", "b", "-o", "json", "--message", "No."], &list(&items), 1);
    assert!(ran.err.contains("`b` was approved, and that cannot be taken back"), "{}", ran.err);
    let out: Value = serde_json::from_str(&ran.out).unwrap();
    let [one] = out["items"].as_array().unwrap().as_slice() else { panic!("{out}") };
    let condition = &one["status"]["conditions"][0];
    assert_eq!(
        (&one["metadata"]["name"], &condition["type"], &condition["reason"], &condition["message"]),
        (&"a".into(), &"Denied".into(), &"PortcullisDeny".into(), &"No.".into())
    );
    ends(folder, &["deny", "a"], &list(&items), 0);
    ends(folder, &["deny"], &list(&items), 2);
    ends(folder, &["deny", "x"], &list(&items), 2);
}

#[test]
fn the_recorded_object_is_signed() {
    let Some(path) = shared("golden/certificatesigningrequest-approved.json") else { return };
    let Some(place) = place() else { return };
    let folder = place.path();
    let before: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let ran = ends(folder, &["sign", path.to_str().unwrap(), "-o", "json"], "", 0);
    let mut after: Value = serde_json::from_str(&ran.out).unwrap();
    write_certificate(folder, &after);
    let subject = openssl(folder, &["x509", "-in", "issued.crt", "-noout", "-subject"]);
    assert!(subject.contains("O = dev, CN = carol"), "{subject}");
    after["status"].as_object_mut().unwrap().remove("certificate");
    assert_eq!(after, before);
    let shown = ends(folder, &["list", "-o", "json"], "", 0).out;
    assert!(shown.contains("alice") || shown.contains("carol"), "{shown}");
}

#[test]
fn kubelets_are_approved_as_kubernetes_does_it_by_itself_and_nobody_else_is() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let role = |name: &str, user: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules:\n\
             - {{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/{name}], verbs: [create]}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {name}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}\n\
             subjects: [{{kind: User, name: '{user}', apiGroup: rbac.authorization.k8s.io}}]\n---\n"
        )
    };
    let roles = role("selfnodeclient", "system:node:a") + &role("nodeclient", "system:bootstrap:x");
    fs::write(folder.join("rbac.yaml"), roles).unwrap();
    let node = |name: &str, requester: &str, subject: &str| {
        object(name, &request(folder, subject, &[]), |value| {
            value["spec"]["signerName"] = "kubernetes.io/kube-apiserver-client-kubelet".into();
            value["spec"]["username"] = requester.into();
            value["spec"]["usages"] = json!(["client auth", "digital signature"]);
        })
    };
    let a = "/O=system:nodes/CN=system:node:a";
    let items = [
        node("own", "system:node:a", a),
        node("joins", "system:bootstrap:x", a),
        node("foreign", "system:node:a", "/O=system:nodes/CN=system:node:b"),
        node("stranger", "jane", a),
        node("wrong", "system:node:a", "/O=nodes/CN=system:node:a"),
        object("jane", &request(folder, "/CN=jane", &[]), |_| ()),
    ];
    let args = ["approve", "--kubelets", "-f", "rbac.yaml", "-o", "json", "--sign"];
    let ran = ends(folder, &args, &list(&items), 1);
    let out: Value = serde_json::from_str(&ran.out).unwrap();
    let done: Vec<_> = out["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let condition = &item["status"]["conditions"][0];
            assert_eq!(
                (&condition["type"], &condition["reason"]),
                (&"Approved".into(), &"AutoApproved".into())
            );
            assert!(item["status"]["certificate"].is_string());
            (item["metadata"]["name"].as_str().unwrap(), condition["message"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        done,
        [
            ("own", "Auto approving self kubelet client certificate after SubjectAccessReview."),
            ("joins", "Auto approving kubelet client certificate after SubjectAccessReview."),
        ]
    );
    for (name, because) in [
        ("foreign", "recognized csr \"foreign\" as [selfnodeclient nodeclient] but"),
        ("stranger", "recognized csr \"stranger\" as [selfnodeclient nodeclient] but"),
        ("wrong", "subject organization is not system:nodes"),
    ] {
        let line = format!("`{name}` stays pending: {because}");
        assert!(ran.err.contains(&line), "{line}\n{}", ran.err);
    }
    assert!(!ran.err.contains("`jane` "), "{}", ran.err);
    let ran = ends(folder, &["approve", "--kubelets"], &list(&items), 2);
    assert!(
        ran.out.is_empty() && ran.err.contains("name roles and bindings with -f"),
        "{}",
        ran.err
    );
}

#[test]
fn nothing_is_approved_or_signed_that_nobody_looked_at() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let pem = request(folder, "/O=system:nodes/CN=system:node:a", &[]);
    let items = [object("a", &pem, |_| ()), object("b", &pem, |_| ())];
    // Without a policy and without names all of them would be.
    let ran = ends(folder, &["approve"], &list(&items), 2);
    assert!(ran.out.is_empty() && ran.err.contains("name the requests"), "{}", ran.err);
    let ran = ends(folder, &["approve", "a"], &list(&items), 0);
    assert!(ran.err.contains("user `system:node:a` is one of Kubernetes itself"), "{}", ran.err);
    // Two of one name: which of them was approved?
    let twice = list(&[object("a", &pem, approved), object("a", &pem, approved)]);
    for args in [&["sign", "-"][..], &["approve", "a"], &["deny", "a"]] {
        let ran = ends(folder, args, &twice, 2);
        assert!(ran.out.is_empty(), "{}", ran.out);
        assert!(ran.err.contains("there is another request of the name `a`"), "{}", ran.err);
    }
    // What objects say themselves cannot be said beside them.
    let one = object("a", &pem, approved).to_string();
    for flag in [
        &["--days", "1"][..],
        &["--expiration-seconds", "600"],
        &["--usages", "client auth"],
        &["--signer", "example.com/a"],
        &["--requester", "x"],
    ] {
        let ran = ends(folder, &[&["sign", "-"], flag].concat(), &one, 2);
        assert!(ran.err.contains(&format!("{} is for bare requests", flag[0])), "{}", ran.err);
    }
}

#[test]
fn a_signing_duration_shortens_what_is_approved() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let one = object("a", &request(folder, "/CN=jane", &[]), |_| ()).to_string();
    let args = ["approve", "a", "--signing-duration", "700", "-o", "json"];
    let ran = ends(folder, &args, &one, 0);
    write_certificate(folder, &serde_json::from_str(&ran.out).unwrap());
    let lasts = |seconds: &str| {
        let args = ["x509", "-in", "issued.crt", "-noout", "-checkend", seconds];
        Command::new("openssl").args(args).current_dir(folder).status().unwrap().success()
    };
    assert!(lasts("600") && !lasts("701"));
    ends(folder, &["approve", "a", "--signing-duration", "599"], &one, 2);
}

#[test]
fn a_uid_goes_past_no_policy_and_several_past_nobody() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/signing/team.yaml");
    let base = ["sign", "-", "--signing-policy", policy, "--requester", "jane"];
    let args = [&base[..], &["--requester-group", "dev"]].concat();
    // S-X509-5
    let named = "oid_section = oids\n[oids]\nkuid = 1.3.6.1.4.1.57683.2\n\
                 [req]\ndistinguished_name = dn\n[dn]\n";
    fs::write(folder.join("oids.cnf"), named).unwrap();
    let request = |subject: &str| request(folder, subject, &["-config", "oids.cnf"]);
    let with = request("/O=dev/CN=jane/kuid=42");
    let ran = ends(folder, &args, &with, 1);
    assert!(ran.err.contains("it does not give uid `42`") && ran.out.is_empty(), "{}", ran.err);
    ends(folder, &args, &request("/O=dev/CN=jane"), 0);
    ends(folder, &["sign", "-"], &with, 0);
    // Programs that take the first common name would see somebody else.
    let ran = ends(folder, &args, &request("/O=dev/CN=admin/CN=jane"), 1);
    assert!(ran.err.contains("it does not give user name `admin`"), "{}", ran.err);
    let ran = ends(folder, &["sign", "-"], &request("/CN=jane/kuid=42/kuid=43"), 2);
    assert!(ran.err.contains("has several uids"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let Some(place) = place() else { return };
    let folder = place.path();
    let pem = request(folder, "/CN=jane", &[]);
    let key = folder.join("pki/ca.key");
    let because = "others than its owner can use this key (mode";
    assert!(!ends(folder, &["sign", "-"], &pem, 0).err.contains(because));
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let ran = ends(folder, &["sign", "-"], &pem, 0);
        assert!(ran.err.contains(&format!("{because} {mode:o})")), "{}", ran.err);
    }
}

#[test]
fn a_damaged_ledger_is_told_in_one_line() {
    let Some(place) = place() else { return };
    let folder = place.path();
    let pem = request(folder, "/CN=jane", &[]);
    ends(folder, &["sign", "-", "-q"], &pem, 0);
    let ledger = folder.join("pki/ledger.redb");
    let mut bytes = fs::read(&ledger).unwrap();
    bytes[4096..12_288].fill(0xa5);
    fs::write(&ledger, &bytes).unwrap();
    // That nothing panicked, `run` looks.
    let ran = ends(folder, &["sign", "-", "-q"], &pem, 2);
    assert!(ran.out.is_empty() && ran.err.contains("the ledger is damaged"), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert_eq!(fs::read(&ledger).unwrap(), bytes);
}
