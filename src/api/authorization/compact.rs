use super::rules::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};
use crate::api::Str;

/// One line of `kubectl auth can-i --list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// `resource.group/subresource`; empty for paths.
    pub resources: String,
    /// The path, if it is one.
    pub non_resource_urls: Vec<Str>,
    /// The name, if the rule has one.
    pub resource_names: Vec<Str>,
    /// The verbs, in the order in which they were met.
    pub verbs: Vec<Str>,
}

/// A rules review as kubectl lists it: each rule broken down, resources with the same group and
/// name merged, all sorted (S-SAR-23).
///
/// ```
/// use portcullis::api::authorization::{ResourceRule, SubjectRulesReviewStatus, compact};
///
/// let rule = |verb: &str| ResourceRule {
///     verbs: vec![verb.into()],
///     api_groups: vec!["apps".into()],
///     resources: vec!["deployments/scale".into()],
///     resource_names: vec![],
/// };
/// let status = SubjectRulesReviewStatus {
///     resource_rules: vec![rule("get"), rule("update"), rule("get")],
///     ..Default::default()
/// };
/// let rows = compact(&status);
/// assert_eq!(rows[0].resources, "deployments.apps/scale");
/// assert_eq!(rows[0].verbs, ["get", "update"]);
/// assert_eq!(rows.len(), 1);
/// ```
#[must_use]
pub fn compact(status: &SubjectRulesReviewStatus) -> Vec<RuleRow> {
    let mut rules: Vec<Rule<'_>> = Vec::new();
    let mut merged = std::collections::HashMap::new();
    for (target, verb) in status.resource_rules.iter().flat_map(atoms) {
        let index = *merged.entry(target).or_insert_with(|| {
            rules.push(Rule { target, verbs: Vec::new() });
            rules.len() - 1
        });
        if let Some(rule) = rules.get_mut(index)
            && !rule.verbs.contains(&verb)
        {
            rule.verbs.push(verb);
        }
    }
    // Paths are neither merged nor deduplicated.
    for NonResourceRule { verbs, non_resource_urls } in &status.non_resource_rules {
        rules.extend(non_resource_urls.iter().flat_map(|url| {
            verbs.iter().map(|verb| Rule { target: Target::Path(url), verbs: vec![verb] })
        }));
    }
    rules.sort_by_cached_key(Rule::sort_key);
    rules.iter().map(Rule::row).collect()
}

/// What verbs are about, with one of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target<'a> {
    Resource { group: &'a Str, resource: &'a Str, name: Option<&'a Str> },
    Path(&'a Str),
}

struct Rule<'a> {
    target: Target<'a>,
    verbs: Vec<&'a Str>,
}

/// Each group with each resource, verb and name (S-ESC-3).
fn atoms(rule: &ResourceRule) -> impl Iterator<Item = (Target<'_>, &Str)> {
    let ResourceRule { verbs, api_groups, resources, resource_names } = rule;
    // Without names there is one atom, about any name.
    let unnamed = resource_names.is_empty().then_some(None);
    api_groups.iter().flat_map(move |group| {
        resources.iter().flat_map(move |resource| {
            verbs.iter().flat_map(move |verb| {
                unnamed
                    .into_iter()
                    .chain(resource_names.iter().map(Some))
                    .map(move |name| (Target::Resource { group, resource, name }, verb))
            })
        })
    })
}

impl Rule<'_> {
    /// kubectl sorts by how Go prints the rule.
    fn sort_key(&self) -> String {
        let verbs = self.verbs.iter().map(|verb| verb.as_str()).collect::<Vec<_>>().join(" ");
        let (group, resource, name, url) = match self.target {
            Target::Resource { group, resource, name } => {
                (group.as_str(), resource.as_str(), name.map_or("", |name| name.as_str()), "")
            }
            Target::Path(url) => ("", "", "", url.as_str()),
        };
        format!(
            "&PolicyRule{{Verbs:[{verbs}],APIGroups:[{group}],Resources:[{resource}],\
             ResourceNames:[{name}],NonResourceURLs:[{url}],}}"
        )
    }

    fn row(&self) -> RuleRow {
        let verbs = self.verbs.iter().map(|verb| (*verb).clone()).collect();
        match self.target {
            Target::Path(url) => RuleRow {
                resources: String::new(),
                non_resource_urls: vec![url.clone()],
                resource_names: Vec::new(),
                verbs,
            },
            Target::Resource { group, resource, name } => RuleRow {
                resources: combined(group, resource),
                non_resource_urls: Vec::new(),
                resource_names: name.cloned().into_iter().collect(),
                verbs,
            },
        }
    }
}

/// The group goes between resource and subresource.
fn combined(group: &str, resource: &str) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    match resource.split_once('/') {
        None => format!("{resource}{dot}{group}"),
        Some((resource, subresource)) => format!("{resource}{dot}{group}/{subresource}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(json: &str) -> Vec<String> {
        compact(&serde_json::from_str(json).unwrap())
            .into_iter()
            .map(|row| {
                format!(
                    "{}|{}|{}|{}",
                    row.resources,
                    row.non_resource_urls.join(" "),
                    row.resource_names.join(" "),
                    row.verbs.join(" ")
                )
            })
            .collect()
    }

    #[test]
    fn rules_are_broken_down_merged_and_sorted() {
        assert_eq!(
            rows(
                r#"{"resourceRules": [
                    {"verbs": ["list", "get"], "apiGroups": ["", "apps"], "resources": ["pods"]},
                    {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]},
                    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                    {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"],
                     "resourceNames": ["b", "a"]}]}"#
            ),
            [
                "*.*|||*",
                "pods/log||a|get",
                "pods/log||b|get",
                "pods|||list get",
                "pods.apps|||list get"
            ]
        );
    }

    #[test]
    fn paths_stay_apart_even_when_they_are_the_same() {
        assert_eq!(
            rows(
                r#"{"nonResourceRules": [
                    {"verbs": ["get", "head"], "nonResourceURLs": ["/b", "/a"]},
                    {"verbs": ["get"], "nonResourceURLs": ["/a"]}]}"#
            ),
            ["|/a||get", "|/a||get", "|/b||get", "|/a||head", "|/b||head"]
        );
    }

    #[test]
    fn an_empty_review_is_an_empty_list() {
        assert_eq!(rows("{}"), Vec::<String>::new());
    }
}
