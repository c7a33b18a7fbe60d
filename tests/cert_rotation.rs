//! An authority is replaced while its users work, as an operator does it: with openssl, kubectl, the
//! commands, and the authenticator of an API server as witnesses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::X509Authenticator;
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::path::TrustAnchors;
use portcullis::crypto::private_key::PrivateKey;
use serde_json::Value;

const BUNDLE: &str = "pki/bundle.crt";

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// An authority with Jane, who has files, and Joe, who has a kubeconfig. `None` without openssl.
    fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            println!("skipped: openssl is not installed");
            return None;
        }
        let site = Self { folder: tempfile::tempdir().unwrap() };
        site.done(&["ca", "init"]);
        site.done(&["issue", "--user", "jane", "--group", "dev", "--out-dir", "."]);
        site.done(&[
            "issue",
            "--user",
            "joe",
            "--group",
            "dev",
            "--out-dir",
            ".",
            "--kubeconfig",
            "config",
            "--server",
            "https://api.example:6443",
        ]);
        Some(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("cert").args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), said.concat())
    }

    #[track_caller]
    fn ends(&self, args: &[&str], code: i32) -> String {
        let (ended, said) = self.run(args);
        assert_eq!(ended, Some(code), "{args:?}\n{said}");
        said
    }

    #[track_caller]
    fn done(&self, args: &[&str]) {
        self.ends(args, 0);
    }

    /// What three witnesses say of a certificate; they agree.
    #[track_caller]
    fn is_good(&self, certificate: &str, bundle: &str) -> bool {
        let mut command = Command::new("openssl");
        command.args(["verify", "-purpose", "sslclient", "-CAfile", bundle, certificate]);
        let openssl = command.current_dir(self.folder.path()).output().unwrap().status.success();

        let (code, said) = self.run(&["verify", certificate, "--ca-file", bundle]);
        assert_eq!(code, Some(if openssl { 0 } else { 1 }), "{said}");

        let anchors = TrustAnchors::from_pem(&self.bytes(bundle)).unwrap();
        let leaf = chain_from_pem(&self.bytes(certificate)).unwrap().remove(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let presented = ClientCertificates {
            leaf: &leaf,
            intermediates: &[],
            now: i64::try_from(now).unwrap(),
        };
        let answer = X509Authenticator::new(anchors).authenticate(&presented);
        assert_eq!(answer.is_ok(), openssl, "{certificate} by {bundle}");
        if let Ok(Some(proof)) = &answer {
            assert_eq!(proof.user.groups.iter().filter(|group| *group == "dev").count(), 1);
        }
        openssl
    }

    fn issuer(&self, certificate: &str) -> String {
        let leaf = chain_from_pem(&self.bytes(certificate)).unwrap().remove(0);
        Certificate::from_der(&leaf).unwrap().issuer()
    }

    /// Joe's certificate as kubectl reads it, in a file; it and the key belong together.
    fn of_kubeconfig(&self, into: &str) -> bool {
        let mut command = Command::new("kubectl");
        command.args([
            "config",
            "view",
            "--raw",
            "--minify",
            "-o",
            "json",
            "--kubeconfig",
            "config",
        ]);
        let Ok(output) = command.current_dir(self.folder.path()).output() else {
            println!("skipped: kubectl is not installed");
            return false;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let config: Value = serde_json::from_slice(&output.stdout).unwrap();
        let user = &config["users"][0];
        assert_eq!(user["name"], "joe");
        let [certificate, key] = ["client-certificate-data", "client-key-data"]
            .map(|field| BASE64_STANDARD.decode(user["user"][field].as_str().unwrap()).unwrap());
        assert!(belong_together(&certificate, &key));
        fs::write(self.path(into), certificate).unwrap();
        true
    }
}

fn belong_together(certificate: &[u8], key: &[u8]) -> bool {
    let leaf = chain_from_pem(certificate).unwrap().remove(0);
    let key = PrivateKey::from_pem(key, None).unwrap();
    Certificate::from_der(&leaf).unwrap().has_key(key.public_key_info())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const RENEW_JANE: [&str; 7] =
    ["renew", "--cert", "jane.crt", "--key", "jane.key", "--if-within", "9999"];

#[test]
fn old_and_new_authority_are_trusted_side_by_side_until_the_old_one_retires() {
    let Some(site) = Site::new() else { return };
    fs::copy(site.path(BUNDLE), site.path("first.crt")).unwrap();
    fs::copy(site.path("jane.crt"), site.path("old-jane.crt")).unwrap();
    assert!(site.is_good("old-jane.crt", BUNDLE));

    site.done(&["ca", "next"]);
    // The next one does not sign by itself yet, but who trusts the bundle trusts it already.
    let next = ["--ca-cert", "pki/next.crt", "--ca-key", "pki/next.key"];
    let early = ["issue", "--user", "early", "--group", "dev", "--out-dir", "."];
    site.done(&[&early[..], &next].concat());
    for certificate in ["old-jane.crt", "early.crt"] {
        assert!(site.is_good(certificate, BUNDLE), "{certificate}");
    }
    assert!(site.is_good("early.crt", "pki/next.crt"));
    assert!(!site.is_good("early.crt", "first.crt"), "of nobody whom this bundle names");
    assert!(!site.is_good("old-jane.crt", "pki/next.crt"), "of nobody whom this bundle names");
    site.done(&["issue", "--user", "late", "--group", "dev", "--out-dir", "."]);
    assert_eq!(site.issuer("late.crt"), "CN=portcullis-users", "the old one goes on signing");

    site.done(&["ca", "activate"]);
    site.done(&RENEW_JANE);
    assert_eq!(site.issuer("jane.crt"), "CN=portcullis-users 2");
    assert!(belong_together(&site.bytes("jane.crt"), &site.bytes("jane.key")));
    for certificate in ["old-jane.crt", "late.crt", "joe.crt", "jane.crt", "early.crt"] {
        assert!(site.is_good(certificate, BUNDLE), "{certificate}");
    }

    let bundle = site.bytes(BUNDLE);
    let refused = |count: &str| {
        let said = site.ends(&["ca", "retire"], 1);
        assert!(said.contains(&format!("{count} of the old authority")), "{said}");
        assert_eq!(site.bytes(BUNDLE), bundle);
        assert!(site.path("pki/retiring.key").exists());
    };
    // The old ones of Jane, Joe and Late.
    refused("3 certificates");
    let joe = ["renew", "--kubeconfig", "config", "--user", "joe", "--if-within", "9999"];
    site.done(&[&joe[..], &["--revoke-old"]].concat());
    refused("2 certificates");
    let late = ["renew", "--cert", "late.crt", "--key", "late.key", "--if-within", "9999"];
    site.done(&[&late[..], &["--revoke-old", "--keep-key"]].concat());
    refused("1 certificate");
    site.done(&["revoke", "--cert", "old-jane.crt", "--reason", "superseded"]);

    site.done(&["ca", "retire"]);
    assert_eq!(
        names(&site.path("pki")),
        ["bundle.crt", "ca.crt", "ca.key", "ledger.redb", "revocations.ndjson"]
    );
    assert_eq!(chain_from_pem(&site.bytes(BUNDLE)).unwrap().len(), 1);
    for certificate in ["jane.crt", "late.crt", "early.crt"] {
        assert!(site.is_good(certificate, BUNDLE), "{certificate}");
        // What is in place is not what was revoked.
        let revocations = ["--revocations", "pki/revocations.ndjson"];
        site.done(&[&["verify", certificate, "--ca-file", BUNDLE][..], &revocations].concat());
    }
    for certificate in ["old-jane.crt", "joe.crt"] {
        assert!(!site.is_good(certificate, BUNDLE), "{certificate}");
    }
    if site.of_kubeconfig("new-joe.crt") {
        assert_eq!(site.issuer("new-joe.crt"), "CN=portcullis-users 2");
        assert!(site.is_good("new-joe.crt", BUNDLE));
    }
    // API servers that have not read the bundle yet refuse the old ones all the same.
    let late_server = ["--ca-file", "first.crt", "--revocations", "pki/revocations.ndjson"];
    for certificate in ["old-jane.crt", "joe.crt"] {
        let said = site.ends(&[&["verify", certificate][..], &late_server].concat(), 1);
        assert!(said.contains("revoked"), "{said}");
    }
}

#[test]
fn an_authority_retired_by_force_locks_out_whoever_was_not_renewed() {
    let Some(site) = Site::new() else { return };
    fs::copy(site.path(BUNDLE), site.path("first.crt")).unwrap();
    site.done(&["ca", "next"]);
    site.ends(&["ca", "retire"], 2);
    site.done(&["ca", "activate"]);
    site.done(&RENEW_JANE);
    site.ends(&["ca", "retire"], 1);
    assert!(site.is_good("joe.crt", BUNDLE));

    let said = site.ends(&["ca", "retire", "--force"], 0);
    assert!(said.contains("2 certificates"), "{said}");
    assert!(!site.is_good("joe.crt", BUNDLE));
    assert!(site.is_good("joe.crt", "first.crt"), "it was the bundle, not the certificate");
    assert!(site.is_good("jane.crt", BUNDLE));
    // Whoever was locked out is renewed, as the ledger knows them.
    site.done(&["renew", "--cert", "joe.crt", "--key", "joe.key", "--if-within", "9999"]);
    assert!(site.is_good("joe.crt", BUNDLE));
    // And the next rotation begins where this one ended.
    site.done(&["ca", "next"]);
    site.done(&["ca", "activate"]);
    site.done(&RENEW_JANE);
    assert_eq!(site.issuer("jane.crt"), "CN=portcullis-users 3");
    assert!(site.is_good("jane.crt", BUNDLE) && site.is_good("joe.crt", BUNDLE));
}
