//! A policy that is an API server's: followed while it is asked, started without it, lost and found again.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use portcullis::crypto::{SigningAlgorithm, SigningKey};
use serde_json::{Map, Value, json};

use super::kit::*;
use crate::support::apiserver::{ApiServer, Fault};

const ISSUER: &str = "https://kubernetes.default.svc";
const ACCOUNT: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000001";
const POD: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000002";

/// The key of service accounts.
fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(SigningAlgorithm::Es256).unwrap())
}

fn role(name: &str, verbs: &[&str]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}],
    })
}

fn binding(name: &str, user: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {
            "kind": "ClusterRole", "name": "reader", "apiGroup": "rbac.authorization.k8s.io",
        },
    })
}

/// An API server, and a folder for a server that follows it.
struct World {
    api: ApiServer,
    home: Home,
}

impl World {
    /// jane may read pods. `cluster` stands in the configuration's `cluster`, `more` below.
    fn new(cluster: &str, more: &str) -> Self {
        let api = ApiServer::start();
        api.put(role("reader", &["get"]));
        api.put(binding("jane-reads", "jane"));
        let text = SERVER.replace("policy: {paths: [policy/]}", "policy: {fromCluster: true}");
        let home = Home::configured(&format!(
            "{text}log: {{format: json}}\ncluster: {{kubeconfig: kubeconfig.yaml{cluster}}}\n{more}"
        ));
        api.kubeconfig(&home.path("kubeconfig.yaml"));
        Self { api, home }
    }

    /// The same with tokens of service accounts, whose answers are kept for an hour.
    fn with_tokens(cluster: &str) -> Self {
        let more = "
tokenCache: {success: 1h, failure: 1h}
apiAudiences: [https://kubernetes.default.svc]
authenticators:
- bootstrapTokens: {}
- serviceAccounts: {issuers: [https://kubernetes.default.svc], keyFiles: [sa.pub], legacyTokens: true}
";
        let world = Self::new(cluster, more);
        let pair = rcgen::KeyPair::from_pem(key().to_pem().expose_secret()).unwrap();
        world.home.write("sa.pub", &pair.public_key_pem());
        world.api.put(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "web", "namespace": "shop", "uid": ACCOUNT},
        }));
        world.put_pod();
        world
    }

    fn put_pod(&self) {
        self.api.put(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-0", "namespace": "shop", "uid": POD},
            "spec": {"nodeName": "n", "serviceAccountName": "web"},
        }));
    }

    async fn ready(&self) -> Running {
        let server = self.home.start();
        server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
        server
    }
}

/// A token of the service account, with more in its private claim.
fn token(more: &Value) -> String {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let mut private = json!({
        "namespace": "shop", "serviceaccount": {"name": "web", "uid": ACCOUNT},
    });
    for (name, value) in more.as_object().unwrap() {
        private[name] = value.clone();
    }
    let claims = json!({
        "iss": ISSUER, "aud": [ISSUER], "exp": now + 600, "iat": now - 5, "nbf": now - 5,
        "sub": "system:serviceaccount:shop:web", "kubernetes.io": private,
    });
    let Value::Object(claims) = claims else { panic!("no object") };
    key().sign(&Map::new(), &claims).unwrap()
}

fn bound_to_pod() -> String {
    token(&json!({"pod": {"name": "web-0", "uid": POD}}))
}

/// Asks until the answer is so; how long that took.
async fn until(client: &mut Client, user: &str, verb: &str, allowed: bool) -> Duration {
    let start = Instant::now();
    within("a changed decision", async {
        while client.is_allowed(user, verb).await != allowed {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    start.elapsed()
}

async fn until_user(client: &mut Client, token: &str, expected: Option<&str>) {
    within("a changed answer about a token", async {
        while client.user(token).await.as_deref() != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_created_changed_and_deleted_is_felt_by_the_next_reviews() {
    let world = World::new("", "");
    let (server, api) = (world.ready().await, &world.api);
    let mut client = server.client(Protocol::Http2).await;
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
    let first = server.generation().await;

    api.put(binding("joan-reads", "joan"));
    until(&mut client, "joan", "get", true).await;
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("june", "get").await);
    api.delete("ClusterRoleBinding", "", "joan-reads");
    until(&mut client, "joan", "get", false).await;
    assert!(client.is_allowed("jane", "get").await);

    assert!(!client.is_allowed("jane", "list").await);
    api.put(role("reader", &["list"]));
    until(&mut client, "jane", "list", true).await;
    assert!(!client.is_allowed("jane", "get").await);
    api.delete("ClusterRole", "", "reader");
    until(&mut client, "jane", "list", false).await;
    // Each of them was another policy, and they are counted up.
    assert!(server.generation().await >= first + 4);

    let (status, text) = server.look("/readyz").await;
    assert_eq!(status, 200, "{text}");
    for line in ["cluster roles: 0 live, heard ", "cluster role bindings: 1 live, heard "] {
        assert!(text.contains(&format!("\n{line}")), "{text}");
    }
    assert!(text.contains(&format!("\ncluster: {}", api.url())), "{text}");
    let kinds = server.metric("portcullis_cluster_objects{kind=\"cluster_role_bindings\"}").await;
    assert_eq!(kinds, 1);
    let counted = "portcullis_policy_objects{kind=\"cluster_role_binding\"}";
    assert_eq!(server.metric(counted).await, 1);
    // Exactly the kinds that RBAC needs.
    assert_eq!(server.metric("portcullis_cluster_lists_total").await, 4);
    assert_eq!(api.asked("list", "pods") + api.asked("list", "secrets"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_token_ends_with_its_pod_and_a_bootstrap_token_with_its_secret() {
    let world = World::with_tokens("");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    let (bound, unbound) = (bound_to_pod(), token(&json!({})));
    let account = "system:serviceaccount:shop:web";
    for token in [&bound, &unbound, &bound, &unbound] {
        assert_eq!(client.user(token).await.as_deref(), Some(account));
    }
    // Both answers are kept for an hour, and only the pod's token ends with it.
    let hits = server.metric("portcullis_token_cache_total{result=\"hit\"}").await;
    assert_eq!(hits, 2);
    world.api.delete("Pod", "shop", "web-0");
    until_user(&mut client, &bound, None).await;
    assert_eq!(client.user(&unbound).await.as_deref(), Some(account));
    // A pod of that name that is another one is not it.
    world.put_pod();
    until_user(&mut client, &bound, Some(account)).await;
    world.api.delete("Pod", "shop", "web-0");
    world.api.put(json!({
        "apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "n"},
        "metadata": {"name": "web-0", "namespace": "shop", "uid": ACCOUNT},
    }));
    until_user(&mut client, &bound, None).await;
    assert_eq!(client.user(&unbound).await.as_deref(), Some(account));
    world.api.delete("ServiceAccount", "shop", "web");
    until_user(&mut client, &unbound, None).await;

    let bootstrap = "good00.0123456789abcdef";
    assert_eq!(client.user(bootstrap).await, None);
    world.api.put(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "bootstrap-token-good00", "namespace": "kube-system"},
        // `good00`, `0123456789abcdef`, `true`.
        "data": {
            "token-id": "Z29vZDAw", "token-secret": "MDEyMzQ1Njc4OWFiY2RlZg==",
            "usage-bootstrap-authentication": "dHJ1ZQ==",
        },
    }));
    until_user(&mut client, bootstrap, Some("system:bootstrap:good00")).await;
    world.api.delete("Secret", "kube-system", "bootstrap-token-good00");
    until_user(&mut client, bootstrap, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_is_not_there_and_no_saved_state_is_503_until_it_is() {
    let world = World::new("", "");
    world.api.go_down();
    let server = world.home.start();
    let (status, text) = server.look("/readyz").await;
    assert_eq!(status, 503);
    assert!(text.starts_with("not ready: the cluster was not listed yet\n"), "{text}");
    assert!(text.contains("\ncluster roles: none yet"), "{text}");
    let mut client = server.client(Protocol::Http1).await;
    let answer = client.post("/authorize", &pods("jane", "get")).await;
    assert_eq!((answer.status, &answer.body["reason"]), (503, &json!("ServiceUnavailable")));
    // Not even those whom no policy could refuse.
    let mut master = pods("jane", "get");
    master["spec"]["groups"] = json!(["system:masters"]);
    assert_eq!(client.post("/authorize", &master).await.status, 503);
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "t"},
    });
    assert_eq!(client.post("/authenticate", &review).await.status, 503);

    world.api.come_up();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
    assert_eq!(client.post("/authenticate", &review).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_state_serves_at_once_without_the_api_server_and_goes_live_with_it() {
    let world = World::with_tokens(", savedState: {file: cluster.state, every: 1s}");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    world.api.put(binding("joan-reads", "joan"));
    until(&mut client, "joan", "get", true).await;
    server.until("a saved state", "/readyz", |text| text.contains("\nsaved state: written ")).await;
    // What comes last is saved at the end.
    world.api.put(binding("june-reads", "june"));
    until(&mut client, "june", "get", true).await;
    assert_eq!(server.stop(), Some(0));
    let saved = std::fs::read(world.home.path("cluster.state")).unwrap();
    assert!(saved.windows(4).any(|bytes| bytes == b"june"));

    world.api.go_down();
    world.api.put(binding("jill-reads", "jill"));
    world.api.delete("ClusterRoleBinding", "", "joan-reads");
    let server = world.home.start();
    // Before its first word it serves: the API server may wait for it.
    let (status, text) = server.look("/readyz").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("\ncluster role bindings: 3 from disk, saved "), "{text}");
    assert!(text.contains("\nsaved state: began with it, saved at "), "{text}");
    // No Secret is ever on disk.
    assert!(text.contains("\nbootstrap token secrets: none yet"), "{text}");
    let mut client = server.client(Protocol::Http2).await;
    for user in ["jane", "joan", "june"] {
        assert!(client.is_allowed(user, "get").await, "{user}");
    }
    assert!(!client.is_allowed("jill", "get").await);
    let account = Some("system:serviceaccount:shop:web");
    assert_eq!(client.user(&bound_to_pod()).await.as_deref(), account);

    world.api.come_up();
    until(&mut client, "jill", "get", true).await;
    until(&mut client, "joan", "get", false).await;
    assert!(client.is_allowed("june", "get").await);
    server
        .until("everything live", "/readyz", |text| {
            text.contains("\ncluster role bindings: 3 live")
                && text.contains("\nbootstrap token secrets: 0 live")
                && !text.contains("from disk")
        })
        .await;
    assert_eq!(client.user(&bound_to_pod()).await.as_deref(), account);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_saved_and_a_damaged_state_is_refused_and_said() {
    let world = World::new(", savedState: {file: cluster.state, every: 1s}", "");
    let server = world.ready().await;
    server.until("a saved state", "/readyz", |text| text.contains("\nsaved state: written ")).await;
    server.process.signal("KILL");
    server.process.wait();
    world.api.go_down();
    let server = world.home.start();
    assert_eq!(server.look("/readyz").await.0, 200);
    assert!(server.client(Protocol::Http2).await.is_allowed("jane", "get").await);
    server.process.signal("KILL");
    server.process.wait();

    let file = world.home.path("cluster.state");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let server = world.home.start();
    let (status, text) = server.look("/readyz").await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("\nsaved state: refused at the start: "), "{text}");
    assert!(server.process.stderr().contains("the saved state does not count"));
    let mut client = server.client(Protocol::Http2).await;
    assert_eq!(client.post("/authorize", &pods("jane", "get")).await.status, 503);
    world.api.come_up();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    assert!(client.is_allowed("jane", "get").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_cannot_be_written_is_told_and_serving_goes_on() {
    let world = World::new(", savedState: {file: states/cluster.state, every: 1s}", "");
    let folder = world.home.path("states");
    std::fs::create_dir(&folder).unwrap();
    // Nothing can be put in its place, whoever runs this test.
    std::fs::create_dir_all(folder.join("cluster.state/in the way")).unwrap();
    let server = world.ready().await;
    server
        .until("the failure", "/readyz", |text| {
            text.contains("\nsaved state: cannot be written since ")
        })
        .await;
    let failures = "portcullis_cluster_state_write_failures_total";
    assert!(server.metric(failures).await >= 1);
    let mut client = server.client(Protocol::Http2).await;
    world.api.put(binding("joan-reads", "joan"));
    until(&mut client, "joan", "get", true).await;
    std::fs::remove_dir_all(folder.join("cluster.state")).unwrap();
    server.until("a saved state", "/readyz", |text| text.contains("\nsaved state: written ")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_cluster_is_kept_by_default_and_said() {
    let world = World::new(", whenLost: {after: 1s}", "");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    world.api.go_down();
    server
        .until("the loss", "/readyz", |text| {
            text.contains(" live, heard ") && text.contains(", lost since ")
        })
        .await;
    let told = || server.process.stderr().contains("the cluster is lost").then_some(());
    server.process.until("the loss in the log", told);
    assert_eq!(server.look("/readyz").await.0, 200);
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
    let lost = "portcullis_cluster_watch_lost{kind=\"cluster_roles\"}";
    assert_eq!(server.metric(lost).await, 1);
    world.api.put(binding("joan-reads", "joan"));
    world.api.come_up();
    until(&mut client, "joan", "get", true).await;
    server.until("the return", "/readyz", |text| !text.contains("lost since")).await;
    assert_eq!(server.metric(lost).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_cluster_can_mean_no_opinion_until_it_is_back() {
    let world = World::with_tokens(", whenLost: {after: 1s, then: NoOpinion}");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    let account = Some("system:serviceaccount:shop:web");
    let bound = bound_to_pod();
    assert_eq!(client.user(&bound).await.as_deref(), account);
    assert!(client.is_allowed("jane", "get").await);
    world.api.go_down();
    until(&mut client, "jane", "get", false).await;
    let status = client.may("jane", "get").await;
    assert!(status["denied"].is_null(), "{status}");
    assert!(status["reason"].as_str().unwrap().contains("not been heard for too long"), "{status}");
    assert_eq!(client.user(&bound).await, None);
    let (status, text) = server.look("/readyz").await;
    assert!(status == 200 && text.contains("lost for too long"), "{text}");
    world.api.come_up();
    until(&mut client, "jane", "get", true).await;
    until_user(&mut client, &bound, account).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_lost_stays_lost_over_a_policy_of_files() {
    let world = World::new(", whenLost: {after: 1s, then: NoOpinion}", "");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    let good = world.home.read("server.yaml");
    world.api.go_down();
    until(&mut client, "jane", "get", false).await;
    let mut files = role("reader", &["get"]).to_string();
    files.push_str("\n---\n");
    files.push_str(&binding("joan-reads", "joan").to_string());
    world.home.write("policy/rbac.yaml", &files);
    let of_files = good.replace("{fromCluster: true}", "{paths: [policy/rbac.yaml]}");
    world.home.write("server.yaml", &of_files);
    until(&mut client, "joan", "get", true).await;
    assert!(!client.is_allowed("jane", "get").await);
    // Back, with the cluster as lost as before.
    world.home.write("server.yaml", &format!("{good}# again\n"));
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let status = client.may("jane", "get").await;
        assert_eq!(status["allowed"], false, "nobody has heard that she still may");
        if status["reason"].as_str().is_some_and(|it| it.contains("not been heard for too long")) {
            break;
        }
        assert!(Instant::now() < end, "{status}");
    }
    world.api.come_up();
    until(&mut client, "jane", "get", true).await;
    assert!(!client.is_allowed("joan", "get").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_cluster_can_mean_not_ready_though_it_still_answers() {
    let world = World::new(", whenLost: {after: 1s, then: NotReady}", "");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    world.api.go_down();
    server
        .until("the loss", "/readyz", |text| text.starts_with("not ready: the cluster is lost\n"))
        .await;
    assert_eq!(server.look("/readyz").await.0, 503);
    assert!(client.is_allowed("jane", "get").await && !client.is_allowed("joan", "get").await);
    world.api.come_up();
    server.until("the return", "/readyz", |text| text.starts_with("ready\n")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_cannot_be_read_grants_nothing_is_said_and_stops_nothing() {
    let world = World::new("", "");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    let mut broken = binding("jane-reads", "jane");
    broken["subjects"] = json!("jane");
    world.api.put(broken);
    until(&mut client, "jane", "get", false).await;
    let (status, text) = server.look("/readyz").await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.contains("\ncluster role bindings: 1 cannot be read and grant nothing\n"),
        "{text}"
    );
    assert!(text.contains("\ncluster role bindings: `jane-reads`: "), "{text}");
    let counted = "portcullis_cluster_undecodable{kind=\"cluster_role_bindings\"}";
    assert_eq!(server.metric(counted).await, 1);
    world.api.put(binding("joan-reads", "joan"));
    until(&mut client, "joan", "get", true).await;
    world.api.put(binding("jane-reads", "jane"));
    until(&mut client, "jane", "get", true).await;
    assert_eq!(server.metric(counted).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_in_the_middle_of_changes_ends_in_the_same_policy() {
    let world = World::new("", "");
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    for round in 0..3 {
        let user = format!("user-{round}");
        world.api.put(binding(&user, &user));
        world.api.cut();
        if round > 0 {
            world.api.delete("ClusterRoleBinding", "", &format!("user-{}", round - 1));
        }
        world.api.compact("clusterrolebindings");
        world.api.inject("watch", "clusterrolebindings", 1, Fault::gone());
        until(&mut client, &user, "get", true).await;
        if round > 0 {
            until(&mut client, &format!("user-{}", round - 1), "get", false).await;
        }
        assert!(client.is_allowed("jane", "get").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_builds_anew_without_a_gap_and_what_needs_more_kinds_needs_a_restart() {
    let world = World::with_tokens("");
    let server = world.ready().await;
    let good = world.home.read("server.yaml");
    let mut client = server.client(Protocol::Http2).await;
    let account = Some("system:serviceaccount:shop:web");
    let bound = bound_to_pod();
    let reloads = "portcullis_reloads_total{what=\"policy\",result=\"success\"}";
    for round in 1..=3_u64 {
        let change = format!("{good}# {round}\n");
        world.home.write("server.yaml", &change);
        within("a reload", async {
            while server.metric(reloads).await < round {
                // Neither a decision nor a token is lost meanwhile.
                assert!(client.is_allowed("jane", "get").await);
                assert_eq!(client.user(&bound).await.as_deref(), account);
            }
        })
        .await;
        let user = format!("user-{round}");
        world.api.put(binding(&user, &user));
        until(&mut client, &user, "get", true).await;
        assert_eq!(client.user(&bound).await.as_deref(), account);
    }
    // A broken one keeps what serves, and what serves goes on following.
    world.home.write("server.yaml", &good.replace("{type: RBAC}", "{type: RBAK}"));
    server.until("the failure", "/readyz", |text| text.contains("failing since")).await;
    world.api.put(binding("joan-reads", "joan"));
    until(&mut client, "joan", "get", true).await;
    world.api.delete("Pod", "shop", "web-0");
    until_user(&mut client, &bound, None).await;
    // The Node authorizer would see no volumes.
    world.home.write("server.yaml", &good.replace("{type: RBAC}", "{type: Node}, {type: RBAC}"));
    server
        .until("the refusal", "/readyz", |text| {
            text.contains("persistent volumes") && text.contains("restart the server")
        })
        .await;
    assert!(client.is_allowed("joan", "get").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_graph_follows_the_pods() {
    let world = World::with_tokens("");
    let text = world.home.read("server.yaml");
    world.home.write("server.yaml", &text.replace("{type: RBAC}", "{type: Node}, {type: RBAC}"));
    let server = world.ready().await;
    let mut client = server.client(Protocol::Http2).await;
    let review = |node: &str, secret: &str| {
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": format!("system:node:{node}"), "groups": ["system:nodes"],
                "resourceAttributes": {
                    "namespace": "shop", "verb": "get", "version": "v1", "resource": "secrets",
                    "name": secret,
                },
            },
        })
    };
    let may = async |client: &mut Client, node: &str, secret: &str| {
        let answer = client.post("/authorize", &review(node, secret)).await;
        answer.body["status"]["allowed"].as_bool().unwrap()
    };
    assert!(!may(&mut client, "m", "password").await);
    world.api.put(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "db-0", "namespace": "shop", "uid": ACCOUNT},
        "spec": {
            "nodeName": "m", "serviceAccountName": "web",
            "volumes": [{"name": "v", "secret": {"secretName": "password"}}],
        },
    }));
    within("an edge", async {
        while !may(&mut client, "m", "password").await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(!may(&mut client, "n", "password").await && !may(&mut client, "m", "other").await);
    world.api.delete("Pod", "shop", "db-0");
    within("the end of the edge", async {
        while may(&mut client, "m", "password").await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[test]
fn check_says_what_would_be_watched_and_credentials_that_are_none_end_the_start() {
    let world = World::with_tokens("");
    let (code, out, err) = run(&world.home.path(""), &["check", "--config", "server.yaml"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let watched = "cluster roles, cluster role bindings, roles, role bindings, bootstrap token \
                   secrets, service accounts, pods, nodes, secrets (metadata), service account token \
                   secrets";
    assert!(out.contains(watched), "{out}");
    assert!(out.contains("RBAC, from the cluster"), "{out}");
    assert_eq!(world.api.requests().len(), 0);
    world.home.write("kubeconfig.yaml", "apiVersion: v1\nkind: Config\n");
    let said = world.home.cannot_start();
    assert!(said.contains("server.yaml:") && said.contains("`cluster.kubeconfig`"), "{said}");
}
