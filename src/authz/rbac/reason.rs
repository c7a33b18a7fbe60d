//! The reason alone, for servers that give one with every answer: what [`Policy::explain`] would
//! name, without the walk in order.

use super::index::RoleId;
use super::scope::{Scope, Slot};
use super::{BindingRef, Policy};
use crate::model::{Decision, Moment, Request, User};
use crate::util::aggregate::aggregate;

/// `RBAC: allowed by RoleBinding "…/…" of ClusterRole "…" to ServiceAccount "…/…"` rarely is longer.
const USUAL_LENGTH: usize = 160;

impl Policy {
    pub(super) fn reason_for(
        &self,
        request: &Request<'_>,
        decision: Decision,
        now: Moment,
    ) -> String {
        if decision == Decision::Allow
            && let Some((binding, subject)) = self.first_grant(request, now)
        {
            let mut text = String::with_capacity(USUAL_LENGTH);
            text.push_str("RBAC: allowed by ");
            let subject = binding.scope.subject(subject);
            // Writing to a string cannot fail. Errors before a match are discarded (S-RBAC-29).
            let _ = binding.describe_to(&subject, &mut text);
            return text;
        }
        // S-RBAC-28.
        match aggregate(&self.unresolved_of(request.user, request.attributes.namespace(), now)) {
            Some(errors) => format!("RBAC: {errors}"),
            None => String::new(),
        }
    }

    /// Of the bindings that grant what is asked the one that is visited first (S-RBAC-21), with its
    /// first subject that means the user.
    // PERF: every grant is tested as the decision tests it, a moment after it did, and only names of
    // bindings that grant are compared: about twice a decision, where sorting all of a user's
    // bindings and reading their rules costs ten.
    fn first_grant(&self, request: &Request<'_>, now: Moment) -> Option<(BindingRef<'_>, u32)> {
        let question = self.question(&request.attributes);
        question.moment.set(Some(now));
        for scope in self.scopes(request.attributes.namespace()) {
            let mut first: Option<(Slot, u32)> = None;
            self.each_held(request.user, &scope.namespace, |role, subject| {
                if self.role_allows(role, &question)
                    && let Some(slot) = scope.binding_of(subject)
                    && first.is_none_or(|known| is_before(scope, (slot, subject), known))
                {
                    first = Some((slot, subject));
                }
            });
            if let Some((slot, subject)) = first {
                return Some((BindingRef { policy: self, scope, slot }, subject));
            }
        }
        None
    }

    /// Why roles of the user's bindings cannot be resolved, in the order of the visit.
    fn unresolved_of(&self, user: &User, namespace: &str, now: Moment) -> Vec<String> {
        let mut errors = Vec::new();
        // PERF: nearly nobody has such a binding, and scopes lie far away.
        if !self.has_unresolved(user, "", now)
            && (namespace.is_empty() || !self.has_unresolved(user, namespace, now))
        {
            return errors;
        }
        for scope in self.scopes(namespace) {
            let mut slots: Vec<Slot> = Vec::new();
            self.each_held(user, &scope.namespace, |role, subject| {
                if self.is_unresolved(role, now)
                    && let Some(slot) = scope.binding_of(subject)
                {
                    slots.push(slot);
                }
            });
            slots.sort_unstable_by(|a, b| scope.name(*a).cmp(scope.name(*b)));
            slots.dedup();
            let binding = |slot| BindingRef { policy: self, scope, slot };
            errors.extend(slots.into_iter().map(|slot| binding(slot).unresolved()));
        }
        errors
    }

    fn has_unresolved(&self, user: &User, namespace: &str, now: Moment) -> bool {
        let mut found = false;
        self.each_held(user, namespace, |role, _| found |= self.is_unresolved(role, now));
        found
    }

    fn is_unresolved(&self, role: RoleId, now: Moment) -> bool {
        // A role with a verb is there; of the few others the table tells.
        self.tests.get(role).is_some_and(|test| test.is_blank())
            && self.roles.get(role).is_some_and(|row| row.rules.is_none() && row.is_in_force(now))
    }
}

fn is_before(scope: &Scope, one: (Slot, u32), other: (Slot, u32)) -> bool {
    scope.name(one.0).cmp(scope.name(other.0)).then(one.1.cmp(&other.1)).is_lt()
}
