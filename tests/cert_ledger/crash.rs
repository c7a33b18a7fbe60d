//! kill -9 at random points.
//!
//! The process that dies is this test binary, told by its environment to record and to revoke in a
//! loop. It says what it has done only after the call returned: as a signer hands a certificate out.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis::model::Fingerprint;
use portcullis::pki::ledger::{CertificateRecord, Ledger, RecordSource};
use portcullis::source::ledger::{LedgerFileError, Revoke, Saying};

use super::{is_refused, ledger, list, names, open};

/// Where the child works.
const FOLDER: &str = "PORTCULLIS_TEST_LEDGER_FOLDER";
/// Where it begins to count.
const FIRST: &str = "PORTCULLIS_TEST_LEDGER_FIRST";

const NOW: i64 = 1_795_680_000;

/// All of jane's certificates were revoked once, so that each new one must be spared: that is one
/// transaction, one append and one more transaction. Joe's are plain.
fn record(number: u64) -> CertificateRecord {
    let mut fingerprint = [0xcd; 32];
    fingerprint[..8].copy_from_slice(&number.to_be_bytes());
    let user = if number.is_multiple_of(2) { "jane" } else { "joe" };
    CertificateRecord {
        fingerprint: Fingerprint::from_bytes(fingerprint),
        serial: number.to_be_bytes().to_vec(),
        issuer: "CN=ca".to_owned(),
        subject: format!("CN={user}"),
        user: user.to_owned(),
        groups: vec!["dev".to_owned()],
        uid: None,
        not_before: NOW,
        not_after: NOW + 1_000_000,
        recorded_at: NOW + 1,
        source: RecordSource::Issued,
        signer: "kubernetes.io/kube-apiserver-client".to_owned(),
        requester: None,
        decision: "test".to_owned(),
        request_name: String::new(),
        key: "ECDSA P-256".to_owned(),
        // As long as one that is real.
        certificate: vec![0x30; 600],
        revoked: None,
    }
}

fn saying() -> Saying<'static> {
    Saying { at: NOW + 2, reason: "superseded", by: "test" }
}

/// No test of its own: the loop that is killed.
#[test]
fn child() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let mut out = std::io::stdout().lock();
    let mut say = |text: &str| {
        writeln!(out, "@ {text}").unwrap();
        out.flush().unwrap();
    };
    say("ready");
    let books = open(Path::new(&folder));
    for number in first.parse::<u64>().unwrap().. {
        let record = record(number);
        books.record(&record).unwrap();
        say(&format!("issued {number}"));
        if number % 5 == 0 {
            books.revoke(&Revoke::Certificate(record.fingerprint), &saying()).unwrap();
            say(&format!("revoked {number}"));
        }
    }
}

fn start(folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cert_ledger::crash::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child said before it was killed, so long after it was ready.
fn killed_after(mut child: Child, wait: Duration) -> Vec<String> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("@ ready") {
        line.clear();
        let read = out.read_line(&mut line).unwrap();
        assert_ne!(read, 0, "the child ended before it began");
    }
    thread::sleep(wait);
    child.kill().unwrap();
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    child.wait().unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    // The last line may be half a line.
    let whole = said.rfind('\n').and_then(|end| said.get(..end)).unwrap_or_default();
    whole.lines().filter_map(|line| line.strip_prefix("@ ")).map(str::to_owned).collect()
}

/// Everything that was said holds.
fn check(folder: &Path, said: &[String]) {
    // Servers read the file as it is, whatever the crash left at its end: they know before anybody
    // repairs anything.
    let before = list(folder);
    for line in said {
        let (what, number) = line.split_once(' ').unwrap();
        let number: u64 = number.parse().unwrap();
        if what == "revoked" {
            assert!(is_refused(&before, &record(number)), "{line}");
        } else if !number.is_multiple_of(5) {
            assert!(!is_refused(&before, &record(number)), "{line}");
        }
    }
    let books = open(folder);
    let list = list(folder);
    for line in said {
        let (what, number) = line.split_once(' ').unwrap();
        let record = record(number.parse().unwrap());
        let held = books.find(&record.fingerprint).unwrap();
        let held = held.unwrap_or_else(|| panic!("{line}, and the ledger does not know"));
        if what == "revoked" {
            assert!(held.revoked.is_some() && is_refused(&list, &record), "{line}");
        }
    }
    // What the ledger knows and what servers are told is the same, also of what was not said.
    let compare = |record: CertificateRecord| {
        assert_eq!(is_refused(&list, &record), record.revoked.is_some(), "{record:?}");
        Ok::<(), LedgerFileError>(())
    };
    books.for_each(compare).unwrap();
    assert_eq!(books.sync().unwrap(), 0);
}

#[test]
fn killed_at_any_point_nothing_that_was_handed_out_is_lost() {
    const ROUNDS: u64 = 25;
    const ENOUGH: Duration = Duration::from_secs(20);

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let all = Revoke::User { name: "jane".to_owned(), issued_before: Some(NOW) };
    open(folder).revoke(&all, &saying()).unwrap();
    let begun = Instant::now();
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let mut said = Vec::new();
    for round in 0..ROUNDS {
        if begun.elapsed() > ENOUGH {
            println!("after {round} rounds this machine is too slow for more");
            break;
        }
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Up to so long after it was ready: opening, too, is interrupted.
        let wait = Duration::from_micros(u64::from(seed >> 8) % 250_000);
        said.extend(killed_after(start(folder, round * 1_000_000), wait));
        check(folder, &said);
    }
    assert!(said.iter().any(|line| line.starts_with("revoked")), "nothing was done in time");
    assert_eq!(names(folder), ["ledger.redb", "revocations.ndjson"]);
    println!("{} calls survived {:?}", said.len(), begun.elapsed());
}

#[test]
fn killed_while_it_begins_a_ledger_it_leaves_none_or_a_whole_one() {
    for round in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let said = killed_after(start(folder, 1), Duration::from_micros(700 * round));
        let is_there = ledger(folder).exists();
        let books = open(folder);
        assert!(is_there || said.is_empty());
        let held = books.len().unwrap();
        let issued = said.iter().filter(|line| line.starts_with("issued")).count();
        assert!(held >= u64::try_from(issued).unwrap(), "{said:?}");
        // A draft may lie there, under a name that nobody looks for.
        let others: Vec<String> = names(folder)
            .into_iter()
            .filter(|name| name != "ledger.redb" && name != "revocations.ndjson")
            .collect();
        assert!(others.iter().all(|name| name.starts_with(".ledger.redb.")), "{others:?}");
    }
}
