//! What a process takes that follows all that the Node authorizer reads: one of its own, with nothing else
//! in it.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use portcullis::api::graph;
use portcullis::snapshot::{self, Config, Live, Mode};
use portcullis::source::watch::{Batch, Follower, Watched};
use serde_json::{Value, json};

use crate::apiserver::ApiServer;
use crate::{Failure, connect, listed, runtime, say, size};

/// The first word of the command line of such a process; the second is a kubeconfig.
pub(crate) const CHILD: &str = "follow-nodes";

const WATCHED: [Watched; 5] = [
    Watched::Pods,
    Watched::PersistentVolumes,
    Watched::VolumeAttachments,
    Watched::ResourceSlices,
    Watched::PodCertificateRequests,
];

/// As in `benches/node.rs`: four pods of each node are of daemons, the others of deployments with ten
/// replicas in a thousand namespaces.
const DAEMONS: [&str; 4] = ["cni", "csi", "logs", "metrics"];
const NAMESPACES: usize = 1_000;
const REPLICAS: usize = 10;
const WITH_VOLUME: usize = 10;

pub(crate) fn run() -> Result<(), Failure> {
    let (nodes, pods) = (size("WATCH_NODES", 5_000)?, size("WATCH_PODS", 150_000)?);
    let server = ApiServer::start();
    server.load((0..pods).map(|number| pod(number, nodes)));
    server.load((0..pods).step_by(WITH_VOLUME).map(volume));
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("config");
    server.kubeconfig(&kubeconfig);
    say(format_args!("watch/memory/{pods}: {nodes} nodes"))?;
    let status = Command::new(std::env::current_exe()?).arg(CHILD).arg(&kubeconfig).status()?;
    if status.success() { Ok(()) } else { Err("the process that follows failed".into()) }
}

pub(crate) fn child(kubeconfig: &Path) -> Result<(), Failure> {
    let runtime = runtime()?;
    let connection = runtime.block_on(connect(kubeconfig))?;
    let before = resident()?;
    let started = Instant::now();
    let cluster = runtime.block_on(listed(&connection, &WATCHED));
    let after_list = resident()?;
    say(format_args!(
        "watch/memory: ready after {:?}; resident bytes: {before} before, {after_list} listed",
        started.elapsed(),
    ))?;
    let mut live = None;
    cluster.attach(|loaded| {
        let made = Arc::new(Live::new(&loaded.inventory, Config::new([Mode::Node]))?);
        live = Some(Arc::clone(&made));
        Ok::<_, snapshot::CompileError>(Arc::new(Graph(made)))
    })?;
    say(format_args!(
        "watch/memory: policy after {:?}; resident bytes: {}",
        started.elapsed(),
        resident()?,
    ))?;
    // What freed memory is given back by the time that things have come to rest.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (now, most) = (resident()?, kilobytes("VmHWM")?);
    say(format_args!("watch/memory: at rest {now} resident bytes, at most {most}"))?;
    for kind in cluster.status().iter().filter(|kind| kind.objects > 0) {
        let (objects, bytes) = (kind.objects, kind.bytes);
        say(format_args!(
            "watch/memory: {:?}: {objects} objects, {bytes} bytes, {} each",
            kind.watched,
            bytes / objects
        ))?;
    }
    black_box(live);
    Ok(())
}

/// Pods change here no more; whoever follows them pays for it as a server does.
struct Graph(Arc<Live>);

impl Follower for Graph {
    fn changed(&self, batch: &Batch) {
        use portcullis::source::watch::{Change, Decoded};

        let changes = batch.changes.iter().filter_map(|(key, _, change)| match change {
            Change::Applied(decoded) => match &**decoded {
                Decoded::Pod { graph, .. } => {
                    Some(snapshot::Change::ApplyGraph(graph::Object::Pod((**graph).clone())))
                }
                Decoded::Graph(object) => Some(snapshot::Change::ApplyGraph(object.clone())),
                _ => None,
            },
            Change::Deleted => {
                let kind = match batch.watched {
                    Watched::Pods => graph::Kind::Pod,
                    Watched::PersistentVolumes => graph::Kind::PersistentVolume,
                    Watched::VolumeAttachments => graph::Kind::VolumeAttachment,
                    Watched::ResourceSlices => graph::Kind::ResourceSlice,
                    _ => graph::Kind::PodCertificateRequest,
                };
                let (namespace, name) = (key.namespace.clone(), key.name.clone());
                Some(snapshot::Change::DeleteGraph(graph::Key { kind, namespace, name }))
            }
        });
        let _ = self.0.change(changes);
    }
}

fn resident() -> Result<usize, Failure> {
    kilobytes("VmRSS")
}

/// Bytes, from `/proc`.
fn kilobytes(field: &str) -> Result<usize, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no such field")?;
    Ok(number.trim().parse::<usize>()? * 1024)
}

// ---- objects ----------------------------------------------------------------------------------------

fn placed(number: usize, nodes: usize) -> (String, String, String) {
    let node = number % nodes;
    let round = number / nodes;
    if let Some(daemon) = DAEMONS.get(round) {
        return ("kube-system".to_owned(), (*daemon).to_owned(), format!("{daemon}-{node:05}"));
    }
    let deployment = number / REPLICAS;
    let application = format!("app-{}", deployment / NAMESPACES);
    let name = format!("{application}-5d4f8c7b9d-{number:06}");
    (format!("team-{}", deployment % NAMESPACES), application, name)
}

/// As an API server stores one: about 4 KB.
fn pod(number: usize, nodes: usize) -> Value {
    let (namespace, application, name) = placed(number, nodes);
    let mut volumes = vec![
        json!({"name": "config", "configMap": {"name": format!("{application}-config"), "defaultMode": 420}}),
        json!({"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]}}),
    ];
    if number.is_multiple_of(WITH_VOLUME) {
        let claim = format!("data-{number}");
        volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": claim}}));
    }
    let container = |name: &str| {
        json!({
            "name": name, "image": format!("registry.example.com/team/{name}:v1.27.3"),
            "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "env": [
                {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": format!("{application}-secret"), "key": "password"}}},
                {"name": "LOG_LEVEL", "value": "info"},
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            ],
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
            "volumeMounts": [
                {"name": "config", "mountPath": "/etc/config", "readOnly": true},
                {"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
            ],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true},
        })
    };
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-20T08:12:45Z"});
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": namespace, "generateName": format!("{application}-5d4f8c7b9d-"),
            "labels": {"app": application, "pod-template-hash": "5d4f8c7b9d", "team": namespace},
            "annotations": {"checksum/config": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "prometheus.io/scrape": "true"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{application}-5d4f8c7b9d"), "uid": format!("aaaaaaaa-0000-4000-8000-{number:012}"), "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {
            "nodeName": format!("node-{:05}", number % nodes),
            "serviceAccountName": "default", "serviceAccount": "default",
            "containers": [container(&application), container("sidecar")],
            "imagePullSecrets": [{"name": "registry"}],
            "volumes": volumes,
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "priority": 0, "enableServiceLinks": true, "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.2.3", "qosClass": "Burstable",
            "startTime": "2026-11-20T08:12:31Z",
            "conditions": [condition("Initialized"), condition("Ready"), condition("ContainersReady"), condition("PodScheduled")],
        },
    })
}

/// Of the claim of that pod.
fn volume(number: usize) -> Value {
    json!({
        "kind": "PersistentVolume", "apiVersion": "v1",
        "metadata": {"name": format!("pvc-{number:012}"), "annotations": {"pv.kubernetes.io/provisioned-by": "csi.example.com"}},
        "spec": {
            "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
            "claimRef": {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "name": format!("data-{number}"), "namespace": format!("team-{}", number / REPLICAS % NAMESPACES)},
            "csi": {"driver": "csi.example.com", "volumeHandle": format!("vol-{number:012}"), "nodeStageSecretRef": {"name": "csi-node", "namespace": "kube-system"}},
            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "fast", "volumeMode": "Filesystem",
        },
        "status": {"phase": "Bound"},
    })
}
