use super::Watched;

/// What an RBAC role must grant so that a kind can be listed and watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The namespace of a Role; empty for a ClusterRole.
    pub namespace: String,
    /// The API group.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
}

/// The least that watching these kinds needs, without duplicates; each with the verbs `list` and `watch`.
#[must_use]
pub fn permissions(watched: &[Watched]) -> Vec<Permission> {
    let _ = watched;
    todo!()
}
