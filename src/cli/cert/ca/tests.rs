use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Parser;
use portcullis::crypto::authority::{Authority, CertificateUsages, Leaf, SerialNumber};
use portcullis::crypto::certificate::chain_from_pem;
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance};
use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};

use super::*;
use crate::cli::cert::authority;
use crate::cli::cert::place::PkiArgs;
use crate::cli::clock::now;
use crate::cli::speak::Speaker;

/// A change of the files of a folder.
type Step = fn(&mut BTreeMap<String, Vec<u8>>);

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: CaArgs,
}

fn run_in(folder: &Path, words: &[&str]) -> Result<Exit, Failure> {
    let tail = ["--quiet", "--pki", folder.to_str().unwrap()];
    let line = Line::try_parse_from(["ca"].iter().chain(words).chain(&tail)).unwrap();
    run(&line.args, &mut std::io::sink())
}

#[track_caller]
fn done(folder: &Path, words: &[&str]) {
    assert_eq!(run_in(folder, words).unwrap(), Exit::Yes);
}

#[track_caller]
fn refused(folder: &Path, words: &[&str], because: &str) {
    let before = files(folder);
    let failure = run_in(folder, words).unwrap_err().to_string();
    assert!(failure.contains(because), "{failure}");
    assert_eq!(files(folder), before);
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_keys().collect()
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// A folder with these files, and only these.
fn folder_of(files: &BTreeMap<String, Vec<u8>>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Authority {
    let args = PkiArgs {
        pki: folder.to_owned(),
        ca_cert: None,
        ca_key: None,
        ca_passphrase_file: None,
        ledger: None,
        revocations: None,
    };
    authority::load(&args, Speaker::new(true, false)).unwrap()
}

/// The authority loads, and API servers that have the bundle trust what it signs.
#[track_caller]
fn assert_usable(folder: &Path) {
    let bundle = chain_from_pem(&fs::read(folder.join("bundle.crt")).unwrap()).unwrap();
    let authority = load(folder);
    assert!(bundle.iter().any(|certificate| certificate == authority.certificate_der()));
}

fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["init"]);
    folder
}

#[test]
fn a_new_authority_is_its_owners_and_never_replaced() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("a/pki");
    done(&folder, &["init", "--common-name", "users of example", "--days", "10"]);
    assert_eq!(names(&folder), ["bundle.crt", "ca.crt", "ca.key", "revocations.ndjson"]);
    assert_eq!(text(&folder, "bundle.crt"), text(&folder, "ca.crt"));
    let authority = load(&folder);
    assert_eq!(authority.common_name(), Some("users of example"));
    assert!(authority.may_sign_crls());
    let left = authority.not_after() - now();
    assert!((10 * 86_400 - 600..=10 * 86_400).contains(&left), "{left}");
    #[cfg(unix)]
    for (path, mode) in [(folder.clone(), 0o700), (folder.join("ca.key"), 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
    refused(&folder, &["init"], "is there already and was left as it is");
}

#[test]
fn a_key_under_a_passphrase_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("passphrase");
    fs::write(&secret, "correct horse\nanother line\n").unwrap();
    let pki = folder.path().join("pki");
    done(&pki, &["init", "--passphrase-file", secret.to_str().unwrap()]);
    assert!(text(&pki, "ca.key").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let mut args = PkiArgs {
        pki,
        ca_cert: None,
        ca_key: None,
        ca_passphrase_file: None,
        ledger: None,
        revocations: None,
    };
    let missing = authority::load(&args, Speaker::new(true, false)).unwrap_err().to_string();
    assert!(missing.contains("give its passphrase with --ca-passphrase-file FILE"), "{missing}");
    args.ca_passphrase_file = Some(secret);
    assert!(authority::load(&args, Speaker::new(true, false)).is_ok());
}

#[test]
fn a_rotation_goes_through_three_steps() {
    let folder = made();
    let folder = folder.path();
    let first = text(folder, "ca.crt");
    refused(folder, &["activate"], "there is no next authority");
    refused(folder, &["retire"], "no authority is retiring");
    // What somebody else put there stays.
    let guest = made();
    let guest = text(guest.path(), "ca.crt");
    fs::write(folder.join("bundle.crt"), first.clone() + &guest).unwrap();

    done(folder, &["next"]);
    let second = text(folder, "next.crt");
    assert_eq!(text(folder, "bundle.crt"), first.clone() + &guest + &second);
    assert_eq!(load(folder).certificate_pem(), first);
    let (key, next_key) = (text(folder, "ca.key"), text(folder, "next.key"));

    done(folder, &["activate"]);
    assert_eq!(load(folder).certificate_pem(), second);
    assert_eq!(load(folder).common_name(), Some("portcullis-users 2"));
    assert_eq!(text(folder, "bundle.crt"), first.clone() + &guest + &second);
    assert_eq!((text(folder, "retiring.crt"), text(folder, "retiring.key")), (first, key));
    assert_eq!(text(folder, "ca.key"), next_key);
    refused(folder, &["next"], "still retiring");
    refused(folder, &["activate"], "there is no next authority");

    done(folder, &["retire"]);
    assert_eq!(names(folder), ["bundle.crt", "ca.crt", "ca.key", "revocations.ndjson"]);
    assert_eq!(text(folder, "bundle.crt"), guest + &second);
    assert_usable(folder);
    done(folder, &["next"]);
    done(folder, &["activate"]);
    assert_eq!(load(folder).common_name(), Some("portcullis-users 3"));
}

#[test]
fn an_init_that_was_cut_off_is_finished_with_the_key_that_is_there() {
    let whole = made();
    let whole = files(whole.path());
    for present in [&["ca.key"][..], &["bundle.crt", "ca.key"]] {
        let mut rest = whole.clone();
        rest.retain(|name, _| present.contains(&name.as_str()));
        let folder = folder_of(&rest);
        done(folder.path(), &["init"]);
        assert_eq!(fs::read(folder.path().join("ca.key")).unwrap(), whole["ca.key"]);
        assert_eq!(text(folder.path(), "bundle.crt"), text(folder.path(), "ca.crt"));
        assert_usable(folder.path());
    }
}

#[test]
fn a_next_that_was_cut_off_leaves_the_old_authority_and_is_finished() {
    let folder = made();
    let before = files(folder.path());
    done(folder.path(), &["next"]);
    let whole = files(folder.path());
    for there in
        [&["next.key"][..], &["next.key", "next.crt"], &["next.key", "next.crt", "bundle.crt"]]
    {
        let mut state = before.clone();
        for name in there {
            state.insert((*name).to_owned(), whole[*name].clone());
        }
        let folder = folder_of(&state);
        let folder = folder.path();
        assert_usable(folder);
        assert_eq!(load(folder).certificate_pem(), text(folder, "ca.crt"));
        done(folder, &["next"]);
        assert_eq!(fs::read(folder.join("next.key")).unwrap(), whole["next.key"]);
        assert_eq!(text(folder, "bundle.crt"), text(folder, "ca.crt") + &text(folder, "next.crt"));
        done(folder, &["activate"]);
        assert_usable(folder);
    }
}

#[test]
fn an_activate_that_was_cut_off_leaves_one_that_signs_and_is_finished() {
    let folder = made();
    done(folder.path(), &["next"]);
    let mut state = files(folder.path());
    done(folder.path(), &["activate"]);
    let whole = files(folder.path());
    // The steps of the module's table; the bundle is whole from the start.
    let steps: [Step; 4] = [
        |_| {},
        |state| drop(state.insert("retiring.crt".to_owned(), state["ca.crt"].clone())),
        |state| drop(state.insert("retiring.key".to_owned(), state["ca.key"].clone())),
        |state| {
            let key = state.remove("next.key").unwrap();
            state.insert("ca.key".to_owned(), key);
        },
    ];
    for step in steps {
        step(&mut state);
        let folder = folder_of(&state);
        assert_usable(folder.path());
        done(folder.path(), &["activate"]);
        assert_eq!(files(folder.path()), whole);
    }
    // The last state is half of each: nothing else goes on from there.
    let folder = folder_of(&state);
    refused(folder.path(), &["next"], "run it again first");
    refused(folder.path(), &["retire"], "run it again first");
}

#[test]
fn a_retire_that_was_cut_off_is_finished() {
    let folder = made();
    done(folder.path(), &["next"]);
    done(folder.path(), &["activate"]);
    let mut state = files(folder.path());
    done(folder.path(), &["retire"]);
    let whole = files(folder.path());
    state.insert("bundle.crt".to_owned(), whole["bundle.crt"].clone());
    for gone in ["", "retiring.key"] {
        state.remove(gone);
        let folder = folder_of(&state);
        assert_usable(folder.path());
        done(folder.path(), &["retire"]);
        assert_eq!(files(folder.path()), whole);
    }
}

#[test]
fn an_activate_with_another_key_changes_nothing() {
    let folder = made();
    done(folder.path(), &["next"]);
    let other = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    fs::write(folder.path().join("next.key"), other.to_pem().expose_secret()).unwrap();
    refused(folder.path(), &["activate"], "the key is not that of the certificate");
    assert_usable(folder.path());
}

/// Records a certificate that the authority issues now, good for so many seconds.
fn record(folder: &Path, seconds: i64) {
    let subject = Subject { common_name: "jane".to_owned(), ..Subject::default() };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let leaf = Leaf {
        request: &SigningRequest::create(&key, &subject).unwrap(),
        usages: CertificateUsages::client(),
        not_before: now() - 300,
        not_after: now() + seconds,
        serial: SerialNumber::random().unwrap(),
    };
    let issued = load(folder).issue(&leaf).unwrap();
    let (ledger, revocations) = (folder.join("ledger.redb"), folder.join("revocations.ndjson"));
    let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
    let record =
        CertificateRecord::of_certificate(issued.der(), Provenance::imported(now())).unwrap();
    LedgerFile::open(&paths, OpenMode::Write).unwrap().record(&record).unwrap();
}

#[test]
fn an_authority_whose_certificates_are_in_use_retires_only_by_force() {
    let folder = made();
    let folder = folder.path();
    // Expired, so nobody needs it.
    record(folder, -60);
    done(folder, &["next"]);
    let good = files(folder);
    done(folder, &["activate"]);
    // One of the new authority is in nobody's way.
    record(folder, 3600);
    done(folder, &["retire"]);

    let folder = folder_of(&good);
    let folder = folder.path();
    record(folder, 3600);
    done(folder, &["activate"]);
    let before = files(folder);
    assert_eq!(run_in(folder, &["retire"]).unwrap(), Exit::No);
    assert_eq!(files(folder), before);
    let absent = folder.join("absent.redb");
    assert!(run_in(folder, &["retire", "--ledger", absent.to_str().unwrap()]).is_err());
    assert_eq!(files(folder), before);
    done(folder, &["retire", "--force"]);
    assert!(!names(folder).contains(&"retiring.crt".to_owned()));
}
