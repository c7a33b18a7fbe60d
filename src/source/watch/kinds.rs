use std::fmt;

use super::definition::{self, Definition};
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
    /// crosses the wire but in annotations, which are dropped. Of a Secret that another of the kinds shows
    /// with its values only that one is handed on, so that the last word about a Secret is the one that counts.
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

impl Watched {
    /// Which fields of an object are kept, besides its kind, name, namespace and version: paths such as
    /// `spec.volumes.secret.secretName`. Everything else is dropped as soon as it was received.
    ///
    /// ```
    /// use portcullis::source::watch::Watched;
    ///
    /// assert_eq!(Watched::Nodes.keeps(), ["metadata.deletionTimestamp", "metadata.uid"]);
    /// ```
    #[must_use]
    pub fn keeps(&self) -> Vec<String> {
        self.definition().keeps()
    }

    pub(super) fn definition(&self) -> &'static Definition {
        match self {
            Self::ClusterRoles => &definition::CLUSTER_ROLES,
            Self::ClusterRoleBindings => &definition::CLUSTER_ROLE_BINDINGS,
            Self::Roles => &definition::ROLES,
            Self::RoleBindings => &definition::ROLE_BINDINGS,
            Self::Pods => &definition::PODS,
            Self::PersistentVolumes => &definition::PERSISTENT_VOLUMES,
            Self::VolumeAttachments => &definition::VOLUME_ATTACHMENTS,
            Self::ResourceSlices => &definition::RESOURCE_SLICES,
            Self::PodCertificateRequests => &definition::POD_CERTIFICATE_REQUESTS,
            Self::ServiceAccounts => &definition::SERVICE_ACCOUNTS,
            Self::Nodes => &definition::NODES,
            Self::BootstrapSecrets | Self::ServiceAccountSecrets => &definition::SECRETS,
            Self::SecretMetadata => &definition::SECRET_METADATA,
            Self::Namespaces => &definition::NAMESPACES,
            Self::CustomResourceDefinitions => &definition::CUSTOM_RESOURCE_DEFINITIONS,
            Self::SigningRequests { .. } => &definition::SIGNING_REQUESTS,
            Self::ConfigMaps { .. } => &definition::CONFIG_MAPS,
        }
    }

    /// The one namespace that is asked for; `None` for all, or for objects of the cluster.
    pub(super) fn namespace(&self) -> Option<&str> {
        match self {
            Self::BootstrapSecrets => Some("kube-system"),
            Self::ConfigMaps { namespace, .. } => Some(namespace),
            _ => None,
        }
    }

    /// Whether its objects are never written to disk.
    pub(super) const fn is_secret(&self) -> bool {
        matches!(self, Self::BootstrapSecrets | Self::ServiceAccountSecrets | Self::SecretMetadata)
    }

    /// The path of the collection, in the version of this number.
    pub(super) fn path(&self, version: usize) -> String {
        let Definition { group, resource, .. } = self.definition();
        let version = self.definition().version(version);
        let root = match group.is_empty() {
            true => format!("/api/{version}"),
            false => format!("/apis/{group}/{version}"),
        };
        match self.namespace() {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{resource}"),
            None => format!("{root}/{resource}"),
        }
    }

    /// The selector of the objects that are asked for, as a parameter of the query.
    pub(super) fn selector(&self) -> Option<(&'static str, String)> {
        let fields = "fieldSelector";
        Some(match self {
            Self::BootstrapSecrets => (fields, "type=bootstrap.kubernetes.io/token".to_owned()),
            Self::ServiceAccountSecrets => {
                (fields, "type=kubernetes.io/service-account-token".to_owned())
            }
            Self::SigningRequests { signer } => (fields, format!("spec.signerName={signer}")),
            Self::ConfigMaps { labels, .. } => ("labelSelector", labels.to_string()),
            _ => return None,
        })
    }
}

/// As a line of a log says it.
impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BootstrapSecrets => f.write_str("secrets of bootstrap tokens"),
            Self::ServiceAccountSecrets => f.write_str("secrets of service account tokens"),
            Self::SecretMetadata => f.write_str("metadata of secrets"),
            Self::SigningRequests { signer } => {
                write!(f, "certificatesigningrequests of {signer}")
            }
            Self::ConfigMaps { namespace, labels } => {
                write!(f, "configmaps of {namespace} with {labels}")
            }
            _ => f.write_str(self.definition().resource),
        }
    }
}
