//! The test API server speaks the protocol: asked by kubectl, and byte by byte.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::SendRequest;
use serde_json::{Value, json};

use crate::support::apiserver::{ApiServer, Fault, Resource};
use crate::support::tls;

pub(super) fn binding(name: &str, user: &str) -> Value {
    json!({
        "kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": name, "namespace": "shop"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
    })
}

const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/rolebindings";
const SHOP: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// A client, HTTP/2.
struct Client<'a> {
    server: &'a ApiServer,
    sender: SendRequest<Full<Bytes>>,
}

impl<'a> Client<'a> {
    async fn new(server: &'a ApiServer) -> Self {
        let versions = [&rustls::version::TLS13];
        let config = tls::client_trusting(server.ca(), None, &versions);
        let address = server.url().trim_start_matches("https://").parse().unwrap();
        Self { server, sender: tls::h2(address, &config).await }
    }

    async fn send(&mut self, method: &str, path: &str, body: Value) -> http::Response<Incoming> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"))
            .header("authorization", format!("Bearer {}", self.server.token()))
            .header(
                "content-type",
                match method {
                    "PATCH" => "application/merge-patch+json",
                    _ => "application/json",
                },
            )
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        self.sender.ready().await.unwrap();
        tls::within("an answer", self.sender.send_request(request)).await.unwrap()
    }

    async fn ask(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(method, path, body).await;
        let code = response.status().as_u16();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&text).unwrap())
    }

    async fn get(&mut self, path: &str) -> (u16, Value) {
        self.ask("GET", path, Value::Null).await
    }

    async fn watch(&mut self, path: &str) -> Lines {
        let response = self.send("GET", path, Value::Null).await;
        assert_eq!(response.status(), 200);
        Lines { body: response.into_body(), rest: Vec::new() }
    }
}

struct Lines {
    body: Incoming,
    rest: Vec<u8>,
}

impl Lines {
    /// The next line; none at the end, an error when the connection broke.
    async fn next(&mut self) -> Result<Option<String>, hyper::Error> {
        tls::within("a line", async {
            loop {
                if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                    let line = self.rest.drain(..=end).collect();
                    return Ok(Some(String::from_utf8(line).unwrap()));
                }
                match self.body.frame().await {
                    None => return Ok(None),
                    Some(frame) => self.rest.extend(frame?.into_data().unwrap()),
                }
            }
        })
        .await
    }

    async fn event(&mut self) -> (String, Value) {
        let line = self.next().await.unwrap().expect("a line");
        let event: Value = serde_json::from_str(&line).unwrap();
        (event["type"].as_str().unwrap().to_owned(), event["object"].clone())
    }
}

fn kubectl(config: &Path) -> Command {
    let mut command = Command::new("kubectl");
    command
        .arg("--kubeconfig")
        .arg(config)
        .env("HOME", config.parent().unwrap())
        .env_remove("KUBECONFIG")
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn run(config: &Path, arguments: &[&str]) -> String {
    let output = kubectl(config).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn kubectl_takes_it_for_an_api_server() {
    let is_there = Command::new("kubectl").arg("version").arg("--client").output().is_ok();
    if !is_there {
        eprintln!("skipped: no kubectl on the PATH");
        return;
    }
    let server = ApiServer::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    server.kubeconfig(&config);
    server.put(binding("first", "jane"));

    let mut watching = kubectl(&config)
        .args(["get", "rolebindings", "-n", "shop", "--watch", "-o", "name"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let first = "rolebinding.rbac.authorization.k8s.io/first";
    assert_eq!(lines.next().unwrap().unwrap(), first);
    server.wait_asked("watch", "rolebindings", 1);
    let asked = server.requests().into_iter().rfind(|asked| asked.verb == "watch").unwrap();
    assert_eq!((asked.path.as_str(), asked.user.as_str()), (SHOP, "admin"));

    // The other credentials.
    let by_certificate = folder.path().join("certificate");
    server.kubeconfig_of_certificate(&by_certificate);
    let manifest = folder.path().join("manifest.json");
    std::fs::write(&manifest, binding("second", "joe").to_string()).unwrap();
    let create = ["create", "--validate=false", "-f", manifest.to_str().unwrap()];
    run(&by_certificate, &create);
    assert_eq!(lines.next().unwrap().unwrap(), first.replace("first", "second"));
    let again = kubectl(&config).args(create).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("AlreadyExists"));

    let listed: Value =
        serde_json::from_str(&run(&config, &["get", "rolebindings", "-A", "-o", "json"])).unwrap();
    let users: Vec<&Value> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["subjects"][0]["name"])
        .collect();
    assert_eq!(users, ["jane", "joe"]);
    assert_eq!(listed["items"][1]["kind"], "RoleBinding");

    std::fs::write(&manifest, binding("second", "jim").to_string()).unwrap();
    run(&config, &["replace", "--validate=false", "-f", manifest.to_str().unwrap()]);
    let bound = server.get("RoleBinding", "shop", "second").unwrap();
    assert_eq!(bound["subjects"][0]["name"], "jim");
    run(&config, &["label", "rolebinding", "second", "-n", "shop", "team=shop"]);
    let chosen = run(&config, &["get", "rolebindings", "-A", "-l", "team=shop", "-o", "name"]);
    assert_eq!(chosen.trim(), first.replace("first", "second"));
    run(&config, &["delete", "rolebinding", "second", "-n", "shop"]);
    assert_eq!(server.get("RoleBinding", "shop", "second"), None);

    server.forbid("secrets");
    let refused = kubectl(&config).args(["get", "secrets", "-A"]).output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("cannot list resource \"secrets\""), "{message}");
    server.set_token("another-token-0123456789");
    let refused = kubectl(&config).args(["get", "roles", "-A"]).output().unwrap();
    assert!(!refused.status.success());
    let _ = watching.kill();
    let _ = watching.wait();
}

#[tokio::test]
async fn a_list_with_pages_is_of_one_version() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    server.load((0..5).map(|number| binding(&format!("b{number}"), "jane")));
    let version = server.version();
    let (code, first) = client.get(&format!("{BINDINGS}?limit=2")).await;
    assert_eq!(code, 200);
    assert_eq!(first["kind"], "RoleBindingList");
    assert_eq!(first["metadata"]["resourceVersion"], version.to_string());
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    assert_eq!(first["items"][0].get("kind"), None, "items of lists do not say what they are");

    assert!(server.delete("RoleBinding", "shop", "b3"));
    server.put(binding("b9", "jane"));
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    let (_, rest) = client.get(&format!("{BINDINGS}?limit=10&continue={token}")).await;
    let names: Vec<&Value> =
        rest["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["b2", "b3", "b4"]);
    assert_eq!(rest["metadata"], json!({"resourceVersion": version.to_string()}));

    server.compact("rolebindings");
    let (code, expired) = client.get(&format!("{BINDINGS}?limit=10&continue={token}")).await;
    assert_eq!((code, &expired["reason"]), (410, &json!("Expired")));
    // The token of such an answer goes on with what there is now.
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let (code, rest) = client.get(&format!("{BINDINGS}?continue={token}")).await;
    assert_eq!((code, rest["items"].as_array().unwrap().len()), (200, 3));
    let (code, _) = client.get(&format!("{BINDINGS}?resourceVersion=999999")).await;
    assert_eq!(code, 504);
}

#[tokio::test]
async fn a_watch_says_what_happened_since() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    let version = server.version();
    server.put(binding("b", "jane"));
    let path = format!("{BINDINGS}?watch=1&allowWatchBookmarks=true&resourceVersion={version}");
    let mut lines = client.watch(&path).await;
    let line = lines.next().await.unwrap().unwrap();
    let start = r#"{"type":"ADDED","object":{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"b","namespace":"shop","uid":""#;
    assert!(line.starts_with(start), "{line}");
    server.put(binding("b", "joe"));
    // What changes nothing is no event.
    server.put(binding("b", "joe"));
    server.delete("RoleBinding", "shop", "b");
    let (kind, object) = lines.event().await;
    assert_eq!((kind.as_str(), &object["subjects"][0]["name"]), ("MODIFIED", &json!("joe")));
    let (kind, object) = lines.event().await;
    assert_eq!(kind, "DELETED");
    assert_eq!(object["metadata"]["resourceVersion"], server.version().to_string());
    server.put(json!({
        "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c", "namespace": "shop"},
    }));
    server.bookmark();
    let (kind, object) = lines.event().await;
    assert_eq!(kind, "BOOKMARK");
    assert_eq!(object["metadata"]["resourceVersion"], server.version().to_string());

    server.compact("rolebindings");
    server.put(binding("b", "jim"));
    assert_eq!(lines.event().await.0, "ADDED", "a watch that keeps up does not expire");
    let (kind, status) = client.watch(&path).await.event().await;
    assert_eq!((kind.as_str(), &status["code"]), ("ERROR", &json!(410)));
    let mut lines = client.watch(&format!("{SHOP}?watch=true&timeoutSeconds=1")).await;
    assert_eq!(lines.event().await.0, "ADDED", "without a version, what is there comes first");
    assert_eq!(lines.next().await.unwrap(), None);
}

#[tokio::test]
async fn events_are_remembered_as_far_back_as_the_window_reaches() {
    let server = ApiServer::start();
    let pigeons = Resource::new("example.com", &["v1"], "pigeons", "Pigeon", true);
    server.serve(pigeons);
    let mut client = Client::new(&server).await;
    let first = server.version();
    for number in 0..5 {
        server.put(json!({
            "kind": "Pigeon", "apiVersion": "example.com/v1",
            "metadata": {"name": format!("p{number}"), "namespace": "shop"},
        }));
    }
    let path = |version: u64| format!("{}?watch=1&resourceVersion={version}", pigeons.path());
    server.remember(2);
    assert_eq!(client.watch(&path(first)).await.event().await.0, "ERROR");
    assert_eq!(client.watch(&path(first + 2)).await.event().await.0, "ERROR");
    assert_eq!(client.watch(&path(first + 3)).await.event().await.1["metadata"]["name"], "p3");
    server.unserve("pigeons");
    let refused = client.send("GET", &pigeons.path(), Value::Null).await;
    assert_eq!(refused.status(), 404);
}

#[tokio::test]
async fn a_watch_with_a_selector_sees_objects_come_and_go() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    let config_map = |labels: Value| {
        json!({
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": {"name": "c", "namespace": "shop", "labels": labels}, "data": {"a": "<b>"},
        })
    };
    let path = format!(
        "/api/v1/namespaces/shop/configmaps?watch=1&labelSelector=team%3Dshop&resourceVersion={}",
        server.version(),
    );
    let mut lines = client.watch(&path).await;
    server.put(config_map(json!({"team": "shop"})));
    let line = lines.next().await.unwrap().unwrap();
    assert!(line.contains(r#""data":{"a":"\u003cb\u003e"}"#), "escaped as Go does: {line}");
    server.put(config_map(json!({"team": "other"})));
    let (kind, object) = lines.event().await;
    assert_eq!((kind.as_str(), &object["metadata"]["labels"]["team"]), ("DELETED", &json!("shop")));
    server.put(config_map(json!({"team": "shop"})));
    assert_eq!(lines.event().await.0, "ADDED");
    let (code, _) = client.get("/api/v1/secrets?fieldSelector=data%3Dx").await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn writes_are_refused_when_the_object_has_changed_meanwhile() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    let (code, first) = client.ask("POST", SHOP, binding("b", "jane")).await;
    assert_eq!(code, 201);
    let path = format!("{SHOP}/b");
    let mut second = first.clone();
    second["subjects"][0]["name"] = "joe".into();
    let (code, second) = client.ask("PUT", &path, second).await;
    assert_eq!((code, &second["subjects"][0]["name"]), (200, &json!("joe")));
    assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
    let (code, conflict) = client.ask("PUT", &path, first.clone()).await;
    assert_eq!((code, &conflict["reason"]), (409, &json!("Conflict")));
    let stale = json!({"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}});
    assert_eq!(client.ask("PATCH", &path, stale).await.0, 409);
    let labels = json!({"metadata": {"labels": {"team": "shop"}}});
    assert_eq!(client.ask("PATCH", &path, labels).await.0, 200);
    let generated = json!({
        "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"generateName": "facts-"},
    });
    let (code, generated) =
        client.ask("POST", "/api/v1/namespaces/shop/configmaps", generated).await;
    assert_eq!(code, 201);
    assert!(generated["metadata"]["name"].as_str().unwrap().len() > "facts-".len());
    let options = json!({"preconditions": {"resourceVersion": "1"}});
    assert_eq!(client.ask("DELETE", &path, options).await.0, 409);
    assert_eq!(client.ask("DELETE", &path, Value::Null).await.0, 200);
    assert_eq!(client.get(&path).await.0, 404);
}

/// S-CSR-2, 6, 7.
#[tokio::test]
async fn signing_requests_are_approved_and_signed_by_the_rules() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    let request = json!({
        "kind": "CertificateSigningRequest", "apiVersion": "certificates.k8s.io/v1",
        "metadata": {"name": "jane"},
        "spec": {"request": "eA==", "signerName": "example.com/jane", "usages": ["client auth"],
                 "username": "system:admin"},
        "status": {"certificate": "eA=="},
    });
    let (code, created) = client.ask("POST", REQUESTS, request).await;
    assert_eq!((code, &created["spec"]["username"]), (201, &json!("admin")));
    assert_eq!(created["status"], json!({}));
    let path = format!("{REQUESTS}/jane");

    let mut changed = created.clone();
    changed["spec"]["signerName"] = "example.com/other".into();
    changed["status"]["conditions"] = json!([{"type": "Approved", "status": "True"}]);
    let (code, unchanged) = client.ask("PUT", &path, changed.clone()).await;
    assert_eq!((code, unchanged), (200, created.clone()), "silently reset");
    let (code, refused) = client.ask("PUT", &format!("{path}/status"), changed.clone()).await;
    assert_eq!(code, 422);
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("may not add a condition of type \"Approved\""), "{message}");
    changed["status"]["certificate"] = "eA==".into();
    let (code, approved) = client.ask("PUT", &format!("{path}/approval"), changed).await;
    assert_eq!(code, 200);
    assert_eq!(approved["status"].get("certificate"), None);
    assert_eq!(approved["spec"], created["spec"]);
    assert!(approved["status"]["conditions"][0]["lastUpdateTime"].is_string());

    let mut signed = approved.clone();
    signed["status"]["certificate"] = "eA==".into();
    let status = format!("{path}/status");
    assert_eq!(client.ask("PUT", &status, signed.clone()).await.0, 422, "no certificate");
    let pem = |byte| pem::encode(&pem::Pem::new("CERTIFICATE", vec![byte]));
    let base64 = |text: String| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    signed["status"]["certificate"] = base64(pem(1)).into();
    let (code, mut signed) = client.ask("PUT", &status, signed).await;
    assert_eq!(code, 200);
    signed["status"]["certificate"] = base64(pem(2)).into();
    assert_eq!(client.ask("PUT", &status, signed.clone()).await.0, 422, "immutable");
    signed["status"] = json!({});
    assert_eq!(client.ask("PUT", &format!("{path}/approval"), signed).await.0, 422, "removed");
    let selected = format!("{REQUESTS}?fieldSelector=spec.signerName%3Dexample.com%2Fjane");
    assert_eq!(client.get(&selected).await.1["items"].as_array().unwrap().len(), 1);
    let others = selected.replace("Fjane", "Fother");
    assert_eq!(client.get(&others).await.1["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn faults_happen_to_whom_they_were_meant_for_and_no_more() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    server.inject("list", "rolebindings", 2, Fault::too_many_requests(7));
    let refused = client.send("GET", BINDINGS, Value::Null).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(client.get("/api/v1/secrets").await.0, 200);
    assert_eq!(client.get(BINDINGS).await.0, 429);
    assert_eq!(client.get(BINDINGS).await.0, 200);
    assert_eq!(server.pending_faults(), 0);

    let version = server.version();
    let path = format!("{BINDINGS}?watch=1&resourceVersion={version}");
    let mut lines = client.watch(&path).await;
    server.wait_watches("rolebindings", 1);
    server.disturb("rolebindings", Fault::Bytes(b"nonsense\n".to_vec()));
    assert_eq!(lines.next().await.unwrap().unwrap(), "nonsense\n");
    server.disturb("rolebindings", Fault::ReplaceNext(json!({"metadata": 7})));
    server.put(binding("b", "jane"));
    assert_eq!(lines.event().await.1["metadata"], 7);
    server.disturb("rolebindings", Fault::CutInNextEvent(30));
    server.put(binding("b", "joe"));
    assert!(lines.next().await.is_err());
    assert_eq!(lines.rest.len(), 30);
    server.wait_watches("rolebindings", 0);

    let mut lines = client.watch(&path).await;
    assert_eq!(lines.event().await.0, "ADDED");
    assert_eq!(lines.event().await.0, "MODIFIED");
    let backup = server.backup();
    server.put(binding("c", "joe"));
    assert_eq!(lines.event().await.0, "ADDED");
    server.restore(&backup);
    assert!(lines.next().await.is_err());
    assert_eq!(server.get("RoleBinding", "shop", "c"), None);
    assert_eq!(server.version(), version + 2);

    server.go_down();
    let address: std::net::SocketAddr =
        server.url().trim_start_matches("https://").parse().unwrap();
    let config = tls::client_trusting(server.ca(), None, &[&rustls::version::TLS13]);
    assert!(tls::connect(address, &config, "h2").await.is_err());
    server.come_up();
    let mut client = Client::new(&server).await;
    server.inject("list", "roles", 1, Fault::NoAnswer);
    let asked = client.get("/apis/rbac.authorization.k8s.io/v1/roles");
    assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
}

#[tokio::test]
async fn metadata_alone_is_served_where_it_is_asked_for() {
    let server = ApiServer::start();
    let mut client = Client::new(&server).await;
    server.put(json!({
        "kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "shop"},
        "data": {"password": "aHVudGVyMg=="},
    }));
    let request = http::Request::builder()
        .uri("https://localhost/api/v1/secrets")
        .header("authorization", format!("Bearer {}", server.token()))
        .header("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let (_, text) = tls::h2_request(&mut client.sender, request).await.unwrap();
    assert!(!text.contains("aHVudGVyMg"));
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(list["items"][0]["metadata"]["name"], "s");
}
