//! What every node may do, whatever runs on it: the rules of ClusterRole `system:node` (S-NODE-3).
//!
//! Most of them are never asked: requests for those resources have checks of their own.

use std::fmt;

use crate::model::{Attributes, ResourceAttributes};

/// A rule of ClusterRole `system:node`.
///
/// ```
/// use portcullis::authz::node;
///
/// let rule = node::rules().first().expect("there are some");
/// assert_eq!(
///     rule.to_string(),
///     "verbs [create], apiGroups [authentication.k8s.io], resources [tokenreviews]"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// The API groups; the core group is empty.
    pub api_groups: &'static [&'static str],
    /// The resources, with their subresources.
    pub resources: &'static [&'static str],
}

const READ: &[&str] = &["get", "list", "watch"];
const CORE: &[&str] = &[""];

/// The rules of Kubernetes 1.36 with its default feature gates, in their order.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule(&["create"], &["authentication.k8s.io"], &["tokenreviews"]),
    rule(&["create"], &["authorization.k8s.io"], &["localsubjectaccessreviews", "subjectaccessreviews"]),
    rule(READ, CORE, &["services"]),
    rule(&["create", "get", "list", "watch"], CORE, &["nodes"]),
    rule(&["patch", "update"], CORE, &["nodes/status"]),
    rule(&["patch", "update"], CORE, &["nodes"]),
    rule(&["create", "patch", "update"], &["", "events.k8s.io"], &["events"]),
    rule(READ, CORE, &["pods"]),
    rule(&["create", "delete"], CORE, &["pods"]),
    rule(&["patch", "update"], CORE, &["pods/status"]),
    rule(&["create"], CORE, &["pods/eviction"]),
    rule(READ, CORE, &["configmaps", "secrets"]),
    rule(&["get"], CORE, &["persistentvolumeclaims", "persistentvolumes"]),
    rule(&["get"], CORE, &["endpoints"]),
    rule(&["create", "get", "list", "watch"], &["certificates.k8s.io"], &["certificatesigningrequests"]),
    rule(&["create", "delete", "get", "patch", "update"], &["coordination.k8s.io"], &["leases"]),
    rule(&["get"], &["storage.k8s.io"], &["volumeattachments"]),
    rule(&["create"], CORE, &["serviceaccounts/token"]),
    rule(&["get", "patch", "update"], CORE, &["persistentvolumeclaims/status"]),
    rule(READ, &["storage.k8s.io"], &["csidrivers"]),
    rule(&["create", "delete", "get", "patch", "update"], &["storage.k8s.io"], &["csinodes"]),
    rule(READ, &["node.k8s.io"], &["runtimeclasses"]),
    rule(&["get"], &["resource.k8s.io"], &["resourceclaims"]),
    rule(&["deletecollection"], &["resource.k8s.io"], &["resourceslices"]),
    rule(&["get"], CORE, &["serviceaccounts"]),
];

const fn rule(
    verbs: &'static [&'static str],
    api_groups: &'static [&'static str],
    resources: &'static [&'static str],
) -> Rule {
    Rule { verbs, api_groups, resources }
}

/// The rules of ClusterRole `system:node`, in their order.
#[must_use]
pub const fn rules() -> &'static [Rule] {
    RULES
}

/// The first rule that allows a request, and its index. None grants a path (S-RBAC-2).
pub(super) fn first_allowing(attributes: &Attributes<'_>) -> Option<(usize, &'static Rule)> {
    let Attributes::Resource(asked) = attributes else { return None };
    RULES.iter().enumerate().find(|(_, rule)| rule.allows(asked))
}

impl Rule {
    /// Whether it covers a request, as RBAC reads a rule without resource names (S-RBAC-3 to 6).
    fn allows(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.api_groups.iter().any(|group| matches!(*group, "*") || *group == asked.group)
            && self.verbs.iter().any(|verb| *verb == "*" || *verb == asked.verb)
            && self.resources.iter().any(|resource| covers(resource, asked))
    }
}

/// Whether `pods`, `pods/status`, `*/status` or `*` means what is asked.
fn covers(entry: &str, asked: &ResourceAttributes<'_>) -> bool {
    if entry == "*" {
        return true;
    }
    if asked.subresource.is_empty() {
        return entry == asked.resource;
    }
    // A resource may itself contain a slash in a question: what counts is the text put together.
    let of_any = entry.strip_prefix("*/") == Some(asked.subresource);
    let rest = entry.strip_prefix(asked.resource).and_then(|rest| rest.strip_prefix('/'));
    of_any || rest == Some(asked.subresource)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (label, words) in
            [("verbs", self.verbs), ("apiGroups", self.api_groups), ("resources", self.resources)]
        {
            write!(f, "{separator}{label} [")?;
            for (at, word) in words.iter().enumerate() {
                let space = if at == 0 { "" } else { " " };
                let word = if word.is_empty() { "\"\"" } else { word };
                write!(f, "{space}{word}")?;
            }
            f.write_str("]")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rule = rule(&["*"], &["*"], &["*"]);
    const STATUS: Rule = rule(&["get"], &["apps"], &["*/status", "deployments/scale"]);

    fn asked<'a>(
        verb: &'a str,
        group: &'a str,
        resource: &'a str,
        sub: &'a str,
    ) -> ResourceAttributes<'a> {
        ResourceAttributes::new(verb, resource).in_group(group).with_subresource(sub)
    }

    #[test]
    fn a_star_means_any_verb_group_resource_and_subresource() {
        assert!(ALL.allows(&asked("x", "g", "r", "")));
        assert!(ALL.allows(&asked("x", "", "r", "s")));
        assert!(ALL.allows(&asked("", "", "", "")));
    }

    #[test]
    fn verb_group_and_resource_must_each_match_to_the_letter() {
        assert!(STATUS.allows(&asked("get", "apps", "deployments", "scale")));
        assert!(!STATUS.allows(&asked("GET", "apps", "deployments", "scale")));
        assert!(!STATUS.allows(&asked("get", "", "deployments", "scale")));
        assert!(!STATUS.allows(&asked("get", "apps", "deployments", "")));
        assert!(!STATUS.allows(&asked("get", "apps", "deployment", "scale")));
    }

    #[test]
    fn a_star_before_a_slash_means_any_resource_with_exactly_that_subresource() {
        assert!(STATUS.allows(&asked("get", "apps", "anything", "status")));
        assert!(!STATUS.allows(&asked("get", "apps", "anything", "stat")));
        assert!(!STATUS.allows(&asked("get", "apps", "status", "")));
        // S-RBAC-6: `pods/*` is no wildcard.
        assert!(!rule(&["get"], &[""], &["pods/*"]).allows(&asked("get", "", "pods", "log")));
        assert!(!rule(&["get"], &[""], &["pods"]).allows(&asked("get", "", "pods", "log")));
    }

    #[test]
    fn a_slash_in_the_resource_is_compared_as_text() {
        let rule = rule(&["get"], &[""], &["pods/log"]);
        assert!(rule.allows(&asked("get", "", "pods/log", "")));
        assert!(rule.allows(&asked("get", "", "pods", "log")));
        assert!(!rule.allows(&asked("get", "", "pods/log", "log")));
    }

    #[test]
    fn paths_are_granted_by_no_rule() {
        let path = crate::model::NonResourceAttributes { verb: "get", path: "/healthz" };
        assert_eq!(first_allowing(&Attributes::NonResource(path)), None);
        let services = Attributes::Resource(ResourceAttributes::new("watch", "services"));
        assert_eq!(first_allowing(&services).map(|(index, _)| index), Some(2));
    }
}
