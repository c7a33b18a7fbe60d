//! The inverse questions: what may this user do, and who may do this?

use super::eval::askers;
use super::index::RoleId;
use super::scope::Scope;
use super::{BindingRef, Policy};
use crate::api::authorization::{NonResourceRule, ResourceRule};
use crate::api::rbac::{PolicyRule, Subject};
use crate::authz::Rules;
use crate::model::{Attributes, Moment, User, groups};
use crate::util::num;

/// One subject of a binding that grants what was asked.
#[derive(Debug, Clone, Copy)]
pub struct Row<'p> {
    /// The binding.
    pub binding: BindingRef<'p>,
    subject: u32,
    /// The first rule of the role that allows it, by index.
    pub rule_index: u32,
}

impl Row<'_> {
    /// The subject as it was bound; the namespace of a service account may be empty (S-WHO-3).
    #[must_use]
    pub fn subject(&self) -> Subject {
        self.binding.scope.subject(self.subject)
    }

    /// The rule that allows it.
    #[must_use]
    pub fn rule(&self) -> Option<PolicyRule> {
        let rule = self.binding.rules()?.rule(self.rule_index)?;
        Some(self.binding.policy.write_rule(rule))
    }
}

/// Who may do something.
#[derive(Debug, Clone, Default)]
pub struct WhoCan<'p> {
    /// Every subject of every binding that grants it, duplicates kept (S-WHO-3): cluster-wide
    /// bindings first, each scope by name.
    pub rows: Vec<Row<'p>>,
    /// Bindings whose role could not be resolved (S-WHO-2).
    pub errors: Vec<String>,
    /// Bindings that grant it at another time, in the same order.
    pub dormant: Vec<BindingRef<'p>>,
}

impl WhoCan<'_> {
    /// The subjects as the API server's locator lists them: `system:masters` first (S-WHO-1).
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let masters = std::iter::once(Subject::group(groups::MASTERS));
        masters.chain(self.rows.iter().map(Row::subject)).collect()
    }
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Unknown,
    No,
    Rule(u32),
    Unresolved,
    Dormant,
}

impl Policy {
    /// Every subject that RBAC allows what is asked (S-WHO-2). Without a namespace only
    /// cluster-wide bindings count.
    ///
    /// Costs a look at each binding of the two scopes and one evaluation a role they name.
    #[must_use]
    pub fn who_can(&self, attributes: &Attributes<'_>) -> WhoCan<'_> {
        let (question, now) = (self.question(attributes), self.now());
        question.moment.set(Some(now));
        let mut answers = vec![Answer::Unknown; self.roles.len()];
        let mut who = WhoCan::default();
        for scope in self.scopes(attributes.namespace()) {
            for slot in scope.slots() {
                let binding = BindingRef { policy: self, scope, slot };
                let Some(role) = scope.role(slot) else {
                    continue;
                };
                let Some(answer) = answers.get_mut(num::index(role)) else {
                    continue;
                };
                if matches!(answer, Answer::Unknown) {
                    *answer = self.answer(role, &question, now);
                }
                match *answer {
                    Answer::Rule(rule_index) => {
                        let rows = scope.subjects(slot);
                        who.rows.extend(rows.map(|subject| Row { binding, subject, rule_index }));
                    }
                    Answer::Unresolved => who.errors.push(binding.unresolved()),
                    Answer::Dormant => who.dormant.push(binding),
                    Answer::No | Answer::Unknown => {}
                }
            }
        }
        who
    }

    fn answer(
        &self,
        role: RoleId,
        question: &super::vocabulary::Question<'_>,
        now: Moment,
    ) -> Answer {
        let Some(row) = self.roles.get(role) else {
            return Answer::No;
        };
        let is_in_force = row.is_in_force(now);
        let Some(rules) = &row.rules else {
            return if is_in_force { Answer::Unresolved } else { Answer::No };
        };
        if !is_in_force {
            let grants = rules.allows(question, &self.vocabulary);
            return if grants { Answer::Dormant } else { Answer::No };
        }
        if !self.role_allows(role, question) {
            return Answer::No;
        }
        rules.first_allowing(question.attributes, &self.vocabulary).map_or(Answer::No, Answer::Rule)
    }

    /// Everything that RBAC allows a user in a namespace, in the order of the visit, duplicates
    /// kept (S-RULES-1 to S-RULES-3).
    #[must_use]
    pub fn rules_of(&self, user: &User, namespace: &str) -> Rules {
        let mut listed = Rules::default();
        for (binding, _) in self.bindings_of(user, namespace, self.now()) {
            let Some(rules) = binding.rules() else {
                listed.errors.push(binding.unresolved());
                continue;
            };
            for rule in rules.rules() {
                let rule = self.write_rule(rule);
                if !rule.resources.is_empty() {
                    listed.resource.push(ResourceRule {
                        verbs: rule.verbs.clone(),
                        api_groups: rule.api_groups,
                        resources: rule.resources,
                        resource_names: rule.resource_names,
                    });
                }
                if !rule.non_resource_urls.is_empty() {
                    listed.non_resource.push(NonResourceRule {
                        verbs: rule.verbs,
                        non_resource_urls: rule.non_resource_urls,
                    });
                }
            }
        }
        listed
    }

    /// The bindings that apply to a user now, cluster-wide ones first, each scope by name; whether or
    /// not their role is there.
    pub fn bindings_for(&self, user: &User, namespace: &str) -> Vec<BindingRef<'_>> {
        let bindings = self.bindings_of(user, namespace, self.now());
        bindings.into_iter().map(|(binding, _)| binding).collect()
    }

    /// The bindings that would apply to a user at another time: what has ended or is to begin.
    pub fn dormant_bindings_for(&self, user: &User, namespace: &str) -> Vec<BindingRef<'_>> {
        if !self.has_grant_times() {
            return Vec::new();
        }
        let now = self.now();
        let all = self.bindings_at_any_time(user, namespace).into_iter();
        all.map(|(binding, _)| binding).filter(|binding| !binding.is_in_force(now)).collect()
    }

    /// The namespaces in which RoleBindings bind a user now, by name.
    #[must_use]
    pub fn namespaces_of(&self, user: &User) -> Vec<&str> {
        let mut ids: Vec<_> =
            askers(user).flat_map(|asker| self.reach.spaces(self.hasher.asker(asker))).collect();
        ids.sort_unstable();
        ids.dedup();
        let scopes = ids.into_iter().filter_map(|id| self.spaces.scopes.get(id));
        // The index goes by hashes; the scope itself knows.
        let now = self.now();
        let holds = |scope: &&std::sync::Arc<Scope>| {
            let held = self.held(user, &scope.namespace);
            held.into_iter()
                .any(|(role, _)| self.roles.get(role).is_some_and(|row| row.is_in_force(now)))
        };
        let mut names: Vec<&str> =
            scopes.filter(holds).map(|scope| scope.namespace.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Every binding, in force or not: cluster-wide ones first, then by namespace, each scope by name.
    pub fn all_bindings(&self) -> impl Iterator<Item = BindingRef<'_>> {
        let mut spaces: Vec<_> = self.spaces.scopes.iter().map(|scope| &**scope).collect();
        spaces.sort_by(|a, b| a.namespace.cmp(&b.namespace));
        std::iter::once(&*self.cluster).chain(spaces).flat_map(move |scope| {
            scope.slots().map(move |slot| BindingRef { policy: self, scope, slot })
        })
    }
}
