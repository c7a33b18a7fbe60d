//! `portcullis login` as kubectl, a script and a person meet it, against a login server that speaks
//! the protocol and an OpenID provider of another implementation.

mod basic;
mod cached;
mod kubectl;
mod oidc;
mod server;
mod storm;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use server::LoginServer;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home with a cache of its own, and who logs in from there.
struct Home {
    folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cache")).unwrap();
        Self { folder }
    }

    fn with(server: &LoginServer) -> Self {
        let home = Self::new();
        home.write("ca.crt", &server.ca);
        home.write("password", "hunter2\n");
        home.write("wrong", "hunter3\n");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that only its owner can read.
    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        set_mode(&self.path(name), 0o600);
    }

    fn cache(&self) -> PathBuf {
        self.path("cache/portcullis/login")
    }

    /// The files of sessions.
    fn sessions(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.cache()) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect()
    }

    /// The one session, as it is kept.
    fn session(&self) -> Value {
        let [path] = &self.sessions()[..] else { panic!("{:?}", self.sessions()) };
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// Changes what is kept.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        let [path] = &self.sessions()[..] else { panic!("{:?}", self.sessions()) };
        let mut session = self.session();
        change(&mut session);
        fs::write(path, session.to_string()).unwrap();
    }

    /// As a plugin of kubectl; `info` is what that says.
    fn command(&self, info: Option<&str>, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .arg("login")
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("KUBERNETES_EXEC_INFO")
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("PATH", "/nonexistent")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(info) = info {
            command.env("KUBERNETES_EXEC_INFO", info);
        }
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Ran {
        finished(self.command(Some(&info("v1", false)), args).output().unwrap())
    }

    #[track_caller]
    fn done(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran
    }

    /// The `ExecCredential` of a run that must succeed.
    #[track_caller]
    fn credential(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(args).out).unwrap()
    }

    #[track_caller]
    fn refused(&self, args: &[&str], because: &str) -> Ran {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
        assert!(ran.err.contains(because), "{because}\n{}", ran.err);
        ran
    }
}

/// What kubectl says.
fn info(version: &str, interactive: bool) -> String {
    format!(
        r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/{version}","spec":{{"interactive":{interactive}}}}}"#
    )
}

#[track_caller]
fn finished(output: Output) -> Ran {
    let ran = Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    assert!(!ran.err.contains("hunter"), "{}", ran.err);
    ran
}

/// The output of a child that must end by itself.
#[track_caller]
fn ended(mut child: Child) -> Ran {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    finished(child.wait_with_output().unwrap())
}

/// What a child says on standard error, up to a text.
fn read_until(child: &mut Child, text: &str) -> String {
    let stderr = child.stderr.as_mut().unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&said).contains(text) {
        if stderr.read(&mut byte).unwrap() == 0 {
            panic!("{}", String::from_utf8_lossy(&said));
        }
        said.push(byte[0]);
    }
    String::from_utf8(said).unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;

    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The flags of Jane's login with a password.
fn jane(server: &LoginServer) -> Vec<&str> {
    let flags = "--ca-file ca.crt --method basic --user jane --password-file password";
    ["--server", &server.url].into_iter().chain(flags.split(' ')).collect()
}

fn token(credential: &Value) -> &str {
    credential["status"]["token"].as_str().unwrap()
}
