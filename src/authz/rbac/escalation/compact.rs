use std::fmt::Write;

use hashbrown::HashMap;

use crate::api::Str;
use crate::api::rbac::PolicyRule;
use crate::util::goquote::QuotedList;

/// One resource that a rule is about: group, resource, and the name if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SimpleResource<'a> {
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) name: Option<&'a str>,
}

impl<'a> SimpleResource<'a> {
    /// The resource of a rule with exactly one group and resource, at most one name and no paths.
    pub(super) fn of(rule: &'a PolicyRule) -> Option<Self> {
        let ([group], [resource]) = (rule.api_groups.as_slice(), rule.resources.as_slice()) else {
            return None;
        };
        let name = match rule.resource_names.as_slice() {
            [] => None,
            [name] => Some(name.as_str()),
            _ => return None,
        };
        rule.non_resource_urls.is_empty().then_some(Self { group, resource, name })
    }
}

/// Merges the verbs of rules on the same single resource, in the order they are met, duplicates
/// kept; other rules pass through (S-ESC-6). Those that pass through come first; Kubernetes
/// promises no order.
///
/// ```
/// use portcullis::api::rbac::PolicyRule;
/// use portcullis::authz::rbac::escalation::{break_down, compact};
///
/// let rule = PolicyRule {
///     verbs: vec!["get".into(), "list".into()],
///     api_groups: vec!["".into()],
///     resources: vec!["pods".into()],
///     ..PolicyRule::default()
/// };
/// let atoms: Vec<PolicyRule> = break_down(&rule).collect();
/// assert_eq!(atoms.len(), 2);
/// assert_eq!(compact(&atoms), [rule]);
/// ```
#[must_use]
pub fn compact(rules: &[PolicyRule]) -> Vec<PolicyRule> {
    let mut others = Vec::new();
    let mut merged: Vec<PolicyRule> = Vec::new();
    let mut places: HashMap<SimpleResource<'_>, usize> = HashMap::new();
    for rule in rules {
        let Some(resource) = SimpleResource::of(rule) else {
            others.push(rule.clone());
            continue;
        };
        let place = *places.entry(resource).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(same) => same.verbs.extend_from_slice(&rule.verbs),
            None => merged.push(rule.clone()),
        }
    }
    others.append(&mut merged);
    others
}

/// A rule as the refusal writes it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, empty
/// lists left out (S-ESC-6).
#[must_use]
pub fn render(rule: &PolicyRule) -> String {
    let lists: [(&str, &[Str]); 5] = [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.non_resource_urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ];
    let mut text = String::from("{");
    for (name, list) in lists {
        if !list.is_empty() {
            let separator = if text.len() > 1 { ", " } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{name}:{}", QuotedList(list));
        }
    }
    text.push('}');
    text
}
