//! What kinds are called.

use crate::source::watch::Watched;
use crate::webhook::metrics::ClusterKind;

/// For people, in the plural.
#[must_use]
pub const fn words(watched: &Watched) -> &'static str {
    match watched {
        Watched::ClusterRoles => "cluster roles",
        Watched::ClusterRoleBindings => "cluster role bindings",
        Watched::Roles => "roles",
        Watched::RoleBindings => "role bindings",
        Watched::Pods => "pods",
        Watched::PersistentVolumes => "persistent volumes",
        Watched::VolumeAttachments => "volume attachments",
        Watched::ResourceSlices => "resource slices",
        Watched::PodCertificateRequests => "pod certificate requests",
        Watched::ServiceAccounts => "service accounts",
        Watched::Nodes => "nodes",
        Watched::BootstrapSecrets => "bootstrap token secrets",
        Watched::ServiceAccountSecrets => "service account token secrets",
        Watched::SecretMetadata => "secrets (metadata)",
        Watched::Namespaces => "namespaces",
        Watched::CustomResourceDefinitions => "custom resource definitions",
        Watched::SigningRequests { .. } => "signing requests",
        Watched::ConfigMaps { .. } => "config maps",
    }
}

/// For labels of metrics.
pub(super) const fn label(watched: &Watched) -> ClusterKind {
    match watched {
        Watched::ClusterRoles => ClusterKind::ClusterRoles,
        Watched::ClusterRoleBindings => ClusterKind::ClusterRoleBindings,
        Watched::Roles => ClusterKind::Roles,
        Watched::RoleBindings => ClusterKind::RoleBindings,
        Watched::Pods => ClusterKind::Pods,
        Watched::PersistentVolumes => ClusterKind::PersistentVolumes,
        Watched::VolumeAttachments => ClusterKind::VolumeAttachments,
        Watched::ResourceSlices => ClusterKind::ResourceSlices,
        Watched::PodCertificateRequests => ClusterKind::PodCertificateRequests,
        Watched::ServiceAccounts => ClusterKind::ServiceAccounts,
        Watched::Nodes => ClusterKind::Nodes,
        Watched::BootstrapSecrets => ClusterKind::BootstrapSecrets,
        Watched::ServiceAccountSecrets => ClusterKind::ServiceAccountSecrets,
        Watched::SecretMetadata => ClusterKind::SecretMetadata,
        Watched::Namespaces => ClusterKind::Namespaces,
        Watched::CustomResourceDefinitions => ClusterKind::CustomResourceDefinitions,
        Watched::SigningRequests { .. } => ClusterKind::SigningRequests,
        Watched::ConfigMaps { .. } => ClusterKind::ConfigMaps,
    }
}
