//! A policy of RBAC that follows a cluster.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{iter, thread};

use http_body_util::BodyExt as _;
use portcullis::api::rbac::{Kind, ObjectKey};
use portcullis::model::{Request, ResourceAttributes, User};
use portcullis::snapshot::{self, Config, Live, Mode};
use portcullis::source::watch::saved::SavedFile;
use portcullis::source::watch::{
    Batch, Change, Cluster, Connection, Decoded, Follower, Tuning, Watched,
};
use serde_json::{Value, json};

use crate::apiserver::ApiServer;
use crate::world::queries::Query;
use crate::world::{LARGE, MIX, Params, World};
use crate::{Failure, Percentiles, RBAC, connect, listed, runtime, say, size};

pub(crate) fn run(is_wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let bindings = size("WATCH_BINDINGS", LARGE)?;
    let world = World::generate(&Params { bindings, seed: 1 });
    let server = ApiServer::start();
    server.load(crate::write::objects(&world.inventory));
    server.put(role());
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("config");
    server.kubeconfig(&kubeconfig);
    let runtime = runtime()?;
    let connection = runtime.block_on(connect(&kubeconfig))?;
    if is_wanted("list") {
        list(&runtime, &connection, bindings)?;
    }
    if is_wanted("saved") {
        saved(&runtime, &connection, &server, bindings)?;
    }
    if is_wanted("latency") {
        latency(&runtime, &connection, &server, &world)?;
    }
    Ok(())
}

// ---- list -------------------------------------------------------------------------------------------

fn list(
    runtime: &tokio::runtime::Runtime,
    connection: &Connection,
    bindings: usize,
) -> Result<(), Failure> {
    for _ in 0..3 {
        let started = Instant::now();
        let bytes = runtime.block_on(download(connection))?;
        let network = started.elapsed();
        let started = Instant::now();
        let cluster = runtime.block_on(listed(connection, &RBAC));
        let ready = started.elapsed();
        let policy = Policy::attach(&cluster)?;
        let compiled = started.elapsed();
        black_box(&policy);
        say(format_args!(
            "watch/list/{bindings}: the bytes alone {network:?} ({bytes} bytes), ready after {ready:?}, \
             policy after {compiled:?}",
        ))?;
        let cluster_bytes: usize = cluster.status().iter().map(|kind| kind.bytes).sum();
        say(format_args!("watch/list/{bindings}: {cluster_bytes} bytes kept"))?;
    }
    Ok(())
}

/// All pages of the four kinds, one after another, unread but for where the next begins.
async fn download(connection: &Connection) -> Result<usize, Failure> {
    let mut bytes = 0;
    for resource in ["clusterroles", "clusterrolebindings", "roles", "rolebindings"] {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{resource}?limit=500");
        let mut next = Some(path.clone());
        while let Some(url) = next {
            let request = http::Request::get(url).body(kube::client::Body::empty())?;
            let answer = connection.client().send(request).await?;
            let page = answer.into_body().collect().await?.to_bytes();
            bytes += page.len();
            let head = String::from_utf8_lossy(page.get(..1000).unwrap_or(&page)).into_owned();
            let token =
                head.split("\"continue\":\"").nth(1).and_then(|rest| rest.split('"').next());
            next = token.map(|token| format!("{path}&continue={token}"));
        }
    }
    Ok(bytes)
}

// ---- saved ------------------------------------------------------------------------------------------

fn saved(
    runtime: &tokio::runtime::Runtime,
    connection: &Connection,
    server: &ApiServer,
    bindings: usize,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let file = SavedFile { path: folder.path().join("cluster.state"), max_age: None };
    {
        let cluster = runtime.block_on(listed(connection, &RBAC));
        let state = cluster.to_save().ok_or("not everything is listed")?;
        let started = Instant::now();
        file.write(&state)?;
        let bytes = std::fs::metadata(file.path())?.len();
        say(format_args!(
            "watch/saved/{bindings}: written in {:?}, {bytes} bytes",
            started.elapsed()
        ))?;
    }
    server.go_down();
    for _ in 0..3 {
        let started = Instant::now();
        let state = file.read(connection.server(), SystemTime::now())?;
        let read = started.elapsed();
        let cluster = runtime.block_on(async {
            Cluster::start(connection, RBAC.to_vec(), state, Tuning::default())
        });
        runtime.block_on(cluster.ready());
        let ready = started.elapsed();
        let policy = Policy::attach(&cluster)?;
        let compiled = started.elapsed();
        black_box(&policy);
        say(format_args!(
            "watch/saved/{bindings}: read after {read:?}, ready after {ready:?}, policy after {compiled:?}",
        ))?;
    }
    server.come_up();
    Ok(())
}

// ---- latency ----------------------------------------------------------------------------------------

fn role() -> Value {
    json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "probe"},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
    })
}

/// The change of this number: one of a thousand bindings gets another subject.
fn change(number: usize) -> Value {
    json!({
        "kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": format!("probe-{}", number % 1000), "namespace": "probe"},
        "subjects": [{"kind": "User", "name": format!("probe-{number}")}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "probe"},
    })
}

fn latency(
    runtime: &tokio::runtime::Runtime,
    connection: &Connection,
    server: &ApiServer,
    world: &World,
) -> Result<(), Failure> {
    let bindings = size("WATCH_BINDINGS", LARGE)?;
    let (seconds, rate) = (size("WATCH_SECONDS", 10)?, size("WATCH_RATE", 100)?);
    let queries = world.questioner().mix(MIX);
    let cluster = runtime.block_on(listed(connection, &RBAC));
    let policy = Policy::attach(&cluster)?;
    server.wait_watches("rolebindings", 1);
    // The first change after a list is slow on the side of the server: it keeps the list as it was.
    let warm_up = 999_999;
    server.put(change(warm_up));
    policy.wait_for(warm_up)?;
    let quiet = Duration::from_secs(u64::try_from(seconds)?);
    let is_over = AtomicBool::new(false);
    let reader = |is_over: &AtomicBool| read(&policy, &queries, is_over);

    let without = thread::scope(|scope| {
        let reading = scope.spawn(|| reader(&is_over));
        thread::sleep(quiet);
        is_over.store(true, Ordering::SeqCst);
        reading.join()
    });
    let without = without.map_err(|_| "the reader failed")?;
    say(format_args!("watch/reader/{bindings}: without changes {without}"))?;

    // Once with the machine for itself, and once beside a reader that never rests.
    for has_reader in [false, true] {
        let (sent, with) = thread::scope(|scope| {
            is_over.store(false, Ordering::SeqCst);
            let reading = has_reader.then(|| scope.spawn(|| reader(&is_over)));
            let first = if has_reader { 1_000_000 } else { 0 };
            let sent = send(server, first, seconds * rate, rate);
            is_over.store(true, Ordering::SeqCst);
            (sent, reading.map(thread::ScopedJoinHandle::join))
        });
        let with = with.transpose().map_err(|_| "the reader failed")?;
        let mut times = Vec::new();
        for (number, at) in sent {
            let arrived = policy.wait_for(number)?;
            times.push(arrived.saturating_duration_since(at));
        }
        let beside = if has_reader { "beside a reader" } else { "alone" };
        let times = Percentiles::new(times);
        say(format_args!("watch/latency/{bindings}: {rate} changes a second, {beside}: {times}"))?;
        if let Some(with) = with {
            say(format_args!("watch/reader/{bindings}: with {rate} changes a second {with}"))?;
        }
    }
    Ok(())
}

/// Makes changes at a steady rate, and tells when each was made.
fn send(server: &ApiServer, first: usize, count: usize, rate: usize) -> Vec<(usize, Instant)> {
    let pause = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1);
    let mut next = Instant::now();
    let mut sent = Vec::with_capacity(count);
    for number in first..first + count {
        let object = change(number);
        sent.push((number, Instant::now()));
        server.put(object);
        next += pause;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    sent
}

/// Decides without rest, and times each decision together with taking the newest policy.
fn read(policy: &Policy, queries: &[Query], is_over: &AtomicBool) -> Percentiles {
    let mut times = Vec::with_capacity(50_000_000);
    for query in iter::repeat_with(|| queries).flatten() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        black_box(query.read_over());
        let started = Instant::now();
        let is_allowed = policy.live.snapshot().authorize(&query.request()).is_allowed();
        times.push(started.elapsed());
        assert_eq!(is_allowed, query.allowed);
        if times.len() == times.capacity() {
            break;
        }
    }
    Percentiles::new(times)
}

/// A policy that follows, and says when it did.
struct Policy {
    live: Live,
    arrived: Mutex<HashMap<usize, Instant>>,
}

impl Policy {
    fn attach(cluster: &Cluster) -> Result<Arc<Self>, Failure> {
        let mut made = None;
        cluster.attach(|loaded| {
            let live = Live::new(&loaded.inventory, Config::new([Mode::Rbac]))?;
            let policy = Arc::new(Self { live, arrived: Mutex::default() });
            made = Some(Arc::clone(&policy));
            Ok::<_, snapshot::CompileError>(policy)
        })?;
        made.ok_or_else(|| "nobody attached".into())
    }

    fn wait_for(&self, number: usize) -> Result<Instant, Failure> {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = arrived.get(&number) {
                return Ok(*at);
            }
            drop(arrived);
            thread::sleep(Duration::from_millis(1));
        }
        Err(format!("change {number} never arrived").into())
    }

    fn publish(&self, batch: &Batch) -> Option<()> {
        let kind = match batch.watched {
            Watched::ClusterRoles => Kind::ClusterRole,
            Watched::ClusterRoleBindings => Kind::ClusterRoleBinding,
            Watched::Roles => Kind::Role,
            _ => Kind::RoleBinding,
        };
        let mut numbers = Vec::new();
        let mut changes = Vec::new();
        for (key, origin, change) in &batch.changes {
            changes.push(match change {
                Change::Deleted => snapshot::Change::Delete(ObjectKey {
                    kind,
                    namespace: key.namespace.clone(),
                    name: key.name.clone(),
                }),
                Change::Applied(decoded) => {
                    let Decoded::Rbac(object) = &**decoded else { return None };
                    if let portcullis::api::rbac::Object::RoleBinding(binding) = object {
                        let name = binding.subjects.first().map(|subject| subject.name.as_str());
                        numbers.extend(name.and_then(probe));
                    }
                    snapshot::Change::Apply(object.clone(), origin.clone())
                }
            });
        }
        self.live.change(changes).ok()?;
        // Of several changes of one binding in a batch the last counts; in a thousand bindings, none has.
        let snapshot = self.live.snapshot();
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        for number in numbers {
            let user = User::new(format!("probe-{number}"));
            let asked = ResourceAttributes::new("get", "pods").in_namespace("probe");
            if snapshot.authorize(&Request::resource(&user, asked)).is_allowed() {
                arrived.insert(number, Instant::now());
            }
        }
        Some(())
    }
}

fn probe(name: &str) -> Option<usize> {
    name.strip_prefix("probe-")?.parse().ok()
}

impl Follower for Policy {
    fn changed(&self, batch: &Batch) {
        // What is lost here never arrives, and is told there.
        let _ = self.publish(batch);
    }
}
