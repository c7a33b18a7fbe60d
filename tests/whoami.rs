//! `portcullis whoami`: for whom an API server takes the bearer, or why for nobody; and where ours is
//! another answer than the API server's, both.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis::crypto::{SigningAlgorithm, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

// ---- running it ----------------------------------------------------------------------------------

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run_with(folder: &Path, args: &[&str], input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("whoami").args(args).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{ran:?}");
    ran
}

fn run(folder: &Path, args: &[&str]) -> Ran {
    run_with(folder, args, "")
}

/// The answer as JSON, with this exit status.
#[track_caller]
fn answer(folder: &Path, code: i32, args: &[&str]) -> Value {
    let ran = run(folder, &[args, &["-o", "json"]].concat());
    assert_eq!(ran.code, code, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

/// Nobody, by us and by an API server.
#[track_caller]
fn nobody(folder: &Path, args: &[&str], because: &str) {
    let found = answer(folder, 1, args);
    assert_eq!((&found["authenticated"], &found["kubernetes"]), (&json!(false), &Value::Null));
    assert!(found["error"].as_str().unwrap().contains(because), "{because}: {found}");
}

/// Nobody by us, and jane by an API server.
#[track_caller]
fn nobody_but_jane_to_kubernetes(folder: &Path, args: &[&str], because: &str) {
    let found = answer(folder, 1, args);
    assert_eq!(found["authenticated"], false);
    assert!(found["error"].as_str().unwrap().contains(because), "{because}: {found}");
    assert_eq!(found["kubernetes"]["user"]["username"], "jane", "{found}");
}

/// Wrong usage: nothing on standard output.
#[track_caller]
fn refused(folder: &Path, args: &[&str], because: &str) -> String {
    let ran = run(folder, args);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.contains(because), "{because}: {}", ran.err);
    ran.err
}

// ---- certificates --------------------------------------------------------------------------------

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> rcgen::Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if !name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.distinguished_name.push(DnType::OrganizationName, "dev");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2036, 1, 1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap()
    }

    fn crl(&self, serials: &[u8]) -> Vec<u8> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2026, 1, 2),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 2),
            next_update: date_time_ymd(2036, 1, 1),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// A folder with the authority `ca.crt` and the certificate `jane.crt`.
fn certified(change: impl FnOnce(&mut CertificateParams)) -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let ca = Authority::new("users");
    put(&folder, "ca.crt", &ca.pem);
    put(&folder, "jane.crt", ca.issue("jane", change).pem());
    (folder, ca)
}

fn put(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.path().join(name), content).unwrap();
}

const JANE: [&str; 4] = ["--cert", "jane.crt", "--ca-file", "ca.crt"];

#[test]
fn a_certificate_is_its_common_name_with_its_organizations_as_groups() {
    let (folder, _) = certified(|_| {});
    let found = answer(folder.path(), 0, &JANE);
    assert_eq!(found["authenticator"], "x509");
    assert_eq!(found["user"]["username"], "jane");
    assert_eq!(found["user"]["groups"], json!(["dev", "system:authenticated"]));
    let id = &found["user"]["extra"]["authentication.kubernetes.io/credential-id"][0];
    assert!(id.as_str().unwrap().starts_with("X509SHA256="), "{found}");
    // The second after its last.
    assert_eq!(found["expires"], "2036-01-01T00:00:01Z");
    assert_eq!(found["kubernetes"], Value::Null);

    let table = run(folder.path(), &JANE);
    assert_eq!(table.code, 0);
    for line in ["Username", "[dev system:authenticated]", "x509", "2036-01-01T00:00:01Z"] {
        assert!(table.out.contains(line), "{line}: {}", table.out);
    }
    assert!(!table.out.contains("API server"), "{}", table.out);
    assert_eq!(run(folder.path(), &[&JANE[..], &["-o", "name"]].concat()).out, "jane\n");
}

#[test]
fn a_certificate_of_another_authority_is_nobody() {
    let (folder, _) = certified(|_| {});
    put(&folder, "ca.crt", Authority::new("users").pem);
    nobody(folder.path(), &JANE, "failed: x509: certificate signed by unknown authority");
    let table = run(folder.path(), &JANE);
    assert_eq!(table.code, 1);
    assert!(table.out.starts_with("nobody: verifying certificate SN="), "{}", table.out);
}

#[test]
fn a_certificate_counts_in_its_time_only() {
    let (folder, _) = certified(|_| {});
    let at = |time| [&JANE[..], &["--at", time]].concat();
    answer(folder.path(), 0, &at("2036-01-01T00:00:00Z"));
    nobody(folder.path(), &at("2036-01-01T00:00:01Z"), "is after 2036-01-01T00:00:00Z");
    nobody(folder.path(), &at("2025-12-31T23:59:59Z"), "is before 2026-01-01T00:00:00Z");
}

#[test]
fn a_certificate_without_a_name_is_nobody_and_no_error() {
    let (folder, ca) = certified(|_| {});
    put(&folder, "jane.crt", ca.issue("", |_| {}).pem());
    nobody(folder.path(), &JANE, "system:anonymous where that is allowed");
}

#[test]
fn where_we_are_stricter_both_answers_are_given_and_ours_counts() {
    let (folder, ca) = certified(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    });
    let usage = "x509: certificate specifies an incompatible key usage";
    nobody_but_jane_to_kubernetes(folder.path(), &JANE, usage);
    let table = run(folder.path(), &JANE);
    assert_eq!(table.code, 1);
    assert!(table.out.contains("An API server, which does not have this rule"), "{}", table.out);

    let authority = ca.issue("jane", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    put(&folder, "jane.crt", authority.pem());
    // Nobody knows what else an API server would find, so it is only said whom it may take it for.
    let found = answer(folder.path(), 1, &JANE);
    assert!(found["error"].as_str().unwrap().contains("is that of an authority"), "{found}");
    assert_eq!(found["kubernetes"]["authenticated"], false);
    assert_eq!(found["kubernetes"]["mayBe"]["username"], "jane");
    let groups = json!(["dev", "system:authenticated"]);
    assert_eq!(found["kubernetes"]["mayBe"]["groups"], groups);
    let table = run(folder.path(), &JANE).out;
    assert!(table.contains("An API server does not have this rule"), "{table}");

    // The twin: what both refuse is refused once.
    let server = ca.issue("jane", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    put(&folder, "jane.crt", server.pem());
    nobody(folder.path(), &JANE, usage);
}

#[test]
fn a_revoked_certificate_is_nobody_to_us_and_somebody_to_an_api_server() {
    let (folder, ca) = certified(|_| {});
    let id = answer(folder.path(), 0, &JANE)["user"]["extra"]
        ["authentication.kubernetes.io/credential-id"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let fingerprint = id.strip_prefix("X509SHA256=").unwrap();
    let header = r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}"#;
    let entry = json!({
        "kind": "Certificate", "fingerprint": fingerprint, "at": "2026-11-26T08:00:00Z",
        "reason": "keyCompromise", "by": "ops",
    });
    put(&folder, "revoked.ndjson", format!("{header}\n{entry}\n"));
    let args = [&JANE[..], &["--revocations", "revoked.ndjson"]].concat();
    nobody_but_jane_to_kubernetes(folder.path(), &args, "was revoked at 2026-11-26T08:00:00Z");

    put(&folder, "jane.crt", ca.issue("jane", |_| {}).pem());
    answer(folder.path(), 0, &args);
    put(&folder, "revoked.ndjson", "no list");
    refused(folder.path(), &args, "revoked.ndjson");
}

#[test]
fn a_certificate_on_a_revocation_list_is_nobody_and_one_unknown_to_all_lists_too_unless_allowed() {
    let (folder, ca) = certified(|params| {
        params.serial_number = Some(SerialNumber::from_slice(&[7]));
    });
    let with = |more: &[&'static str]| [&JANE[..], &["--crl", "ca.crl"], more].concat();
    put(&folder, "ca.crl", ca.crl(&[7]));
    nobody_but_jane_to_kubernetes(folder.path(), &with(&[]), "was revoked by its issuer");
    put(&folder, "ca.crl", ca.crl(&[8]));
    answer(folder.path(), 0, &with(&[]));
    put(&folder, "ca.crl", Authority::new("others").crl(&[8]));
    nobody_but_jane_to_kubernetes(folder.path(), &with(&[]), "is not known");
    answer(folder.path(), 0, &with(&["--crl-unknown", "allow"]));
    put(&folder, "ca.crl", "no list");
    refused(folder.path(), &with(&[]), "`ca.crl`: ");
}

// ---- tokens --------------------------------------------------------------------------------------

#[test]
fn a_token_of_a_file_is_its_user_and_an_unknown_one_is_nobody() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "tokens.csv", "s3cret,jane,7,\"dev,system:masters\"\n");
    put(&folder, "good", "s3cret\n");
    put(&folder, "bad", "0ther\n");
    let by = |file| ["--token-file", file, "--tokens", "tokens.csv"];
    let found = answer(folder.path(), 0, &by("good"));
    assert_eq!(found["authenticator"], "token-file");
    assert_eq!((&found["user"]["username"], &found["user"]["uid"]), (&json!("jane"), &json!("7")));
    let groups = json!(["dev", "system:masters", "system:authenticated"]);
    assert_eq!(found["user"]["groups"], groups);
    nobody(folder.path(), &by("bad"), "invalid bearer token");

    let piped = ["--token", "-", "--tokens", "tokens.csv", "-o", "name"];
    let ran = run_with(folder.path(), &piped, "s3cret\n");
    assert_eq!((ran.code, ran.out.as_str()), (0, "jane\n"), "{ran:?}");
    assert_eq!(run_with(folder.path(), &piped, "0ther\n").code, 1);
    assert_eq!(run_with(folder.path(), &piped, "\n").code, 2);
}

#[test]
fn a_token_of_portcullis_own_file_is_known_too() {
    let folder = tempfile::tempdir().unwrap();
    let new = ["token", "new", "--user", "jane", "--file", "tokens.ptk"];
    let made = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(new)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success());
    put(&folder, "jane.token", &made.stdout);
    let by = |file| ["--token-file", file, "--tokens", "tokens.ptk"];
    assert_eq!(answer(folder.path(), 0, &by("jane.token"))["user"]["username"], "jane");
    put(&folder, "other.token", "pct_other");
    nobody(folder.path(), &by("other.token"), "invalid bearer token");
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "tokens.csv", "s3cret,jane,7\n");
    for args in [
        ["--token", "s3cret", "--tokens", "tokens.csv"],
        ["--header", "Authorization: Bearer s3cret", "--tokens", "tokens.csv"],
    ] {
        let text = refused(folder.path(), &args, "in the list of processes");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_service_account_s_token_is_its_account_while_it_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    put(&folder, "sa.pem", key.to_pem().expose_secret());
    let claims = json!({
        "iss": "https://issuer.example", "aud": ["https://issuer.example"],
        "iat": 1_795_000_000, "nbf": 1_795_000_000, "exp": 1_800_000_000,
        "sub": "system:serviceaccount:shop:web",
        "kubernetes.io": {
            "namespace": "shop", "serviceaccount": {"name": "web", "uid": "u-1"},
        },
    });
    let Value::Object(claims) = claims else { panic!("no object") };
    put(&folder, "web.token", key.sign(&Map::new(), &claims).unwrap());
    let by = |issuer, time| {
        let trust = ["--service-account-keys", "sa.pem", "--service-account-issuer", issuer];
        [&["--token-file", "web.token", "--at", time][..], &trust].concat()
    };
    let (own, now) = ("https://issuer.example", "2026-11-26T00:00:00Z");
    let found = answer(folder.path(), 0, &by(own, now));
    assert_eq!(found["user"]["username"], "system:serviceaccount:shop:web");
    assert_eq!(found["audiences"], json!(["https://issuer.example"]));
    let ran = run(folder.path(), &by(own, now));
    assert!(ran.err.contains("is not looked at"), "{ran:?}");
    nobody(folder.path(), &by(own, "2028-01-01T00:00:00Z"), "expired");
    nobody(folder.path(), &by("https://other.example", now), "invalid bearer token");
}

#[test]
fn a_good_token_outweighs_a_bad_certificate_and_a_good_certificate_any_token() {
    let (folder, ca) = certified(|_| {});
    put(&folder, "tokens.csv", "s3cret,joe,7\n");
    put(&folder, "joe.token", "s3cret");
    let both = [&JANE[..], &["--token-file", "joe.token", "--tokens", "tokens.csv"]].concat();
    assert_eq!(answer(folder.path(), 0, &both)["user"]["username"], "jane");
    let expired = ca.issue("jane", |params| params.not_after = date_time_ymd(2026, 1, 2));
    put(&folder, "jane.crt", expired.pem());
    assert_eq!(answer(folder.path(), 0, &both)["user"]["username"], "joe");
}

// ---- proxies -------------------------------------------------------------------------------------

/// A folder with the authority `proxies.crt` and the certificate `front.crt`.
fn proxied() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let proxies = Authority::new("proxies");
    put(&folder, "proxies.crt", &proxies.pem);
    put(&folder, "front.crt", proxies.issue("front", |_| {}).pem());
    folder
}

fn through_proxy<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let proxy = ["--proxy-cert", "front.crt", "--requestheader-ca-file", "proxies.crt"];
    [&proxy[..], more].concat()
}

#[test]
fn a_proxy_speaks_for_its_user_and_a_certificate_of_another_name_for_nobody() {
    let folder = proxied();
    let said = [
        "--header",
        "X-Remote-User: jane",
        "--header",
        "x-remote-group: dev",
        "--header",
        "X-Remote-Extra-Acme%2Fproject: x",
    ];
    let by =
        |names| through_proxy(&[&said[..], &["--requestheader-allowed-names", names]].concat());
    let found = answer(folder.path(), 0, &by("front,spare"));
    assert_eq!(found["authenticator"], "request-header");
    assert_eq!(found["user"]["username"], "jane");
    assert_eq!(found["user"]["groups"], json!(["dev", "system:authenticated"]));
    assert_eq!(found["user"]["extra"], json!({"acme/project": ["x"]}));
    nobody(folder.path(), &by("spare"), "x509: subject with cn=front is not in the allowed list");
    assert_eq!(answer(folder.path(), 0, &through_proxy(&said))["user"]["username"], "jane");
    nobody(folder.path(), &through_proxy(&["--header", "X-Other: jane"]), "names anybody");
    let custom = ["--header", "X-Other: jane", "--requestheader-username-headers", "X-Other"];
    assert_eq!(answer(folder.path(), 0, &through_proxy(&custom))["user"]["username"], "jane");
}

#[test]
fn one_authority_for_users_and_proxies_needs_allowed_names() {
    let folder = proxied();
    let said = ["--header", "X-Remote-User: jane", "--ca-file", "proxies.crt"];
    refused(folder.path(), &through_proxy(&said), "contain overlapping certificates");
    let named = [&said[..], &["--requestheader-allowed-names", "front"]].concat();
    assert_eq!(answer(folder.path(), 0, &through_proxy(&named))["user"]["username"], "jane");
    // Without a header the proxy is who its certificate says.
    let silent = ["--ca-file", "proxies.crt", "--requestheader-allowed-names", "front"];
    assert_eq!(answer(folder.path(), 0, &through_proxy(&silent))["user"]["username"], "front");
}

#[test]
fn an_ordinary_user_s_certificate_is_an_error_to_proxies_that_does_no_harm() {
    let folder = proxied();
    let users = Authority::new("users");
    put(&folder, "ca.crt", &users.pem);
    put(&folder, "jane.crt", users.issue("jane", |_| {}).pem());
    let proxies = ["--requestheader-ca-file", "proxies.crt", "--header", "X-Remote-User: root"];
    let both = [&JANE[..], &proxies].concat();
    let found = answer(folder.path(), 0, &both);
    assert_eq!(
        (&found["user"]["username"], &found["authenticator"]),
        (&json!("jane"), &json!("x509"))
    );
    let alone = [&["--cert", "jane.crt"][..], &proxies].concat();
    nobody(folder.path(), &alone, "x509: certificate signed by unknown authority");
}

// ---- kubeconfigs ---------------------------------------------------------------------------------

#[test]
fn a_kubeconfig_s_user_is_who_its_certificate_or_token_says() {
    let (folder, _) = certified(|_| {});
    put(&folder, "tokens.csv", "s3cret,joe,7\n");
    std::fs::create_dir(folder.path().join("conf")).unwrap();
    let text = r#"
apiVersion: v1
kind: Config
users:
- {name: jane, user: {client-certificate: ../jane.crt, client-key: ../jane.key}}
- {name: joe, user: {token: s3cret}}
- {name: exec, user: {exec: {command: login, apiVersion: client.authentication.k8s.io/v1}}}
contexts:
- {name: main, context: {cluster: main, user: jane}}
current-context: main
"#;
    put(&folder, "conf/config", text);
    let trust = ["--ca-file", "ca.crt", "--tokens", "tokens.csv"];
    let by = |more: &[&'static str]| [&["--kubeconfig", "conf/config"][..], &trust, more].concat();
    let name =
        |more: &[&'static str]| answer(folder.path(), 0, &by(more))["user"]["username"].clone();
    assert_eq!(name(&[]), "jane");
    assert_eq!(name(&["--user", "joe"]), "joe");
    refused(folder.path(), &by(&["--user", "exec"]), "neither certificate nor token");
    let text = refused(folder.path(), &by(&["--user", "jim"]), "no user `jim`");
    assert!(!text.contains("s3cret"), "{text}");
}

// ---- usage ---------------------------------------------------------------------------------------

#[test]
fn what_nobody_could_know_is_wrong_usage() {
    let (folder, _) = certified(|_| {});
    put(&folder, "token", "s3cret");
    for (args, because) in [
        (&[][..], "say what is presented"),
        (&["--cert", "jane.crt"], "say who vouches for client certificates"),
        (&["--token-file", "token"], "say who knows tokens"),
        (&["--token-file", "token", "--tokens", "missing.csv"], "missing.csv"),
        (&["--cert", "missing.crt", "--ca-file", "ca.crt"], "missing.crt"),
        (&["--cert", "token", "--ca-file", "ca.crt"], "no `CERTIFICATE` block"),
        (&["--cert", "jane.crt", "--ca-file", "token"], "no `CERTIFICATE` block"),
        (&[&JANE[..], &["--header", "X-Remote-User: x"]].concat(), "--header is nothing without"),
        (&["--cert", "jane.crt", "--proxy-cert", "jane.crt"], "cannot be used with"),
    ] {
        refused(folder.path(), args, because);
    }
}

#[cfg(feature = "webhook")]
#[test]
fn the_tokens_of_a_server_s_configuration_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let policy = std::fs::read("policies/rbac/sample-cluster.yaml").unwrap();
    put(&folder, "rbac.yaml", policy);
    put(&folder, "tls.crt", made.cert.pem());
    put(&folder, "tls.key", made.signing_key.serialize_pem());
    put(&folder, "tokens.csv", "s3cret,jane,7\n");
    put(&folder, "good", "s3cret");
    put(&folder, "bad", "0ther");
    let config = "\
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen: {address: 127.0.0.1:9443, tls: {certificateFile: tls.crt, keyFile: tls.key}}
policy: {paths: [rbac.yaml], defaultRoles: true}
authorizers: [{type: RBAC}]
authenticators: [{tokenFile: {file: tokens.csv}}]
apiAudiences: [api]
";
    put(&folder, "server.yaml", config);
    let by = |file| ["--token-file", file, "--config", "server.yaml"];
    let found = answer(folder.path(), 0, &by("good"));
    assert_eq!(
        (&found["user"]["username"], &found["audiences"]),
        (&json!("jane"), &json!(["api"]))
    );
    nobody(folder.path(), &by("bad"), "invalid bearer token");
    put(&folder, "server.yaml", config.replace("tokens.csv", "missing.csv"));
    refused(folder.path(), &by("good"), "missing.csv");
}
