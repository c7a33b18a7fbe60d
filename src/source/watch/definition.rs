//! What is asked for and kept of each kind: tables.

use super::keep::Keep::{self, AllBut, Fields, Keys, Presence, Sparse, Whole};
use crate::source::wire::Annotations;

/// A kind of objects.
#[derive(Debug)]
pub(super) struct Definition {
    /// The API group; empty for the core group.
    pub(super) group: &'static str,
    /// The versions whose objects read alike; the first that the API server serves is asked for.
    versions: &'static [&'static str],
    /// The name in URLs and rules.
    pub(super) resource: &'static str,
    /// The kind as objects spell it.
    pub(super) kind: &'static str,
    /// Whether its objects live in namespaces.
    pub(super) is_namespaced: bool,
    /// Whether there are API servers without it: 404 is an answer then, and not a wrong address.
    pub(super) is_optional: bool,
    /// Whether only metadata crosses the wire.
    pub(super) is_metadata: bool,
    /// Whether every version of an object is handed on, since the version is part of what is said of it.
    pub(super) is_versioned: bool,
    /// What of `metadata` is kept, besides name, namespace and version.
    pub(super) metadata: Keep,
    /// What else is kept.
    pub(super) fields: Keep,
}

impl Definition {
    /// How many versions there are to ask for.
    pub(super) const fn versions(&self) -> usize {
        self.versions.len()
    }

    /// The version of this number.
    pub(super) fn version(&self, version: usize) -> &'static str {
        self.versions.get(version).copied().unwrap_or("v1")
    }

    /// The `apiVersion` of objects of that version.
    pub(super) fn api_version(&self, version: usize) -> String {
        let version = self.version(version);
        match self.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    /// The paths of what is kept, sorted.
    pub(super) fn keeps(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.metadata.paths("metadata", &mut paths);
        self.fields.paths("", &mut paths);
        paths.sort_unstable();
        paths
    }

    /// An RBAC kind.
    const fn rbac(resource: &'static str, kind: &'static str, fields: Keep) -> Self {
        Self {
            group: "rbac.authorization.k8s.io",
            is_versioned: true,
            metadata: Fields(&[("annotations", Keys(is_own)), ("labels", Whole)]),
            ..Self::core(resource, kind, fields)
        }
    }

    /// A kind of the core group, of which no more is kept than who it is.
    const fn core(resource: &'static str, kind: &'static str, fields: Keep) -> Self {
        Self {
            group: "",
            versions: &["v1"],
            resource,
            kind,
            is_namespaced: false,
            is_optional: false,
            is_metadata: false,
            is_versioned: false,
            metadata: Fields(&[("deletionTimestamp", Whole), ("uid", Whole)]),
            fields,
        }
    }

    /// A kind that belongs to nodes (S-NODE-13).
    const fn of_node(resource: &'static str, kind: &'static str) -> Self {
        Self {
            metadata: Fields(&[]),
            ..Self::core(resource, kind, Fields(&[("spec", Fields(&[("nodeName", Whole)]))]))
        }
    }
}

/// Annotations that mean something to an engine.
fn is_own(key: &str) -> bool {
    Annotations::is_kept(key) && !is_mirror(key)
}

/// What kubelets write on pods that they made of a file (S-NODE-10).
fn is_mirror(key: &str) -> bool {
    key == crate::source::wire::MIRROR
}

/// The label of legacy tokens that count no longer (S-SA-13).
fn is_invalid_since(key: &str) -> bool {
    key == "kubernetes.io/legacy-token-invalid-since"
}

const ROLE: Keep = Fields(&[("rules", Whole)]);
const BINDING: Keep = Fields(&[("roleRef", Whole), ("subjects", Whole)]);

pub(super) static CLUSTER_ROLES: Definition = Definition::rbac(
    "clusterroles",
    "ClusterRole",
    Fields(&[("aggregationRule", Whole), ("rules", Whole)]),
);
pub(super) static CLUSTER_ROLE_BINDINGS: Definition =
    Definition::rbac("clusterrolebindings", "ClusterRoleBinding", BINDING);
pub(super) static ROLES: Definition =
    Definition { is_namespaced: true, ..Definition::rbac("roles", "Role", ROLE) };
pub(super) static ROLE_BINDINGS: Definition =
    Definition { is_namespaced: true, ..Definition::rbac("rolebindings", "RoleBinding", BINDING) };

const NAME: Keep = Fields(&[("name", Whole)]);
const SECRET_NAME: Keep = Fields(&[("secretName", Whole)]);
const SECRET_REF: Keep = Fields(&[("secretRef", NAME)]);

/// A container: what its environment names (S-NODE-11).
const CONTAINER: &[(&str, Keep)] = &[
    (
        "env",
        Sparse(
            &[("valueFrom", Sparse(&[("configMapKeyRef", NAME), ("secretKeyRef", NAME)], ""))],
            "",
        ),
    ),
    ("envFrom", Sparse(&[("configMapRef", NAME), ("secretRef", NAME)], "")),
];

/// A volume: every source that names another object. That there is one counts, whatever it says: of
/// several the first does.
const VOLUME: &[(&str, Keep)] = &[
    ("azureFile", SECRET_NAME),
    ("cephfs", SECRET_REF),
    ("cinder", SECRET_REF),
    ("configMap", NAME),
    ("csi", Fields(&[("nodePublishSecretRef", NAME)])),
    ("ephemeral", Presence),
    ("flexVolume", SECRET_REF),
    ("iscsi", SECRET_REF),
    ("name", Whole),
    ("persistentVolumeClaim", Fields(&[("claimName", Whole)])),
    ("projected", Fields(&[("sources", Sparse(&[("configMap", NAME), ("secret", NAME)], ""))])),
    ("rbd", SECRET_REF),
    ("scaleIO", SECRET_REF),
    ("secret", SECRET_NAME),
    ("storageos", SECRET_REF),
];

/// Pods (S-NODE-9 to 11, S-SAJWT-8).
pub(super) static PODS: Definition = Definition {
    is_namespaced: true,
    metadata: Fields(&[
        ("annotations", Keys(is_mirror)),
        ("deletionTimestamp", Whole),
        ("uid", Whole),
    ]),
    ..Definition::core(
        "pods",
        "Pod",
        Fields(&[
            (
                "spec",
                Fields(&[
                    ("containers", Sparse(CONTAINER, "")),
                    // How many there are counts, too (S-NODE-14).
                    ("ephemeralContainers", Fields(CONTAINER)),
                    ("imagePullSecrets", NAME),
                    ("initContainers", Sparse(CONTAINER, "")),
                    ("nodeName", Whole),
                    (
                        "resourceClaims",
                        Fields(&[
                            ("name", Whole),
                            ("resourceClaimName", Whole),
                            ("resourceClaimTemplateName", Whole),
                        ]),
                    ),
                    ("serviceAccount", Whole),
                    ("serviceAccountName", Whole),
                    ("volumes", Sparse(VOLUME, "name")),
                ]),
            ),
            (
                "status",
                Sparse(
                    &[
                        ("extendedResourceClaimStatus", Fields(&[("resourceClaimName", Whole)])),
                        (
                            "resourceClaimStatuses",
                            Fields(&[("name", Whole), ("resourceClaimName", Whole)]),
                        ),
                    ],
                    "",
                ),
            ),
        ]),
    )
};

const REFERENCE: Keep = Fields(&[("name", Whole), ("namespace", Whole)]);
const HELD_REFERENCE: Keep = Fields(&[("secretRef", REFERENCE)]);

/// PersistentVolumes (S-NODE-12).
pub(super) static PERSISTENT_VOLUMES: Definition = Definition {
    metadata: Fields(&[]),
    ..Definition::core(
        "persistentvolumes",
        "PersistentVolume",
        Fields(&[(
            "spec",
            Fields(&[
                ("azureFile", Fields(&[("secretName", Whole), ("secretNamespace", Whole)])),
                ("cephfs", HELD_REFERENCE),
                ("cinder", HELD_REFERENCE),
                ("claimRef", REFERENCE),
                (
                    "csi",
                    Fields(&[
                        ("nodeExpandSecretRef", REFERENCE),
                        ("nodePublishSecretRef", REFERENCE),
                        ("nodeStageSecretRef", REFERENCE),
                    ]),
                ),
                ("flexVolume", HELD_REFERENCE),
                ("iscsi", HELD_REFERENCE),
                ("rbd", HELD_REFERENCE),
                ("scaleIO", HELD_REFERENCE),
                ("storageos", HELD_REFERENCE),
            ]),
        )]),
    )
};
pub(super) static VOLUME_ATTACHMENTS: Definition = Definition {
    group: "storage.k8s.io",
    ..Definition::of_node("volumeattachments", "VolumeAttachment")
};
pub(super) static RESOURCE_SLICES: Definition = Definition {
    group: "resource.k8s.io",
    versions: &["v1", "v1beta2", "v1beta1"],
    is_optional: true,
    ..Definition::of_node("resourceslices", "ResourceSlice")
};
pub(super) static POD_CERTIFICATE_REQUESTS: Definition = Definition {
    group: "certificates.k8s.io",
    versions: &["v1", "v1beta1", "v1alpha1"],
    is_namespaced: true,
    is_optional: true,
    ..Definition::of_node("podcertificaterequests", "PodCertificateRequest")
};

/// ServiceAccounts (S-SAJWT-7).
pub(super) static SERVICE_ACCOUNTS: Definition = Definition {
    is_namespaced: true,
    ..Definition::core("serviceaccounts", "ServiceAccount", Fields(&[]))
};
/// Nodes (S-SAJWT-8).
pub(super) static NODES: Definition = Definition::core("nodes", "Node", Fields(&[]));

const OF_SECRETS: Keep =
    Fields(&[("deletionTimestamp", Whole), ("labels", Keys(is_invalid_since)), ("uid", Whole)]);
/// Secrets that hold tokens. Their values are read where they are received and kept decoded; they are no
/// part of what is kept as text.
pub(super) static SECRETS: Definition = Definition {
    is_namespaced: true,
    metadata: OF_SECRETS,
    ..Definition::core("secrets", "Secret", Fields(&[("type", Whole)]))
};
/// That Secrets exist. Not their annotations: in those `kubectl apply` repeats the values.
pub(super) static SECRET_METADATA: Definition = Definition {
    is_namespaced: true,
    is_metadata: true,
    metadata: OF_SECRETS,
    ..Definition::core("secrets", "Secret", Fields(&[]))
};

/// Namespaces, with the labels that say what is above them.
pub(super) static NAMESPACES: Definition = Definition {
    metadata: Fields(&[("labels", Whole)]),
    ..Definition::core("namespaces", "Namespace", Fields(&[]))
};

const SUBRESOURCES: Keep = Fields(&[("scale", Presence), ("status", Presence)]);
/// CustomResourceDefinitions, without their schemas.
pub(super) static CUSTOM_RESOURCE_DEFINITIONS: Definition = Definition {
    group: "apiextensions.k8s.io",
    metadata: Fields(&[]),
    ..Definition::core(
        "customresourcedefinitions",
        "CustomResourceDefinition",
        Fields(&[(
            "spec",
            Fields(&[
                ("group", Whole),
                ("names", Whole),
                ("scope", Whole),
                (
                    "versions",
                    Fields(&[("name", Whole), ("served", Whole), ("subresources", SUBRESOURCES)]),
                ),
            ]),
        )]),
    )
};

const ALL: Keep = AllBut(&[]);
const ALL_METADATA: Keep = AllBut(&["managedFields"]);
/// CertificateSigningRequests (S-CSR-1).
pub(super) static SIGNING_REQUESTS: Definition = Definition {
    group: "certificates.k8s.io",
    is_versioned: true,
    metadata: ALL_METADATA,
    ..Definition::core("certificatesigningrequests", "CertificateSigningRequest", ALL)
};
/// ConfigMaps.
pub(super) static CONFIG_MAPS: Definition = Definition {
    is_namespaced: true,
    is_versioned: true,
    metadata: ALL_METADATA,
    ..Definition::core("configmaps", "ConfigMap", ALL)
};
