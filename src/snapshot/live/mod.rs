//! How does a policy change while readers decide? By one writer, who publishes a whole snapshot at a time.
//!
//! Absent on purpose: watching anything; whoever does says what has changed.

#[cfg(feature = "rbac")]
mod roles;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

#[cfg(feature = "node")]
use super::compile::load_node;
use super::compile::{CompileError, Engines, Snapshot, build_chain};
use super::config::Config;
#[cfg(feature = "node")]
use crate::api::graph;
use crate::api::inventory::Inventory;
use crate::api::mode::Mode;
#[cfg(feature = "rbac")]
use crate::api::rbac::{Kind, Object, ObjectKey};
#[cfg(feature = "node")]
use crate::authz::node;
#[cfg(feature = "rbac")]
use crate::authz::rbac::TooLarge;
#[cfg(feature = "rbac")]
use crate::model::Origin;
#[cfg(feature = "rbac")]
use roles::Roles;

/// A policy that changes while readers decide.
///
/// One writer at a time; readers take the newest snapshot without a lock and keep it as long as
/// they like. A change that fails leaves the last good snapshot in place.
///
/// ```
/// # #[cfg(feature = "rbac")] {
/// use portcullis::api::inventory::Inventory;
/// use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding, RoleRef, Subject};
/// use portcullis::model::{Origin, Request, ResourceAttributes, User};
/// use portcullis::snapshot::{Config, Live, Mode};
///
/// let live = Live::new(&Inventory::default(), Config::new([Mode::Rbac]))?;
/// let role: ClusterRole = serde_json::from_str(
///     r#"{"metadata": {"name": "reader"},
///         "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
/// )?;
/// let mut binding = ClusterRoleBinding {
///     subjects: vec![Subject::user("jane")],
///     role_ref: RoleRef::cluster_role("reader"),
///     ..Default::default()
/// };
/// binding.metadata.name = "readers".into();
///
/// let jane = User::new("jane");
/// let request = Request::resource(&jane, ResourceAttributes::new("get", "pods"));
/// let before = live.snapshot();
/// live.apply(role, &Origin::named("watch"))?;
/// live.apply(binding, &Origin::named("watch"))?;
/// assert!(live.snapshot().authorize(&request).is_allowed());
/// assert!(!before.authorize(&request).is_allowed());
/// assert!(live.snapshot().generation() > before.generation());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Snapshot>,
    writer: Mutex<Writer>,
}

/// Why a change was not made. The last good snapshot goes on serving.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The policy has no RBAC mode, so there is nothing to change.
    #[cfg(feature = "rbac")]
    #[error("objects can be applied only to a policy with mode `RBAC`")]
    NoRbac,
    /// The same for pods, volumes and the like.
    #[cfg(feature = "node")]
    #[error("pods and volumes can be applied only to a policy with mode `Node`")]
    NoNode,
    /// The policy would not fit its tables.
    #[cfg(feature = "rbac")]
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The chain could not be rebuilt.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// An earlier change failed half-way; what was published before it goes on serving.
    #[error("an earlier change failed half-way; load the policy anew")]
    Abandoned,
}

/// What the newest snapshot was made of.
#[derive(Debug)]
struct Writer {
    config: Config,
    // Those that no change of objects reaches, and of the others the newest.
    engines: Engines,
    // Each if its mode is on.
    #[cfg(feature = "rbac")]
    roles: Option<Roles>,
    #[cfg(feature = "node")]
    graph: Option<node::Editor>,
    // Set while a change is under way: left set by one that failed, so that none of it is ever
    // published.
    in_change: bool,
}

impl Live {
    /// Starts from an inventory; it may be empty.
    ///
    /// # Errors
    /// When the inventory and the configuration do not make a policy, see [`CompileError`].
    pub fn new(inventory: &Inventory, config: Config) -> Result<Self, CompileError> {
        let mut writer = Writer {
            engines: Engines::new(inventory, &config),
            #[cfg(feature = "rbac")]
            roles: match config.has(Mode::Rbac) {
                true => Some(Roles::load(inventory, &config)?),
                false => None,
            },
            #[cfg(feature = "node")]
            graph: config.has(Mode::Node).then(|| load_node(inventory, &config)),
            config,
            in_change: false,
        };
        let current = ArcSwap::from_pointee(writer.snapshot(1, Touched::all())?);
        Ok(Self { current, writer: Mutex::new(writer) })
    }

    /// The newest policy. Lock-free; holding it does not hold up writers.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Adds an object of RBAC, or replaces the one of the same kind, namespace and name, and publishes.
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing has changed then.
    #[cfg(feature = "rbac")]
    pub fn apply(&self, object: impl Into<Object>, origin: &Origin) -> Result<(), ApplyError> {
        self.change([Change::Apply(object.into(), origin.clone())]).map(|_| ())
    }

    /// Removes an object of RBAC and publishes; says whether it was there.
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing has changed then.
    #[cfg(feature = "rbac")]
    pub fn delete(&self, key: &ObjectKey) -> Result<bool, ApplyError> {
        self.change([Change::Delete(key.clone())]).map(|removed| removed > 0)
    }

    /// Makes several changes and publishes once: readers see all of them or none. Gives how many
    /// of the deleted objects were there.
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing has changed for readers then, and a policy that has outgrown its
    /// tables takes no further change.
    pub fn change(&self, changes: impl IntoIterator<Item = Change>) -> Result<usize, ApplyError> {
        let changes: Vec<Change> = changes.into_iter().collect();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.in_change {
            return Err(ApplyError::Abandoned);
        }
        changes.iter().try_for_each(|change| writer.check(change))?;
        writer.in_change = true;
        let mut touched = Touched::default();
        let mut removed = 0;
        for change in changes {
            removed += usize::from(writer.make(change, &mut touched)?);
        }
        #[cfg(feature = "rbac")]
        writer.aggregate(touched)?;
        let generation = self.current.load().generation.saturating_add(1);
        let snapshot = writer.snapshot(generation, touched)?;
        self.current.store(Arc::new(snapshot));
        writer.in_change = false;
        Ok(removed)
    }
}

/// One change of a live policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Add an object of RBAC, or replace the one of its key.
    #[cfg(feature = "rbac")]
    Apply(Object, Origin),
    /// Remove an object of RBAC.
    #[cfg(feature = "rbac")]
    Delete(ObjectKey),
    /// Tell the Node authorizer of an object, as an informer does: S-NODE-14 says which updates of a pod
    /// it passes over.
    #[cfg(feature = "node")]
    ApplyGraph(graph::Object),
    /// Tell the Node authorizer that an object is gone.
    #[cfg(feature = "node")]
    DeleteGraph(graph::Key),
}

/// What must be written anew.
#[derive(Debug, Clone, Copy, Default)]
struct Touched {
    #[cfg(feature = "rbac")]
    rbac: bool,
    #[cfg(feature = "rbac")]
    cluster_roles: bool,
    #[cfg(feature = "node")]
    graph: bool,
}

impl Touched {
    const fn all() -> Self {
        Self {
            #[cfg(feature = "rbac")]
            rbac: true,
            #[cfg(feature = "rbac")]
            cluster_roles: false,
            #[cfg(feature = "node")]
            graph: true,
        }
    }
}

impl Writer {
    /// Whether there is somebody whom the change concerns.
    fn check(&self, change: &Change) -> Result<(), ApplyError> {
        match change {
            #[cfg(feature = "rbac")]
            Change::Apply(..) | Change::Delete(_) if self.roles.is_none() => {
                Err(ApplyError::NoRbac)
            }
            #[cfg(feature = "node")]
            Change::ApplyGraph(_) | Change::DeleteGraph(_) if self.graph.is_none() => {
                Err(ApplyError::NoNode)
            }
            _ => Ok(()),
        }
    }

    /// Makes a change, and says whether an object was removed.
    fn make(&mut self, change: Change, touched: &mut Touched) -> Result<bool, ApplyError> {
        match change {
            #[cfg(feature = "rbac")]
            Change::Apply(object, origin) => {
                let roles = self.roles.as_mut().ok_or(ApplyError::NoRbac)?;
                touched.rbac = true;
                touched.cluster_roles |= object.kind() == Kind::ClusterRole;
                roles.apply(object, &origin)?;
                Ok(false)
            }
            #[cfg(feature = "rbac")]
            Change::Delete(key) => {
                let roles = self.roles.as_mut().ok_or(ApplyError::NoRbac)?;
                touched.rbac = true;
                touched.cluster_roles |= key.kind == Kind::ClusterRole;
                Ok(roles.delete(&key))
            }
            #[cfg(feature = "node")]
            Change::ApplyGraph(object) => {
                touched.graph = true;
                self.graph.as_mut().ok_or(ApplyError::NoNode)?.apply(&object);
                Ok(false)
            }
            #[cfg(feature = "node")]
            Change::DeleteGraph(key) => {
                touched.graph = true;
                Ok(self.graph.as_mut().ok_or(ApplyError::NoNode)?.delete(&key))
            }
        }
    }

    #[cfg(feature = "rbac")]
    fn aggregate(&mut self, touched: Touched) -> Result<(), TooLarge> {
        match &mut self.roles {
            Some(roles) if touched.cluster_roles => roles.aggregate(&self.config),
            _ => Ok(()),
        }
    }

    fn snapshot(&mut self, generation: u64, touched: Touched) -> Result<Snapshot, CompileError> {
        #[cfg(feature = "rbac")]
        if let Some(roles) = self.roles.as_ref().filter(|_| touched.rbac) {
            self.engines.rbac = Some(Arc::new(roles.policy()));
        }
        #[cfg(feature = "node")]
        if let Some(graph) = self.graph.as_ref().filter(|_| touched.graph) {
            self.engines.node = Some(Arc::new(graph.graph()));
        }
        let chain = build_chain(&self.config, &self.engines)?;
        #[cfg(feature = "rbac")]
        let notices = self.roles.as_ref().map(Roles::notices).unwrap_or_default();
        #[cfg(not(feature = "rbac"))]
        let notices = Vec::new();
        Ok(Snapshot::new(generation, &self.config, self.engines.clone(), chain, notices))
    }
}
