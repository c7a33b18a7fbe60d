//! The ClusterRoles that people and charts add to a cluster: those of operators with their own
//! resources, and those of the company.

use portcullis::api::rbac::ClusterRole;

use super::rng::Rng;
use super::roles::APPS;
use super::rules::{ALL, READ, WRITE, cluster_role, named, rule, urls};

/// Operators with the API group and resources that they bring.
pub(crate) const OPERATORS: [(&str, &str, &str); 24] = [
    ("argocd", "argoproj.io", "applications applicationsets appprojects"),
    ("argo-rollouts", "argoproj.io", "analysisruns experiments rollouts"),
    ("calico", "projectcalico.org", "globalnetworkpolicies hostendpoints ippools networkpolicies"),
    ("cert-manager", "cert-manager.io", "certificaterequests certificates clusterissuers issuers"),
    ("cilium", "cilium.io", "ciliumendpoints ciliumidentities ciliumnetworkpolicies"),
    ("cloudnative-pg", "postgresql.cnpg.io", "backups clusters poolers scheduledbackups"),
    ("cluster-api", "cluster.x-k8s.io", "clusters machinedeployments machines machinesets"),
    ("crossplane", "pkg.crossplane.io", "configurations functions providers"),
    ("elastic-operator", "elasticsearch.k8s.elastic.co", "elasticsearches"),
    ("external-secrets", "external-secrets.io", "clustersecretstores externalsecrets secretstores"),
    ("flux-helm", "helm.toolkit.fluxcd.io", "helmreleases"),
    (
        "flux-source",
        "source.toolkit.fluxcd.io",
        "buckets gitrepositories helmcharts ocirepositories",
    ),
    ("gateway-api", "gateway.networking.k8s.io", "gatewayclasses gateways grpcroutes httproutes"),
    ("istio-networking", "networking.istio.io", "destinationrules gateways virtualservices"),
    ("istio-security", "security.istio.io", "authorizationpolicies peerauthentications"),
    ("keda", "keda.sh", "scaledjobs scaledobjects triggerauthentications"),
    ("knative-serving", "serving.knative.dev", "configurations revisions routes services"),
    ("kyverno", "kyverno.io", "cleanuppolicies clusterpolicies policies policyexceptions"),
    ("longhorn", "longhorn.io", "engines nodes replicas volumes"),
    ("prometheus-operator", "monitoring.coreos.com", "podmonitors prometheusrules servicemonitors"),
    ("rook-ceph", "ceph.rook.io", "cephblockpools cephclusters cephfilesystems"),
    ("strimzi", "kafka.strimzi.io", "kafkaconnects kafkas kafkatopics kafkausers"),
    ("tekton", "tekton.dev", "pipelineruns pipelines taskruns tasks"),
    ("velero", "velero.io", "backups backupstoragelocations restores schedules"),
];

/// The ClusterRoles of operators, four each: run it, edit, view, scrape it.
fn operators() -> impl Iterator<Item = ClusterRole> {
    OPERATORS.into_iter().flat_map(|(name, group, resources)| {
        let with = |suffix| {
            let each = resources.split_whitespace().map(|one| format!("{one}/{suffix}"));
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
            cluster_role(format!("{name}-metrics-reader"), vec![urls("get", "/metrics")], &[]),
        ]
    })
}

/// The company's own: narrow helpers that every larger organisation grows, some for few objects.
fn company(rng: &mut Rng) -> Vec<ClusterRole> {
    let purposes = ["debugger", "deployer", "node-reader", "release-manager"];
    let apps = APPS.into_iter().flat_map(|app| purposes.map(|purpose| (app, purpose)));
    apps.map(|(app, purpose)| {
        let (_, group, resources) = rng.pick(&OPERATORS).copied().unwrap_or_default();
        let rules = match purpose {
            "debugger" => vec![
                rule(READ, "core", "events pods pods/log pods/status"),
                rule("create get", "core", "pods/exec pods/portforward"),
                rule("patch update", "core", "pods/ephemeralcontainers"),
            ],
            "deployer" => vec![
                rule("create get list patch update watch", "apps", "deployments statefulsets"),
                rule("create get list patch update", "core", "configmaps services"),
                rule("patch update", "*", "*/scale"),
            ],
            "node-reader" => vec![
                rule("get list watch", "core metrics.k8s.io", "nodes nodes/metrics"),
                urls("get", "/metrics /metrics/cadvisor"),
            ],
            _ => vec![
                rule(ALL, group, resources),
                named(rule("get update", "core", "secrets"), [format!("{app}-release-key")]),
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
