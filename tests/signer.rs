//! The signer controller against an API server: what is approved gets its certificate, once, and nothing
//! else does.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use portcullis::crypto::authority::{Authority, AuthorityOptions};
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::path::{PathInput, TrustAnchors, Usage, verify};
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::model::Fingerprint;
use portcullis::pki::ledger::Ledger;
use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};
use portcullis::source::shared_facts::{ClusterLedger, ClusterRevocations, FactsOptions};
use portcullis::source::watch::{ClusterOptions, Connection, CredentialsFrom};
use portcullis::webhook::config::ServerConfig;
use portcullis::webhook::metrics::Metrics;
use portcullis::webhook::signer::{SignerTools, Signers};
use serde_json::{Value, json};

use crate::support::apiserver::{ApiServer, Fault};
use crate::support::tls::PATIENCE;

const SIGNER: &str = "example.com/portcullis";
const KIND: &str = "CertificateSigningRequest";
const DAY: i64 = 86_400;

const POLICY: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: SigningPolicy
rules:
- name: own
  requesters: {users: [jane, admin]}
  userNames: [self]
  groups: [dev]
  maxLifetime: 2h
  signers: [example.com/portcullis]
";

fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

struct Place {
    server: ApiServer,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let (server, folder) = (ApiServer::start(), tempfile::tempdir().unwrap());
        server.kubeconfig(&folder.path().join("kubeconfig"));
        let place = Self { server, folder };
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        place.write("ca.key", key.to_pem().expose_secret());
        let options = AuthorityOptions {
            common_name: "users of the test".to_owned(),
            organizations: Vec::new(),
            not_before: now() - DAY,
            not_after: now() + DAY,
            path_length: Some(0),
        };
        let authority = Authority::self_signed(key, &options).unwrap();
        place.write("ca.crt", &authority.certificate_pem());
        place.write("policy.yaml", POLICY);
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    async fn tools(&self) -> SignerTools {
        let file = Some(self.path("kubeconfig"));
        let options = ClusterOptions::new(CredentialsFrom::Kubeconfig { file, context: None });
        let connection = Connection::open(&options).await.unwrap();
        let mut tools = SignerTools::new(connection, Arc::new(Metrics::new()));
        tools.spread = Duration::ZERO;
        tools
    }

    /// A controller; `more` are fields of its signer.
    fn start(&self, tools: &SignerTools, more: &str) -> Signers {
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
             listen: {{address: '127.0.0.1:0', tls: {{certificateFile: a, keyFile: b}}}}\n\
             cluster: {{inCluster: true, facts: {{namespace: portcullis-system}}}}\n\
             authorizers: [{{type: AlwaysDeny}}]\n\
             signers:\n- signerName: {SIGNER}\n  policy: policy.yaml\n  \
             authority: {{certificateFile: ca.crt, keyFile: ca.key}}\n{more}"
        );
        let config = ServerConfig::parse(self.path("server.yaml"), text.as_bytes()).unwrap();
        let mut warnings = Vec::new();
        let signers = Signers::start(&config.signers, tools, &mut warnings).unwrap();
        assert!(warnings.iter().all(|it| it.to_string().contains("this key")), "{warnings:?}");
        signers
    }

    fn ledger(&self) -> LedgerFile {
        let (ledger, revocations) = (self.path("ledger.redb"), self.path("revoked"));
        let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
        LedgerFile::open(&paths, OpenMode::Read).unwrap()
    }

    fn put(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = request(name, "jane");
        change(&mut object);
        self.server.put(object);
    }

    fn get(&self, name: &str) -> Value {
        self.server.get(KIND, "", name).unwrap()
    }

    /// The certificate of a request, once it is there.
    #[track_caller]
    fn certificate(&self, name: &str) -> Vec<u8> {
        until(&format!("the certificate of {name}"), || {
            !self.get(name)["status"]["certificate"].is_null()
        });
        let object = self.get(name);
        BASE64_STANDARD.decode(object["status"]["certificate"].as_str().unwrap()).unwrap()
    }

    #[track_caller]
    fn condition(&self, name: &str, kind: &str) -> Value {
        let find = || {
            let conditions = self.get(name)["status"]["conditions"].as_array().cloned();
            conditions.unwrap_or_default().into_iter().find(|it| it["type"] == kind)
        };
        until(&format!("{kind} of {name}"), || find().is_some());
        find().unwrap()
    }
}

const FILES: &str = "  ledger: {file: ledger.redb, revocationsFile: revoked}\n";

fn pem_of(user: &str) -> String {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let subject =
        Subject { common_name: user.to_owned(), organizations: vec!["dev".to_owned()], uid: None };
    SigningRequest::create(&key, &subject).unwrap().pem()
}

fn request(name: &str, user: &str) -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": KIND,
        "metadata": {"name": name},
        "spec": {
            "request": BASE64_STANDARD.encode(pem_of(user)), "signerName": SIGNER,
            "usages": ["client auth", "digital signature"],
            "username": user, "groups": ["dev", "system:authenticated"],
        },
        "status": {},
    })
}

fn approved(object: &mut Value) {
    object["status"]["conditions"] =
        json!([{"type": "Approved", "status": "True", "reason": "ByHand"}]);
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} never comes about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn metric(tools: &SignerTools, outcome: &str) -> u64 {
    let text = tools.metrics.render().unwrap();
    let start = format!("portcullis_signer_requests_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
}

fn fingerprint(pem: &[u8]) -> Fingerprint {
    let chain = chain_from_pem(pem).unwrap();
    Certificate::from_der(&chain[0]).unwrap().fingerprint()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_gets_a_certificate_that_verifies_and_is_in_the_books() {
    let place = Place::new();
    place.put("before", approved);
    let tools = place.tools().await;
    let signers = place.start(&tools, FILES);
    place.put("after", approved);
    for name in ["before", "after"] {
        let pem = place.certificate(name);
        let chain = chain_from_pem(&pem).unwrap();
        let anchors = TrustAnchors::from_pem(&fs::read(place.path("ca.crt")).unwrap()).unwrap();
        let input = PathInput::new(&chain[0], &[], now(), Usage::ClientAuth);
        verify(&input, &anchors).unwrap();
        let record = place.ledger().find(&fingerprint(&pem)).unwrap().unwrap();
        assert_eq!((record.request_name.as_str(), record.signer.as_str()), (name, SIGNER));
        assert_eq!(record.decision, "approved by ByHand; rule `own` of the signing policy");
        openssl_verifies(&place, name, &pem);
    }
    until("both are counted", || metric(&tools, "signed") == 2);
    let status = &signers.status()[0];
    assert_eq!((status.waiting, &status.problem), (0, &None));
}

fn openssl_verifies(place: &Place, name: &str, pem: &[u8]) {
    let file = place.path(&format!("{name}.crt"));
    fs::write(&file, pem).unwrap();
    let mut command = Command::new("openssl");
    command
        .args(["verify", "-purpose", "sslclient", "-CAfile"])
        .arg(place.path("ca.crt"))
        .arg(file);
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => println!("skipped: openssl is not installed"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_approved_or_denied_or_anothers_is_left_alone_and_what_the_policy_refuses_fails()
 {
    let place = Place::new();
    let tools = place.tools().await;
    let _signers = place.start(&tools, FILES);
    let of = |kind: &str| json!([{"type": kind, "status": "True"}]);
    place.put("pending", |_| {});
    place.put("denied", |object| object["status"]["conditions"] = of("Denied"));
    place.put("failed", |object| {
        approved(object);
        object["status"]["conditions"]
            .as_array_mut()
            .unwrap()
            .extend(of("Failed").as_array().unwrap().clone());
    });
    place.put("others", |object| {
        approved(object);
        object["spec"]["signerName"] = "kubernetes.io/kube-apiserver-client".into();
    });
    place.put("refused", |object| {
        *object = request("refused", "jane");
        object["spec"]["request"] = BASE64_STANDARD.encode(pem_of("joe")).into();
        approved(object);
    });
    let left = ["pending", "denied", "failed", "others"];
    let before: Vec<Value> = left.iter().map(|name| place.get(name)).collect();
    place.put("marker", approved);
    place.certificate("marker");
    let failed = place.condition("refused", "Failed");
    assert_eq!(
        (&failed["reason"], &failed["status"]),
        (&json!("SignerValidationFailure"), &json!("True"))
    );
    assert!(failed["message"].as_str().unwrap().contains("joe"), "{failed}");
    assert!(place.get("refused")["status"]["certificate"].is_null());
    for (name, before) in left.iter().zip(before) {
        assert_eq!(place.get(name), before, "{name}");
    }
    until("it is counted", || metric(&tools, "refused") == 1);
    // Somebody approves what was pending: now it is signed.
    let mut object = place.get("pending");
    approved(&mut object);
    place.server.put(object);
    place.certificate("pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_controllers_at_once_sign_each_request_once() {
    let place = Place::new();
    let tools = place.tools().await;
    let options = FactsOptions::new("portcullis-system", "r");
    let revocations = ClusterRevocations::start(&tools.connection, &options, None);
    let ledger = Arc::new(ClusterLedger::start(&tools.connection, &options, revocations));
    let tools = SignerTools { ledger: Some(Arc::<ClusterLedger>::clone(&ledger)), ..tools };
    let _two = [place.start(&tools, ""), place.start(&tools, "")];
    place.server.wait_watches("certificatesigningrequests", 2);
    let names: Vec<String> = (0..10).map(|turn| format!("r{turn}")).collect();
    place.server.load(names.iter().map(|name| {
        let mut object = request(name, "jane");
        approved(&mut object);
        object
    }));
    let first: Vec<Vec<u8>> = names.iter().map(|name| place.certificate(name)).collect();
    // Whoever came second has given up, too.
    let of_signer = |request: &crate::support::apiserver::Request| request.subresource == "status";
    until("each was counted", || metric(&tools, "signed") == 10);
    let writes = place.server.requests().iter().filter(|request| of_signer(request)).count();
    println!("{writes} writes for 10 requests");
    for (name, pem) in names.iter().zip(&first) {
        assert_eq!(&place.certificate(name), pem, "{name}");
        let record = ledger.find(&fingerprint(pem)).unwrap();
        assert_eq!(record.unwrap().request_name, *name);
    }
    assert_eq!((metric(&tools, "failed"), metric(&tools, "refused")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_no_second_certificate_and_an_ill_server_is_asked_again() {
    let place = Place::new();
    let tools = place.tools().await;
    let signers = place.start(&tools, FILES);
    let update = |fault| place.server.inject("update", "certificatesigningrequests", 1, fault);
    // It was written, and nobody said so.
    update(Fault::CutAfter(10));
    place.put("lost", approved);
    let pem = place.certificate("lost");
    update(Fault::internal());
    place.put("ill", approved);
    place.certificate("ill");
    until("nothing waits", || signers.status()[0].waiting == 0);
    assert_eq!(place.certificate("lost"), pem);
    assert_eq!(metric(&tools, "failed"), 2);
    assert_eq!(place.server.pending_faults(), 0);
    // Whatever went wrong, each is in the books once.
    assert_eq!(place.ledger().of_user("jane").unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_what_another_of_the_same_name_was_approved_for() {
    let place = Place::new();
    let tools = place.tools().await;
    let _signers = place.start(&tools, FILES);
    // Signed, not written, and gone meanwhile.
    place.server.inject("update", "certificatesigningrequests", 1, Fault::internal());
    place.put("one", approved);
    until("the first try", || metric(&tools, "failed") == 1);
    assert!(place.server.delete(KIND, "", "one"));
    place.put("one", |object| object["spec"]["username"] = "admin".into());
    std::thread::sleep(Duration::from_millis(1500));
    place.put("marker", approved);
    place.certificate("marker");
    let status = &place.get("one")["status"];
    assert!(status["certificate"].is_null() && status["conditions"].is_null(), "{status}");
    // A write that comes late, by the name of the new one.
    let mut late = place.get("one");
    approved(&mut late);
    place.server.put(late);
    until("what the new one asks for is judged by itself", || {
        place.condition("one", "Failed")["reason"] == "SignerValidationFailure"
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_pending_is_approved_once_the_policy_allows_it() {
    let place = Place::new();
    place.write("policy.yaml", &POLICY.replace("jane, admin", "admin"));
    let tools = place.tools().await;
    let signers = place.start(&tools, &format!("{FILES}  approve: ByPolicy\n"));
    place.put("early", |_| {});
    until("it is left pending", || signers.status()[0].waiting == 1);
    let before = place.get("early");
    assert!(before["status"]["conditions"].is_null(), "{before}");
    place.write("policy.yaml", POLICY);
    place.certificate("early");
    until("nothing waits", || signers.status()[0].waiting == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_approves_denies_and_reads_and_the_policy_approves_what_it_allows() {
    let place = Place::new();
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        println!("skipped: kubectl is not installed");
        return;
    }
    let tools = place.tools().await;
    let manual = place.start(&tools, FILES);
    // As a user makes it; who asks is the administrator of the kubeconfig.
    let create = |name: &str, user: &str| {
        let file = place.path("csr.json");
        fs::write(&file, request(name, user).to_string()).unwrap();
        kubectl(&place, &["create", "--validate=false", "-f", file.to_str().unwrap()]);
    };
    create("by-hand", "admin");
    create("denied", "admin");
    decide(&place, "denied", "Denied", "KubectlDeny");
    decide(&place, "by-hand", "Approved", "KubectlApprove");
    let pem = place.certificate("by-hand");
    let read =
        ["get", "certificatesigningrequests", "by-hand", "-o", "jsonpath={.status.certificate}"];
    assert_eq!(BASE64_STANDARD.decode(kubectl(&place, &read).trim()).unwrap(), pem);
    assert!(place.get("denied")["status"]["certificate"].is_null());
    let table = kubectl(
        &place,
        &[
            "get",
            "certificatesigningrequests",
            "by-hand",
            "-o",
            "jsonpath={.status.conditions[*].reason}",
        ],
    );
    assert_eq!(table.trim(), "KubectlApprove");
    drop(manual);

    let more = format!("{FILES}  approve: ByPolicy\n");
    let _automatic = place.start(&tools, &more);
    create("allowed", "admin");
    create("refused", "somebody-else");
    place.certificate("allowed");
    assert_eq!(place.condition("allowed", "Approved")["reason"], "PortcullisApprove");
    let refused = place.get("refused");
    assert!(refused["status"]["conditions"].as_array().is_none_or(Vec::is_empty), "{refused}");
    assert_eq!(metric(&tools, "approved"), 1);
}

/// As `kubectl certificate` does, which speaks protobuf, and the test API server does not.
#[track_caller]
fn decide(place: &Place, name: &str, kind: &str, reason: &str) {
    let object = kubectl(place, &["get", "certificatesigningrequests", name, "-o", "json"]);
    let mut object: Value = serde_json::from_str(&object).unwrap();
    object["status"]["conditions"] = json!([{"type": kind, "status": "True", "reason": reason}]);
    let file = place.path("decided.json");
    fs::write(&file, object.to_string()).unwrap();
    let replace = ["replace", "--validate=false", "--subresource=approval", "-f"];
    kubectl(place, &[&replace[..], &[file.to_str().unwrap()]].concat());
}

#[track_caller]
fn kubectl(place: &Place, args: &[&str]) -> String {
    let output = Command::new("kubectl")
        .env("HOME", place.folder.path())
        .arg("--kubeconfig")
        .arg(place.path("kubeconfig"))
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(output.stderr));
    text(output.stdout)
}
