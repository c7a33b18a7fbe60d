//! What is served, and the documents by which clients discover it.

use serde_json::{Value, json};

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) group: &'static str,
    /// Of which the first is preferred. Objects are the same in all of them.
    pub(crate) versions: &'static [&'static str],
    /// The name in URLs. No two groups share one here.
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    pub(crate) subresources: &'static [&'static str],
    /// Field selectors besides `metadata.name` and `metadata.namespace`.
    pub(crate) fields: &'static [&'static str],
    /// Whether a finished deletion answers the object; most answer a Status.
    pub(crate) answers_deleted: bool,
}

impl Resource {
    pub(crate) const fn new(
        group: &'static str,
        versions: &'static [&'static str],
        plural: &'static str,
        kind: &'static str,
        namespaced: bool,
    ) -> Self {
        let (subresources, fields): (&[&str], &[&str]) = (&[], &[]);
        Self {
            group,
            versions,
            plural,
            kind,
            namespaced,
            subresources,
            fields,
            answers_deleted: false,
        }
    }

    const fn with(
        self,
        subresources: &'static [&'static str],
        fields: &'static [&'static str],
    ) -> Self {
        Self { subresources, fields, ..self }
    }

    const fn answering_deleted(self) -> Self {
        Self { answers_deleted: true, ..self }
    }

    /// `rolebindings.rbac.authorization.k8s.io`.
    pub(crate) fn qualified(&self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// `rbac.authorization.k8s.io/v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        match self.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    /// The path of the collection, all namespaces.
    pub(crate) fn path(&self) -> String {
        let version = self.versions[0];
        match self.group {
            "" => format!("/api/{version}/{}", self.plural),
            group => format!("/apis/{group}/{version}/{}", self.plural),
        }
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

pub(super) const BUILT_IN: &[Resource] = &[
    Resource::new(RBAC, &["v1"], "clusterroles", "ClusterRole", false),
    Resource::new(RBAC, &["v1"], "clusterrolebindings", "ClusterRoleBinding", false),
    Resource::new(RBAC, &["v1"], "roles", "Role", true),
    Resource::new(RBAC, &["v1"], "rolebindings", "RoleBinding", true),
    Resource::new("", &["v1"], "pods", "Pod", true)
        .with(
            &["status"],
            &["spec.nodeName", "spec.serviceAccountName", "spec.schedulerName", "status.phase"],
        )
        .answering_deleted(),
    Resource::new("", &["v1"], "persistentvolumes", "PersistentVolume", false)
        .with(&["status"], &[])
        .answering_deleted(),
    Resource::new("storage.k8s.io", &["v1"], "volumeattachments", "VolumeAttachment", false)
        .with(&["status"], &[])
        .answering_deleted(),
    Resource::new(
        "resource.k8s.io",
        &["v1", "v1beta2", "v1beta1"],
        "resourceslices",
        "ResourceSlice",
        false,
    )
    .with(&[], &["spec.driver", "spec.nodeName"]),
    Resource::new(
        CERTIFICATES,
        &["v1beta1", "v1alpha1"],
        "podcertificaterequests",
        "PodCertificateRequest",
        true,
    )
    .with(&["status"], &["spec.signerName", "spec.podName", "spec.nodeName"]),
    Resource::new("", &["v1"], "serviceaccounts", "ServiceAccount", true).answering_deleted(),
    Resource::new("", &["v1"], "nodes", "Node", false).with(&["status"], &["spec.unschedulable"]),
    Resource::new("", &["v1"], "secrets", "Secret", true).with(&[], &["type"]),
    Resource::new("", &["v1"], "configmaps", "ConfigMap", true),
    Resource::new("", &["v1"], "namespaces", "Namespace", false)
        .with(&["status"], &["status.phase"]),
    Resource::new(
        "apiextensions.k8s.io",
        &["v1"],
        "customresourcedefinitions",
        "CustomResourceDefinition",
        false,
    )
    .with(&["status"], &[]),
    Resource::new(
        CERTIFICATES,
        &["v1"],
        "certificatesigningrequests",
        "CertificateSigningRequest",
        false,
    )
    .with(&["status", "approval"], &["spec.signerName"]),
    Resource::new("coordination.k8s.io", &["v1"], "leases", "Lease", true),
];

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The document at `/api`, `/apis`, `/apis/G`, `/api/v1` or `/apis/G/V`, if there is one.
pub(super) fn discovery(path: &str, served: &[Resource]) -> Option<Value> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["api"] => Some(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
        ["apis"] => {
            let mut groups: Vec<&str> = served.iter().map(|resource| resource.group).collect();
            groups.sort_unstable();
            groups.dedup();
            let groups: Vec<Value> =
                groups.into_iter().filter_map(|name| group(name, served)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => group(name, served).map(|mut document| {
            document["kind"] = "APIGroup".into();
            document["apiVersion"] = "v1".into();
            document
        }),
        ["api", version] => version_document("", version, served),
        ["apis", group, version] => version_document(group, version, served),
        ["version"] => Some(json!({
            "major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "linux/amd64",
        })),
        _ => None,
    }
}

fn group(name: &str, served: &[Resource]) -> Option<Value> {
    if name.is_empty() {
        return None;
    }
    let mut versions: Vec<&str> = Vec::new();
    for resource in served.iter().filter(|resource| resource.group == name) {
        versions.extend(resource.versions);
    }
    let named =
        |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    // Stable versions come first.
    versions.sort_by_key(|version| (version.contains("alpha"), version.contains("beta"), *version));
    versions.dedup();
    let preferred = versions.first().map(named)?;
    let versions: Vec<Value> = versions.iter().map(named).collect();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

fn version_document(group: &str, version: &str, served: &[Resource]) -> Option<Value> {
    let mut resources = Vec::new();
    let within =
        |resource: &&Resource| resource.group == group && resource.versions.contains(&version);
    for resource in served.iter().filter(within) {
        resources.push(json!({
            "name": resource.plural, "singularName": resource.kind.to_lowercase(),
            "namespaced": resource.namespaced, "kind": resource.kind, "verbs": VERBS,
        }));
        for subresource in resource.subresources {
            resources.push(json!({
                "name": format!("{}/{subresource}", resource.plural), "singularName": "",
                "namespaced": resource.namespaced, "kind": resource.kind,
                "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
            "resources": resources,
        })
    })
}
