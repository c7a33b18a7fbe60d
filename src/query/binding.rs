use std::fmt;
use std::str::FromStr;

use crate::api::meta::ObjectMeta;
use crate::api::rbac::{
    ClusterRoleBinding, GROUP, Kind, Object, PolicyRule, RoleBinding, RoleRef, Subject,
};
use crate::authz::rbac::escalation::{
    self, BindingWrite, Refusal, Requester, break_down, check_binding_write,
};
use crate::authz::rbac::validation::validate;
use crate::model::{Request, ResourceAttributes, User};
use crate::snapshot::Snapshot;
use crate::util::goquote::Quoted;

/// A role that is to be bound: `clusterrole/NAME` or `role/NAME`.
///
/// ```
/// use portcullis::api::rbac::Kind;
/// use portcullis::query::BindingRole;
///
/// let role: BindingRole = "clusterrole/view".parse()?;
/// assert_eq!((role.kind, role.name.as_str()), (Kind::ClusterRole, "view"));
/// assert!("view".parse::<BindingRole>().is_err());
/// # Ok::<(), portcullis::query::BindingRoleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRole {
    /// `ClusterRole` or `Role`.
    pub kind: Kind,
    /// The name.
    pub name: String,
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; write clusterrole/NAME or role/NAME")]
pub struct BindingRoleError(String);

impl FromStr for BindingRole {
    type Err = BindingRoleError;

    fn from_str(text: &str) -> Result<Self, BindingRoleError> {
        let read = || {
            let (kind, name) = text.split_once('/')?;
            let kind = match kind.to_ascii_lowercase().as_str() {
                "clusterrole" | "clusterroles" => Kind::ClusterRole,
                "role" | "roles" => Kind::Role,
                _ => return None,
            };
            (!name.is_empty()).then(|| Self { kind, name: name.to_owned() })
        };
        read().ok_or_else(|| BindingRoleError(text.to_owned()))
    }
}

impl fmt::Display for BindingRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.as_str(), self.name)
    }
}

/// Where a binding grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingScope {
    /// In one namespace: a RoleBinding.
    Namespace(String),
    /// Everywhere: a ClusterRoleBinding. Only a ClusterRole can be bound so (S-RVAL-9).
    Cluster,
}

/// A binding that is to be made, valid as the API server sees it.
#[derive(Debug, Clone)]
pub struct BindingPlan {
    role: BindingRole,
    namespace: Option<String>,
    object: Object,
}

/// No API server would store such a binding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotBindable(String);

impl BindingPlan {
    /// Binds a role to a subject. The binding is called by `name`.
    ///
    /// # Errors
    /// When the API server's validation would refuse it (S-RVAL-2, S-RVAL-9, S-RVAL-11).
    pub fn new(
        name: &str,
        role: BindingRole,
        scope: &BindingScope,
        subject: Subject,
    ) -> Result<Self, NotBindable> {
        let role_ref = RoleRef {
            api_group: GROUP.into(),
            kind: role.kind.as_str().into(),
            name: role.name.as_str().into(),
        };
        let mut metadata = ObjectMeta { name: name.into(), ..ObjectMeta::default() };
        let subjects = vec![subject];
        let (namespace, object) = match scope {
            BindingScope::Namespace(namespace) => {
                metadata.namespace = namespace.as_str().into();
                let object = Object::RoleBinding(RoleBinding { metadata, subjects, role_ref });
                (Some(namespace.clone()), object)
            }
            BindingScope::Cluster => {
                let binding = ClusterRoleBinding { metadata, subjects, role_ref };
                (None, Object::ClusterRoleBinding(binding))
            }
        };
        let errors = validate(&object);
        if !errors.0.is_empty() {
            return Err(NotBindable(errors.message(object.kind().as_str(), GROUP, name)));
        }
        Ok(Self { role, namespace, object })
    }

    /// The binding.
    #[must_use]
    pub const fn object(&self) -> &Object {
        &self.object
    }

    /// The manifest, for kubectl.
    #[must_use]
    pub fn manifest(&self) -> serde_json::Value {
        let (subjects, role_ref, metadata) = match &self.object {
            Object::RoleBinding(binding) => {
                (&binding.subjects, &binding.role_ref, &binding.metadata)
            }
            Object::ClusterRoleBinding(binding) => {
                (&binding.subjects, &binding.role_ref, &binding.metadata)
            }
            // The constructor makes bindings only.
            Object::ClusterRole(_) | Object::Role(_) => return serde_json::Value::Null,
        };
        serde_json::json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": self.object.kind().as_str(),
            "metadata": metadata,
            "roleRef": role_ref,
            "subjects": subjects,
        })
    }

    /// The rules that it would grant; `None` when the policy has no such role.
    #[must_use]
    pub fn rules(&self, snapshot: &Snapshot) -> Option<Vec<PolicyRule>> {
        let namespace = match self.role.kind {
            Kind::Role => self.namespace.as_deref().unwrap_or_default(),
            _ => "",
        };
        snapshot.rbac()?.role_rules(self.role.kind, namespace, &self.role.name)
    }

    /// The same in few lines, in the form of the API server's refusals: resources of a group on which
    /// the same is granted stand together.
    #[must_use]
    pub fn grants(&self, snapshot: &Snapshot) -> Option<Vec<String>> {
        let rules = self.rules(snapshot)?;
        let atoms: Vec<PolicyRule> = rules.iter().flat_map(break_down).collect();
        let mut merged: Vec<PolicyRule> = Vec::new();
        for rule in escalation::compact(&atoms) {
            match merged.iter_mut().find(|other| differ_in_resources(other, &rule)) {
                Some(other) => {
                    let new =
                        rule.resources.into_iter().filter(|new| !other.resources.contains(new));
                    let new: Vec<_> = new.collect();
                    other.resources.extend(new);
                }
                None => merged.push(rule),
            }
        }
        let mut lines: Vec<String> = Vec::new();
        for line in merged.iter().map(escalation::render) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Some(lines)
    }
}

/// Whether two rules say the same of resources, be they others.
fn differ_in_resources(one: &PolicyRule, other: &PolicyRule) -> bool {
    !one.resources.is_empty()
        && !other.resources.is_empty()
        && one.verbs == other.verbs
        && one.api_groups == other.api_groups
        && one.resource_names == other.resource_names
}

/// Why a requester may not make a binding. The texts are the API server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MayNotBind {
    /// They may not create bindings at all.
    #[error("{0}")]
    Create(String),
    /// They may, but this would grant what they do not hold (S-ESC-11, S-ESC-12).
    #[error(transparent)]
    Grant(#[from] Refusal),
}

/// Whether `requester` may create this binding: whether the chain allows creating it, and the
/// prevention of escalation lets it pass (S-ESC-11 to S-ESC-15).
///
/// # Errors
/// The refusal of the API server.
pub fn may_bind(
    snapshot: &Snapshot,
    requester: &User,
    plan: &BindingPlan,
) -> Result<(), MayNotBind> {
    let (write, resource) = match &plan.object {
        Object::ClusterRoleBinding(binding) => {
            (BindingWrite::cluster_role_binding(binding), "clusterrolebindings")
        }
        Object::RoleBinding(binding) => {
            let namespace = plan.namespace.as_deref().unwrap_or_default();
            (BindingWrite::role_binding(namespace, binding), "rolebindings")
        }
        Object::ClusterRole(_) | Object::Role(_) => return Ok(()),
    };
    let namespace = plan.namespace.as_deref().unwrap_or_default();
    let create = ResourceAttributes {
        group: GROUP,
        version: "v1",
        namespace,
        ..ResourceAttributes::new("create", resource)
    };
    // Without the groups of now nothing is allowed, and nothing is held.
    let asker = snapshot.chain().asker(requester).ok();
    if asker.is_none() || !snapshot.authorize(&Request::resource(requester, create)).is_allowed() {
        let scope = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {}", Quoted(namespace))
        };
        let user = Quoted(&requester.name);
        return Err(MayNotBind::Create(format!(
            "{resource}.{GROUP} is forbidden: User {user} cannot create resource \"{resource}\" in \
             API group \"{GROUP}\" {scope}"
        )));
    }
    let requester = asker.as_deref().unwrap_or(requester);
    let mut held = Vec::new();
    let mut errors = Vec::new();
    for binding in snapshot.rbac().iter().flat_map(|rbac| rbac.bindings_for(requester, namespace)) {
        match binding.role_rules() {
            Some(mut rules) => held.append(&mut rules),
            None => errors.extend(binding.role_error()),
        }
    }
    let requester =
        Requester { user: requester, authorizer: snapshot.chain(), rules: &held, errors: &errors };
    let rules = plan.rules(snapshot);
    Ok(check_binding_write(&requester, &write, rules.as_deref())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::inventory::Inventory;
    use crate::api::rbac::{ClusterRole, Role};
    use crate::model::Origin;
    use crate::snapshot::{Config, Mode, compile};

    fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> PolicyRule {
        let list = |of: &[&str]| of.iter().map(|&text| text.into()).collect();
        PolicyRule {
            verbs: list(verbs),
            api_groups: list(&[group]),
            resources: list(resources),
            ..PolicyRule::default()
        }
    }

    fn world() -> Snapshot {
        let mut inventory = Inventory::default();
        let mut add = |object: Object| inventory.push(object, Origin::default());
        let meta = |name: &str, namespace: &str| ObjectMeta {
            name: name.into(),
            namespace: namespace.into(),
            ..ObjectMeta::default()
        };
        let cluster_role = |name: &str, rules| {
            Object::from(ClusterRole { metadata: meta(name, ""), rules, aggregation_rule: None })
        };
        add(cluster_role("view", vec![rule(&["get", "list"], "", &["pods", "services"])]));
        add(cluster_role("secrets", vec![rule(&["get"], "", &["secrets"])]));
        add(cluster_role("binder", vec![rule(&["create"], GROUP, &["rolebindings"])]));
        let bind = PolicyRule {
            resource_names: vec!["secrets".into()],
            ..rule(&["bind"], GROUP, &["clusterroles"])
        };
        add(cluster_role("bind-secrets", vec![bind]));
        let metadata = meta("local", "team");
        add(Role { metadata, rules: vec![rule(&["get"], "", &["pods"])] }.into());
        for (role, user) in [
            ("view", "lead"),
            ("binder", "lead"),
            ("binder", "boss"),
            ("bind-secrets", "boss"),
            ("view", "reader"),
        ] {
            let role_ref =
                RoleRef { kind: "ClusterRole".into(), name: role.into(), ..RoleRef::default() };
            let subjects = vec![Subject::user(user)];
            let metadata = meta(&format!("{role}-{user}"), "team");
            add(RoleBinding { metadata, subjects, role_ref }.into());
        }
        compile(&inventory, &Config::new([Mode::Rbac])).unwrap()
    }

    fn plan(role: &str, scope: BindingScope) -> Result<BindingPlan, NotBindable> {
        BindingPlan::new("jane", role.parse().unwrap(), &scope, Subject::user("jane"))
    }

    fn in_team(role: &str) -> BindingPlan {
        plan(role, BindingScope::Namespace("team".to_owned())).unwrap()
    }

    fn refusal(user: &User, plan: &BindingPlan) -> String {
        may_bind(&world(), user, plan).unwrap_err().to_string()
    }

    #[test]
    fn who_holds_the_rules_may_grant_them_and_who_does_not_may_not() {
        let lead = User::new("lead");
        assert_eq!(may_bind(&world(), &lead, &in_team("clusterrole/view")), Ok(()));
        assert_eq!(may_bind(&world(), &lead, &in_team("role/local")), Ok(()));
        assert_eq!(
            refusal(&lead, &in_team("clusterrole/secrets")),
            "rolebindings.rbac.authorization.k8s.io \"jane\" is forbidden: user \"lead\" (groups=[]) \
             is attempting to grant RBAC permissions not currently held:\n\
             {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}"
        );
    }

    #[test]
    fn who_may_bind_a_role_need_not_hold_its_rules() {
        let boss = User::new("boss");
        assert_eq!(may_bind(&world(), &boss, &in_team("clusterrole/secrets")), Ok(()));
        assert!(refusal(&boss, &in_team("clusterrole/view")).contains("not currently held"));
    }

    #[test]
    fn who_may_not_create_bindings_is_refused_whatever_they_hold() {
        assert_eq!(
            refusal(&User::new("reader"), &in_team("clusterrole/view")),
            "rolebindings.rbac.authorization.k8s.io is forbidden: User \"reader\" cannot create \
             resource \"rolebindings\" in API group \"rbac.authorization.k8s.io\" in the namespace \
             \"team\""
        );
        let cluster = plan("clusterrole/view", BindingScope::Cluster).unwrap();
        assert!(refusal(&User::new("lead"), &cluster).ends_with("at the cluster scope"));
        let root = User::new("root").with_groups(["system:masters"]);
        assert_eq!(may_bind(&world(), &root, &cluster), Ok(()));
    }

    #[test]
    fn a_role_that_is_not_there_is_bound_by_nobody_but_those_who_may_bind_it() {
        let gone = in_team("role/gone");
        assert_eq!(
            refusal(&User::new("lead"), &gone),
            "roles.rbac.authorization.k8s.io \"gone\" not found"
        );
        let root = User::new("root").with_groups(["system:masters"]);
        assert_eq!(may_bind(&world(), &root, &gone), Ok(()));
        assert_eq!(gone.grants(&world()), None);
        // A Role is looked for in the namespace of the binding.
        let elsewhere = BindingScope::Namespace("other".to_owned());
        assert_eq!(plan("role/local", elsewhere).unwrap().grants(&world()), None);
    }

    #[test]
    fn what_it_grants_is_said_in_few_lines() {
        assert_eq!(
            in_team("clusterrole/view").grants(&world()).unwrap(),
            [r#"{APIGroups:[""], Resources:["pods" "services"], Verbs:["get" "list"]}"#]
        );
    }

    #[test]
    fn a_binding_that_no_server_would_store_is_none() {
        assert!(plan("role/local", BindingScope::Cluster).is_err());
        assert!(plan("clusterrole/view", BindingScope::Namespace(String::new())).is_err());
        let name = BindingPlan::new(
            "a/b",
            "clusterrole/view".parse().unwrap(),
            &BindingScope::Cluster,
            Subject::user("jane"),
        );
        assert!(name.unwrap_err().to_string().contains("may not contain '/'"));
        for text in ["view", "clusterrole/", "pod/x", ""] {
            assert!(text.parse::<BindingRole>().is_err(), "{text}");
        }
    }
}
