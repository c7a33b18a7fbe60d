//! etcd, a kube-apiserver, and the review server beside it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::Value;

use super::child::{Running, answers, free_address};
use super::kubectl::{Credential, Outcome};

const ISSUER: &str = "https://kubernetes.default.svc";

/// The review server, with the files that `init apiserver` wrote.
pub(super) struct Webhook {
    folder: tempfile::TempDir,
    operations: SocketAddr,
    running: Option<Running>,
}

impl Webhook {
    /// Writes the files, with a token file added to the configuration.
    pub(super) fn prepare(address: SocketAddr, tokens: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("portcullis");
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["init", "apiserver", "--address", &address.to_string(), "--out"])
            .arg(&out)
            .arg("--mounted-at")
            .arg(out.join("apiserver"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");

        let operations = free_address();
        let config = out.join("server/server.yaml");
        let mut text = fs::read_to_string(&config).unwrap();
        let fixed = "\"127.0.0.1:9444\"";
        assert!(text.contains(fixed), "{text}");
        text = text.replace(fixed, &format!("\"{operations}\""));
        text.push_str("authenticators:\n  - tokenFile: {file: tokens.csv, format: csv}\n");
        fs::write(&config, text).unwrap();
        let file = out.join("server/tokens.csv");
        fs::write(&file, tokens).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { folder, operations, running: None }
    }

    /// Starts it and waits until it has loaded everything.
    #[track_caller]
    pub(super) fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let config = self.folder.path().join("portcullis/server/server.yaml");
        command.args(["serve", "--config"]).arg(config);
        let mut running = Running::start("portcullis", command, self.folder.path());
        running.wait(Duration::from_secs(20), || answers(self.operations, "/readyz"));
        self.running = Some(running);
    }

    /// Kills it, as a crash would.
    pub(super) fn stop(&mut self) {
        self.running = None;
    }

    fn policy(&self, name: &str) -> PathBuf {
        self.folder.path().join("portcullis/server/policy").join(name)
    }

    /// Puts a policy file in place at once, as tools that take care do.
    pub(super) fn write_policy(&self, name: &str, text: &str) {
        let beside = self.folder.path().join(name);
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, self.policy(name)).unwrap();
    }

    pub(super) fn remove_policy(&self, name: &str) {
        fs::remove_file(self.policy(name)).unwrap();
    }
}

/// The flags of kube-apiserver 1.36: those of `kube-apiserver-flags.txt`, and [`own_flags`].
pub(super) fn flags(webhook: &Webhook, pki: &Path, etcd: u16, port: u16) -> Vec<String> {
    let text = webhook.folder.path().join("portcullis/kube-apiserver-flags.txt");
    let text = fs::read_to_string(text).unwrap();
    let generated = text.lines().filter(|line| line.starts_with("--")).map(str::to_owned);
    generated.chain(own_flags(pki, etcd, port)).collect()
}

/// What any API server needs that runs on loopback without a cluster around it.
pub(super) fn own_flags(pki: &Path, etcd: u16, port: u16) -> Vec<String> {
    let file = |name: &str| pki.join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        // It would write an endpoint, which must not be on loopback.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--secure-port={port}"),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        format!("--cert-dir={}", pki.display()),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--service-account-issuer={ISSUER}"),
        format!("--api-audiences={ISSUER}"),
        format!("--service-account-signing-key-file={}", file("sa.key")),
        format!("--service-account-key-file={}", file("sa.pub")),
    ]
}

/// An API server with its etcd.
pub(super) struct Cluster {
    // Dropped in this order: the API server before its etcd, the folder last.
    _apiserver: Running,
    _etcd: Running,
    pki: Pki,
    kubectl: PathBuf,
    server: String,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// With the review server as its authorizer and authenticator.
    #[track_caller]
    pub(super) fn start(assets: &Path, webhook: &Webhook) -> Self {
        Self::start_with(assets, |pki, etcd, port| flags(webhook, pki, etcd, port))
    }

    /// By itself, with its own RBAC.
    #[track_caller]
    pub(super) fn start_alone(assets: &Path) -> Self {
        Self::start_with(assets, |pki, etcd, port| {
            let mut flags = own_flags(pki, etcd, port);
            flags.push("--authorization-mode=Node,RBAC".to_owned());
            flags
        })
    }

    #[track_caller]
    fn start_with(assets: &Path, flags: impl FnOnce(&Path, u16, u16) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(folder.path().join("pki"));
        let (client, peer) = (free_address(), free_address());
        let mut etcd = Command::new(assets.join("etcd"));
        etcd.arg("--data-dir").arg(folder.path().join("etcd")).args([
            "--name=test",
            &format!("--listen-client-urls=http://{client}"),
            &format!("--advertise-client-urls=http://{client}"),
            &format!("--listen-peer-urls=http://{peer}"),
            &format!("--initial-advertise-peer-urls=http://{peer}"),
            &format!("--initial-cluster=test=http://{peer}"),
        ]);
        let mut etcd = Running::start("etcd", etcd, folder.path());
        etcd.wait(Duration::from_secs(30), || answers(client, "/health"));

        let port = free_address().port();
        let mut apiserver = Command::new(assets.join("kube-apiserver"));
        apiserver.args(flags(&pki.folder, client.port(), port));
        let mut apiserver = Running::start("kube-apiserver", apiserver, folder.path());
        let bundled = assets.join("kubectl");
        let kubectl = if bundled.is_file() { bundled } else { PathBuf::from("kubectl") };
        let server = format!("https://127.0.0.1:{port}");
        let admin = pki.client("admin", &["system:masters"]);
        apiserver.wait(Duration::from_secs(120), || {
            let outcome = kubectl_get(&kubectl, folder.path(), &server, &pki, &admin, "/readyz");
            matches!(outcome, Outcome::Done(_))
        });
        Self { _apiserver: apiserver, _etcd: etcd, pki, kubectl, server, folder }
    }

    /// The program that asks it.
    pub(super) fn kubectl(&self) -> &Path {
        &self.kubectl
    }

    /// The public key of service accounts, PEM.
    pub(super) fn accounts_key(&self) -> String {
        fs::read_to_string(self.pki.folder.join("sa.pub")).unwrap()
    }

    /// Writes a kubeconfig for somebody with a certificate.
    pub(super) fn write_kubeconfig(&self, who: &Credential) -> PathBuf {
        let Credential::Certificate { certificate, key } = who else { panic!("no certificate") };
        let path = self.folder.path().join("kubeconfig");
        let text = format!(
            "\
apiVersion: v1
kind: Config
current-context: test
clusters:
- {{name: test, cluster: {{server: '{}', certificate-authority: '{}'}}}}
users:
- {{name: admin, user: {{client-certificate: '{}', client-key: '{}'}}}}
contexts:
- {{name: test, context: {{cluster: test, user: admin}}}}
",
            self.server,
            self.pki.folder.join("ca.crt").display(),
            certificate.display(),
            key.display(),
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// A client certificate of the cluster's authority.
    pub(super) fn certificate(&self, user: &str, groups: &[&str]) -> Credential {
        self.pki.client(user, groups)
    }

    pub(super) fn get(&self, who: &Credential, path: &str) -> Outcome {
        kubectl_get(&self.kubectl, self.folder.path(), &self.server, &self.pki, who, path)
    }

    pub(super) fn post(&self, who: &Credential, path: &str, body: &Value) -> Outcome {
        let file = self.folder.path().join("body.json");
        fs::write(&file, body.to_string()).unwrap();
        let mut command = kubectl(&self.kubectl, self.folder.path(), &self.server, &self.pki, who);
        run(command.args(["create", "--raw", path, "-f"]).arg(file))
    }

    #[track_caller]
    pub(super) fn wait(&self, what: &str, limit: Duration, happened: impl Fn() -> bool) {
        let end = Instant::now() + limit;
        while !happened() {
            assert!(Instant::now() < end, "{what} did not come within {limit:?}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }
}

fn kubectl_get(
    program: &Path,
    home: &Path,
    server: &str,
    pki: &Pki,
    who: &Credential,
    path: &str,
) -> Outcome {
    run(kubectl(program, home, server, pki, who).args(["get", "--raw", path]))
}

fn run(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Outcome::of(output.status.success(), text(&output.stdout), &text(&output.stderr))
}

/// kubectl, with nothing of its user: no configuration, no cache.
fn kubectl(program: &Path, home: &Path, server: &str, pki: &Pki, who: &Credential) -> Command {
    let mut command = Command::new(program);
    command
        .env("HOME", home)
        .env("KUBECONFIG", home.join("no-kubeconfig"))
        .arg(format!("--server={server}"))
        .arg(format!("--certificate-authority={}", pki.folder.join("ca.crt").display()))
        .arg("--request-timeout=30s");
    match who {
        Credential::Certificate { certificate, key } => {
            command.arg(format!("--client-certificate={}", certificate.display()));
            command.arg(format!("--client-key={}", key.display()));
        }
        Credential::Nobody => {}
        Credential::Token(token) => {
            command.arg(format!("--token={token}"));
        }
    }
    command
}

/// The certificates of the cluster itself, which have nothing to do with the webhook's.
struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new(folder: PathBuf) -> Self {
        fs::create_dir(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test-cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        let pki = Self { folder, issuer: Issuer::new(params, key) };

        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        pki.write("server", &params);

        let key = KeyPair::generate().unwrap();
        fs::write(pki.folder.join("sa.key"), key.serialize_pem()).unwrap();
        fs::write(pki.folder.join("sa.pub"), key.public_key_pem()).unwrap();
        pki
    }

    /// One group at most: rcgen keeps one value of a kind in a name.
    fn client(&self, user: &str, groups: &[&str]) -> Credential {
        assert!(groups.len() < 2);
        let mut params = CertificateParams::default();
        // Left alone, rcgen names everybody `rcgen self signed cert`.
        params.distinguished_name = rcgen::DistinguishedName::new();
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // A colon is no good part of a file name everywhere.
        let (certificate, key) = self.write(&user.replace(':', "-"), &params);
        Credential::Certificate { certificate, key }
    }

    fn write(&self, name: &str, params: &CertificateParams) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = ["crt", "key"].map(|end| self.folder.join(format!("{name}.{end}")));
        let [certificate_path, key_path] = paths;
        fs::write(&certificate_path, certificate.pem()).unwrap();
        fs::write(&key_path, key.serialize_pem()).unwrap();
        (certificate_path, key_path)
    }
}

#[test]
fn the_cluster_accepts_its_own_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(folder.path().join("pki"));
    let ca = fs::read_to_string(pki.folder.join("ca.crt")).unwrap();
    assert!(ca.contains("BEGIN CERTIFICATE"));
    let Credential::Certificate { certificate, .. } =
        pki.client("system:node:a", &["system:nodes"])
    else {
        panic!("no certificate");
    };
    let ca = der(&pki.folder.join("ca.crt"));
    let anchors = [webpki::anchor_from_trusted_cert(&ca).unwrap()];
    for (path, usage) in [
        (certificate, webpki::KeyUsage::client_auth()),
        (pki.folder.join("server.crt"), webpki::KeyUsage::server_auth()),
    ] {
        let leaf = der(&path);
        let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
        let now = rustls::pki_types::UnixTime::now();
        let algorithms = [webpki::aws_lc_rs::ECDSA_P256_SHA256];
        leaf.verify_for_usage(&algorithms, &anchors, &[], now, usage, None, None).unwrap();
    }
}

fn der(path: &Path) -> rustls::pki_types::CertificateDer<'static> {
    rustls::pki_types::pem::PemObject::from_pem_file(path).unwrap()
}
