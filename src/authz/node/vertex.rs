use std::fmt;

/// The kinds of objects that lead to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VertexKind {
    /// `Secret`.
    Secret,
    /// `ConfigMap`.
    ConfigMap,
    /// `ServiceAccount`.
    ServiceAccount,
    /// `PersistentVolumeClaim`.
    PersistentVolumeClaim,
    /// `ResourceClaim`.
    ResourceClaim,
    /// `PersistentVolume`.
    PersistentVolume,
    /// `Pod`.
    Pod,
    /// `VolumeAttachment`.
    VolumeAttachment,
    /// `ResourceSlice`.
    ResourceSlice,
    /// `PodCertificateRequest`.
    PodCertificateRequest,
}

impl VertexKind {
    /// The kind as manifests spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::ServiceAccount => "ServiceAccount",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::ResourceClaim => "ResourceClaim",
            Self::PersistentVolume => "PersistentVolume",
            Self::Pod => "Pod",
            Self::VolumeAttachment => "VolumeAttachment",
            Self::ResourceSlice => "ResourceSlice",
            Self::PodCertificateRequest => "PodCertificateRequest",
        }
    }

    /// Whether it is tied to a node itself, not through another object: the last step of every way.
    pub(super) const fn is_last(self) -> bool {
        matches!(
            self,
            Self::Pod | Self::VolumeAttachment | Self::ResourceSlice | Self::PodCertificateRequest
        )
    }

    /// The byte that stands for it in a table.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Secret => 0,
            Self::ConfigMap => 1,
            Self::ServiceAccount => 2,
            Self::PersistentVolumeClaim => 3,
            Self::ResourceClaim => 4,
            Self::PersistentVolume => 5,
            Self::Pod => 6,
            Self::VolumeAttachment => 7,
            Self::ResourceSlice => 8,
            Self::PodCertificateRequest => 9,
        }
    }

    /// The kind that a byte stands for.
    pub(super) const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Secret,
            1 => Self::ConfigMap,
            2 => Self::ServiceAccount,
            3 => Self::PersistentVolumeClaim,
            4 => Self::ResourceClaim,
            5 => Self::PersistentVolume,
            6 => Self::Pod,
            7 => Self::VolumeAttachment,
            8 => Self::ResourceSlice,
            9 => Self::PodCertificateRequest,
            _ => return None,
        })
    }
}

impl fmt::Display for VertexKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object of the graph; displays as `Secret ns/token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vertex<'g> {
    /// Its kind.
    pub kind: VertexKind,
    /// The namespace; empty for objects of the cluster.
    pub namespace: &'g str,
    /// The name.
    pub name: &'g str,
}

impl Vertex<'_> {
    /// `ns/name`, or the name alone for objects of the cluster.
    #[must_use]
    pub fn qualified(&self) -> String {
        match self.namespace {
            "" => self.name.to_owned(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

impl fmt::Display for Vertex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(self.name)
    }
}
