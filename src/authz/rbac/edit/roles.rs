//! Roles of a policy that changes: ids, shared rule sets, and when a role goes.
//!
//! A role has an id as long as something defines it or a binding refers to it; so a binding may come
//! before its role, and a role may be deleted under its bindings.

use std::sync::Arc;

use super::{Editor, TooLarge};
use crate::api::rbac::PolicyRule;
use crate::authz::rbac::index::RoleId;
use crate::authz::rbac::ruleset::{RoleTest, RuleSet, Written};
use crate::authz::rbac::scope::Place;
use crate::authz::rbac::table::{RoleInfo, RoleKind, RoleRow};
use crate::util::num;

impl Editor {
    fn find_role(&self, kind: &RoleKind, namespace: &str, name: &str) -> Option<RoleId> {
        let is_role = |&id: &RoleId| {
            self.policy.roles.get(id).is_some_and(|row| {
                row.info.name == name && row.info.namespace == namespace && row.info.kind == *kind
            })
        };
        self.role_ids.find(self.policy.hash_role(kind, namespace, name), is_role).copied()
    }

    // The id of a role, whether it exists or not.
    pub(super) fn role(
        &mut self,
        kind: RoleKind,
        namespace: &str,
        name: &str,
    ) -> Result<RoleId, TooLarge> {
        if let Some(id) = self.find_role(&kind, namespace, name) {
            return Ok(id);
        }
        let hash = self.policy.hash_role(&kind, namespace, name);
        let (namespace, name) = (namespace.into(), name.into());
        let info = RoleInfo { kind, namespace, name, place: Place::default() };
        let row = RoleRow { rules: None, info: Arc::new(info) };
        let roles = Arc::make_mut(&mut self.policy.roles);
        let id = match self.free_roles.pop() {
            Some(id) => {
                if let Some(free) = roles.get_mut(id) {
                    *free = row;
                }
                id
            }
            None => {
                self.referrers.push(0);
                Arc::make_mut(&mut self.policy.tests).push(RoleTest::default()).ok_or(TooLarge)?;
                roles.push(row).ok_or(TooLarge)?
            }
        };
        let policy = &self.policy;
        self.role_ids.insert_unique(hash, id, |&id| {
            policy.roles.get(id).map_or(0, |row| {
                policy.hash_role(&row.info.kind, &row.info.namespace, &row.info.name)
            })
        });
        Ok(id)
    }

    pub(super) fn define(
        &mut self,
        kind: RoleKind,
        namespace: &str,
        name: &str,
        rules: &[PolicyRule],
        place: Place,
    ) -> Result<(), TooLarge> {
        let rules = self.rule_set(rules).ok_or(TooLarge)?;
        let id = self.role(kind.clone(), namespace, name)?;
        if let Some(row) = Arc::make_mut(&mut self.policy.roles).get_mut(id) {
            let (namespace, name) = (namespace.into(), name.into());
            if let Some(test) = Arc::make_mut(&mut self.policy.tests).get_mut(id) {
                *test = rules.test();
            }
            let before = row.rules.replace(rules);
            row.info = Arc::new(RoleInfo { kind, namespace, name, place });
            self.forget(before);
        }
        Ok(())
    }

    pub(super) fn undefine(&mut self, kind: &RoleKind, namespace: &str, name: &str) -> bool {
        let Some(id) = self.find_role(kind, namespace, name) else {
            return false;
        };
        let Some(row) = Arc::make_mut(&mut self.policy.roles).get_mut(id) else {
            return false;
        };
        let before = row.rules.take();
        if let Some(test) = Arc::make_mut(&mut self.policy.tests).get_mut(id) {
            *test = RoleTest::default();
        }
        let was_there = before.is_some();
        self.forget(before);
        self.free_if_unused(id);
        was_there
    }

    // The shared rule set of these rules.
    fn rule_set(&mut self, rules: &[PolicyRule]) -> Option<Arc<RuleSet>> {
        // Readers hold the vocabulary: copy it only for a word that is new.
        let written = match Written::known(rules, &self.policy.vocabulary) {
            Some(written) => written,
            None => Written::new(rules, Arc::make_mut(&mut self.policy.vocabulary))?,
        };
        let hash = self.policy.hasher.of(&written);
        if let Some(shared) = self.rule_sets.find(hash, |set| *set.written() == written) {
            return Some(Arc::clone(shared));
        }
        let set = Arc::new(RuleSet::new(written, Arc::make_mut(&mut self.policy.vocabulary))?);
        let hasher = &self.policy.hasher;
        self.rule_sets.insert_unique(hash, Arc::clone(&set), |set| hasher.of(set.written()));
        Some(set)
    }

    // Drops a rule set from the shared ones when no role of this version has it any more.
    fn forget(&mut self, set: Option<Arc<RuleSet>>) {
        let Some(set) = set else { return };
        // This one and the table's; older versions may hold more, then the set stays for a while.
        if Arc::strong_count(&set) <= 2 {
            let hash = self.policy.hasher.of(set.written());
            if let Ok(entry) = self.rule_sets.find_entry(hash, |other| Arc::ptr_eq(other, &set)) {
                entry.remove();
            }
        }
    }

    pub(super) fn release(&mut self, role: RoleId) {
        if let Some(referrers) = self.referrers.get_mut(num::index(role)) {
            *referrers = referrers.saturating_sub(1);
        }
        self.free_if_unused(role);
    }

    fn free_if_unused(&mut self, id: RoleId) {
        let Some(row) = self.policy.roles.get(id) else {
            return;
        };
        if row.rules.is_some() || self.referrers.get(num::index(id)) != Some(&0) {
            return;
        }
        let info = Arc::clone(&row.info);
        let hash = self.policy.hash_role(&info.kind, &info.namespace, &info.name);
        if let Ok(entry) = self.role_ids.find_entry(hash, |&other| other == id) {
            entry.remove();
            self.free_roles.push(id);
        }
    }
}
