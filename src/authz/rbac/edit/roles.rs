//! Roles of a policy that changes: ids, shared rule sets, and when a role goes.
//!
//! A role has an id as long as something defines it or a binding refers to it; so a binding may come
//! before its role, and a role may be deleted under its bindings.
//!
//! Bindings that begin or end refer to rows of their own, one for each role and times: so whoever
//! holds the id of a role, an index or a principal, holds with it when it grants.

use std::sync::Arc;

use super::{Editor, TooLarge};
use crate::api::rbac::PolicyRule;
use crate::authz::rbac::index::RoleId;
use crate::authz::rbac::ruleset::{RoleTest, RuleSet, Written};
use crate::authz::rbac::scope::Place;
use crate::authz::rbac::table::{RoleInfo, RoleKind, RoleRow};
use crate::authz::rbac::times::GrantTimes;
use crate::util::num;

impl Editor {
    fn find_role(
        &self,
        kind: &RoleKind,
        namespace: &str,
        name: &str,
        times: Option<&GrantTimes>,
    ) -> Option<RoleId> {
        let is_role = |&id: &RoleId| {
            self.policy.roles.get(id).is_some_and(|row| {
                row.info.name == name
                    && row.info.namespace == namespace
                    && row.info.kind == *kind
                    && row.times.as_deref() == times
            })
        };
        self.role_ids.find(self.policy.hash_role(kind, namespace, name, times), is_role).copied()
    }

    // The id of a role, whether it exists or not.
    pub(super) fn role(
        &mut self,
        kind: RoleKind,
        namespace: &str,
        name: &str,
    ) -> Result<RoleId, TooLarge> {
        if let Some(id) = self.find_role(&kind, namespace, name, None) {
            return Ok(id);
        }
        let (namespace, name) = (namespace.into(), name.into());
        let info = RoleInfo { kind, namespace, name, place: Place::default() };
        let row = RoleRow { rules: None, info: Arc::new(info), times: None };
        self.add_role(row, RoleTest::default())
    }

    // The id of a role for those who are bound to it at these times.
    pub(super) fn role_for_a_time(
        &mut self,
        role: RoleId,
        times: GrantTimes,
    ) -> Result<RoleId, TooLarge> {
        let RoleRow { rules, info, .. } = self.policy.roles.get(role).cloned().ok_or(TooLarge)?;
        if let Some(id) = self.find_role(&info.kind, &info.namespace, &info.name, Some(&times)) {
            return Ok(id);
        }
        let test = rules.as_ref().map(|rules| rules.test_for_a_time()).unwrap_or_default();
        let id = self.add_role(RoleRow { rules, info, times: Some(Box::new(times)) }, test)?;
        self.for_a_time.entry(role).or_default().insert(id);
        self.refer(role);
        Ok(id)
    }

    fn add_role(&mut self, row: RoleRow, test: RoleTest) -> Result<RoleId, TooLarge> {
        let hash = self.hash_row(&row);
        let roles = Arc::make_mut(&mut self.policy.roles);
        let tests = Arc::make_mut(&mut self.policy.tests);
        let id = match self.free_roles.pop() {
            Some(id) => {
                if let (Some(free), Some(free_test)) = (roles.get_mut(id), tests.get_mut(id)) {
                    (*free, *free_test) = (row, test);
                }
                id
            }
            None => {
                self.referrers.push(0);
                tests.push(test).ok_or(TooLarge)?;
                roles.push(row).ok_or(TooLarge)?
            }
        };
        let policy = &self.policy;
        self.role_ids.insert_unique(hash, id, |&id| {
            policy.roles.get(id).map_or(0, |row| {
                let RoleInfo { kind, namespace, name, .. } = &*row.info;
                policy.hash_role(kind, namespace, name, row.times.as_deref())
            })
        });
        Ok(id)
    }

    fn hash_row(&self, row: &RoleRow) -> u64 {
        let RoleInfo { kind, namespace, name, .. } = &*row.info;
        self.policy.hash_role(kind, namespace, name, row.times.as_deref())
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
        let (namespace, name) = (namespace.into(), name.into());
        let info = Arc::new(RoleInfo { kind, namespace, name, place });
        self.set_rules(id, Some(&rules), Some(&info));
        Ok(())
    }

    pub(super) fn undefine(&mut self, kind: &RoleKind, namespace: &str, name: &str) -> bool {
        let Some(id) = self.find_role(kind, namespace, name, None) else {
            return false;
        };
        let was_there = self.set_rules(id, None, None);
        self.free_if_unused(id);
        was_there
    }

    // Gives a role other rules, or none, in all its rows; says whether it had any.
    fn set_rules(
        &mut self,
        id: RoleId,
        rules: Option<&Arc<RuleSet>>,
        info: Option<&Arc<RoleInfo>>,
    ) -> bool {
        let roles = Arc::make_mut(&mut self.policy.roles);
        let tests = Arc::make_mut(&mut self.policy.tests);
        let mut before = None;
        let of_times = self.for_a_time.get(&id).into_iter().flatten().copied();
        for id in of_times.chain(std::iter::once(id)) {
            let (Some(row), Some(test)) = (roles.get_mut(id), tests.get_mut(id)) else {
                continue;
            };
            *test = match (rules, &row.times) {
                (Some(rules), None) => rules.test(),
                (Some(rules), Some(_)) => rules.test_for_a_time(),
                (None, _) => RoleTest::default(),
            };
            before = std::mem::replace(&mut row.rules, rules.cloned());
            if let Some(info) = info {
                row.info = Arc::clone(info);
            }
        }
        let was_there = before.is_some();
        self.forget(before);
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

    pub(super) fn refer(&mut self, role: RoleId) {
        if let Some(referrers) = self.referrers.get_mut(num::index(role)) {
            *referrers = referrers.saturating_add(1);
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
        if self.referrers.get(num::index(id)) != Some(&0) {
            return;
        }
        // Nothing defines a row with times: it goes with the last binding.
        let base = match (&row.times, &row.rules) {
            (None, Some(_)) => return,
            (None, None) => None,
            (Some(_), _) => {
                let RoleInfo { kind, namespace, name, .. } = &*row.info;
                self.find_role(kind, namespace, name, None)
            }
        };
        if let Ok(entry) = self.role_ids.find_entry(self.hash_row(row), |&other| other == id) {
            entry.remove();
            self.free_roles.push(id);
        }
        let Some(base) = base else { return };
        if let Some(row) = Arc::make_mut(&mut self.policy.roles).get_mut(id) {
            row.rules = None;
        }
        if let Some(of_base) = self.for_a_time.get_mut(&base) {
            of_base.remove(&id);
            if of_base.is_empty() {
                self.for_a_time.remove(&base);
            }
        }
        self.release(base);
    }
}
