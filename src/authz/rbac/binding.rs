//! A binding of a policy, seen from outside.

use std::fmt::{self, Write};

use super::Policy;
use super::ruleset::RuleSet;
use super::scope::{Scope, Slot};
use super::table::{RoleInfo, RoleKind, RoleRow};
use super::times::GrantTimes;
use crate::api::rbac::{Kind, PolicyRule, Subject};
use crate::model::{Attributes, Moment, Origin};
use crate::util::goquote::{Quoted, QuotedPair};

/// A binding and what it refers to, without copying anything.
#[derive(Debug, Clone, Copy)]
pub struct BindingRef<'p> {
    pub(super) policy: &'p Policy,
    pub(super) scope: &'p Scope,
    pub(super) slot: Slot,
}

impl<'p> BindingRef<'p> {
    /// `ClusterRoleBinding` or `RoleBinding`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.scope.namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" }
    }

    /// The namespace; empty for a ClusterRoleBinding.
    #[must_use]
    pub fn namespace(&self) -> &'p str {
        &self.scope.namespace
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'p str {
        self.scope.name(self.slot)
    }

    /// The kind of its roleRef, as it was written.
    #[must_use]
    pub fn role_kind(&self) -> &'p str {
        self.role_info().kind.as_str()
    }

    /// The name of its roleRef.
    #[must_use]
    pub fn role_name(&self) -> &'p str {
        &self.role_info().name
    }

    /// The subjects, in order, as they were written.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> + use<'p> {
        let scope = self.scope;
        scope.subjects(self.slot).map(|id| scope.subject(id))
    }

    /// The rules that it grants; `None` when its role is not there.
    #[must_use]
    pub fn role_rules(&self) -> Option<Vec<PolicyRule>> {
        let rules = self.rules()?;
        Some(rules.rules().map(|rule| self.policy.write_rule(rule)).collect())
    }

    /// The index of the first rule of its role that allows what is asked. Who asks, and in which
    /// namespace, does not count.
    #[must_use]
    pub fn first_allowing(&self, attributes: &Attributes<'_>) -> Option<u32> {
        self.rules()?.first_allowing(attributes, &self.policy.vocabulary)
    }

    /// Why its role cannot be resolved, as the API server words it; `None` when it can be.
    #[must_use]
    pub fn role_error(&self) -> Option<String> {
        self.rules().is_none().then(|| self.unresolved())
    }

    /// When it grants; `None` when that is always, and where nobody asks the clock.
    #[must_use]
    pub fn times(&self) -> Option<GrantTimes> {
        self.role_row()?.times.as_deref().copied()
    }

    /// Whether it grants at a moment.
    #[must_use]
    pub fn is_in_force(&self, moment: Moment) -> bool {
        self.times().is_none_or(|times| times.hold_at(moment))
    }

    /// Where it was read.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.scope.place(self.slot).map(|place| self.policy.origin(place)).unwrap_or_default()
    }

    /// Where its role was read.
    #[must_use]
    pub fn role_origin(&self) -> Origin {
        self.policy.origin_of(self.role_info())
    }

    /// `ClusterRoleBinding "b" of ClusterRole "r"`; a RoleBinding prints name before namespace
    /// (S-RBAC-26).
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_to(&mut text);
        text
    }

    fn write_to(&self, text: &mut String) -> fmt::Result {
        let (role, role_name) = (self.role_kind(), Quoted(self.role_name()));
        match self.namespace() {
            "" => write!(text, "ClusterRoleBinding {} of {role} {role_name}", Quoted(self.name())),
            namespace => {
                let name = QuotedPair(self.name(), namespace);
                write!(text, "RoleBinding {name} of {role} {role_name}")
            }
        }
    }

    /// The same with the subject that means the user (S-RBAC-27).
    pub(super) fn describe_to(&self, subject: &Subject, text: &mut String) -> fmt::Result {
        self.write_to(text)?;
        let Subject { kind, name, namespace, .. } = subject;
        if kind == "ServiceAccount" {
            let namespace: &str = if namespace.is_empty() { self.namespace() } else { namespace };
            write!(text, " to ServiceAccount {}", QuotedPair(name, namespace))
        } else {
            write!(text, " to {kind} {}", Quoted(name))
        }
    }

    fn role_row(&self) -> Option<&'p RoleRow> {
        self.policy.roles.get(self.scope.role(self.slot)?)
    }

    pub(super) fn rules(&self) -> Option<&'p RuleSet> {
        self.role_row()?.rules.as_deref()
    }

    pub(super) fn role_info(&self) -> &'p RoleInfo {
        self.role_row().map_or(&NO_ROLE, |row| &row.info)
    }

    pub(super) fn unresolved(&self) -> String {
        self.role_info().unresolved()
    }
}

impl Policy {
    /// The rules of a role, whether or not anything binds it; `None` when it is not there. `kind` is
    /// `ClusterRole`, whose namespace is empty, or `Role`. It looks through all roles.
    #[must_use]
    pub fn role_rules(&self, kind: Kind, namespace: &str, name: &str) -> Option<Vec<PolicyRule>> {
        let is_role = |row: &&RoleRow| {
            let info = &row.info;
            info.name == name && info.namespace == namespace && info.kind.as_str() == kind.as_str()
        };
        let rules = self.roles.iter().find(is_role)?.rules.as_ref()?;
        Some(rules.rules().map(|rule| self.write_rule(rule)).collect())
    }
}

// INVARIANT: a binding's role is in the table as long as the binding is, so nobody sees this.
static NO_ROLE: RoleInfo = RoleInfo {
    kind: RoleKind::ClusterRole,
    namespace: crate::api::Str::const_new(""),
    name: crate::api::Str::const_new(""),
    place: super::scope::Place { source: u32::MAX, document: 0, line: 0 },
};
