use super::Watched;

/// What an RBAC role must grant so that a kind can be listed and watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The namespace of a Role; empty for a ClusterRole.
    pub namespace: String,
    /// The API group.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
}

/// The least that watching these kinds needs, without duplicates, sorted; each with the verbs `list` and
/// `watch`.
///
/// ```
/// use portcullis::source::watch::{Watched, permissions};
///
/// let needed = permissions(&[Watched::BootstrapSecrets]);
/// assert_eq!((needed[0].namespace.as_str(), needed[0].resource), ("kube-system", "secrets"));
/// ```
#[must_use]
pub fn permissions(watched: &[Watched]) -> Vec<Permission> {
    let needed = |watched: &Watched| {
        let definition = watched.definition();
        let namespace = watched.namespace().unwrap_or_default().to_owned();
        Permission { namespace, group: definition.group, resource: definition.resource }
    };
    let mut all: Vec<Permission> = watched.iter().map(needed).collect();
    all.sort_unstable();
    all.dedup();
    // What all namespaces allow, one does.
    let everywhere: Vec<Permission> =
        all.iter().filter(|it| it.namespace.is_empty()).cloned().collect();
    all.retain(|it| {
        let wider = |wide: &Permission| (wide.group, wide.resource) == (it.group, it.resource);
        it.namespace.is_empty() || !everywhere.iter().any(wider)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(watched: &[Watched]) -> Vec<String> {
        let told = |it: Permission| format!("{}:{}/{}", it.namespace, it.group, it.resource);
        permissions(watched).into_iter().map(told).collect()
    }

    #[test]
    fn what_is_needed_is_told_once_and_no_wider_than_need_be() {
        let facts =
            |labels: &str| Watched::ConfigMaps { namespace: "p".into(), labels: labels.into() };
        assert_eq!(
            needed(&[facts("a"), Watched::BootstrapSecrets, facts("b"), Watched::Roles]),
            [":rbac.authorization.k8s.io/roles", "kube-system:/secrets", "p:/configmaps"]
        );
    }

    #[test]
    fn secrets_of_all_namespaces_hold_those_of_one() {
        let both =
            [Watched::BootstrapSecrets, Watched::SecretMetadata, Watched::ServiceAccountSecrets];
        assert_eq!(needed(&both), [":/secrets"]);
    }
}
