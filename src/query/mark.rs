//! Grants that no request can use. Access reviews answer about them all the same: a mark is advice
//! and changes no decision.

use std::fmt;

use crate::api::Str;
use crate::api::rbac::PolicyRule;
use crate::api::resources::ResourceTable;
use crate::model::{Attributes, ResourceAttributes};

/// Why no request can use a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Mark {
    /// A path through a RoleBinding: a request for a path has no namespace, so no RoleBinding is
    /// looked at; rules reviews list the grant all the same (S-RULES-4).
    Dead,
    /// A cluster-scoped resource through a RoleBinding: requests for it carry no namespace. A
    /// review that names one is answered with yes.
    Unreachable,
    /// Object names beside `deletecollection`, whose requests carry none (S-ATTR-19).
    Nameless,
    /// A subject that is no user: a kind that is not known, or a service account without a
    /// namespace (S-RBAC-15, S-RBAC-16).
    Nobody,
}

impl Mark {
    /// One word, for tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Unreachable => "unreachable",
            Self::Nameless => "nameless",
            Self::Nobody => "nobody",
        }
    }

    /// What it means, in a clause.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Dead => "a path has no namespace, so a RoleBinding never grants it",
            Self::Unreachable => {
                "requests for a cluster-scoped resource name no namespace, so a RoleBinding never \
                 grants them"
            }
            Self::Nameless => "requests with this verb carry no object name",
            Self::Nobody => "no user is this subject",
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far the binding of a grant reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// A ClusterRoleBinding.
    Cluster,
    /// A RoleBinding.
    Namespace,
}

/// What of a rule no request can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleMarks {
    /// Its paths are [`Mark::Dead`].
    pub dead_paths: bool,
    /// The entries of `resources` that are [`Mark::Unreachable`].
    pub unreachable: Vec<Str>,
    /// The verbs whose requests carry no object name, beside the names that the rule has:
    /// `deletecollection`, and `create` but for creation by PUT or server-side apply (S-ATTR-19,
    /// S-ATTR-25).
    pub nameless: Vec<Str>,
    /// Set when nothing of the rule can be used: why.
    pub whole: Option<Mark>,
}

/// Marks a question as asked through a binding of this reach.
///
/// ```
/// use portcullis::api::resources::ResourceTable;
/// use portcullis::model::{Attributes, ResourceAttributes};
/// use portcullis::query::{Mark, Reach, mark_attributes};
///
/// let table = ResourceTable::builtin();
/// let nodes = ResourceAttributes::new("list", "nodes").in_namespace("shop");
/// let mark = |reach| mark_attributes(&Attributes::Resource(nodes), reach, &table);
/// assert_eq!(mark(Reach::Namespace), Some(Mark::Unreachable));
/// assert_eq!(mark(Reach::Cluster), None);
/// ```
#[must_use]
pub fn mark_attributes(
    attributes: &Attributes<'_>,
    reach: Reach,
    resources: &ResourceTable,
) -> Option<Mark> {
    if reach == Reach::Cluster {
        return None;
    }
    match attributes {
        Attributes::NonResource(_) => Some(Mark::Dead),
        Attributes::Resource(ResourceAttributes { verb, group, resource, .. }) => {
            let known = resources.get(group, resource)?;
            let is_out = !known.namespaced && !carries_namespace(group, resource, verb);
            is_out.then_some(Mark::Unreachable)
        }
    }
}

/// Marks a rule as granted through a binding of this reach.
///
/// ```
/// use portcullis::api::rbac::PolicyRule;
/// use portcullis::api::resources::ResourceTable;
/// use portcullis::query::{Mark, Reach, mark_rule};
///
/// let metrics = PolicyRule {
///     verbs: vec!["get".into()],
///     non_resource_urls: vec!["/metrics".into()],
///     ..PolicyRule::default()
/// };
/// let table = ResourceTable::builtin();
/// assert_eq!(mark_rule(&metrics, Reach::Namespace, &table).whole, Some(Mark::Dead));
/// assert_eq!(mark_rule(&metrics, Reach::Cluster, &table).whole, None);
/// ```
#[must_use]
pub fn mark_rule(rule: &PolicyRule, reach: Reach, resources: &ResourceTable) -> RuleMarks {
    let mut marks = RuleMarks::default();
    let has_paths = !rule.non_resource_urls.is_empty();
    let has_resources = !rule.resources.is_empty() && !rule.api_groups.is_empty();
    if reach == Reach::Namespace {
        marks.dead_paths = has_paths;
        let is_out = |entry: &&Str| is_unreachable(rule, entry, resources);
        marks.unreachable = rule.resources.iter().filter(is_out).cloned().collect();
    }
    if has_resources && !rule.resource_names.is_empty() {
        let is_nameless =
            |verb: &&Str| !rule.resources.iter().any(|entry| carries_name(verb, entry));
        // A name that is empty stands for no name (S-RBAC-9).
        if !rule.resource_names.iter().any(|name| name.is_empty()) {
            marks.nameless = rule.verbs.iter().filter(is_nameless).cloned().collect();
        }
    }
    let no_paths = !has_paths || marks.dead_paths;
    let all_unreachable = marks.unreachable.len() == rule.resources.len();
    let all_nameless =
        !marks.nameless.is_empty() && rule.verbs.iter().all(|verb| verb == "deletecollection");
    marks.whole = match (has_paths, has_resources) {
        (true, false) if marks.dead_paths => Some(Mark::Dead),
        (_, true) if no_paths && all_unreachable => Some(Mark::Unreachable),
        (_, true) if no_paths && all_nameless => Some(Mark::Nameless),
        _ => None,
    };
    marks
}

/// Whether every request that this entry of a rule covers is without a namespace. What is not
/// known counts as reachable.
fn is_unreachable(rule: &PolicyRule, entry: &str, resources: &ResourceTable) -> bool {
    let plural = entry.split_once('/').map_or(entry, |(plural, _)| plural);
    if plural == "*" || rule.api_groups.is_empty() {
        return false;
    }
    let is_cluster_scoped = |group: &str| {
        resources.get(group, plural).is_some_and(|known| {
            let carries = |verb: &Str| carries_namespace(group, plural, verb);
            !known.namespaced && !rule.verbs.iter().any(carries)
        })
    };
    rule.api_groups.iter().all(|group| {
        if group != "*" {
            return is_cluster_scoped(group);
        }
        let mut called = resources.iter().filter(|known| known.plural == plural).peekable();
        called.peek().is_some() && called.all(|known| is_cluster_scoped(&known.group))
    })
}

/// Whether requests for a cluster-scoped resource can carry a namespace nevertheless: those on one
/// namespace carry its own name (S-ATTR-16), and who binds a ClusterRole in a namespace is asked
/// for `bind` there (S-ESC-11).
fn carries_namespace(group: &str, resource: &str, verb: &str) -> bool {
    match (group, resource) {
        ("", "namespaces") => !matches!(verb, "create" | "list" | "deletecollection"),
        ("rbac.authorization.k8s.io", "clusterroles") => matches!(verb, "bind" | "*"),
        _ => false,
    }
}

/// Whether requests with this verb can name an object: `create` does only on a subresource
/// (S-ATTR-19).
fn carries_name(verb: &str, entry: &str) -> bool {
    match verb {
        "deletecollection" => false,
        "create" => entry.contains('/') || entry == "*",
        _ => true,
    }
}
