//! From a dump to a proven user: what `source` reads is what the authenticators look up.

use std::sync::Arc;

use portcullis::api::core::{Kind, TokenObjects};
use portcullis::authn::bootstrap_token::BootstrapTokens;
use portcullis::authn::service_account::{
    LegacyServiceAccounts, ServiceAccountError, ServiceAccounts,
};
use portcullis::authn::{Attempt, Keys};
use portcullis::crypto::{KeySet, SigningAlgorithm, SigningKey};
use portcullis::source::{LoadOptions, parse};
use serde_json::{Map, Value, json};

use crate::support::shared;

const NOW: i64 = 1_767_225_600;
const ACCOUNT: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000001";
const POD: &str = "6f9c2d3e-0a1b-4c5d-8e7f-000000000002";

fn attempt(token: &str) -> Attempt<'_> {
    Attempt { token, audiences: &[], now: NOW }
}

fn objects(text: &str) -> Arc<TokenObjects> {
    let loaded = parse("dump", text.as_bytes(), &LoadOptions::default()).unwrap();
    assert_eq!((&loaded.report.skipped[..], &loaded.report.notices[..]), (&[][..], &[][..]));
    Arc::new(TokenObjects::new(&loaded.inventory))
}

struct Issuer(SigningKey);

impl Issuer {
    fn new() -> Self {
        Self(SigningKey::generate(SigningAlgorithm::Es256).unwrap())
    }

    fn keys(&self) -> Arc<dyn Keys> {
        Arc::new(Arc::new(KeySet::new([self.0.verifying_key().clone()])))
    }

    fn sign(&self, claims: Value) -> String {
        let Value::Object(claims) = claims else { panic!("no object") };
        self.0.sign(&Map::new(), &claims).unwrap()
    }
}

#[test]
fn a_legacy_token_is_proven_by_its_secret_in_a_dump_and_refused_without_it() {
    let issuer = Issuer::new();
    let token = issuer.sign(json!({
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:shop:web",
        "kubernetes.io/serviceaccount/namespace": "shop",
        "kubernetes.io/serviceaccount/secret.name": "web-token",
        "kubernetes.io/serviceaccount/service-account.name": "web",
        "kubernetes.io/serviceaccount/service-account.uid": ACCOUNT,
    }));
    let manifest = |token: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\n\
             metadata: {{name: web-token, namespace: shop}}\nstringData: {{token: {token}}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\n\
             metadata: {{name: web, namespace: shop, uid: {ACCOUNT}}}\n"
        )
    };
    let check = |text: &str| {
        LegacyServiceAccounts::new(issuer.keys(), objects(text)).check(attempt(&token))
    };
    let user = check(&manifest(&token)).unwrap().unwrap().user;
    assert_eq!(
        (user.name.as_str(), user.uid.as_str()),
        ("system:serviceaccount:shop:web", ACCOUNT)
    );
    assert_eq!(check(&manifest("another")), Err(ServiceAccountError::NotServersCopy));
    let elsewhere = manifest(&token).replace("name: web-token", "name: other");
    assert_eq!(check(&elsewhere), Err(ServiceAccountError::LegacyInvalidated));
}

#[test]
fn a_bound_token_is_proven_by_its_pod_in_a_dump_and_refused_a_minute_after_the_pod() {
    let issuer = Issuer::new();
    let token = issuer.sign(json!({
        "iss": "https://k",
        "aud": "https://k",
        "exp": NOW + 600,
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": {"name": "web", "uid": ACCOUNT},
            "pod": {"name": "web-0", "uid": POD},
        },
    }));
    let dump = |deleted: Value| {
        json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ServiceAccount",
             "metadata": {"name": "web", "namespace": "shop", "uid": ACCOUNT}},
            {"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": "n"},
             "metadata": {"name": "web-0", "namespace": "shop", "uid": POD,
                          "deletionTimestamp": deleted}},
        ]})
        .to_string()
    };
    let check = |deleted| {
        let objects = objects(&dump(deleted));
        ServiceAccounts::new(["https://k".to_owned()], issuer.keys(), objects)
            .check(attempt(&token))
    };
    let user = check(Value::Null).unwrap().unwrap().user;
    assert_eq!(user.extra["authentication.kubernetes.io/pod-name"], ["web-0"]);
    // NOW is 2026-01-01T00:00:00Z.
    assert!(check(json!("2025-12-31T23:59:01Z")).is_ok());
    assert_eq!(check(json!("2025-12-31T23:58:59Z")), Err(ServiceAccountError::Invalidated));
}

#[test]
fn a_bootstrap_token_is_proven_by_a_secret_as_kubeadm_writes_it() {
    // `base64` of the values, as `kubectl get secret -o yaml` shows them.
    let text = "
apiVersion: v1
kind: Secret
type: bootstrap.kubernetes.io/token
metadata: {name: bootstrap-token-07401b, namespace: kube-system}
data:
  auth-extra-groups: c3lzdGVtOmJvb3RzdHJhcHBlcnM6a3ViZWFkbTpkZWZhdWx0LW5vZGUtdG9rZW4=
  expiration: MjAyNi0wMS0wMlQwMDowMDowMFo=
  token-id: MDc0MDFi
  token-secret: ZjM5NWFjY2QyNDZhZTUyZA==
  usage-bootstrap-authentication: dHJ1ZQ==
  usage-bootstrap-signing: dHJ1ZQ==
";
    let tokens = BootstrapTokens::new(objects(text));
    let proven = tokens.check(attempt("07401b.f395accd246ae52d")).unwrap();
    assert_eq!(
        proven.user.groups,
        ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token"]
    );
    assert_eq!(proven.expires, Some(NOW + 86_400));
    assert!(tokens.check(attempt("07401b.f395accd246ae52e")).is_none());
}

#[test]
fn the_service_accounts_of_a_real_cluster_are_found_with_their_uids() {
    let Some(path) = shared("real-cluster/dump/serviceaccounts.json") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let objects = objects(&text);
    let dump: Value = serde_json::from_str(&text).unwrap();
    let items = dump["items"].as_array().unwrap();
    assert!(items.len() > 100);
    for item in items {
        let field = |name: &str| item["metadata"][name].as_str().unwrap();
        let account = objects.service_account(field("namespace"), field("name")).unwrap();
        assert_eq!(account.uid.to_string(), field("uid"));
        assert_eq!(account.deletion_timestamp, None);
    }
    assert!(!objects.holds(Kind::Secret));
}
