use super::{LoadError, LoadOptions, Loaded, parse};
use crate::api::inventory::Inventory;

/// The roles and bindings that every API server of Kubernetes 1.36 creates, as a manifest.
pub const DEFAULT_ROLES: &str = include_str!("../../policies/rbac/kubernetes-defaults.yaml");

/// Puts [`DEFAULT_ROLES`] in front of what was loaded, which counts where both have an object.
///
/// # Errors
/// Never in practice: the manifest is part of the crate.
pub fn put_default_roles_in_front(
    loaded: &mut Loaded,
    options: &LoadOptions,
) -> Result<(), LoadError> {
    let defaults = parse("<defaults>", DEFAULT_ROLES.as_bytes(), options)?.inventory;
    let Inventory { cluster_roles, cluster_role_bindings, roles, role_bindings, .. } = defaults;
    let all = &mut loaded.inventory;
    put_in_front(&mut all.cluster_roles, cluster_roles);
    put_in_front(&mut all.cluster_role_bindings, cluster_role_bindings);
    put_in_front(&mut all.roles, roles);
    put_in_front(&mut all.role_bindings, role_bindings);
    Ok(())
}

fn put_in_front<T>(own: &mut Vec<T>, mut front: Vec<T>) {
    front.append(own);
    *own = front;
}
