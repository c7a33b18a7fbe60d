//! Which rules does an aggregated ClusterRole have? (S-AGG)
//!
//! In a cluster a controller writes them, one role at a time, again after every change, until
//! nothing changes any more. [`compute`] does the same to a set of roles at once; [`resolve`]
//! chooses between what is stored and what is computed.

mod cluster;
mod warning;

use std::borrow::Cow;

use cluster::{Cluster, Member};
pub use warning::{AggregationProblem, AggregationWarning};

use crate::api::rbac::{ClusterRole, PolicyRule};

/// Where the rules of aggregated roles come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// As stored for an object that carries a resourceVersion (the cluster's own controller has
    /// filled it), computed for one that does not.
    #[default]
    Auto,
    /// As the controller would write them.
    Computed,
    /// As they are in the objects.
    Stored,
}

/// The rules that the controller would write into one aggregated role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregated {
    /// The role, by its place in the input.
    pub role: usize,
    /// Its rules once nothing changes any more; the stored ones when a selector is bad (S-AGG-7).
    pub rules: Vec<PolicyRule>,
    /// Whether they are not the stored ones.
    pub differs: bool,
}

/// The rules of every role, and what is odd about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution<'a> {
    /// In the order of the input.
    pub rules: Vec<Cow<'a, [PolicyRule]>>,
    /// In the order of the input.
    pub warnings: Vec<AggregationWarning>,
}

/// The rules of all aggregated roles, as the controller would write them (S-AGG-2). Of roles with
/// the same name give only the one that counts.
///
/// ```
/// use portcullis::api::rbac::ClusterRole;
/// use portcullis::authz::rbac::aggregation::compute;
///
/// let view: ClusterRole = serde_json::from_str(
///     r#"{"metadata": {"name": "view"}, "aggregationRule":
///         {"clusterRoleSelectors": [{"matchLabels": {"to-view": "true"}}]}}"#,
/// )?;
/// let part: ClusterRole = serde_json::from_str(
///     r#"{"metadata": {"name": "part", "labels": {"to-view": "true"}},
///         "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
/// )?;
/// let (aggregated, warnings) = compute(&[&view, &part]);
/// assert_eq!(aggregated[0].rules, part.rules);
/// assert!(warnings.is_empty());
/// // Without the label nothing is selected.
/// let other = ClusterRole { metadata: Default::default(), ..part };
/// assert!(compute(&[&view, &other]).0[0].rules.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn compute(roles: &[&ClusterRole]) -> (Vec<Aggregated>, Vec<AggregationWarning>) {
    let mut cluster = Cluster::new(roles);
    let settled = cluster.settle(|_| false);
    let aggregated = cluster
        .members
        .iter()
        .map(|member| Aggregated {
            role: member.role,
            rules: cluster.rules(settled.of(member.role)),
            differs: settled.of(member.role) != cluster.stored(member.role),
        })
        .collect();
    let mut warnings = std::mem::take(&mut cluster.warnings);
    warnings.extend(
        settled.unsettled.iter().map(|role| cluster.warning(*role, AggregationProblem::Unsettled)),
    );
    warnings.sort_by_key(|warning| warning.role);
    (aggregated, warnings)
}

/// The rules of every role under `mode`.
///
/// Rules that are stored and not what the selectors yield are reported; a role that is computed and
/// was stored empty is not, for this is how manifests write it.
#[must_use]
pub fn resolve<'a>(roles: &[&'a ClusterRole], mode: Aggregation) -> Resolution<'a> {
    let mut cluster = Cluster::new(roles);
    let is_stored = |role: usize| match mode {
        Aggregation::Auto => {
            roles.get(role).is_some_and(|role| !role.metadata.resource_version.is_empty())
        }
        Aggregation::Computed => false,
        Aggregation::Stored => true,
    };
    let computed = cluster.settle(|_| false);
    let used = cluster.settle(is_stored);

    let mut rules: Vec<Cow<'a, [PolicyRule]>> =
        roles.iter().map(|role| Cow::Borrowed(role.rules.as_slice())).collect();
    let mut warnings = std::mem::take(&mut cluster.warnings);
    for Member { role, .. } in &cluster.members {
        let (role, stored) = (*role, cluster.stored(*role));
        if used.of(role) != stored
            && let Some(rules) = rules.get_mut(role)
        {
            *rules = Cow::Owned(cluster.rules(used.of(role)));
        }
        let yielded = if is_stored(role) { computed.of(role) } else { used.of(role) };
        if yielded != stored && (is_stored(role) || !stored.is_empty()) {
            let problem = AggregationProblem::Differs {
                stored: stored.len(),
                computed: yielded.len(),
                stored_is_used: is_stored(role),
            };
            warnings.push(cluster.warning(role, problem));
        }
        if used.unsettled.contains(&role) {
            warnings.push(cluster.warning(role, AggregationProblem::Unsettled));
        }
    }
    warnings.sort_by_key(|warning| warning.role);
    Resolution { rules, warnings }
}

#[cfg(test)]
mod tests;
