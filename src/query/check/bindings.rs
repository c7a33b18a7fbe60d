use super::{At, Level, Lint};
use crate::api::rbac::{Kind, RoleRef, Subject};
use crate::authz::rbac::validation;

/// What the names of roles begin with that Kubernetes creates, and the other four (S-BOOT-1).
const DEFAULT_PREFIX: &str = "system:";
const DEFAULTS: [&str; 4] = ["admin", "cluster-admin", "edit", "view"];

impl Lint<'_> {
    pub(super) fn cluster_role_bindings(&mut self) {
        for binding in &self.inventory.cluster_role_bindings {
            let value = &binding.value;
            let at = At::new(Kind::ClusterRoleBinding, &value.metadata, &binding.origin);
            self.invalid(&at, &validation::validate_cluster_role_binding(value));
            self.role_ref(&at, &value.role_ref, "");
            self.grant_times(&at, &value.metadata);
            self.bound(&at, &value.subjects, "");
        }
    }

    pub(super) fn role_bindings(&mut self) {
        for binding in &self.inventory.role_bindings {
            // What it is a copy of is looked over.
            if binding.origin.inherited_from.is_some() {
                continue;
            }
            let value = &binding.value;
            let at = At::new(Kind::RoleBinding, &value.metadata, &binding.origin);
            self.invalid(&at, &validation::validate_role_binding(value));
            self.role_ref(&at, &value.role_ref, &value.metadata.namespace);
            self.grant_times(&at, &value.metadata);
            self.bound(&at, &value.subjects, &value.metadata.namespace);
        }
    }

    fn role_ref(&mut self, at: &At<'_>, role_ref: &RoleRef, namespace: &str) {
        let RoleRef { kind, name, .. } = role_ref;
        let is_there = match kind.as_str() {
            "ClusterRole" => self.cluster_roles.contains(name.as_str()),
            "Role" => namespace.is_empty() || self.roles.contains(&(namespace, name.as_str())),
            // Validation says so.
            _ => true,
        };
        if is_there || name.is_empty() {
            return;
        }
        let is_default = name.starts_with(DEFAULT_PREFIX) || DEFAULTS.contains(&name.as_str());
        let message = format!("{kind} `{name}` is not there, so this grants nothing");
        if kind == "ClusterRole" && is_default {
            let advice = "Kubernetes creates it by default: add the default roles to the policy";
            self.say(Level::Advice, "default-role-not-loaded", at, message, advice);
        } else {
            let advice = format!(
                "delete the binding or create the {kind}: whoever creates it decides what the \
                 subjects may do"
            );
            self.say(Level::Warning, "dangling-role-ref", at, message, advice);
        }
    }

    fn bound(&mut self, at: &At<'_>, subjects: &[Subject], namespace: &str) {
        // Kubernetes keeps one such binding (S-BOOT-12).
        if subjects.is_empty() && !at.is_default {
            let message = "binds nobody";
            self.say(Level::Advice, "no-subjects", at, message, "add subjects or delete it");
        }
        for (index, subject) in subjects.iter().enumerate() {
            self.subject(at, index, subject);
        }
        self.service_accounts(at, subjects, namespace);
    }
}
