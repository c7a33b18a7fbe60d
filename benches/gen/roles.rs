//! The roles that people and charts add to a cluster: operators with their own resources, roles of
//! the company, and the Roles of each namespace.

use portcullis::api::Str;
use portcullis::api::meta::ObjectMeta;
use portcullis::api::rbac::{ClusterRole, PolicyRule, Role};

use super::defaults::{ALL, READ, WRITE, cluster_role, named, rule, urls};
use super::rng::Rng;

/// Operators with the API group and resources that they bring.
pub(crate) const OPERATORS: [(&str, &str, &str); 24] = [
    (
        "argocd",
        "argoproj.io",
        "applications applicationsets appprojects",
    ),
    (
        "argo-rollouts",
        "argoproj.io",
        "analysisruns experiments rollouts",
    ),
    (
        "calico",
        "projectcalico.org",
        "globalnetworkpolicies hostendpoints ippools networkpolicies",
    ),
    (
        "cert-manager",
        "cert-manager.io",
        "certificaterequests certificates clusterissuers issuers",
    ),
    (
        "cilium",
        "cilium.io",
        "ciliumendpoints ciliumidentities ciliumnetworkpolicies",
    ),
    (
        "cloudnative-pg",
        "postgresql.cnpg.io",
        "backups clusters poolers scheduledbackups",
    ),
    (
        "cluster-api",
        "cluster.x-k8s.io",
        "clusters machinedeployments machines machinesets",
    ),
    (
        "crossplane",
        "pkg.crossplane.io",
        "configurations functions providers",
    ),
    (
        "elastic-operator",
        "elasticsearch.k8s.elastic.co",
        "elasticsearches",
    ),
    (
        "external-secrets",
        "external-secrets.io",
        "clustersecretstores externalsecrets secretstores",
    ),
    ("flux-helm", "helm.toolkit.fluxcd.io", "helmreleases"),
    (
        "flux-source",
        "source.toolkit.fluxcd.io",
        "buckets gitrepositories helmcharts ocirepositories",
    ),
    (
        "gateway-api",
        "gateway.networking.k8s.io",
        "gatewayclasses gateways grpcroutes httproutes",
    ),
    (
        "istio-networking",
        "networking.istio.io",
        "destinationrules gateways virtualservices",
    ),
    (
        "istio-security",
        "security.istio.io",
        "authorizationpolicies peerauthentications",
    ),
    (
        "keda",
        "keda.sh",
        "scaledjobs scaledobjects triggerauthentications",
    ),
    (
        "knative-serving",
        "serving.knative.dev",
        "configurations revisions routes services",
    ),
    (
        "kyverno",
        "kyverno.io",
        "cleanuppolicies clusterpolicies policies policyexceptions",
    ),
    ("longhorn", "longhorn.io", "engines nodes replicas volumes"),
    (
        "prometheus-operator",
        "monitoring.coreos.com",
        "podmonitors prometheusrules servicemonitors",
    ),
    (
        "rook-ceph",
        "ceph.rook.io",
        "cephblockpools cephclusters cephfilesystems",
    ),
    (
        "strimzi",
        "kafka.strimzi.io",
        "kafkaconnects kafkas kafkatopics kafkausers",
    ),
    (
        "tekton",
        "tekton.dev",
        "pipelineruns pipelines taskruns tasks",
    ),
    (
        "velero",
        "velero.io",
        "backups backupstoragelocations restores schedules",
    ),
];

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

/// The ClusterRoles of operators, four each: run it, edit, view, scrape it.
fn operators() -> impl Iterator<Item = ClusterRole> {
    OPERATORS.into_iter().flat_map(|(name, group, resources)| {
        let with = |suffix| {
            let each = resources
                .split_whitespace()
                .map(|one| format!("{one}/{suffix}"));
            each.collect::<Vec<_>>().join(" ")
        };
        let run = vec![
            rule(ALL, group, resources),
            rule("get patch update", group, &with("status")),
            rule("update", group, &with("finalizers")),
            rule(ALL, "core", "configmaps secrets serviceaccounts services"),
            rule(ALL, "apps", "deployments statefulsets"),
            rule("create patch", "core events.k8s.io", "events"),
            named(
                rule(
                    "get update",
                    "admissionregistration.k8s.io",
                    "validatingwebhookconfigurations",
                ),
                [name],
            ),
        ];
        [
            cluster_role(format!("{name}-controller"), run, &[]),
            cluster_role(
                format!("{name}-edit"),
                vec![rule(WRITE, group, resources)],
                &["admin", "edit"],
            ),
            cluster_role(
                format!("{name}-view"),
                vec![rule(READ, group, resources)],
                &["admin", "edit", "view"],
            ),
            cluster_role(
                format!("{name}-metrics-reader"),
                vec![urls("get", "/metrics")],
                &[],
            ),
        ]
    })
}

/// The company's own: narrow helpers that every larger organisation grows, some for few objects.
fn company(rng: &mut Rng) -> Vec<ClusterRole> {
    let purposes = ["debugger", "deployer", "node-reader", "release-manager"];
    let apps = APPS
        .into_iter()
        .flat_map(|app| purposes.map(|purpose| (app, purpose)));
    apps.map(|(app, purpose)| {
        let (_, group, resources) = rng.pick(&OPERATORS).copied().unwrap_or_default();
        let rules = match purpose {
            "debugger" => vec![
                rule(READ, "core", "events pods pods/log pods/status"),
                rule("create get", "core", "pods/exec pods/portforward"),
                rule("patch update", "core", "pods/ephemeralcontainers"),
            ],
            "deployer" => vec![
                rule(
                    "create get list patch update watch",
                    "apps",
                    "deployments statefulsets",
                ),
                rule(
                    "create get list patch update",
                    "core",
                    "configmaps services",
                ),
                rule("patch update", "*", "*/scale"),
            ],
            "node-reader" => vec![
                rule(
                    "get list watch",
                    "core metrics.k8s.io",
                    "nodes nodes/metrics",
                ),
                urls("get", "/metrics /metrics/cadvisor"),
            ],
            _ => vec![
                rule(ALL, group, resources),
                named(
                    rule("get update", "core", "secrets"),
                    [format!("{app}-release-key")],
                ),
            ],
        };
        cluster_role(format!("acme:{app}:{purpose}"), rules, &[])
    })
    .collect()
}

/// Every ClusterRole that is not Kubernetes' own.
pub(crate) fn cluster_roles(rng: &mut Rng) -> Vec<ClusterRole> {
    operators().chain(company(rng)).collect()
}

/// Roles that charts install everywhere with the same rules; an engine may share them.
fn template(index: usize) -> Option<(&'static str, Vec<PolicyRule>)> {
    let lock = |name| {
        named(
            rule("get patch update", "coordination.k8s.io", "leases"),
            [name],
        )
    };
    Some(match index {
        0 => (
            "leader-election",
            vec![
                rule(
                    "create get list patch update watch",
                    "coordination.k8s.io",
                    "leases",
                ),
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
        let app = APPS
            .get((first + index) % APPS.len())
            .copied()
            .unwrap_or_default();
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
        let metadata = ObjectMeta {
            name: name.into(),
            namespace: namespace.clone(),
            ..ObjectMeta::default()
        };
        Role { metadata, rules }
    });
    roles.collect()
}
