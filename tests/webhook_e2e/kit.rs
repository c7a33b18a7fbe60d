//! A folder with all that a server needs, and the server in it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tempfile::TempDir;
use tokio::net::TcpStream;

pub(super) use super::client::*;
pub(super) use super::process::*;
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

    /// Everything that is in it.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
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

    /// The same with another configuration than [`SERVER`].
    pub(super) fn configured(text: &str) -> Self {
        let home = Self::new("");
        home.write("server.yaml", text);
        home
    }

    pub(super) fn start(&self) -> Running {
        self.start_by(Command::new(env!("CARGO_BIN_EXE_portcullis")))
    }

    /// The same in a surrounding of its own.
    pub(super) fn start_by(&self, mut command: Command) -> Running {
        command.args(["serve", "--config"]).arg(self.path("server.yaml"));
        let process = Process::spawn(command);
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
