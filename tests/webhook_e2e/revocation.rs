//! Certificates that are taken back while the server runs. The second in which that must count is a
//! matter of liveness: the times are printed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use portcullis::model::{Fingerprint, Revocation, RevocationEntry};
use portcullis::source::revocations::RevocationFile;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::kit::*;

const LIST: &str = "revocation: {file: revoked.ndjson}\n";

const HEADER: &str = r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}"#;

/// Must count by then.
const SECOND: Duration = Duration::from_secs(1);

fn fingerprint(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; 32])
}

fn home(more: &str) -> Home {
    let home = Home::new(&format!("{LIST}{more}"));
    home.write("revoked.ndjson", &format!("{HEADER}\n"));
    home
}

fn list(home: &Home) -> RevocationFile {
    RevocationFile::new(home.path("revoked.ndjson"))
}

/// Adds an entry as the command line does.
fn revoke(home: &Home, what: Revocation) {
    let (at, reason, by) = (1_795_680_000, "key compromise".to_owned(), "ops".to_owned());
    list(home).append(&[RevocationEntry { what, at, reason, by }]).unwrap();
}

fn certificate(byte: u8) -> Revocation {
    Revocation::Certificate { fingerprint: fingerprint(byte) }
}

/// Adds text as it is.
fn append(home: &Home, text: &str) {
    let path = home.path("revoked.ndjson");
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// May this user, proved by this credential, read a pod?
fn review(user: &str, group: &str, id: &str) -> Value {
    let mut review = pods(user, "get");
    review["spec"]["groups"] = json!([group, "system:authenticated"]);
    review["spec"]["extra"] = json!({"authentication.kubernetes.io/credential-id": [id]});
    review
}

async fn ask(client: &mut Client, review: &Value) -> Value {
    let answered = client.post("/authorize?timeout=3s", review).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.body["status"].clone()
}

async fn is_allowed(client: &mut Client, review: &Value) -> bool {
    ask(client, review).await["allowed"].as_bool().unwrap()
}

/// Asks until it is refused; how long that took since `start`.
async fn until_refused(
    client: &mut Client,
    review: &Value,
    start: Instant,
    what: &str,
) -> Duration {
    within(what, async {
        while is_allowed(client, review).await {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    let took = start.elapsed();
    eprintln!("{what}: refused {} ms after the entry", took.as_millis());
    assert!(took < SECOND, "{what}: {took:?}");
    took
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_within_a_second_and_stays_so() {
    let home = home("log: {format: json, decisions: {file: decisions.jsonl}}\n");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let (bad, good) = (fingerprint(1).credential_id(), fingerprint(2).credential_id());
    let jane = review("jane", "dev", &bad);
    let root = review("root", "system:masters", &fingerprint(3).credential_id());
    // Whatever else there is goes on, each the twin of a refusal.
    let others = [
        review("jane", "dev", &good),
        review("jane", "dev", "JTI=4711"),
        pods("jane", "get"),
        review("root", "system:masters", &good),
    ];
    assert!(is_allowed(&mut client, &jane).await && is_allowed(&mut client, &root).await);

    let start = Instant::now();
    revoke(&home, certificate(1));
    until_refused(&mut client, &jane, start, "a certificate").await;
    // Whom no authorizer may stop otherwise.
    let start = Instant::now();
    revoke(&home, certificate(3));
    until_refused(&mut client, &root, start, "a certificate of system:masters").await;
    let refused = json!({
        "allowed": false,
        "denied": true,
        "reason": format!(
            "client certificate {bad} was revoked at 2026-11-26T08:00:00Z: key compromise"
        ),
    });
    assert_eq!(ask(&mut client, &jane).await, refused);
    for other in &others {
        assert!(is_allowed(&mut client, other).await, "{other}");
    }

    // Another policy.
    home.write("policy/more.yaml", &POLICY.replace("jane", "june"));
    server.until("the policy", "/metrics", |text| text.contains("policy_generation 2\n")).await;
    assert_eq!(ask(&mut client, &jane).await, refused);
    assert!(!is_allowed(&mut client, &root).await && is_allowed(&mut client, &others[0]).await);
    // And the list goes on being followed.
    let joan = review("june", "dev", &fingerprint(4).credential_id());
    assert!(is_allowed(&mut client, &joan).await);
    let start = Instant::now();
    revoke(&home, certificate(4));
    until_refused(&mut client, &joan, start, "a certificate after a reload").await;

    assert!(server.metric("portcullis_revocation_refusals_total").await >= 6);
    assert_eq!(server.metric("portcullis_revocation_entries ").await, 3);
    assert!(
        server.metric("portcullis_revocation_changed_timestamp_seconds ").await > 1_700_000_000
    );
    let (status, ready) = server.look("/readyz").await;
    assert!(status == 200 && ready.contains("\nrevocations: 3 entries, changed 2"), "{ready}");
    assert!(server.process.stderr().contains("revocation list extended"));

    // Another process.
    server.process.signal("KILL");
    server.process.wait();
    let log = home.read("decisions.jsonl");
    let of_jane = |line: &Value| line["user"]["name"] == "jane" && line["decision"] == "deny";
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let denied: Vec<Value> = lines.filter(of_jane).collect();
    assert!(!denied.is_empty(), "{log}");
    assert!(denied.iter().all(|line| line["reason"] == refused["reason"]), "{denied:?}");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    assert_eq!(ask(&mut client, &jane).await, refused);
    assert!(!is_allowed(&mut client, &root).await);
    for other in &others {
        assert!(is_allowed(&mut client, other).await, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_counts_within_a_second_under_load_and_in_the_middle_of_a_reload() {
    let home = home("");
    let server = home.start();
    let stop = Arc::new(AtomicBool::new(false));
    let mut askers = Vec::new();
    for _ in 0..8 {
        let mut client = server.client(Protocol::Http2).await;
        let stop = Arc::clone(&stop);
        askers.push(tokio::spawn(async move {
            let mut asked = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                assert!(client.is_allowed("jane", "get").await);
                asked += 1;
            }
            asked
        }));
    }
    let mut client = server.client(Protocol::Http2).await;
    let jane = review("jane", "dev", &fingerprint(1).credential_id());
    assert!(is_allowed(&mut client, &jane).await);
    let start = Instant::now();
    revoke(&home, certificate(1));
    until_refused(&mut client, &jane, start, "under load").await;

    // A policy that takes a while to load.
    let jane = review("jane", "dev", &fingerprint(2).credential_id());
    assert!(is_allowed(&mut client, &jane).await);
    let (_, binding) = POLICY.split_once("---\n").unwrap();
    let many: String = (0..15_000)
        .map(|n| format!("---\n{}", binding.replace("jane-reads", &format!("b-{n}"))))
        .collect();
    home.write("policy/many.yaml", &many);
    // The watcher waits for rest before it looks.
    sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    revoke(&home, certificate(2));
    until_refused(&mut client, &jane, start, "in the middle of a reload").await;
    let generation = server.generation().await;
    eprintln!("the reload was {}", if generation == 1 { "under way" } else { "over already" });
    server.until("the policy", "/metrics", |text| text.contains("policy_generation 2\n")).await;
    assert!(!is_allowed(&mut client, &jane).await);
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        assert!(asker.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn all_certificates_of_a_user_or_a_group_are_refused_but_those_issued_since() {
    let home = home("");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let before = 1_795_680_000;
    for (index, what) in [
        Revocation::User { name: "jane".to_owned(), issued_before: before },
        Revocation::Group { name: "dev".to_owned(), issued_before: before },
    ]
    .into_iter()
    .enumerate()
    {
        home.write("revoked.ndjson", &format!("{HEADER}\n"));
        let id = |byte: u8| fingerprint(byte).credential_id();
        let unknown = review("jane", "dev", &id(9));
        within("the new list alone", async {
            while !is_allowed(&mut client, &unknown).await {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        for (byte, at) in [(1, before - 1), (2, before), (3, before + 1)] {
            revoke(&home, Revocation::Issued { fingerprint: fingerprint(byte), at });
        }
        let start = Instant::now();
        revoke(&home, what);
        until_refused(&mut client, &unknown, start, ["a user", "a group"][index]).await;
        for (byte, allowed) in [(1, false), (2, true), (3, true), (4, false)] {
            let asked = review("jane", "dev", &id(byte));
            assert_eq!(is_allowed(&mut client, &asked).await, allowed, "{index} {byte}");
        }
        // Who came with a token, or is somebody else.
        assert!(is_allowed(&mut client, &review("jane", "dev", "JTI=1")).await);
        assert!(is_allowed(&mut client, &review("sam", "system:masters", &id(4))).await);
        // One that is named is refused, issued since or not.
        let start = Instant::now();
        revoke(&home, certificate(3));
        until_refused(&mut client, &review("jane", "dev", &id(3)), start, "one of them").await;
    }
}

#[tokio::test]
async fn a_credential_id_that_nobody_can_read_is_refused() {
    let home = home("");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    for id in ["X509SHA256=", "X509SHA256=zz", "X509SHA256=0a"] {
        let status = ask(&mut client, &review("jane", "dev", id)).await;
        let reason = format!("credential id \"{id}\" is not the fingerprint of a certificate");
        assert_eq!(status, json!({"allowed": false, "denied": true, "reason": reason}));
    }
    // The twins: one that can be read, and a server without a list.
    assert!(is_allowed(&mut client, &review("jane", "dev", &fingerprint(1).credential_id())).await);
    let home = Home::new("");
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    assert!(is_allowed(&mut client, &review("jane", "dev", "X509SHA256=zz")).await);
}

#[tokio::test]
async fn a_broken_line_or_a_lost_file_takes_nothing_back_and_is_told_until_it_is_healed() {
    let home = home("");
    revoke(&home, certificate(1));
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let id = |byte: u8| fingerprint(byte).credential_id();
    let (jane, next) = (review("jane", "dev", &id(1)), review("jane", "dev", &id(2)));
    assert!(!is_allowed(&mut client, &jane).await && is_allowed(&mut client, &next).await);

    append(&home, "{\"kind\":\"Certificates\"}\n");
    let failing = "revocations: failing since";
    server.until("the problem", "/readyz", |text| text.contains(failing)).await;
    let (status, ready) = server.look("/readyz").await;
    assert!(status == 200 && ready.contains("revoked.ndjson:3: kind `Certificates`"), "{ready}");
    assert_eq!(server.metric("portcullis_revocation_read_failures_total ").await, 1);
    assert!(server.process.stderr().contains("revocation list: what counted goes on counting"));
    assert!(!is_allowed(&mut client, &jane).await && is_allowed(&mut client, &next).await);
    // What stands behind it counts.
    let start = Instant::now();
    revoke(&home, certificate(2));
    until_refused(&mut client, &next, start, "behind a broken line").await;
    let good = home.read("revoked.ndjson").replace("{\"kind\":\"Certificates\"}\n", "");
    home.write("revoked.ndjson", &good);
    server.until("the recovery", "/readyz", |text| !text.contains(failing)).await;
    assert!(!is_allowed(&mut client, &jane).await && !is_allowed(&mut client, &next).await);

    fs::remove_file(home.path("revoked.ndjson")).unwrap();
    server.until("the problem", "/readyz", |text| text.contains(failing)).await;
    assert!(!is_allowed(&mut client, &jane).await);
    assert_eq!(server.metric("portcullis_revocation_read_failures_total ").await, 2);
    home.write("revoked.ndjson", &good);
    server.until("the recovery", "/readyz", |text| !text.contains(failing)).await;
    assert!(!is_allowed(&mut client, &jane).await);

    // Shortened where it is.
    fs::write(home.path("revoked.ndjson"), format!("{HEADER}\n")).unwrap();
    server.until("the problem", "/readyz", |text| text.contains("changed in place")).await;
    assert!(!is_allowed(&mut client, &jane).await && !is_allowed(&mut client, &next).await);
    // A whole list in its place is how entries are taken back.
    home.write("revoked.ndjson", &format!("{HEADER}\n"));
    within("the new list alone", async {
        while !is_allowed(&mut client, &jane).await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let (_, ready) = server.look("/readyz").await;
    assert!(ready.contains("revocations: 0 entries") && !ready.contains(failing), "{ready}");
    assert!(server.process.stderr().contains("revocation list replaced by a shorter one"));
}

#[tokio::test]
async fn another_file_in_the_configuration_is_read_with_the_next_reload() {
    let home = home("");
    home.write("other.ndjson", &format!("{HEADER}\n"));
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let jane = review("jane", "dev", &fingerprint(1).credential_id());
    RevocationFile::new(home.path("other.ndjson"))
        .append(&[RevocationEntry {
            what: certificate(1),
            at: 0,
            reason: String::new(),
            by: String::new(),
        }])
        .unwrap();
    assert!(is_allowed(&mut client, &jane).await);
    // One that cannot be read fails the reload, and the old list goes on.
    home.configure("revocation: {file: nowhere.ndjson}\n");
    let failing = "`revocation.file`: `";
    server.until("the failure", "/readyz", |text| text.contains(failing)).await;
    assert!(is_allowed(&mut client, &jane).await);
    home.configure("revocation: {file: other.ndjson}\n");
    server.until("the reload", "/metrics", |text| text.contains("policy_generation 2\n")).await;
    assert!(!is_allowed(&mut client, &jane).await);
    // It is followed, too.
    let next = review("jane", "dev", &fingerprint(2).credential_id());
    assert!(is_allowed(&mut client, &next).await);
    let start = Instant::now();
    let entry =
        RevocationEntry { what: certificate(2), at: 0, reason: String::new(), by: String::new() };
    RevocationFile::new(home.path("other.ndjson")).append(&[entry]).unwrap();
    until_refused(&mut client, &next, start, "in another file").await;
}

#[test]
fn a_list_that_is_missing_or_broken_starts_no_server() {
    let home = home("");
    let at = "server.yaml:14: `revocation.file`: ";
    for (content, expected) in [
        (None, "`revoked.ndjson`: the revocation list cannot be read; check the path"),
        (Some(String::new()), "revoked.ndjson:1: not a revocation list; its first line must be {"),
        (
            Some(format!("{HEADER}\nnonsense\n")),
            "revoked.ndjson:2: not an entry of a revocation list",
        ),
    ] {
        match content {
            None => fs::remove_file(home.path("revoked.ndjson")).unwrap(),
            Some(content) => home.write("revoked.ndjson", &content),
        }
        let said = home.cannot_start();
        assert!(said.contains(&format!("{at}{expected}")), "{said}");
        let (code, out, _) = run(&home.path(""), &["check", "--config", "server.yaml"]);
        assert!(
            code == Some(1) && out.contains("`revocation.file`") && out.contains(expected),
            "{out}"
        );
    }
    home.write("revoked.ndjson", &format!("{HEADER}\n"));
    revoke(&home, certificate(1));
    append(&home, "{");
    let (code, out, _) = run(&home.path(""), &["check", "--config", "server.yaml"]);
    assert!(code == Some(0) && out.contains("1 in revoked.ndjson"), "{out}");
    assert!(out.contains("revoked.ndjson:3: the line does not end"), "{out}");
    for (wrong, expected) in [
        ("revocation: {}\n", "`revocation`: names no list"),
        ("revocation: revoked.ndjson\n", "`revocation`: must be an object"),
        (
            "revocation: {file: revoked.ndjson, crl: a}\n",
            "`revocation.crl`: there is no such field",
        ),
    ] {
        home.configure(wrong);
        let (code, out, _) = run(&home.path(""), &["check", "--config", "server.yaml"]);
        assert!(code == Some(1) && out.contains(expected), "{out}");
    }
}
