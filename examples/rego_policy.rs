//! Does a policy in Rego narrow what RBAC grants? A chain of both, asked three times, and what the policy
//! said besides. All in memory.
//! `cargo run --example rego_policy --features rego,rbac`

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use portcullis::api::inventory::{Inventory, Namespace};
use portcullis::api::meta::ObjectMeta;
use portcullis::api::rbac::{
    ClusterRole, ClusterRoleBinding, Object, PolicyRule, RoleRef, Subject,
};
use portcullis::authz::rego::{
    Facts, Module, Options, Policy, RegoAuthorizer, RegoVersion, Sources, World,
};
use portcullis::authz::{Authorizer, Chain, rbac};
use portcullis::model::{Request, ResourceAttributes, User};

/// Nothing is deleted in production, but for what a service account owns by name.
const FREEZE: &str = r#"
package portcullis.authz

is_production if input.namespace.labels.env == "prod"

deny contains message if {
    is_production
    input.resourceAttributes.verb == "delete"
    not startswith(input.resourceAttributes.name, input.serviceAccount.name)
    message := sprintf("%s is frozen", [input.namespace.name])
}

obligations := {"notify": ["ops"]} if is_production
"#;

/// Older text, read as it was written: who may edit pods may look at their metrics too.
const EXTENDS: &str = r#"
package portcullis.authz

allow {
    input.resourceAttributes.group == "metrics.k8s.io"
    portcullis.rbac.allowed({"resourceAttributes": {
        "verb": "delete", "resource": "pods", "namespace": input.resourceAttributes.namespace,
    }})
}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let sources = Sources::module("freeze.rego", FREEZE)
        .with(Module::new("extends.rego", EXTENDS).with_version(RegoVersion::V0));
    let policy = Arc::new(Policy::compile(sources, Options::default().with_name("Freeze"))?);
    for warning in policy.warnings() {
        writeln!(out, "warning: {warning}")?;
    }

    let inventory = inventory();
    let rbac = Arc::new(rbac::Policy::compile(&inventory)?);
    let facts = Arc::new(Facts::new(&inventory));
    let world = World { rbac: Some(Arc::<rbac::Policy>::clone(&rbac)), facts };
    let freeze = Arc::new(RegoAuthorizer::new(policy, world));
    let chain = Chain::new()
        .with_shared("Freeze", Arc::<RegoAuthorizer>::clone(&freeze))
        .with_shared("RBAC", rbac);

    let user = User::service_account("shop", "web");
    for (asked, is_allowed) in [
        (ResourceAttributes::new("delete", "pods").in_namespace("shop").named("web-1"), true),
        (ResourceAttributes::new("delete", "pods").in_namespace("shop").named("db-0"), false),
        (
            ResourceAttributes::new("get", "pods")
                .in_group("metrics.k8s.io")
                .in_namespace("shop")
                .named("web-1"),
            true,
        ),
    ] {
        let request = Request::resource(&user, asked);
        let verdict = chain.authorize(&request);
        let (decision, by) = (verdict.decision, verdict.link().unwrap_or("nobody"));
        writeln!(out, "{} {}: {decision} by {by}: {}", asked.verb, asked.name, verdict.reason())?;
        if let Some(duties) = freeze.evaluate(&request).obligations {
            writeln!(out, "  obligations: {duties}")?;
        }
        assert_eq!(verdict.is_allowed(), is_allowed);
    }
    Ok(())
}

/// A production namespace, and a role that lets its service account delete pods.
fn inventory() -> Inventory {
    let metadata = |name: &str| ObjectMeta { name: name.into(), ..ObjectMeta::default() };
    let rule = PolicyRule {
        verbs: vec!["delete".into()],
        api_groups: vec!["".into()],
        resources: vec!["pods".into()],
        ..PolicyRule::default()
    };
    let role =
        ClusterRole { metadata: metadata("deleter"), rules: vec![rule], ..ClusterRole::default() };
    let binding = ClusterRoleBinding {
        metadata: metadata("web"),
        subjects: vec![Subject::service_account("shop", "web")],
        role_ref: RoleRef::cluster_role("deleter"),
    };
    let mut inventory: Inventory = [Object::from(role), binding.into()].into_iter().collect();
    let labels = [("env".into(), "prod".into())].into();
    inventory.namespaces.push(Namespace { name: "shop".into(), labels });
    inventory
}
