//! What in a policy deserves a second look?
//!
//! Judges what was said, object by object: what the API server would refuse, what refers to
//! nothing, what grants less or more than it seems to. Silent about the roles and bindings that
//! Kubernetes itself creates.
//!
//! Absent on purpose: whether a grant is wise. Somebody must hold `cluster-admin`.

mod bindings;
mod entries;
mod finding;
mod policy;
#[cfg(feature = "rego")]
mod rego;
#[cfg(feature = "files")]
mod report;
mod roles;
mod subjects;
mod times;

use std::collections::HashSet;

pub use finding::{Finding, Level};
#[cfg(feature = "files")]
pub use report::check_report;

use crate::api::Str;
use crate::api::field::FieldErrors;
use crate::api::inventory::Inventory;
use crate::api::meta::ObjectMeta;
use crate::api::rbac::{Kind, ObjectKey};
use crate::api::resources::ResourceTable;
use crate::authz::rbac::validation;
use crate::model::Origin;
use crate::snapshot::Snapshot;

/// Looks over a policy; sorted by place. The snapshot brings the ABAC policy and what compiling
/// noticed.
///
/// ```
/// use portcullis::api::inventory::Inventory;
/// use portcullis::api::rbac::RoleBinding;
/// use portcullis::api::resources::ResourceTable;
/// use portcullis::model::Origin;
/// use portcullis::query;
/// use portcullis::snapshot::{Config, Mode, compile};
///
/// let binding: RoleBinding = serde_json::from_str(
///     r#"{"metadata": {"name": "b", "namespace": "shop"},
///         "subjects": [{"kind": "User", "name": "jane"}],
///         "roleRef": {"kind": "Role", "name": "gone"}}"#,
/// )?;
/// let mut inventory = Inventory::default();
/// inventory.push(binding.into(), Origin::new("shop.yaml", 1, 3));
/// let snapshot = compile(&inventory, &Config::new([Mode::Rbac]))?;
/// let findings = query::check(&inventory, &snapshot, &ResourceTable::builtin());
/// assert_eq!(findings[0].code, "dangling-role-ref");
/// assert_eq!(
///     findings[0].to_string(),
///     "shop.yaml:3: warning: RoleBinding `shop/b`: Role `gone` is not there, so this grants \
///      nothing",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn check(
    inventory: &Inventory,
    snapshot: &Snapshot,
    resources: &ResourceTable,
) -> Vec<Finding> {
    let mut lint = Lint::new(inventory, resources);
    lint.has_grant_times = snapshot.rbac().is_some_and(|policy| policy.moment().is_some());
    lint.cluster_roles();
    lint.roles();
    lint.cluster_role_bindings();
    lint.role_bindings();
    lint.useless_through_role_bindings();
    lint.duplicates();
    lint.notices(snapshot);
    #[cfg(feature = "abac")]
    if let Some(policy) = snapshot.abac() {
        lint.abac(policy);
    }
    #[cfg(feature = "rego")]
    lint.findings.extend(rego::findings(snapshot));
    let mut findings = lint.findings;
    findings.sort_by(Finding::by_place);
    findings.dedup();
    findings
}

struct Lint<'a> {
    inventory: &'a Inventory,
    resources: &'a ResourceTable,
    // What is known of Kubernetes itself, subresources included.
    builtin: ResourceTable,
    // Groups of the table.
    groups: HashSet<&'a str>,
    roles: HashSet<(&'a str, &'a str)>,
    cluster_roles: HashSet<&'a str>,
    service_accounts: HashSet<(&'a str, &'a str)>,
    // Whether bindings begin and end here.
    has_grant_times: bool,
    findings: Vec<Finding>,
}

/// Which object, and where it stands.
#[derive(Clone)]
struct At<'a> {
    key: ObjectKey,
    origin: &'a Origin,
    // Whether Kubernetes itself creates it (S-BOOT-1).
    is_default: bool,
}

impl<'a> At<'a> {
    fn new(kind: Kind, meta: &ObjectMeta, origin: &'a Origin) -> Self {
        let namespace = if kind.is_namespaced() { meta.namespace.clone() } else { Str::default() };
        let label = meta.labels.get("kubernetes.io/bootstrapping");
        Self {
            key: ObjectKey { kind, namespace, name: meta.name.clone() },
            origin,
            is_default: label.is_some_and(|value| value == "rbac-defaults"),
        }
    }
}

impl<'a> Lint<'a> {
    fn new(inventory: &'a Inventory, resources: &'a ResourceTable) -> Self {
        let roles = inventory.roles.iter().map(|role| &role.value.metadata);
        let cluster_roles = inventory.cluster_roles.iter();
        let accounts = inventory.service_accounts.iter();
        Self {
            inventory,
            resources,
            builtin: ResourceTable::builtin(),
            groups: resources.iter().map(|info| info.group.as_str()).collect(),
            roles: roles.map(|meta| (meta.namespace.as_str(), meta.name.as_str())).collect(),
            cluster_roles: cluster_roles.map(|role| role.value.metadata.name.as_str()).collect(),
            service_accounts: accounts.map(|(of, name)| (of.as_str(), name.as_str())).collect(),
            has_grant_times: false,
            findings: Vec::new(),
        }
    }

    fn say(
        &mut self,
        level: Level,
        code: &'static str,
        at: &At<'_>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding {
            level,
            code,
            object: at.key.to_string(),
            origin: at.origin.clone(),
            message: message.into(),
            advice: advice.into(),
        });
    }

    fn cluster_roles(&mut self) {
        for role in &self.inventory.cluster_roles {
            let at = At::new(Kind::ClusterRole, &role.value.metadata, &role.origin);
            self.invalid(&at, &validation::validate_cluster_role(&role.value));
            self.rules(&at, &role.value.rules);
        }
    }

    fn roles(&mut self) {
        for role in &self.inventory.roles {
            // What it is a copy of is looked over.
            if role.origin.inherited_from.is_some() {
                continue;
            }
            let at = At::new(Kind::Role, &role.value.metadata, &role.origin);
            self.invalid(&at, &validation::validate_role(&role.value));
            self.rules(&at, &role.value.rules);
            self.unreachable_in_role(&at, &role.value.rules);
        }
    }

    fn invalid(&mut self, at: &At<'_>, errors: &FieldErrors) {
        for error in &errors.0 {
            let advice = "the API server refuses this object; decisions take it as it stands";
            self.say(Level::Error, "invalid-object", at, error.to_string(), advice);
        }
    }

    /// Objects that stand twice in the inventory itself; those in files are in the report.
    fn duplicates(&mut self) {
        let inventory = self.inventory;
        let mut seen: HashSet<ObjectKey> = HashSet::new();
        let objects = inventory
            .cluster_roles
            .iter()
            .map(|it| At::new(Kind::ClusterRole, &it.value.metadata, &it.origin))
            .chain(
                inventory
                    .roles
                    .iter()
                    .map(|it| At::new(Kind::Role, &it.value.metadata, &it.origin)),
            )
            .chain(
                inventory
                    .cluster_role_bindings
                    .iter()
                    .map(|it| At::new(Kind::ClusterRoleBinding, &it.value.metadata, &it.origin)),
            )
            .chain(
                inventory
                    .role_bindings
                    .iter()
                    .map(|it| At::new(Kind::RoleBinding, &it.value.metadata, &it.origin)),
            );
        for at in objects {
            if !at.key.name.is_empty() && !seen.insert(at.key.clone()) {
                let message = "there is an earlier object of this name; this one counts";
                self.say(Level::Warning, "duplicate-object", &at, message, "remove one of them");
            }
        }
    }
}
