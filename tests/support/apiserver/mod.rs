//! An API server for tests: the list and watch protocol of Kubernetes over TLS, in this process, with
//! everything that goes wrong in a real one on demand.
//!
//! It runs on threads of its own, so that tests and command lines that block can ask it. There is one
//! administrator, by bearer token or client certificate, and no authorization but [`ApiServer::forbid`].
//! Absent on purpose: admission, validation (but for CertificateSigningRequests, S-CSR-6 to 8), finalizers,
//! tables for people, protobuf.

mod answer;
mod csr;
mod fault;
mod kinds;
mod object;
mod selector;
mod serve;
mod status;
mod store;
mod stream;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

pub(crate) use fault::Fault;
pub(crate) use kinds::Resource;
pub(crate) use serve::Request;
pub(crate) use store::Backup;

use fault::Injected;
use object::{Stored, View};
use store::Store;

/// Longer than anything here takes, shorter than a developer's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server. It ends when this is dropped.
pub(crate) struct ApiServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca: String,
    /// Certificate and key of the administrator, PEM.
    identity: (String, String),
    runtime: Option<Runtime>,
}

struct Shared {
    store: Mutex<Store>,
    requests: Mutex<Vec<Request>>,
    arrived: Condvar,
    faults: Mutex<Vec<Injected>>,
    access: Mutex<Access>,
    bookmarks: watch::Sender<Bookmarks>,
    state: watch::Sender<State>,
}

/// Who may do what.
struct Access {
    /// Bearer tokens, and whose they are.
    tokens: HashMap<String, String>,
    /// Client certificates, DER, and whose they are.
    certificates: HashMap<Vec<u8>, String>,
    /// Resources that are forbidden.
    forbidden: HashSet<String>,
}

#[derive(Debug, Clone, Copy)]
struct Bookmarks {
    every: Duration,
    /// Grows when one is wanted at once.
    demanded: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_down: bool,
    /// Grows when all connections are to break.
    cut: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ApiServer {
    /// Starts one on a free port of 127.0.0.1, without objects.
    pub(crate) fn start() -> Self {
        let authority = Authority::new();
        let (certificate, key, _) = authority.issue("kube-apiserver");
        let (admin, admin_key, admin_der) = authority.issue("admin");
        let tls = serve::tls(&authority.pem, &certificate, &key);
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::new(kinds::BUILT_IN)),
            requests: Mutex::default(),
            arrived: Condvar::new(),
            faults: Mutex::default(),
            access: Mutex::new(Access {
                tokens: [("admin-token-0123456789".to_owned(), "admin".to_owned())].into(),
                certificates: [(admin_der, "admin".to_owned())].into(),
                forbidden: HashSet::new(),
            }),
            bookmarks: watch::Sender::new(Bookmarks {
                every: Duration::from_secs(60),
                demanded: 0,
            }),
            state: watch::Sender::new(State::default()),
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("apiserver")
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        {
            let _context = runtime.enter();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            runtime.spawn(serve::accept(Arc::clone(&shared), listener, tls));
        }
        Self {
            shared,
            address,
            ca: authority.pem,
            identity: (admin, admin_key),
            runtime: Some(runtime),
        }
    }

    // ---- how to reach it ----------------------------------------------------------------------------

    /// `https://127.0.0.1:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The authority of its certificate, PEM.
    pub(crate) fn ca(&self) -> &str {
        &self.ca
    }

    /// The administrator's bearer token.
    pub(crate) fn token(&self) -> String {
        lock(&self.shared.access).tokens.keys().next().cloned().unwrap_or_default()
    }

    /// Takes this bearer token for the administrator's, and no other.
    pub(crate) fn set_token(&self, token: &str) {
        lock(&self.shared.access).tokens = [(token.to_owned(), "admin".to_owned())].into();
    }

    /// Writes a kubeconfig with the token; its only context is called `test`.
    pub(crate) fn kubeconfig(&self, path: &Path) {
        self.write_kubeconfig(path, &format!("token: {}", self.token()));
    }

    /// Writes a kubeconfig with the client certificate.
    pub(crate) fn kubeconfig_of_certificate(&self, path: &Path) {
        let (certificate, key) = &self.identity;
        let (certificate, key) = (STANDARD.encode(certificate), STANDARD.encode(key));
        let user = format!("client-certificate-data: {certificate}\n    client-key-data: {key}");
        self.write_kubeconfig(path, &user);
    }

    fn write_kubeconfig(&self, path: &Path, user: &str) {
        let (url, ca) = (self.url(), STANDARD.encode(&self.ca));
        let text = format!(
            "\
apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster:
    server: {url}
    certificate-authority-data: {ca}
users:
- name: admin
  user:
    {user}
contexts:
- name: test
  context: {{cluster: test, user: admin}}
"
        );
        std::fs::write(path, text).unwrap();
    }

    // ---- objects ------------------------------------------------------------------------------------

    /// Creates or replaces an object by its kind, namespace and name, unchecked, and gives it as it is kept.
    #[track_caller]
    pub(crate) fn put(&self, object: Value) -> Value {
        let mut store = lock(&self.shared.store);
        let table = store.table_of_kind(object["kind"].as_str().unwrap_or_default());
        let stored = store.put(table, object);
        whole(&store, table, &stored)
    }

    /// The same for many.
    #[track_caller]
    pub(crate) fn load(&self, objects: impl IntoIterator<Item = Value>) {
        let mut store = lock(&self.shared.store);
        for object in objects {
            let table = store.table_of_kind(object["kind"].as_str().unwrap_or_default());
            store.put(table, object);
        }
    }

    /// Removes an object, and says whether it was there. `namespace` is empty for objects of the cluster.
    #[track_caller]
    pub(crate) fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let mut store = lock(&self.shared.store);
        let table = store.table_of_kind(kind);
        let key = store::key(&store.tables[table].resource, namespace, name);
        store.delete(table, &key).is_some()
    }

    #[track_caller]
    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = lock(&self.shared.store);
        let table = store.table_of_kind(kind);
        let key = store::key(&store.tables[table].resource, namespace, name);
        let stored = store.tables[table].objects.get(&key)?;
        Some(whole(&store, table, stored))
    }

    /// All objects of a kind.
    #[track_caller]
    pub(crate) fn list(&self, kind: &str) -> Vec<Value> {
        let store = lock(&self.shared.store);
        let table = store.table_of_kind(kind);
        store.tables[table].objects.values().map(|stored| whole(&store, table, stored)).collect()
    }

    /// The newest version.
    pub(crate) fn version(&self) -> u64 {
        lock(&self.shared.store).version
    }

    /// How it is now, to go back to.
    pub(crate) fn backup(&self) -> Backup {
        lock(&self.shared.store).backup()
    }

    /// Goes back, as etcd does that is restored from a backup: versions are given out once more. All
    /// connections break.
    pub(crate) fn restore(&self, backup: &Backup) {
        lock(&self.shared.store).restore(backup);
        self.cut();
    }

    // ---- what is served -----------------------------------------------------------------------------

    /// Serves one more resource.
    pub(crate) fn serve(&self, resource: Resource) {
        lock(&self.shared.store).serve(resource);
    }

    /// Serves a resource no more, like an older version.
    #[track_caller]
    pub(crate) fn unserve(&self, plural: &str) {
        let mut store = lock(&self.shared.store);
        let table = store.table(plural);
        store.tables[table].is_served = false;
    }

    /// Forbids a resource to everybody: HTTP 403. Watches that run go on.
    pub(crate) fn forbid(&self, plural: &str) {
        lock(&self.shared.access).forbidden.insert(plural.to_owned());
    }

    pub(crate) fn allow(&self, plural: &str) {
        lock(&self.shared.access).forbidden.remove(plural);
    }

    /// Remembers so many events of each resource; a watch of an older version is told that it has expired.
    pub(crate) fn remember(&self, events: usize) {
        let mut store = lock(&self.shared.store);
        store.window = events;
        store.tables.iter_mut().for_each(|table| table.trim(events));
    }

    /// Forgets all events of a resource, and the snapshots of lists that are under way.
    #[track_caller]
    pub(crate) fn compact(&self, plural: &str) {
        let mut store = lock(&self.shared.store);
        let table = store.table(plural);
        store.compact(table);
    }

    /// Sends a bookmark to every watch that wants them, now.
    pub(crate) fn bookmark(&self) {
        self.shared.bookmarks.send_modify(|bookmarks| bookmarks.demanded += 1);
    }

    /// Sends bookmarks at this interval; a minute unless told.
    pub(crate) fn bookmark_every(&self, every: Duration) {
        self.shared.bookmarks.send_modify(|bookmarks| bookmarks.every = every);
    }

    // ---- what goes wrong ----------------------------------------------------------------------------

    /// Lets the next so many requests with this verb (`list`, `watch`, `create`, …, or `*`) about this
    /// resource (plural, or `*`) meet a fault.
    pub(crate) fn inject(&self, verb: &str, resource: &str, times: usize, fault: Fault) {
        self.injected(verb, resource, false, times, fault);
    }

    /// The same for lists that go on with `continue`.
    pub(crate) fn inject_continued(&self, resource: &str, times: usize, fault: Fault) {
        self.injected("list", resource, true, times, fault);
    }

    fn injected(&self, verb: &str, resource: &str, continued: bool, times: usize, fault: Fault) {
        let (verb, resource) = (verb.to_owned(), resource.to_owned());
        let injected = Injected { verb, resource, continued, times, fault };
        lock(&self.shared.faults).push(injected);
    }

    /// Faults that wait still.
    pub(crate) fn pending_faults(&self) -> usize {
        lock(&self.shared.faults).len()
    }

    pub(crate) fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Lets the watches of a resource that run now meet a fault.
    #[track_caller]
    pub(crate) fn disturb(&self, plural: &str, fault: Fault) {
        let store = lock(&self.shared.store);
        // Without a watch there is nobody to disturb.
        let _ = store.tables[store.table(plural)].trouble.send(fault);
    }

    /// Breaks all connections.
    pub(crate) fn cut(&self) {
        self.shared.state.send_modify(|state| state.cut += 1);
    }

    /// Breaks all connections, and takes none.
    pub(crate) fn go_down(&self) {
        self.shared.state.send_modify(|state| {
            state.is_down = true;
            state.cut += 1;
        });
    }

    /// Takes connections again.
    pub(crate) fn come_up(&self) {
        self.shared.state.send_modify(|state| state.is_down = false);
    }

    // ---- what was asked -----------------------------------------------------------------------------

    /// What was asked so far, refused requests included.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// How often this was asked so far.
    pub(crate) fn asked(&self, verb: &str, resource: &str) -> usize {
        let is_it = |request: &&Request| request.verb == verb && request.resource == resource;
        lock(&self.shared.requests).iter().filter(is_it).count()
    }

    /// Waits until this was asked so often.
    #[track_caller]
    pub(crate) fn wait_asked(&self, verb: &str, resource: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        let mut requests = lock(&self.shared.requests);
        loop {
            let is_it = |request: &&Request| request.verb == verb && request.resource == resource;
            if requests.iter().filter(is_it).count() >= times {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "too long: {verb} {resource} was asked less than {times} times"
            );
            let waited = self.shared.arrived.wait_timeout(requests, left);
            requests = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Watches of a resource that run now.
    #[track_caller]
    pub(crate) fn watches(&self, plural: &str) -> usize {
        let store = lock(&self.shared.store);
        store.tables[store.table(plural)].news.receiver_count()
    }

    /// Waits until so many watches of a resource run.
    #[track_caller]
    pub(crate) fn wait_watches(&self, plural: &str, count: usize) {
        let end = Instant::now() + PATIENCE;
        while self.watches(plural) != count {
            assert!(Instant::now() < end, "too long: not {count} watches of {plural}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        // Waits for nothing, so that it may happen within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn whole(store: &Store, table: usize, stored: &Stored) -> Value {
    let resource = &store.tables[table].resource;
    let api_version = resource.api_version(resource.versions[0]);
    let view = View { kind: resource.kind, api_version, is_partial: false };
    serde_json::from_slice(&view.whole(stored)).unwrap()
}

/// A `List` of objects, as dumps have it.
pub(crate) fn dump(objects: Vec<Value>) -> Vec<u8> {
    json!({"kind": "List", "apiVersion": "v1", "items": objects}).to_string().into_bytes()
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test cluster");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key, PEM, and the certificate as DER.
    fn issue(&self, name: &str) -> (String, String, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem(), certificate.der().to_vec())
    }
}
