//! What replicas tell each other, by way of an API server: what one has written, all know, whatever goes
//! wrong in between.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::crypto::authority::{
    Authority, AuthorityOptions, CertificateUsages, Leaf, SerialNumber,
};
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::model::{CREDENTIAL_ID, Fingerprint, User};
use portcullis::pki::ledger::{
    CertificateRecord, Ledger, LedgerError, Provenance, RecordSource, Recorded,
};
use portcullis::source::shared_facts::{
    ClusterLedger, ClusterRevocations, FULL_CHUNK, FactError, FactKind, FactLog, FactsOptions,
    LONGEST_LINE, Summaries, read_facts,
};
use portcullis::source::watch::{ClusterOptions, Connection, CredentialsFrom};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::apiserver::{ApiServer, Fault};
use crate::support::tls::PATIENCE;

const NAMESPACE: &str = "portcullis-facts";

struct Place {
    server: ApiServer,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let (server, folder) = (ApiServer::start(), tempfile::tempdir().unwrap());
        server.kubeconfig(&folder.path().join("kubeconfig"));
        Self { server, folder }
    }

    async fn connection(&self) -> Connection {
        let file = Some(self.folder.path().join("kubeconfig"));
        let options = ClusterOptions::new(CredentialsFrom::Kubeconfig { file, context: None });
        Connection::open(&options).await.unwrap()
    }

    async fn log(&self, writer: &str, kind: FactKind) -> FactLog {
        FactLog::open(&self.connection().await, options(writer), kind)
    }

    /// All lines of a writer's ConfigMaps, in the order of their numbers.
    fn lines(&self, kind: &str) -> Vec<String> {
        let mut maps = self.server.list("ConfigMap");
        maps.retain(|map| map["metadata"]["labels"]["portcullis.dev/facts"] == kind);
        let entries = maps.iter().map(|map| map["data"]["entries"].as_str().unwrap());
        entries.flat_map(str::lines).map(str::to_owned).collect()
    }
}

fn options(writer: &str) -> FactsOptions {
    FactsOptions::new(NAMESPACE, writer)
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} never comes about");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

fn user_line(name: &str) -> String {
    format!(
        r#"{{"kind":"User","name":"{name}","issuedBefore":"2026-11-26T08:00:00Z","at":"2026-11-26T08:00:00Z"}}"#
    )
}

/// Somebody with a certificate of which nobody knows when it was issued.
fn bearer(name: &str) -> User {
    let mut user = User::new(name);
    let id = Fingerprint::from_bytes([7; 32]).credential_id();
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
    user
}

fn is_revoked(list: &ClusterRevocations, name: &str) -> bool {
    list.shared().load().of_user(&bearer(name)).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_one_name_lose_nothing_and_write_nothing_twice() {
    let place = Place::new();
    let (one, other) =
        (place.log("a", FactKind::Revocations).await, place.log("a", FactKind::Revocations).await);
    let write = async |log: &FactLog, who: &str| {
        for turn in 0..15 {
            log.append(&[format!("{who}-{turn}"), format!("both-{turn}")]).await.unwrap();
        }
    };
    tokio::join!(write(&one, "one"), write(&other, "other"));
    let lines = place.lines("revocations");
    let distinct: BTreeSet<&String> = lines.iter().collect();
    assert_eq!((lines.len(), distinct.len()), (45, 45), "{lines:?}");
    // In each other's way they are for sure when one has written since the other looked.
    one.append(&["one-15"]).await.unwrap();
    let before = place.server.asked("update", "configmaps");
    other.append(&["other-15"]).await.unwrap();
    assert_eq!(place.server.asked("update", "configmaps"), before + 2);
    // What is there is not written again, even by one that has not seen the other's last lines.
    assert_eq!(other.append(&["one-14", "both-3"]).await.unwrap().new, 0);
    assert_eq!(one.append(&["other-15", "both-3", "fresh"]).await.unwrap().new, 1);
    assert_eq!(place.lines("revocations").len(), 48);
    let before = place.server.asked("update", "configmaps");
    assert_eq!(one.append::<&str>(&[]).await.unwrap().new, 0);
    assert_eq!(one.append(&["fresh"]).await.unwrap().new, 0);
    assert_eq!(place.server.asked("update", "configmaps"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_configmap_is_followed_by_another_and_both_are_known_after_a_restart() {
    let place = Place::new();
    let line = |turn: usize| format!("{turn}-{}", "x".repeat(LONGEST_LINE - 10));
    let lines: Vec<String> = (0..9).map(line).collect();
    let log = place.log("a", FactKind::Issued).await;
    assert_eq!(log.append(&lines[..2]).await.unwrap().new, 2);
    assert_eq!(log.append(&lines).await.unwrap().new, 7);
    assert_eq!(place.lines("issued"), lines);
    let maps = place.server.list("ConfigMap");
    let names: Vec<&str> =
        maps.iter().map(|map| map["metadata"]["name"].as_str().unwrap()).collect();
    let expected =
        ["portcullis-issued-a-0001", "portcullis-issued-a-0002", "portcullis-issued-a-0003"];
    assert_eq!(names, expected);
    for map in &maps {
        assert!(map["data"]["entries"].as_str().unwrap().len() <= FULL_CHUNK);
    }
    let again = place.log("a", FactKind::Issued).await;
    assert_eq!(again.append(&lines).await.unwrap().new, 0);
    assert_eq!(again.append(&["short"]).await.unwrap().new, 1);
    assert_eq!(place.server.list("ConfigMap").len(), 3);
    // Another writer has its own; another kind, too.
    place.log("b", FactKind::Issued).await.append(&["short"]).await.unwrap();
    place.log("a", FactKind::Revocations).await.append(&["short"]).await.unwrap();
    assert_eq!(place.server.list("ConfigMap").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_or_a_server_that_is_ill_loses_and_doubles_nothing() {
    let place = Place::new();
    let log = place.log("a", FactKind::Revocations).await;
    let faults = [
        ("create", Fault::CutAfter(10)),
        ("update", Fault::CutAfter(10)),
        ("update", Fault::internal()),
        ("list", Fault::garbage()),
        ("update", Fault::too_many_requests(0)),
    ];
    for (turn, (verb, fault)) in faults.into_iter().enumerate() {
        if verb == "list" {
            // The list is only read when something went wrong before.
            place.server.inject("update", "configmaps", 1, Fault::internal());
        }
        place.server.inject(verb, "configmaps", 1, fault);
        log.append(&[format!("line-{turn}")]).await.unwrap();
        assert_eq!(place.server.pending_faults(), 0, "{turn}");
    }
    let expected: Vec<String> = (0..5).map(|turn| format!("line-{turn}")).collect();
    assert_eq!(place.lines("revocations"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_told_so_at_once_and_a_server_that_is_gone_ends_the_patience() {
    let place = Place::new();
    let log = place.log("a", FactKind::Revocations).await;
    place.server.forbid("configmaps");
    let error = log.append(&["line"]).await.unwrap_err();
    assert!(matches!(&error, FactError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("grant get, list, watch, create and update on configmaps"));
    place.server.allow("configmaps");
    log.append(&["line"]).await.unwrap();
    for line in ["", "two\nlines", &"x".repeat(LONGEST_LINE + 1)] {
        assert!(matches!(log.append(&[line]).await, Err(FactError::Line)));
    }

    place.server.go_down();
    let mut hasty = options("b");
    hasty.patience = Duration::from_millis(300);
    let log = FactLog::open(&place.connection().await, hasty, FactKind::Revocations);
    let start = Instant::now();
    let error = log.append(&["line"]).await.unwrap_err();
    assert!(matches!(&error, FactError::GaveUp { tries, .. } if *tries > 1), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    place.server.come_up();
    assert_eq!(log.append(&["line"]).await.unwrap().new, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_revokes_counts_for_all_within_a_second_and_stays_until_it_is_replaced() {
    let place = Place::new();
    let connection = place.connection().await;
    let replicas: Vec<ClusterRevocations> =
        (0..3).map(|_| ClusterRevocations::start(&connection, &options("r"), None)).collect();
    for replica in &replicas {
        replica.cluster().ready().await;
    }
    let log = place.log("cli-ops", FactKind::Revocations).await;
    log.append(&[user_line("jane"), "nobody understands this".to_owned(), user_line("joe")])
        .await
        .unwrap();
    let everybody = |name: &str| replicas.iter().all(|replica| is_revoked(replica, name));
    let took = until("joe is revoked", || everybody("joe"));
    println!("known to all after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(everybody("jane") && !replicas.iter().any(|replica| is_revoked(replica, "ann")));
    let status = replicas[0].status();
    assert_eq!((status.chunks, status.problem_count), (1, 1));
    assert!(status.problems[0].contains("ConfigMap `portcullis-revocations-cli-ops-0001`"));
    assert_eq!(replicas[0].cutoff("jane", &[]), Some(1_795_680_000));

    // Deleted by accident: nothing is forgotten by those that know it.
    place.server.delete("ConfigMap", NAMESPACE, "portcullis-revocations-cli-ops-0001");
    until("it is gone", || replicas.iter().all(|replica| replica.status().chunks == 0));
    assert!(everybody("jane") && everybody("joe"));
    // Somebody who starts now does not know.
    let late = ClusterRevocations::start(&connection, &options("r"), None);
    late.cluster().ready().await;
    assert!(!is_revoked(&late, "jane"));

    // An operator takes jane's back.
    place.server.put(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "revoked-2026", "namespace": NAMESPACE,
            "labels": {"portcullis.dev/facts": "revocations"},
            "annotations": {"portcullis.dev/replaces": "portcullis-revocations-cli-ops-0001"},
        },
        "data": {"entries": format!("{}\n", user_line("joe"))},
    }));
    until("jane is forgiven", || !replicas.iter().any(|replica| is_revoked(replica, "jane")));
    assert!(everybody("joe") && replicas[0].cutoff("jane", &[]).is_none());
    // The tool writes on, although its ConfigMap is gone.
    log.append(&[user_line("ann")]).await.unwrap();
    until("ann is revoked", || everybody("ann") && is_revoked(&late, "ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_deleted_is_written_again_by_who_is_asked_to() {
    let place = Place::new();
    let log = place.log("a", FactKind::Revocations).await;
    log.append(&["1", "2"]).await.unwrap();
    assert_eq!(log.append(&["1"]).await.unwrap().new, 0);
    place.server.delete("ConfigMap", NAMESPACE, "portcullis-revocations-a-0001");
    // It knows that it wrote this, and has to look whether it is still there.
    assert_eq!(log.append(&["1"]).await.unwrap().new, 1);
    assert_eq!(place.lines("revocations"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_configmaps_than_one_answer_holds_are_all_read() {
    let place = Place::new();
    let connection = place.connection().await;
    place.server.load((0..70).map(|turn| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("r{turn:03}"), "namespace": NAMESPACE,
                "labels": {"portcullis.dev/facts": "revocations"},
            },
            "data": {"entries": format!("{}\n", user_line(&format!("u{turn}")))},
        })
    }));
    let known = read_facts(&connection, NAMESPACE).await.unwrap();
    assert_eq!((known.revocations.len(), known.problems.len()), (70, 0));
    // A list that the API server has forgotten half-way is begun anew, and never taken for whole.
    place.server.inject_continued("configmaps", 1, Fault::expired_continue());
    assert_eq!(read_facts(&connection, NAMESPACE).await.unwrap().revocations.len(), 70);
    place.server.inject_continued("configmaps", 3, Fault::expired_continue());
    let error = read_facts(&connection, NAMESPACE).await.unwrap_err();
    assert!(error.to_string().contains("cannot be read now, and nothing was written"), "{error}");
    place.server.inject("list", "configmaps", 1, Fault::internal());
    let error = read_facts(&connection, NAMESPACE).await.unwrap_err();
    assert!(matches!(error, FactError::Unread { .. }), "{error}");
}

// ---- the books -----------------------------------------------------------------------------------

const NOW: i64 = 1_795_680_100;

fn issued(user: &str) -> CertificateRecord {
    let key = || PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let authority = AuthorityOptions {
        common_name: "ca".to_owned(),
        organizations: Vec::new(),
        not_before: 0,
        not_after: NOW * 2,
        path_length: Some(0),
    };
    let authority = Authority::self_signed(key(), &authority).unwrap();
    let subject = Subject { common_name: user.to_owned(), organizations: Vec::new(), uid: None };
    let request = SigningRequest::create(&key(), &subject).unwrap();
    let leaf = Leaf {
        request: &request,
        usages: CertificateUsages::client(),
        not_before: NOW - 300,
        not_after: NOW + 3_600,
        serial: SerialNumber::random().unwrap(),
    };
    let made = authority.issue(&leaf).unwrap();
    let provenance = Provenance { source: RecordSource::Issued, ..Provenance::imported(NOW) };
    CertificateRecord::of_certificate(made.der(), provenance).unwrap()
}

/// Records on a thread that may wait.
fn blocking(
    ledger: &Arc<ClusterLedger>,
    record: &CertificateRecord,
) -> JoinHandle<Result<Recorded, LedgerError>> {
    let (ledger, record) = (Arc::clone(ledger), record.clone());
    tokio::task::spawn_blocking(move || ledger.record(&record))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_records_another_finds_and_what_cannot_be_recorded_is_not_handed_out() {
    let place = Place::new();
    let connection = place.connection().await;
    let replica = |writer: &str| {
        let mut options = options(writer);
        options.patience = Duration::from_secs(2);
        let revocations = ClusterRevocations::start(&connection, &options, None);
        Arc::new(ClusterLedger::start(&connection, &options, revocations))
    };
    let (one, other) = (replica("one"), replica("other"));
    one.cluster().ready().await;
    let records: Vec<CertificateRecord> = (0..10).map(|_| issued("jane")).collect();
    let all: Vec<_> = records.iter().map(|record| blocking(&one, record)).collect();
    for recorded in all {
        assert_eq!(recorded.await.unwrap().unwrap(), Recorded::New);
    }
    // What is recorded at the same time is written together.
    assert!(place.server.asked("update", "configmaps") < 9);
    assert_eq!(blocking(&one, &records[0]).await.unwrap().unwrap(), Recorded::Known);
    until("the other finds it", || other.find(&records[9].fingerprint).unwrap().is_some());
    assert_eq!(other.find(&records[3].fingerprint).unwrap().as_ref(), Some(&records[3]));
    assert_eq!(other.of_user("jane").unwrap().len(), 10);
    assert_eq!(other.of_user("joe").unwrap(), []);
    assert_eq!(other.of_serial(&records[4].serial), [records[4].clone()]);

    // Jane's earlier certificates are revoked. A new one is not, and servers are told so first.
    let log = place.log("cli-ops", FactKind::Revocations).await;
    let later = user_line("jane").replace("08:00:00Z\",\"at", "08:05:00Z\",\"at");
    log.append(&[later]).await.unwrap();
    until("they are revoked", || {
        let known = one.find(&records[0].fingerprint).unwrap().unwrap();
        known.revoked.is_some()
    });
    let new = issued("jane");
    blocking(&one, &new).await.unwrap().unwrap();
    let said = place.lines("revocations");
    let fingerprint = new.fingerprint.to_string();
    assert!(
        said.iter().any(|line| line.contains("Issued") && line.contains(&fingerprint)),
        "{said:?}"
    );
    until("it is spared", || {
        let known = other.find(&new.fingerprint).unwrap();
        known.is_some_and(|known| known.revoked.is_none())
    });

    // A replica that has not heard what is revoked says so, and hands nothing out: it could not say that
    // this one was issued later.
    place.server.forbid("configmaps");
    let deaf = replica("deaf");
    let early = issued("jane");
    let error = blocking(&deaf, &early).await.unwrap().unwrap_err();
    let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(why.contains("was not heard yet"), "{error}: {why}");
    let refused = issued("jane");
    let error = blocking(&one, &refused).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("so it is not handed out"), "{error}");
    assert_eq!(one.find(&refused.fingerprint).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_summary_of_each_replica_is_heard_by_all() {
    let place = Place::new();
    let connection = place.connection().await;
    let (one, other) = (
        Summaries::start(&connection, options("one")),
        Summaries::start(&connection, options("other")),
    );
    one.say(100, json!({"asked": 1})).await.unwrap();
    one.say(110, json!({"asked": 2})).await.unwrap();
    other.say(20, json!({"asked": 9})).await.unwrap();
    let heard = |from: &Summaries| -> Vec<(String, Value)> {
        let latest = from.latest(112, Duration::from_secs(60));
        latest.into_iter().map(|summary| (summary.writer, summary.said)).collect()
    };
    let expected = [("one".to_owned(), json!({"asked": 2}))];
    until("both hear it", || heard(&one) == expected && heard(&other) == expected);
    assert_eq!(place.server.list("ConfigMap").len(), 2);
    // Somebody deletes it; the next word brings it back.
    place.server.delete("ConfigMap", NAMESPACE, "portcullis-shadow-one-0001");
    assert!(one.say(111, json!({"asked": 3})).await.is_err());
    one.say(111, json!({"asked": 3})).await.unwrap();
    until("it is heard again", || heard(&other) == [("one".to_owned(), json!({"asked": 3}))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_reads_what_was_written() {
    let place = Place::new();
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        println!("skipped: kubectl is not installed");
        return;
    }
    let log = place.log("cli-Ops@example.com", FactKind::Revocations).await;
    log.append(&[user_line("jane")]).await.unwrap();
    let output = Command::new("kubectl")
        .env("HOME", place.folder.path())
        .arg("--kubeconfig")
        .arg(place.folder.path().join("kubeconfig"))
        .args(["get", "configmaps", "-n", NAMESPACE, "-l", "portcullis.dev/facts=revocations"])
        .args(["-o", "jsonpath={.items[*].data.entries}"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.trim(), user_line("jane"), "{}", String::from_utf8_lossy(&output.stderr));
}
