//! Files that cannot be written: the command ends with 2 and names them, and nothing is half-written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis::crypto::certificate::chain_from_pem;
use portcullis::pki::ledger::Ledger;

use super::{Ran, Site, is_refused};

const NOBODY: u32 = 65_534;

impl Site {
    /// Runs as somebody whom folders can refuse: nothing is refused to root.
    fn run_as_anybody(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        if is_root() {
            own(self.folder.path());
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().unwrap().into()
    }

    /// Runs where no file may become longer than so many blocks of 512 bytes: to a program this is
    /// as a disk that is full.
    fn run_with_blocks(&self, blocks: u32, args: &[&str]) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f $0 && exec \"$@\"", &blocks.to_string()]);
        command.arg(env!("CARGO_BIN_EXE_portcullis")).args(args);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.output().unwrap().into()
    }

    /// Everything but the ledger, whose unused pages are nobody's.
    fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.files().into_iter().filter(|(name, _)| name != "pki/ledger.redb");
        files.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
    }

    /// It fails and names this; no file comes, goes or changes.
    #[track_caller]
    fn nothing_is_written(&self, run: impl FnOnce(&Self) -> Ran, named: &str) {
        let (before, count) = (self.contents(), self.books().count());
        let ran = run(self);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        assert!(ran.err.contains(&format!("error: `{named}")), "{named}\n{}", ran.err);
        assert!(!ran.err.contains("written are"), "{}", ran.err);
        let names = |files: Vec<(String, Vec<u8>)>| -> Vec<String> {
            files.into_iter().map(|(name, _)| name).collect()
        };
        assert!(self.contents() == before, "{:?} {:?}", names(self.contents()), names(before));
        assert_eq!(self.books().count(), count, "a certificate of nobody's");
        self.check().agree();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Gives a folder and all in it to nobody.
fn own(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { own(&path) } else { chown(path, Some(NOBODY), Some(NOBODY)).unwrap() }
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A site that nobody can use, with Jane in it; `None` where the binary is out of reach for them.
fn site() -> Option<Site> {
    let site = Site::new();
    let mut reach = site.command(&["--version"]);
    if is_root() {
        reach.uid(NOBODY).gid(NOBODY);
        own(site.folder.path());
    }
    if !reach.output().is_ok_and(|output| output.status.success()) {
        println!("skipped: others than root cannot run the binary where it is");
        return None;
    }
    site.done(&["cert", "issue", "--user", "jane", "--out-dir", "shut"]);
    Some(site)
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named_before_there_is_a_certificate() {
    let Some(site) = site() else { return };
    let issue = ["cert", "issue", "--user", "joe"];
    let kubeconfig = ["--kubeconfig", "shut/config", "--server", "https://a.example"];
    let renew = [
        "cert",
        "renew",
        "--cert",
        "shut/jane.crt",
        "--key",
        "shut/jane.key",
        "--if-within",
        "9999",
    ];
    let request = ["cert", "request", "--user", "joe", "--key-out", "shut/joe.key"];
    site.done(&["cert", "ca", "next"]);
    site.done(&["cert", "crl", "--out", "shut/list.crt"]);
    fs::remove_file(site.path("shut/list.crt")).unwrap();
    set_mode(&site.path("shut"), 0o555);
    for (args, named) in [
        ([&issue[..], &["--out-dir", "shut"]].concat(), "shut/joe.key"),
        ([&issue[..], &["--out-dir", "shut/joe"]].concat(), "shut/joe"),
        ([&issue[..], &["--out-dir", "open"], &kubeconfig].concat(), "shut/config.lock"),
        (renew.to_vec(), "shut/jane.key.new"),
        (request.to_vec(), "shut/joe.key"),
        (vec!["cert", "crl", "--out", "shut/list.crl"], "shut/list.crl"),
        (vec!["cert", "ca", "init", "--pki", "shut/pki"], "shut/pki"),
    ] {
        site.nothing_is_written(|site| site.run_as_anybody(&args), named);
    }
    set_mode(&site.path("pki"), 0o555);
    let activate = ["cert", "ca", "activate"];
    site.nothing_is_written(|site| site.run_as_anybody(&activate), "pki/retiring.crt");
    set_mode(&site.path("pki"), 0o700);

    // The certificate alone cannot be written: it is told where the rest is.
    let apart = ["--key-out", "joe.key", "--cert-out", "shut/joe.crt"];
    let ran = site.run_as_anybody(&[&issue[..], &apart].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("error: `shut/joe.crt`"), "{}", ran.err);
    let books = site.check();
    let joe = books.ledger.of_user("joe").unwrap();
    let [joe] = joe.as_slice() else { panic!("{joe:?}") };
    let told =
        format!("the key in `joe.key`, the certificate in the ledger as `{}`", joe.fingerprint);
    assert!(ran.err.contains(&told), "{}", ran.err);
    set_mode(&site.path("shut"), 0o755);
}

#[test]
fn books_that_cannot_be_written_issue_nothing_and_a_revocation_is_caught_up_on() {
    let Some(site) = site() else { return };
    site.request("joe");
    let sign = ["cert", "sign", "joe.csr"];
    let ledger = site.path("pki/ledger.redb");
    set_mode(&ledger, 0o444);
    let issue = ["cert", "issue", "--user", "joe", "--out-dir", "open"];
    for args in [&sign[..], &issue] {
        site.nothing_is_written(|site| site.run_as_anybody(args), "pki/ledger.redb");
    }
    set_mode(&ledger, 0o600);

    let list = site.path("pki/revocations.ndjson");
    set_mode(&list, 0o444);
    let revoke = ["cert", "revoke", "--user", "jane"];
    let ran = site.run_as_anybody(&revoke);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.contains("pki/revocations.ndjson"), "{}", ran.err);
    let books = site.books();
    let jane = books.ledger.of_user("jane").unwrap().remove(0);
    // The ledger has it; servers do not, and the command did not say that they do.
    assert!(jane.revoked.is_some() && !is_refused(&books.told, &jane));
    set_mode(&list, 0o644);
    let ran = site.run_as_anybody(&sign);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(is_refused(&site.books().told, &jane), "the next command did not catch up");
    site.check().agree();
}

#[test]
fn a_disk_that_is_full_leaves_everything_as_it_was() {
    let site = Site::new();
    let kubeconfig = ["--kubeconfig", "config", "--no-current-context"];
    let issue = |user| ["cert", "issue", "--user", user, "--out-dir", "users"];
    site.done(&[&issue("jane")[..], &kubeconfig].concat());
    site.request("joe");
    let sign = ["cert", "sign", "joe.csr"];
    let pair = ["cert", "renew", "--cert", "users/jane.crt", "--key", "users/jane.key"];
    let within = ["--if-within", "9999"];
    let in_place = ["cert", "renew", "--kubeconfig", "config", "--user", "jane"];
    let request = ["cert", "request", "--user", "j", "--key-out", "j.key"];
    for (args, named) in [
        (issue("joe").to_vec(), ""),
        (sign.to_vec(), "pki/ledger.redb"),
        ([&pair[..], &within].concat(), ""),
        ([&pair[..], &within, &["--keep-key"]].concat(), ""),
        ([&in_place[..], &within].concat(), ""),
        (request.to_vec(), "j.key"),
        (vec!["cert", "revoke", "--user", "jane"], "pki/ledger.redb"),
        (vec!["cert", "ca", "next"], "pki/next.key"),
        (vec!["cert", "ca", "init", "--pki", "other"], "other/ca.key"),
        (vec!["cert", "crl", "--out", "list.crl"], ""),
    ] {
        site.nothing_is_written(|site| site.run_with_blocks(0, &args), named);
    }

    // Room for the ledger as it is, and soon not for what it grows by.
    let length = fs::metadata(site.path("pki/ledger.redb")).unwrap().len();
    let blocks = u32::try_from(length / 512).unwrap();
    let failed =
        (0..20).map(|_| site.run_with_blocks(blocks, &sign)).find(|ran| ran.code != Some(0));
    let failed = failed.expect("the ledger never grows");
    assert_eq!((failed.code, failed.out.as_str()), (Some(2), ""), "{}", failed.err);
    assert!(failed.err.contains("`pki/ledger.redb`"), "{}", failed.err);
    site.check().agree();
    site.done(&sign);

    // Now there is room for everything but the kubeconfig.
    let long = "# one more line of somebody's remarks\n".repeat(9000);
    let config = site.text("config") + &long;
    fs::write(site.path("config"), &config).unwrap();
    let count = site.books().count();
    for args in [[&in_place[..], &within].concat(), [&issue("joe")[..], &kubeconfig].concat()] {
        let ran = site.run_with_blocks(512, &args);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("error: `config`: cannot be written"), "{}", ran.err);
        assert!(ran.err.contains("the certificate in the ledger as"), "{}", ran.err);
        assert_eq!(site.text("config"), config);
        assert!(!site.files().iter().any(|(name, _)| name.starts_with(".config")));
        site.check().agree();
    }
    assert!(site.path("users/joe.key").exists() && site.path("users/joe.crt").exists());
    assert_eq!(site.books().count(), count + 2);
    // With room it goes on.
    site.done(&[&in_place[..], &within].concat());
    assert!(site.text("config").ends_with(&long));
    site.check().agree();
}

/// /dev/full is where writing fails as on a full disk.
#[test]
fn a_certificate_that_cannot_be_printed_is_no_success_and_is_in_the_ledger() {
    let site = Site::new();
    site.request("joe");
    let into_full = |args: &[&str]| {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        Ran::from(site.command(args).stdout(full).output().unwrap())
    };
    let ran = into_full(&["cert", "sign", "joe.csr"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("cannot be written"), "{}", ran.err);
    let books = site.check();
    let joe = books.ledger.of_user("joe").unwrap();
    let [joe] = joe.as_slice() else { panic!("{joe:?}") };
    assert!(ran.err.contains(&joe.fingerprint.to_string()), "{}", ran.err);
    // It is not lost: the ledger has it whole.
    let shown = site.done(&["cert", "export"]).out;
    let record: serde_json::Value = serde_json::from_str(shown.trim()).unwrap();
    let pem = record["certificate"].as_str().unwrap_or_default().to_owned();
    assert!(!pem.is_empty(), "{record}");
    if let Ok(chain) = chain_from_pem(pem.as_bytes()) {
        assert_eq!(chain[0], joe.certificate);
    }
    for args in [&["cert", "list"][..], &["cert", "export"], &["cert", "revoke", "--user", "joe"]] {
        let ran = into_full(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
    }
    // The table could not be shown; that it is revoked stands.
    let books = site.check();
    books.agree();
    assert!(books.record(&joe.certificate).unwrap().revoked.is_some());
}
