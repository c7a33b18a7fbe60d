//! How long the Node authorizer takes: to decide, to list which nodes may, to take in a change, and to
//! load. Ids are `node/operation/class/pods`. Prints the memory of the published graph, too.
//!
//! The cluster is as large as Kubernetes supports: 5,000 nodes and 150,000 pods, 30 a node. Four pods of each node are of DaemonSets in `kube-system`, as a network,
//! a storage, a log and a metrics agent would be; what those refer to leads to every node. The others
//! are of deployments with ten replicas in a thousand namespaces; what they refer to is theirs (a
//! ConfigMap and a Secret), or their namespace's (the service account `default`, the registry's Secret,
//! and `kube-root-ca.crt`, to which every pod refers). One in ten has a volume, whose PersistentVolume
//! needs the one Secret of the storage driver: it leads to most nodes through 13,000 volumes.
//!
//! Questions are decided in batches of 64, one batch an iteration, walking through 50,000 shuffled ones:
//! neither they nor the tables they touch are in a cache by the time they come round again. Each batch
//! is read once before its clock starts: a server decides on a request that it has just parsed. Every
//! answer is compared with what the generator knows.

#[path = "gen/rng.rs"]
#[expect(dead_code, reason = "other targets need what this one does not")]
mod rng;

use std::collections::HashSet;
use std::error::Error;
use std::hint::black_box;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use portcullis::api::Str;
use portcullis::api::graph::{Object, OnNode, PersistentVolume, Pod};
use portcullis::authz::Authorizer;
use portcullis::authz::node::{Editor, Gates, Graph};
use portcullis::model::{Attributes, Request, ResourceAttributes, User};

use rng::Rng;

const NODES: usize = 5_000;
const PODS: usize = 150_000;
const DAEMONS: [&str; 4] = ["cni", "csi", "logs", "metrics"];
const NAMESPACES: usize = 1_000;
const REPLICAS: usize = 10;
/// One pod in so many has a volume.
const WITH_VOLUME: usize = 10;
/// One node in so many has devices, which it publishes in a ResourceSlice.
const WITH_DEVICES: usize = 20;
/// As `portcullis authorize --stats` counts: a clock read for each decision would cost as much as it.
const BATCH: usize = 64;
const MIX: usize = 50_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let cluster = Cluster::generate();
    let graph = Editor::load(Gates::default(), &cluster.objects).graph();
    let memory = graph.memory();
    let pods = cluster.pods.len();
    writeln!(stdout(), "node/memory/{pods}: {memory} bytes published, {} a pod", memory / pods)?;
    assert_eq!(graph.nodes().len(), NODES);
    let mut rng = Rng::new(2);
    for class in Class::ALL {
        let queries: Vec<Query> = (0..MIX).map(|_| cluster.ask(class, &mut rng)).collect();
        decide(&mut criterion, &format!("node/authorize/{}", class.name()), &graph, &queries);
    }
    let mut mix: Vec<Query> = (0..MIX).map(|_| cluster.ask_any(&mut rng)).collect();
    rng.shuffle(&mut mix);
    decide(&mut criterion, "node/authorize/mix", &graph, &mix);
    resolved(&graph, &mix);
    who_can(&mut criterion, &cluster, &graph);
    change(&mut criterion, &cluster);
    load(&mut criterion, &cluster);
    criterion.final_summary();
    Ok(())
}

/// `node/authorize/<class>/<pods>`: one decision.
fn decide(criterion: &mut Criterion, name: &str, graph: &Graph, queries: &[Query]) {
    let timed = |batch: &[Query]| {
        black_box(batch.iter().map(Query::read_over).sum::<usize>());
        let started = Instant::now();
        let right = batch.iter().all(|query| query.is_answered_by(graph));
        let spent = started.elapsed();
        assert!(right);
        spent
    };
    let all = queries.chunks_exact(BATCH);
    print_median(name, all.clone().chain(all).map(|batch| timed(batch).as_nanos() / 64));
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(u64::try_from(BATCH).unwrap_or(1)));
    group.bench_function(PODS.to_string(), |bencher| {
        let mut batches = queries.chunks_exact(BATCH).cycle();
        bencher.iter_custom(|iterations| {
            let batches = batches.by_ref().take(usize::try_from(iterations).unwrap_or(usize::MAX));
            batches.map(timed).sum()
        });
    });
    group.finish();
}

/// `node/principal/<pods>`: one decision for a node that was looked up before, as servers keep those that
/// asked of late.
fn resolved(graph: &Graph, queries: &[Query]) {
    let kept = queries.iter().take(MIX / 10);
    let kept: Vec<_> = kept
        .filter_map(|query| Some((graph.resolve(&query.user.clone().into())?, query)))
        .collect();
    let each = kept.chunks_exact(BATCH).map(|batch| {
        black_box(batch.iter().map(|(_, query)| query.read_over()).sum::<usize>());
        let started = Instant::now();
        let right = batch.iter().all(|(principal, query)| {
            principal.authorize(&query.attributes()).is_allowed() == query.allowed
        });
        let spent = started.elapsed();
        assert!(right);
        spent.as_nanos() / 64
    });
    print_median("node/principal", each);
}

/// What criterion does not tell: others use the machine too, and a mean counts their time.
fn print_median(name: &str, nanoseconds: impl Iterator<Item = u128>) {
    let mut sorted: Vec<u128> = nanoseconds.collect();
    sorted.sort_unstable();
    let at = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default();
    // A line that cannot be printed is not worth a failure.
    let _ = writeln!(stdout(), "{name}/{PODS}: median {} ns, p5 {} ns", at(50), at(5));
}

/// `node/who_can/<class>/<pods>`: every node that may, with every way. A look at each node of the graph.
fn who_can(criterion: &mut Criterion, cluster: &Cluster, graph: &Graph) {
    let mut rng = Rng::new(3);
    for class in [Class::Own, Class::Namespace, Class::Everywhere] {
        let queries: Vec<Query> = (0..100).map(|_| cluster.ask(class, &mut rng)).collect();
        let mut group = criterion.benchmark_group(format!("node/who_can/{}", class.name()));
        group.sample_size(10);
        group.bench_function(PODS.to_string(), |bencher| {
            let mut queries = queries.iter().cycle();
            bencher.iter(|| {
                let query = queries.next().map(Query::attributes);
                assert!(query.is_some_and(|asked| !graph.who_can(&asked).is_empty()));
            });
        });
        group.finish();
    }
}

/// `node/apply/<pods>`: one pod applied and published while a reader holds the version before;
/// `node/delete/<pods>`: the same of its deletion.
fn change(criterion: &mut Criterion, cluster: &Cluster) {
    let mut editor = Editor::load(Gates::default(), &cluster.objects);
    let new = |pod: &Pod| Object::Pod(Pod { name: "applied-by-the-bench-0".into(), ..pod.clone() });
    let pods: Vec<Object> = cluster.pods.iter().step_by(97).map(new).collect();
    let mut applied = Vec::new();
    for pod in &pods {
        let reader = editor.graph();
        let started = Instant::now();
        editor.apply(pod);
        let published = black_box(editor.graph());
        drop(reader);
        applied.push(started.elapsed().as_nanos());
        assert!(editor.delete(&pod.key()));
        drop(published);
    }
    print_median("node/apply", applied.into_iter());
    for (name, is_delete) in [("node/apply", false), ("node/delete", true)] {
        let mut group = criterion.benchmark_group(name);
        group.bench_function(PODS.to_string(), |bencher| {
            let mut pods = pods.iter().cycle();
            bencher.iter_custom(|iterations| {
                let (mut applying, mut deleting) = (Duration::ZERO, Duration::ZERO);
                let mut published = editor.graph();
                for _ in 0..iterations {
                    let Some(pod) = pods.next() else { break };
                    let key = pod.key();
                    let started = Instant::now();
                    editor.apply(pod);
                    published = editor.graph();
                    let applied = Instant::now();
                    assert!(editor.delete(&key));
                    published = editor.graph();
                    applying += applied - started;
                    deleting += applied.elapsed();
                }
                black_box(published);
                if is_delete { deleting } else { applying }
            });
        });
        group.finish();
    }
}

/// `node/load/<pods>`: from objects to a graph.
fn load(criterion: &mut Criterion, cluster: &Cluster) {
    let mut group = criterion.benchmark_group("node/load");
    group.sample_size(10);
    group.bench_function(PODS.to_string(), |bencher| {
        bencher.iter(|| black_box(Editor::load(Gates::default(), &cluster.objects)));
    });
    group.finish();
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Class {
    /// What one deployment alone refers to, by a node on which it runs.
    Own,
    /// What all pods of a namespace refer to.
    Namespace,
    /// What leads to every node, through pods or through thousands of volumes.
    Everywhere,
    /// A volume of a pod of the node.
    Volume,
    /// What leads to other nodes only: the usual no.
    Elsewhere,
    /// What every node may.
    Static,
    /// Anything, by somebody who is no node.
    Person,
}

impl Class {
    const ALL: [Self; 7] = [
        Self::Own,
        Self::Namespace,
        Self::Everywhere,
        Self::Volume,
        Self::Elsewhere,
        Self::Static,
        Self::Person,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Namespace => "namespace",
            Self::Everywhere => "everywhere",
            Self::Volume => "volume",
            Self::Elsewhere => "elsewhere",
            Self::Static => "static",
            Self::Person => "person",
        }
    }
}

struct Query {
    user: User,
    verb: &'static str,
    resource: &'static str,
    sub: &'static str,
    namespace: String,
    name: String,
    allowed: bool,
}

impl Query {
    fn attributes(&self) -> Attributes<'_> {
        Attributes::Resource(
            ResourceAttributes::new(self.verb, self.resource)
                .with_subresource(self.sub)
                .in_namespace(&self.namespace)
                .named(&self.name),
        )
    }

    fn is_answered_by(&self, graph: &Graph) -> bool {
        let request = Request { user: &self.user, attributes: self.attributes() };
        graph.authorize(&request).is_allowed() == self.allowed
    }

    fn read_over(&self) -> usize {
        let groups = self.user.groups.iter().map(String::as_str);
        let texts = [self.user.name.as_str(), &self.namespace, &self.name].into_iter();
        texts.chain(groups).flat_map(str::bytes).map(usize::from).sum()
    }
}

struct Cluster {
    objects: Vec<Object>,
    pods: Vec<Pod>,
    nodes: Vec<String>,
    /// Which workload of which namespace has a pod on which node.
    placed: HashSet<(String, String)>,
}

impl Cluster {
    fn generate() -> Self {
        let mut rng = Rng::new(1);
        let nodes: Vec<String> = (0..NODES)
            .map(|node| {
                let (third, fourth) = (node / 250, node % 250);
                format!("ip-10-0-{third}-{fourth}.eu-central-1.compute.internal")
            })
            .collect();
        let mut cluster =
            Self { objects: Vec::new(), pods: Vec::new(), nodes, placed: HashSet::new() };
        for node in 0..NODES {
            for daemon in DAEMONS {
                cluster.run("kube-system", daemon, node, &mut rng);
            }
        }
        let replicas = PODS - NODES * DAEMONS.len();
        for replica in 0..replicas {
            let workload = replica / REPLICAS;
            let namespace = format!("team-{:03}", workload % NAMESPACES);
            let name = format!("service-{:02}", workload / NAMESPACES);
            let node = rng.below(NODES);
            cluster.run(&namespace, &name, node, &mut rng);
        }
        for (index, node) in cluster.nodes.iter().enumerate().step_by(WITH_DEVICES) {
            cluster.objects.push(Object::ResourceSlice(OnNode {
                namespace: Str::default(),
                name: format!("gpu-{index}").into(),
                node_name: node.as_str().into(),
            }));
        }
        cluster
    }

    /// Runs a pod of a workload on a node.
    fn run(&mut self, namespace: &str, workload: &str, node: usize, rng: &mut Rng) {
        let Some(node) = self.nodes.get(node) else { return };
        let name = format!("{workload}-{:08x}", rng.bits() >> 32);
        let number = self.pods.len();
        let with_volume = namespace != "kube-system" && number.is_multiple_of(WITH_VOLUME);
        let claims: Vec<Str> =
            with_volume.then(|| format!("data-{name}").into()).into_iter().collect();
        for claim in &claims {
            let volume = format!("pvc-{:016x}-{:016x}", rng.bits(), rng.bits());
            self.objects.push(Object::VolumeAttachment(OnNode {
                namespace: Str::default(),
                name: format!("csi-{:016x}{:016x}", rng.bits(), rng.bits()).into(),
                node_name: node.as_str().into(),
            }));
            self.objects.push(Object::PersistentVolume(PersistentVolume {
                name: volume.into(),
                claim: Some((namespace.into(), claim.clone())),
                secrets: [("kube-system".into(), "csi-driver-key".into())].into(),
            }));
        }
        let own = |suffix: &str| Str::from(format!("{workload}-{suffix}"));
        let pod = Pod {
            namespace: namespace.into(),
            name: name.into(),
            uid: format!("{:08x}-0000-4000-8000-{:012x}", number, rng.bits() >> 16).as_str().into(),
            node_name: node.as_str().into(),
            service_account: if namespace == "kube-system" {
                workload.into()
            } else {
                "default".into()
            },
            secrets: [own("credentials"), "registry".into()].into(),
            config_maps: [own("config"), "kube-root-ca.crt".into()].into(),
            claims: claims.into(),
            ..Pod::default()
        };
        self.placed.insert((node.clone(), format!("{namespace}/{workload}")));
        self.objects.push(Object::Pod(pod.clone()));
        self.pods.push(pod);
    }

    /// The mix of a kubelet: it reads what its pods need, and writes the status of its node and pods.
    fn ask_any(&self, rng: &mut Rng) -> Query {
        let class = match rng.below(100) {
            0..30 => Class::Own,
            30..50 => Class::Namespace,
            50..60 => Class::Everywhere,
            60..65 => Class::Volume,
            65..80 => Class::Elsewhere,
            _ => Class::Static,
        };
        self.ask(class, rng)
    }

    fn ask(&self, class: Class, rng: &mut Rng) -> Query {
        loop {
            if let Some(query) = self.try_ask(class, rng) {
                return query;
            }
        }
    }

    /// A question about a pod drawn at random; `None` where it has nothing that fits.
    fn try_ask(&self, class: Class, rng: &mut Rng) -> Option<Query> {
        let pod = rng.pick(&self.pods)?;
        let workload = pod.config_maps.first()?.strip_suffix("-config")?;
        let is_daemon = pod.namespace == "kube-system";
        let user = User::new(format!("system:node:{}", pod.node_name))
            .with_groups(["system:nodes", "system:authenticated"]);
        let own = Query {
            user,
            verb: "get",
            resource: if rng.percent(50) { "secrets" } else { "configmaps" },
            sub: "",
            namespace: pod.namespace.to_string(),
            name: String::new(),
            allowed: true,
        };
        let suffix = if own.resource == "secrets" { "credentials" } else { "config" };
        let named = format!("{workload}-{suffix}");
        let query = match class {
            Class::Own if !is_daemon => Query { name: named, ..own },
            Class::Namespace if !is_daemon => {
                let name = if own.resource == "secrets" { "registry" } else { "kube-root-ca.crt" };
                Query { name: name.to_owned(), ..own }
            }
            Class::Everywhere if is_daemon => Query { name: named, ..own },
            Class::Everywhere if !pod.claims.is_empty() => Query {
                resource: "secrets",
                namespace: "kube-system".to_owned(),
                name: "csi-driver-key".to_owned(),
                ..own
            },
            Class::Volume if !pod.claims.is_empty() => Query {
                resource: "persistentvolumeclaims",
                name: pod.claims.first()?.to_string(),
                ..own
            },
            Class::Elsewhere => {
                let node = rng.pick(&self.nodes)?;
                let place = (node.clone(), format!("{}/{workload}", pod.namespace));
                let allowed = self.placed.contains(&place);
                let user = User { name: format!("system:node:{node}"), ..own.user };
                Query { user, name: named, allowed, ..own }
            }
            Class::Static if rng.percent(50) => Query {
                verb: "patch",
                resource: "pods",
                sub: "status",
                name: pod.name.to_string(),
                ..own
            },
            Class::Static => {
                Query { verb: "list", resource: "services", namespace: String::new(), ..own }
            }
            Class::Person => {
                let groups = ["dev", "ops", "oncall", "system:authenticated"];
                let user = User::new("jane@example.com").with_groups(groups);
                Query { user, name: named, allowed: false, ..own }
            }
            _ => return None,
        };
        Some(query)
    }
}
