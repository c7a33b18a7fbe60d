//! Replicas of the binary that share what they know by way of an API server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kit::*;
use crate::support::apiserver::ApiServer;

/// A replica that reads revocations from the cluster; `more` stands below.
fn replica(api: &ApiServer, name: &str, more: &str) -> Home {
    let home = Home::new(&format!(
        "cluster: {{kubeconfig: kubeconfig.yaml, facts: {{namespace: portcullis-facts, writer: {name}}}}}\n\
         revocation: {{fromCluster: true}}\n{more}"
    ));
    api.kubeconfig(&home.path("kubeconfig.yaml"));
    home
}

/// May this user, proved by a certificate, read a pod?
fn review(user: &str) -> Value {
    let mut review = pods(user, "get");
    let id = format!("X509SHA256={}", "ab".repeat(32));
    review["spec"]["extra"] = json!({"authentication.kubernetes.io/credential-id": [id]});
    review
}

async fn is_allowed(client: &mut Client, user: &str) -> bool {
    let answered = client.post("/authorize?timeout=3s", &review(user)).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.body["status"]["allowed"].as_bool().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_command_line_revokes_live_all_replicas_refuse_within_a_second() {
    let api = ApiServer::start();
    let homes = [replica(&api, "one", ""), replica(&api, "two", "")];
    let mut clients = Vec::new();
    let servers = homes.each_ref().map(Home::start);
    for server in &servers {
        server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
        let mut client = server.client(Protocol::Http2).await;
        assert!(is_allowed(&mut client, "jane").await);
        clients.push(client);
    }
    let live = ["--live", "--kubeconfig", "kubeconfig.yaml", "--reason", "keyCompromise"];
    let revoke = |args: &[&str]| {
        let args = [&["cert", "revoke"], args, &live].concat();
        run(&homes[0].path(""), &args)
    };
    let start = Instant::now();
    let (code, _, said) = revoke(&["--user", "jane", "--by", "ops"]);
    let written = start.elapsed();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("in `portcullis-facts` of https://127.0.0.1:"), "{said}");
    for client in &mut clients {
        within("jane is refused", async {
            while is_allowed(client, "jane").await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    let known = start.elapsed();
    println!("written after {written:?}, known to both replicas after {known:?}");
    assert!(known.saturating_sub(written) < Duration::from_secs(1), "{known:?}");
    let (_, text) = servers[1].look("/readyz").await;
    assert!(text.contains("revocations: 1 entries"), "{text}");
    assert!(text.contains("revocations of replicas: 1 ConfigMaps, 0 lines kept"), "{text}");
    // Flags of a cluster without one are a mistake, and a name of Kubernetes must be meant.
    let (code, _, said) =
        run(&homes[0].path(""), &["cert", "revoke", "--user", "x", "--facts-namespace", "n"]);
    assert!(code == Some(2) && said.contains("add --live"), "{said}");
    let (code, _, said) = revoke(&["--group", "system:masters"]);
    assert!(code == Some(2) && said.contains("say --yes"), "{said}");
    let (code, _, said) = revoke(&["--user", "joe", "--dry-run"]);
    assert!(code == Some(0) && said.contains("nothing was changed"), "{said}");
    // It was not revoked twice, and the map of the cluster can be read by people.
    let (code, _, said) = revoke(&["--token", "JTI=one", "--quiet"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let maps = api.list("ConfigMap");
    assert_eq!(maps.len(), 1, "{maps:?}");
    assert!(
        maps[0]["metadata"]["name"].as_str().unwrap().starts_with("portcullis-revocations-cli-")
    );
    let entries = maps[0]["data"]["entries"].as_str().unwrap();
    assert!(entries.contains("\"by\":\"ops\"") && entries.contains("\"id\":\"one\""), "{entries}");

    // A replica that starts later knows it, too; one that has never heard the cluster is not ready.
    let late = replica(&api, "late", "").start();
    late.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    assert!(!is_allowed(&mut late.client(Protocol::Http2).await, "jane").await);
    api.go_down();
    let deaf = replica(&api, "deaf", "").start();
    let (status, text) = deaf.look("/readyz").await;
    assert!(status == 503 && text.contains("what replicas revoke was not heard yet"), "{text}");
    // Nor does it let anybody in, whoever asks it all the same.
    let mut client = deaf.client(Protocol::Http2).await;
    for user in ["jane", "joe"] {
        let answered = client.post("/authorize?timeout=3s", &review(user)).await;
        assert_eq!(answered.status, 503, "{answered:?}");
    }
    // Those that know it go on.
    assert!(!is_allowed(&mut clients[0], "jane").await);
    api.come_up();
    deaf.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    within("an answer", async {
        while client.post("/authorize?timeout=3s", &review("jane")).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(!is_allowed(&mut client, "jane").await && client.is_allowed("jane", "get").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_revoked_counts_from_the_disk_while_the_cluster_is_away_unless_that_was_touched() {
    let api = ApiServer::start();
    let home = replica(&api, "one", "");
    let with_state = home.read("server.yaml").replace(
        "writer: one}",
        "writer: one}, savedState: {file: state/cluster.state, maxAge: 1h, every: 30s}",
    );
    home.write("server.yaml", &with_state);
    std::fs::create_dir_all(home.path("state")).unwrap();
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let live = ["cert", "revoke", "--live", "--kubeconfig", "kubeconfig.yaml", "--user", "jane"];
    let (code, _, said) = run(&home.path(""), &live);
    assert_eq!(code, Some(0), "{said}");
    // Long before the policy would be written again: a revocation does not wait for `every`.
    let copy = home.path("state/cluster.state.revocations");
    within("the copy on disk", async {
        while !std::fs::read(&copy)
            .is_ok_and(|copy| String::from_utf8_lossy(&copy).contains("jane"))
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    server.stop();
    api.go_down();
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let mut client = server.client(Protocol::Http2).await;
    assert!(!is_allowed(&mut client, "jane").await && client.is_allowed("jane", "get").await);
    server.stop();
    // Somebody makes another name of it: then nobody knows anything.
    let mut bytes = std::fs::read(&copy).unwrap();
    let at = bytes.windows(4).position(|it| it == b"jane").unwrap();
    bytes[at] = b'x';
    std::fs::write(&copy, &bytes).unwrap();
    let server = home.start();
    let (status, text) = server.look("/readyz").await;
    assert!(status == 503 && text.contains("what replicas revoke was not heard yet"), "{text}");
    let mut client = server.client(Protocol::Http2).await;
    for user in ["jane", "joe"] {
        assert_eq!(client.post("/authorize?timeout=3s", &review(user)).await.status, 503);
    }
}

/// What was heard just before a server stops is not forgotten by the next one, though that cannot ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_revoked_before_a_stop_is_refused_after_a_start_without_the_api_server() {
    let api = ApiServer::start();
    let home = Home::new(
        "cluster: {kubeconfig: kubeconfig.yaml, savedState: {file: cluster.state, every: 1h}, \
         facts: {namespace: portcullis-facts, writer: one}}\n\
         revocation: {fromCluster: true}\n",
    );
    api.kubeconfig(&home.path("kubeconfig.yaml"));
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    // Written once, and not again for an hour.
    within("the first state", async {
        while !home.path("cluster.state.revocations").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut client = server.client(Protocol::Http2).await;
    assert!(is_allowed(&mut client, "jane").await);
    let revoke = ["cert", "revoke", "--user", "jane", "--by", "ops", "--reason", "keyCompromise"];
    let live = ["--live", "--kubeconfig", "kubeconfig.yaml"];
    let (code, _, said) = run(&home.path(""), &[&revoke[..], &live].concat());
    assert_eq!(code, Some(0), "{said}");
    within("jane is refused", async {
        while is_allowed(&mut client, "jane").await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    drop(client);
    assert_eq!(server.stop(), Some(0));
    api.go_down();
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let mut client = server.client(Protocol::Http2).await;
    assert!(!is_allowed(&mut client, "jane").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_and_the_cluster_revoke_together() {
    let api = ApiServer::start();
    let home = replica(&api, "one", "");
    let text = home
        .read("server.yaml")
        .replace("{fromCluster: true}", "{fromCluster: true, file: revoked}");
    home.write("server.yaml", &text);
    let header = r#"{"apiVersion":"portcullis.dev/v1alpha1","kind":"RevocationList"}"#;
    let line = |name: &str| {
        format!(
            r#"{{"kind":"User","name":"{name}","issuedBefore":"2099-01-01T00:00:00Z","at":"2026-11-26T08:00:00Z"}}"#
        )
    };
    home.write("revoked", &format!("{header}\n{}\n", line("joan")));
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let entries = |expected: &'static str| {
        move |text: &str| text.contains(&format!("revocations: {expected} entries"))
    };
    server.until("the file", "/readyz", entries("1")).await;
    api.put(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "by-hand", "namespace": "portcullis-facts",
            "labels": {"portcullis.dev/facts": "revocations"},
        },
        "data": {"entries": format!("{}\nnonsense\n", line("jane"))},
    }));
    server.until("the cluster", "/readyz", entries("2")).await;
    let mut client = server.client(Protocol::Http2).await;
    assert!(!is_allowed(&mut client, "jane").await);
    home.write("revoked", &format!("{header}\n{}\n{}\n", line("joan"), line("june")));
    server.until("the longer file", "/readyz", entries("3")).await;
    assert!(!is_allowed(&mut client, "jane").await);
    let (_, text) = server.look("/readyz").await;
    assert!(text.contains("does not count: ConfigMap `by-hand`: "), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shadow_of_any_replica_shows_what_all_have_counted() {
    let api = ApiServer::start();
    let shadow =
        "shadow: {policy: {paths: [policy/]}, authorizers: [{type: AlwaysDeny}, {type: RBAC}]}\n";
    let homes = [replica(&api, "one", shadow), replica(&api, "two", shadow)];
    // The same files are the same candidate.
    let servers = homes.each_ref().map(Home::start);
    for server in &servers {
        server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
        server
            .until("the other", "/shadow", |text| {
                let value: Value = serde_json::from_str(text).unwrap_or_default();
                value["allReplicas"]["replicas"].as_array().is_some_and(|all| all.len() == 2)
            })
            .await;
    }
    let (status, text) = servers[0].look("/shadow").await;
    assert_eq!(status, 200);
    let value: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<&str> = value["allReplicas"]["replicas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_signs_what_is_approved_in_the_cluster() {
    let api = ApiServer::start();
    let signers = "signers:\n- signerName: example.com/portcullis\n  policy: signing.yaml\n  \
                   authority: {certificateFile: pki/ca.crt, keyFile: pki/ca.key}\n  approve: ByPolicy\n";
    let home = replica(&api, "one", signers);
    let (code, _, said) = run(&home.path(""), &["cert", "ca", "init", "--key-type", "ecdsa-p256"]);
    assert_eq!(code, Some(0), "{said}");
    home.write(
        "signing.yaml",
        "apiVersion: portcullis.dev/v1alpha1\nkind: SigningPolicy\nrules:\n\
         - {name: own, requesters: {users: [admin]}, userNames: [self], maxLifetime: 2h, \
         signers: [example.com/portcullis]}\n",
    );
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let (code, pem, said) =
        run(&home.path(""), &["cert", "request", "--user", "admin", "--key-out", "a.key"]);
    assert_eq!(code, Some(0), "{said}");
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pem);
    api.put(json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "mine"},
        "spec": {
            "request": encoded, "signerName": "example.com/portcullis", "username": "admin",
            "usages": ["client auth"], "groups": ["system:authenticated"],
        },
    }));
    within("a certificate", async {
        while api.get("CertificateSigningRequest", "", "mine").unwrap()["status"]["certificate"]
            .is_null()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    server
        .until("it is counted", "/metrics", |text| {
            text.contains("portcullis_signer_requests_total{outcome=\"signed\"} 1\n")
        })
        .await;
    // Its record is where all replicas find it, so that it can be revoked by its user.
    let args = [
        "cert",
        "revoke",
        "--user",
        "admin",
        "--live",
        "--kubeconfig",
        "kubeconfig.yaml",
        "-o",
        "json",
    ];
    let (code, out, said) = run(&home.path(""), &args);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        out.contains("\"user\": \"admin\"") && said.contains("1 recorded certificate"),
        "{out}{said}"
    );
}
