use super::mark::{Reach, RuleMarks, mark_rule};
use crate::api::rbac::PolicyRule;
use crate::api::resources::ResourceTable;
use crate::authz::Rules;
use crate::authz::rbac::{self, BindingRef};
use crate::model::User;
use crate::snapshot::{Link, Mode, Snapshot};

/// What a user may do in a namespace, each rule with where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Listing<'s> {
    /// The rules, in the order of a rules review (S-CHAIN-4), duplicates kept.
    pub entries: Vec<Entry<'s>>,
    /// Whether some authorizer could not list all that it grants.
    pub incomplete: bool,
    /// What could not be resolved.
    pub errors: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Entry<'s> {
    /// The name of the authorizer in the chain.
    pub authorizer: &'s str,
    /// The binding that brings it, for RBAC.
    pub binding: Option<BindingRef<'s>>,
    /// Its index in the role; its place in the list for other authorizers.
    pub rule_index: u32,
    /// The rule; those of other authorizers are written as RBAC would.
    pub rule: PolicyRule,
    /// What of it no request can use.
    pub marks: RuleMarks,
}

/// Everything that a user may do in a namespace (empty: at cluster scope only): what a rules
/// review lists, with bindings and marks. The built-in `system:masters` step is not in it
/// (S-CHAIN-4).
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::api::resources::ResourceTable;
/// use portcullis::model::User;
/// use portcullis::query;
/// use portcullis::snapshot::{Config, Mode, compile};
///
/// let snapshot = compile(&Inventory::default(), &Config::new([Mode::Rbac, Mode::AlwaysAllow]))?;
/// let listing = query::rules(&snapshot, &User::new("jane"), "shop", &ResourceTable::builtin());
/// assert_eq!(listing.entries[0].authorizer, "AlwaysAllow");
/// assert_eq!(listing.entries[0].rule.resources, ["*"]);
/// # Ok::<(), portcullis::snapshot::CompileError>(())
/// ```
#[must_use]
pub fn rules<'s>(
    snapshot: &'s Snapshot,
    user: &User,
    namespace: &str,
    resources: &ResourceTable,
) -> Listing<'s> {
    let mut listing = Listing::default();
    // What is listed is that of the groups of now, where somebody replaces them.
    let asker = match snapshot.chain().asker(user) {
        Ok(asker) => asker,
        Err(error) => {
            return Listing { incomplete: true, errors: vec![error.to_string()], ..listing };
        }
    };
    let user: &User = &asker;
    let mut links = snapshot.links().iter();
    for (authorizer, rules) in snapshot.chain().rules_by_member(user, namespace) {
        let policy =
            snapshot.rbac().filter(|_| links.next().and_then(Link::mode) == Some(Mode::Rbac));
        listing.incomplete |= rules.incomplete;
        listing.errors.extend(rules.errors.iter().cloned());
        match policy {
            Some(policy) => {
                let entries = of_rbac(policy, authorizer, user, namespace, resources);
                listing.entries.extend(entries);
            }
            None => listing.entries.extend(of_another(authorizer, rules)),
        }
    }
    listing
}

fn of_rbac<'s>(
    policy: &'s rbac::Policy,
    authorizer: &'s str,
    user: &User,
    namespace: &str,
    resources: &ResourceTable,
) -> Vec<Entry<'s>> {
    let mut entries = Vec::new();
    for binding in policy.bindings_for(user, namespace) {
        let reach = if binding.namespace().is_empty() { Reach::Cluster } else { Reach::Namespace };
        for (rule_index, rule) in (0..).zip(binding.role_rules().unwrap_or_default()) {
            // S-RULES-2: such a rule is not listed.
            if rule.resources.is_empty() && rule.non_resource_urls.is_empty() {
                continue;
            }
            let marks = mark_rule(&rule, reach, resources);
            entries.push(Entry { authorizer, binding: Some(binding), rule_index, rule, marks });
        }
    }
    entries
}

fn of_another(authorizer: &str, rules: Rules) -> impl Iterator<Item = Entry<'_>> {
    let on_resources = rules.resource.into_iter().map(|rule| PolicyRule {
        verbs: rule.verbs,
        api_groups: rule.api_groups,
        resources: rule.resources,
        resource_names: rule.resource_names,
        non_resource_urls: Vec::new(),
    });
    let on_paths = rules.non_resource.into_iter().map(|rule| PolicyRule {
        verbs: rule.verbs,
        non_resource_urls: rule.non_resource_urls,
        ..PolicyRule::default()
    });
    (0..).zip(on_resources.chain(on_paths)).map(move |(rule_index, rule)| Entry {
        authorizer,
        binding: None,
        rule_index,
        rule,
        marks: RuleMarks::default(),
    })
}
