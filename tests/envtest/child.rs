//! Processes that end with the test.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process, and where its output goes. Dropped, it is killed; if the test fails, the end of what
/// it said is shown.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(super) fn start(name: &'static str, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, child, log }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so; a process that ends before, or takes too long, fails the test.
    #[track_caller]
    pub(super) fn wait(&mut self, limit: Duration, ready: impl Fn() -> bool) {
        let end = Instant::now() + limit;
        while !ready() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended: {status}", self.name);
            }
            assert!(Instant::now() < end, "{} is not ready after {limit:?}", self.name);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("---- {} ----\n{}", self.name, tail.join("\n"));
        }
    }
}

/// An address on loopback that nobody uses yet.
pub(super) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Whether a plain HTTP server answers with 200.
pub(super) fn answers(address: SocketAddr, path: &str) -> bool {
    let limit = Duration::from_secs(2);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, limit) else { return false };
    stream.set_read_timeout(Some(limit)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.split(' ').nth(1) == Some("200")
}
