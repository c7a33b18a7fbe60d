//! Two slow, obvious evaluators. The answers of the queries come from them, and the benches
//! compare against them; neither shares a line with the engine.

use std::collections::HashMap;

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{PolicyRule, RoleBinding, RoleRef, Subject};
use portcullis::model::{Attributes, ServiceAccountName, User};

/// The rules of every role by namespace (empty for ClusterRoles) and name.
#[derive(Debug, Default)]
pub(crate) struct Roles<'w>(HashMap<(&'w str, &'w str), &'w [PolicyRule]>);

impl<'w> Roles<'w> {
    /// Indexes the roles of a world.
    pub(crate) fn new(inventory: &'w Inventory) -> Self {
        let mut roles = HashMap::new();
        for role in &inventory.cluster_roles {
            roles.insert(("", role.value.metadata.name.as_str()), role.value.rules.as_slice());
        }
        for role in &inventory.roles {
            let metadata = &role.value.metadata;
            let key = (metadata.namespace.as_str(), metadata.name.as_str());
            roles.insert(key, role.value.rules.as_slice());
        }
        Self(roles)
    }

    /// The rules behind a reference of a binding in `namespace`; none when it leads nowhere.
    pub(crate) fn resolve(&self, role_ref: &RoleRef, namespace: &str) -> &'w [PolicyRule] {
        let namespace = if role_ref.kind == "Role" { namespace } else { "" };
        self.0.get(&(namespace, role_ref.name.as_str())).copied().unwrap_or_default()
    }
}

/// What the API server does: every ClusterRoleBinding, then every RoleBinding of the namespace
/// (S-RBAC-20), with the roles and the bindings of a namespace found by hash as its caches do.
#[derive(Debug)]
pub(crate) struct Linear<'w> {
    inventory: &'w Inventory,
    roles: Roles<'w>,
    by_namespace: HashMap<&'w str, Vec<&'w RoleBinding>>,
}

impl<'w> Linear<'w> {
    /// Prepares a world.
    pub(crate) fn new(inventory: &'w Inventory) -> Self {
        let mut by_namespace: HashMap<_, Vec<_>> = HashMap::new();
        for binding in &inventory.role_bindings {
            let namespace = binding.value.metadata.namespace.as_str();
            by_namespace.entry(namespace).or_default().push(&binding.value);
        }
        Self { inventory, roles: Roles::new(inventory), by_namespace }
    }

    /// Whether RBAC allows it.
    pub(crate) fn allows(&self, user: &User, asked: &Attributes<'_>) -> bool {
        self.granting(asked, |subjects, namespace| {
            subjects.iter().any(|subject| is_subject(subject, namespace, user))
        })
        .next()
        .is_some()
    }

    /// The subjects of every binding that grants this, with the namespace of the binding; not
    /// deduplicated.
    pub(crate) fn who_can(&self, asked: &Attributes<'_>) -> Vec<(&'w Subject, &'w str)> {
        let granting = self.granting(asked, |_, _| true);
        granting
            .flat_map(|(subjects, space)| subjects.iter().map(move |one| (one, space)))
            .collect()
    }

    fn granting<'q>(
        &'q self,
        asked: &'q Attributes<'q>,
        concerns: impl Fn(&[Subject], &str) -> bool + 'q,
    ) -> impl Iterator<Item = (&'w [Subject], &'w str)> + 'q {
        let everywhere = self
            .inventory
            .cluster_role_bindings
            .iter()
            .map(|binding| (binding.value.subjects.as_slice(), "", &binding.value.role_ref));
        let here = self.by_namespace.get(asked.namespace()).into_iter().flatten().map(|binding| {
            (binding.subjects.as_slice(), binding.metadata.namespace.as_str(), &binding.role_ref)
        });
        everywhere
            .chain(here)
            .filter(move |(subjects, namespace, role_ref)| {
                concerns(subjects, namespace)
                    && self
                        .roles
                        .resolve(role_ref, namespace)
                        .iter()
                        .any(|rule| covers(rule, asked))
            })
            .map(|(subjects, namespace, _)| (subjects, namespace))
    }
}

/// Grants by who holds them, so that the answers for a million bindings take seconds, not hours.
#[derive(Debug, Default)]
pub(crate) struct ByHolder<'w> {
    users: HashMap<String, Vec<Grant<'w>>>,
    groups: HashMap<&'w str, Vec<Grant<'w>>>,
}

/// The namespace of a RoleBinding, or `None` for everywhere, and the rules.
type Grant<'w> = (Option<&'w str>, &'w [PolicyRule]);

impl<'w> ByHolder<'w> {
    /// Indexes a world.
    pub(crate) fn new(inventory: &'w Inventory, roles: &Roles<'w>) -> Self {
        let mut index = Self::default();
        for binding in inventory.cluster_role_bindings.iter().map(|it| &it.value) {
            index.add(&binding.subjects, None, roles.resolve(&binding.role_ref, ""));
        }
        for binding in inventory.role_bindings.iter().map(|it| &it.value) {
            let namespace = binding.metadata.namespace.as_str();
            let rules = roles.resolve(&binding.role_ref, namespace);
            index.add(&binding.subjects, Some(namespace), rules);
        }
        index
    }

    fn add(
        &mut self,
        subjects: &'w [Subject],
        namespace: Option<&'w str>,
        rules: &'w [PolicyRule],
    ) {
        for subject in subjects {
            let grants = match subject.kind.as_str() {
                "Group" => self.groups.entry(subject.name.as_str()).or_default(),
                "ServiceAccount" => {
                    let name = ServiceAccountName::username(&subject.namespace, &subject.name);
                    self.users.entry(name).or_default()
                }
                _ => self.users.entry(subject.name.to_string()).or_default(),
            };
            grants.push((namespace, rules));
        }
    }

    /// Whether RBAC allows it.
    pub(crate) fn allows(&self, user: &User, asked: &Attributes<'_>) -> bool {
        let groups = user.groups.iter().filter_map(|group| self.groups.get(group.as_str()));
        let grants = self.users.get(user.name.as_str()).into_iter().chain(groups).flatten();
        grants
            .filter(|(namespace, _)| {
                namespace.is_none_or(|namespace| namespace == asked.namespace())
            })
            .any(|(_, rules)| rules.iter().any(|rule| covers(rule, asked)))
    }
}

/// Whether a subject of a binding in `namespace` is this user (S-RBAC-14 to 16).
fn is_subject(subject: &Subject, namespace: &str, user: &User) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == user.name.as_str(),
        "Group" => user.is_member(&subject.name),
        "ServiceAccount" => {
            let own = if subject.namespace.is_empty() { namespace } else { &subject.namespace };
            !own.is_empty() && ServiceAccountName::is_username_of(&user.name, own, &subject.name)
        }
        _ => false,
    }
}

/// Whether a rule covers what is asked (S-RBAC-2 to 10).
pub(crate) fn covers(rule: &PolicyRule, asked: &Attributes<'_>) -> bool {
    let has =
        |list: &[portcullis::api::Str], text: &str| list.iter().any(|it| it == "*" || it == text);
    if !has(&rule.verbs, asked.verb()) {
        return false;
    }
    match asked {
        Attributes::NonResource(path) => rule.non_resource_urls.iter().any(|url| {
            url == "*"
                || url == path.path
                || (url.ends_with('*') && path.path.starts_with(url.trim_end_matches('*')))
        }),
        Attributes::Resource(it) => {
            let resource = |entry: &str| match (it.subresource, entry.split_once('/')) {
                _ if entry == "*" => true,
                ("", _) => entry == it.resource,
                (sub, Some((main, of))) => of == sub && (main == "*" || main == it.resource),
                (_, None) => false,
            };
            has(&rule.api_groups, it.group)
                && rule.resources.iter().any(|entry| resource(entry))
                && (rule.resource_names.is_empty()
                    || rule.resource_names.iter().any(|name| name == it.name))
        }
    }
}
