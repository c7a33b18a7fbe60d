use crate::api::Str;

/// What is listed and watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Watched {
    /// ClusterRoles.
    ClusterRoles,
    /// ClusterRoleBindings.
    ClusterRoleBindings,
    /// Roles of all namespaces.
    Roles,
    /// RoleBindings of all namespaces.
    RoleBindings,
    /// Pods, trimmed to what makes edges of the node graph and to what bound tokens ask (S-NODE-9 to 11,
    /// S-SAJWT-8).
    Pods,
    /// PersistentVolumes (S-NODE-12).
    PersistentVolumes,
    /// VolumeAttachments (S-NODE-13).
    VolumeAttachments,
    /// ResourceSlices (S-NODE-13).
    ResourceSlices,
    /// PodCertificateRequests (S-NODE-13).
    PodCertificateRequests,
    /// ServiceAccounts, by name, uid and end (S-SAJWT-7).
    ServiceAccounts,
    /// Nodes, likewise (S-SAJWT-8).
    Nodes,
    /// The Secrets of bootstrap tokens: those of namespace `kube-system` and type
    /// `bootstrap.kubernetes.io/token` (S-BTOK-2).
    BootstrapSecrets,
    /// The Secrets of legacy service account tokens: type `kubernetes.io/service-account-token`
    /// (S-SAJWT-5).
    ServiceAccountSecrets,
    /// That Secrets exist, for tokens bound to them (S-SAJWT-8): their metadata only, no value ever
    /// crosses the wire.
    SecretMetadata,
    /// Namespaces.
    Namespaces,
    /// CustomResourceDefinitions: names that people use for resources.
    CustomResourceDefinitions,
    /// CertificateSigningRequests of one signer (S-CSR-8).
    SigningRequests {
        /// `spec.signerName`.
        signer: Str,
    },
    /// ConfigMaps of one namespace with a label: what replicas tell each other.
    ConfigMaps {
        /// The namespace.
        namespace: Str,
        /// A label selector.
        labels: Str,
    },
}
