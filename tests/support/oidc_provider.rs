//! An OpenID provider of another implementation (Python, joserfc), served over TLS by a child process.
//! What it can be told stands in `oidc_provider.py`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

/// The JOSE stack of the provider. A new version is a new folder.
const JOSE: &str = "joserfc==1.8.0";

/// A provider. It ends when this is dropped.
pub(crate) struct Provider {
    /// Its `iss`: `https://localhost:<port>`.
    pub(crate) issuer: String,
    /// The authority of its certificate, PEM.
    pub(crate) ca: String,
    /// The authority in a file.
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Provider {
    /// Starts one with a certificate for `localhost` and 127.0.0.1. `None`, with a line on standard
    /// error, where there is no Python or the JOSE stack cannot be installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(python) = python() else {
            eprintln!("skipped: no Python with {JOSE} for the OpenID provider");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let (ca, certificate, key) = certificate();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("ca.pem"), &ca).unwrap();
        fs::write(at("tls.crt"), certificate).unwrap();
        fs::write(at("tls.key"), key).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/oidc_provider.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([at("tls.crt"), at("tls.key")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let first: Value = serde_json::from_str(&line).unwrap();
        Some(Self {
            issuer: first["issuer"].as_str().unwrap().to_owned(),
            ca,
            pipes: Mutex::new((stdin, stdout)),
            child,
            _folder: folder,
        })
    }

    /// Tells it something: `{"do": …}`.
    #[track_caller]
    pub(crate) fn tell(&self, command: Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdin, stdout) = &mut *pipes;
        writeln!(stdin, "{command}").unwrap();
        stdin.flush().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer
    }

    /// A token with these claims over `iss`, `aud` (`kubectl`), `sub` (`jane`), `iat` and `exp`.
    #[track_caller]
    pub(crate) fn token(&self, algorithm: &str, claims: Value) -> String {
        self.mint(json!({"alg": algorithm, "claims": claims}))
    }

    /// A token as `mint` makes it.
    #[track_caller]
    pub(crate) fn mint(&self, mut command: Value) -> String {
        command["do"] = "mint".into();
        self.tell(command)["token"].as_str().unwrap().to_owned()
    }

    /// What `path` answers instead of the ordinary; `json!({})`: the ordinary again.
    #[track_caller]
    pub(crate) fn behave(&self, path: &str, mut answer: Value) {
        answer["do"] = "behave".into();
        answer["path"] = path.into();
        self.tell(answer);
    }

    /// What was asked since the last time: method, path, form, authorization.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.tell(json!({"do": "requests"}))["requests"].as_array().unwrap().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has the JOSE stack, in a virtual environment that is made once and kept.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let name = format!("portcullis-tests-{}", JOSE.replace("==", "-"));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).ok()?;
    // One at a time, also of other processes. The lock ends with the file.
    let lock = fs::File::create(folder.join("lock")).ok()?;
    lock.lock().ok()?;
    let python = folder.join("venv/bin/python");
    let is_done = folder.join("done");
    if is_done.exists() && python.exists() {
        return Some(python);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let is_installed = run(Path::new("python3"), &["-m", "venv", "--clear", "venv"])
        && run(&python, &["-m", "pip", "install", "--quiet", "--timeout", "15", JOSE]);
    if !is_installed {
        return None;
    }
    fs::write(is_done, "").ok()?;
    Some(python)
}

/// An authority, and a certificate of it with its key, PEM.
fn certificate() -> (String, String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "provider CA");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (ca, certificate.pem(), key.serialize_pem())
}
