//! Everything that a full run wrote, searched for everything that somebody showed or was given.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::kit::*;
use super::login::{BEARER, Door, OpenDoor, PASSWORDS, certificate_wish, decoded};
use super::organisation::{authentication, directory, exchanged, people, write_directory};
use crate::support::oidc_provider::Provider;
use crate::support::slapd::{Pki, SERVICE_PASSWORD, Setup, Slapd};

const HOST: &str = "secrets.ex.org";
const LOG: &str = "log: {level: trace, format: json, decisions: {file: decisions.jsonl}}\n";

/// The server of the run: with Kerberos where that is there.
struct Run {
    open: OpenDoor,
    secrets: BTreeSet<String>,
}

impl Run {
    /// A secret, and what it may be written as.
    fn secret(&mut self, text: &str) {
        self.secrets.insert(text.to_owned());
        self.secrets.insert(format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned());
        self.secrets.insert(STANDARD.encode(text));
    }

    /// A token is one in part, too: whoever has the rest can sign nothing, and needs nothing but this.
    fn token(&mut self, token: &str) {
        self.secret(token);
        self.secret(token.rsplit('.').next().unwrap());
    }

    fn password(&mut self, user: &str, password: &str, status: u16) {
        self.secret(password);
        self.secrets.insert(STANDARD.encode(format!("{user}:{password}")));
        let both = format!("{user}:{password}");
        let seen = self.open.curl("/login", &["-u", &both, "-X", "POST"]);
        assert_eq!(seen.status, status, "{user}: {}", seen.body);
        if status == 200 {
            self.token(seen.token());
            self.renew(seen.token());
        }
    }

    fn renew(&mut self, token: &str) {
        let header = format!("{BEARER}{token}");
        let seen = self.open.curl("/login/refresh", &["-H", &header, "-X", "POST"]);
        assert_eq!(seen.status, 200, "{}", seen.body);
        self.token(seen.token());
    }
}

#[cfg(all(feature = "kerberos", unix))]
fn start(methods: &str, more: &str, prepare: impl FnOnce(&Door)) -> OpenDoor {
    use crate::support::kdc::Kdc;
    let Some(kdc) = Kdc::shared() else { return start_plain(methods, more, prepare) };
    let door = super::kerberos::door(kdc, HOST, methods, more);
    prepare(&door);
    super::kerberos::start(kdc, &door)
}

#[cfg(not(all(feature = "kerberos", unix)))]
fn start(methods: &str, more: &str, prepare: impl FnOnce(&Door)) -> OpenDoor {
    start_plain(methods, more, prepare)
}

fn start_plain(methods: &str, more: &str, prepare: impl FnOnce(&Door)) -> OpenDoor {
    let door = Door::with(methods, more);
    prepare(&door);
    door.start()
}

#[cfg(all(feature = "kerberos", unix))]
fn tickets(run: &mut Run) {
    use super::kerberos::{negotiate, shown_ticket};
    use crate::support::kdc::Kdc;
    let Some(kdc) = Kdc::shared() else { return };
    kdc.login("secrets-jane", "jane", &[]);
    for principal in ["jane", "jane/admin"] {
        kdc.login("secrets", principal, &[]);
        let seen = negotiate(kdc, &run.open, HOST, "secrets", &["-v"]);
        assert_eq!(seen.status, if principal == "jane" { 200 } else { 401 }, "{}", seen.body);
        let header = shown_ticket(&seen);
        run.secret(header.rsplit(' ').next().unwrap());
        if seen.status == 200 {
            run.token(seen.token());
            let mutual = seen.headers.lines().find_map(|line| line.split_once(": Negotiate "));
            run.secret(mutual.unwrap().1.trim());
        }
    }
}

#[cfg(not(all(feature = "kerberos", unix)))]
fn tickets(_: &mut Run) {}

#[tokio::test]
async fn no_password_token_ticket_or_key_is_in_anything_that_a_full_run_writes() {
    let pki = Pki::new();
    let setup = Setup { ldif: people(), ..Setup::default() };
    let Some(slapd) = Slapd::start(&pki, &setup) else { return };
    let Some(provider) = Provider::start() else { return };
    let methods = format!(
        "{PASSWORDS}\n  - ldap: {{directory: corp}}\n  \
         - oidc: {{configurationFile: authentication.json}}\n  \
         - clientCertificate: {{caFile: ca.crt}}\n"
    );
    let more = format!("{}{LOG}", directory(&slapd));
    let mut inputs: BTreeSet<PathBuf> = BTreeSet::new();
    let open = start(&methods, &more, |door| {
        write_directory(&door.home, &pki);
        door.home.write("authentication.json", &authentication(&provider));
        door.passwd("ann", "correct-horse-of-ann", &["dev"]);
        inputs.extend(door.home.files());
        inputs.remove(&door.home.path("revoked.ndjson"));
    });
    let mut run = Run { open, secrets: BTreeSet::new() };
    run.secret(SERVICE_PASSWORD);
    run.password("ann", "correct-horse-of-ann", 200);
    run.password("ann", "battery-staple-of-ann", 401);
    run.password("jane", "pw-jane", 200);
    run.password("jane", "pw-of-another-jane", 401);
    // Where the name belongs.
    run.secret("passw0rd-for-a-name");
    run.password("passw0rd-for-a-name", "wr0ng-one", 401);
    tickets(&mut run);
    let theirs = provider.token("ES256", json!({"groups": ["dev"]}));
    let other = provider.token("ES256", json!({"aud": "somebody"}));
    let ours = exchanged(&run.open, &theirs).await;
    run.token(ours.token());
    for token in [&theirs, &other] {
        run.token(token);
        let header = format!("{BEARER}{token}");
        for path in ["/login", "/login/refresh"] {
            let seen = run.open.curl(path, &["-H", &header, "-X", "POST"]);
            if seen.status == 200 {
                run.token(seen.token());
            }
        }
    }
    // Odd ones: two headers, another scheme, a broken body, a token as a path, at reviews.
    run.secret("s3cret-of-nobody");
    for args in [
        &["-H", "Authorization: Bearer s3cret-of-nobody", "-H", "Authorization: Basic eA=="][..],
        &["-H", "Authorization: Digest s3cret-of-nobody"],
        &["-H", "Authorization: Basic s3cret-of-nobody"],
        &["-H", "Authorization: Negotiate s3cret-of-nobody"],
        &["-H", "Authorization: Negotiate czNjcmV0LW9mLW5vYm9keQ=="],
        &["-H", "Authorization: Bearer s3cret-of-nobody"],
    ] {
        for path in ["/login", "/login/refresh"] {
            let seen = run.open.curl(path, &[args, &["-X", "POST"]].concat());
            assert_eq!(seen.status, 401, "{args:?}");
        }
    }
    let (wish, key) = certificate_wish(&run.open.running.home, "admin");
    let seen = run.open.curl("/login", &["-u", "ann:correct-horse-of-ann", "-d", &wish]);
    assert_eq!(seen.status, 200, "{}", seen.body);
    let home = run.open.running.home.clone();
    home.write("admin.crt", &decoded(&seen.body, "certificate"));
    let (certificate, key) = (home.path("admin.crt"), key);
    inputs.extend([certificate.clone(), key.clone()]);
    let shown = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let seen = run.open.curl("/login/refresh", &[&shown[..], &["-X", "POST"]].concat());
    assert_eq!(seen.status, 200, "{}", seen.body);
    run.token(seen.token());
    let wholes: Vec<String> =
        run.secrets.iter().filter(|secret| secret.starts_with("ey")).cloned().collect();
    assert!(wholes.len() >= 8, "{}", wholes.len());
    for token in &wholes {
        run.open.review(token).await;
    }
    let mut client = run.open.running.client(Protocol::Http1).await;
    client.may("jane", "get").await;
    for key in ["token.key", "users-ca.key", "tls.key"] {
        for line in home.read(key).lines().filter(|line| !line.starts_with('-')) {
            run.secrets.insert(line.to_owned());
        }
    }
    // What is short is in everything.
    run.secrets.retain(|secret| secret.len() > 6);

    drop(client);
    let process = &run.open.running.process;
    assert_eq!(run.open.running.stop(), Some(0), "{}", process.stderr());
    let mut written = vec![
        ("stderr".to_owned(), process.stderr().into_bytes()),
        ("stdout".to_owned(), process.stdout().into_bytes()),
    ];
    for path in home.files() {
        if !inputs.contains(&path) {
            written.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    let text = |name: &str| {
        let found = written.iter().find(|(path, bytes)| path.ends_with(name) && !bytes.is_empty());
        String::from_utf8_lossy(&found.unwrap_or_else(|| panic!("no {name}")).1).into_owned()
    };
    // It did write, and it would be found.
    assert!(text("stderr").contains("\"level\":\"TRACE\""));
    assert!(text("stderr").contains("\"message\":\"refresh\""));
    assert!(text("decisions.jsonl").contains("\"authenticate\""));
    assert!(text("users.ledger").contains("portcullis.dev/login"));
    let texts = written.iter().map(|(name, bytes)| (name, String::from_utf8_lossy(bytes)));
    let texts: Vec<_> = texts.collect();
    let found = |secret: &str| {
        texts.iter().find(|(_, text)| text.contains(secret)).map(|(name, _)| name.as_str())
    };
    assert!(found("portcullis.dev/login").is_some_and(|name| name.ends_with("users.ledger")));
    for secret in &run.secrets {
        assert_eq!(found(secret), None, "`{secret}`");
    }
}
