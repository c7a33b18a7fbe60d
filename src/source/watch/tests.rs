use super::Watched;

/// One of each kind.
pub(super) fn all() -> Vec<Watched> {
    vec![
        Watched::ClusterRoles,
        Watched::ClusterRoleBindings,
        Watched::Roles,
        Watched::RoleBindings,
        Watched::Pods,
        Watched::PersistentVolumes,
        Watched::VolumeAttachments,
        Watched::ResourceSlices,
        Watched::PodCertificateRequests,
        Watched::ServiceAccounts,
        Watched::Nodes,
        Watched::BootstrapSecrets,
        Watched::ServiceAccountSecrets,
        Watched::SecretMetadata,
        Watched::Namespaces,
        Watched::CustomResourceDefinitions,
        Watched::SigningRequests { signer: "example.com/s".into() },
        Watched::ConfigMaps { namespace: "n".into(), labels: "a=b".into() },
    ]
}
