use std::collections::BTreeMap;
use std::fmt::Write;

use super::{At, Level, Lint};
use crate::api::Str;
use crate::api::inventory::Sourced;
use crate::api::rbac::{ClusterRole, Kind, PolicyRule, RoleBinding};
use crate::query::mark::{Mark, Reach, mark_rule};

const TO_CLUSTER: &str = "bind it with a ClusterRoleBinding, or leave it out";

impl Lint<'_> {
    /// A Role reaches only into its namespace, whoever binds it.
    pub(super) fn unreachable_in_role(&mut self, at: &At<'_>, rules: &[PolicyRule]) {
        for (index, rule) in rules.iter().enumerate() {
            let marks = mark_rule(rule, Reach::Namespace, self.resources);
            if !marks.unreachable.is_empty() {
                let message = format!("rules[{index}]: {}", unreachable(&marks.unreachable));
                let advice = "put it into a ClusterRole and bind it with a ClusterRoleBinding";
                self.say(Level::Warning, "unreachable-rule", at, message, advice);
            }
        }
    }

    /// Rules of ClusterRoles that RoleBindings cannot grant: told once a role, since one role may
    /// be bound in a thousand namespaces.
    pub(super) fn useless_through_role_bindings(&mut self) {
        let mut bound: BTreeMap<&Str, Vec<&Sourced<RoleBinding>>> = BTreeMap::new();
        for binding in &self.inventory.role_bindings {
            if binding.value.role_ref.kind == "ClusterRole" {
                bound.entry(&binding.value.role_ref.name).or_default().push(binding);
            }
        }
        for role in &self.inventory.cluster_roles {
            // The rules of aggregated roles and of those that Kubernetes creates (`cluster-admin`
            // in a namespace is common) are not the owner's to change.
            let at = At::new(Kind::ClusterRole, &role.value.metadata, &role.origin);
            if role.value.aggregation_rule.is_none()
                && !at.is_default
                && let Some(bindings) = bound.get(&role.value.metadata.name)
            {
                self.useless_rules(&role.value, bindings);
            }
        }
    }

    fn useless_rules(&mut self, role: &ClusterRole, bindings: &[&Sourced<RoleBinding>]) {
        let Some(first) = bindings.first() else {
            return;
        };
        let at = At::new(Kind::RoleBinding, &first.value.metadata, &first.origin);
        let mut of_role = format!("of ClusterRole `{}`", role.metadata.name);
        if bindings.len() > 1 {
            // Writing to a string cannot fail.
            let _ = write!(of_role, ", which {} more RoleBindings grant", bindings.len() - 1);
        }
        for (index, rule) in role.rules.iter().enumerate() {
            let marks = mark_rule(rule, Reach::Namespace, self.resources);
            if marks.dead_paths {
                let reason = Mark::Dead.explanation();
                let message = format!("rules[{index}] {of_role}: {reason}");
                self.say(Level::Warning, "dead-rule", &at, message, TO_CLUSTER);
            }
            if !marks.unreachable.is_empty() {
                let message =
                    format!("rules[{index}] {of_role}: {}", unreachable(&marks.unreachable));
                // A role that is used both ways has such parts by nature.
                let level = match marks.whole {
                    Some(_) => Level::Warning,
                    None => Level::Advice,
                };
                self.say(level, "unreachable-rule", &at, message, TO_CLUSTER);
            }
        }
    }
}

fn unreachable(resources: &[Str]) -> String {
    let (is, its, it) =
        if resources.len() == 1 { ("is", "its", "it") } else { ("are", "their", "them") };
    format!(
        "{} {is} cluster-scoped: {its} requests name no namespace, so no RoleBinding grants {it}",
        words(resources)
    )
}

/// Words in backticks.
pub(super) fn words(list: &[Str]) -> String {
    let words: Vec<String> = list
        .iter()
        .map(|word| if word.is_empty() { "`\"\"`".to_owned() } else { format!("`{word}`") })
        .collect();
    words.join(", ")
}
