//! The world as other engines like it: who holds which role where, as rows of strings.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{PolicyRule, Subject};
use portcullis::model::ServiceAccountName;

use crate::world::reference::Roles;

/// One subject of one binding whose role exists.
pub(crate) struct Held {
    /// `u:` and the user name (service accounts by theirs), or `g:` and the group.
    pub(crate) holder: String,
    /// Empty: everywhere.
    pub(crate) namespace: String,
    /// The key of [`Flat::roles`].
    pub(crate) role: String,
}

/// Rows and roles, without what grants nothing: dangling bindings and roles that no binding names.
pub(crate) struct Flat<'w> {
    /// Each row once.
    pub(crate) held: Vec<Held>,
    /// ClusterRoles by name, Roles by `namespace/name`.
    pub(crate) roles: BTreeMap<String, &'w [PolicyRule]>,
}

impl<'w> Flat<'w> {
    /// Flattens a world.
    pub(crate) fn new(inventory: &'w Inventory) -> Self {
        let resolver = Roles::new(inventory);
        let cluster_wide = inventory.cluster_role_bindings.iter().map(|it| &it.value);
        let cluster_wide = cluster_wide.map(|it| (&it.subjects, "", &it.role_ref));
        let namespaced = inventory.role_bindings.iter().map(|it| &it.value);
        let namespaced =
            namespaced.map(|it| (&it.subjects, it.metadata.namespace.as_str(), &it.role_ref));

        let (mut rows, mut roles) = (BTreeSet::new(), BTreeMap::new());
        for (subjects, namespace, role_ref) in cluster_wide.chain(namespaced) {
            let rules = resolver.resolve(role_ref, namespace);
            if rules.is_empty() {
                continue;
            }
            let role = match role_ref.kind.as_str() {
                "Role" => format!("{namespace}/{}", role_ref.name),
                _ => role_ref.name.to_string(),
            };
            for subject in subjects {
                rows.insert((holder(subject), namespace.to_owned(), role.clone()));
            }
            roles.insert(role, rules);
        }
        let held = rows.into_iter();
        let held = held.map(|(holder, namespace, role)| Held { holder, namespace, role }).collect();
        Self { held, roles }
    }
}

fn holder(subject: &Subject) -> String {
    match subject.kind.as_str() {
        "Group" => format!("g:{}", subject.name),
        "ServiceAccount" => {
            format!("u:{}", ServiceAccountName::username(&subject.namespace, &subject.name))
        }
        _ => format!("u:{}", subject.name),
    }
}
