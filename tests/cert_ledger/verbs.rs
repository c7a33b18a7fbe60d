//! `cert list`, `show`, `record`, `revoke`, `export` and `crl`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use serde_json::Value;

use super::{list, revocations};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

#[track_caller]
fn run(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("cert").args(args).args(["--pki", "."]).current_dir(folder).stdin(Stdio::null());
    let output = command.env("USER", "tester").output().unwrap();
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
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    ran
}

/// It ends with status 2 and leaves the revocation file as it was.
#[track_caller]
fn refused(folder: &Path, args: &[&str], because: &str) {
    let before = fs::read(revocations(folder)).ok();
    let ran = run(folder, args);
    assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
    assert!(ran.err.contains(because), "{because}\n{}", ran.err);
    assert_eq!(fs::read(revocations(folder)).ok(), before);
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

/// An authority in a folder, and certificates of users from it.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(usages: &[KeyUsagePurpose]) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages.to_vec();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, "users");
        let folder = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.crt"), certificate.pem()).unwrap();
        fs::write(folder.path().join("ca.key"), key.serialize_pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `<name>.crt`.
    fn certificate(&self, user: &str, group: &str, serial: &[u8], days: u32) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::OrganizationName, DnValue::Utf8String(group.into()));
        params.distinguished_name.push(DnType::CommonName, DnValue::Utf8String(user.into()));
        params.serial_number = Some(SerialNumber::from(serial.to_vec()));
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
        let today = u32::try_from(today).unwrap();
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + DAY * (today - 1);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + DAY * (today + days);
        let key = KeyPair::generate().unwrap();
        let file =
            format!("{}.crt", serial.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path().join(&file), certificate.pem()).unwrap();
        file
    }
}

const DAY: Duration = Duration::from_secs(86_400);

const SIGNS_ALL: [KeyUsagePurpose; 2] = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

#[test]
fn recorded_certificates_are_listed_by_what_is_asked() {
    let authority = Authority::new(&SIGNS_ALL);
    let folder = authority.path();
    refused(folder, &["list"], "there is no ledger yet");
    let files = [
        authority.certificate("jane", "dev", &[0x0a, 1], 100),
        authority.certificate("joe", "ops", &[0x0a, 2], 10),
        authority.certificate("jane", "ops", &[0x0b, 3], 100),
    ];
    let args: Vec<&str> =
        ["record"].into_iter().chain(files.iter().map(String::as_str)).chain(["ca.crt"]).collect();
    let ran = done(folder, &args);
    assert_eq!(ran.out.lines().filter(|line| line.ends_with(" new")).count(), 3);
    assert!(ran.err.contains("passed over the authority"), "{}", ran.err);
    assert!(done(folder, &args).out.lines().all(|line| line.ends_with(" known")));

    let ran = done(folder, &["list"]);
    assert!(ran.out.starts_with("USER   GROUPS   SERIAL"), "{}", ran.out);
    assert!(
        ran.err.contains("the certificate of `joe` with serial number 0a02 ends in"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("jane"), "{}", ran.err);
    let serials = |args: &[&str]| -> Vec<String> {
        let found = json(&done(folder, &[&["list", "-o", "json"], args].concat()));
        let rows = found["certificates"].as_array().unwrap().iter();
        let mut serials: Vec<String> =
            rows.map(|row| row["serial"].as_str().unwrap().to_owned()).collect();
        serials.sort();
        serials
    };
    assert_eq!(serials(&[]), ["0a01", "0a02", "0b03"]);
    assert_eq!(serials(&["--user", "jane"]), ["0a01", "0b03"]);
    assert_eq!(serials(&["--group", "ops"]), ["0a02", "0b03"]);
    assert_eq!(serials(&["--user", "jane", "--group", "ops"]), ["0b03"]);
    assert_eq!(serials(&["--expiring", "30"]), ["0a02"]);
    assert_eq!(serials(&["--expiring", "5"]), [""; 0]);
    assert_eq!(serials(&["--revoked"]), [""; 0]);
    done(folder, &["revoke", "--serial", "0a01"]);
    assert_eq!(serials(&[]), ["0a02", "0b03"]);
    assert_eq!(serials(&["--revoked"]), ["0a01"]);
    assert_eq!(serials(&["--user", "jane"]), ["0b03"]);
    assert_eq!(serials(&["--all"]), ["0a01", "0a02", "0b03"]);
    let lines = done(folder, &["export"]).out;
    assert_eq!(lines.lines().count(), 3);
    let whole = json(&done(folder, &["export", "-o", "json"]));
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(whole["certificates"][0], first);
}

#[test]
fn certificates_in_signing_requests_are_recorded_with_who_asked() {
    let authority = Authority::new(&SIGNS_ALL);
    let folder = authority.path();
    let file = authority.certificate("jane", "dev", &[0x0a, 1], 100);
    let pem = fs::read(folder.join(file)).unwrap();
    let pem = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem);
    let request = |name: &str, status: &str| {
        format!(
            "- apiVersion: certificates.k8s.io/v1
  kind: CertificateSigningRequest
  metadata: {{name: {name}}}
  spec:
    request: LS0tLQ==
    signerName: kubernetes.io/kube-apiserver-client
    username: ci
    groups: [builders]
    usages: [client auth]
  status: {{{status}}}
"
        )
    };
    let signed = request("jane-laptop", &format!("certificate: {pem}"));
    let text = format!("apiVersion: v1\nkind: List\nitems:\n{signed}{}", request("pending", ""));
    fs::write(folder.join("csr.yaml"), text).unwrap();
    let ran = done(folder, &["record", "csr.yaml"]);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    let shown = json(&done(folder, &["show", "0a01", "-o", "json"]));
    assert_eq!(shown["requester"], serde_json::json!({"name": "ci", "groups": ["builders"]}));
    assert_eq!(shown["signer"], "kubernetes.io/kube-apiserver-client");
    assert_eq!(
        (&shown["requestName"], &shown["source"]),
        (&"jane-laptop".into(), &"imported".into())
    );
    fs::write(folder.join("pod.yaml"), "apiVersion: v1\nkind: Pod\n").unwrap();
    refused(folder, &["record", "pod.yaml"], "nothing was recorded");
    refused(folder, &["record", "absent.crt"], "cannot be read");
}

#[test]
fn one_certificate_is_shown_by_the_beginning_of_its_name() {
    let authority = Authority::new(&SIGNS_ALL);
    let folder = authority.path();
    let files = [
        authority.certificate("jane", "dev", &[0x0a, 1], 100),
        authority.certificate("joe\u{1b}[2J", "dev", &[0x0a, 1, 7], 100),
    ];
    done(folder, &["record", &files[0], &files[1]]);
    refused(folder, &["show", "0a"], "is the beginning of several");
    refused(folder, &["show", "ffff0000"], "begins with");
    refused(folder, &["show", "xyz"], "hexadecimal digits");
    // A whole number is meant, though another goes on from it.
    let shown = done(folder, &["show", "0A:01"]).out;
    assert!(
        shown.contains("user         jane\n") && shown.contains("groups       dev\n"),
        "{shown}"
    );
    assert!(done(folder, &["show", "0a0107"]).out.contains(r"joe\u{1b}[2J"));
    let pem = done(folder, &["show", "0a01", "--pem"]).out;
    assert_eq!(pem, fs::read_to_string(folder.join(&files[0])).unwrap().replace("\r\n", "\n"));
    let fingerprint = done(folder, &["show", "0a01", "-o", "name"]).out;
    let id = format!("X509SHA256={}", fingerprint.trim());
    assert_eq!(json(&done(folder, &["show", &id, "-o", "json"]))["user"], "jane");
}

#[test]
fn revoking_shows_what_is_hit_says_what_was_hit_before_and_spares_what_comes_later() {
    let authority = Authority::new(&SIGNS_ALL);
    let folder = authority.path();
    let file = authority.certificate("jane", "dev", &[0x0a, 1], 100);
    done(folder, &["record", &file]);
    let dry = done(folder, &["revoke", "--user", "jane", "--dry-run"]);
    assert!(dry.out.contains("0a01") && dry.err.contains("nothing was changed"));
    assert!(list(folder).is_empty());
    let ran = done(folder, &["revoke", "--user", "jane", "--reason", "KEYCOMPROMISE"]);
    assert!(ran.out.contains("0a01") && ran.out.contains("revoked"), "{}", ran.out);
    let shown = json(&done(folder, &["show", "0a01", "-o", "json"]));
    assert_eq!(
        (&shown["state"], &shown["revoked"]["reason"]),
        (&"revoked".into(), &"keyCompromise".into())
    );
    assert_eq!(shown["revoked"]["by"], "tester");
    let again = done(folder, &["revoke", "--cert", &file]);
    assert!(again.out.is_empty() && again.err.contains("was revoked already"), "{}", again.err);
    // One that nobody recorded, of a user whose certificates were revoked: recorded as revoked.
    let late = authority.certificate("jane", "dev", &[0x0a, 2], 100);
    let ran = done(folder, &["record", &late]);
    assert!(ran.err.contains("had been revoked before"), "{}", ran.err);
    assert_eq!(json(&done(folder, &["show", "0a02", "-o", "json"]))["state"], "revoked");
}

#[test]
fn what_cannot_be_meant_is_refused_and_nothing_is_revoked() {
    let authority = Authority::new(&SIGNS_ALL);
    let folder = authority.path();
    let file = authority.certificate("system:node:a", "system:nodes", &[0x0a, 1], 100);
    done(folder, &["record", &file]);
    refused(folder, &["revoke"], "required");
    refused(folder, &["revoke", "--user", ""], "has a name");
    refused(folder, &["revoke", "--user", "a", "--group", "b"], "cannot be used with");
    refused(folder, &["revoke", "--serial", "0b"], "name its issuer with --issuer");
    refused(
        folder,
        &["revoke", "--serial", "0b", "--issuer", &file],
        "not the certificate of an authority",
    );
    refused(folder, &["revoke", "--fingerprint", "0b"], "64 hexadecimal digits");
    refused(folder, &["revoke", "--group", "system:nodes"], "may be locked out");
    refused(
        folder,
        &["revoke", "--user", "a", "--issued-before", "2999-01-01T00:00:00Z"],
        "name a time that is over",
    );
    refused(folder, &["revoke", "--user", "a", "--issued-before", "yesterday"], "invalid value");
    refused(folder, &["revoke", "--user", "a", "--reason", "two\nlines"], "one line");
    assert!(list(folder).is_empty());
    let ran = done(folder, &["revoke", "--serial", "0b", "--issuer", "ca.crt"]);
    assert!(ran.err.contains("an authorizer is told no numbers"), "{}", ran.err);
    done(folder, &["revoke", "--group", "system:nodes", "--yes"]);
    assert_eq!(list(folder).len(), 2);
}

fn openssl(folder: &Path, args: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("openssl").args(args).current_dir(folder).output() else {
        println!("openssl is not installed; what needs it is not tested");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_crl_names_what_was_revoked_and_openssl_believes_it() {
    let authority = Authority::new(&SIGNS_ALL);
    let folder = authority.path();
    let bad = authority.certificate("jane", "dev", &[0x0a, 1], 100);
    let good = authority.certificate("joe", "ops", &[0x0a, 2], 100);
    done(folder, &["record", &bad, &good]);
    done(folder, &["revoke", "--group", "dev", "--reason", "privilegeWithdrawn"]);
    done(folder, &["revoke", "--serial", "7f01", "--issuer", "ca.crt"]);
    let ran = done(folder, &["crl", "--out", "users.crl", "--days", "3"]);
    assert!(ran.err.contains("CRL number 1 with 2 certificates"), "{}", ran.err);
    assert!(ran.err.contains("nobody recorded are not in it"), "{}", ran.err);
    let ran = done(folder, &["crl", "--out", "users.crl"]);
    assert!(ran.err.contains("CRL number 2"), "{}", ran.err);
    let args = ["crl", "-in", "users.crl", "-CAfile", "ca.crt", "-noout", "-text"];
    let Some(text) = openssl(folder, &args) else { return };
    for part in ["verify OK", "Serial Number: 0A01", "Serial Number: 7F01", "Privilege Withdrawn"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("0A02"), "{text}");
    let verify = |file: &str| {
        let args = ["verify", "-CAfile", "ca.crt", "-CRLfile", "users.crl", "-crl_check", file];
        openssl(folder, &args).unwrap()
    };
    assert!(verify(&bad).contains("certificate revoked"));
    assert!(verify(&good).contains(": OK"), "{}", verify(&good));
}

#[test]
fn a_crl_is_refused_when_the_authority_may_not_sign_one() {
    let authority = Authority::new(&[KeyUsagePurpose::KeyCertSign]);
    let folder = authority.path();
    let file = authority.certificate("jane", "dev", &[0x0a, 1], 100);
    done(folder, &["record", &file]);
    refused(folder, &["crl", "--out", "users.crl"], "CRL");
    assert!(!folder.join("users.crl").exists());
}
