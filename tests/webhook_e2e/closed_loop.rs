//! A certificate from its request to its end, with the programs that people use: issued, used by
//! `kubectl` against an API server that asks the running webhook, revoked, refused.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use portcullis::authn::x509::X509Authenticator;
use portcullis::crypto::path::TrustAnchors;
use portcullis::model::SharedRevocations;
use portcullis::source::revocations::{FollowerThread, POLL_INTERVAL, RevocationFollower, follow};

use super::apiserver::ApiServer;
use super::kit::*;

const PODS: &str = "/api/v1/namespaces/team/pods";

/// The role that `cert issue --bind` binds, and who may grant it.
const VIEW: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view}
rules: [{apiGroups: [''], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: admin}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admins}
subjects: [{kind: User, name: root, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: admin, apiGroup: rbac.authorization.k8s.io}
";

/// Runs `portcullis` in the folder; what it said.
#[track_caller]
fn portcullis(home: &Home, args: &[&str]) -> String {
    let (code, out, err) = run(&home.path(""), args);
    assert_eq!(code, Some(0), "{args:?}: {out}{err}");
    out
}

/// A request by `kubectl` with this kubeconfig: its answer, or what it complains of.
fn kubectl(home: &Home, kubeconfig: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(home.path(kubeconfig))
        .args(["--request-timeout=10s"])
        .args(args)
        .env("HOME", home.path(""))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

async fn kubectl_gets(home: &Home, kubeconfig: &'static str) -> Result<String, String> {
    let home = home.clone();
    tokio::task::spawn_blocking(move || kubectl(&home, kubeconfig, &["get", "--raw", PODS]))
        .await
        .unwrap()
}

fn there(program: &str) -> bool {
    let there = Command::new(program).arg("version").arg("--client").output().is_ok();
    if !there {
        println!("skipped: `{program}` is not installed");
    }
    there
}

fn x509(home: &Home, revocations: SharedRevocations) -> X509Authenticator {
    let bundle = TrustAnchors::from_pem(home.read("pki/bundle.crt").as_bytes()).unwrap();
    X509Authenticator::new(bundle).with_revocations(revocations)
}

/// An API server that asks the running webhook, and the authority of its users.
struct Cluster {
    home: Home,
    server: Running,
    api: ApiServer,
    url: String,
    /// What the API server knows of revocations.
    shared: SharedRevocations,
    following: FollowerThread,
}

async fn cluster() -> Cluster {
    let home = Home::new("revocation: {file: pki/revocations.ndjson}\n");
    portcullis(&home, &["cert", "ca", "init", "--pki", "pki"]);
    home.write("policy/view.yaml", VIEW);
    // The API server's own address is needed in the kubeconfig: it starts first, and asks the webhook,
    // which needs the revocation file, which the authority's folder holds.
    let server = home.start();
    let shared = SharedRevocations::default();
    let follower =
        RevocationFollower::open(home.path("pki/revocations.ndjson"), Instant::now()).unwrap();
    let following = follow(follower, shared.clone(), POLL_INTERVAL, |_, _| {}).unwrap();
    let identity = home.ca.issue("kube-apiserver");
    let api =
        ApiServer::start(&identity, x509(&home, shared.clone()), server.reviews, home.tls()).await;
    let url = format!("https://localhost:{}", api.address.port());
    Cluster { home, server, api, url, shared, following }
}

/// What an API server asks about somebody who lists pods with a certificate.
fn review_of(certificate: &Path) -> serde_json::Value {
    let fingerprint = portcullis::crypto::certificate::fingerprint(&self::certificate(certificate));
    serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": "jane", "groups": ["dev", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": [fingerprint.credential_id()]},
            "resourceAttributes":
                {"verb": "list", "version": "v1", "namespace": "team", "resource": "pods"},
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_issued_used_revoked_and_refused_within_a_second_and_after_a_kill() {
    if !there("kubectl") {
        return;
    }
    let Cluster { home, server, api: _api, url, shared, following: _following } = cluster().await;
    for user in ["jane", "joan"] {
        let kubeconfig = format!("{user}.kubeconfig");
        let args = [
            "cert",
            "issue",
            "--pki",
            "pki",
            "--user",
            user,
            "--group",
            "dev",
            "--group",
            "ops",
            "--cert-out",
            &format!("{user}.crt"),
            "--key-out",
            &format!("{user}.key"),
            "--kubeconfig",
            &kubeconfig,
            "--server",
            &url,
            "--server-ca",
            "ca.crt",
            "--bind",
            "clusterrole/view",
            "-n",
            "team",
            "-f",
            "policy",
            "--requester",
            "root",
            "--bind-out",
            &format!("policy/{user}.yaml"),
        ];
        portcullis(&home, &args);
    }
    // The binding is policy, too, and taken over while it serves.
    within("the bindings", async {
        while kubectl_gets(&home, "joan.kubeconfig").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let listed = kubectl_gets(&home, "jane.kubeconfig").await.unwrap();
    assert!(listed.contains("PodList"), "{listed}");
    let who = {
        let home = home.clone();
        let ask = move || kubectl(&home, "jane.kubeconfig", &["auth", "whoami", "-o", "json"]);
        tokio::task::spawn_blocking(ask).await.unwrap().unwrap()
    };
    let who: serde_json::Value = serde_json::from_str(&who).unwrap();
    let who = &who["status"]["userInfo"];
    assert_eq!(who["username"], "jane");
    assert_eq!(who["groups"], serde_json::json!(["dev", "ops", "system:authenticated"]));

    // The webhook alone, as an API server asks it: nobody but the webhook stands between.
    let fingerprint = who["extra"]["authentication.kubernetes.io/credential-id"][0].clone();
    let review = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": "jane", "groups": ["dev", "ops", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": [fingerprint]},
            "resourceAttributes":
                {"verb": "list", "version": "v1", "namespace": "team", "resource": "pods"},
        },
    });
    let mut client = server.client(Protocol::Http2).await;
    let status = client.post("/authorize", &review).await.body["status"].clone();
    assert_eq!(status["allowed"], true, "{status}");

    let revoking = Instant::now();
    portcullis(
        &home,
        &["cert", "revoke", "--pki", "pki", "--cert", "jane.crt", "--reason", "keyCompromise"],
    );
    let revoked = Instant::now();
    let status = loop {
        let status = client.post("/authorize", &review).await.body["status"].clone();
        if status["denied"] == true {
            break status;
        }
        assert!(revoked.elapsed() < Duration::from_secs(1), "still allowed: {status}");
    };
    println!(
        "refused {:?} after the command ended, {:?} after it began",
        revoked.elapsed(),
        revoking.elapsed()
    );
    assert!(status["reason"].as_str().unwrap().contains("revoked"), "{status}");
    while !shared.load().is_empty() {
        // The authenticator's list is the same file, followed on its own.
        let leaf = certificate(&home.path("jane.crt"));
        let presented = portcullis::authn::ClientCertificates {
            leaf: &leaf,
            intermediates: &[],
            now: unix_now(),
        };
        if x509(&home, shared.clone()).authenticate(&presented).is_err() {
            break;
        }
        assert!(revoked.elapsed() < Duration::from_secs(1), "still authenticated");
    }
    let refused = kubectl_gets(&home, "jane.kubeconfig").await.unwrap_err();
    assert!(refused.contains("revoked") || refused.contains("logged in"), "{refused}");
    // Nobody else is refused.
    assert!(kubectl_gets(&home, "joan.kubeconfig").await.is_ok());

    // A killed server comes back knowing it.
    server.process.signal("KILL");
    server.process.wait();
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    let status = client.post("/authorize", &review).await.body["status"].clone();
    assert_eq!((&status["allowed"], &status["denied"]), (&false.into(), &true.into()), "{status}");
    let mut other = review.clone();
    other["spec"]["extra"] = serde_json::json!({});
    other["spec"]["user"] = "joan".into();
    let status = client.post("/authorize", &other).await.body["status"].clone();
    assert_eq!(status["allowed"], true, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_certificate_and_that_of_a_stranger_are_refused_where_a_kubeconfig_of_files_comes_in() {
    if !there("kubectl") {
        return;
    }
    let Cluster { home, server: _server, api: _api, url, shared: _, following: _following } =
        cluster().await;
    let jane = ["--user", "jane", "--group", "dev"];
    let bind = ["--bind", "clusterrole/view", "-n", "team", "-f", "policy", "--requester", "root"];
    let out = ["--out-dir", "jane", "--bind-out", "policy/jane.yaml"];
    portcullis(&home, &[&["cert", "issue"][..], &jane, &out, &bind].concat());
    // Of the same name and groups, by an authority of their own.
    portcullis(&home, &["cert", "ca", "init", "--pki", "strangers"]);
    let out = ["--out-dir", "stranger", "--pki", "strangers"];
    portcullis(&home, &[&["cert", "issue"][..], &jane, &out].concat());
    let server = ["--server", &url, "--ca-file", "ca.crt"];
    for folder in ["jane", "stranger"] {
        let [certificate, key, kubeconfig] =
            ["jane.crt", "jane.key", "config"].map(|name| format!("{folder}/{name}"));
        let files = ["--client-certificate", &certificate, "--client-key", &key];
        let out = ["--reference", "--out", &kubeconfig];
        let user = ["kubeconfig", "--user", "jane"];
        portcullis(&home, &[&user[..], &server, &files, &out].concat());
        assert!(home.read(&kubeconfig).contains("client-key: jane.key\n"), "not relative");
    }
    home.write("token", "of-nobody\n");
    let bare = ["kubeconfig", "--user", "jane", "--token-file", "token", "--out", "bare"];
    portcullis(&home, &[&bare[..], &server].concat());

    within("the binding", async {
        while kubectl_gets(&home, "jane/config").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(kubectl_gets(&home, "jane/config").await.unwrap().contains("PodList"));
    // 401, in kubectl's words.
    let refused = kubectl_gets(&home, "stranger/config").await.unwrap_err();
    let is_401 = refused.contains("logged in") || refused.contains("Unauthorized");
    assert!(is_401 || refused.contains("unknown authority"), "{refused}");
    // The server requires a certificate: nothing is asked without one.
    let refused = kubectl_gets(&home, "bare").await.unwrap_err();
    assert!(refused.contains("certificate required"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_of_a_user_is_revoked_what_is_issued_afterwards_comes_in() {
    if !there("kubectl") {
        return;
    }
    let Cluster { home, server, api: _api, url, shared, following: _following } = cluster().await;
    let issue = |name: &str, more: &[&str]| {
        let [certificate, key, kubeconfig] =
            ["crt", "key", "config"].map(|ending| format!("{name}.{ending}"));
        let jane = ["cert", "issue", "--user", "jane", "--group", "dev"];
        let out = ["--cert-out", &certificate, "--key-out", &key, "--kubeconfig", &kubeconfig];
        let server = ["--server", &url, "--server-ca", "ca.crt"];
        portcullis(&home, &[&jane[..], &out, &server, more].concat());
    };
    let bind = ["--bind", "clusterrole/view", "-n", "team", "-f", "policy", "--requester", "root"];
    issue("first", &[&bind[..], &["--bind-out", "policy/jane.yaml"]].concat());
    // A certificate of which our books know nothing.
    issue("unknown", &["--ledger", "other.redb", "--revocations", "other.ndjson"]);
    within("the binding", async {
        for kubeconfig in ["first.config", "unknown.config"] {
            while kubectl_gets(&home, kubeconfig).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    })
    .await;

    // Certificates are backdated, so even the second in which they were issued is before this one.
    portcullis(&home, &["cert", "revoke", "--user", "jane", "--reason", "keyCompromise"]);
    let revoked = Instant::now();
    let mut client = server.client(Protocol::Http2).await;
    for old in ["first.crt", "unknown.crt"] {
        let review = review_of(&home.path(old));
        while client.post("/authorize", &review).await.body["status"]["denied"] != true {
            assert!(revoked.elapsed() < Duration::from_secs(1), "{old} is still allowed");
        }
    }
    issue("second", &[]);
    let review = review_of(&home.path("second.crt"));
    within("that the new one is spared", async {
        while client.post("/authorize", &review).await.body["status"]["allowed"] != true {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The API server follows the file on its own.
        while kubectl_gets(&home, "second.config").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(!shared.load().is_empty());
    for old in ["first", "unknown"] {
        let status =
            client.post("/authorize", &review_of(&home.path(&format!("{old}.crt")))).await.body;
        assert_eq!(status["status"]["denied"], true, "{old}: {status}");
    }
    for kubeconfig in ["first.config", "unknown.config"] {
        assert!(kubectl_gets(&home, kubeconfig).await.is_err(), "{kubeconfig}");
    }

    // A server that starts from the file alone says the same.
    server.process.signal("KILL");
    server.process.wait();
    let server = home.start();
    let mut client = server.client(Protocol::Http2).await;
    for (certificate, allowed, denied) in
        [("first.crt", false, true), ("unknown.crt", false, true), ("second.crt", true, false)]
    {
        let review = review_of(&home.path(certificate));
        let status = client.post("/authorize", &review).await.body["status"].clone();
        // What is false need not be said.
        let said = |field: &str| status[field].as_bool().unwrap_or_default();
        assert_eq!((said("allowed"), said("denied")), (allowed, denied), "{certificate}: {status}");
    }
}

fn certificate(path: &Path) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_file(path).unwrap().to_vec()
}

fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
