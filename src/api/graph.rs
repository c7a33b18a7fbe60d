//! What the Node authorizer reads of objects: which of them refer to which others (S-NODE-9 to 16).
//!
//! Only what makes an edge is kept. Nodes, service accounts and claims are not among the objects: that
//! they exist grants nothing, only what refers to them does.

use std::fmt;

use super::Str;
use super::meta::Uid;

/// An object that makes edges.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// A pod.
    Pod(Pod),
    /// A PersistentVolume.
    PersistentVolume(PersistentVolume),
    /// A VolumeAttachment.
    VolumeAttachment(OnNode),
    /// A ResourceSlice.
    ResourceSlice(OnNode),
    /// A PodCertificateRequest.
    PodCertificateRequest(OnNode),
}

/// Which object, for deleting it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// The namespace; empty for objects of the cluster.
    pub namespace: Str,
    /// The name.
    pub name: Str,
}

/// The kinds of [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// `Pod`.
    Pod,
    /// `PersistentVolume`.
    PersistentVolume,
    /// `VolumeAttachment`.
    VolumeAttachment,
    /// `ResourceSlice`.
    ResourceSlice,
    /// `PodCertificateRequest`.
    PodCertificateRequest,
}

impl Kind {
    /// The kind as manifests spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::PersistentVolume => "PersistentVolume",
            Self::VolumeAttachment => "VolumeAttachment",
            Self::ResourceSlice => "ResourceSlice",
            Self::PodCertificateRequest => "PodCertificateRequest",
        }
    }

    /// Whether its objects live in namespaces.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        matches!(self, Self::Pod | Self::PodCertificateRequest)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        match namespace.is_empty() {
            true => write!(f, "{} `{name}`", kind.as_str()),
            false => write!(f, "{} `{namespace}/{name}`", kind.as_str()),
        }
    }
}

/// A pod: where it runs and what it refers to, all in its own namespace. Lists are as the object has
/// them, duplicates included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// The namespace.
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// The uid; empty in manifests.
    pub uid: Uid,
    /// `spec.nodeName`; empty for a pod that waits for a node.
    pub node_name: Str,
    /// Whether a kubelet made it of a file (S-NODE-10).
    pub is_mirror: bool,
    /// `spec.serviceAccountName`; empty when the object names none.
    pub service_account: Str,
    /// Secrets it refers to (S-NODE-11).
    pub secrets: Box<[Str]>,
    /// ConfigMaps it refers to.
    pub config_maps: Box<[Str]>,
    /// PersistentVolumeClaims it refers to, those of generic ephemeral volumes included.
    pub claims: Box<[Str]>,
    /// ResourceClaims it refers to: those that `spec.resourceClaims` names, and those that
    /// `status.resourceClaimStatuses` says were made of the templates that it names.
    pub resource_claims: Box<[Str]>,
    /// `status.resourceClaimStatuses` as written, each its name and the claim if one was made. Makes no
    /// edge by itself; that it changed is what an update is looked at for (S-NODE-14).
    pub resource_claim_statuses: Box<[(Str, Option<Str>)]>,
    /// The claim of `status.extendedResourceClaimStatus`; empty when there is none.
    pub extended_resource_claim: Str,
    /// How many ephemeral containers it has (S-NODE-14).
    pub ephemeral_containers: u32,
}

/// A PersistentVolume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersistentVolume {
    /// The name.
    pub name: Str,
    /// Namespace and name of the claim that it is bound to (`spec.claimRef`).
    pub claim: Option<(Str, Str)>,
    /// Namespaces and names of the secrets that a kubelet needs for it (S-NODE-12), the namespace of
    /// the claim filled in.
    pub secrets: Box<[(Str, Str)]>,
}

/// An object that belongs to one node (S-NODE-13).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnNode {
    /// The namespace; empty for objects of the cluster.
    pub namespace: Str,
    /// The name.
    pub name: Str,
    /// `spec.nodeName`; empty when it belongs to none.
    pub node_name: Str,
}

impl From<Pod> for Object {
    fn from(pod: Pod) -> Self {
        Self::Pod(pod)
    }
}

impl From<PersistentVolume> for Object {
    fn from(volume: PersistentVolume) -> Self {
        Self::PersistentVolume(volume)
    }
}

impl Object {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Pod(_) => Kind::Pod,
            Self::PersistentVolume(_) => Kind::PersistentVolume,
            Self::VolumeAttachment(_) => Kind::VolumeAttachment,
            Self::ResourceSlice(_) => Kind::ResourceSlice,
            Self::PodCertificateRequest(_) => Kind::PodCertificateRequest,
        }
    }

    /// Its namespace; empty for objects of the cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Pod(pod) => &pod.namespace,
            Self::PersistentVolume(_) => "",
            Self::VolumeAttachment(it)
            | Self::ResourceSlice(it)
            | Self::PodCertificateRequest(it) => &it.namespace,
        }
    }

    /// Its namespace, to be filled in or cleared; `None` where there is no room for one.
    #[cfg(feature = "files")]
    pub(crate) fn namespace_mut(&mut self) -> Option<&mut Str> {
        match self {
            Self::Pod(pod) => Some(&mut pod.namespace),
            Self::VolumeAttachment(it)
            | Self::ResourceSlice(it)
            | Self::PodCertificateRequest(it) => Some(&mut it.namespace),
            Self::PersistentVolume(_) => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pod(pod) => &pod.name,
            Self::PersistentVolume(volume) => &volume.name,
            Self::VolumeAttachment(it)
            | Self::ResourceSlice(it)
            | Self::PodCertificateRequest(it) => &it.name,
        }
    }

    /// The node that it is on, or belongs to; empty when there is none.
    #[must_use]
    pub fn node_name(&self) -> &str {
        match self {
            Self::Pod(pod) => &pod.node_name,
            Self::PersistentVolume(_) => "",
            Self::VolumeAttachment(it)
            | Self::ResourceSlice(it)
            | Self::PodCertificateRequest(it) => &it.node_name,
        }
    }

    /// Which object it is.
    #[must_use]
    pub fn key(&self) -> Key {
        let (namespace, name) = (self.namespace().into(), self.name().into());
        Key { kind: self.kind(), namespace, name }
    }
}
