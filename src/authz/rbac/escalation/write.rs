use std::collections::BTreeSet;

use super::{Refusal, compact, covers, render};
use crate::api::Str;
use crate::api::rbac::{
    ClusterRole, ClusterRoleBinding, GROUP, PolicyRule, Role, RoleBinding, RoleRef,
};
use crate::authz::Authorizer;
use crate::model::{Request, ResourceAttributes, User, groups};
use crate::util::aggregate::aggregate;
use crate::util::goquote::{Quoted, QuotedList};

/// Who writes, and what they hold already.
#[derive(Clone, Copy)]
pub struct Requester<'a> {
    /// The user.
    pub user: &'a User,
    /// Asked for `escalate` and `bind`: the whole chain, not only RBAC (S-ESC-2).
    pub authorizer: &'a dyn Authorizer,
    /// Every rule that RBAC resolves for the user in the namespace of the request, the
    /// cluster-wide ones alone when it has none. What other authorizers grant does not count
    /// (S-ESC-4).
    pub rules: &'a [PolicyRule],
    /// What went wrong in resolving them. Errors alone refuse nothing (S-ESC-8).
    pub errors: &'a [String],
}

/// A Role or ClusterRole that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct RoleWrite<'a> {
    resource: &'static str,
    namespace: &'a str,
    /// Empty in a create request, so that `escalate` by name never allows creating (S-ESC-2).
    request_name: &'a str,
    name: &'a Str,
    rules: &'a [PolicyRule],
    aggregates: bool,
}

impl<'a> RoleWrite<'a> {
    /// Creating a Role in this namespace.
    #[must_use]
    pub fn create_role(namespace: &'a str, role: &'a Role) -> Self {
        Self {
            resource: "roles",
            namespace,
            request_name: "",
            name: &role.metadata.name,
            rules: &role.rules,
            aggregates: false,
        }
    }

    /// Updating, patching or applying a Role of this namespace.
    #[must_use]
    pub fn update_role(namespace: &'a str, role: &'a Role) -> Self {
        Self { request_name: &role.metadata.name, ..Self::create_role(namespace, role) }
    }

    /// Creating a ClusterRole.
    #[must_use]
    pub fn create_cluster_role(role: &'a ClusterRole) -> Self {
        Self {
            resource: "clusterroles",
            namespace: "",
            request_name: "",
            name: &role.metadata.name,
            rules: &role.rules,
            aggregates: aggregates(role),
        }
    }

    /// Updating, patching or applying a ClusterRole. `old` is what is stored, the default when an
    /// update creates.
    #[must_use]
    pub fn update_cluster_role(old: &ClusterRole, new: &'a ClusterRole) -> Self {
        Self {
            request_name: &new.metadata.name,
            aggregates: aggregates(old) || aggregates(new),
            ..Self::create_cluster_role(new)
        }
    }
}

fn aggregates(role: &ClusterRole) -> bool {
    let rule = role.aggregation_rule.as_ref();
    rule.is_some_and(|rule| !rule.cluster_role_selectors.is_empty())
}

/// A binding of either kind that is to be stored. Creating and updating are checked alike.
#[derive(Debug, Clone, Copy)]
pub struct BindingWrite<'a> {
    resource: &'static str,
    namespace: Option<&'a str>,
    name: &'a Str,
    role_ref: &'a RoleRef,
}

impl<'a> BindingWrite<'a> {
    /// A RoleBinding in this namespace.
    #[must_use]
    pub fn role_binding(namespace: &'a str, binding: &'a RoleBinding) -> Self {
        Self {
            resource: "rolebindings",
            namespace: Some(namespace),
            name: &binding.metadata.name,
            role_ref: &binding.role_ref,
        }
    }

    /// A ClusterRoleBinding.
    #[must_use]
    pub fn cluster_role_binding(binding: &'a ClusterRoleBinding) -> Self {
        Self {
            resource: "clusterrolebindings",
            namespace: None,
            name: &binding.metadata.name,
            role_ref: &binding.role_ref,
        }
    }
}

/// Whether the requester may store this role (S-ESC-1, S-ESC-2, S-ESC-9).
///
/// Members of `system:masters` and users who are allowed to `escalate` may store anything; others
/// must hold every rule of the role, and everything there is to set an aggregation rule.
///
/// # Errors
/// The refusal of the API server. It is given before the object is validated (S-ESC-14).
pub fn check_role_write(requester: &Requester<'_>, write: &RoleWrite<'_>) -> Result<(), Refusal> {
    let escalate = ResourceAttributes {
        verb: "escalate",
        namespace: write.namespace,
        group: GROUP,
        version: "*",
        resource: write.resource,
        name: write.request_name,
        ..ResourceAttributes::default()
    };
    if requester.user.is_member(groups::MASTERS) || requester.is_allowed(escalate) {
        return Ok(());
    }
    let forbidden =
        |cause| Refusal::Forbidden { resource: write.resource, name: write.name.clone(), cause };
    requester.must_hold(write.rules).map_err(forbidden)?;
    if write.aggregates && requester.must_hold(&full_authority()).is_err() {
        let cause = "must have cluster-admin privileges to use the aggregationRule";
        return Err(forbidden(cause.to_owned()));
    }
    Ok(())
}

/// Whether the requester may store this binding (S-ESC-11, S-ESC-12).
///
/// Members of `system:masters` and users who are allowed to `bind` the role may bind it, even when
/// it does not exist; others must hold every rule of it. `referenced` are the rules of the role
/// that the binding refers to, `None` when there is no such role.
///
/// # Errors
/// The refusal of the API server.
pub fn check_binding_write(
    requester: &Requester<'_>,
    write: &BindingWrite<'_>,
    referenced: Option<&[PolicyRule]>,
) -> Result<(), Refusal> {
    if requester.user.is_member(groups::MASTERS) {
        return Ok(());
    }
    if write.namespace == Some("") {
        return Err(Refusal::NamespaceRequired);
    }
    let RoleRef { api_group, kind, name } = write.role_ref;
    let resource = match kind.as_str() {
        "ClusterRole" => "clusterroles",
        "Role" => "roles",
        _ => return Err(Refusal::UnsupportedRoleKind { kind: kind.clone() }),
    };
    let bind = ResourceAttributes {
        verb: "bind",
        namespace: write.namespace.unwrap_or_default(),
        group: api_group,
        version: "*",
        resource,
        name,
        ..ResourceAttributes::default()
    };
    if requester.is_allowed(bind) {
        return Ok(());
    }
    let Some(rules) = referenced else {
        return Err(Refusal::RoleNotFound { resource, name: name.clone() });
    };
    requester.must_hold(rules).map_err(|cause| Refusal::Forbidden {
        resource: write.resource,
        name: write.name.clone(),
        cause,
    })
}

impl Requester<'_> {
    /// Anything but a yes is a no; errors do not matter here (S-ESC-2).
    fn is_allowed(&self, attributes: ResourceAttributes<'_>) -> bool {
        self.authorizer.authorize(&Request::resource(self.user, attributes)).is_allowed()
    }

    /// The refusal's text when the user does not hold all these rules (S-ESC-7).
    fn must_hold(&self, rules: &[PolicyRule]) -> Result<(), String> {
        let coverage = covers(self.rules, rules);
        if coverage.covered {
            return Ok(());
        }
        // Sorted, and each text once (S-ESC-6).
        let missing: BTreeSet<String> = compact(&coverage.uncovered).iter().map(render).collect();
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        let mut text = format!(
            "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            Quoted(&self.user.name),
            QuotedList(&self.user.groups),
            missing.join("\n"),
        );
        if let Some(errors) = aggregate(self.errors) {
            text.push_str("; resolution errors: [");
            text.push_str(&errors);
            text.push(']');
        }
        Err(text)
    }
}

/// Everything there is (S-ESC-9).
fn full_authority() -> [PolicyRule; 2] {
    let all = || vec![Str::const_new("*")];
    [
        PolicyRule { verbs: all(), api_groups: all(), resources: all(), ..PolicyRule::default() },
        PolicyRule { verbs: all(), non_resource_urls: all(), ..PolicyRule::default() },
    ]
}
