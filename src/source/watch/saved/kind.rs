use std::borrow::Cow;

use super::Watched;

/// All that are not narrowed to anything.
pub(super) const WHOLE: [Watched; 16] = [
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
];

impl Watched {
    /// What it is called where a text is needed: in the file of the saved state, so it never changes. What it
    /// is narrowed to follows after slashes.
    ///
    /// ```
    /// use portcullis::source::watch::Watched;
    ///
    /// assert_eq!(Watched::ClusterRoles.name(), "ClusterRoles");
    /// let narrow = Watched::SigningRequests { signer: "example.com/users".into() };
    /// assert_eq!(narrow.name(), "SigningRequests/example.com/users");
    /// assert_eq!(Watched::from_name("SigningRequests/example.com/users"), Some(narrow));
    /// assert_eq!(Watched::from_name("Signatures"), None);
    /// ```
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::ClusterRoles => "ClusterRoles",
            Self::ClusterRoleBindings => "ClusterRoleBindings",
            Self::Roles => "Roles",
            Self::RoleBindings => "RoleBindings",
            Self::Pods => "Pods",
            Self::PersistentVolumes => "PersistentVolumes",
            Self::VolumeAttachments => "VolumeAttachments",
            Self::ResourceSlices => "ResourceSlices",
            Self::PodCertificateRequests => "PodCertificateRequests",
            Self::ServiceAccounts => "ServiceAccounts",
            Self::Nodes => "Nodes",
            Self::BootstrapSecrets => "BootstrapSecrets",
            Self::ServiceAccountSecrets => "ServiceAccountSecrets",
            Self::SecretMetadata => "SecretMetadata",
            Self::Namespaces => "Namespaces",
            Self::CustomResourceDefinitions => "CustomResourceDefinitions",
            Self::SigningRequests { signer } => {
                return Cow::Owned(format!("SigningRequests/{signer}"));
            }
            // The name of a namespace has no slash.
            Self::ConfigMaps { namespace, labels } => {
                return Cow::Owned(format!("ConfigMaps/{namespace}/{labels}"));
            }
        })
    }

    /// The kind of this [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.split_once('/') {
            None => WHOLE.into_iter().find(|whole| whole.name() == name),
            Some(("SigningRequests", signer)) => {
                Some(Self::SigningRequests { signer: signer.into() })
            }
            Some(("ConfigMaps", rest)) => {
                let (namespace, labels) = rest.split_once('/')?;
                Some(Self::ConfigMaps { namespace: namespace.into(), labels: labels.into() })
            }
            Some(_) => None,
        }
    }
}
