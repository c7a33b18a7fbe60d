//! What a server makes of a cluster that people change by kubectl: the same scenario against the test API
//! server, here, and against a real one, in `envtest`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::path::{PathInput, TrustAnchors, Usage, verify};
use portcullis::crypto::{SigningAlgorithm, SigningKey};
use serde_json::{Map, Value, json};

use super::kit::*;
use crate::support::apiserver::ApiServer;

const ISSUER: &str = "https://kubernetes.default.svc";
const SIGNER: &str = "example.com/portcullis";

/// A token of the service account `web` of `shop`, bound to the pod `web-0`, by the uids of both.
type Token<'a> = &'a dyn Fn(&str, &str) -> String;

/// A cluster, as its administrator `admin` sees it.
pub(crate) struct Followed<'a> {
    pub(crate) kubectl: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    /// The public key of service accounts, PEM.
    pub(crate) accounts_key: String,
    pub(crate) token: Token<'a>,
    /// Whether it speaks protobuf, as `kubectl certificate` does.
    pub(crate) protobuf: bool,
}

impl Followed<'_> {
    #[track_caller]
    fn kubectl(&self, args: &[&str], stdin: &str) -> String {
        use std::io::Write as _;

        let mut child = Command::new(&self.kubectl)
            .env("HOME", self.kubeconfig.parent().unwrap())
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that does not read it may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(output.stderr));
        text(output.stdout)
    }

    #[track_caller]
    fn create(&self, object: &Value) {
        self.kubectl(&["create", "--validate=false", "-f", "-"], &object.to_string());
    }

    #[track_caller]
    fn approve(&self, name: &str) {
        if self.protobuf {
            self.kubectl(&["certificate", "approve", name], "");
            return;
        }
        let object = self.kubectl(&["get", "certificatesigningrequests", name, "-o", "json"], "");
        let mut object: Value = serde_json::from_str(&object).unwrap();
        object["status"]["conditions"] =
            json!([{"type": "Approved", "status": "True", "reason": "KubectlApprove"}]);
        let replace = ["replace", "--validate=false", "--subresource=approval", "-f", "-"];
        self.kubectl(&replace, &object.to_string());
    }

    /// A field of an object, by a path of kubectl's.
    fn field(&self, args: &[&str], path: &str) -> String {
        let output = format!("jsonpath={{{path}}}");
        let args = [&["get"], args, &["-o", &output]].concat();
        self.kubectl(&args, "").trim().to_owned()
    }

    fn home(&self) -> Home {
        let text = SERVER.replace("policy: {paths: [policy/]}", "policy: {fromCluster: true}");
        let home = Home::configured(&format!(
            "{text}log: {{format: json}}\ncluster: {{kubeconfig: kubeconfig.yaml}}\n\
             apiAudiences: ['{ISSUER}']\n\
             tokenCache: {{success: 1h}}\n\
             authenticators:\n- serviceAccounts: {{issuers: ['{ISSUER}'], keyFiles: [sa.pub]}}\n\
             signers:\n- signerName: {SIGNER}\n  policy: signing.yaml\n  \
             authority: {{certificateFile: pki/ca.crt, keyFile: pki/ca.key}}\n  \
             ledger: {{file: pki/ledger.redb, revocationsFile: pki/revocations.ndjson}}\n"
        ));
        home.write("kubeconfig.yaml", &std::fs::read_to_string(&self.kubeconfig).unwrap());
        home.write("sa.pub", &self.accounts_key);
        home.write(
            "signing.yaml",
            &format!(
                "apiVersion: portcullis.dev/v1alpha1\nkind: SigningPolicy\nrules:\n- {{name: own, \
                 requesters: {{users: [admin]}}, userNames: [self], maxLifetime: 2h, signers: [{SIGNER}]}}\n"
            ),
        );
        let args = ["cert", "ca", "init", "--key-type", "ecdsa-p256"];
        let (code, _, said) = run(&home.path(""), &args);
        assert_eq!(code, Some(0), "{said}");
        home
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Starts a server that follows the cluster, and changes that by kubectl.
pub(crate) async fn scenario(cluster: &Followed<'_>) {
    let home = cluster.home();
    let server = home.start();
    server.until("readiness", "/readyz", |text| text.starts_with("ready\n")).await;
    let mut client = server.client(Protocol::Http2).await;
    roles(cluster, &mut client).await;
    tokens(cluster, &mut client).await;
    signing(cluster, &home).await;
}

/// Objects that are created, changed and deleted are felt by decisions.
async fn roles(cluster: &Followed<'_>, client: &mut Client) {
    assert!(!client.is_allowed("jane", "get").await);
    cluster.create(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "pod-reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }));
    cluster.create(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "jane-reads"},
        "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {
            "kind": "ClusterRole", "name": "pod-reader", "apiGroup": "rbac.authorization.k8s.io",
        },
    }));
    until("the grant", async || client.is_allowed("jane", "get").await).await;
    assert!(!client.is_allowed("jane", "list").await && !client.is_allowed("joan", "get").await);
    let rules = r#"{"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]}"#;
    cluster.kubectl(&["patch", "clusterrole", "pod-reader", "--type=merge", "-p", rules], "");
    until("the changed grant", async || client.is_allowed("jane", "list").await).await;
    assert!(!client.is_allowed("jane", "get").await);
    cluster.kubectl(&["delete", "clusterrolebinding", "jane-reads", "--wait=false"], "");
    until("the end of the grant", async || !client.is_allowed("jane", "list").await).await;
}

/// A bound token ends with its pod, though its answer is kept for an hour.
async fn tokens(cluster: &Followed<'_>, client: &mut Client) {
    cluster.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    let of_shop = |name: &str| json!({"name": name, "namespace": "shop"});
    cluster.create(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": of_shop("web"),
    }));
    cluster.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": of_shop("web-0"),
        "spec": {
            "serviceAccountName": "web", "automountServiceAccountToken": false,
            "containers": [{"name": "web", "image": "example.com/web"}],
        },
    }));
    let account = cluster.field(&["serviceaccount", "web", "-n", "shop"], ".metadata.uid");
    let pod = cluster.field(&["pod", "web-0", "-n", "shop"], ".metadata.uid");
    assert!(!account.is_empty() && !pod.is_empty());
    let token = (cluster.token)(&account, &pod);
    let expected = Some("system:serviceaccount:shop:web");
    until("the token", async || client.user(&token).await.as_deref() == expected).await;
    let delete =
        ["delete", "pod", "web-0", "-n", "shop", "--grace-period=0", "--force", "--wait=false"];
    cluster.kubectl(&delete, "");
    until("the end of the token", async || client.user(&token).await.is_none()).await;
}

/// Our signer signs a request that was approved, and none that was not.
async fn signing(cluster: &Followed<'_>, home: &Home) {
    for name in ["approved", "pending"] {
        let key = format!("{name}.key");
        let args = ["cert", "request", "--user", "admin", "--key-out", &key];
        let (code, pem, said) = run(&home.path(""), &args);
        assert_eq!(code, Some(0), "{said}");
        let request = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pem);
        cluster.create(&json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "request": request, "signerName": SIGNER, "expirationSeconds": 3600,
                "usages": ["client auth", "digital signature"],
            },
        }));
    }
    cluster.approve("approved");
    let certificate =
        |name| cluster.field(&["certificatesigningrequests", name], ".status.certificate");
    until("the certificate", async || !certificate("approved").is_empty()).await;
    let text = certificate("approved");
    let pem = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).unwrap();
    let chain = chain_from_pem(&pem).unwrap();
    assert_eq!(Certificate::from_der(&chain[0]).unwrap().common_name(), Some("admin"));
    let anchors = TrustAnchors::from_pem(home.read("pki/ca.crt").as_bytes()).unwrap();
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    verify(&PathInput::new(&chain[0], &[], now, Usage::ClientAuth), &anchors).unwrap();
    assert_eq!(certificate("pending"), "");
}

/// Signs a bound token as the API server does.
fn bound_token(key: &SigningKey, account: &str, pod: &str) -> String {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let claims = json!({
        "iss": ISSUER, "aud": [ISSUER], "exp": now + 600, "iat": now - 5, "nbf": now - 5,
        "sub": "system:serviceaccount:shop:web",
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": {"name": "web", "uid": account},
            "pod": {"name": "web-0", "uid": pod},
        },
    });
    let Value::Object(claims) = claims else { panic!("no object") };
    key.sign(&Map::new(), &claims).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_api_server_is_followed_as_a_real_one_is() {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        println!("skipped: kubectl is not installed");
        return;
    }
    let api = ApiServer::start();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    api.kubeconfig(&kubeconfig);
    let key = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let pair = rcgen::KeyPair::from_pem(key.to_pem().expose_secret()).unwrap();
    let cluster = Followed {
        kubectl: Path::new("kubectl").to_owned(),
        kubeconfig,
        accounts_key: pair.public_key_pem(),
        token: &|account, pod| bound_token(&key, account, pod),
        protobuf: false,
    };
    scenario(&cluster).await;
}
