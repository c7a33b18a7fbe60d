use hashbrown::{HashMap, HashSet};

use super::{AggregationProblem, AggregationWarning};
use crate::api::meta::LabelSelector;
use crate::api::rbac::{AggregationRule, ClusterRole, PolicyRule};
use crate::api::selector::LabelMatcher;

/// A role with an aggregation rule, and whom it selects.
pub(super) struct Member {
    pub(super) role: usize,
    /// Selected roles in the order in which the controller visits them, each once.
    sources: Vec<usize>,
    /// A selector that is bad, or one too many, leaves the rules as they are.
    is_frozen: bool,
}

/// A set of roles with each distinct rule numbered, so that rules are compared once.
pub(super) struct Cluster<'a> {
    roles: &'a [&'a ClusterRole],
    /// Rules by number.
    table: Vec<&'a PolicyRule>,
    /// Numbers of the stored rules of each role.
    stored: Vec<Vec<usize>>,
    /// Aggregated roles by name, the order in which they are synced.
    pub(super) members: Vec<Member>,
    pub(super) warnings: Vec<AggregationWarning>,
}

/// The rules after the last sync.
pub(super) struct Settled {
    rules: Vec<Vec<usize>>,
    /// Roles that would still change.
    pub(super) unsettled: HashSet<usize>,
}

impl Settled {
    pub(super) fn of(&self, role: usize) -> &[usize] {
        self.rules.get(role).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Cluster<'a> {
    pub(super) fn new(roles: &'a [&'a ClusterRole]) -> Self {
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
        let mut selected = 0;
        for role in &directory.by_name {
            let Some(object) = self.roles.get(*role).copied() else {
                continue;
            };
            let Some(rule) = &object.aggregation_rule else {
                continue;
            };
            let sources = if selected > SELECTION_LIMIT {
                Err(AggregationProblem::Unsettled)
            } else {
                directory.sources(*role, rule)
            };
            let (sources, is_frozen) = match sources {
                Ok(sources) => (sources, false),
                Err(problem) => {
                    self.warnings.push(self.warning(*role, problem));
                    (Vec::new(), true)
                }
            };
            selected += sources.len();
            self.members.push(Member { role: *role, sources, is_frozen });
        }
    }

    /// Syncs the aggregated roles in the order of their names until nothing changes (S-AGG-6), save
    /// those that are `kept` as stored.
    ///
    /// Rules travel at most once along every chain of roles, so there is an end after as many
    /// rounds as there are aggregated roles, unless roles in a circle pass on what none of them got
    /// from outside (S-AGG-6 tolerates circles).
    pub(super) fn settle(&self, kept: impl Fn(usize) -> bool) -> Settled {
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

    pub(super) fn stored(&self, role: usize) -> &[usize] {
        self.stored.get(role).map_or(&[], Vec::as_slice)
    }

    pub(super) fn rules(&self, numbers: &[usize]) -> Vec<PolicyRule> {
        numbers
            .iter()
            .filter_map(|number| self.table.get(*number))
            .map(|rule| (*rule).clone())
            .collect()
    }

    pub(super) fn warning(&self, role: usize, problem: AggregationProblem) -> AggregationWarning {
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

/// How many roles may be selected by all selectors together before the rest stay as stored: ten
/// thousand roles that a thousand roles select. It bounds the memory.
const SELECTION_LIMIT: usize = 10_000_000;

/// How many rules may be looked at before the roles count as unsettled. Each round looks at every
/// rule of every selected role; real clusters need thousands, and only thousands of roles that all
/// select each other need more.
const STEP_LIMIT: usize = 50_000_000;
