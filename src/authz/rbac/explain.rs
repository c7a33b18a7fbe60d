//! Why: the binding, the role and the rule, in the order in which the API server would visit them.
//!
//! The server's order of bindings is that of a hash map; ours is by name (S-RBAC-21), so the same
//! policy gives the same reason every time.

use std::fmt::Write;

use super::index::RoleId;
use super::ruleset::RuleRef;
use super::scope::Slot;
use super::table::RoleInfo;
use super::{BindingRef, Policy};
use crate::api::rbac::{PolicyRule, Subject};
use crate::model::{Decision, Explain, Moment, Origin, Request, Step, User};

/// A grant with everything that makes it: binding, subject, role, rule.
#[derive(Debug, Clone)]
pub struct Grant<'p> {
    /// The binding.
    pub binding: BindingRef<'p>,
    /// The first subject of the binding that means the user (S-RBAC-20).
    pub subject: Subject,
    /// The first rule of the role that allows the request.
    pub rule: PolicyRule,
    /// Its index in the role.
    pub rule_index: u32,
}

/// What a walk over the bindings of a user found.
#[derive(Debug, Clone, Default)]
pub struct Explanation<'p> {
    /// The grant that allows, if any.
    pub grant: Option<Grant<'p>>,
    /// Bindings of the user whose role could not be resolved, as the API server words it
    /// (S-RBAC-23). Those after the grant are not looked at.
    pub errors: Vec<String>,
}

impl Policy {
    /// The grant that the API server would name, were its order by name, and the errors it would
    /// meet on the way.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Explanation<'_> {
        self.explain_at(request, self.now())
    }

    pub(super) fn explain_at(&self, request: &Request<'_>, now: Moment) -> Explanation<'_> {
        let mut explanation = Explanation::default();
        for binding in self.bindings_of(request.user, request.attributes.namespace(), now) {
            let (binding, subject) = binding;
            let Some(rules) = binding.rules() else {
                explanation.errors.push(binding.unresolved());
                continue;
            };
            let allowing = rules.first_allowing(&request.attributes, &self.vocabulary);
            if let Some(rule_index) = allowing
                && let Some(rule) = rules.rule(rule_index)
            {
                let subject = binding.scope.subject(subject);
                let rule = rule.to_rule(&self.vocabulary);
                explanation.grant = Some(Grant { binding, subject, rule, rule_index });
                return explanation;
            }
        }
        explanation
    }

    /// The bindings that apply to a user at a moment, in the order of the visit, each with its first
    /// subject that means the user.
    pub(super) fn bindings_of(
        &self,
        user: &User,
        namespace: &str,
        now: Moment,
    ) -> Vec<(BindingRef<'_>, u32)> {
        let mut all = self.bindings_at_any_time(user, namespace);
        if self.has_grant_times() {
            all.retain(|(binding, _)| binding.is_in_force(now));
        }
        all
    }

    /// The same for all bindings that ever apply.
    pub(super) fn bindings_at_any_time(
        &self,
        user: &User,
        namespace: &str,
    ) -> Vec<(BindingRef<'_>, u32)> {
        let mut all = Vec::new();
        for scope in self.scopes(namespace) {
            let of_scope =
                |(_, subject): (RoleId, u32)| Some((scope.binding_of(subject)?, subject));
            let mut held: Vec<(Slot, u32)> =
                self.held(user, &scope.namespace).into_iter().filter_map(of_scope).collect();
            held.sort_unstable_by(|(a, first), (b, second)| {
                scope.name(*a).cmp(scope.name(*b)).then(first.cmp(second))
            });
            held.dedup_by_key(|(slot, _)| *slot);
            let with_binding =
                |(slot, subject)| (BindingRef { policy: self, scope, slot }, subject);
            all.extend(held.into_iter().map(with_binding));
        }
        all
    }
}

impl Grant<'_> {
    /// `ClusterRoleBinding "b" of ClusterRole "r" to User "u"` (S-RBAC-26, S-RBAC-27).
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.binding.describe_to(&self.subject, &mut text);
        text
    }

    /// Binding, role and rule as steps with their places.
    #[must_use]
    pub fn path(&self) -> Vec<Step> {
        let binding = &self.binding;
        let role: &RoleInfo = binding.role_info();
        let bound = match (self.subject.kind.as_str(), self.subject.namespace.as_str()) {
            ("ServiceAccount", "") => {
                format!("ServiceAccount {}/{}", binding.namespace(), self.subject.name)
            }
            ("ServiceAccount", of) => format!("ServiceAccount {of}/{}", self.subject.name),
            (kind, _) => format!("{kind} {}", self.subject.name),
        };
        vec![
            Step { kind: "subject", text: bound, origin: None },
            Step {
                kind: binding.kind(),
                text: match binding.times() {
                    Some(times) => {
                        format!("{} {times}", qualified(binding.namespace(), binding.name()))
                    }
                    None => qualified(binding.namespace(), binding.name()),
                },
                origin: Some(binding.origin()),
            },
            Step {
                kind: if role.namespace.is_empty() { "ClusterRole" } else { "Role" },
                text: qualified(&role.namespace, &role.name),
                origin: Some(binding.role_origin()),
            },
            Step { kind: "rule", text: render_rule(self.rule_index, &self.rule), origin: None },
        ]
    }
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// `rules[2]: verbs [get list], apiGroups [""], resources [pods]`.
fn render_rule(index: u32, rule: &PolicyRule) -> String {
    let mut text = format!("rules[{index}]");
    let mut separator = ": ";
    for (label, list) in [
        ("verbs", &rule.verbs),
        ("apiGroups", &rule.api_groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.resource_names),
        ("nonResourceURLs", &rule.non_resource_urls),
    ] {
        if !list.is_empty() {
            let words: Vec<String> = list
                .iter()
                .map(|word| if word.is_empty() { "\"\"".to_owned() } else { word.to_string() })
                .collect();
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{label} [{}]", words.join(" "));
            separator = ", ";
        }
    }
    text
}

impl Explain for Policy {
    fn reason(&self, request: &Request<'_>, decision: Decision) -> String {
        self.reason_for(request, decision, self.now())
    }

    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<Step> {
        self.path_at(request, decision, self.now())
    }

    fn reason_at(&self, request: &Request<'_>, decision: Decision, moment: Moment) -> String {
        self.reason_for(request, decision, moment)
    }

    fn path_at(&self, request: &Request<'_>, decision: Decision, moment: Moment) -> Vec<Step> {
        match self.explain_at(request, moment).grant {
            Some(grant) if decision == Decision::Allow => grant.path(),
            _ => Vec::new(),
        }
    }

    fn grant_ends(&self, request: &Request<'_>, moment: Moment) -> Option<Moment> {
        self.end_of(request, moment)
    }
}

impl Policy {
    /// Where a role was read, for those that exist.
    pub(super) fn origin_of(&self, info: &RoleInfo) -> Origin {
        self.origin(info.place)
    }

    pub(super) fn write_rule(&self, rule: RuleRef<'_>) -> PolicyRule {
        rule.to_rule(&self.vocabulary)
    }
}
