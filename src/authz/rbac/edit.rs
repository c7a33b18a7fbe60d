//! Changing a policy: the writer's side.
//!
//! An editor owns the maps that only a writer needs and a [`Policy`] that it changes in place as
//! long as nobody else holds the parts concerned; parts that readers hold are copied first. So the
//! same code loads a hundred thousand bindings at once and applies a single one in microseconds.

mod roles;
mod sources;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hashbrown::HashTable;

use super::index::{Asker, Grants, Index, RoleId};
use super::reach::Reach;
use super::ruleset::RuleSet;
use super::scope::{Order, Place, Scope};
use super::table::{Policy, RoleKind, Source};
use super::times::GrantTimes;
use crate::api::Str;
use crate::api::inventory::Inventory;
use crate::api::meta::ObjectMeta;
use crate::api::rbac::{
    ClusterRoleBinding, Kind, Object, ObjectKey, PolicyRule, RoleBinding, RoleRef, Subject,
};
use crate::model::{Clock, Origin};

/// The policy is larger than its tables can address: 2^26 roles, 2^29 bytes of subject names
/// that are bound cluster-wide or in a few namespaces together, or 2^32 of anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the policy is too large: more than 67,108,864 roles, or more than 512 MiB of subject names \
     bound in one namespace or cluster-wide"
)]
pub struct TooLarge;

/// Applies and deletes objects, and gives out the policy as it stands.
///
/// ```
/// use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding, RoleRef, Subject};
/// use portcullis::authz::Authorizer;
/// use portcullis::authz::rbac::Editor;
/// use portcullis::model::{Origin, Request, ResourceAttributes, User};
///
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
/// let mut editor = Editor::new();
/// editor.apply(&role.into(), &Origin::named("test"))?;
/// let before = editor.policy();
/// editor.apply(&binding.into(), &Origin::named("test"))?;
/// let after = editor.policy();
///
/// let jane = User::new("jane");
/// let request = Request::resource(&jane, ResourceAttributes::new("get", "pods"));
/// assert!(after.authorize(&request).is_allowed());
/// assert!(!before.authorize(&request).is_allowed(), "a reader keeps the version it took");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Editor {
    policy: Policy,
    role_ids: HashTable<RoleId>,
    // By role: how many bindings refer to it. A role goes when nothing defines it nor refers to it.
    referrers: Vec<u32>,
    free_roles: Vec<RoleId>,
    rule_sets: HashTable<Arc<RuleSet>>,
    source_ids: HashMap<Source, u32>,
    // Numbers of sources that nothing refers to, and when it is looked for more of them.
    free_sources: Vec<u32>,
    next_sweep: usize,
    // By role: the rows of those who are bound to it for a time.
    for_a_time: HashMap<RoleId, HashSet<RoleId>>,
}

impl Default for Editor {
    fn default() -> Self {
        Self::new()
    }
}

impl Editor {
    /// An editor of an empty policy.
    #[must_use]
    pub fn new() -> Self {
        Self {
            policy: Policy::empty(),
            role_ids: HashTable::new(),
            referrers: Vec::new(),
            free_roles: Vec::new(),
            rule_sets: HashTable::new(),
            source_ids: HashMap::new(),
            free_sources: Vec::new(),
            next_sweep: sources::FEW,
            for_a_time: HashMap::new(),
        }
    }

    /// An editor of an empty policy whose bindings begin and end as they say, by this clock: see
    /// [`GrantTimes`]. A binding whose times cannot be read never grants.
    ///
    /// ```
    /// use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding};
    /// use portcullis::authz::Authorizer;
    /// use portcullis::authz::rbac::Editor;
    /// use portcullis::model::{Clock, Origin, Request, ResourceAttributes, User};
    ///
    /// let role: ClusterRole = serde_json::from_str(
    ///     r#"{"metadata": {"name": "reader"},
    ///         "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
    /// )?;
    /// let binding: ClusterRoleBinding = serde_json::from_str(
    ///     r#"{"metadata": {"name": "until-eight",
    ///                      "annotations": {"portcullis.dev/not-after": "2026-11-27T08:00:00Z"}},
    ///         "subjects": [{"kind": "User", "name": "jane"}],
    ///         "roleRef": {"kind": "ClusterRole", "name": "reader"}}"#,
    /// )?;
    ///
    /// let jane = User::new("jane");
    /// let get = Request::resource(&jane, ResourceAttributes::new("get", "pods"));
    /// for (now, is_allowed) in [("2026-11-27T07:59:59Z", true), ("2026-11-27T08:00:00Z", false)] {
    ///     let mut editor = Editor::with_grant_times(Clock::fixed(now.parse()?));
    ///     editor.apply(&role.clone().into(), &Origin::default())?;
    ///     editor.apply(&binding.clone().into(), &Origin::default())?;
    ///     assert_eq!(editor.policy().authorize(&get).is_allowed(), is_allowed);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_grant_times(clock: Clock) -> Self {
        let mut editor = Self::new();
        editor.policy.clock = Some(clock);
        editor
    }

    /// An editor of the policy that an inventory holds. Of two objects with one name the later
    /// one counts. Aggregated roles have the rules they are stored with; see
    /// [`Self::load_with_rules`] for others.
    ///
    /// # Errors
    /// When the policy is too large for its tables.
    pub fn load(inventory: &Inventory) -> Result<Self, TooLarge> {
        Self::load_with_rules(inventory, |_| None)
    }

    /// The same, with other rules for some ClusterRoles: `rules` is asked with the place of each
    /// in the inventory.
    ///
    /// # Errors
    /// When the policy is too large for its tables.
    pub fn load_with_rules<'r>(
        inventory: &Inventory,
        rules: impl Fn(usize) -> Option<&'r [PolicyRule]>,
    ) -> Result<Self, TooLarge> {
        Self::new().filled(inventory, rules)
    }

    /// The same for an editor that was made for it: all that it held before is lost.
    ///
    /// # Errors
    /// When the policy is too large for its tables.
    pub fn filled<'r>(
        self,
        inventory: &Inventory,
        rules: impl Fn(usize) -> Option<&'r [PolicyRule]>,
    ) -> Result<Self, TooLarge> {
        let mut editor = match self.policy.clock {
            Some(clock) => Self::with_grant_times(clock),
            None => Self::new(),
        };
        // What is not sealed yet cannot be swept.
        editor.next_sweep = usize::MAX;
        for (index, role) in inventory.cluster_roles.iter().enumerate() {
            let place = editor.place(&role.origin)?;
            let name = &role.value.metadata.name;
            let rules = rules(index).unwrap_or(&role.value.rules);
            editor.define(RoleKind::ClusterRole, "", name, rules, place)?;
        }
        for role in &inventory.roles {
            let place = editor.place(&role.origin)?;
            let meta = &role.value.metadata;
            editor.define(RoleKind::Role, &meta.namespace, &meta.name, &role.value.rules, place)?;
        }
        for binding in &inventory.cluster_role_bindings {
            let place = editor.place(&binding.origin)?;
            editor.bind(&Bound::cluster(&binding.value), place, Order::SealLater)?;
        }
        for binding in &inventory.role_bindings {
            let place = editor.place(&binding.origin)?;
            editor.bind(&Bound::namespaced(&binding.value), place, Order::SealLater)?;
        }
        editor.seal()?;
        editor.wait_to_sweep(editor.policy.sources.len());
        Ok(editor)
    }

    // Sorts what was loaded without order, and builds the index of it.
    fn seal(&mut self) -> Result<(), TooLarge> {
        let mut dropped = Arc::make_mut(&mut self.policy.cluster).seal();
        let spaces = Arc::make_mut(&mut self.policy.spaces);
        for id in (0..).take(spaces.scopes.len()) {
            if let Some(scope) = spaces.scopes.get_mut(id) {
                dropped.extend(Arc::make_mut(scope).seal());
            }
        }
        self.index()?;
        dropped.into_iter().for_each(|role| self.release(role));
        Ok(())
    }

    // Builds the index anew, of everything.
    fn index(&mut self) -> Result<(), TooLarge> {
        let Policy { cluster, cluster_grants, spaces, grants, reach, hasher, .. } =
            &mut self.policy;
        *cluster_grants = Arc::default();
        let mut table = Grants::Cluster(Arc::make_mut(cluster_grants));
        for slot in cluster.slots() {
            cluster.enter(slot, hasher, &mut table, |_| ()).ok_or(TooLarge)?;
        }
        table.shrink(hasher);
        *grants = Arc::new(Index::new(spaces.scopes.len()));
        *reach = Arc::new(Reach::new());
        let mut tables = Grants::Namespaces(Arc::make_mut(grants));
        let reach = Arc::make_mut(reach);
        for (id, scope) in (0..).zip(spaces.scopes.iter()) {
            for slot in scope.slots() {
                let reached = |asker: Asker<'_>| reach.add(hasher.asker(asker), id);
                scope.enter(slot, hasher, &mut tables, reached).ok_or(TooLarge)?;
            }
        }
        tables.shrink(hasher);
        reach.shrink();
        Ok(())
    }

    /// The policy as it stands. Later changes do not touch it.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy.clone()
    }

    /// Adds an object, or replaces the one of the same kind, namespace and name.
    ///
    /// # Errors
    /// When the policy would be too large for its tables. The policy then misses the object: keep
    /// the version taken before.
    pub fn apply(&mut self, object: &Object, origin: &Origin) -> Result<(), TooLarge> {
        let place = self.place(origin)?;
        match object {
            Object::ClusterRole(role) => {
                self.define(RoleKind::ClusterRole, "", &role.metadata.name, &role.rules, place)
            }
            Object::Role(role) => {
                let meta = &role.metadata;
                self.define(RoleKind::Role, &meta.namespace, &meta.name, &role.rules, place)
            }
            Object::ClusterRoleBinding(binding) => {
                self.unbind("", &binding.metadata.name);
                self.bind(&Bound::cluster(binding), place, Order::Keep)
            }
            Object::RoleBinding(binding) => {
                self.unbind(&binding.metadata.namespace, &binding.metadata.name);
                self.bind(&Bound::namespaced(binding), place, Order::Keep)
            }
        }
    }

    /// Removes an object; says whether it was there.
    pub fn delete(&mut self, key: &ObjectKey) -> bool {
        match key.kind {
            Kind::ClusterRole => self.undefine(&RoleKind::ClusterRole, "", &key.name),
            Kind::Role => self.undefine(&RoleKind::Role, &key.namespace, &key.name),
            Kind::ClusterRoleBinding => self.unbind("", &key.name),
            Kind::RoleBinding => self.unbind(&key.namespace, &key.name),
        }
    }

    fn place(&mut self, origin: &Origin) -> Result<Place, TooLarge> {
        let Origin { source: name, inherited_from, .. } = origin;
        let source = Source { name: Arc::clone(name), inherited_from: inherited_from.clone() };
        let id = match self.source_ids.get(&source) {
            Some(&known) => known,
            None => self.add_source(source)?,
        };
        Ok(Place { source: id, document: origin.document, line: origin.line })
    }

    fn bind(&mut self, bound: &Bound<'_>, place: Place, order: Order) -> Result<(), TooLarge> {
        let &Bound { metadata, namespace, role_ref, subjects } = bound;
        let kind = RoleKind::new(&role_ref.kind);
        let role_namespace = if kind == RoleKind::Role { namespace } else { "" };
        let base = self.role(kind, role_namespace, &role_ref.name)?;
        let times = match self.policy.clock {
            Some(_) => GrantTimes::of(metadata).unwrap_or(Some(GrantTimes::NEVER)),
            None => None,
        };
        let role = match times {
            Some(times) => self.role_for_a_time(base, times)?,
            None => base,
        };
        self.refer(role);
        let space = if namespace.is_empty() { None } else { Some(self.space(namespace)?) };
        let Policy { cluster, cluster_grants, spaces, grants, reach, hasher, .. } =
            &mut self.policy;
        let scope = match space {
            None => Arc::make_mut(cluster),
            Some(id) => Arc::make_mut(Arc::make_mut(spaces).scopes.get_mut(id).ok_or(TooLarge)?),
        };
        let slot = scope.insert(&metadata.name, role, subjects, place, order).ok_or(TooLarge)?;
        if order == Order::SealLater {
            return Ok(());
        }
        let mut grants = match space {
            None => Grants::Cluster(Arc::make_mut(cluster_grants)),
            Some(_) => Grants::Namespaces(Arc::make_mut(grants)),
        };
        let mut reach = space.map(|id| (Arc::make_mut(reach), id));
        let reached = |asker: Asker<'_>| {
            if let Some((reach, id)) = &mut reach {
                reach.add(hasher.asker(asker), *id);
            }
        };
        scope.enter(slot, hasher, &mut grants, reached).ok_or(TooLarge)?;
        if self.policy.grants.is_crowded(self.policy.spaces.scopes.len()) {
            self.index()?;
        }
        Ok(())
    }

    fn unbind(&mut self, namespace: &str, name: &str) -> bool {
        let Policy { cluster, cluster_grants, spaces, grants, reach, hasher, .. } =
            &mut self.policy;
        let (scope, space) = if namespace.is_empty() {
            (cluster, None)
        } else {
            let hash = hasher.namespace(namespace);
            let Some(id) = spaces.find(hash, namespace).map(|(id, _)| id) else { return false };
            let Some(scope) = Arc::make_mut(spaces).scopes.get_mut(id) else { return false };
            (scope, Some(id))
        };
        let Some(slot) = scope.find(name) else { return false };
        let role = scope.role(slot);
        let mut grants = match space {
            None => Grants::Cluster(Arc::make_mut(cluster_grants)),
            Some(_) => Grants::Namespaces(Arc::make_mut(grants)),
        };
        scope.leave(slot, hasher, &mut grants);
        if let Some(id) = space {
            let reach = Arc::make_mut(reach);
            scope.for_askers(slot, |_, asker| reach.remove(hasher.asker(asker), id));
        }
        let changed = Arc::make_mut(scope);
        changed.remove(slot);
        if changed.is_sparse()
            && let Some(packed) = changed.packed()
        {
            grants.clear(hasher, &changed.namespace);
            // Cannot fail: what is entered has just left.
            for slot in packed.slots() {
                let _ = packed.enter(slot, hasher, &mut grants, |_| ());
            }
            *changed = packed;
        }
        if let Some(role) = role {
            self.release(role);
        }
        true
    }

    // The id of a namespace's scope, made when new.
    fn space(&mut self, namespace: &str) -> Result<u32, TooLarge> {
        let hash = self.policy.hasher.namespace(namespace);
        if let Some((id, _)) = self.policy.spaces.find(hash, namespace) {
            return Ok(id);
        }
        let spaces = Arc::make_mut(&mut self.policy.spaces);
        let scope = Arc::new(Scope::new(Str::from(namespace)));
        let id = spaces.scopes.push(scope).ok_or(TooLarge)?;
        spaces.ids.insert_unique(hash, (hash, id), |(hash, _)| *hash);
        Ok(id)
    }
}

/// A binding of either kind.
#[derive(Debug, Clone, Copy)]
struct Bound<'b> {
    metadata: &'b ObjectMeta,
    /// Empty for a ClusterRoleBinding, whatever its metadata say.
    namespace: &'b str,
    role_ref: &'b RoleRef,
    subjects: &'b [Subject],
}

impl<'b> Bound<'b> {
    fn cluster(binding: &'b ClusterRoleBinding) -> Self {
        let ClusterRoleBinding { metadata, role_ref, subjects } = binding;
        Self { metadata, namespace: "", role_ref, subjects }
    }

    fn namespaced(binding: &'b RoleBinding) -> Self {
        let RoleBinding { metadata, role_ref, subjects } = binding;
        Self { metadata, namespace: &metadata.namespace, role_ref, subjects }
    }
}
