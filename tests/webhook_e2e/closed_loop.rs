//! A certificate from its request to its end, with the programs that people use: issued, used by
//! `kubectl` against an API server that asks the running webhook, revoked, refused.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use portcullis::authn::x509::X509Authenticator;
use portcullis::crypto::path::TrustAnchors;
use portcullis::model::SharedRevocations;
use portcullis::source::revocations::{POLL_INTERVAL, RevocationFollower, follow};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_issued_used_revoked_and_refused_within_a_second_and_after_a_kill() {
    if !there("kubectl") {
        return;
    }
    let home = Home::new("revocation: {file: pki/revocations.ndjson}\n");
    portcullis(&home, &["cert", "ca", "init", "--pki", "pki"]);
    home.write("policy/view.yaml", VIEW);
    // The API server's own address is needed in the kubeconfig: it starts first, and asks the webhook,
    // which needs the revocation file, which the authority's folder holds.
    let server = home.start();
    let shared = SharedRevocations::default();
    let follower =
        RevocationFollower::open(home.path("pki/revocations.ndjson"), Instant::now()).unwrap();
    let _following = follow(follower, shared.clone(), POLL_INTERVAL, |_, _| {}).unwrap();
    let identity = home.ca.issue("kube-apiserver");
    let api =
        ApiServer::start(&identity, x509(&home, shared.clone()), server.reviews, home.tls()).await;
    let url = format!("https://localhost:{}", api.address.port());

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

fn certificate(path: &Path) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_file(path).unwrap().to_vec()
}

fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
