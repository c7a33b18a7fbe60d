//! `cert inspect` and `cert verify`.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{ExtendedKeyUsagePurpose as Purpose, IsCa};
use serde_json::Value;

use super::authority::{Authority, NOW, placeholder, to_organizations, until};

/// Exit status, standard output and standard error.
fn cert(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("cert")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
}

fn write(folder: &Path, name: &str, der: &[u8]) {
    fs::write(folder.join(name), pem::encode(&pem::Pem::new("CERTIFICATE", der.to_vec()))).unwrap();
}

fn jane(root: &Authority) -> Vec<u8> {
    root.issue_changed(
        |params| {
            params.distinguished_name.push(placeholder(0), "dev");
            params.distinguished_name.push(placeholder(1), "ops");
            params.extended_key_usages = vec![Purpose::ClientAuth];
            until(params, NOW + 10);
        },
        to_organizations,
    )
}

#[test]
fn a_certificate_is_shown_with_whom_kubernetes_would_take_it_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::new("root");
    write(folder.path(), "jane.crt", &jane(&root));
    fs::write(folder.path().join("root.der"), &root.der).unwrap();
    let (status, out, _) = cert(folder.path(), &["inspect", "jane.crt", "root.der"]);
    assert_eq!(status, 0);
    for line in ["user `jane`, groups `dev` `ops`", "client auth", "certificate of an authority"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let (_, out, _) = cert(folder.path(), &["inspect", "jane.crt", "-o", "json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    let item = &shown["items"][0];
    assert_eq!(item["identity"]["groups"], serde_json::json!(["dev", "ops"]));
    assert_eq!(item["notAfter"], "2026-11-26T03:00:10Z");
    assert!(item["credentialId"].as_str().unwrap().starts_with("X509SHA256="));
    fs::write(folder.path().join("junk"), "junk").unwrap();
    let (status, _, told) = cert(folder.path(), &["inspect", "junk"]);
    assert_eq!(status, 2, "{told}");
}

#[test]
fn a_certificate_is_verified_or_refused_with_the_reason_and_what_an_api_server_says() {
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (Authority::new("root"), Authority::new("other"));
    write(folder.path(), "jane.crt", &jane(&root));
    write(folder.path(), "root.crt", &root.der);
    write(folder.path(), "other.crt", &other.der);
    let any = root.issue(|params| {
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![Purpose::Any];
    });
    write(folder.path(), "any.crt", &any);
    let verify = |file: &str, bundle: &str, at: &str| {
        cert(folder.path(), &["verify", file, "--ca-file", bundle, "--at", at])
    };
    let (status, out, _) = verify("jane.crt", "root.crt", "2026-11-26T03:00:00Z");
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with("good: user jane, groups dev, ops\n"), "{out}");
    assert!(out.contains("until: 2026-11-26T03:00:10Z"), "{out}");
    let (status, out, _) = verify("jane.crt", "root.crt", "2026-11-26T03:00:11Z");
    assert_eq!(status, 1);
    assert!(out.contains("failed: x509: certificate has expired"), "{out}");
    assert!(!out.contains("API server"), "{out}");
    let (status, out, _) = verify("jane.crt", "other.crt", "2026-11-26T03:00:00Z");
    assert_eq!(status, 1);
    assert!(out.contains("x509: certificate signed by unknown authority"), "{out}");
    let (status, out, _) = verify("any.crt", "root.crt", "2026-11-26T03:00:00Z");
    assert_eq!(status, 1);
    assert!(out.contains("an API server takes it for user `jane`"), "{out}");
    let (status, _, told) = verify("none.crt", "root.crt", "2026-11-26T03:00:00Z");
    assert_eq!(status, 2, "{told}");
    let (status, _, told) = verify("jane.crt", "none.crt", "2026-11-26T03:00:00Z");
    assert_eq!(status, 2, "{told}");
}

#[test]
fn a_revocation_file_and_lists_of_issuers_count() {
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::new("root");
    let leaf = jane(&root);
    write(folder.path(), "jane.crt", &leaf);
    write(folder.path(), "root.crt", &root.der);
    let fingerprint = portcullis::crypto::certificate::fingerprint(&leaf);
    let header = r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}"#;
    let entry = format!(
        r#"{{"kind":"Certificate","fingerprint":"{fingerprint}","at":"2026-11-26T02:00:00Z","reason":"keyCompromise","by":"ops"}}"#
    );
    let at = ["--at", "2026-11-26T03:00:00Z"];
    let verify = |more: &[&str]| {
        let plain = ["verify", "jane.crt", "--ca-file", "root.crt"];
        cert(folder.path(), &[&plain, &at[..], more].concat())
    };
    fs::write(folder.path().join("list"), format!("{header}\n")).unwrap();
    assert_eq!(verify(&["--revocations", "list"]).0, 0);
    fs::write(folder.path().join("list"), format!("{header}\n{entry}\n")).unwrap();
    let (status, out, _) = verify(&["--revocations", "list"]);
    assert_eq!(status, 1);
    assert!(out.contains("was revoked at 2026-11-26T02:00:00Z"), "{out}");
    fs::write(folder.path().join("other.crl"), super::revocation::empty(&Authority::new("other")))
        .unwrap();
    fs::write(folder.path().join("root.crl"), super::revocation::empty(&root)).unwrap();
    assert_eq!(verify(&["--crl", "other.crl"]).0, 1);
    assert_eq!(verify(&["--crl", "other.crl", "--unknown-status", "allow"]).0, 0);
    assert_eq!(verify(&["--crl", "other.crl", "--crl", "root.crl"]).0, 0);
}
