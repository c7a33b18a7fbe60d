use serde_json::json;

use super::chunk::{Chunk, FULL_CHUNK, LONGEST_LINE, Seen};
use super::options::{FactKind, FactsOptions};
use super::union::{News, Union};

fn seen(text: &str) -> Option<Seen> {
    Some(Seen { text: text.to_owned(), ..Seen::default() })
}

fn replacing(text: &str, names: &[&str]) -> Option<Seen> {
    let replaces = names.iter().map(|name| (*name).to_owned()).collect();
    Some(Seen { text: text.to_owned(), replaces, ..Seen::default() })
}

/// One change; the lines that are told, and whether they are all that counts.
fn change(union: &mut Union, name: &str, seen: Option<Seen>) -> (Vec<String>, bool) {
    match union.change([(name.to_owned(), seen)]) {
        News::More(facts) => (facts.into_iter().map(|fact| fact.line).collect(), false),
        News::Other(facts) => {
            let mut lines: Vec<String> = facts.into_iter().map(|fact| fact.line).collect();
            lines.sort();
            (lines, true)
        }
    }
}

fn more(lines: &[&str]) -> (Vec<String>, bool) {
    (lines.iter().map(|line| (*line).to_owned()).collect(), false)
}

fn all(lines: &[&str]) -> (Vec<String>, bool) {
    (lines.iter().map(|line| (*line).to_owned()).collect(), true)
}

#[test]
fn what_was_added_is_told_and_nothing_else() {
    let mut union = Union::default();
    assert_eq!(change(&mut union, "a", seen("1\n2\n")), more(&["1", "2"]));
    assert_eq!(change(&mut union, "a", seen("1\n2\n\n3\n")), more(&["3"]));
    assert_eq!(change(&mut union, "b", seen("4")), more(&["4"]));
    // A line without an end was only half of it.
    assert_eq!(change(&mut union, "b", seen("45\n")), more(&["45"]));
    assert_eq!(change(&mut union, "a", seen("1\n2\n\n3\n")), more(&[]));
    assert_eq!((union.chunks(), union.kept()), (2, 1));
}

#[test]
fn what_is_taken_out_or_deleted_goes_on_counting() {
    let mut union = Union::default();
    change(&mut union, "a", seen("1\n2\n"));
    assert_eq!(change(&mut union, "a", seen("2\n3\n")), more(&["2", "3"]));
    assert_eq!(change(&mut union, "a", None), more(&[]));
    assert_eq!((union.chunks(), union.kept()), (0, 3));
    // Nobody has replaced it: whatever else comes, it stays.
    assert_eq!(change(&mut union, "b", replacing("4\n", &["c"])), more(&["4"]));
    assert_eq!(union.kept(), 3);
}

#[test]
fn what_was_replaced_is_forgotten_once_it_is_gone_and_not_before() {
    let mut union = Union::default();
    change(&mut union, "a", seen("1\n2\n"));
    change(&mut union, "b", seen("3\n"));
    assert_eq!(change(&mut union, "new", replacing("2\n", &["a"])), more(&["2"]));
    // As long as `a` is there it counts.
    assert_eq!(change(&mut union, "a", None), all(&["2", "3"]));
    assert_eq!(union.kept(), 0);
    // The other order: gone first.
    change(&mut union, "b", None);
    assert_eq!(union.kept(), 1);
    assert_eq!(change(&mut union, "other", replacing("5\n", &["b"])), all(&["2", "5"]));
}

#[test]
fn one_that_replaces_itself_was_corrected() {
    let mut union = Union::default();
    change(&mut union, "a", seen("1\n2\n"));
    assert_eq!(change(&mut union, "a", replacing("2\n", &["a"])), all(&["2"]));
    assert_eq!(union.kept(), 0);
}

fn created(seen: Option<Seen>, at: &str) -> Option<Seen> {
    seen.map(|seen| Seen { created: format!("2026-11-26T08:00:{at}Z"), ..seen })
}

#[test]
fn one_that_replaces_another_does_not_stand_in_for_a_later_one_of_that_name() {
    let mut union = Union::default();
    change(&mut union, "a", created(seen("1\n2\n"), "00"));
    change(&mut union, "new", created(replacing("2\n", &["a"]), "10"));
    assert_eq!(change(&mut union, "a", None), all(&["2"]));
    // The writer begins with the same name again, and that is deleted by accident.
    change(&mut union, "a", created(seen("3\n"), "20"));
    assert_eq!(change(&mut union, "a", None), more(&[]));
    assert_eq!((union.chunks(), union.kept()), (1, 1));
    // Who is to go is replaced by something newer.
    let newer = created(replacing("2\n", &["a", "new"]), "30");
    assert_eq!(change(&mut union, "newer", newer), all(&["2", "2"]));
    assert_eq!(union.kept(), 0);
}

#[test]
fn what_was_replaced_is_forgotten_though_another_of_its_name_is_there_by_then() {
    let mut union = Union::default();
    change(&mut union, "a", created(seen("1\n"), "00"));
    // After a list that was long in coming.
    let both = [
        ("a".to_owned(), created(seen("3\n"), "20")),
        ("new".to_owned(), created(replacing("2\n", &["a"]), "10")),
    ];
    let News::Other(facts) = union.change(both) else { panic!("nothing was forgotten") };
    let lines: Vec<&str> = facts.iter().map(|fact| fact.line.as_str()).collect();
    assert_eq!((lines, union.kept()), (vec!["3", "2"], 0));
}

#[test]
fn a_configmap_that_says_something_elsewhere_is_told_from_an_empty_one() {
    for (value, is_strange) in [
        (json!({"data": {"revoked.ndjson": "x"}}), true),
        (json!({"binaryData": {"entries": "eA=="}}), true),
        (json!({"data": {"entries": "", "note": "x"}}), false),
        (json!({"data": {}}), false),
        (json!({}), false),
    ] {
        assert_eq!(Seen::of(&value).is_strange, is_strange, "{value}");
    }
}

#[test]
fn facts_of_now_are_not_kept() {
    let mut union = Union::of_now();
    for turn in 0..3 {
        change(&mut union, "a", seen(&format!("{turn}\n")));
    }
    assert_eq!((union.chunks(), union.kept()), (1, 0));
}

fn options() -> FactsOptions {
    FactsOptions::new("portcullis-system", "a")
}

#[test]
fn a_chunk_takes_lines_up_to_its_size_and_keeps_what_else_it_says() {
    let stored = json!({
        "kind": "ConfigMap",
        "metadata": {"name": "portcullis-issued-a-0007", "resourceVersion": "3", "annotations": {"x": "y"}},
        "data": {"entries": "by hand", "other": "kept"},
    });
    let mut chunk = Chunk::of(stored).unwrap();
    assert_eq!(chunk.number(FactKind::Issued, "a"), Some(7));
    assert_eq!(chunk.number(FactKind::Revocations, "a"), None);
    assert_eq!(chunk.add(&["1", "2"]), 2);
    assert_eq!(chunk.text(), "by hand\n1\n2\n");
    let value = chunk.as_value();
    assert_eq!(value["data"]["other"], "kept");
    assert_eq!(value["metadata"]["annotations"]["x"], "y");

    let mut chunk = Chunk::new(&options(), FactKind::Issued, 1);
    assert!(!chunk.is_stored());
    assert_eq!(chunk.name(), "portcullis-issued-a-0001");
    let line = "x".repeat(LONGEST_LINE);
    let lines = [line.as_str(); 10];
    let added = chunk.add(&lines);
    assert!(added > 0 && chunk.text().len() <= FULL_CHUNK, "{added}");
    assert_eq!(chunk.add(&lines), 0);
}

#[test]
fn a_closed_chunk_takes_nothing() {
    let closed = json!({"metadata": {"name": "a", "resourceVersion": "1"}, "immutable": true});
    assert_eq!(Chunk::of(closed).unwrap().add(&["1"]), 0);
    let open = json!({"metadata": {"name": "a", "resourceVersion": "1"}});
    assert_eq!(Chunk::of(open).unwrap().add(&["1"]), 1);
}

#[cfg(feature = "ledger")]
mod books {
    use super::super::ledger::{consequences, judged, line_of};
    use super::super::revoke::{KnownFacts, LiveRevokeError, revocation_of};
    use crate::crypto::authority::{
        Authority, AuthorityOptions, CertificateUsages, Leaf, SerialNumber,
    };
    use crate::crypto::certificate::Certificate;
    use crate::crypto::private_key::{KeyAlgorithm, PrivateKey};
    use crate::crypto::request::SigningRequest;
    use crate::crypto::subject::Subject;
    use crate::model::{Revocation, RevocationEntry, Revocations};
    use crate::pki::ledger::{CertificateRecord, Provenance, RecordSource};
    use crate::source::ledger::{Revoke, Saying};

    const NOW: i64 = 1_795_662_000;

    fn issued(user: &str, group: &str, at: i64) -> CertificateRecord {
        let key = || PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let options = AuthorityOptions {
            common_name: "ca".to_owned(),
            organizations: Vec::new(),
            not_before: 0,
            not_after: NOW * 2,
            path_length: Some(0),
        };
        let authority = Authority::self_signed(key(), &options).unwrap();
        let subject = Subject {
            common_name: user.to_owned(),
            organizations: vec![group.to_owned()],
            uid: None,
        };
        let request = SigningRequest::create(&key(), &subject).unwrap();
        let leaf = Leaf {
            request: &request,
            usages: CertificateUsages::client(),
            not_before: at - 300,
            not_after: at + 3_600,
            serial: SerialNumber::random().unwrap(),
        };
        let der = authority.issue(&leaf).unwrap();
        let provenance = Provenance {
            source: RecordSource::Issued,
            signer: "example.com/s".to_owned(),
            ..Provenance::imported(at)
        };
        CertificateRecord::of_certificate(der.der(), provenance).unwrap()
    }

    fn saying() -> Saying<'static> {
        Saying { at: NOW, reason: "keyCompromise", by: "ops" }
    }

    fn known(records: &[CertificateRecord], entries: &[RevocationEntry]) -> KnownFacts {
        let revocations: Revocations = entries.iter().cloned().collect();
        let records = records.iter().cloned().map(|record| judged(record, &revocations)).collect();
        KnownFacts { records, revocations, problems: Vec::new() }
    }

    fn read(lines: &[String]) -> Vec<RevocationEntry> {
        let read = |line: &String| {
            crate::source::revocations::read_line(line.as_bytes()).unwrap().unwrap()
        };
        lines.iter().map(read).collect()
    }

    #[test]
    fn a_user_is_revoked_with_all_that_was_issued_so_far_and_later_ones_are_spared() {
        let (old, new) = (issued("jane", "dev", NOW - 100), issued("jane", "dev", NOW - 10));
        let others = issued("joe", "dev", NOW - 100);
        let facts = known(&[old.clone(), new.clone(), others.clone()], &[]);
        let what = Revoke::User { name: "jane".to_owned(), issued_before: Some(NOW - 50) };
        let revocation = revocation_of(&what, &saying(), &facts).unwrap();
        let fingerprints = |records: &[CertificateRecord]| {
            records.iter().map(|it| it.fingerprint).collect::<Vec<_>>()
        };
        assert_eq!(fingerprints(&revocation.outcome.revoked), [old.fingerprint]);
        assert_eq!(fingerprints(&revocation.outcome.spared), [new.fingerprint]);
        assert!(revocation.outcome.is_new);

        let entries = read(&revocation.lines);
        let after = known(&[old, new, others], &entries);
        let revoked: Vec<bool> =
            after.records.iter().map(|record| record.revoked.is_some()).collect();
        assert_eq!(revoked, [true, false, false]);
        let future = Revoke::User { name: "jane".to_owned(), issued_before: Some(NOW + 1) };
        let refused = revocation_of(&future, &saying(), &after);
        assert!(matches!(refused, Err(LiveRevokeError::CutoffInFuture)));
    }

    #[test]
    fn a_certificate_is_revoked_in_every_form_and_only_once() {
        let record = issued("jane", "dev", NOW);
        let what = Revoke::Certificate(record.fingerprint);
        let revocation =
            revocation_of(&what, &saying(), &known(std::slice::from_ref(&record), &[])).unwrap();
        let entries = read(&revocation.lines);
        let aliases = Certificate::from_der(&record.certificate).unwrap().aliases();
        assert_eq!(entries.len(), 1 + aliases.len());
        assert_eq!(entries[0].what, Revocation::Certificate { fingerprint: record.fingerprint });
        assert_eq!((entries[0].reason.as_str(), entries[0].by.as_str()), ("keyCompromise", "ops"));

        let again = revocation_of(&what, &saying(), &known(&[record], &entries)).unwrap();
        assert_eq!(again.lines, Vec::<String>::new());
        assert_eq!(again.outcome.already.len(), 1);
        assert!(!again.outcome.is_new);
    }

    #[test]
    fn a_number_alone_is_enough_where_a_record_has_it() {
        let record = issued("jane", "dev", NOW);
        let number = |issuer| Revoke::Serial { serial: record.serial.clone(), issuer };
        let facts = known(std::slice::from_ref(&record), &[]);
        let revocation = revocation_of(&number(None), &saying(), &facts).unwrap();
        assert_eq!(revocation.outcome.revoked.len(), 1);
        let unknown = revocation_of(&number(None), &saying(), &known(&[], &[]));
        assert!(matches!(unknown, Err(LiveRevokeError::UnknownSerial { .. })));
        let named = revocation_of(&number(Some(vec![0x30, 0])), &saying(), &facts).unwrap();
        assert!(named.outcome.is_by_number);
    }

    #[test]
    fn a_certificate_that_is_entered_later_is_spared_or_named_as_earlier_revocations_mean_it() {
        let record = issued("jane", "dev", NOW);
        let none = Revocations::default();
        assert_eq!(consequences(&record, None, &none), []);
        // Issued after that was said, although the clock here is behind.
        let spared = consequences(&record, Some(NOW + 5), &none);
        let what = Revocation::Issued { fingerprint: record.fingerprint, at: NOW + 5 };
        assert_eq!(spared.iter().map(|it| &it.what).collect::<Vec<_>>(), [&what]);
        // Of one that was issued elsewhere only its own time counts.
        let imported = CertificateRecord { source: RecordSource::Imported, ..record.clone() };
        assert_eq!(consequences(&imported, Some(NOW + 5), &none), []);

        let certificate = Certificate::from_der(&record.certificate).unwrap();
        let what = Revocation::Serial {
            issuer: certificate.issuer_der().into(),
            serial: record.serial.as_slice().into(),
        };
        let entry = RevocationEntry { what, at: 5, reason: "lost".to_owned(), by: String::new() };
        let list: Revocations = [entry].into_iter().collect();
        let named = consequences(&record, None, &list);
        let what = Revocation::Certificate { fingerprint: record.fingerprint };
        assert_eq!((&named[0].what, named[0].at), (&what, 5));
        assert!(line_of(&named[0]).unwrap().contains("\"reason\":\"lost\""));
    }
}
