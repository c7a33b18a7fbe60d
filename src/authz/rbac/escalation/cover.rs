use super::index::{Bits, Index, bits_where, intersects};
use crate::api::Str;
use crate::api::rbac::PolicyRule;

/// How many uncovered atoms are listed. A role of a few kilobytes can break down into billions of
/// atoms; no such role can be stored or read by a person, and the answer is no after the first.
pub const UNCOVERED_LIMIT: usize = 100_000;

/// What [`covers`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Whether the owner holds everything that is requested.
    pub covered: bool,
    /// The atoms the owner does not hold, in the order of the request, repeated as requested.
    pub uncovered: Vec<PolicyRule>,
    /// Whether [`UNCOVERED_LIMIT`] cut the list short.
    pub truncated: bool,
}

/// Whether the `owner` rules hold everything that the `requested` rules grant (S-ESC-3, S-ESC-5).
///
/// Each atom of the request must be held by one rule alone: holding every verb one by one does not
/// cover `*` (S-ESC-5b). Rules without verbs, or without groups or resources, grant nothing and are
/// covered by anybody.
///
/// ```
/// use portcullis::api::rbac::PolicyRule;
/// use portcullis::authz::rbac::escalation::covers;
///
/// let rule = |verbs: &[&str], resource: &str| PolicyRule {
///     verbs: verbs.iter().map(|verb| (*verb).into()).collect(),
///     api_groups: vec!["".into()],
///     resources: vec![resource.into()],
///     ..PolicyRule::default()
/// };
/// let owner = [rule(&["get", "list"], "*/log")];
/// assert!(covers(&owner, &[rule(&["get"], "pods/log")]).covered);
///
/// let coverage = covers(&owner, &[rule(&["get", "delete"], "pods/log")]);
/// assert!(!coverage.covered);
/// assert_eq!(coverage.uncovered, [rule(&["delete"], "pods/log")]);
/// ```
#[must_use]
pub fn covers(owner: &[PolicyRule], requested: &[PolicyRule]) -> Coverage {
    let held = Held::new(owner);
    let mut search = Search::new(owner);
    for rule in requested {
        let within =
            held.uncovered_resources(rule, &mut search) && held.uncovered_paths(rule, &mut search);
        if !within {
            break;
        }
    }
    Coverage {
        covered: search.uncovered.is_empty(),
        uncovered: search.uncovered,
        truncated: search.truncated,
    }
}

/// The atoms of a rule: one group, resource, verb and at most one name each, then one path and
/// verb each (S-ESC-3).
pub fn break_down(rule: &PolicyRule) -> impl Iterator<Item = PolicyRule> + '_ {
    let names = || {
        let unnamed = rule.resource_names.is_empty().then_some(None);
        unnamed.into_iter().chain(rule.resource_names.iter().map(Some))
    };
    let on_resources = rule.api_groups.iter().flat_map(move |group| {
        rule.resources.iter().flat_map(move |resource| {
            rule.verbs.iter().flat_map(move |verb| {
                names().map(move |name| resource_atom(group, resource, verb, name))
            })
        })
    });
    let on_paths = rule
        .non_resource_urls
        .iter()
        .flat_map(|path| rule.verbs.iter().map(move |verb| path_atom(path, verb)));
    on_resources.chain(on_paths)
}

fn resource_atom(group: &Str, resource: &Str, verb: &Str, name: Option<&Str>) -> PolicyRule {
    PolicyRule {
        verbs: vec![verb.clone()],
        api_groups: vec![group.clone()],
        resources: vec![resource.clone()],
        resource_names: name.cloned().into_iter().collect(),
        non_resource_urls: Vec::new(),
    }
}

fn path_atom(path: &Str, verb: &Str) -> PolicyRule {
    PolicyRule {
        verbs: vec![verb.clone()],
        non_resource_urls: vec![path.clone()],
        ..PolicyRule::default()
    }
}

/// The owner's rules, by what they hold. Asking about an atom is an intersection of bit sets, not
/// a walk over the rules.
struct Held<'a> {
    verbs: Index<'a>,
    groups: Index<'a>,
    resources: Index<'a>,
    names: Index<'a>,
    paths: Index<'a>,
    /// Held paths that end in `*`, with the prefix they stand for.
    prefixes: Vec<(&'a str, &'a str)>,
    /// Rules that are not limited to names.
    unnamed: Bits,
}

/// What was found so far, and the sets that are reused from atom to atom.
struct Search {
    uncovered: Vec<PolicyRule>,
    truncated: bool,
    all: Bits,
    in_group: Bits,
    on_target: Bits,
    granting: Bits,
}

impl Search {
    fn new(owner: &[PolicyRule]) -> Self {
        Self {
            uncovered: Vec::new(),
            truncated: false,
            all: bits_where(owner, |_| true),
            in_group: Bits::new(),
            on_target: Bits::new(),
            granting: Bits::new(),
        }
    }

    /// Lists an atom; `false` when the list is full.
    fn push(&mut self, atom: PolicyRule) -> bool {
        self.truncated = self.uncovered.len() >= UNCOVERED_LIMIT;
        if !self.truncated {
            self.uncovered.push(atom);
        }
        !self.truncated
    }
}

impl<'a> Held<'a> {
    fn new(owner: &'a [PolicyRule]) -> Self {
        let paths = Index::new(owner, |rule| rule.non_resource_urls.iter().map(Str::as_str));
        let prefixes = paths
            .values()
            .filter(|path| path.ends_with('*'))
            .map(|path| (path, path.trim_end_matches('*')))
            .collect();
        Self {
            verbs: Index::new(owner, |rule| rule.verbs.iter().map(Str::as_str)),
            groups: Index::new(owner, |rule| rule.api_groups.iter().map(Str::as_str)),
            resources: Index::new(owner, |rule| rule.resources.iter().map(Str::as_str)),
            names: Index::new(owner, |rule| rule.resource_names.iter().map(Str::as_str)),
            paths,
            prefixes,
            unnamed: bits_where(owner, |rule| rule.resource_names.is_empty()),
        }
    }

    /// Lists the atoms on resources that no rule holds; `false` when the list is full.
    fn uncovered_resources(&self, rule: &PolicyRule, search: &mut Search) -> bool {
        if self.is_held_by_one(rule, search) {
            return true;
        }
        for group in &rule.api_groups {
            self.select_group(group, &search.all, &mut search.in_group);
            for resource in &rule.resources {
                self.select_resource(resource, &search.in_group, &mut search.on_target);
                for verb in &rule.verbs {
                    self.select_verb(verb, &search.on_target, &mut search.granting);
                    if intersects(&search.granting, &self.unnamed) {
                        continue;
                    }
                    if rule.resource_names.is_empty()
                        && !search.push(resource_atom(group, resource, verb, None))
                    {
                        return false;
                    }
                    for name in &rule.resource_names {
                        if !self.names.any_exact(name, &search.granting)
                            && !search.push(resource_atom(group, resource, verb, Some(name)))
                        {
                            return false;
                        }
                    }
                }
            }
        }
        true
    }

    /// Lists the atoms on paths that no rule holds; `false` when the list is full. An atom has no
    /// names, so only rules without names count (S-ESC-5).
    fn uncovered_paths(&self, rule: &PolicyRule, search: &mut Search) -> bool {
        for path in &rule.non_resource_urls {
            search.on_target.clear();
            search.on_target.resize(self.unnamed.len(), 0);
            self.paths.select_exact(path, &self.unnamed, &mut search.on_target);
            for (held, prefix) in &self.prefixes {
                if path.starts_with(prefix) {
                    self.paths.select_exact(held, &self.unnamed, &mut search.on_target);
                }
            }
            for verb in &rule.verbs {
                self.select_verb(verb, &search.on_target, &mut search.granting);
                if !intersects(&search.granting, &self.unnamed)
                    && !search.push(path_atom(path, verb))
                {
                    return false;
                }
            }
        }
        true
    }

    /// Whether a single rule without names holds all atoms on resources. Most requests are covered
    /// so, and it takes the sum of the lists, not their product.
    fn is_held_by_one(&self, rule: &PolicyRule, search: &mut Search) -> bool {
        let (from, into) = (&mut search.in_group, &mut search.on_target);
        from.clone_from(&self.unnamed);
        for group in &rule.api_groups {
            self.select_group(group, from, into);
            std::mem::swap(from, into);
        }
        for resource in &rule.resources {
            self.select_resource(resource, from, into);
            std::mem::swap(from, into);
        }
        for verb in &rule.verbs {
            self.select_verb(verb, from, into);
            std::mem::swap(from, into);
        }
        from.iter().any(|word| *word != 0)
    }

    fn select_verb(&self, verb: &str, from: &Bits, into: &mut Bits) {
        self.verbs.select_wildcard(from, into);
        self.verbs.select_exact(verb, from, into);
    }

    fn select_group(&self, group: &str, from: &Bits, into: &mut Bits) {
        self.groups.select_wildcard(from, into);
        self.groups.select_exact(group, from, into);
    }

    /// A resource is held by `*`, by itself, or, when it has a subresource, by `*/subresource`.
    fn select_resource(&self, resource: &str, from: &Bits, into: &mut Bits) {
        self.resources.select_wildcard(from, into);
        self.resources.select_exact(resource, from, into);
        if let Some((_, subresource)) = resource.split_once('/') {
            self.resources.select_exact(&format!("*/{subresource}"), from, into);
        }
    }
}
