//! The Roles of each namespace, and the applications that they are for.

use portcullis::api::Str;
use portcullis::api::meta::ObjectMeta;
use portcullis::api::rbac::{PolicyRule, Role};

use super::rng::Rng;
use super::rules::{READ, named, rule};

/// Names of components and charts, for roles, service accounts and namespaces.
pub(crate) const APPS: [&str; 32] = [
    "audit-log",
    "billing-api",
    "cart",
    "catalog-search",
    "checkout",
    "clickstream",
    "coupon-engine",
    "customer-profile",
    "dashboard",
    "document-store",
    "email-dispatcher",
    "feature-flags",
    "fraud-scoring",
    "gateway",
    "geo-lookup",
    "image-resizer",
    "inventory-sync",
    "ledger",
    "loyalty",
    "notification",
    "order-history",
    "payment-router",
    "postgresql",
    "pricing",
    "rabbitmq",
    "recommendation",
    "redis",
    "report-builder",
    "session-store",
    "shipping-quotes",
    "tax-calculator",
    "webhook-relay",
];

/// Roles that charts install everywhere with the same rules; an engine may share them.
fn template(index: usize) -> Option<(&'static str, Vec<PolicyRule>)> {
    let lock = |name| named(rule("get patch update", "coordination.k8s.io", "leases"), [name]);
    Some(match index {
        0 => (
            "leader-election",
            vec![
                rule("create get list patch update watch", "coordination.k8s.io", "leases"),
                rule("create get list patch update watch", "core", "configmaps"),
                rule("create patch", "core", "events"),
            ],
        ),
        1 => (
            "ingress-nginx",
            vec![
                rule("get", "core", "namespaces"),
                rule(READ, "core", "configmaps endpoints pods secrets services"),
                rule(READ, "networking.k8s.io", "ingresses"),
                rule("update", "networking.k8s.io", "ingresses/status"),
                lock("ingress-nginx-leader"),
                rule("create", "coordination.k8s.io", "leases"),
            ],
        ),
        2 => (
            "prometheus-scrape",
            vec![
                rule(READ, "core", "endpoints pods services"),
                rule(READ, "discovery.k8s.io", "endpointslices"),
            ],
        ),
        3 => (
            "ci-runner",
            vec![
                rule("create delete get list watch", "core", "pods secrets"),
                rule("create get", "core", "pods/attach pods/exec"),
                rule("get", "core", "pods/log"),
            ],
        ),
        4 => (
            "helm-deployer",
            vec![
                rule("*", "apps batch core networking.k8s.io", "*"),
                rule(READ, "rbac.authorization.k8s.io", "rolebindings roles"),
            ],
        ),
        _ => return None,
    })
}

/// How many Roles a namespace has: several bindings share one, as when a chart is upgraded in
/// place or a team hands its Role to the next service.
pub(crate) const ROLES_PER_NAMESPACE: usize = 8;

/// The Roles of one namespace: first the templates, then those of its own applications, which name
/// their objects.
pub(crate) fn roles(namespace: &Str, rng: &mut Rng) -> Vec<Role> {
    let first = rng.below(APPS.len());
    let own = |index: usize, rng: &mut Rng| {
        let app = APPS.get((first + index) % APPS.len()).copied().unwrap_or_default();
        let mut rules = vec![rule("get list", "core", "endpoints services")];
        rules.push(match rng.below(5) {
            0 => named(
                rule("get watch", "core", "configmaps"),
                [format!("{app}-config"), format!("{app}-feature-gates")],
            ),
            1 | 2 => named(
                rule("get", "core", "secrets"),
                [format!("{app}-db-credentials-{:04x}", rng.below(0x1_0000))],
            ),
            _ => rule(READ, "core", "configmaps"),
        });
        if rng.percent(60) {
            rules.push(rule("get list watch", "core", "pods"));
            rules.push(rule("get patch", "apps", "deployments deployments/scale"));
        }
        (app, rules)
    };
    let roles = (0..ROLES_PER_NAMESPACE).map(|index| {
        let (name, rules) = template(index).unwrap_or_else(|| own(index, rng));
        let metadata =
            ObjectMeta { name: name.into(), namespace: namespace.clone(), ..ObjectMeta::default() };
        Role { metadata, rules }
    });
    roles.collect()
}
