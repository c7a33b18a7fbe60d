//! A folder with all that a server needs, the server in it as a child process, and clients.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

pub(super) use crate::support::tls::*;

/// jane may read pods, by the role that is named first.
pub(super) const POLICY: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: jane-reads}
subjects: [{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
";

pub(super) const SERVER: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen:
  address: 127.0.0.1:0
  tls:
    certificateFile: tls.crt
    keyFile: tls.key
    clientCAFile: ca.crt
    allowedClients: [kube-apiserver]
operations: {address: '127.0.0.1:0'}
policy: {paths: [policy/]}
authorizers: [{type: RBAC}]
";

/// What a server needs, in a folder that vanishes with the last that knows it.
#[derive(Clone)]
pub(super) struct Home {
    folder: Arc<TempDir>,
    pub(super) ca: Arc<Authority>,
    /// The API server.
    pub(super) client: Identity,
}

impl Home {
    /// With the configuration [`SERVER`] and `more` below it, and [`POLICY`].
    pub(super) fn new(more: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let ca = Arc::new(Authority::new("CA"));
        let home = Self { folder, client: ca.issue("kube-apiserver"), ca };
        let server = home.ca.issue("portcullis");
        home.write("ca.crt", &home.ca.pem);
        home.write("tls.crt", &server.certificate);
        home.write("tls.key", &server.key);
        home.write("policy/rbac.yaml", POLICY);
        home.configure(more);
        home
    }

    pub(super) fn configure(&self, more: &str) {
        let log = if more.contains("\nlog:") || more.starts_with("log:") {
            ""
        } else {
            "log: {format: json}\n"
        };
        self.write("server.yaml", &format!("{SERVER}{log}{more}"));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as careful tools do: another file, renamed into its place.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = self.path(".beside");
        fs::write(&beside, text).unwrap();
        if name.ends_with(".key") {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::rename(beside, path).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// How a client of this server speaks TLS: trusting its CA, with a certificate of it.
    pub(super) fn tls(&self) -> ClientConfig {
        client(&self.ca, Some(&self.client))
    }

    pub(super) fn start(&self) -> Running {
        let process = serve(&self.path("server.yaml"));
        let (reviews, operations) = process.addresses();
        Running { process, home: self.clone(), reviews, operations, tls: self.tls() }
    }

    /// Starts what cannot start; the message it ends with, without the folder.
    #[track_caller]
    pub(super) fn cannot_start(&self) -> String {
        let process = serve(&self.path("server.yaml"));
        let status = process.wait();
        let said = process.stderr();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        said.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

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

/// A server that answers.
pub(super) struct Running {
    // Before the folder, so that it ends before its files do.
    pub(super) process: Process,
    pub(super) home: Home,
    pub(super) reviews: SocketAddr,
    pub(super) operations: SocketAddr,
    pub(super) tls: ClientConfig,
}

impl Running {
    pub(super) async fn client(&self, protocol: Protocol) -> Client {
        Client::connect(self.reviews, &self.tls, protocol).await.unwrap()
    }

    /// A GET to the operations listener.
    pub(super) async fn look(&self, path: &str) -> (u16, String) {
        look(self.operations, path).await.unwrap()
    }

    /// Looks at an operations path until its text is so.
    pub(super) async fn until(&self, what: &str, path: &str, is_so: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let (_, text) = self.look(path).await;
            if is_so(&text) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: {text}\n{}", self.process.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The value of a metric: the sum of all lines that begin so.
    pub(super) async fn metric(&self, start: &str) -> u64 {
        let (status, text) = self.look("/metrics").await;
        assert_eq!(status, 200);
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    pub(super) async fn generation(&self) -> u64 {
        self.metric("portcullis_policy_generation ").await
    }

    /// Ends it in good order.
    pub(super) fn stop(&self) -> Option<i32> {
        self.process.signal("TERM");
        self.process.wait().code()
    }
}

/// A GET over plain HTTP.
pub(super) async fn look(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    say(
        &mut stream,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
    .await;
    hear(&mut stream).await.map(|(status, _, body)| (status, body))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

pub(super) const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// One open connection.
pub(super) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer, its body read as JSON; null when it is none.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

impl Client {
    pub(super) async fn connect(
        address: SocketAddr,
        tls: &ClientConfig,
        protocol: Protocol,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match protocol {
            Protocol::Http1 => {
                let stream = TokioIo::new(connect(address, tls, "http/1.1").await?);
                let (sender, connection) = http1::handshake(stream).await?;
                tokio::spawn(async { drop(connection.await) });
                Self::Http1(sender)
            }
            Protocol::Http2 => {
                let stream = TokioIo::new(connect(address, tls, "h2").await?);
                let executor = hyper_util::rt::TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, stream).await?;
                tokio::spawn(async { drop(connection.await) });
                Self::Http2(sender)
            }
        })
    }

    pub(super) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answered, hyper::Error> {
        let request = http::Request::builder().method(method);
        let request = request.header("content-type", "application/json");
        let body = Full::new(body.into());
        within("an answer", async {
            let response = match self {
                Self::Http1(sender) => {
                    sender.ready().await?;
                    let request = request.uri(path).header("host", "localhost").body(body);
                    sender.send_request(request.unwrap()).await?
                }
                Self::Http2(sender) => {
                    sender.ready().await?;
                    let uri = format!("https://localhost{path}");
                    sender.send_request(request.uri(uri).body(body).unwrap()).await?
                }
            };
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            let (status, headers) = (parts.status.as_u16(), parts.headers);
            Ok(Answered {
                status,
                headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        })
        .await
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Answered {
        self.send("POST", path, body.to_string()).await.unwrap()
    }

    /// The status of an access review: may this user do this to pods?
    pub(super) async fn may(&mut self, user: &str, verb: &str) -> Value {
        let answered = self.post("/authorize?timeout=3s", &pods(user, verb)).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.body["status"].clone()
    }

    pub(super) async fn is_allowed(&mut self, user: &str, verb: &str) -> bool {
        self.may(user, verb).await["allowed"].as_bool().unwrap()
    }

    /// The status of a token review.
    pub(super) async fn whose(&mut self, token: &str, audiences: &[&str]) -> Value {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token, "audiences": audiences},
        });
        let answered = self.post("/authenticate?timeout=30s", &review).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        assert!(!answered.body.to_string().contains(token) || token.is_empty());
        answered.body["status"].clone()
    }

    pub(super) async fn user(&mut self, token: &str) -> Option<String> {
        let status = self.whose(token, &[]).await;
        let user = status["user"]["username"].as_str().map(str::to_owned);
        assert_eq!(status["authenticated"].as_bool().unwrap_or(false), user.is_some(), "{status}");
        user
    }
}

/// May this user do this to the pods of a namespace?
pub(super) fn pods(user: &str, verb: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": user, "groups": ["system:authenticated"],
            "resourceAttributes":
                {"namespace": "shop", "verb": verb, "version": "v1", "resource": "pods"},
        },
    })
}

/// What the binary says to these arguments.
pub(super) fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
