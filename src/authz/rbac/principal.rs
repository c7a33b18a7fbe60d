//! A user resolved once, for callers that decide often for one identity.

use hashbrown::HashTable;

use super::Policy;
use super::eval::askers;
use super::scope::{RoleId, Scope};
use crate::api::Str;
use crate::model::{Attributes, User};

/// The roles that a user holds, cluster-wide and by namespace.
///
/// Numbers of one version of one policy: ask only the policy that made it. `snapshot::Principal`
/// holds both together and is what callers use.
#[derive(Debug, Clone, Default)]
pub struct Principal {
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
    /// Resolves a user: what [`Policy::allows_principal`] then needs, and nothing of the subjects.
    #[must_use]
    pub fn principal(&self, user: &User) -> Principal {
        let mut ids = Vec::new();
        for asker in askers(user) {
            ids.extend(self.reach.spaces(self.hash_asker(asker)));
        }
        ids.sort_unstable();
        ids.dedup();
        let mut spaces = HashTable::with_capacity(ids.len());
        for scope in ids.into_iter().filter_map(|id| self.spaces.scopes.get(id)) {
            let roles = self.roles_in(scope, user);
            if !roles.is_empty() {
                let namespace = scope.namespace.clone();
                let hash = self.hash_namespace(&namespace);
                let row = SpaceRoles { hash, namespace, roles };
                spaces.insert_unique(hash, row, |row| row.hash);
            }
        }
        Principal { cluster: self.roles_in(&self.cluster, user), spaces }
    }

    fn roles_in(&self, scope: &Scope, user: &User) -> Box<[RoleId]> {
        let mut roles: Vec<RoleId> = Vec::new();
        for asker in askers(user) {
            roles.extend(scope.held(self.hash_asker(asker), asker).map(|held| held.role));
        }
        roles.sort_unstable();
        roles.dedup();
        roles.into()
    }

    /// Whether a user that this policy resolved may do what is asked: as [`Policy::allows`] says.
    #[must_use]
    pub fn allows_principal(&self, principal: &Principal, attributes: &Attributes<'_>) -> bool {
        let question = self.question(attributes);
        let allow = |roles: &[RoleId]| roles.iter().any(|&role| self.role_allows(role, &question));
        allow(&principal.cluster) || allow(self.roles_of(principal, attributes.namespace()))
    }

    fn roles_of<'a>(&self, principal: &'a Principal, namespace: &str) -> &'a [RoleId] {
        if namespace.is_empty() || principal.spaces.is_empty() {
            return &[];
        }
        principal
            .spaces
            .find(self.hash_namespace(namespace), |row| row.namespace == namespace)
            .map_or(&[], |row| &row.roles)
    }
}
