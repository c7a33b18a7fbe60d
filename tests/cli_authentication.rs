//! `check --authentication-config`, and the flags in its place: what is said, with which exit code.

use std::path::Path;
use std::process::{Command, Stdio};

#[cfg(feature = "oidc")]
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/authn");
#[cfg(feature = "oidc")]
const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/bad-authn");

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn check(args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.arg("check").args(args).stdin(Stdio::null()).output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{ran:?}");
    ran
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[cfg(feature = "oidc")]
#[test]
fn a_good_file_is_accepted_and_told_in_short() {
    let ran = check(&["--authentication-config", &format!("{SAMPLES}/keycloak.yaml")]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    let told = "JWTs of `https://login.example.com/realms/staff`; anonymous requests for 2 paths; 0 errors";
    assert!(ran.err.contains(told), "{ran:?}");
}

#[cfg(feature = "oidc")]
#[test]
fn a_bad_file_is_refused_with_every_line() {
    let file = format!("{BAD}/many.yaml");
    let ran = check(&["--authentication-config", &file]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.out.lines().count(), 11, "{ran:?}");
    let first =
        format!("{file}:9: error[authentication-config]: jwt[0].issuer.url: Required value");
    assert_eq!(ran.out.lines().next(), Some(first.as_str()));
    assert!(ran.err.contains("it would say: invalid authentication configuration: [jwt[0]."));
    let json = check(&["--authentication-config", &file, "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["findings"][10]["origin"]["line"], 4);
}

#[cfg(feature = "oidc")]
#[test]
fn what_grants_more_than_it_seems_to_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(format!("{SAMPLES}/minimal.yaml")).unwrap();
    let bare = write(folder.path(), "bare.yaml", &text.replace("'issuer.example.com:'", "''"));
    let ran = check(&["--authentication-config", &bare]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("bare.yaml:10: warning[issuer-names-anybody]: `https://"), "{ran:?}");
    assert_eq!(check(&["--authentication-config", &bare, "--fail-on", "warning"]).code, 1);
    let prefixed = format!("{SAMPLES}/minimal.yaml");
    assert_eq!(check(&["--authentication-config", &prefixed, "--fail-on", "advice"]).code, 0);
}

#[cfg(feature = "oidc")]
#[test]
fn a_file_that_is_not_there_is_wrong_usage() {
    let ran = check(&["--authentication-config", "/nonexistent/authn.yaml"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let file = format!("{SAMPLES}/minimal.yaml");
    let ran = check(&["--authentication-config", &file, "-f", SAMPLES]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[cfg(feature = "oidc")]
#[test]
fn flags_are_looked_at_with_the_chain_and_with_the_file_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let flags =
        |text: &str| write(folder.path(), "flags", &format!("--authorization-mode=RBAC\n{text}\n"));
    let good = "--oidc-issuer-url=https://a.example\n--oidc-client-id=k";
    let ran = check(&["--apiserver-flags", &flags(good)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("JWTs of `https://a.example`"), "{ran:?}");
    let ran = check(&["--apiserver-flags", &flags(&good.replace("https", "http"))]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("flags:2: error[authentication-config]: "), "{ran:?}");
    assert!(ran.out.contains("URL scheme must be https"), "{ran:?}");
    // The chain is told besides.
    let ran = check(&["--apiserver-flags", &flags("--oidc-client-id=k\n--authorization-mode=X")]);
    assert!(ran.out.contains("flags: error[authentication-config]: "), "{ran:?}");
    assert!(ran.out.contains("flags:1: error[authorization-config]: "), "{ran:?}");
    let ran = check(&["--apiserver-flags", &flags("--authentication-config=/etc/authn.yaml")]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("stands in `/etc/authn.yaml`"), "{ran:?}");

    let file = format!("{SAMPLES}/keycloak.yaml");
    let beside =
        |text: &str| check(&["--authentication-config", &file, "--apiserver-flags", &flags(text)]);
    assert_eq!(beside("--authentication-config=authn.yaml").code, 0);
    let ran = beside("--anonymous-auth=false");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("keycloak.yaml:42: "), "{ran:?}");
    assert!(ran.out.contains("--anonymous-auth flag cannot be set"), "{ran:?}");
    let ran = beside("--service-account-issuer=https://login.example.com/realms/staff");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("URL must not overlap with disallowed issuers"), "{ran:?}");
}

#[cfg(not(feature = "oidc"))]
#[test]
fn a_build_that_cannot_read_it_says_what_to_build() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "authn.yaml", "");
    let ran = check(&["--authentication-config", &file]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("`--features cli,oidc`"), "{ran:?}");
    let flags = write(folder.path(), "flags", "--authorization-mode=RBAC --oidc-client-id=k");
    let ran = check(&["--apiserver-flags", &flags]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("not looked at by this build"), "{ran:?}");
    let flags = write(folder.path(), "flags", "--authorization-mode=RBAC");
    let ran = check(&["--apiserver-flags", &flags]);
    assert!(ran.code == 0 && !ran.err.contains("this build"), "{ran:?}");
}
