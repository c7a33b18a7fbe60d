//! What is listed and watched when nothing goes wrong: every kind, attaching, the state on disk, lists for
//! the command line.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::api::core::{Secret, SecretContent};
use portcullis::api::inventory::Inventory;
use portcullis::source::watch::{
    self, Batch, Change, Cluster, Decoded, Follower, Key, ListError, LiveFrom, Watched,
};
use portcullis::source::{self, LoadOptions, Loaded};
use serde_json::{Value, json};

use super::harness::{PATIENCE, RBAC, World, binding, connect, eventually, role, server, tuning};
use crate::support::apiserver::{self, ApiServer, Resource};

/// Every kind of which there is more than one question.
fn kinds() -> Vec<(Watched, &'static str)> {
    let mut kinds: Vec<(Watched, &str)> = vec![
        (Watched::Pods, "Pod"),
        (Watched::PersistentVolumes, "PersistentVolume"),
        (Watched::VolumeAttachments, "VolumeAttachment"),
        (Watched::ResourceSlices, "ResourceSlice"),
        (Watched::PodCertificateRequests, "PodCertificateRequest"),
        (Watched::ServiceAccounts, "ServiceAccount"),
        (Watched::Nodes, "Node"),
        (Watched::SecretMetadata, "Secret"),
        (Watched::Namespaces, "Namespace"),
        (Watched::CustomResourceDefinitions, "CustomResourceDefinition"),
        (Watched::BootstrapSecrets, ""),
        (Watched::ServiceAccountSecrets, ""),
    ];
    kinds.extend(RBAC.map(|(watched, kind, _)| (watched, kind)));
    kinds
}

fn watched() -> Vec<Watched> {
    kinds().into_iter().map(|(watched, _)| watched).collect()
}

fn object(api_version: &str, kind: &str, metadata: Value, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
    let fields = rest.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(fields);
    object
}

/// A cluster with something of each kind, and something that cannot be read of some.
fn rich() -> Vec<Value> {
    let named = |name: &str| json!({"name": name, "labels": {"a": "b"}, "annotations": {"x": "y"}});
    let placed = |name: &str| json!({"name": name, "namespace": "shop", "finalizers": ["f"]});
    let rbac = "rbac.authorization.k8s.io/v1";
    let rules = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
    let role_ref =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "c"});
    let subjects = json!([{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]);
    let pod_spec = json!({
        "nodeName": "n1", "serviceAccountName": "web", "serviceAccount": "web",
        "imagePullSecrets": [{"name": "pull"}, {}],
        "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}],
        "containers": [
            {"name": "a", "image": "x", "env": [{"name": "PLAIN", "value": "v"}]},
            {"name": "b", "env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}]},
        ],
        "ephemeralContainers": [{"name": "e"}],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "eph", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
            {"name": "api", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "root-ca"}},
                {"secret": {"name": "projected"}}, {"downwardAPI": {"items": []}},
            ]}},
            {"name": "both", "azureFile": {}, "secret": {"secretName": "hidden"}},
            {"name": "csi", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
        ],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "t"}],
        "tolerations": [{"key": "k", "operator": "Exists"}],
    });
    let pod_status = json!({
        "phase": "Running", "podIPs": [{"ip": "10.0.0.1"}],
        "resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": "made"}],
        "extendedResourceClaimStatus": {"resourceClaimName": "extended", "requestMappings": []},
    });
    let volume = json!({
        "capacity": {"storage": "1Gi"}, "claimRef": {"namespace": "shop", "name": "data", "uid": "u"},
        "csi": {"driver": "d", "nodeStageSecretRef": {"namespace": "vault", "name": "stage"},
                "controllerExpandSecretRef": {"namespace": "vault", "name": "no"}},
    });
    let definition = json!({
        "group": "example.com", "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"], "categories": ["all"]},
        "versions": [
            {"name": "v1", "served": true, "schema": {"openAPIV3Schema": {"type": "object"}},
             "subresources": {"status": {}, "scale": null}},
            {"name": "v0", "served": false},
        ],
    });
    let legacy = json!({
        "name": "web-token", "namespace": "shop",
        "labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01", "a": "b"},
    });
    let deleted =
        json!({"name": "gone", "namespace": "shop", "deletionTimestamp": "2026-01-01T00:00:00Z"});
    vec![
        object(
            rbac,
            "ClusterRole",
            json!({
                "name": "c", "labels": {"agg": "true"},
                "annotations": {"portcullis.dev/expires": "2030-01-01T00:00:00Z", "other": "x"},
            }),
            json!({"rules": rules, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}),
        ),
        object(
            rbac,
            "ClusterRoleBinding",
            named("crb"),
            json!({"roleRef": role_ref, "subjects": subjects}),
        ),
        object(
            rbac,
            "ClusterRoleBinding",
            named("broken"),
            json!({"roleRef": role_ref, "subjects": "all"}),
        ),
        object(
            rbac,
            "ClusterRoleBinding",
            named("nobody"),
            json!({"roleRef": role_ref, "subjects": null}),
        ),
        role(),
        binding("jane", "jane"),
        object(
            "v1",
            "Pod",
            json!({"name": "mirror", "namespace": "shop", "uid": "6f9c2d3e-0a1b-4c5d-8e7f-001122334455",
            "annotations": {"kubernetes.io/config.mirror": "h", "a": "b"}}),
            json!({"spec": {"nodeName": "n1"}}),
        ),
        object("v1", "Pod", placed("web"), json!({"spec": pod_spec, "status": pod_status})),
        object("v1", "Pod", deleted, json!({"spec": {}})),
        object("v1", "Pod", placed("broken"), json!({"spec": {"nodeName": 7}})),
        object("v1", "PersistentVolume", named("pv"), json!({"spec": volume})),
        object(
            "storage.k8s.io/v1",
            "VolumeAttachment",
            named("va"),
            json!({"spec": {"nodeName": "n1", "attacher": "d"}}),
        ),
        object(
            "resource.k8s.io/v1",
            "ResourceSlice",
            named("rs"),
            json!({"spec": {"nodeName": "n1"}}),
        ),
        object(
            "certificates.k8s.io/v1beta1",
            "PodCertificateRequest",
            placed("pcr"),
            json!({"spec": {"nodeName": "n1"}}),
        ),
        object("v1", "ServiceAccount", placed("web"), json!({"secrets": [{"name": "web-token"}]})),
        object(
            "v1",
            "Node",
            json!({"name": "n1", "uid": "u", "labels": {"a": "b"}}),
            json!({"status": {"images": []}}),
        ),
        object(
            "v1",
            "Secret",
            json!({"name": "bootstrap-token-abcdef", "namespace": "kube-system"}),
            json!({
                "type": "bootstrap.kubernetes.io/token",
                "data": {"token-id": "YWJjZGVm", "token-secret": "MDEyMzQ1Njc4OWFiY2RlZg==", "other": "aGk="},
            }),
        ),
        object(
            "v1",
            "Secret",
            legacy,
            json!({
                "type": "kubernetes.io/service-account-token", "data": {"token": "aGV5", "ca.crt": "aGk="},
            }),
        ),
        object(
            "v1",
            "Secret",
            placed("opaque"),
            json!({"type": "Opaque", "data": {"password": "aHVudGVyMg=="}}),
        ),
        object(
            "v1",
            "Namespace",
            json!({"name": "shop", "labels": {"org.tree.hnc.x-k8s.io/depth": "1", "a": "b"}}),
            json!({}),
        ),
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            named("widgets.example.com"),
            json!({"spec": definition}),
        ),
    ]
}

/// What an inventory says, without where it was read, sorted.
fn said(inventory: &Inventory) -> Vec<String> {
    let mut inventory = inventory.clone();
    let mut said = Vec::new();
    said.extend(inventory.cluster_roles.drain(..).map(|it| format!("{:?}", it.value)));
    said.extend(inventory.cluster_role_bindings.drain(..).map(|it| format!("{:?}", it.value)));
    said.extend(inventory.roles.drain(..).map(|it| format!("{:?}", it.value)));
    said.extend(inventory.role_bindings.drain(..).map(|it| format!("{:?}", it.value)));
    said.extend(inventory.kinships.drain(..).map(|it| format!("{:?}", it.value)));
    said.extend(inventory.graph.drain(..).map(|it| format!("{:?}", it.value)));
    said.extend(inventory.namespaces.drain(..).map(|it| format!("{it:?}")));
    said.extend(inventory.service_accounts.drain(..).map(|it| format!("{it:?}")));
    said.extend(inventory.custom_resources.drain(..).map(|it| format!("{it:?}")));
    said.extend(inventory.pods.drain(..).map(|it| format!("{it:?}")));
    let secrets = std::mem::take(&mut inventory.core.secrets);
    said.extend(single(secrets).iter().map(|it| format!("{it:?}")));
    said.extend(inventory.core.service_accounts.drain(..).map(|it| format!("{it:?}")));
    said.extend(inventory.core.nodes.drain(..).map(|it| format!("{it:?}")));
    assert_eq!(inventory, Inventory::default(), "something was not compared");
    said.sort();
    said
}

/// A Secret that one watch shows by its metadata and another with its values, as files have it.
fn single(secrets: Vec<Secret>) -> Vec<Secret> {
    let name = |secret: &Secret| (secret.namespace.clone(), secret.name.clone());
    let has_values = |secret: &&Secret| secret.content != SecretContent::Other;
    let with_values: HashSet<_> = secrets.iter().filter(has_values).map(name).collect();
    let once = secrets.into_iter().filter(|secret| {
        secret.content != SecretContent::Other || !with_values.contains(&name(secret))
    });
    once.collect()
}

/// What files say of all that is there.
fn of_files(server: &ApiServer) -> Loaded {
    let kinds = kinds().into_iter().filter(|(_, kind)| !kind.is_empty());
    let all = kinds.flat_map(|(_, kind)| server.list(kind)).collect();
    source::parse("dump.json", &apiserver::dump(all), &LoadOptions::default()).unwrap()
}

async fn ready(cluster: &Cluster) {
    let ready = tokio::time::timeout(PATIENCE, cluster.ready()).await;
    assert!(ready.is_ok(), "not ready: {:#?}", cluster.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_read_as_files_are() {
    let server = ApiServer::start();
    server.load(rich());
    let connection = connect(&server).await;
    let cluster = Cluster::start(&connection, watched(), None, tuning());
    ready(&cluster).await;
    let (live, files) = (cluster.loaded(), of_files(&server));
    assert_eq!(said(&live.inventory), said(&files.inventory));
    assert!(live.inventory.graph.len() >= 6, "{:?}", live.inventory.graph);
    assert_eq!(single(live.inventory.core.secrets.clone()).len(), 3);
    // What is left out, and why.
    let skipped = |loaded: &Loaded| -> Vec<String> {
        loaded.report.skipped.iter().map(|it| format!("{} {}", it.name, it.reason)).collect()
    };
    let without_line = |texts: Vec<String>| -> Vec<String> {
        texts.into_iter().map(|text| text.split(" (line").next().unwrap().to_owned()).collect()
    };
    assert_eq!(skipped(&live).len(), 1);
    assert_eq!(without_line(skipped(&live)), without_line(skipped(&files)));
    assert_eq!(live.report.notices.len(), 1, "{:?}", live.report.notices);
    assert_eq!(
        live.report.notices[0].to_string().split(" (resourceVersion").next().unwrap(),
        "cluster: Pod shop/broken"
    );
    let origin = &live.inventory.role_bindings[0].origin;
    assert!(origin.to_string().starts_with("cluster: RoleBinding shop/jane (resourceVersion "));
    let status = cluster.status();
    let of = |watched: Watched| status.iter().find(|it| it.watched == watched).unwrap();
    assert_eq!((of(Watched::Pods).objects, of(Watched::Pods).undecodable_count), (3, 1));
    assert_eq!(of(Watched::Pods).undecodable[0].key.name, "broken");
    assert!(status.iter().all(|it| it.from == LiveFrom::Live && it.lists == 1));

    // Nothing but metadata of all Secrets, and values of those two types alone.
    for asked in server.requests().iter().filter(|asked| asked.resource == "secrets") {
        let selector = asked.parameter("fieldSelector").unwrap_or_default();
        assert!(selector.starts_with("type=") || asked.accept.contains("as=PartialObjectMetadata"));
    }
    // A version that is not served is no resource's.
    for asked in server.requests() {
        assert!(matches!(asked.verb.as_str(), "list" | "watch" | ""), "{asked:?}");
    }
}

/// Follows by itself: the last word about each object. Secrets come from several watches.
#[derive(Default)]
struct Heard(Mutex<BTreeMap<(Watched, Key), Decoded>>);

impl Follower for Heard {
    fn changed(&self, batch: &Batch) {
        let mut heard = self.0.lock().unwrap();
        for (key, _, change) in &batch.changes {
            let key = (batch.watched.clone(), key.clone());
            match change {
                Change::Applied(decoded) => heard.insert(key, Decoded::clone(decoded)),
                Change::Deleted => heard.remove(&key),
            };
        }
    }
}

impl Heard {
    /// As an inventory would have it, sorted.
    fn said(&self) -> Vec<String> {
        let (mut said, mut secrets): (Vec<String>, Vec<Secret>) = Default::default();
        for decoded in self.0.lock().unwrap().values() {
            match decoded {
                Decoded::Rbac(object) => said.push(rbac_said(object)),
                Decoded::Pod { identity, graph } => {
                    said.push(format!("{identity:?}"));
                    said.push(format!("Pod({graph:?})"));
                }
                Decoded::Graph(object) => said.push(format!("{object:?}")),
                Decoded::ServiceAccount(account) => {
                    said.push(format!("{account:?}"));
                    said.push(format!("{:?}", (&account.namespace, &account.name)));
                }
                Decoded::Node(node) => said.push(format!("{node:?}")),
                Decoded::Secret(secret) => secrets.push(secret.clone()),
                // Namespaces and definitions are handed on as they are.
                _ => {}
            }
        }
        said.extend(single(secrets).iter().map(|it| format!("{it:?}")));
        said.sort();
        said
    }
}

fn rbac_said(object: &portcullis::api::rbac::Object) -> String {
    let text = format!("{object:?}");
    let inner = text.split_once('(').unwrap().1;
    inner.strip_suffix(')').unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_followed_from_nothing_to_nothing() {
    let server = ApiServer::start();
    let connection = connect(&server).await;
    let kinds: Vec<Watched> = watched()
        .into_iter()
        .filter(|it| !matches!(it, Watched::Namespaces | Watched::CustomResourceDefinitions))
        .collect();
    let cluster = Cluster::start(&connection, kinds, None, tuning());
    ready(&cluster).await;
    let heard = Arc::new(Heard::default());
    let follower = Arc::clone(&heard);
    let attached: Result<(), Infallible> = cluster.attach(|loaded| {
        assert_eq!(said(&loaded.inventory), [""; 0]);
        Ok(follower)
    });
    attached.unwrap();
    for object in rich() {
        server.put(object);
    }
    let is_known = || {
        let known = said(&cluster.loaded().inventory);
        // Metadata of a Secret may come before its values do, and counts till then.
        known == heard.said() && known == said_without_names(&of_files(&server).inventory)
    };
    eventually("all objects", is_known).await;
    for object in rich() {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        let (kind, name) = (object["kind"].as_str().unwrap(), metadata["name"].as_str().unwrap());
        assert!(server.delete(kind, namespace, name));
    }
    eventually("none", || said(&cluster.loaded().inventory).is_empty() && heard.said().is_empty())
        .await;
    assert!(cluster.status().iter().all(|it| it.objects == 0 && it.bytes == 0));
}

fn said_without_names(inventory: &Inventory) -> Vec<String> {
    let mut inventory = inventory.clone();
    inventory.namespaces.clear();
    inventory.kinships.clear();
    inventory.custom_resources.clear();
    said(&inventory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_and_nothing_counts_twice_while_followers_come_and_go() {
    let world = World::start(server(), tuning()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (stop, server) = (Arc::clone(&stop), Arc::clone(&world.server));
        std::thread::spawn(move || {
            for number in 0_u32.. {
                let name = format!("churn-{}", number % 7);
                match number % 3 {
                    0 => _ = server.delete("RoleBinding", "shop", &name),
                    _ => _ = server.put(binding(&name, &format!("user-{number}"))),
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        })
    };
    // What each was given, and all that it was told from then on.
    struct Kept {
        known: Mutex<BTreeMap<Key, String>>,
    }
    impl Follower for Kept {
        fn changed(&self, batch: &Batch) {
            let mut known = self.known.lock().unwrap();
            for (key, origin, change) in &batch.changes {
                match change {
                    Change::Applied(_) => {
                        known.insert(key.clone(), origin.to_string());
                    }
                    Change::Deleted => {
                        assert!(known.remove(key).is_some(), "{key:?} was gone already");
                    }
                }
            }
        }
    }
    let mut last = None;
    for _ in 0..50 {
        let cluster = world.cluster.clone();
        let made = tokio::task::spawn_blocking(move || {
            let mut made = None;
            let attached: Result<(), Infallible> = cluster.attach(|loaded| {
                let bindings = loaded.inventory.role_bindings.into_iter().map(|it| {
                    let metadata = it.value.metadata;
                    let (namespace, name) = (metadata.namespace, metadata.name);
                    (Key { namespace, name }, it.origin.to_string())
                });
                let follower = Arc::new(Kept { known: Mutex::new(bindings.collect()) });
                made = Some(Arc::clone(&follower));
                Ok(follower)
            });
            attached.unwrap();
            made
        });
        last = made.await.unwrap();
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let last = last.unwrap();
    let is_same = || {
        let fresh: BTreeMap<Key, String> = world
            .server
            .list("RoleBinding")
            .iter()
            .map(|it| {
                let text = |field: &str| it["metadata"][field].as_str().unwrap().to_owned();
                let (namespace, name) = (text("namespace"), text("name"));
                let origin = format!(
                    "cluster: RoleBinding {namespace}/{name} (resourceVersion {})",
                    text("resourceVersion")
                );
                (Key { namespace: namespace.into(), name: name.into() }, origin)
            })
            .collect();
        fresh == *last.known.lock().unwrap()
    };
    eventually("the same", is_same).await;
    assert_eq!(world.status().lists, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_cannot_be_built_leaves_the_one_before() {
    let world = World::start(server(), tuning()).await;
    let failed = world.cluster.attach(|_| Err("no"));
    assert_eq!(failed, Err("no"));
    world.server.put(binding("jane", "joe"));
    eventually("joe", || world.policy.may("joe")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_panics_is_told_again() {
    struct Fragile(AtomicBool, AtomicBool);
    impl Follower for Fragile {
        fn changed(&self, _: &Batch) {
            assert!(self.0.swap(true, Ordering::SeqCst), "the first time");
            self.1.store(true, Ordering::SeqCst);
        }
    }
    let world = World::start(server(), tuning()).await;
    let fragile = Arc::new(Fragile(AtomicBool::new(false), AtomicBool::new(false)));
    let follower = Arc::clone(&fragile);
    let attached: Result<(), Infallible> = world.cluster.attach(|_| Ok(follower));
    attached.unwrap();
    world.server.put(binding("jane", "joe"));
    eventually("the second time", || fragile.1.load(Ordering::SeqCst)).await;
    world.settle_objects().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_ends_with_the_last_handle() {
    let World { server, cluster, policy: _policy } = World::start(server(), tuning()).await;
    server.wait_watches("rolebindings", 1);
    let other = cluster.clone();
    drop(cluster);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.watches("rolebindings"), 1);
    drop(other);
    server.wait_watches("rolebindings", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_announced_to_whoever_saves_them() {
    let world = World::start(server(), tuning()).await;
    let changed = || tokio::time::timeout(PATIENCE, world.cluster.changed());
    changed().await.unwrap();
    let quiet = Duration::from_millis(100);
    while tokio::time::timeout(quiet, world.cluster.changed()).await.is_ok() {}
    world.server.put(binding("jane", "joe"));
    changed().await.unwrap();
    assert!(tokio::time::timeout(quiet, world.cluster.changed()).await.is_err());
}

// ---- the state on disk ------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_saved_counts_until_the_api_server_is_there_and_then_the_difference_is_told() {
    let server = ApiServer::start();
    server.load(rich());
    let connection = connect(&server).await;
    let first = Cluster::start(&connection, watched(), None, tuning());
    ready(&first).await;
    let saved = first.to_save().unwrap();
    assert!(saved.kinds.iter().all(|kind| !kind.watched.to_string().contains("secret")));
    let bytes: Vec<u8> =
        saved.kinds.iter().flat_map(|kind| &kind.objects).flat_map(|it| it.1.to_vec()).collect();
    let text = String::from_utf8(bytes).unwrap();
    for value in ["MDEyMzQ1Njc4OWFiY2RlZg", "aGV5", "aHVudGVyMg", "openAPIV3Schema", "tolerations"]
    {
        assert!(!text.contains(value), "{value}");
    }
    let mut expected = first.loaded().inventory;
    expected.core.secrets.clear();
    drop(first);

    server.go_down();
    let cluster = Cluster::start(&connection, watched(), Some(saved), tuning());
    ready(&cluster).await;
    assert_eq!(said(&cluster.loaded().inventory), said(&expected));
    let from = |cluster: &Cluster, watched: Watched| {
        cluster.status().into_iter().find(|it| it.watched == watched).unwrap().from
    };
    assert!(matches!(from(&cluster, Watched::Roles), LiveFrom::Disk { .. }));
    assert_eq!(from(&cluster, Watched::BootstrapSecrets), LiveFrom::Nothing);
    assert_eq!(cluster.to_save(), None, "what is on disk already is not saved again");
    let heard = Arc::new(Heard::default());
    let follower = Arc::clone(&heard);
    let attached: Result<(), Infallible> = cluster.attach(|_| Ok(follower));
    attached.unwrap();

    server.put(binding("joe", "joe"));
    server.delete("Role", "shop", "reader");
    server.come_up();
    eventually("live", || cluster.status().iter().all(|it| it.from == LiveFrom::Live)).await;
    assert_eq!(said(&cluster.loaded().inventory), said(&of_files(&server).inventory));
    let told: Vec<String> = heard
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, decoded)| !matches!(decoded, Decoded::Secret(_)))
        .map(|((watched, key), _)| format!("{watched} {}", key.name))
        .collect();
    assert_eq!(told, ["rolebindings joe"], "what was known from disk is not told again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_saved_state_nothing_is_ready_before_all_was_listed() {
    let server = server();
    server.forbid("secrets");
    let connection = connect(&server).await;
    let watched = vec![Watched::Roles, Watched::BootstrapSecrets];
    let cluster = Cluster::start(&connection, watched, None, tuning());
    eventually("roles", || cluster.loaded().inventory.roles.len() == 1).await;
    assert!(!cluster.is_ready());
    assert_eq!(cluster.to_save().map(|saved| saved.kinds.len()), Some(1));
    server.allow("secrets");
    ready(&cluster).await;
}

// ---- what is served ---------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_version_is_found_and_a_kind_that_appears_later_too() {
    let server = ApiServer::start();
    server.unserve("resourceslices");
    let connection = connect(&server).await;
    let watched = vec![Watched::ResourceSlices, Watched::PodCertificateRequests];
    let cluster = Cluster::start(&connection, watched, None, tuning());
    ready(&cluster).await;
    assert!(cluster.status().iter().all(|it| it.lost.is_none()));
    let spec = json!({"spec": {"nodeName": "n1"}});
    let metadata = json!({"name": "pcr", "namespace": "shop"});
    server.put(object(
        "certificates.k8s.io/v1beta1",
        "PodCertificateRequest",
        metadata,
        spec.clone(),
    ));
    eventually("the request", || cluster.loaded().inventory.graph.len() == 1).await;

    let group = "resource.k8s.io";
    server.serve(Resource::new(group, &["v1beta1"], "resourceslices", "ResourceSlice", false));
    server.put(object("resource.k8s.io/v1beta1", "ResourceSlice", json!({"name": "rs"}), spec));
    eventually("the slice", || cluster.loaded().inventory.graph.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_every_api_server_has_is_not_taken_for_empty() {
    let server = server();
    server.unserve("rolebindings");
    let world = World::start_unready(server, tuning()).await;
    let is_said = || world.status().lost.is_some_and(|(_, why)| why.contains("404"));
    eventually("that it is not there", is_said).await;
    assert!(!world.cluster.is_ready());
    assert!(!world.policy.may("jane"));
}

// ---- lists for the command line ---------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_says_what_files_say_and_what_is_missing() {
    let server = ApiServer::start();
    server.load(rich());
    server.load((0..1200).map(|number| binding(&format!("b-{number:04}"), "somebody")));
    server.forbid("nodes");
    server.unserve("resourceslices");
    let connection = connect(&server).await;
    let listed = watch::list(&connection, &watched()).await.unwrap();
    let missing: Vec<String> =
        listed.missing.iter().map(|(watched, error)| format!("{watched}: {error}")).collect();
    assert_eq!(missing.len(), 2);
    assert_eq!(missing[0], "resourceslices: not served by this API server");
    assert!(missing[1].starts_with("nodes: forbidden: "), "{}", missing[1]);
    let mut expected = of_files(&server).inventory;
    expected.core.nodes.clear();
    expected.graph.retain(|it| !format!("{:?}", it.value).starts_with("ResourceSlice"));
    assert_eq!(said(&listed.loaded.inventory), said(&expected));
    let pages = server.requests().iter().filter(|it| it.resource == "rolebindings").count();
    assert_eq!(pages, 3);

    // The dump says the same, but for what Secrets hold.
    let objects: Vec<Value> = listed
        .dump
        .iter()
        .filter(|(watched, _)| *watched != Watched::SecretMetadata)
        .flat_map(|(_, objects)| objects)
        .map(|text| serde_json::from_slice(text).unwrap())
        .collect();
    let text = apiserver::dump(objects);
    assert!(!String::from_utf8(text.clone()).unwrap().contains("MDEyMzQ1Njc4OWFiY2RlZg"));
    let again = source::parse("dump", &text, &LoadOptions::default()).unwrap().inventory;
    expected.core.secrets.clear();
    assert_eq!(again.core.secrets.len(), 2);
    assert_eq!(said(&Inventory { core: Default::default(), ..again }), {
        said(&Inventory { core: Default::default(), ..expected })
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_is_not_there_is_told_as_such() {
    let server = server();
    let connection = connect(&server).await;
    server.go_down();
    let error = watch::list(&connection, &[Watched::Roles]).await.unwrap_err();
    assert!(matches!(error, ListError::Failed(_)), "{error:?}");
    let shown = format!("{error:?}");
    assert!(!shown.contains(&server.token()), "{shown}");
}
