use std::fs;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use super::*;
use crate::crypto::certificate::Certificate;
use crate::model::{CREDENTIAL_ID, PresentedCertificate, Revocation, Revocations, User};
use crate::pki::ledger::{CertificateState, Provenance, RecordSource};

/// 2026-01-01, when the certificates here begin.
const BEGIN: i64 = 1_767_225_600;
const NOW: i64 = BEGIN + 1_000_000;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.redb")
    }

    fn revocations(&self) -> PathBuf {
        self.folder.path().join("revocations.ndjson")
    }

    fn try_open(&self, mode: OpenMode) -> Result<LedgerFile, LedgerFileError> {
        let (ledger, revocations) = (self.ledger(), self.revocations());
        let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
        LedgerFile::open_within(&paths, mode, Duration::from_millis(60))
    }

    fn open(&self) -> LedgerFile {
        self.try_open(OpenMode::Write).unwrap()
    }

    fn entries(&self) -> Vec<Revocation> {
        let entries = RevocationFile::new(self.revocations()).entries().unwrap();
        entries.into_iter().map(|entry| entry.what).collect()
    }

    fn list(&self) -> Revocations {
        RevocationFile::new(self.revocations()).read().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A record that names no real certificate.
fn record(number: u8, user: &str, groups: &[&str]) -> CertificateRecord {
    CertificateRecord {
        fingerprint: Fingerprint::from_bytes([number; 32]),
        serial: vec![0x0a, number],
        issuer: "CN=ca".to_owned(),
        subject: format!("CN={user}"),
        user: user.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        uid: None,
        not_before: NOW - 300,
        not_after: NOW + 1000 + i64::from(number),
        recorded_at: NOW,
        source: RecordSource::Issued,
        signer: String::new(),
        requester: None,
        decision: String::new(),
        request_name: String::new(),
        key: String::new(),
        certificate: vec![number],
        revoked: None,
    }
}

fn at(record: CertificateRecord, recorded_at: i64) -> CertificateRecord {
    CertificateRecord { recorded_at, not_before: recorded_at - 300, ..record }
}

const fn saying(at: i64) -> Saying<'static> {
    Saying { at, reason: "keyCompromise", by: "ops" }
}

fn user(name: &str) -> Revoke {
    Revoke::User { name: name.to_owned(), issued_before: None }
}

/// Whether an authorizer that reads the list refuses its bearer.
fn is_refused(list: &Revocations, record: &CertificateRecord) -> bool {
    let mut user = User::new(&record.user).with_groups(&record.groups);
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![record.fingerprint.credential_id()]);
    list.of_user(&user).is_some()
}

fn fingerprints(records: &[CertificateRecord]) -> Vec<u8> {
    records.iter().map(|record| record.fingerprint.as_bytes()[0]).collect()
}

/// An authority and a certificate of its, with this number.
fn real(authority: &str, number: u8) -> CertificateRecord {
    let key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, authority);
    let issuer = Issuer::from_params(&ca, &key);
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name.push(DnType::CommonName, "jane");
    leaf.distinguished_name.push(DnType::OrganizationName, "dev");
    leaf.serial_number = Some(SerialNumber::from(vec![number]));
    leaf.not_before = date_time_ymd(2026, 1, 1);
    leaf.not_after = date_time_ymd(2030, 1, 1);
    let issued = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    CertificateRecord::of_certificate(issued.der(), Provenance::imported(NOW)).unwrap()
}

// ---- recording and looking up -------------------------------------------------------------------

#[test]
fn what_is_recorded_is_found_in_every_way_also_after_reopening() {
    let place = Place::new();
    let records = [
        record(1, "jane", &["dev", "ops", "dev"]),
        record(2, "jane", &[]),
        record(3, "joe", &["dev"]),
    ];
    let books = place.open();
    for record in &records {
        assert_eq!(books.record(record).unwrap(), Recorded::New);
    }
    drop(books);
    for mode in [OpenMode::Read, OpenMode::Write] {
        let books = place.try_open(mode).unwrap();
        assert_eq!(books.len().unwrap(), 3);
        assert_eq!(books.find(&records[0].fingerprint).unwrap().as_ref(), Some(&records[0]));
        assert_eq!(books.find(&Fingerprint::from_bytes([9; 32])).unwrap(), None);
        assert_eq!(fingerprints(&books.of_user("jane").unwrap()), [1, 2]);
        assert_eq!(fingerprints(&books.of_user("jan").unwrap()), [0; 0]);
        assert_eq!(fingerprints(&books.of_group("dev").unwrap()), [1, 3]);
        assert_eq!(fingerprints(&books.of_serial(&[0x0a, 2]).unwrap()), [2]);
        assert_eq!(fingerprints(&books.of_serial(&[2]).unwrap()), [0; 0]);
        assert_eq!(fingerprints(&books.ending(NOW + 1002, NOW + 1003).unwrap()), [2, 3]);
        assert_eq!(fingerprints(&books.ending(NOW + 1004, i64::MAX).unwrap()), [0; 0]);
        let mut all = Vec::new();
        let collected = books.for_each(|record| {
            all.push(record);
            Ok::<(), LedgerFileError>(())
        });
        collected.unwrap();
        assert_eq!(all, records);
    }
}

#[test]
fn recording_again_changes_nothing() {
    let place = Place::new();
    let books = place.open();
    let first = record(1, "jane", &["dev"]);
    assert_eq!(books.record(&first).unwrap(), Recorded::New);
    let again =
        CertificateRecord { decision: "another".to_owned(), recorded_at: 0, ..first.clone() };
    assert_eq!(books.record(&again).unwrap(), Recorded::Known);
    assert_eq!(books.find(&first.fingerprint).unwrap(), Some(first.clone()));
    // In one batch, too.
    let batch = [record(2, "joe", &[]), record(2, "joe", &[]), first];
    let done = books.record_all(&batch).unwrap();
    assert_eq!(done, [Recorded::New, Recorded::Known, Recorded::Known]);
    assert_eq!(books.len().unwrap(), 2);
}

#[test]
fn a_record_that_claims_to_be_revoked_is_not() {
    let place = Place::new();
    let books = place.open();
    let claims = CertificateRecord { revoked: Some(saying_record()), ..record(1, "jane", &[]) };
    books.record(&claims).unwrap();
    assert_eq!(books.find(&claims.fingerprint).unwrap().unwrap().revoked, None);
}

fn saying_record() -> crate::pki::ledger::RevokedRecord {
    crate::pki::ledger::RevokedRecord { at: NOW, reason: String::new(), by: String::new() }
}

#[test]
fn beginnings_of_fingerprints_and_numbers_are_found_of_any_length() {
    let place = Place::new();
    let books = place.open();
    books
        .record_all(&[record(0x1a, "a", &[]), record(0x1b, "b", &[]), record(0xa1, "c", &[])])
        .unwrap();
    for (digits, found) in [
        ("1", vec![0x1a, 0x1b]),
        ("1a", vec![0x1a]),
        ("1a1", vec![0x1a]),
        (&"1b".repeat(32), vec![0x1b]),
        // Their numbers begin with 0a.
        ("0a", vec![0x1a, 0x1b, 0xa1]),
        ("0aa1", vec![0xa1]),
        ("a", vec![0xa1]),
        ("2", vec![]),
        ("ff", vec![]),
        ("zz", vec![]),
    ] {
        assert_eq!(fingerprints(&books.beginning_with(digits).unwrap()), found, "{digits}");
    }
}

#[test]
fn a_ledger_that_is_read_is_not_changed_and_one_that_is_absent_is_not_made() {
    let place = Place::new();
    let error = place.try_open(OpenMode::Read).unwrap_err();
    assert!(matches!(error, LedgerFileError::Absent { .. }), "{error}");
    assert_eq!(place.names(), [""; 0]);
    place.open().record(&record(1, "jane", &[])).unwrap();
    let before = fs::read(place.ledger()).unwrap();
    let books = place.try_open(OpenMode::Read).unwrap();
    let error = books.revoke(&user("jane"), &saying(NOW)).unwrap_err();
    assert!(matches!(error, LedgerFileError::OpenedForReading { .. }), "{error}");
    assert!(books.record(&record(2, "jane", &[])).is_err());
    drop(books);
    assert_eq!(fs::read(place.ledger()).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_new_ledger() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    drop(place.open());
    let mode = fs::metadata(place.ledger()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.names(), ["ledger.redb", "revocations.ndjson"]);
}

// ---- revoking -----------------------------------------------------------------------------------

#[test]
fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let place = Place::new();
    let books = place.open();
    let (bad, good) = (record(1, "jane", &[]), record(2, "jane", &[]));
    books.record_all(&[bad.clone(), good.clone()]).unwrap();
    let outcome = books.revoke(&Revoke::Certificate(bad.fingerprint), &saying(NOW)).unwrap();
    assert!(outcome.is_new && !outcome.is_by_number);
    assert_eq!((fingerprints(&outcome.revoked), outcome.already.len()), (vec![1], 0));
    let found = books.find(&bad.fingerprint).unwrap().unwrap();
    assert_eq!(found.state(NOW), CertificateState::Revoked);
    assert_eq!(found.revoked.unwrap().reason, "keyCompromise");
    assert_eq!(books.find(&good.fingerprint).unwrap().unwrap().state(NOW), CertificateState::Valid);
    assert_eq!(fingerprints(&books.revoked().unwrap()), [1]);
    let list = place.list();
    assert!(is_refused(&list, &bad) && !is_refused(&list, &good));
}

#[test]
fn revoking_again_says_so_and_keeps_what_was_said_first() {
    let place = Place::new();
    let books = place.open();
    let one = record(1, "jane", &[]);
    books.record(&one).unwrap();
    let what = Revoke::Certificate(one.fingerprint);
    books.revoke(&what, &saying(NOW)).unwrap();
    let outcome =
        books.revoke(&what, &Saying { at: NOW + 9, reason: "other", by: "else" }).unwrap();
    assert!(!outcome.is_new && outcome.revoked.is_empty());
    assert_eq!(fingerprints(&outcome.already), [1]);
    assert_eq!(outcome.already[0].revoked.as_ref().unwrap().at, NOW);
    assert_eq!(place.entries().len(), 1);
}

#[test]
fn a_fingerprint_that_nobody_recorded_is_revoked_too_and_stays_so_when_it_is_recorded() {
    let place = Place::new();
    let books = place.open();
    let one = record(1, "jane", &[]);
    let outcome = books.revoke(&Revoke::Certificate(one.fingerprint), &saying(NOW)).unwrap();
    assert!(outcome.is_new && outcome.revoked.is_empty());
    assert!(is_refused(&place.list(), &one));
    books.record(&one).unwrap();
    assert!(books.find(&one.fingerprint).unwrap().unwrap().revoked.is_some());
}

#[test]
fn a_user_is_refused_with_old_certificates_known_or_not_and_accepted_with_new_ones() {
    let place = Place::new();
    let books = place.open();
    let old = record(1, "jane", &["dev"]);
    let other = record(2, "joe", &["dev"]);
    let unknown = record(3, "jane", &[]);
    books.record_all(&[old.clone(), other.clone()]).unwrap();
    let outcome = books.revoke(&user("jane"), &saying(NOW)).unwrap();
    assert_eq!(fingerprints(&outcome.revoked), [1]);
    let list = place.list();
    assert!(is_refused(&list, &old) && is_refused(&list, &unknown) && !is_refused(&list, &other));

    // In the same second, even with a clock that goes backwards.
    let new = at(record(4, "jane", &["dev"]), NOW - 5);
    books.record(&new).unwrap();
    let list = place.list();
    assert!(!is_refused(&list, &new) && is_refused(&list, &old) && is_refused(&list, &unknown));
    assert_eq!(books.find(&new.fingerprint).unwrap().unwrap().revoked, None);
    // What other users get is nobody's business.
    books.record(&record(5, "joe", &["dev"])).unwrap();
    assert_eq!(place.entries().len(), 2);

    // A second time, the new one is old.
    let outcome = books.revoke(&user("jane"), &saying(NOW + 60)).unwrap();
    assert_eq!(
        (fingerprints(&outcome.revoked), fingerprints(&outcome.already)),
        (vec![4], vec![1])
    );
    assert!(is_refused(&place.list(), &new));
}

#[test]
fn a_group_is_refused_with_old_certificates_and_accepted_with_new_ones() {
    let place = Place::new();
    let books = place.open();
    let (old, other) = (record(1, "jane", &["ops", "dev"]), record(2, "joe", &["ops"]));
    books.record_all(&[old.clone(), other.clone()]).unwrap();
    let what = Revoke::Group { name: "dev".to_owned(), issued_before: None };
    assert_eq!(fingerprints(&books.revoke(&what, &saying(NOW)).unwrap().revoked), [1]);
    let new = record(3, "joe", &["dev"]);
    books.record(&new).unwrap();
    let list = place.list();
    assert!(is_refused(&list, &old) && !is_refused(&list, &other) && !is_refused(&list, &new));
    assert!(is_refused(&list, &record(9, "anybody", &["dev"])));
    assert_eq!(fingerprints(&books.revoked().unwrap()), [1]);
}

#[test]
fn certificates_that_are_known_to_be_issued_at_the_time_or_later_are_spared() {
    let place = Place::new();
    let books = place.open();
    let before = at(record(1, "jane", &[]), NOW - 1);
    let just = at(record(2, "jane", &[]), NOW);
    // Of an imported one only the beginning is known.
    let imported = |number, not_before| CertificateRecord {
        source: RecordSource::Imported,
        not_before,
        ..at(record(number, "jane", &[]), NOW + 50)
    };
    let (early, late) = (imported(3, NOW - 1), imported(4, NOW));
    let all = [before, just, early, late];
    books.record_all(&all).unwrap();
    let what = Revoke::User { name: "jane".to_owned(), issued_before: Some(NOW) };
    let outcome = books.revoke(&what, &saying(NOW + 100)).unwrap();
    assert_eq!(fingerprints(&outcome.revoked), [1, 3]);
    assert_eq!(fingerprints(&outcome.spared), [2, 4]);
    let list = place.list();
    let refused: Vec<bool> = all.iter().map(|record| is_refused(&list, record)).collect();
    assert_eq!(refused, [true, false, true, false]);
    // The same for what is seen only later.
    let (early, late) = (imported(5, NOW - 1), imported(6, NOW));
    books.record_all(&[early.clone(), late.clone()]).unwrap();
    let list = place.list();
    assert!(is_refused(&list, &early) && !is_refused(&list, &late));
    assert!(books.find(&early.fingerprint).unwrap().unwrap().revoked.is_some());
    assert!(books.find(&late.fingerprint).unwrap().unwrap().revoked.is_none());
    // Said again it is old.
    let again = books.revoke(&what, &saying(NOW + 200)).unwrap();
    assert!(!again.is_new && again.revoked.is_empty());
    assert_eq!(
        (fingerprints(&again.already), fingerprints(&again.spared)),
        (vec![1, 3, 5], vec![2, 4, 6])
    );
}

#[test]
fn certificates_that_are_yet_to_be_issued_cannot_be_revoked() {
    let place = Place::new();
    let books = place.open();
    let what = |issued_before| Revoke::User { name: "jane".to_owned(), issued_before };
    let error = books.revoke(&what(Some(NOW + 1)), &saying(NOW)).unwrap_err();
    assert!(matches!(error, LedgerFileError::CutoffInFuture), "{error}");
    assert!(place.entries().is_empty());
    assert!(books.revoke(&what(Some(NOW)), &saying(NOW)).unwrap().is_new);
}

#[test]
fn asking_what_would_be_revoked_revokes_nothing() {
    let place = Place::new();
    let books = place.open();
    books.record(&record(1, "jane", &[])).unwrap();
    let would = books.would_revoke(&user("jane"), &saying(NOW)).unwrap();
    assert_eq!(fingerprints(&would.revoked), [1]);
    assert!(place.entries().is_empty() && books.revoked().unwrap().is_empty());
    assert_eq!(books.revoke(&user("jane"), &saying(NOW)).unwrap(), would);
}

// ---- numbers ------------------------------------------------------------------------------------

#[test]
fn a_number_of_one_issuer_is_enough_and_one_of_two_is_not() {
    let place = Place::new();
    let books = place.open();
    let (one, other) = (real("one", 7), real("other", 7));
    assert_eq!((one.user.as_str(), one.groups.as_slice()), ("jane", &["dev".to_owned()][..]));
    assert_eq!((one.serial.as_slice(), one.not_before), (&[7][..], BEGIN));
    let number = |issuer: Option<&CertificateRecord>| Revoke::Serial {
        serial: vec![7],
        issuer: issuer.map(|record| {
            Certificate::from_der(&record.certificate).unwrap().issuer_der().to_vec()
        }),
    };
    let error = books.revoke(&number(None), &saying(NOW)).unwrap_err();
    assert!(matches!(error, LedgerFileError::UnknownSerial { .. }), "{error}");
    books.record_all(&[one.clone(), other.clone()]).unwrap();
    let error = books.revoke(&number(None), &saying(NOW)).unwrap_err();
    assert!(matches!(error, LedgerFileError::AmbiguousSerial { .. }), "{error}");
    let outcome = books.revoke(&number(Some(&one)), &saying(NOW)).unwrap();
    assert_eq!(outcome.revoked.len(), 1);
    let list = place.list();
    assert!(is_refused(&list, &one) && !is_refused(&list, &other));
    // Its other forms with it.
    let read = Certificate::from_der(&one.certificate).unwrap();
    let forms = [one.fingerprint].into_iter().chain(read.aliases());
    let forms = forms.map(|fingerprint| Revocation::Certificate { fingerprint });
    assert_eq!(place.entries(), forms.collect::<Vec<_>>());
}

#[test]
fn a_certificate_whose_signature_is_written_anew_is_refused_however_it_was_revoked() {
    let said_first = [false, true];
    for (number, by_fingerprint) in [(7, true), (8, false)] {
        for is_first in said_first {
            let place = Place::new();
            let books = place.open();
            let (one, other) = (real("one", number), real("one", number + 1));
            let read = Certificate::from_der(&one.certificate).unwrap();
            let what = if by_fingerprint {
                Revoke::Certificate(one.fingerprint)
            } else {
                let issuer = Some(read.issuer_der().to_vec());
                Revoke::Serial { serial: vec![number], issuer }
            };
            if is_first {
                books.revoke(&what, &saying(NOW)).unwrap();
                books.record(&one).unwrap();
            } else {
                books.record(&one).unwrap();
                books.revoke(&what, &saying(NOW)).unwrap();
            }
            books.record(&other).unwrap();
            let list = place.list();
            assert!(is_refused(&list, &one) && !is_refused(&list, &other));
            let aliases = read.aliases();
            assert_eq!(aliases.len(), 5);
            for fingerprint in aliases {
                assert!(is_refused(&list, &CertificateRecord { fingerprint, ..one.clone() }));
            }
            for fingerprint in Certificate::from_der(&other.certificate).unwrap().aliases() {
                assert!(!is_refused(&list, &CertificateRecord { fingerprint, ..other.clone() }));
            }
        }
    }
}

#[test]
fn a_number_that_nobody_recorded_is_revoked_and_its_fingerprint_as_soon_as_it_is_seen() {
    let place = Place::new();
    let books = place.open();
    let one = real("one", 7);
    let read = Certificate::from_der(&one.certificate).unwrap();
    let what = Revoke::Serial { serial: vec![7], issuer: Some(read.issuer_der().to_vec()) };
    let outcome = books.revoke(&what, &saying(NOW)).unwrap();
    assert!(outcome.is_new && outcome.is_by_number);
    let list = place.list();
    let presented = PresentedCertificate {
        fingerprint: one.fingerprint,
        issuer: read.issuer_der(),
        serial: &[7],
        user: "jane",
        groups: &[],
        not_before: BEGIN,
    };
    assert!(list.of_certificate(&presented).is_some() && !is_refused(&list, &one));
    assert!(!books.revoke(&what, &saying(NOW + 1)).unwrap().is_new);
    let numbers = books.revoked_of_issuer(read.issuer_der()).unwrap();
    assert_eq!(
        (numbers.len(), numbers[0].serial.as_slice(), numbers[0].said.at),
        (1, &[7][..], NOW)
    );

    books.record(&one).unwrap();
    assert!(is_refused(&place.list(), &one));
    assert_eq!(books.find(&one.fingerprint).unwrap().unwrap().revoked.unwrap().at, NOW);
    // Still one number.
    assert_eq!(books.revoked_of_issuer(read.issuer_der()).unwrap(), numbers);
    assert_eq!(books.revoked_of_issuer(b"another").unwrap(), []);
}

#[test]
fn numbers_of_crls_only_grow() {
    let place = Place::new();
    let books = place.open();
    assert_eq!((books.next_crl_number().unwrap(), books.next_crl_number().unwrap()), (1, 2));
    drop(books);
    assert_eq!(place.open().next_crl_number().unwrap(), 3);
}

// ---- the revocation file ------------------------------------------------------------------------

#[test]
fn a_revocation_file_that_was_lost_or_cut_comes_back() {
    let place = Place::new();
    let books = place.open();
    books.record_all(&[record(1, "jane", &[]), record(2, "joe", &[])]).unwrap();
    books.revoke(&user("jane"), &saying(NOW)).unwrap();
    books.revoke(&Revoke::Certificate(Fingerprint::from_bytes([2; 32])), &saying(NOW)).unwrap();
    books.record(&record(3, "jane", &[])).unwrap();
    drop(books);
    let whole = fs::read(place.revocations()).unwrap();
    assert_eq!(place.entries().len(), 3);
    fs::remove_file(place.revocations()).unwrap();
    drop(place.open());
    assert_eq!(fs::read(place.revocations()).unwrap(), whole);
    for length in (0..whole.len()).step_by(41) {
        fs::write(place.revocations(), &whole[..length]).unwrap();
        drop(place.open());
        assert_eq!(fs::read(place.revocations()).unwrap(), whole, "{length}");
    }
    // What others appended stays, and is not said again.
    let more = [&whole[..], b"\n"].concat();
    fs::write(place.revocations(), &more).unwrap();
    drop(place.open());
    assert_eq!(fs::read(place.revocations()).unwrap(), more);
}

#[test]
fn what_could_not_be_appended_is_appended_by_the_next_call() {
    let place = Place::new();
    let books = place.open();
    books.record(&record(1, "jane", &[])).unwrap();
    fs::remove_file(place.revocations()).unwrap();
    fs::create_dir(place.revocations()).unwrap();
    let error = books.revoke(&user("jane"), &saying(NOW)).unwrap_err();
    assert!(matches!(error, LedgerFileError::Revocations(_)), "{error}");
    // It is in the ledger, and a new certificate of hers is not handed out.
    assert_eq!(fingerprints(&books.revoked().unwrap()), [1]);
    let new = record(2, "jane", &[]);
    let error = books.record(&new).unwrap_err();
    assert!(matches!(error, LedgerError::Record(_)), "{error}");
    assert!(place.try_open(OpenMode::Write).is_err());
    fs::remove_dir(place.revocations()).unwrap();
    assert_eq!(books.record(&new).unwrap(), Recorded::Known);
    assert_eq!(place.entries().len(), 2);
    assert!(!is_refused(&place.list(), &new));
}

#[test]
fn a_file_that_is_no_revocation_list_is_left_alone() {
    let place = Place::new();
    fs::write(place.revocations(), "keep me\n").unwrap();
    assert!(matches!(place.try_open(OpenMode::Write), Err(LedgerFileError::Revocations(_))));
    assert_eq!(fs::read(place.revocations()).unwrap(), b"keep me\n");
}

// ---- foreign and damaged files ------------------------------------------------------------------

#[test]
fn one_process_at_a_time_and_a_clear_word_about_it() {
    let place = Place::new();
    let books = place.open();
    for mode in [OpenMode::Read, OpenMode::Write] {
        let error = place.try_open(mode).unwrap_err();
        assert!(matches!(error, LedgerFileError::Busy { .. }), "{error}");
    }
    drop(books);
    let reader = place.try_open(OpenMode::Read).unwrap();
    assert!(place.try_open(OpenMode::Read).is_ok());
    let error = place.try_open(OpenMode::Write).unwrap_err();
    assert!(matches!(error, LedgerFileError::Busy { .. }), "{error}");
    drop(reader);
    place.open();
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let other_store = {
        let path = place.folder.path().join("other");
        let database = redb::Database::create(&path).unwrap();
        drop(database);
        fs::read(path).unwrap()
    };
    for content in [&b""[..], b"{}", b"redb", &[0; 100_000], &other_store] {
        fs::write(place.ledger(), content).unwrap();
        for mode in [OpenMode::Read, OpenMode::Write] {
            let error = place.try_open(mode).unwrap_err();
            let is_said =
                matches!(error, LedgerFileError::Foreign { .. } | LedgerFileError::Damaged { .. });
            assert!(is_said, "{} bytes: {error}", content.len());
            assert_eq!(fs::read(place.ledger()).unwrap(), content, "{error}");
        }
    }
    fs::remove_file(place.ledger()).unwrap();
    fs::create_dir(place.ledger()).unwrap();
    assert!(place.try_open(OpenMode::Write).is_err());
}

#[test]
fn a_ledger_of_a_later_version_is_refused_and_left_as_it_is() {
    let place = Place::new();
    drop(place.open());
    let database = redb::Database::open(place.ledger()).unwrap();
    let write = schema::begin(&database).unwrap();
    Books::open(&write).unwrap().meta.insert(schema::meta::SCHEMA, 2).unwrap();
    write.commit().unwrap();
    drop(database);
    let before = fs::read(place.ledger()).unwrap();
    for mode in [OpenMode::Read, OpenMode::Write] {
        let error = place.try_open(mode).unwrap_err();
        assert!(matches!(error, LedgerFileError::Newer { found: 2, known: 1, .. }), "{error}");
    }
    assert_eq!(fs::read(place.ledger()).unwrap(), before);
}

/// Whatever is wrong with the file, there is an answer or an error: no panic gets out, and nothing
/// hangs.
#[test]
fn a_damaged_ledger_is_an_error_or_an_answer_and_never_a_panic() {
    let place = Place::new();
    let books = place.open();
    let many: Vec<_> = (0..40).map(|number| record(number, "jane", &["dev"])).collect();
    books.record_all(&many).unwrap();
    books.revoke(&user("jane"), &saying(NOW)).unwrap();
    drop(books);
    let whole = fs::read(place.ledger()).unwrap();
    // Quiet: the store's own panics are caught, but the hook prints them first.
    let mut seed = 1_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap()
    };
    let mut errors = 0;
    for turn in 0..60 {
        let mut bytes = whole.clone();
        if turn % 4 == 0 {
            bytes.truncate(next() % whole.len());
        } else {
            for _ in 0..=(turn % 8) {
                // Often in the header.
                let within = if turn % 3 == 0 { 512 } else { whole.len() };
                let at = next() % within;
                bytes[at] ^= u8::try_from(next() % 255).unwrap() + 1;
            }
        }
        fs::write(place.ledger(), &bytes).unwrap();
        for mode in [OpenMode::Read, OpenMode::Write] {
            let Ok(books) = place.try_open(mode) else {
                errors += 1;
                continue;
            };
            let _ = books.of_user("jane");
            let _ = books.revoked();
            let _ = books.for_each(|_| Ok::<(), LedgerFileError>(()));
            let _ = books.record(&record(50, "jane", &[]));
        }
    }
    assert!(errors > 0, "nothing was damaged");
}

#[test]
fn a_renewal_of_a_login_before_a_revocation_is_revoked_with_it_and_a_login_after_it_is_not() {
    use crate::pki::issue::LOGIN_SIGNER;
    use crate::pki::validity::BACKDATE;

    let place = Place::new();
    let ledger = place.open();
    let what = Revoke::User { name: "jane".to_owned(), issued_before: None };
    ledger.revoke(&what, &Saying { at: NOW, reason: "", by: "" }).unwrap();
    for (number, since) in [(1, NOW - 600), (2, NOW + 5)] {
        let certificate = CertificateRecord {
            signer: LOGIN_SIGNER.to_owned(),
            recorded_at: NOW + 5,
            not_before: since - BACKDATE,
            ..record(number, "jane", &[])
        };
        ledger.record(&certificate).unwrap();
    }
    let list = place.list();
    let is_revoked = |number| {
        let mut jane = User::new("jane");
        let id = Fingerprint::from_bytes([number; 32]).credential_id();
        jane.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
        list.of_user(&jane).is_some()
    };
    assert!(is_revoked(1));
    assert!(!is_revoked(2));
}
