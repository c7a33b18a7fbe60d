use std::collections::BTreeMap;

use super::super::compile::{CompileError, Notice, load_rbac, unreadable_time, unreadable_times};
use super::super::config::Config;
use crate::api::Str;
use crate::api::inventory::Inventory;
use crate::api::rbac::{ClusterRole, Kind, Object, ObjectKey, PolicyRule};
use crate::authz::rbac::aggregation::{self, Aggregation};
use crate::authz::rbac::{Editor, Policy, TooLarge};
use crate::model::Origin;

/// The RBAC part of a live policy.
#[derive(Debug)]
pub(super) struct Roles {
    editor: Editor,
    // Every ClusterRole as it was said, for aggregated roles to select from; the rules that the
    // aggregated ones have now.
    cluster_roles: BTreeMap<Str, (ClusterRole, Origin)>,
    aggregated: BTreeMap<Str, Vec<PolicyRule>>,
    notices: Vec<Notice>,
    // Of bindings that never grant because nobody can read when.
    unreadable: BTreeMap<ObjectKey, Notice>,
    has_grant_times: bool,
}

impl Roles {
    pub(super) fn load(inventory: &Inventory, config: &Config) -> Result<Self, CompileError> {
        let (editor, notices) = load_rbac(inventory, config)?;
        let named = |role: &crate::api::inventory::Sourced<ClusterRole>| {
            (role.value.metadata.name.clone(), (role.value.clone(), role.origin.clone()))
        };
        let cluster_roles = inventory.cluster_roles.iter().map(named).collect();
        let mut roles = Self {
            editor,
            cluster_roles,
            aggregated: BTreeMap::new(),
            notices,
            unreadable: unreadable_times(inventory, config),
            has_grant_times: config.grant_times.is_some(),
        };
        roles.aggregated = roles.resolve(config.aggregation).0;
        Ok(roles)
    }

    /// Adds an object, or replaces the one of its key.
    pub(super) fn apply(&mut self, object: Object, origin: &Origin) -> Result<(), TooLarge> {
        self.editor.apply(&object, origin)?;
        let key = object.key();
        self.unreadable.remove(&key);
        if self.has_grant_times
            && matches!(key.kind, Kind::ClusterRoleBinding | Kind::RoleBinding)
            && let Some(notice) = unreadable_time(&key, object.metadata(), origin)
        {
            self.unreadable.insert(key, notice);
        }
        if let Object::ClusterRole(role) = object {
            // What was computed is overwritten by what was just said, until aggregation runs.
            self.aggregated.remove(&role.metadata.name);
            self.cluster_roles.insert(role.metadata.name.clone(), (role, origin.clone()));
        }
        Ok(())
    }

    /// Removes an object, and says whether it was there.
    pub(super) fn delete(&mut self, key: &ObjectKey) -> bool {
        if key.kind == Kind::ClusterRole {
            self.cluster_roles.remove(&key.name);
            self.aggregated.remove(&key.name);
        }
        self.unreadable.remove(key);
        self.editor.delete(key)
    }

    // The rules of aggregated roles, stored or computed, and what is odd about them.
    fn resolve(&self, how: Aggregation) -> (BTreeMap<Str, Vec<PolicyRule>>, Vec<Notice>) {
        let is_aggregated = |role: &ClusterRole| role.aggregation_rule.is_some();
        if !self.cluster_roles.values().any(|(role, _)| is_aggregated(role)) {
            return Default::default();
        }
        let roles: Vec<&ClusterRole> = self.cluster_roles.values().map(|(role, _)| role).collect();
        let resolution = aggregation::resolve(&roles, how);
        let rules = roles
            .iter()
            .zip(resolution.rules)
            .filter(|(role, _)| is_aggregated(role))
            .map(|(role, rules)| (role.metadata.name.clone(), rules.into_owned()))
            .collect();
        (rules, resolution.warnings.into_iter().map(Notice::Aggregation).collect())
    }

    /// Fills aggregated roles anew: a change of any ClusterRole may change every one of them (S-AGG-1).
    pub(super) fn aggregate(&mut self, config: &Config) -> Result<(), TooLarge> {
        let (resolved, notices) = self.resolve(config.aggregation);
        self.notices = notices;
        for (name, rules) in &resolved {
            if self.aggregated.get(name) != Some(rules)
                && let Some((role, origin)) = self.cluster_roles.get(name)
            {
                let role = ClusterRole { rules: rules.clone(), ..role.clone() };
                self.editor.apply(&role.into(), origin)?;
            }
        }
        self.aggregated = resolved;
        Ok(())
    }

    /// The policy as it is now.
    pub(super) fn policy(&self) -> Policy {
        self.editor.policy()
    }

    /// What is odd about aggregated roles, and which bindings nobody can read the times of.
    pub(super) fn notices(&self) -> Vec<Notice> {
        self.notices.iter().chain(self.unreadable.values()).cloned().collect()
    }
}
