use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::compile::{
    CompileError, Engines, Notice, Snapshot, build_chain, load_rbac, unreadable_time,
    unreadable_times,
};
use super::config::{Config, Mode};
use crate::api::Str;
use crate::api::inventory::Inventory;
use crate::api::rbac::{ClusterRole, Kind, Object, ObjectKey, PolicyRule};
use crate::authz::rbac::aggregation;
use crate::authz::rbac::{Editor, TooLarge};
use crate::model::Origin;

/// A policy that changes while readers decide.
///
/// One writer at a time; readers take the newest snapshot without a lock and keep it as long as
/// they like. A change that fails leaves the last good snapshot in place.
///
/// ```
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
    #[error("objects can be applied only to a policy with mode `RBAC`")]
    NoRbac,
    /// The policy would not fit its tables.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The chain could not be rebuilt.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// An earlier change failed half-way; what was published before it goes on serving.
    #[error("an earlier change failed half-way; load the policy anew")]
    Abandoned,
}

#[derive(Debug)]
struct Writer {
    config: Config,
    editor: Editor,
    // The engines that no change of objects reaches.
    engines: Engines,
    // Every ClusterRole as it was said, for aggregated roles to select from; the rules that the
    // aggregated ones have now.
    cluster_roles: BTreeMap<Str, (ClusterRole, Origin)>,
    aggregated: BTreeMap<Str, Vec<PolicyRule>>,
    notices: Vec<Notice>,
    // Of bindings that never grant because nobody can read when.
    unreadable: BTreeMap<ObjectKey, Notice>,
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
        let (editor, notices) = load_rbac(inventory, &config)?;
        let engines = Engines::new(inventory, &config);
        let unreadable = unreadable_times(inventory, &config);
        let mut writer = Writer {
            config,
            editor,
            engines,
            cluster_roles: BTreeMap::new(),
            aggregated: BTreeMap::new(),
            notices,
            unreadable,
            in_change: false,
        };
        for role in &inventory.cluster_roles {
            let named = (role.value.clone(), role.origin.clone());
            writer.cluster_roles.insert(role.value.metadata.name.clone(), named);
        }
        writer.aggregated = writer.resolve().0;
        let current = ArcSwap::from_pointee(writer.snapshot(1)?);
        Ok(Self { current, writer: Mutex::new(writer) })
    }

    /// The newest policy. Lock-free; holding it does not hold up writers.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Adds an object, or replaces the one of the same kind, namespace and name, and publishes.
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing has changed then.
    pub fn apply(&self, object: impl Into<Object>, origin: &Origin) -> Result<(), ApplyError> {
        self.change([Change::Apply(object.into(), origin.clone())]).map(|_| ())
    }

    /// Removes an object and publishes; says whether it was there.
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing has changed then.
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
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.in_change {
            return Err(ApplyError::Abandoned);
        }
        if !writer.config.has(Mode::Rbac) {
            return Err(ApplyError::NoRbac);
        }
        writer.in_change = true;
        let mut removed = 0;
        let mut roles_changed = false;
        for change in changes {
            match change {
                Change::Apply(object, origin) => {
                    roles_changed |= object.kind() == Kind::ClusterRole;
                    writer.apply(object, &origin)?;
                }
                Change::Delete(key) => {
                    roles_changed |= key.kind == Kind::ClusterRole;
                    removed += usize::from(writer.delete(&key));
                }
            }
        }
        if roles_changed {
            writer.aggregate()?;
        }
        let snapshot = writer.snapshot(self.current.load().generation.saturating_add(1))?;
        self.current.store(Arc::new(snapshot));
        writer.in_change = false;
        Ok(removed)
    }
}

/// One change of a live policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Add an object, or replace the one of its key.
    Apply(Object, Origin),
    /// Remove an object.
    Delete(ObjectKey),
}

impl Writer {
    fn apply(&mut self, object: Object, origin: &Origin) -> Result<(), TooLarge> {
        self.editor.apply(&object, origin)?;
        let key = object.key();
        self.unreadable.remove(&key);
        if self.config.grant_times.is_some()
            && matches!(key.kind, Kind::ClusterRoleBinding | Kind::RoleBinding)
            && let Some(notice) = unreadable_time(&key, object.metadata(), origin)
        {
            self.unreadable.insert(key, notice);
        }
        if let Object::ClusterRole(role) = object {
            // What was computed is overwritten by what was just said, until aggregation runs.
            self.aggregated.remove(&role.metadata.name);
            self.cluster_roles.insert(role.metadata.name.clone(), (role, origin.clone()));
        }
        Ok(())
    }

    fn delete(&mut self, key: &ObjectKey) -> bool {
        if key.kind == Kind::ClusterRole {
            self.cluster_roles.remove(&key.name);
            self.aggregated.remove(&key.name);
        }
        self.unreadable.remove(key);
        self.editor.delete(key)
    }

    // The rules of aggregated roles, stored or computed, and what is odd about them.
    fn resolve(&self) -> (BTreeMap<Str, Vec<PolicyRule>>, Vec<Notice>) {
        let is_aggregated = |role: &ClusterRole| role.aggregation_rule.is_some();
        if !self.cluster_roles.values().any(|(role, _)| is_aggregated(role)) {
            return Default::default();
        }
        let roles: Vec<&ClusterRole> = self.cluster_roles.values().map(|(role, _)| role).collect();
        let resolution = aggregation::resolve(&roles, self.config.aggregation);
        let rules = roles
            .iter()
            .zip(resolution.rules)
            .filter(|(role, _)| is_aggregated(role))
            .map(|(role, rules)| (role.metadata.name.clone(), rules.into_owned()))
            .collect();
        (rules, resolution.warnings.into_iter().map(Notice::Aggregation).collect())
    }

    // A change of any ClusterRole may change every aggregated one (S-AGG-1).
    fn aggregate(&mut self) -> Result<(), TooLarge> {
        let (resolved, notices) = self.resolve();
        self.notices = notices;
        for (name, rules) in &resolved {
            if self.aggregated.get(name) != Some(rules)
                && let Some((role, origin)) = self.cluster_roles.get(name)
            {
                let role = ClusterRole { rules: rules.clone(), ..role.clone() };
                self.editor.apply(&role.into(), origin)?;
            }
        }
        self.aggregated = resolved;
        Ok(())
    }

    fn snapshot(&self, generation: u64) -> Result<Snapshot, CompileError> {
        let mut engines = self.engines.clone();
        if self.config.has(Mode::Rbac) {
            engines.rbac = Some(Arc::new(self.editor.policy()));
        }
        let chain = build_chain(&self.config, &engines)?;
        let notices = self.notices.iter().chain(self.unreadable.values()).cloned().collect();
        Ok(Snapshot::new(generation, &self.config, engines, chain, notices))
    }
}
