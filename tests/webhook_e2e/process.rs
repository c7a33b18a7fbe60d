//! The binary as a child process that is gone at the end of its test.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::tls::PATIENCE;

/// Starts a server with this configuration, whatever comes of it.
pub(super) fn serve(config: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["serve", "--config"]).arg(config);
    Process::spawn(command)
}

/// A child that is gone at the end of its test, however that ends.
pub(super) struct Process {
    child: Mutex<Child>,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Process {
    pub(super) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = gather(child.stdout.take().unwrap());
        let stderr = gather(child.stderr.take().unwrap());
        Self { child: Mutex::new(child), stdout, stderr }
    }

    pub(super) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn stderr(&self) -> String {
        String::from_utf8(self.stderr.lock().unwrap().clone()).unwrap()
    }

    /// Where it serves, once it says so in a JSON line.
    pub(super) fn addresses(&self) -> (SocketAddr, SocketAddr) {
        self.until("where it serves", || {
            let said = self.stderr();
            let mut lines = said.lines().filter_map(|line| serde_json::from_str(line).ok());
            let line: Value = lines.find(|line: &Value| line["message"] == "serving")?;
            let address = |name: &str| line[name].as_str()?.parse().ok();
            Some((address("reviews")?, address("operations")?))
        })
    }

    /// Looks until there is something. Fails when the process ends first, or never says it.
    #[track_caller]
    pub(super) fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let ended = self.child.lock().unwrap().try_wait().unwrap();
            if let Some(found) = look() {
                return found;
            }
            // What an ended process said last may still be on its way.
            let patience = if ended.is_some() { Duration::from_secs(1) } else { PATIENCE };
            assert!(start.elapsed() < patience, "{what}: {ended:?}\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.child.lock().unwrap().id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ends.
    #[track_caller]
    pub(super) fn wait(&self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                // Its last words.
                std::thread::sleep(Duration::from_millis(50));
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Reads all that a process says, so that it never waits for us.
fn gather(pipe: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&all);
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock().unwrap().append(&mut line);
        }
    });
    all
}

/// What the binary says to these arguments.
pub(super) fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
