//! RBAC as §2 of the semantics tells it: scan every binding, compare strings.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{Object, ObjectKey, PolicyRule, RoleRef, Subject};
use portcullis::authz::rbac::{Grant, Policy};
use portcullis::model::{Attributes, Request, User};

/// Objects by kind, namespace and name: the order of the map is the order of the visit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reference {
    cluster_roles: BTreeMap<String, Vec<PolicyRule>>,
    roles: BTreeMap<(String, String), Vec<PolicyRule>>,
    cluster_role_bindings: BTreeMap<String, (RoleRef, Vec<Subject>)>,
    role_bindings: BTreeMap<String, BTreeMap<String, (RoleRef, Vec<Subject>)>>,
}

pub(crate) struct Answer {
    pub(crate) allowed: bool,
    pub(crate) reason: String,
}

impl Reference {
    pub(crate) fn new(inventory: &Inventory) -> Self {
        let mut reference = Self::default();
        let Inventory { cluster_roles, roles, cluster_role_bindings, role_bindings, .. } =
            inventory;
        cluster_roles.iter().for_each(|o| reference.apply(&o.value.clone().into()));
        roles.iter().for_each(|o| reference.apply(&o.value.clone().into()));
        cluster_role_bindings.iter().for_each(|o| reference.apply(&o.value.clone().into()));
        role_bindings.iter().for_each(|o| reference.apply(&o.value.clone().into()));
        reference
    }

    pub(crate) fn apply(&mut self, object: &Object) {
        let meta = object.metadata();
        let (namespace, name) = (meta.namespace.to_string(), meta.name.to_string());
        match object.clone() {
            Object::ClusterRole(role) => {
                self.cluster_roles.insert(name, role.rules);
            }
            Object::Role(role) => {
                self.roles.insert((namespace, name), role.rules);
            }
            Object::ClusterRoleBinding(binding) => {
                self.cluster_role_bindings.insert(name, (binding.role_ref, binding.subjects));
            }
            Object::RoleBinding(binding) => {
                let of_namespace = self.role_bindings.entry(namespace).or_default();
                of_namespace.insert(name, (binding.role_ref, binding.subjects));
            }
        }
    }

    pub(crate) fn delete(&mut self, key: &ObjectKey) {
        use portcullis::api::rbac::Kind;
        let (namespace, name) = (key.namespace.to_string(), key.name.to_string());
        match key.kind {
            Kind::ClusterRole => drop(self.cluster_roles.remove(&name)),
            Kind::Role => drop(self.roles.remove(&(namespace, name))),
            Kind::ClusterRoleBinding => drop(self.cluster_role_bindings.remove(&name)),
            Kind::RoleBinding => {
                self.role_bindings.get_mut(&namespace).map(|of| of.remove(&name));
            }
        }
    }

    // S-RBAC-20: (namespace of the binding, its name, roleRef, subjects) in order.
    fn visit(&self, namespace: &str) -> Vec<(String, &String, &RoleRef, &Vec<Subject>)> {
        let mut visit = Vec::new();
        for (name, (role_ref, subjects)) in &self.cluster_role_bindings {
            visit.push((String::new(), name, role_ref, subjects));
        }
        if !namespace.is_empty() {
            for (name, (role_ref, subjects)) in
                self.role_bindings.get(namespace).into_iter().flatten()
            {
                visit.push((namespace.to_owned(), name, role_ref, subjects));
            }
        }
        visit
    }

    // S-RBAC-22.
    fn resolve(&self, role_ref: &RoleRef, namespace: &str) -> Result<&Vec<PolicyRule>, String> {
        let name = role_ref.name.to_string();
        match role_ref.kind.as_str() {
            "ClusterRole" => self
                .cluster_roles
                .get(&name)
                .ok_or(format!("clusterrole.rbac.authorization.k8s.io {} not found", quote(&name))),
            "Role" => self
                .roles
                .get(&(namespace.to_owned(), name.clone()))
                .ok_or(format!("role.rbac.authorization.k8s.io {} not found", quote(&name))),
            kind => Err(format!("unsupported role reference kind: {}", quote(kind))),
        }
    }

    pub(crate) fn authorize(&self, user: &User, attributes: &Attributes<'_>) -> Answer {
        let mut errors: Vec<String> = Vec::new();
        for (namespace, name, role_ref, subjects) in self.visit(attributes.namespace()) {
            let Some(subject) = subjects.iter().find(|s| applies(s, user, &namespace)) else {
                continue;
            };
            match self.resolve(role_ref, &namespace) {
                Err(error) if errors.contains(&error) => {}
                Err(error) => errors.push(error),
                Ok(rules) if rules.iter().any(|rule| allows(rule, attributes)) => {
                    let (kind, name) = if namespace.is_empty() {
                        ("ClusterRoleBinding", name.clone())
                    } else {
                        ("RoleBinding", format!("{name}/{namespace}"))
                    };
                    let subject = match subject.kind.as_str() {
                        "ServiceAccount" => {
                            let of = if subject.namespace.is_empty() {
                                namespace.as_str()
                            } else {
                                &subject.namespace
                            };
                            format!("ServiceAccount {}", quote(&format!("{}/{of}", subject.name)))
                        }
                        kind => format!("{kind} {}", quote(&subject.name)),
                    };
                    let reason = format!(
                        "RBAC: allowed by {kind} {} of {} {} to {subject}",
                        quote(&name),
                        role_ref.kind,
                        quote(&role_ref.name),
                    );
                    return Answer { allowed: true, reason };
                }
                Ok(_) => {}
            }
        }
        let reason = match errors.as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            many => format!("RBAC: [{}]", many.join(", ")),
        };
        Answer { allowed: false, reason }
    }

    /// S-WHO-2: subjects of every binding that grants it, and the errors.
    pub(crate) fn who_can(&self, attributes: &Attributes<'_>) -> (Vec<Subject>, Vec<String>) {
        let (mut who, mut errors) = (Vec::new(), Vec::new());
        for (namespace, _, role_ref, subjects) in self.visit(attributes.namespace()) {
            match self.resolve(role_ref, &namespace) {
                Err(error) => errors.push(error),
                Ok(rules) if rules.iter().any(|rule| allows(rule, attributes)) => {
                    who.extend(subjects.iter().cloned());
                }
                Ok(_) => {}
            }
        }
        (who, errors)
    }

    /// S-RULES-1: all rules, in the order of the visit, and the errors.
    pub(crate) fn rules_of(&self, user: &User, namespace: &str) -> (Vec<PolicyRule>, Vec<String>) {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for (of, _, role_ref, subjects) in self.visit(namespace) {
            if subjects.iter().any(|subject| applies(subject, user, &of)) {
                match self.resolve(role_ref, &of) {
                    Err(error) => errors.push(error),
                    Ok(held) => rules.extend(held.iter().cloned()),
                }
            }
        }
        (rules, errors)
    }
}

// Go's %q for what the tests use: printable text as it is.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\r' => quoted.push_str("\\r"),
            '\u{e000}'..='\u{f8ff}'
            | '\u{a0}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{feff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            '\0'..='\u{1f}' | '\u{7f}' => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            '\u{e0000}'.. => quoted.push_str(&format!("\\U{:08x}", u32::from(character))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

// S-RBAC-14 to S-RBAC-16.
pub(crate) fn applies(subject: &Subject, user: &User, namespace: &str) -> bool {
    match subject.kind.as_str() {
        "User" => user.name == subject.name.as_str(),
        "Group" => user.groups.iter().any(|group| *group == subject.name.as_str()),
        "ServiceAccount" => {
            let of = if subject.namespace.is_empty() { namespace } else { &subject.namespace };
            !of.is_empty() && user.name == format!("system:serviceaccount:{of}:{}", subject.name)
        }
        _ => false,
    }
}

// S-RBAC-2 to S-RBAC-12.
pub(crate) fn allows(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    let verb = attributes.verb();
    if !rule.verbs.iter().any(|v| v == "*" || v == verb) {
        return false;
    }
    match attributes {
        Attributes::Resource(asked) => {
            let combined = if asked.subresource.is_empty() {
                asked.resource.to_owned()
            } else {
                format!("{}/{}", asked.resource, asked.subresource)
            };
            let wild = format!("*/{}", asked.subresource);
            rule.api_groups.iter().any(|g| g == "*" || g == asked.group)
                && rule.resources.iter().any(|r| {
                    r == "*"
                        || *r == combined.as_str()
                        || (!asked.subresource.is_empty() && *r == wild.as_str())
                })
                && (rule.resource_names.is_empty()
                    || rule.resource_names.iter().any(|n| n == asked.name))
        }
        Attributes::NonResource(asked) => rule.non_resource_urls.iter().any(|url| {
            url == "*"
                || url == asked.path
                || (url.ends_with('*') && asked.path.starts_with(url.trim_end_matches('*')))
        }),
    }
}

/// Every reason that is right for a yes of RBAC, under some order of the bindings (S-RBAC-21): one
/// a binding that allows, with its first subject that means the user.
#[cfg(any(feature = "abac", feature = "files"))]
pub(crate) fn allow_reasons(policy: &Policy, request: &Request<'_>) -> BTreeSet<String> {
    let user = request.user;
    let mut reasons = BTreeSet::new();
    for binding in policy.bindings_for(user, request.attributes.namespace()) {
        let rules = binding.role_rules().unwrap_or_default();
        let allowing = (0..).zip(rules).find(|(_, rule)| allows(rule, &request.attributes));
        let subject =
            binding.subjects().find(|subject| applies(subject, user, binding.namespace()));
        if let (Some((rule_index, rule)), Some(subject)) = (allowing, subject) {
            let grant = Grant { binding, subject, rule, rule_index };
            reasons.insert(format!("RBAC: allowed by {}", grant.describe()));
        }
    }
    reasons
}
