use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::line::HEADER;
use super::*;
use crate::model::{Fingerprint, Revocation, RevocationEntry, User};

/// A line that revokes the certificate with this fingerprint.
fn line(byte: u8) -> String {
    let fingerprint = Fingerprint::from_bytes([byte; 32]);
    format!(r#"{{"kind":"Certificate","fingerprint":"{fingerprint}","at":"2026-11-26T08:00:00Z"}}"#)
}

fn entry(byte: u8) -> RevocationEntry {
    RevocationEntry {
        what: Revocation::Certificate { fingerprint: Fingerprint::from_bytes([byte; 32]) },
        at: 1_795_680_000,
        reason: String::new(),
        by: String::new(),
    }
}

fn text(lines: &[&str]) -> String {
    [HEADER].iter().chain(lines).map(|line| format!("{line}\n")).collect()
}

/// A file that is followed, and a clock.
struct Followed {
    _folder: tempfile::TempDir,
    path: PathBuf,
    follower: RevocationFollower,
    now: Instant,
}

impl Followed {
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked.ndjson");
        fs::write(&path, content).unwrap();
        let now = Instant::now();
        let follower = RevocationFollower::open(&path, now).unwrap();
        Self { _folder: folder, path, follower, now }
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Writes another file and renames it over this one.
    fn replace(&self, text: &str) {
        let draft = self.path.with_extension("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(&draft, &self.path).unwrap();
    }

    fn poll(&mut self) -> Change {
        self.now += POLL_INTERVAL;
        self.follower.poll(self.now)
    }

    /// Looks when the file has rested.
    fn poll_later(&mut self) -> Change {
        self.now += RevocationFollower::SETTLED;
        self.follower.poll(self.now)
    }

    fn problem(&self) -> String {
        self.follower.problem().map(ToString::to_string).unwrap_or_default()
    }

    /// Which of the first ten fingerprints are refused.
    fn refused(&self) -> Vec<u8> {
        let is_refused = |byte: &u8| {
            let mut jane = User::new("jane");
            let id = Fingerprint::from_bytes([*byte; 32]).credential_id();
            jane.extra.insert(crate::model::CREDENTIAL_ID.to_owned(), vec![id]);
            self.follower.revocations().of_user(&jane).is_some()
        };
        (0..10).filter(is_refused).collect()
    }
}

const SAME: Change = Change { list: ListChange::Same, problem: ProblemChange::Same };
const EXTENDED: Change = Change { list: ListChange::Extended, problem: ProblemChange::Same };

// ---- the format --------------------------------------------------------------------------------

#[test]
fn every_kind_of_entry_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = RevocationFile::new(folder.path().join("revoked.ndjson"));
    let fingerprint = Fingerprint::from_bytes([0xab; 32]);
    let name = || "jane\n\"é\"".to_owned();
    let entries: Vec<RevocationEntry> = [
        Revocation::Certificate { fingerprint },
        Revocation::Serial { issuer: [0x30, 1, 2, 3].into(), serial: [1, 0, 255].into() },
        Revocation::Serial { issuer: [0x30, 0].into(), serial: [].into() },
        Revocation::Token { id: "2dK1-_".into() },
        Revocation::User { name: name(), issued_before: -1 },
        Revocation::Group { name: name(), issued_before: 1_795_680_000 },
        Revocation::Issued { fingerprint, at: 7 },
    ]
    .into_iter()
    .map(|what| RevocationEntry { what, at: 7, reason: "a\nb".to_owned(), by: String::new() })
    .collect();
    file.append(&entries[..2]).unwrap();
    file.append(&entries[2..]).unwrap();
    assert_eq!(file.entries().unwrap(), entries);
    assert_eq!(file.read().unwrap().len(), 6);
}

#[test]
fn times_are_rounded_so_that_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revoked.ndjson");
    let line = r#"{"kind":"User","name":"jane","issuedBefore":"1970-01-01T00:00:01.5Z","at":"1970-01-01T00:00:01.5Z"}"#;
    fs::write(&path, text(&[line])).unwrap();
    let read = RevocationFile::new(&path).entries().unwrap();
    assert_eq!(read[0].at, 1);
    assert_eq!(read[0].what, Revocation::User { name: "jane".to_owned(), issued_before: 2 });
}

#[test]
fn leading_zeros_of_a_serial_number_mean_nothing_and_blank_lines_neither() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revoked.ndjson");
    let serial = |digits: &str| {
        format!(
            r#"{{"kind":"Serial","issuer":"MAA=","serial":"{digits}","at":"1970-01-01T00:00:00Z"}}"#
        )
    };
    fs::write(&path, text(&[&serial("1FF"), "", &serial("0001ff"), "  ", &serial("0")])).unwrap();
    let numbers: Vec<_> = RevocationFile::new(&path)
        .entries()
        .unwrap()
        .into_iter()
        .map(|entry| match entry.what {
            Revocation::Serial { serial, .. } => serial.into_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [vec![1, 255], vec![1, 255], vec![]]);
}

#[test]
fn a_line_that_is_no_entry_is_refused_with_its_number_and_what_to_do() {
    let at = r#""at":"2026-11-26T08:00:00Z""#;
    let ab = "ab".repeat(32);
    for (bad, expected) in [
        ("revoke everything".to_owned(), "not an entry of a revocation list: expected value"),
        ("[]".to_owned(), "not an entry of a revocation list: "),
        ("{}".to_owned(), "missing field `kind`"),
        (format!(r#"{{"kind":"Certificates",{at}}}"#), "kind `Certificates` does not exist; use"),
        (format!(r#"{{"kind":"Certificate",{at}}}"#), "of kind `Certificate` needs `fingerprint`"),
        (format!(r#"{{"kind":"Certificate","fingerprint":"{ab}"}}"#), "needs `at`"),
        (format!(r#"{{"kind":"Certificate","fingerprint":"ab",{at}}}"#), "64 hexadecimal digits"),
        (
            format!(r#"{{"kind":"Certificate","fingerprint":"{ab}","at":"yesterday"}}"#),
            "`at` must be a time such as `2026-11-26T08:00:00Z`, but is `yesterday`",
        ),
        (
            format!(r#"{{"kind":"Certificate","fingerprint":"{ab}","name":"jane",{at}}}"#),
            "an entry of kind `Certificate` has no `name`; remove it",
        ),
        (
            format!(r#"{{"kind":"Certificate","fingerprint":"{ab}","user":"jane",{at}}}"#),
            "unknown field `user`",
        ),
        (
            format!(r#"{{"kind":"Certificate","fingerprint":"{ab}","fingerprint":"{ab}",{at}}}"#),
            "duplicate field `fingerprint`",
        ),
        (format!(r#"{{"kind":"User","name":"jane",{at}}}"#), "`User` needs `issuedBefore`"),
        (
            format!(r#"{{"kind":"Group","name":"","issuedBefore":"1970-01-01T00:00:00Z",{at}}}"#),
            "`name` must be not empty",
        ),
        (
            r#"{"kind":"User","name":"jane","issuedBefore":"9999-12-31T23:59:59.1Z","at":"2026-11-26T08:00:00Z"}"#.to_owned(),
            "`issuedBefore` must be a time",
        ),
        (
            format!(r#"{{"kind":"Certificate","fingerprint":"{ab}","at":"0000-01-01T00:00:00+01:00"}}"#),
            "`at` must be a time",
        ),
        (format!(r#"{{"kind":"Serial","issuer":"AA==","serial":"1",{at}}}"#), "DER of the issuer"),
        (format!(r#"{{"kind":"Serial","issuer":"MAA=","serial":"xy",{at}}}"#), "a number in hex"),
        (format!(r#"{{"kind":"Serial","issuer":"MAA=","serial":"",{at}}}"#), "a number in hex"),
        (HEADER.to_owned(), "unknown field `apiVersion`"),
        (format!("{}{}", line(1), line(2)), "trailing characters"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, text(&[&line(1), &bad, &line(2)])).unwrap();
        let error = RevocationFile::new(&path).entries().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}:3: ", path.display())), "{error}");
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        assert!(error.ends_with("; correct the line or remove it"), "{error}");
        RevocationFollower::open(&path, Instant::now()).unwrap_err();
    }
}

#[test]
fn a_file_without_the_header_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    let other = HEADER.replace("v1alpha1", "v2");
    for content in
        [String::new(), HEADER.to_owned(), format!("{other}\n"), line(1) + "\n", "\n".to_owned()]
    {
        fs::write(&path, &content).unwrap();
        let error = RevocationFile::new(&path).entries().unwrap_err().to_string();
        assert!(
            error.contains("list:1: not a revocation list; its first line must be {"),
            "{error}"
        );
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(RevocationFile::new(&path).entries(), Err(RevocationFileError::Read { .. })));
}

#[test]
fn a_time_that_is_written_is_read_back() {
    // Every 29th hour of eight centuries: every day and, over time, every hour.
    for second in (-400 * 31_536_000..400 * 31_536_000_i64).step_by(29 * 3600) {
        let text = crate::model::utc::Utc(second).to_string();
        let read = crate::util::rfc3339::parse(&text).map(|time| time.seconds);
        assert_eq!(read, Some(second), "{text}");
    }
}

// ---- appending ---------------------------------------------------------------------------------

#[test]
fn the_first_append_makes_the_file_and_the_second_adds_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = RevocationFile::new(folder.path().join("revoked.ndjson"));
    assert!(file.append(&[entry(1)]).unwrap().created);
    assert!(!file.append(&[entry(2)]).unwrap().created);
    assert_eq!(fs::read_to_string(file.path()).unwrap(), text(&[&line(1), &line(2)]));
}

#[test]
fn what_a_crash_left_of_a_line_is_cut_off_and_a_whole_line_without_its_end_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revoked.ndjson");
    let whole = text(&[&line(1), &line(2)]);
    for kept in 0..=whole.len() {
        fs::write(&path, whole.get(..kept).unwrap()).unwrap();
        let said = RevocationFile::new(&path).append(&[entry(3)]).unwrap();
        let lines: Vec<String> = (1..=2)
            .filter(|last| kept >= text(&[&*line(1), &*line(2)][..usize::from(*last)]).len() - 1)
            .map(line)
            .chain([line(3)])
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(fs::read_to_string(&path).unwrap(), text(&lines), "after {kept} bytes");
        assert!(said.cut < 150 && !said.created);
    }
}

#[test]
fn an_entry_that_could_not_be_read_again_is_not_appended_and_neither_are_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = RevocationFile::new(folder.path().join("list"));
    let entry = |what, at, reason: &str| RevocationEntry {
        what,
        at,
        reason: reason.to_owned(),
        by: String::new(),
    };
    let fingerprint = Fingerprint::from_bytes([7; 32]);
    let good = entry(Revocation::Certificate { fingerprint }, 0, "lost");
    file.append(std::slice::from_ref(&good)).unwrap();
    let user =
        |name: &str, issued_before| Revocation::User { name: name.to_owned(), issued_before };
    let serial = Revocation::Serial { issuer: Box::from(*b"CN=ca"), serial: Box::from([7]) };
    for bad in [
        entry(user("jane", 253_402_300_800), 0, ""),
        entry(user("jane", 0), i64::MIN, ""),
        entry(user("", 0), 0, ""),
        entry(serial, 0, ""),
        entry(Revocation::Certificate { fingerprint }, 0, &"x".repeat(1 << 20)),
    ] {
        file.append(&[good.clone(), bad]).unwrap_err();
        assert_eq!(file.entries().unwrap(), std::slice::from_ref(&good));
    }
}

#[test]
fn a_file_that_is_something_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passwd");
    for content in ["root:x:0:0:", "root:x:0:0:\n", "{\"kind\":\"List\"}\n", "\n"] {
        fs::write(&path, content).unwrap();
        let error = RevocationFile::new(&path).append(&[entry(1)]).unwrap_err();
        assert!(matches!(error, RevocationFileError::Header { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn entries_of_many_writers_at_once_are_all_there_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revoked.ndjson");
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let file = RevocationFile::new(&path);
            scope.spawn(move || {
                for index in 0..10 {
                    file.append(&[entry(writer * 10 + index)]).unwrap();
                }
            });
        }
    });
    let file = RevocationFile::new(&path);
    assert_eq!(file.entries().unwrap().len(), 40);
    assert_eq!(file.read().unwrap().len(), 40);
}

// ---- following ---------------------------------------------------------------------------------

#[test]
fn appended_lines_count_at_once_and_an_unfinished_one_when_it_is_finished() {
    let mut file = Followed::new(&text(&[&line(1)]));
    assert_eq!((file.refused(), file.poll()), (vec![1], SAME));
    file.append(&format!("{}\n", line(2)));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2]));
    let unfinished = line(3);
    let (head, tail) = unfinished.split_at(20);
    file.append(head);
    assert_eq!((file.poll(), file.refused()), (SAME, vec![1, 2]));
    file.append(&format!("{tail}\n{}\n", line(4)));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2, 3, 4]));
    assert_eq!((file.poll_later(), file.problem()), (SAME, String::new()));
}

#[test]
fn only_what_was_appended_is_read() {
    let mut file = Followed::new(&text(&[&line(1), &line(2)]));
    let place = text(&[&line(1), &line(2)]).len();
    // Far before the end nobody looks: the same bytes in another order.
    let long: String = (0..200).map(|_| format!("{}\n", line(3))).collect();
    file.append(&long);
    assert_eq!(file.poll(), EXTENDED);
    let content = fs::read(&file.path).unwrap();
    let mut changed = content.clone();
    changed[HEADER.len() + 1..place].fill(b' ');
    changed.extend_from_slice(format!("{}\n", line(4)).as_bytes());
    fs::write(&file.path, &changed).unwrap();
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2, 3, 4]));
}

#[test]
fn a_line_that_never_ends_is_told() {
    let mut file = Followed::new(&text(&[&line(1)]));
    file.append(&line(2));
    assert_eq!((file.poll(), file.poll()), (SAME, SAME));
    assert_eq!(file.poll_later(), Change { problem: ProblemChange::New, ..SAME });
    assert!(
        file.problem().contains("revoked.ndjson:3: the line does not end"),
        "{}",
        file.problem()
    );
    file.append("\n");
    assert_eq!(file.poll(), Change { problem: ProblemChange::Gone, ..EXTENDED });
    assert_eq!((file.refused(), file.problem()), (vec![1, 2], String::new()));
}

#[test]
fn a_broken_line_is_told_once_and_takes_nothing_away_and_hides_nothing_behind_it() {
    let mut file = Followed::new(&text(&[&line(1)]));
    file.append(&format!("{}\nnonsense\n", line(2)));
    assert_eq!(file.poll(), Change { problem: ProblemChange::New, ..EXTENDED });
    assert!(file.problem().contains("revoked.ndjson:4: not an entry"), "{}", file.problem());
    assert_eq!((file.refused(), file.poll()), (vec![1, 2], SAME));
    file.append(&format!("{}\n", line(3)));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2, 3]));
    // Corrected where it stands.
    fs::write(&file.path, text(&[&line(1), &line(2), &line(4), &line(3)])).unwrap();
    assert_eq!(file.poll(), Change { problem: ProblemChange::Gone, ..EXTENDED });
    assert_eq!(file.refused(), [1, 2, 3, 4]);
}

#[test]
fn a_file_that_is_gone_or_unreadable_is_told_and_goes_on_counting() {
    let mut file = Followed::new(&text(&[&line(1)]));
    fs::remove_file(&file.path).unwrap();
    assert_eq!(file.poll(), Change { problem: ProblemChange::New, ..SAME });
    assert!(file.problem().contains("cannot be read"), "{}", file.problem());
    assert_eq!((file.poll(), file.refused()), (SAME, vec![1]));
    fs::create_dir(&file.path).unwrap();
    file.poll();
    assert_eq!((file.refused(), file.problem().is_empty()), (vec![1], false));
    fs::remove_dir(&file.path).unwrap();
    fs::write(&file.path, text(&[&line(1)])).unwrap();
    assert_eq!(file.poll(), Change { problem: ProblemChange::Gone, ..EXTENDED });
    assert_eq!(file.refused(), [1]);
}

#[test]
fn a_file_shortened_in_place_is_told_and_nothing_is_taken_back() {
    let mut file = Followed::new(&text(&[&line(1), &line(2)]));
    fs::write(&file.path, text(&[&line(1)])).unwrap();
    assert_eq!(file.poll().problem, ProblemChange::New);
    assert!(file.problem().contains("shortened or changed in place"), "{}", file.problem());
    assert_eq!(file.refused(), [1, 2]);
    // What is appended after that counts.
    file.append(&format!("{}\n", line(3)));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2, 3]));
    assert_eq!((file.poll_later(), file.refused()), (SAME, vec![1, 2, 3]));
    // The way out: a whole file in its place.
    file.replace(&text(&[&line(1)]));
    file.poll();
    let healed = Change { list: ListChange::Replaced { before: 3 }, problem: ProblemChange::Gone };
    assert_eq!((file.poll_later(), file.refused()), (healed, vec![1]));
}

#[test]
fn a_file_changed_in_place_is_told_and_what_it_says_now_counts_too() {
    let mut file = Followed::new(&text(&[&line(1), &line(2)]));
    fs::write(&file.path, text(&[&line(1), &line(3), &line(4)])).unwrap();
    assert_eq!(file.poll(), Change { problem: ProblemChange::New, ..EXTENDED });
    assert!(file.problem().contains("shortened or changed in place"), "{}", file.problem());
    assert_eq!(file.refused(), [1, 2, 3, 4]);
}

#[test]
fn an_emptied_file_is_told_and_goes_on_counting() {
    let mut file = Followed::new(&text(&[&line(1)]));
    fs::write(&file.path, "").unwrap();
    assert_eq!(file.poll().problem, ProblemChange::New);
    assert!(file.problem().contains("not a revocation list"), "{}", file.problem());
    assert_eq!((file.poll_later(), file.refused()), (SAME, vec![1]));
}

#[test]
fn a_file_in_the_place_of_another_counts_at_once_and_alone_when_it_has_settled() {
    let mut file = Followed::new(&text(&[&line(1), &line(2)]));
    file.replace(&text(&[&line(2), &line(3)]));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2, 3]));
    assert_eq!((file.poll(), file.refused()), (SAME, vec![1, 2, 3]));
    let alone = Change { list: ListChange::Replaced { before: 3 }, ..SAME };
    assert_eq!((file.poll_later(), file.refused()), (alone, vec![2, 3]));
    file.append(&format!("{}\n", line(4)));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![2, 3, 4]));
}

#[test]
fn a_file_deleted_and_written_anew_line_by_line_takes_nothing_back_meanwhile() {
    let mut file = Followed::new(&text(&[&line(1), &line(2)]));
    fs::remove_file(&file.path).unwrap();
    fs::write(&file.path, text(&[&line(1)])).unwrap();
    file.poll();
    assert_eq!(file.refused(), [1, 2]);
    for _ in 0..20 {
        file.append(&format!("{}\n", line(1)));
        assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2]));
    }
    // It rests, so this is all of it.
    file.poll_later();
    assert_eq!((file.refused(), file.problem()), (vec![1], String::new()));
}

#[test]
fn a_file_in_the_place_of_another_that_is_shortened_before_it_settled_never_counts_alone() {
    let mut file = Followed::new(&text(&[&line(1), &line(2)]));
    file.replace(&text(&[&line(1), &line(3)]));
    assert_eq!((file.poll(), file.refused()), (EXTENDED, vec![1, 2, 3]));
    fs::write(&file.path, text(&[])).unwrap();
    assert_eq!(file.poll(), Change { problem: ProblemChange::New, ..SAME });
    assert!(file.problem().contains("shortened or changed in place"), "{}", file.problem());
    assert_eq!((file.poll_later(), file.refused()), (SAME, vec![1, 2, 3]));
    file.replace(&text(&[]));
    file.poll();
    file.poll_later();
    assert_eq!((file.refused(), file.problem()), (vec![], String::new()));
}

#[test]
fn a_file_in_the_place_of_another_that_is_not_whole_never_counts_alone() {
    let mut file = Followed::new(&text(&[&line(1)]));
    for (content, problem) in [
        (text(&[&line(2), "nonsense", &line(3)]), ":3: not an entry"),
        (line(4) + "\n", ":1: not a revocation list"),
        (text(&[&line(2)]) + &line(5), ":3: the line does not end"),
    ] {
        file.replace(&content);
        file.poll();
        file.poll_later();
        file.poll_later();
        assert!(file.problem().contains(problem), "{}", file.problem());
        assert_eq!(file.refused(), [1, 2, 3], "{content}");
    }
}

#[test]
fn a_thread_publishes_what_is_appended_and_ends_when_it_is_dropped() {
    let file = Followed::new(&text(&[&line(1)]));
    let shared = crate::model::SharedRevocations::default();
    let (path, list) = (file.path.clone(), shared.clone());
    let (sender, told) = std::sync::mpsc::channel();
    let interval = Duration::from_millis(5);
    let follower = RevocationFollower::open(Path::new(&path), Instant::now()).unwrap();
    let thread = follow(follower, list, interval, move |follower, change| {
        sender.send((follower.revocations().len(), change)).unwrap();
    })
    .unwrap();
    assert_eq!(shared.load().len(), 1);
    RevocationFile::new(&path).append(&[entry(2)]).unwrap();
    let patience = Duration::from_secs(20);
    assert_eq!(told.recv_timeout(patience).unwrap(), (2, EXTENDED));
    assert_eq!(shared.load().len(), 2);
    drop(thread);
    // The channel's other end is gone with the thread.
    assert!(told.recv().is_err());
}
