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
