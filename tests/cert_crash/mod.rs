//! The binary, killed at any point ([`kill`], [`renewal`]) and unable to write ([`fail`]): what was handed out is in
//! the ledger, every file is whole or absent, and the same verb run again goes on or says what is in
//! its way.
//!
//! The ledger as a library is killed in `cert_ledger`; the states between two steps of a rotation are
//! made one by one in `cli::cert::ca`. Here is the whole, from outside.

mod fail;
mod kill;
mod renewal;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portcullis::api::kubeconfig::{Credentials, Material};
use portcullis::crypto::certificate::{Certificate, chain_from_pem, fingerprint};
use portcullis::crypto::private_key::PrivateKey;
use portcullis::model::{CREDENTIAL_ID, Revocations, User};
use portcullis::pki::ledger::{CertificateRecord, Ledger};
use portcullis::source::kubeconfig;
use portcullis::source::ledger::{LedgerFile, LedgerFileError, LedgerPaths, OpenMode};
use portcullis::source::revocations::RevocationFile;

/// A kubeconfig that somebody keeps by hand. None of its lines may change.
const KEPT: &str = "\
# Kept by hand.
apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster:
    server: https://api.example:6443
    tls-server-name: api   # as the certificate has it
users:
- name: robot
  user:
    token: not-to-be-touched
contexts:
- name: robot@kubernetes
  context:
    cluster: kubernetes
    user: robot
current-context: robot@kubernetes
";

struct Ran {
    /// `None` when it was killed.
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let ran = Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        ran
    }
}

/// A folder with an authority and a kubeconfig.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        site.done(&["cert", "ca", "init"]);
        fs::write(site.path("config"), KEPT).unwrap();
        fs::set_permissions(site.path("config"), fs::Permissions::from_mode(0o600)).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(args).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    #[track_caller]
    fn done(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}\n{}", ran.err);
        ran
    }

    /// A key and a signing request of somebody.
    fn request(&self, user: &str) {
        let key = format!("{user}.key");
        let request = self.done(&["cert", "request", "--user", user, "--key-out", &key]).out;
        fs::write(self.path(&format!("{user}.csr")), request).unwrap();
    }

    /// The files, with the path in the folder as their name, in order.
    fn files(&self) -> Vec<(String, PathBuf)> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap();
                    files.push((name.to_str().unwrap().to_owned(), path));
                }
            }
        }
        files.sort();
        files
    }

    /// The books as the next process finds them, without repairing anything here.
    fn books(&self) -> Books {
        let folder = tempfile::tempdir().unwrap();
        let [ledger, revocations] = ["ledger.redb", "revocations.ndjson"].map(|name| {
            let copy = folder.path().join(name);
            fs::copy(self.path("pki").join(name), &copy).unwrap();
            copy
        });
        let told = RevocationFile::new(&revocations).read().unwrap();
        let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
        let ledger = LedgerFile::open(&paths, OpenMode::Write).unwrap();
        let list = RevocationFile::new(&revocations).read().unwrap();
        Books { ledger, told, list, _folder: folder }
    }

    /// What holds at any time, whatever was cut off.
    #[track_caller]
    fn check(&self) -> Books {
        let books = self.books();
        for (name, path) in self.files() {
            let content = fs::read(&path).unwrap();
            let base = path.file_name().unwrap().to_str().unwrap();
            if base.starts_with('.') {
                check_draft(&name, &path);
                continue;
            }
            let ending = name.strip_suffix(".new").unwrap_or(&name).rsplit('.').next().unwrap();
            match ending {
                "key" => {
                    key(&content);
                    assert_eq!(mode(&path), 0o600, "{name}");
                }
                "crt" => {
                    let chain = chain_from_pem(&content).unwrap_or_else(|e| panic!("{name}: {e}"));
                    assert!(content.ends_with(b"-----END CERTIFICATE-----\n"), "{name}");
                    if !name.starts_with("pki/") {
                        assert!(books.know(&chain[0]), "the ledger does not know `{name}`");
                    }
                }
                "yaml" => check_binding(&name, std::str::from_utf8(&content).unwrap()),
                "csr" | "redb" | "ndjson" | "lock" => {}
                _ if name == "config" => self.check_kubeconfig(&books),
                _ => panic!("nobody should write `{name}`"),
            }
        }
        self.check_pairs();
        books
    }

    fn check_kubeconfig(&self, books: &Books) {
        let text = self.text("config");
        let mut lines = text.lines();
        for kept in KEPT.lines() {
            assert!(lines.any(|line| line == kept), "`{kept}` is gone from {text}");
        }
        assert_eq!(mode(&self.path("config")), 0o600);
        let config = kubeconfig::parse("config", text.as_bytes()).unwrap();
        for user in &config.users {
            if user.name == "robot" {
                continue;
            }
            let (certificate, key) = embedded(&user.value);
            assert!(belong_together(&certificate, &key), "{}", user.name);
            assert!(books.know(&chain_from_pem(&certificate).unwrap()[0]), "{}", user.name);
            let context = format!("{}@kubernetes", user.name);
            assert_eq!(config.context(&context).unwrap().user, user.name);
        }
    }

    /// Key and certificate belong together, or a renewal lies beside them that says how it goes on.
    fn check_pairs(&self) {
        for (name, path) in self.files() {
            let Some(stem) = name.strip_suffix(".key") else { continue };
            let beside = |ending: &str| fs::read(self.path(&format!("{stem}.{ending}"))).ok();
            if name.starts_with("pki/") || name.contains("/.") {
                continue;
            }
            let key = fs::read(path).unwrap();
            let Some(certificate) = beside("crt") else { continue };
            if !belong_together(&certificate, &key) {
                let new = beside("crt.new").unwrap_or_else(|| panic!("`{name}` fits nothing"));
                assert!(belong_together(&new, &key), "{name}");
            }
        }
    }
}

/// A copy of the ledger and of the revocation file.
struct Books {
    ledger: LedgerFile,
    /// What servers knew before anybody repaired anything.
    told: Revocations,
    /// What they know afterwards.
    list: Revocations,
    _folder: tempfile::TempDir,
}

impl Books {
    fn record(&self, der: &[u8]) -> Option<CertificateRecord> {
        self.ledger.find(&fingerprint(der)).unwrap()
    }

    fn know(&self, der: &[u8]) -> bool {
        self.record(der).is_some()
    }

    fn count(&self) -> u64 {
        self.ledger.len().unwrap()
    }

    /// Servers refuse what the ledger says is revoked, and nothing else.
    fn agree(&self) {
        let compare = |record: CertificateRecord| {
            assert_eq!(is_refused(&self.list, &record), record.revoked.is_some(), "{record:?}");
            Ok::<(), LedgerFileError>(())
        };
        self.ledger.for_each(compare).unwrap();
    }
}

/// Whether an authorizer that reads the list refuses its bearer.
fn is_refused(list: &Revocations, record: &CertificateRecord) -> bool {
    let mut user = User::new(&record.user).with_groups(&record.groups);
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![record.fingerprint.credential_id()]);
    list.of_user(&user).is_some()
}

/// What a killed process leaves may have a name that nobody looks for; keys in it are their owner's.
fn check_draft(name: &str, path: &Path) {
    let (of, random) = name.rsplit_once('.').unwrap();
    let is_random = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_random, "{name}");
    if of.contains(".key") || of.contains("config") || of.contains("ledger") {
        assert_eq!(mode(path), 0o600, "{name}");
    }
}

fn check_binding(name: &str, text: &str) {
    let user = Path::new(name).file_name().unwrap().to_str().unwrap();
    let user = user.strip_suffix(".binding.yaml").unwrap();
    assert!(text.starts_with("apiVersion: rbac.authorization.k8s.io/v1\n"), "{name}: {text}");
    assert!(text.ends_with('\n') && text.contains(&format!("name: {user}\n")), "{name}: {text}");
    assert!(text.contains("kind: RoleBinding") && text.contains("name: view\n"), "{name}: {text}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn key(pem: &[u8]) -> PrivateKey {
    PrivateKey::from_pem(pem, None).unwrap()
}

fn belong_together(certificate: &[u8], pem: &[u8]) -> bool {
    let chain = chain_from_pem(certificate).unwrap();
    Certificate::from_der(&chain[0]).unwrap().has_key(key(pem).public_key_info())
}

fn embedded(user: &Credentials) -> (Vec<u8>, Vec<u8>) {
    let (Some(Material::Embedded(certificate)), Some(Material::Embedded(key))) =
        (&user.client_certificate, &user.client_key)
    else {
        panic!("certificate and key do not stand in it");
    };
    (certificate.clone(), key.expose_secret().to_vec())
}
