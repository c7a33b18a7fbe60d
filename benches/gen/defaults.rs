//! ClusterRoles as a fresh cluster has them: shaped like the default policy of Kubernetes (same
//! names, same kinds of rules, shortened), not a copy of it.

use portcullis::api::meta::LabelSelector;
use portcullis::api::rbac::{AggregationRule, ClusterRole, PolicyRule};

use super::rules::{ALL, READ, WRITE, aggregate_label, cluster_role, rule, urls};

const WORKLOADS: &str = "daemonsets deployments deployments/scale replicasets replicasets/scale \
                         statefulsets statefulsets/scale";
const CORE: &str = "configmaps endpoints persistentvolumeclaims pods replicationcontrollers \
                    replicationcontrollers/scale serviceaccounts services";

/// The roles for people: what the three aggregated roles collect first.
fn user_facing() -> Vec<ClusterRole> {
    let view = vec![
        rule(READ, "core", CORE),
        rule(READ, "core", "events limitranges namespaces pods/log pods/status resourcequotas"),
        rule(READ, "apps", WORKLOADS),
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule(READ, "batch", "cronjobs jobs"),
        rule(READ, "networking.k8s.io", "ingresses networkpolicies"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(READ, "discovery.k8s.io", "endpointslices"),
    ];
    let edit = vec![
        rule(
            READ,
            "core",
            "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
        ),
        rule("impersonate", "core", "serviceaccounts"),
        rule(WRITE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
        rule("create", "core", "pods/eviction serviceaccounts/token"),
        rule(WRITE, "core", "configmaps persistentvolumeclaims secrets serviceaccounts services"),
        rule(WRITE, "apps", WORKLOADS),
        rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
        rule(WRITE, "batch", "cronjobs jobs"),
        rule(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
        rule(ALL, "coordination.k8s.io", "leases"),
    ];
    let admin = vec![
        rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
        rule(ALL, "rbac.authorization.k8s.io", "rolebindings roles"),
    ];
    vec![
        cluster_role("system:aggregate-to-view", view, &["view"]),
        cluster_role("system:aggregate-to-edit", edit, &["edit"]),
        cluster_role("system:aggregate-to-admin", admin, &["admin"]),
    ]
}

/// The roles of control-plane components and the ones that everybody has.
fn components() -> Vec<ClusterRole> {
    let probes = "/healthz /livez /readyz /version /version/";
    let discovery =
        "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version";
    let reviews =
        rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews");
    let pods = "pods pods/status pods/binding";
    let scheduler = vec![
        rule("create patch update", "core events.k8s.io", "events"),
        rule("create get list update watch", "coordination.k8s.io", "leases"),
        rule(
            "get list patch update watch",
            "core",
            "nodes persistentvolumeclaims persistentvolumes",
        ),
        rule("create delete get list patch update watch", "core", pods),
        rule(READ, "storage.k8s.io", "csinodes storageclasses volumeattachments"),
    ];
    let node = vec![
        rule("create", "authentication.k8s.io", "tokenreviews"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
        rule("create delete get list patch update watch", "core", "nodes nodes/status pods"),
        rule("get list watch", "core", "configmaps secrets services"),
    ];
    let delegator = vec![
        rule("create", "authentication.k8s.io", "tokenreviews"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ];
    let issuer = urls("get", "/.well-known/openid-configuration /openid/v1/jwks");
    let monitoring =
        urls("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz");
    let plain = |name: &str, rules| cluster_role(name, rules, &[]);
    vec![
        plain("cluster-admin", vec![rule("*", "*", "*"), urls("*", "*")]),
        plain("system:discovery", vec![urls("get", discovery)]),
        plain("system:public-info-viewer", vec![urls("get", probes)]),
        plain("system:basic-user", vec![reviews]),
        plain("system:service-account-issuer-discovery", vec![issuer]),
        plain("system:monitoring", vec![monitoring]),
        plain("system:kube-scheduler", scheduler),
        plain("system:node", node),
        plain("system:node-proxier", vec![rule(READ, "core", "endpoints nodes services")]),
        plain("system:auth-delegator", delegator),
        plain(
            "system:kubelet-api-admin",
            vec![rule("*", "core", "nodes/log nodes/metrics nodes/proxy")],
        ),
    ]
}

/// Controller, API group and resources that it manages; each has a service account of its own.
pub(crate) const CONTROLLERS: [(&str, &str, &str); 16] = [
    ("cronjob-controller", "batch", "cronjobs jobs"),
    ("daemon-set-controller", "apps", "controllerrevisions daemonsets"),
    ("deployment-controller", "apps", "deployments replicasets"),
    ("disruption-controller", "policy", "poddisruptionbudgets"),
    ("endpointslice-controller", "discovery.k8s.io", "endpointslices"),
    ("expand-controller", "core", "persistentvolumeclaims persistentvolumes"),
    ("generic-garbage-collector", "*", "*"),
    ("horizontal-pod-autoscaler", "*", "*/scale"),
    ("job-controller", "batch", "jobs"),
    ("namespace-controller", "*", "*"),
    ("node-controller", "core", "nodes pods"),
    ("replicaset-controller", "apps", "replicasets"),
    ("resourcequota-controller", "core", "resourcequotas"),
    ("service-account-controller", "core", "serviceaccounts"),
    ("statefulset-controller", "apps", "controllerrevisions statefulsets"),
    ("ttl-after-finished-controller", "batch", "jobs"),
];

/// Every role of this file, the aggregated ones not yet filled.
pub(crate) fn cluster_roles() -> Vec<ClusterRole> {
    let mut roles = components();
    roles.extend(user_facing());
    for (name, group, resources) in CONTROLLERS {
        let rules = vec![
            rule("delete get list patch update watch", group, resources),
            rule("create patch update", "core events.k8s.io", "events"),
            rule("create delete list patch watch", "core", "pods"),
        ];
        roles.push(cluster_role(format!("system:controller:{name}"), rules, &[]));
    }
    for (name, collected) in [("view", "edit"), ("edit", "admin"), ("admin", "")] {
        let mut role = cluster_role(name, Vec::new(), &[collected]);
        role.metadata.labels.retain(|_, _| !collected.is_empty());
        let match_labels = [(aggregate_label(name).into(), "true".into())].into();
        let selector = LabelSelector { match_labels, ..LabelSelector::default() };
        role.aggregation_rule = Some(AggregationRule { cluster_role_selectors: vec![selector] });
        roles.push(role);
    }
    roles
}

/// Writes the rules of the aggregated roles as the controller does (S-AGG-2): in the order of
/// names, each rule once. From the inside out, so that once through is enough.
pub(crate) fn aggregate(roles: &mut [ClusterRole]) {
    roles.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
    for name in ["view", "edit", "admin"] {
        let label = aggregate_label(name);
        let mut rules: Vec<PolicyRule> = Vec::new();
        let collected =
            roles.iter().filter(|role| role.metadata.labels.contains_key(label.as_str()));
        for rule in collected.flat_map(|role| &role.rules) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
        if let Some(role) = roles.iter_mut().find(|role| role.metadata.name == name) {
            role.rules = rules;
        }
    }
}
