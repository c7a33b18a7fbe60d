//! What is followed reads as the same objects do from a file, whatever else stands in them.

use std::fmt::Debug;
use std::path::Path;

use portcullis::api::inventory::{Inventory, Sourced};
use portcullis::source::watch::{Cluster, Watched};
use portcullis::source::{self, LoadOptions};
use serde_json::{Value, json};

use super::harness::{PATIENCE, connect, eventually, tuning};
use crate::support::apiserver::{self, ApiServer};
use crate::support::shared;

const KINDS: [(Watched, &str); 12] = [
    (Watched::ClusterRoles, "ClusterRole"),
    (Watched::ClusterRoleBindings, "ClusterRoleBinding"),
    (Watched::Roles, "Role"),
    (Watched::RoleBindings, "RoleBinding"),
    (Watched::Pods, "Pod"),
    (Watched::PersistentVolumes, "PersistentVolume"),
    (Watched::VolumeAttachments, "VolumeAttachment"),
    (Watched::ResourceSlices, "ResourceSlice"),
    (Watched::PodCertificateRequests, "PodCertificateRequest"),
    (Watched::ServiceAccounts, "ServiceAccount"),
    (Watched::Nodes, "Node"),
    (Watched::Namespaces, "Namespace"),
];

/// Without where it was read, and in no order.
fn said(inventory: &Inventory) -> Vec<String> {
    fn each<T: Debug>(items: &[T]) -> impl Iterator<Item = String> {
        items.iter().map(|item| format!("{item:#?}"))
    }
    fn values<T: Debug>(items: &[Sourced<T>]) -> impl Iterator<Item = String> {
        items.iter().map(|item| format!("{:#?}", item.value))
    }
    let mut all: Vec<String> = values(&inventory.cluster_roles)
        .chain(values(&inventory.cluster_role_bindings))
        .chain(values(&inventory.roles))
        .chain(values(&inventory.role_bindings))
        .chain(values(&inventory.kinships))
        .chain(values(&inventory.graph))
        .chain(each(&inventory.namespaces))
        .chain(each(&inventory.service_accounts))
        .chain(each(&inventory.pods))
        .chain(each(&inventory.core.service_accounts))
        .chain(each(&inventory.core.nodes))
        .collect();
    all.sort_unstable();
    all
}

#[track_caller]
fn assert_same(cluster: &Cluster, server: &ApiServer, at: &str) {
    let all: Vec<Value> = KINDS.iter().flat_map(|(_, kind)| server.list(kind)).collect();
    let fresh =
        source::parse("fresh.json", &apiserver::dump(all), &LoadOptions::default()).unwrap();
    let loaded = cluster.loaded();
    let (found, expected) = (said(&loaded.inventory), said(&fresh.inventory));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{at}");
    }
    assert_eq!(found.len(), expected.len(), "{at}");
    assert_eq!(loaded.report.skipped.len(), fresh.report.skipped.len(), "{at}");
}

async fn follow(server: &ApiServer) -> Cluster {
    let connection = connect(server).await;
    let watched = KINDS.map(|(watched, _)| watched).into();
    let mut tuning = tuning();
    tuning.page = 200;
    let cluster = Cluster::start(&connection, watched, None, tuning);
    assert!(
        tokio::time::timeout(PATIENCE, cluster.ready()).await.is_ok(),
        "{:#?}",
        cluster.status()
    );
    cluster
}

fn items(path: &Path) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let is_served = |item: &Value| KINDS.iter().any(|(_, kind)| item["kind"] == *kind);
    list["items"].as_array().unwrap().iter().filter(|item| is_served(item)).cloned().collect()
}

/// Listed, and, after all was deleted and created again, watched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_clusters_read_as_from_files() {
    for path in [
        "golden/worlds/node-1/graph.json",
        "golden/worlds/rbac-bootstrap-1/world.json",
        "real-cluster/dump/rbac.json",
        "real-cluster/dump/serviceaccounts.json",
        "real-cluster/dump/namespaces.json",
    ] {
        let Some(file) = shared(path) else { return };
        let items = items(&file);
        assert!(!items.is_empty(), "{path}");
        let server = ApiServer::start();
        server.load(items.clone());
        let cluster = follow(&server).await;
        assert_same(&cluster, &server, path);

        for item in &items {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default();
            server.delete(item["kind"].as_str().unwrap(), text("namespace"), text("name"));
        }
        let count = || cluster.status().iter().map(|kind| kind.objects).sum::<usize>();
        eventually("nothing", || count() == 0).await;
        assert_eq!(said(&cluster.loaded().inventory), Vec::<String>::new());
        server.load(items.clone());
        eventually("everything", || count() == items.len()).await;
        assert_same(&cluster, &server, path);
    }
}

/// What Go reads as nothing, what has another case, what is there twice, what is escaped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_objects_read_as_from_files() {
    let server = ApiServer::start();
    let pod = |name: &str, spec: Value| {
        json!({
            "kind": "Pod", "apiVersion": "v1", "spec": spec,
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
                         "annotations": {"kubernetes.io/config.mirror": "<&>"}},
        })
    };
    server.load([
        pod("nothing", json!({"nodeName": "n", "volumes": null, "containers": null})),
        pod("empty", json!({"nodeName": "n", "volumes": [{}, {"name": "v"}], "containers": [{}]})),
        pod("several", json!({"nodeName": "n", "volumes": [
            {"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}, "configMap": {"name": "c"}},
            {"name": "w", "secret": null, "configMap": {"name": "d"}},
            {"name": "x", "secret": {}, "configMap": {"name": "e"}},
            {"name": "y", "projected": {"sources": [null, {}, {"secret": {"name": "p"}}]}},
            {"name": "z", "ephemeral": null},
            {"ephemeral": {"volumeClaimTemplate": {"spec": {"a": [1, 2]}}}},
        ]})),
        pod("unknown", json!({"nodeName": "n", "volumes": [{"name": "v", "carrierPigeon": {}}]})),
        pod("environment", json!({"nodeName": "n",
            "initContainers": [{"envFrom": [{"secretRef": {"name": "i"}, "configMapRef": {"name": "j"}}]}],
            "ephemeralContainers": [{"name": "e"}, {"env": [{"valueFrom": {"secretKeyRef": {"name": "k", "key": "x"}}}]}],
            "containers": [{"env": [{"name": "A", "value": "1"}, {"valueFrom": null}, {"valueFrom": {"configMapKeyRef": {"name": "l"}}}]}],
        })),
        pod("wrong", json!({"nodeName": "n", "containers": [{"env": 7}]})),
        pod("wrong-too", json!({"nodeName": ["n"]})),
        pod("elsewhere", json!({"nodeName": "n", "tolerations": 7})),
        pod("account", json!({"nodeName": "n", "serviceAccount": "old", "serviceAccountName": "new"})),
        pod("account-too", json!({"nodeName": "n", "serviceAccount": "old"})),
        pod("claims", json!({"nodeName": "n", "resourceClaims": [
            {"name": "a", "resourceClaimName": "b"}, {"name": "c", "resourceClaimTemplateName": "d"}, {"name": "e"},
        ]})),
        json!({
            "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": {"name": "<\u{2028}>", "namespace": "shop", "labels": {"a": null},
                         "annotations": {"portcullis.dev/not-after": "never", "b": "c"}},
            "rules": [{"verbs": ["get", null], "apiGroups": null, "resources": ["pods"], "x": {}}],
        }),
        json!({
            "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": {"name": "wrong", "namespace": "shop"}, "rules": {"verbs": ["get"]},
        }),
        json!({
            "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": {"name": "aggregated"}, "rules": null,
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        }),
        json!({
            "kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": "several"},
            "spec": {"claimRef": {"namespace": "shop", "name": "c"},
                     "csi": {"nodeStageSecretRef": {"namespace": "a", "name": "b"}, "driver": "d"},
                     "azureFile": {"secretName": "e"}},
        }),
        json!({
            "kind": "Namespace", "apiVersion": "v1", "spec": 7,
            "metadata": {"name": "shop", "labels": {"team.tree.hnc.x-k8s.io/depth": "1"}},
        }),
    ]);
    let cluster = follow(&server).await;
    assert_same(&cluster, &server, "listed");
    // The same by a watch, from nothing.
    let listed = said(&cluster.loaded().inventory);
    assert!(listed.len() > 12);
    let all: Vec<Value> = KINDS.iter().flat_map(|(_, kind)| server.list(kind)).collect();
    for item in &all {
        let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default();
        server.delete(item["kind"].as_str().unwrap(), text("namespace"), text("name"));
    }
    let empty = || cluster.status().iter().all(|kind| kind.objects + kind.undecodable_count == 0);
    eventually("nothing", empty).await;
    server.load(all.clone());
    let count =
        || cluster.status().iter().map(|kind| kind.objects + kind.undecodable_count).sum::<usize>();
    eventually("everything", || count() == all.len()).await;
    assert_same(&cluster, &server, "watched");
}
