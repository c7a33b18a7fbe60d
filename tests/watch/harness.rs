//! A cluster that follows the test API server, a policy that follows the cluster, and what must be true of
//! both.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{self, Kind, ObjectKey};
use portcullis::model::{Origin, Request, ResourceAttributes, User};
use portcullis::snapshot::{self, Config, Live, Mode, Snapshot};
use portcullis::source::watch::{
    Batch, Change, Cluster, ClusterOptions, Connection, CredentialsFrom, Decoded, Follower,
    KindStatus, Tuning, Watched,
};
use portcullis::source::{self, LoadOptions};
use serde_json::{Value, json};

use crate::support::apiserver::{self, ApiServer};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Requests without an answer are given up after this.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// The kinds of RBAC.
pub(super) const RBAC: [(Watched, &str, Kind); 4] = [
    (Watched::ClusterRoles, "ClusterRole", Kind::ClusterRole),
    (Watched::ClusterRoleBindings, "ClusterRoleBinding", Kind::ClusterRoleBinding),
    (Watched::Roles, "Role", Kind::Role),
    (Watched::RoleBindings, "RoleBinding", Kind::RoleBinding),
];

/// Impatient, and with small pages, so that everything that can happen does.
pub(super) fn tuning() -> Tuning {
    let mut tuning = Tuning::default();
    tuning.page = 3;
    tuning.silence = Duration::from_secs(5);
    tuning.shortest_pause = Duration::from_millis(2);
    tuning.longest_pause = Duration::from_millis(20);
    tuning
}

pub(super) async fn connect(server: &ApiServer) -> Connection {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    server.kubeconfig(&config);
    let credentials =
        CredentialsFrom::Kubeconfig { file: Some(config), context: Some("test".to_owned()) };
    let mut options = ClusterOptions::new(credentials);
    options.request_timeout = REQUEST_TIMEOUT;
    Connection::open(&options).await.unwrap()
}

/// The server, the cluster and the policy.
pub(super) struct World {
    pub(super) server: Arc<ApiServer>,
    pub(super) cluster: Cluster,
    pub(super) policy: Arc<Policy>,
}

impl World {
    /// Follows all of RBAC.
    pub(super) async fn start(server: ApiServer, tuning: Tuning) -> Self {
        let world = Self::start_unready(server, tuning).await;
        world.ready().await;
        world
    }

    pub(super) async fn start_unready(server: ApiServer, tuning: Tuning) -> Self {
        let connection = connect(&server).await;
        let watched = RBAC.map(|(watched, ..)| watched).into();
        let cluster = Cluster::start(&connection, watched, None, tuning);
        let policy = Policy::of(&cluster);
        Self { server: Arc::new(server), cluster, policy }
    }

    pub(super) async fn ready(&self) {
        let ready = tokio::time::timeout(PATIENCE, self.cluster.ready()).await;
        assert!(ready.is_ok(), "not ready: {:#?}", self.cluster.status());
    }

    /// The status of RoleBindings.
    pub(super) fn status(&self) -> KindStatus {
        let found =
            self.cluster.status().into_iter().find(|it| it.watched == Watched::RoleBindings);
        found.unwrap()
    }

    /// Waits until the cluster says what a fresh list says.
    pub(super) async fn settle_objects(&self) -> Inventory {
        let fresh = fresh(&self.server);
        let end = Instant::now() + PATIENCE;
        loop {
            if objects(&self.cluster.loaded().inventory) == objects(&fresh) {
                break;
            }
            if Instant::now() > end {
                assert_eq!(objects(&self.cluster.loaded().inventory), objects(&fresh));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        fresh
    }

    /// The same; then the policy must, too.
    pub(super) async fn settle(&self) {
        let fresh = self.settle_objects().await;
        let config = Config::new([Mode::Rbac]);
        let fresh = snapshot::compile(&fresh, &config).unwrap();
        let loaded = snapshot::compile(&self.cluster.loaded().inventory, &config).unwrap();
        // The follower is told right after, or right before, the list of the cluster has changed.
        let is_same = || answers(&self.policy.live().snapshot()) == answers(&fresh);
        eventually("the policy", is_same).await;
        assert_eq!(answers(&loaded), answers(&fresh));
    }

    /// A change after whatever went wrong: it arrives, and all else is right, too.
    pub(super) async fn goes_on(&self) {
        let proof = format!("proof-{}", self.server.version());
        self.server.put(binding("proof", &proof));
        eventually("a change", || self.policy.may(&proof)).await;
        self.settle().await;
    }
}

pub(super) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "too long: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What a list says now that nobody has disturbed.
fn fresh(server: &ApiServer) -> Inventory {
    let all = RBAC.iter().flat_map(|(_, kind, _)| server.list(kind)).collect();
    let text = apiserver::dump(all);
    source::parse("fresh.json", &text, &LoadOptions::default()).unwrap().inventory
}

/// The objects without where they were read, sorted.
fn objects(inventory: &Inventory) -> Vec<rbac::Object> {
    let mut all: Vec<rbac::Object> = Vec::new();
    all.extend(inventory.cluster_roles.iter().map(|it| it.value.clone().into()));
    all.extend(inventory.cluster_role_bindings.iter().map(|it| it.value.clone().into()));
    all.extend(inventory.roles.iter().map(|it| it.value.clone().into()));
    all.extend(inventory.role_bindings.iter().map(|it| it.value.clone().into()));
    all.sort_by_key(rbac::Object::key);
    all
}

/// Everybody whom the tests bind, by name.
const PEOPLE: [&str; 6] = ["always", "left", "right", "jane", "joe", "garbled"];

fn answers(snapshot: &Snapshot) -> Vec<(String, bool)> {
    PEOPLE
        .iter()
        .flat_map(|name| {
            ["get", "delete"].map(|verb| (format!("{verb} by {name}"), may(snapshot, name, verb)))
        })
        .collect()
}

pub(super) fn may(snapshot: &Snapshot, name: &str, verb: &str) -> bool {
    let user = User::new(name);
    let asked = ResourceAttributes::new(verb, "pods").in_namespace("shop");
    snapshot.authorize(&Request::resource(&user, asked)).is_allowed()
}

// ---- objects ----------------------------------------------------------------------------------------

/// A role of namespace `shop` that may `get` pods.
pub(super) fn role() -> Value {
    json!({
        "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "reader", "namespace": "shop"},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
    })
}

/// Binds users to it.
pub(super) fn binding(name: &str, user: &str) -> Value {
    super::protocol::binding(name, user)
}

/// With the role, jane, and enough others that a list has pages.
pub(super) fn server() -> ApiServer {
    let server = ApiServer::start();
    server.put(role());
    server.put(binding("jane", "jane"));
    server.load((0..8).map(|number| binding(&format!("other-{number}"), "somebody")));
    server
}

// ---- the policy -------------------------------------------------------------------------------------

/// A policy that is changed as the cluster says, and what it was told.
pub(super) struct Policy {
    live: Mutex<Arc<Live>>,
    batches: Mutex<Vec<Batch>>,
}

impl Policy {
    /// Of everything that is there, and from then on.
    pub(super) fn of(cluster: &Cluster) -> Arc<Self> {
        let mut policy = None;
        let attached: Result<(), snapshot::CompileError> = cluster.attach(|loaded| {
            let live = Live::new(&loaded.inventory, Config::new([Mode::Rbac]))?;
            let made =
                Arc::new(Self { live: Mutex::new(Arc::new(live)), batches: Mutex::default() });
            policy = Some(Arc::clone(&made));
            Ok(made)
        });
        attached.unwrap();
        policy.unwrap()
    }

    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody may get pods in `shop`.
    pub(super) fn may(&self, name: &str) -> bool {
        may(&self.live().snapshot(), name, "get")
    }

    /// What was told since the last time.
    pub(super) fn batches(&self) -> Vec<Batch> {
        std::mem::take(&mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Follower for Policy {
    fn changed(&self, batch: &Batch) {
        let kind = RBAC.iter().find(|(watched, ..)| *watched == batch.watched).unwrap().2;
        let changes = batch.changes.iter().map(|(key, origin, change)| match change {
            Change::Applied(decoded) => {
                let Decoded::Rbac(object) = &**decoded else { panic!("{decoded:?} is no policy") };
                assert_eq!(object.key().name, key.name);
                snapshot::Change::Apply(object.clone(), Origin::clone(origin))
            }
            Change::Deleted => snapshot::Change::Delete(ObjectKey {
                kind,
                namespace: key.namespace.clone(),
                name: key.name.clone(),
            }),
        });
        self.live().change(changes.collect::<Vec<_>>()).unwrap();
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch.clone());
    }
}
