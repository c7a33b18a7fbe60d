//! Logging in at the binary: by a password, a certificate; for a token, a certificate; and renewing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::crypto::authority::{
    Authority as CertificateAuthority, AuthorityOptions, CertificateUsages, Leaf, SerialNumber,
};
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use serde_json::{Value, json};

use super::kit::*;

/// The configuration of a door, with these methods.
fn door(methods: &str) -> String {
    format!(
        "
apiAudiences: [https://api.example.org]
tokenCache: {{success: 0s}}
revocation: {{file: revoked.ndjson}}
login:
  address: 127.0.0.1:0
  tls: {{certificateFile: tls.crt, keyFile: tls.key}}
  methods:
{methods}
  token:
    issuer: https://login.example.org
    audiences: [https://api.example.org]
    keyFile: token.key
    lifetime: 10m
  certificate:
    caCertificateFile: users-ca.crt
    caKeyFile: users-ca.key
    ledgerFile: users.ledger
    revocationsFile: revoked.ndjson
    lifetime: 10m
  session: 1h
  guesses: {{perUser: 3, perSource: 100}}
"
    )
}

pub(super) const PASSWORDS: &str = "  - passwordFile: {file: users.htpasswd}";

/// A home whose server lets people in.
pub(super) struct Door {
    pub(super) home: Home,
}

impl Door {
    pub(super) fn new(methods: &str) -> Self {
        Self::with(methods, "")
    }

    /// The same with `more` in the configuration.
    pub(super) fn with(methods: &str, more: &str) -> Self {
        let home = Home::new("");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        home.write("token.key", key.to_pem().expose_secret());
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        home.write("users-ca.key", key.to_pem().expose_secret());
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let options = AuthorityOptions {
            common_name: "users".to_owned(),
            organizations: Vec::new(),
            not_before: now - 3_600,
            not_after: now + 86_400,
            path_length: Some(0),
        };
        let users = CertificateAuthority::self_signed(key, &options).unwrap();
        home.write("users-ca.crt", &users.certificate_pem());
        let header = r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}"#;
        home.write("revoked.ndjson", &format!("{header}\n"));
        home.configure(&format!("{}{more}", door(methods)));
        Self { home }
    }

    pub(super) fn with_user(self, name: &str, password: &str, groups: &[&str]) -> Self {
        self.passwd(name, password, groups);
        self
    }

    pub(super) fn passwd(&self, name: &str, password: &str, groups: &[&str]) {
        use std::io::Write as _;
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("passwd").arg(self.home.path("users.htpasswd")).arg(name).arg("--stdin");
        for group in groups {
            command.args(["--group", group]);
        }
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(super) fn start(&self) -> OpenDoor {
        Self::open(self.home.start())
    }

    pub(super) fn open(running: Running) -> OpenDoor {
        let address = running.process.until("where people log in", || {
            let said = running.process.stderr();
            let mut lines = said.lines().filter_map(|line| serde_json::from_str(line).ok());
            let line: Value = lines.find(|line: &Value| line["message"] == "serving")?;
            line["logins"].as_str()?.parse().ok()
        });
        OpenDoor { running, address }
    }
}

pub(super) struct OpenDoor {
    pub(super) running: Running,
    pub(super) address: SocketAddr,
}

/// What curl saw.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) headers: String,
    pub(super) body: Value,
    /// What it said on standard error.
    pub(super) said: String,
}

impl Seen {
    /// The headers in lower case.
    pub(super) fn lower(&self) -> String {
        self.headers.to_ascii_lowercase()
    }

    #[track_caller]
    pub(super) fn token(&self) -> &str {
        self.body["status"]["token"].as_str().unwrap_or_else(|| panic!("{}", self.body))
    }

    pub(super) fn groups(&self) -> &Value {
        &self.body["status"]["user"]["groups"]
    }
}

impl OpenDoor {
    /// Asks as people do: with curl.
    pub(super) fn curl(&self, path: &str, args: &[&str]) -> Seen {
        self.curl_by(Command::new("curl"), "localhost", path, args)
    }

    /// The same in a surrounding of its own, at another name of the host.
    pub(super) fn curl_by(&self, mut curl: Command, host: &str, path: &str, args: &[&str]) -> Seen {
        let port = self.address.port();
        let output = curl
            .args(["--silent", "--show-error", "--include", "--http1.1", "--max-time", "20"])
            .args(["--cacert".into(), self.running.home.path("ca.crt")])
            .args(["--resolve".to_owned(), format!("{host}:{port}:127.0.0.1")])
            .args(args)
            .arg(format!("https://{host}:{port}{path}"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // With `--negotiate` there is an answer before the answer.
        let last = text.rfind("HTTP/1.1 ").unwrap_or_else(|| {
            panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
        });
        let (headers, body) = text.get(last..).unwrap().split_once("\r\n\r\n").unwrap();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Seen { status, headers: headers.to_owned(), body, said }
    }

    /// Whose token the API server would be told it is.
    pub(super) async fn review(&self, token: &str) -> Value {
        let mut client = self.running.client(Protocol::Http1).await;
        client.whose(token, &[]).await
    }
}

/// A login for a certificate, and the file of its key.
pub(super) fn certificate_wish(home: &Home, asked: &str) -> (String, PathBuf) {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject {
        common_name: asked.to_owned(),
        organizations: vec!["system:masters".to_owned()],
        uid: None,
    };
    let request = SigningRequest::create(&key, &subject).unwrap();
    home.write(&format!("{asked}.key"), key.to_pem().expose_secret());
    let wish = json!({
        "apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginRequest",
        "spec": {"credential": "Certificate", "request": STANDARD.encode(request.pem())},
    });
    (wish.to_string(), home.path(&format!("{asked}.key")))
}

pub(super) fn decoded(body: &Value, field: &str) -> String {
    String::from_utf8(STANDARD.decode(body["status"][field].as_str().unwrap()).unwrap()).unwrap()
}

pub(super) const BEARER: &str = "Authorization: Bearer ";

#[tokio::test]
async fn a_password_is_worth_a_token_that_the_api_server_is_told_whose_it_is() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &["dev", "ops"]).start();
    let seen = door.curl("/login", &["-u", "jane:correct horse", "-X", "POST"]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    assert!(seen.lower().contains("cache-control: no-store"), "{}", seen.headers);
    assert_eq!(seen.body["status"]["user"]["groups"], json!(["dev", "ops"]));
    let token = seen.body["status"]["token"].as_str().unwrap();
    let status = door.review(token).await;
    assert_eq!(status["authenticated"], true, "{status}");
    assert_eq!(status["user"]["username"], "jane");
    assert_eq!(status["user"]["groups"], json!(["dev", "ops", "system:authenticated"]));
    // One letter off is nobody's.
    let forged = format!("{}x", token.get(..token.len() - 1).unwrap());
    assert_ne!(door.review(&forged).await["authenticated"], true);
    assert!(
        door.running
            .metric("portcullis_logins_total{proof=\"password\",outcome=\"success\"}")
            .await
            == 1
    );
}

#[tokio::test]
async fn every_refusal_looks_the_same_and_tells_the_log_why() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &[]).start();
    let wrong = door.curl("/login", &["-u", "jane:battery staple", "-X", "POST"]);
    let unknown = door.curl("/login", &["-u", "nobody:battery staple", "-X", "POST"]);
    let empty = door.curl("/login", &["-u", "jane:", "-X", "POST"]);
    let nothing = door.curl("/login", &["-X", "POST"]);
    let token = door.curl("/login", &["-H", "Authorization: Bearer a.b.c", "-X", "POST"]);
    for seen in [&wrong, &unknown, &empty, &nothing, &token] {
        assert_eq!(seen.status, 401);
        assert_eq!(seen.body, wrong.body);
        assert_eq!(seen.body["message"], "Unauthorized");
        assert!(seen.lower().contains("www-authenticate: basic realm=\"portcullis\""));
        assert!(!seen.lower().contains("negotiate"));
    }
    let said = door.running.process.stderr();
    assert!(said.contains("\"outcome\":\"unauthorized\""), "{said}");
    for secret in ["battery staple", "correct horse", "a.b.c"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn whoever_guesses_has_to_wait_and_is_told_how_long() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &[]).start();
    let mut seen = Vec::new();
    for guess in 0..8 {
        let user = format!("jane:guess {guess}");
        seen.push(door.curl("/login", &["-u", &user, "-X", "POST"]));
    }
    assert_eq!(seen[0].status, 401);
    // On a slow machine the first waits, which are short, are over before the next guess.
    let late = seen.iter().find(|seen| seen.status == 429);
    let last = late.unwrap_or_else(|| panic!("{}", seen.last().unwrap().body));
    assert!(last.lower().contains("retry-after: "), "{}", last.headers);
}

#[tokio::test]
async fn a_certificate_names_who_logged_in_and_not_what_the_request_asks_for() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &["dev"]).start();
    let (wish, key) = certificate_wish(&door.running.home, "admin");
    let seen = door.curl("/login", &["-u", "jane:correct horse", "-d", &wish]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    let pem = decoded(&seen.body, "certificate");
    door.running.home.write("client.crt", &pem);
    let certificate = door.running.home.path("client.crt");
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-subject", "-ext", "extendedKeyUsage,subjectAltName", "-in"])
        .arg(&certificate)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("O = dev, CN = jane"), "{text}");
    assert!(!text.contains("admin") && !text.contains("masters"), "{text}");
    assert!(text.contains("TLS Web Client Authentication"), "{text}");

    // It is renewed for another key, and the groups are those of now.
    door.running.home.write("users.htpasswd", "");
    let gone = Door { home: door.running.home.clone() };
    gone.passwd("jane", "correct horse", &["night"]);
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let shown = ["--cert", &certificate, "--key", &key];
    door.running.process.signal("HUP");
    let renamed = |text: &str| !text.contains("portcullis_policy_generation 1\n");
    door.running.until("reload", "/metrics", renamed).await;
    let (wish, _) = certificate_wish(&door.running.home, "root");
    let args = [&shown[..], &["-d", &wish]].concat();
    let seen = door.curl("/login/refresh", &args);
    assert_eq!(seen.status, 200, "{}\n{}", seen.body, door.running.process.stderr());
    assert_eq!(seen.body["status"]["user"]["groups"], json!(["night"]));
    // A certificate of the API server's own authority is none of a login.
    let home = &door.running.home;
    home.write("other.crt", &home.client.certificate);
    home.write("other.key", &home.client.key);
    let (certificate, key) = (home.path("other.crt"), home.path("other.key"));
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "20", "-X", "POST", "--cacert"])
        .arg(home.path("ca.crt"))
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .arg(format!("https://localhost:{}/login/refresh", door.address.port()))
        .args(["--resolve", &format!("localhost:{}:127.0.0.1", door.address.port())])
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("certificate\":"));
}

#[tokio::test]
async fn a_token_is_renewed_with_the_groups_of_now_and_not_for_who_is_gone_or_revoked() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &["dev"]).with_user(
        "joe",
        "battery staple",
        &["dev"],
    );
    let open = door.start();
    let token = |user: &str| {
        let seen = open.curl("/login", &["-u", user, "-X", "POST"]);
        format!("{BEARER}{}", seen.body["status"]["token"].as_str().unwrap())
    };
    let (jane, joe) = (token("jane:correct horse"), token("joe:battery staple"));
    let seen = open.curl("/login/refresh", &["-H", &jane, "-X", "POST"]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    assert_eq!(seen.body["status"]["user"]["groups"], json!(["dev"]));

    open.running.home.write("users.htpasswd", "");
    door.passwd("jane", "correct horse", &["night"]);
    open.running.process.signal("HUP");
    open.running
        .until("jane's new groups", "/metrics", |_| {
            let seen = open.curl("/login/refresh", &["-H", &jane, "-X", "POST"]);
            seen.body["status"]["user"]["groups"] == json!(["night"])
        })
        .await;
    let seen = open.curl("/login/refresh", &["-H", &joe, "-X", "POST"]);
    assert_eq!(seen.status, 401, "{}", seen.body);

    // A password is no credential to be renewed.
    let seen = open.curl("/login/refresh", &["-u", "jane:correct horse", "-X", "POST"]);
    assert_eq!(seen.status, 401);

    let revoked = open.running.home.path("revoked.ndjson");
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["cert", "revoke", "--user", "jane", "--reason", "test", "--ledger"])
        .arg(open.running.home.path("users.ledger"))
        .arg("--revocations")
        .arg(&revoked)
        .output()
        .unwrap();
    if output.status.success() {
        open.running
            .until("the revocation", "/metrics", |_| {
                open.curl("/login/refresh", &["-H", &jane, "-X", "POST"]).status == 401
            })
            .await;
        // What is issued later counts: who is to stay out is taken out of the file.
        let again = open.curl("/login", &["-u", "jane:correct horse", "-X", "POST"]);
        assert_eq!(again.status, 200);
    } else {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[cfg(feature = "watch")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_may_be_revoked_is_renewed_before_it_is_known_what_replicas_revoke() {
    let api = crate::support::apiserver::ApiServer::start();
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &["dev"]);
    api.kubeconfig(&door.home.path("kubeconfig.yaml"));
    let text = door.home.read("server.yaml").replace(
        "revocation: {file: revoked.ndjson}",
        "revocation: {file: revoked.ndjson, fromCluster: true}\n\
         cluster: {kubeconfig: kubeconfig.yaml, facts: {namespace: portcullis-facts}}",
    );
    door.home.write("server.yaml", &text);
    api.go_down();
    let open = door.start();
    // A password is nothing that is revoked.
    let seen = open.curl("/login", &["-u", "jane:correct horse", "-X", "POST"]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    let jane = format!("{BEARER}{}", seen.body["status"]["token"].as_str().unwrap());
    let seen = open.curl("/login/refresh", &["-H", &jane, "-X", "POST"]);
    assert_eq!(seen.status, 503, "{}", seen.body);
    api.come_up();
    open.running.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let seen = open.curl("/login/refresh", &["-H", &jane, "-X", "POST"]);
    assert_eq!(seen.status, 200, "{}", seen.body);
}

#[tokio::test]
async fn what_can_be_had_is_told_to_everybody() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &[]).start();
    let seen = door.curl("/login", &[]);
    assert_eq!(seen.status, 200);
    assert_eq!(
        seen.body,
        json!({
            "apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginMethods",
            "methods": ["Basic"], "credentials": ["Token", "Certificate"], "refresh": true,
        })
    );
    // Reviews are not answered at this door, nor logins at the other.
    assert_eq!(door.curl("/authenticate", &["-X", "POST"]).status, 403);
}

/// A token for these audiences, by a password; and the header that shows it.
fn token_for(open: &OpenDoor, audiences: &[&str]) -> (u16, String) {
    let wish = json!({
        "apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginRequest",
        "spec": {"audiences": audiences},
    });
    let seen = open.curl("/login", &["-u", "jane:correct horse", "-d", &wish.to_string()]);
    (seen.status, format!("{BEARER}{}", seen.body["status"]["token"].as_str().unwrap_or_default()))
}

fn audiences_of(token: &str) -> Value {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["aud"].clone()
}

#[tokio::test]
async fn a_token_for_one_audience_is_worth_no_other_and_no_certificate() {
    let (api, vault) = ("https://api.example.org", "https://vault.example.org");
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &["dev"]);
    let config = door.home.read("server.yaml");
    let two = config.replace(
        "    audiences: [https://api",
        "    audiences: [https://vault.example.org, https://api",
    );
    door.home.write("server.yaml", &two);
    let open = door.start();
    let (wish, _) = certificate_wish(&open.running.home, "admin");
    let (status, narrow) = token_for(&open, &[vault]);
    assert_eq!(status, 200);
    // Whoever sees it there could show it here.
    let seen = open.curl("/login/refresh", &["-H", &narrow, "-d", &wish]);
    assert_eq!(seen.status, 403, "{}", seen.body);
    assert!(seen.body["status"]["certificate"].is_null(), "{}", seen.body);
    let wider = wish_for(&[api]);
    let seen = open.curl("/login/refresh", &["-H", &narrow, "-d", &wider]);
    assert_eq!(seen.status, 403, "{}", seen.body);
    let seen = open.curl("/login/refresh", &["-H", &narrow, "-X", "POST"]);
    assert_eq!((seen.status, audiences_of(seen.token())), (200, json!([vault])), "{}", seen.body);
    // The twin: a token for all is worth both.
    let (_, all) = token_for(&open, &[]);
    let seen = open.curl("/login/refresh", &["-H", &all, "-d", &wish]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    let seen = open.curl("/login/refresh", &["-H", &all, "-d", &wider]);
    assert_eq!((seen.status, audiences_of(seen.token())), (200, json!([api])), "{}", seen.body);
    // Nobody gets a token for whom there are none.
    assert_eq!(token_for(&open, &["https://elsewhere.example.org"]).0, 403);
}

fn wish_for(audiences: &[&str]) -> String {
    let wish = json!({
        "apiVersion": "login.portcullis.dev/v1alpha1", "kind": "LoginRequest",
        "spec": {"audiences": audiences},
    });
    wish.to_string()
}

/// A certificate of the authority of logins that no login was rewarded with.
fn other_certificate(home: &Home) {
    let key = PrivateKey::from_pem(home.read("users-ca.key").as_bytes(), None).unwrap();
    let authority = CertificateAuthority::from_pem(home.read("users-ca.crt").as_bytes(), key);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject = Subject { common_name: "kim".to_owned(), organizations: Vec::new(), uid: None };
    let request = SigningRequest::create(&key, &subject).unwrap();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let leaf = Leaf {
        request: &request,
        usages: CertificateUsages::client(),
        not_before: now - 300,
        not_after: now + 600,
        serial: SerialNumber::random().unwrap(),
    };
    home.write("kim.crt", &authority.unwrap().issue_for(&leaf, &subject).unwrap().pem());
    home.write("kim.key", key.to_pem().expose_secret());
}

#[tokio::test]
async fn a_certificate_of_a_login_begins_no_other_session_and_another_of_its_authority_does() {
    let methods = format!("{PASSWORDS}\n  - clientCertificate: {{caFile: users-ca.crt}}");
    let open = Door::new(&methods).with_user("jane", "correct horse", &["dev"]).start();
    let home = &open.running.home;
    other_certificate(home);
    let shown = |name: &str| {
        let path = |end: &str| home.path(&format!("{name}.{end}")).display().to_string();
        ["--cert".to_owned(), path("crt"), "--key".to_owned(), path("key")]
    };
    let post = |path: &str, name: &str, more: &[&str]| {
        let shown = shown(name);
        let shown: Vec<&str> =
            shown.iter().map(String::as_str).chain(more.iter().copied()).collect();
        open.curl(path, &shown)
    };
    // Before there are any books, too.
    let seen = post("/login", "kim", &["-X", "POST"]);
    assert_eq!(seen.status, 200, "{}\n{}", seen.body, open.running.process.stderr());
    assert_eq!(seen.body["status"]["user"]["username"], "kim");
    assert_eq!(post("/login/refresh", "kim", &["-X", "POST"]).status, 401);

    let (wish, _) = certificate_wish(home, "jane");
    let seen = open.curl("/login", &["-u", "jane:correct horse", "-d", &wish]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    home.write("jane.crt", &decoded(&seen.body, "certificate"));
    let until = seen.body["status"]["refreshableUntil"].as_str().unwrap().to_owned();
    let seen = post("/login", "jane", &["-X", "POST"]);
    assert_eq!(seen.status, 401, "{}", seen.body);
    assert_eq!(seen.body["message"], "Unauthorized");
    assert!(open.running.process.stderr().contains("the certificate was handed out here"));
    // It is renewed, as a token or a certificate, and for no longer than before.
    let seen = post("/login/refresh", "jane", &["-X", "POST"]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    assert_eq!(seen.body["status"]["refreshableUntil"], until.as_str());
    assert_eq!(post("/login", "kim", &["-X", "POST"]).status, 200);
}

#[test]
fn a_directory_that_is_called_as_another_method_stops_the_start() {
    const DIRECTORY: &str = "
directories:
- name: x509
  ldap:
    servers: ['ldap://127.0.0.1:1']
    plainText: EverybodyOnTheWayReadsPasswords
    users: {dn: 'uid={username},ou=people,dc=example,dc=org'}
    attributes: {username: uid}
";
    let both = "  - ldap: {directory: x509}\n  - clientCertificate: {caFile: users-ca.crt}";
    let said = Door::with(both, DIRECTORY).home.cannot_start();
    assert!(said.contains("two of the methods are called `x509`"), "{said}");
    // The twin is called otherwise.
    let other = DIRECTORY.replace("x509", "corp");
    Door::with(&both.replace("x509", "corp"), &other).start();
}

#[tokio::test]
async fn a_new_certificate_of_the_listener_is_noticed_without_a_word() {
    let door = Door::new(PASSWORDS).with_user("jane", "correct horse", &[]);
    let config = door.home.read("server.yaml");
    let (reviews, login) = config.split_once("login:").unwrap();
    let login = login.replacen("tls.crt", "login.crt", 1).replacen("tls.key", "login.key", 1);
    door.home.write("server.yaml", &format!("{reviews}login:{login}"));
    let first = door.home.ca.issue("first");
    door.home.write("login.crt", &first.certificate);
    door.home.write("login.key", &first.key);
    let open = door.start();
    let second = door.home.ca.issue("second");
    door.home.write("login.key", &second.key);
    door.home.write("login.crt", &second.certificate);
    let what = "portcullis_reloads_total{what=\"tls\",result=\"success\"} ";
    let is_so = |text: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(what));
        lines.any(|count| count != "0")
    };
    open.running.until("the new certificate", "/metrics", is_so).await;
    let seen = open.curl("/login", &["-v"]);
    assert!(seen.said.contains("CN=second") || seen.said.contains("CN = second"), "{}", seen.said);
}
