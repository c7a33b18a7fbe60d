//! kill -9.
//!
//! Half of the kills come after a part of the time that the verb usually takes, spread evenly from a
//! start that is told; the other half when the folder is seen to change for the n-th time, so that the
//! short moments between two steps are met, too.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::X509Authenticator;
use portcullis::crypto::certificate::chain_from_pem;
use portcullis::crypto::path::TrustAnchors;
use portcullis::pki::ledger::Ledger;

use super::{Ran, Site, belong_together, is_refused};

/// No more changes of the folder are waited for.
const CHANGES: f64 = 10.0;

/// One after the other, so that each meets what the others left behind.
#[test]
fn killed_at_any_point_no_verb_loses_a_certificate_or_leaves_half_a_file() {
    const ROUNDS: usize = 33;
    const ENOUGH: Duration = Duration::from_secs(25);

    let mut killer = Killer::new();
    killer.set_up();
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < ROUNDS {
        if begun.elapsed() > ENOUGH {
            println!("after {rounds} rounds this machine is too slow for more");
            break;
        }
        match rounds % 11 {
            0 | 5 => killer.issue(rounds),
            1 => killer.renew(&[]),
            2 => killer.sign(rounds),
            3 => killer.next(),
            4 => killer.renew(&["--revoke-old"]),
            6 => killer.activate(),
            7 => killer.renew_in_kubeconfig(),
            8 => killer.revoke(rounds),
            9 => killer.retire(),
            _ => killer.renew(&["--keep-key", "--revoke-old"]),
        }
        rounds += 1;
    }
    killer.site.check().agree();
    let files = killer.site.files();
    println!(
        "{} of {rounds} were cut off, in {:?}; {} drafts were left, {} times something was in the way",
        killer.killed,
        begun.elapsed(),
        files.iter().filter(|(name, _)| name.starts_with('.') || name.contains("/.")).count(),
        killer.in_the_way
    );
    assert!(killer.killed * 3 > rounds, "hardly any was cut off: {} of {rounds}", killer.killed);
}

struct Killer {
    site: Site,
    /// How long each verb took when nobody killed it.
    usual: HashMap<String, Duration>,
    /// The next part of that time: between 0 and 1.
    part: f64,
    by_time: bool,
    killed: usize,
    /// How often something was left in the way of the next run, and was removed as that said.
    in_the_way: usize,
}

/// What tells one verb from another.
fn verb(args: &[&str]) -> String {
    args.iter().take_while(|word| !word.starts_with("--")).copied().collect::<Vec<_>>().join(" ")
}

const PAIR: [&str; 6] =
    ["cert", "renew", "--cert", "renewed/jane.crt", "--key", "renewed/jane.key"];
const DUE: [&str; 4] = ["--if-within", "36500", "--days", "1"];
const SIGN: [&str; 5] = ["cert", "sign", "signee.csr", "--days", "1"];

impl Killer {
    fn new() -> Self {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_millis();
        println!("the kills begin at {seed}/1000");
        let part = f64::from(seed) / 1000.0;
        Self {
            site: Site::new(),
            usual: HashMap::new(),
            part,
            by_time: false,
            killed: 0,
            in_the_way: 0,
        }
    }

    /// Everybody who is needed. Also learns how long things take.
    fn set_up(&mut self) {
        let kubeconfig = ["--kubeconfig", "config", "--no-current-context"];
        let issue = |user, folder| ["cert", "issue", "--user", user, "--out-dir", folder];
        self.measured(&issue("jane", "renewed"));
        self.measured(&[&issue("boss", "boss")[..], &kubeconfig].concat());
        self.measured(&[&PAIR[..], &DUE].concat());
        self.site.request("signee");
        self.measured(&SIGN);
        // From now on each certificate of this user must be spared in the revocation file.
        self.measured(&["cert", "revoke", "--user", "signee"]);
        self.site.check().agree();
    }

    fn measured(&mut self, args: &[&str]) -> Ran {
        let begun = Instant::now();
        let ran = self.site.run(args);
        if ran.code == Some(0) {
            self.usual.insert(verb(args), begun.elapsed());
        } else {
            assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        }
        ran
    }

    /// Runs a verb and kills it. Whether it printed into a file or a pipe, the text is in `out`.
    fn cut_off(&mut self, args: &[&str], into: Option<&str>) -> Ran {
        const GOLDEN: f64 = 0.618_033_988_75;
        self.part = (self.part + GOLDEN).fract();
        self.by_time = !self.by_time;
        let usual = self.usual.get(&verb(args)).copied().unwrap_or(Duration::from_millis(150));
        let mut command = self.site.command(args);
        let into = into.map(|name| self.site.path(name));
        if let Some(path) = &into {
            command.stdout(File::create(path).unwrap());
        }
        let before = self.picture();
        let mut child = command.spawn().unwrap();
        if self.by_time {
            thread::sleep(usual.mul_f64(self.part));
        } else {
            let mut last = before;
            let mut changes = 0.0;
            while changes < 1.0 + CHANGES * self.part && child.try_wait().unwrap().is_none() {
                let now = self.picture();
                if now != last {
                    changes += 1.0;
                    last = now;
                }
            }
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        self.killed += usize::from(output.status.signal() == Some(9));
        let mut ran = Ran::from(output);
        if let Some(path) = into {
            ran.out = fs::read_to_string(&path).unwrap();
            fs::remove_file(path).unwrap();
        }
        ran
    }

    /// What is in the folders, as far as it is seen from outside.
    fn picture(&self) -> Vec<(PathBuf, u64)> {
        let mut all = Vec::new();
        for folder in ["", "pki", "users", "renewed"] {
            for entry in fs::read_dir(self.site.path(folder)).into_iter().flatten().flatten() {
                // What vanishes meanwhile was no part of the picture.
                let Ok(metadata) = entry.metadata() else { continue };
                all.push((entry.path(), metadata.len()));
            }
        }
        all
    }

    /// Runs a verb again until it is done, and does what it says when something is in its way.
    /// `over` is what it says when there is nothing to be done any more.
    fn settle(&mut self, args: &[&str], over: Option<&str>) -> Ran {
        for _ in 0..5 {
            let ran = self.measured(args);
            self.site.check();
            if ran.code == Some(0) || over.is_some_and(|over| ran.err.contains(over)) {
                return ran;
            }
            let error = ran.err.lines().find(|line| line.starts_with("error: ")).unwrap();
            let named = error.split('`').nth(1).unwrap();
            assert!(error.contains("remove") || error.contains("move it away"), "{error}");
            assert!(named != "config" && self.site.path(named).exists(), "{error}");
            fs::remove_file(self.site.path(named)).unwrap();
            self.in_the_way += 1;
        }
        panic!("{args:?} never comes to an end");
    }

    fn issue(&mut self, round: usize) {
        let user = format!("user-{round}");
        let args = [
            "cert",
            "issue",
            "--user",
            &user,
            "--group",
            "dev",
            "--out-dir",
            "users",
            "--kubeconfig",
            "config",
            "--no-current-context",
            "--bind",
            "clusterrole/view",
            "-n",
            "team",
            "--unchecked",
        ];
        let ran = self.cut_off(&args, None);
        self.site.check();
        let there = |ending: &str| self.site.path(&format!("users/{user}.{ending}")).exists();
        let files = ["key", "crt", "binding.yaml"].map(there);
        // In this order they are written, and the kubeconfig last.
        assert!(files.is_sorted_by(|one, next| one >= next), "{files:?}");
        let is_in_kubeconfig = self.site.text("config").contains(&format!("name: {user}\n"));
        if is_in_kubeconfig || ran.code == Some(0) {
            assert_eq!((files, is_in_kubeconfig), ([true; 3], true), "{}", ran.err);
            let again = self.site.run(&args);
            assert_eq!(again.code, Some(2));
            assert!(again.err.contains("already"), "{}", again.err);
        } else {
            // Nothing of it is used yet, so it is moved away as the message says.
            self.settle(&args, None);
        }
        // Left behind by one that was done but for that.
        let _ = fs::remove_file(self.site.path("config.lock"));
        assert!(self.site.text("config").contains(&format!("name: {user}@kubernetes\n")));
    }

    /// All that was printed was recorded, and is no half.
    #[track_caller]
    fn printed(&self, out: &str) {
        let books = self.site.check();
        if out.is_empty() {
            return;
        }
        let chain = chain_from_pem(out.as_bytes()).unwrap_or_else(|e| panic!("{e}: {out}"));
        assert!(out.ends_with("-----END CERTIFICATE-----\n"), "{out}");
        let record = books.record(&chain[0]).expect("printed, and the ledger does not know");
        // Servers were told before it was handed out that it is spared.
        assert!(record.revoked.is_none() && !is_refused(&books.told, &record), "{record:?}");
    }

    fn sign(&mut self, round: usize) {
        let into = round.is_multiple_of(2).then_some("signed.out");
        let ran = self.cut_off(&SIGN, into);
        assert!(ran.code != Some(0) || !ran.out.is_empty());
        self.printed(&ran.out);
        let ran = self.settle(&SIGN, None);
        assert!(!ran.out.is_empty());
        self.printed(&ran.out);
    }

    fn renew(&mut self, more: &[&str]) {
        let args = [&PAIR[..], &DUE, more].concat();
        let old = chain_from_pem(self.site.text("renewed/jane.crt").as_bytes()).unwrap().remove(0);
        self.cut_off(&args, None);
        self.site.check();
        self.settle(&args, None);
        let [certificate, key] =
            ["crt", "key"].map(|it| self.site.text(&format!("renewed/jane.{it}")));
        assert!(belong_together(certificate.as_bytes(), key.as_bytes()));
        for new in ["crt", "key"].map(|ending| format!("renewed/jane.{ending}.new")) {
            assert!(!self.site.path(&new).exists(), "{new}");
        }
        let new = chain_from_pem(certificate.as_bytes()).unwrap().remove(0);
        assert_ne!(new, old);
        let books = self.site.books();
        let is_revoked = |der| books.record(der).unwrap().revoked.is_some();
        assert!(!is_revoked(&new));
        assert_eq!(is_revoked(&old), more.contains(&"--revoke-old"));
        books.agree();
    }

    fn renew_in_kubeconfig(&mut self) {
        let args =
            [&["cert", "renew", "--kubeconfig", "config", "--user", "boss"][..], &DUE].concat();
        let before = self.site.text("config");
        self.cut_off(&args, None);
        self.site.check();
        self.settle(&args, None);
        assert_ne!(self.site.text("config"), before);
        let _ = fs::remove_file(self.site.path("config.lock"));
    }

    /// Of a user whose certificate was issued before in this test.
    fn revoke(&mut self, round: usize) {
        let user = format!("user-{}", round - 8);
        let args = ["cert", "revoke", "--user", &user, "--reason", "keyCompromise"];
        let ran = self.cut_off(&args, None);
        let is_done = || {
            let books = self.site.check();
            books.agree();
            let records = books.ledger.of_user(&user).unwrap();
            assert!(!records.is_empty());
            // Whoever was told that it is done can rely on it, before anybody repairs anything.
            records.iter().all(|record| is_refused(&books.told, record))
        };
        assert!(is_done() || (ran.code.is_none() && ran.out.is_empty()), "{}", ran.out);
        let ran = self.site.run(&args);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(is_done());
    }

    /// The authority signs, and who trusts the bundle trusts what it signs.
    fn signs(&mut self) {
        let ran = self.measured(&SIGN);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        self.printed(&ran.out);
        let bundle = TrustAnchors::from_pem(self.site.text("pki/bundle.crt").as_bytes()).unwrap();
        let leaf = chain_from_pem(ran.out.as_bytes()).unwrap().remove(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let presented = ClientCertificates { leaf: &leaf, intermediates: &[], now };
        let proof = X509Authenticator::new(bundle).authenticate(&presented).unwrap().unwrap();
        assert_eq!(proof.user.name, "signee");
    }

    /// One step of a rotation; `over` as in `settle`, and what is there afterwards.
    fn rotate(&mut self, args: &[&str], over: Option<&str>, there: [bool; 2]) {
        self.cut_off(args, None);
        self.site.check();
        self.signs();
        self.settle(args, over);
        self.signs();
        for (stem, there) in ["next", "retiring"].into_iter().zip(there) {
            for ending in ["crt", "key"] {
                let name = format!("pki/{stem}.{ending}");
                assert_eq!(self.site.path(&name).exists(), there, "{name}");
            }
        }
    }

    fn next(&mut self) {
        self.rotate(&["cert", "ca", "next"], None, [true, false]);
    }

    fn activate(&mut self) {
        let over = "there is no next authority";
        self.rotate(&["cert", "ca", "activate"], Some(over), [false, true]);
    }

    fn retire(&mut self) {
        let over = "no authority is retiring";
        self.rotate(&["cert", "ca", "retire", "--force"], Some(over), [false, false]);
    }
}
