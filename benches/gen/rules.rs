//! Short ways to write rules and roles.

use portcullis::api::Str;
use portcullis::api::meta::ObjectMeta;
use portcullis::api::rbac::{ClusterRole, PolicyRule};

/// The verbs that read.
pub(crate) const READ: &str = "get list watch";
/// The verbs that write.
pub(crate) const WRITE: &str = "create delete deletecollection patch update";
/// Both.
pub(crate) const ALL: &str = "create delete deletecollection get list patch update watch";

/// The label by which `role` collects the rules of others.
pub(crate) fn aggregate_label(role: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{role}")
}

/// A rule from words separated by blanks; `core` is the core group.
pub(crate) fn rule(verbs: &str, groups: &str, resources: &str) -> PolicyRule {
    let words = |text: &str| text.split_whitespace().map(Str::from).collect();
    let group = |word: &str| {
        if word == "core" { Str::default() } else { word.into() }
    };
    PolicyRule {
        verbs: words(verbs),
        api_groups: groups.split_whitespace().map(group).collect(),
        resources: words(resources),
        ..PolicyRule::default()
    }
}

/// The same rule for these objects only.
pub(crate) fn named<N: Into<Str>>(
    mut rule: PolicyRule,
    names: impl IntoIterator<Item = N>,
) -> PolicyRule {
    rule.resource_names = names.into_iter().map(Into::into).collect();
    rule
}

/// A rule on paths.
pub(crate) fn urls(verbs: &str, paths: &str) -> PolicyRule {
    let words = |text: &str| text.split_whitespace().map(Str::from).collect();
    PolicyRule { verbs: words(verbs), non_resource_urls: words(paths), ..PolicyRule::default() }
}

/// A ClusterRole whose rules others may collect.
pub(crate) fn cluster_role(
    name: impl Into<Str>,
    rules: Vec<PolicyRule>,
    aggregate_to: &[&str],
) -> ClusterRole {
    let labels =
        aggregate_to.iter().map(|role| (aggregate_label(role).into(), "true".into())).collect();
    let metadata = ObjectMeta { name: name.into(), labels, ..ObjectMeta::default() };
    ClusterRole { metadata, rules, aggregation_rule: None }
}
