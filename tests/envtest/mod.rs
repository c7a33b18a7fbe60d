//! Against a real kube-apiserver, with the files that `init apiserver` writes and `serve` as its
//! authorizer and token authenticator.
//!
//! Follows the convention of envtest: `KUBEBUILDER_ASSETS` names a folder with `kube-apiserver` and
//! `etcd` (and maybe `kubectl`; otherwise the one on the PATH is used), or `TEST_ASSET_KUBE_APISERVER`
//! the first of them, with the others beside it. Without either the tests print a line and return.
//! Everything runs on loopback in a temporary folder, and ends with the test, also when it fails.
//!
//! ```text
//! KUBEBUILDER_ASSETS=$(setup-envtest use -p path 1.36) cargo test --features webhook envtest
//! ```

mod child;
mod cluster;
mod kubectl;

use std::path::PathBuf;
use std::time::Duration;

use cluster::{Cluster, Webhook};
use kubectl::{Credential, Outcome};
use serde_json::json;

use crate::webhook_e2e::followed::{Followed, scenario};

/// The folder with the binaries. A variable that leads nowhere is a mistake, not a reason to skip.
fn assets() -> Option<PathBuf> {
    let named = |variable| std::env::var_os(variable).map(PathBuf::from);
    let beside = || Some(named("TEST_ASSET_KUBE_APISERVER")?.parent()?.to_owned());
    let Some(folder) = named("KUBEBUILDER_ASSETS").or_else(beside) else {
        eprintln!("skipped: KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd");
        return None;
    };
    for name in ["kube-apiserver", "etcd"] {
        assert!(folder.join(name).is_file(), "no {name} in {}", folder.display());
    }
    Some(folder)
}

/// Jane's groups come from the token file; she may list configmaps by the webhook's policy only.
const TOKENS: &str = "jane-token-0123456789,jane,1001,\"shop-team,readers\"\n";

const CONFIGMAPS: &str = "/api/v1/namespaces/shop/configmaps";
const SECRETS: &str = "/api/v1/namespaces/shop/secrets";
const SERVICES: &str = "/api/v1/namespaces/shop/services";

/// A role for one resource of the namespace `shop`, bound to a subject, in one file.
fn grant(name: &str, resource: &str, subjects: &str) -> String {
    format!(
        "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {name}, namespace: shop}}
rules: [{{apiGroups: [''], resources: [{resource}], verbs: [get, list]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}, namespace: shop}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}
subjects: [{subjects}]
"
    )
}

fn prepared(address: std::net::SocketAddr) -> Webhook {
    let webhook = Webhook::prepare(address, TOKENS);
    webhook.write_policy(
        "configmaps.yaml",
        &grant(
            "see-configmaps",
            "configmaps",
            "{kind: Group, name: shop-team, apiGroup: rbac.authorization.k8s.io}, \
             {kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}, \
             {kind: ServiceAccount, name: builder, namespace: shop}",
        ),
    );
    webhook
}

#[test]
fn an_api_server_uses_both_webhooks_follows_the_policy_and_fails_closed() {
    let Some(assets) = assets() else { return };
    let mut webhook = prepared(child::free_address());
    webhook.start();
    let cluster = Cluster::start(&assets, &webhook);
    let admin = cluster.certificate("admin", &["system:masters"]);
    let bob = cluster.certificate("bob", &[]);
    let node = cluster.certificate("system:node:worker", &["system:nodes"]);
    let jane = Credential::Token("jane-token-0123456789".to_owned());

    // The administrator never meets the webhook (S-CHAIN-10).
    let create = |path: &str, body| {
        let outcome = cluster.post(&admin, path, &body);
        assert!(matches!(outcome, Outcome::Done(_)), "{path}: {outcome:?}");
        outcome.body()
    };
    create("/api/v1/namespaces", json!({"metadata": {"name": "shop"}}));
    create("/api/v1/namespaces/shop/serviceaccounts", json!({"metadata": {"name": "builder"}}));
    let issued = create(
        "/api/v1/namespaces/shop/serviceaccounts/builder/token",
        json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }),
    );
    let builder = Credential::Token(issued["status"]["token"].as_str().unwrap().to_owned());
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop";
    create(
        &format!("{rbac}/roles"),
        json!({
            "metadata": {"name": "see-services"},
            "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}],
        }),
    );
    create(
        &format!("{rbac}/rolebindings"),
        json!({
            "metadata": {"name": "see-services"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "see-services",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"},
            ],
        }),
    );

    // Who jane is, only the token webhook knows; somebody else's token is nobody's.
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
    });
    let reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let who = cluster.post(&jane, reviews, &review).body();
    let who = &who["status"]["userInfo"];
    assert_eq!(who["username"], "jane");
    assert_eq!(who["uid"], "1001");
    assert_eq!(who["groups"], json!(["shop-team", "readers", "system:authenticated"]));
    let stranger = Credential::Token("jane-token-012345678".to_owned());
    assert_eq!(cluster.get(&stranger, CONFIGMAPS), Outcome::Unauthorized);

    // What the webhook's policy grants, by token, by service account, by certificate; and twins.
    for (name, who) in [("jane", &jane), ("builder", &builder), ("bob", &bob)] {
        assert!(matches!(cluster.get(who, CONFIGMAPS), Outcome::Done(_)), "{name}");
        assert_eq!(cluster.get(who, SECRETS), Outcome::Forbidden, "{name}");
    }
    // What it has no opinion about, the cluster's own roles still grant, and only to whom they do.
    assert!(matches!(cluster.get(&bob, SERVICES), Outcome::Done(_)));
    assert_eq!(cluster.get(&jane, SERVICES), Outcome::Forbidden);

    // A grant comes and goes while everything runs. No cache keeps it (S-ACFG-4).
    let subject = "{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}";
    webhook.write_policy("secrets.yaml", &grant("see-secrets", "secrets", subject));
    cluster.wait("the new grant", Duration::from_secs(20), || {
        matches!(cluster.get(&jane, SECRETS), Outcome::Done(_))
    });
    assert_eq!(cluster.get(&bob, SECRETS), Outcome::Forbidden);
    webhook.remove_policy("secrets.yaml");
    cluster.wait("the end of the grant", Duration::from_secs(20), || {
        cluster.get(&jane, SECRETS) == Outcome::Forbidden
    });
    // A broken file takes nothing away: the last good policy goes on.
    webhook.write_policy("broken.yaml", "kind: [\n");
    std::thread::sleep(Duration::from_secs(2));
    assert!(matches!(cluster.get(&jane, CONFIGMAPS), Outcome::Done(_)));
    webhook.remove_policy("broken.yaml");

    // The webhook dies. failurePolicy Deny: an error, also for what the cluster's roles grant.
    webhook.stop();
    assert_eq!(cluster.get(&bob, CONFIGMAPS), Outcome::InternalError);
    assert_eq!(cluster.get(&bob, SERVICES), Outcome::InternalError);
    // Whoever is exempt goes on: the Node authorizer lets a node ask for itself, who is not there.
    assert_eq!(cluster.get(&node, "/api/v1/nodes/worker"), Outcome::NotFound);
    assert!(matches!(cluster.get(&Credential::Nobody, "/livez"), Outcome::Done(_)));
    assert!(matches!(cluster.get(&admin, SECRETS), Outcome::Done(_)));
    // Tokens are not known any more when the API server's own cache of ten seconds has ended.
    cluster.wait("the end of cached tokens", Duration::from_secs(40), || {
        cluster.get(&jane, reviews) == Outcome::Unauthorized
    });

    // It comes back, and so does everybody.
    webhook.start();
    cluster.wait("the webhook's return", Duration::from_secs(20), || {
        matches!(cluster.get(&bob, CONFIGMAPS), Outcome::Done(_))
            && matches!(cluster.get(&jane, CONFIGMAPS), Outcome::Done(_))
    });
}

/// The same scenario runs against the test API server in `webhook_e2e::followed`.
#[test]
fn a_server_follows_an_api_server_that_people_change_by_kubectl_and_signs_for_it() {
    let Some(assets) = assets() else { return };
    let cluster = Cluster::start_alone(&assets);
    let admin = cluster.certificate("admin", &["system:masters"]);
    let kubeconfig = cluster.write_kubeconfig(&admin);
    let token = |_: &str, pod: &str| {
        let output = std::process::Command::new(cluster.kubectl())
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(["create", "token", "web", "-n", "shop", "--bound-object-kind=Pod"])
            .args(["--bound-object-name=web-0", &format!("--bound-object-uid={pod}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let followed = Followed {
        kubectl: cluster.kubectl().to_owned(),
        kubeconfig: kubeconfig.clone(),
        accounts_key: cluster.accounts_key(),
        token: &token,
        protobuf: true,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(scenario(&followed));
}

// ---- what can be shown without an API server ----------------------------------------------------

#[test]
fn the_server_of_this_test_starts_and_is_ready() {
    let mut webhook = prepared(child::free_address());
    webhook.start();
    webhook.stop();
}

#[test]
#[cfg(target_os = "linux")]
fn each_process_ends_with_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sleep");
    command.arg("600");
    let child = child::Running::start("sleep", command, folder.path());
    let pid = child.id();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _child = child;
        std::panic::resume_unwind(Box::new("as a failed test does"));
    }));
    assert!(unwound.is_err());
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
}

#[test]
fn the_flags_of_the_api_server_hold_no_mode_beside_the_configuration() {
    let webhook = prepared(child::free_address());
    let flags = cluster::flags(&webhook, std::path::Path::new("/pki"), 2379, 6443);
    // S-CHAIN-15.
    assert!(!flags.iter().any(|flag| flag.starts_with("--authorization-mode")));
    for name in ["--authorization-config=", "--authentication-token-webhook-config-file="] {
        let file = flags.iter().find_map(|flag| flag.strip_prefix(name)).unwrap();
        assert!(PathBuf::from(file).is_file(), "{file}");
    }
}
