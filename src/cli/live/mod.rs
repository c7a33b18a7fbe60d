//! `--live`: the objects of an API server instead of files.

#[cfg(not(feature = "watch"))]
mod disabled;
#[cfg(feature = "watch")]
mod enabled;

use portcullis::source::Loaded;

#[cfg(not(feature = "watch"))]
pub(crate) use disabled::{Live, LiveArgs};
#[cfg(feature = "watch")]
pub(crate) use enabled::{ClusterArgs, Live, LiveArgs, connected, missing};

/// What a verb looks at besides roles, bindings, names and what the modes ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Who runs as which service account.
    pub(crate) pods: bool,
    /// Which service accounts there are.
    pub(crate) service_accounts: bool,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The objects.
    pub(crate) loaded: Loaded,
    /// The kinds that could not be seen.
    pub(crate) missing: Missing,
    /// The API server.
    pub(crate) server: String,
}

/// Kinds of which nobody knows what there is.
#[derive(Debug, Default)]
pub(crate) struct Missing(pub(crate) Vec<String>);

impl Missing {
    /// Whether grants in this namespace (empty: cluster scope) may be among what is missing.
    pub(crate) fn grants(&self, namespace: &str) -> bool {
        self.has("ClusterRoles")
            || self.has("ClusterRoleBindings")
            || !namespace.is_empty() && (self.has("Roles") || self.has("RoleBindings"))
    }

    /// Whether something is that leads to a node.
    pub(crate) fn graph(&self) -> bool {
        const KINDS: [&str; 5] = [
            "Pods",
            "PersistentVolumes",
            "VolumeAttachments",
            "ResourceSlices",
            "PodCertificateRequests",
        ];
        KINDS.iter().any(|kind| self.has(kind))
    }

    /// Whether a kind is.
    pub(crate) fn has(&self, kind: &str) -> bool {
        self.0.iter().any(|missing| missing == kind)
    }
}
