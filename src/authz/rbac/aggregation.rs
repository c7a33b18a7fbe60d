//! Which rules does an aggregated ClusterRole have? (S-AGG)
//!
//! In a cluster a controller writes them, one role at a time, again after every change, until
//! nothing changes any more. [`compute`] does the same to a set of roles at once; [`resolve`]
//! chooses between what is stored and what is computed.

use std::borrow::Cow;
use std::fmt;

use hashbrown::{HashMap, HashSet};

use crate::api::Str;
use crate::api::meta::LabelSelector;
use crate::api::rbac::{AggregationRule, ClusterRole, PolicyRule};
use crate::api::selector::LabelMatcher;

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

/// Something odd about an aggregated role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregationWarning {
    /// The role, by its place in the input.
    pub role: usize,
    /// Its name.
    pub name: Str,
    /// What is odd.
    pub problem: AggregationProblem,
}

/// What can be odd about an aggregated role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AggregationProblem {
    /// A selector cannot be read, so the controller leaves the rules alone (S-AGG-7).
    BadSelector {
        /// Which of the selectors.
        selector: usize,
        /// Why not.
        error: String,
    },
    /// The stored rules are not what the selectors yield.
    Differs {
        /// How many rules are stored.
        stored: usize,
        /// How many the selectors yield.
        computed: usize,
        /// Whether the stored ones are used.
        stored_is_used: bool,
    },
    /// Roles that select each other pass rules round and round, or there are too many to follow.
    Unsettled,
}

impl fmt::Display for AggregationWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aggregated ClusterRole `{}`: ", self.name)?;
        match &self.problem {
            AggregationProblem::BadSelector { selector, error } => write!(
                f,
                "clusterRoleSelectors[{selector}] cannot be read, the rules stay as stored: {error}"
            ),
            AggregationProblem::Differs { stored, computed, stored_is_used } => {
                let used = if *stored_is_used { "stored" } else { "computed" };
                write!(
                    f,
                    "its {stored} stored rules are not the {computed} that its selectors yield; \
                     the {used} ones are used"
                )
            }
            AggregationProblem::Unsettled => f.write_str(
                "its rules did not settle, roles that select each other may be the reason; the \
                 last ones computed are used",
            ),
        }
    }
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

/// How many rules may be looked at before the roles count as unsettled. Each round looks at every
/// rule of every selected role; real clusters need thousands, and only thousands of roles that all
/// select each other need more.
const STEP_LIMIT: usize = 50_000_000;

/// A role with an aggregation rule, and whom it selects.
struct Member {
    role: usize,
    /// Selected roles in the order in which the controller visits them, each once.
    sources: Vec<usize>,
    /// A bad selector leaves the rules as they are.
    is_frozen: bool,
}

/// A set of roles with each distinct rule numbered, so that rules are compared once.
struct Cluster<'a> {
    roles: &'a [&'a ClusterRole],
    /// Rules by number.
    table: Vec<&'a PolicyRule>,
    /// Numbers of the stored rules of each role.
    stored: Vec<Vec<usize>>,
    /// Aggregated roles by name, the order in which they are synced.
    members: Vec<Member>,
    warnings: Vec<AggregationWarning>,
}

/// The rules after the last sync.
struct Settled {
    rules: Vec<Vec<usize>>,
    /// Roles that would still change.
    unsettled: HashSet<usize>,
}

impl Settled {
    fn of(&self, role: usize) -> &[usize] {
        self.rules.get(role).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Cluster<'a> {
    fn new(roles: &'a [&'a ClusterRole]) -> Self {
        let mut cluster = Self {
            roles,
            table: Vec::new(),
            stored: Vec::new(),
            members: Vec::new(),
            warnings: Vec::new(),
        };
        if roles.iter().any(|role| role.aggregation_rule.is_some()) {
            cluster.number_rules();
            cluster.select_sources();
        }
        cluster
    }

    fn number_rules(&mut self) {
        let mut numbers: HashMap<&PolicyRule, usize> = HashMap::new();
        for role in self.roles {
            let numbered = role.rules.iter().map(|rule| {
                *numbers.entry(rule).or_insert_with(|| {
                    self.table.push(rule);
                    self.table.len() - 1
                })
            });
            self.stored.push(numbered.collect());
        }
    }

    fn select_sources(&mut self) {
        let directory = Directory::new(self.roles);
        for role in &directory.by_name {
            let Some(object) = self.roles.get(*role).copied() else {
                continue;
            };
            let Some(rule) = &object.aggregation_rule else {
                continue;
            };
            let (sources, is_frozen) = match directory.sources(*role, rule) {
                Ok(sources) => (sources, false),
                Err(problem) => {
                    self.warnings.push(self.warning(*role, problem));
                    (Vec::new(), true)
                }
            };
            self.members.push(Member { role: *role, sources, is_frozen });
        }
    }

    /// Syncs the aggregated roles in the order of their names until nothing changes (S-AGG-6), save
    /// those that are `kept` as stored.
    ///
    /// Rules travel at most once along every chain of roles, so there is an end after as many
    /// rounds as there are aggregated roles, unless roles in a circle pass on what none of them got
    /// from outside (S-AGG-6 tolerates circles).
    fn settle(&self, kept: impl Fn(usize) -> bool) -> Settled {
        let mut rules = self.stored.clone();
        let mut dependents: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut due: HashSet<usize> = HashSet::new();
        for member in self.members.iter().filter(|member| !member.is_frozen && !kept(member.role)) {
            due.insert(member.role);
            for source in &member.sources {
                dependents.entry(*source).or_default().push(member.role);
            }
        }
        let mut steps = 0;
        let mut seen = vec![0; self.table.len()];
        let mut sync = 0;
        for _ in 0..=self.members.len() {
            for member in &self.members {
                if steps > STEP_LIMIT || !due.remove(&member.role) {
                    continue;
                }
                sync += 1;
                let mut union = Vec::new();
                for number in
                    member.sources.iter().filter_map(|source| rules.get(*source)).flatten()
                {
                    steps += 1;
                    if let Some(last) = seen.get_mut(*number)
                        && *last != sync
                    {
                        *last = sync;
                        union.push(*number);
                    }
                }
                if let Some(current) = rules.get_mut(member.role)
                    && *current != union
                {
                    *current = union;
                    due.extend(dependents.get(&member.role).into_iter().flatten().copied());
                }
            }
            if due.is_empty() || steps > STEP_LIMIT {
                break;
            }
        }
        Settled { rules, unsettled: due }
    }

    fn stored(&self, role: usize) -> &[usize] {
        self.stored.get(role).map_or(&[], Vec::as_slice)
    }

    fn rules(&self, numbers: &[usize]) -> Vec<PolicyRule> {
        numbers
            .iter()
            .filter_map(|number| self.table.get(*number))
            .map(|rule| (*rule).clone())
            .collect()
    }

    fn warning(&self, role: usize, problem: AggregationProblem) -> AggregationWarning {
        let name = self.roles.get(role).map(|role| role.metadata.name.clone());
        AggregationWarning { role, name: name.unwrap_or_default(), problem }
    }
}

/// Roles by name and by label.
struct Directory<'a> {
    roles: &'a [&'a ClusterRole],
    by_name: Vec<usize>,
    /// Each list in the order of names.
    by_label: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Directory<'a> {
    fn new(roles: &'a [&'a ClusterRole]) -> Self {
        let name = |role: &usize| roles.get(*role).map(|role| &role.metadata.name);
        let mut by_name: Vec<usize> = (0..roles.len()).collect();
        by_name.sort_by(|one, other| name(one).cmp(&name(other)));
        let mut by_label: HashMap<_, Vec<usize>> = HashMap::new();
        for role in &by_name {
            for (key, value) in roles.get(*role).iter().flat_map(|role| &role.metadata.labels) {
                by_label.entry((key.as_str(), value.as_str())).or_default().push(*role);
            }
        }
        Self { roles, by_name, by_label }
    }

    /// Whom `rule` of `role` selects: for each selector the selected roles by name, the role itself
    /// left out (S-AGG-2). A role that is selected again has nothing new to add.
    fn sources(
        &self,
        role: usize,
        rule: &'a AggregationRule,
    ) -> Result<Vec<usize>, AggregationProblem> {
        let mut sources = Vec::new();
        let mut selected: HashSet<usize> = [role].into_iter().collect();
        for (index, selector) in rule.cluster_role_selectors.iter().enumerate() {
            let matcher = LabelMatcher::compile(selector).map_err(|error| {
                AggregationProblem::BadSelector { selector: index, error: error.to_string() }
            })?;
            for candidate in self.candidates(selector) {
                let labels = self.roles.get(*candidate).map(|role| &role.metadata.labels);
                if labels.is_some_and(|labels| matcher.matches(labels))
                    && selected.insert(*candidate)
                {
                    sources.push(*candidate);
                }
            }
        }
        Ok(sources)
    }

    /// The roles that have one of the labels a selector wants; all roles if it wants none.
    fn candidates(&self, selector: &'a LabelSelector) -> &[usize] {
        match selector.match_labels.first_key_value() {
            None => &self.by_name,
            Some((key, value)) => {
                self.by_label.get(&(key.as_str(), value.as_str())).map_or(&[], Vec::as_slice)
            }
        }
    }
}

#[cfg(test)]
mod tests;
