//! A user resolved once, for callers that decide often for one identity.

use std::sync::Arc;

use hashbrown::HashTable;

use super::Policy;
use super::eval::askers;
use super::index::RoleId;
use crate::api::Str;
use crate::authz::Resolved;
use crate::model::{Attributes, Decision, Moment, User, Verdict};

/// A user, the roles held cluster-wide and by namespace, and the policy that says so. Roles that are
/// held for a time are among them at any time, and count while that time lasts.
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::authz::Resolved;
/// use portcullis::authz::rbac::Policy;
/// use portcullis::model::{Attributes, ResourceAttributes, User};
///
/// let policy = Policy::compile(&Inventory::default())?;
/// let jane = policy.principal(&User::new("jane").into());
/// let get = Attributes::Resource(ResourceAttributes::new("get", "pods"));
/// assert!(!jane.authorize(&get).is_allowed());
/// # Ok::<(), portcullis::authz::rbac::TooLarge>(())
/// ```
#[derive(Debug, Clone)]
pub struct Principal {
    policy: Policy,
    user: Arc<User>,
    cluster: Box<[RoleId]>,
    spaces: HashTable<SpaceRoles>,
}

#[derive(Debug, Clone)]
struct SpaceRoles {
    hash: u64,
    namespace: Str,
    roles: Box<[RoleId]>,
}

impl Policy {
    /// Resolves a user once: decisions of the principal touch no subject any more.
    #[must_use]
    pub fn principal(&self, user: &Arc<User>) -> Principal {
        let mut ids = Vec::new();
        for asker in askers(user) {
            ids.extend(self.reach.spaces(self.hasher.asker(asker)));
        }
        ids.sort_unstable();
        ids.dedup();
        let mut spaces = HashTable::with_capacity(ids.len());
        for scope in ids.into_iter().filter_map(|id| self.spaces.scopes.get(id)) {
            let roles = self.roles_in(&scope.namespace, user);
            if !roles.is_empty() {
                let namespace = scope.namespace.clone();
                let hash = self.hasher.namespace(&namespace);
                let row = SpaceRoles { hash, namespace, roles };
                spaces.insert_unique(hash, row, |row| row.hash);
            }
        }
        let cluster = self.roles_in("", user);
        Principal { policy: self.clone(), user: Arc::clone(user), cluster, spaces }
    }

    fn roles_in(&self, namespace: &str, user: &User) -> Box<[RoleId]> {
        let mut roles: Vec<RoleId> =
            self.held(user, namespace).into_iter().map(|(role, _)| role).collect();
        roles.sort_unstable();
        roles.dedup();
        roles.into()
    }
}

impl Principal {
    /// Whether the user may do what is asked: as [`Policy::allows`] says.
    #[must_use]
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        self.decide(attributes).0
    }

    fn decide(&self, attributes: &Attributes<'_>) -> (bool, Option<Moment>) {
        let question = self.policy.question(attributes);
        let allow =
            |roles: &[RoleId]| roles.iter().any(|&role| self.policy.role_allows(role, &question));
        let is_allowed = allow(&self.cluster) || allow(self.roles_in(attributes.namespace()));
        (is_allowed, question.moment.get())
    }

    fn roles_in(&self, namespace: &str) -> &[RoleId] {
        if namespace.is_empty() || self.spaces.is_empty() {
            return &[];
        }
        self.spaces
            .find(self.policy.hasher.namespace(namespace), |row| row.namespace == namespace)
            .map_or(&[], |row| &row.roles)
    }
}

impl Resolved for Principal {
    fn authorize<'a>(&'a self, attributes: &'a Attributes<'a>) -> Verdict<'a> {
        let (is_allowed, moment) = self.decide(attributes);
        let decision = if is_allowed { Decision::Allow } else { Decision::NoOpinion };
        Verdict::deferred_for(decision, &self.policy, &self.user, attributes).at(moment)
    }
}
