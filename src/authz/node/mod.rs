//! May this kubelet do this? The Node authorizer.

mod enumerate;
mod graph;
mod rules;
mod vertex;

pub use enumerate::{Row, Via};
pub use graph::{Editor, Graph};
pub use rules::Rule;
pub use vertex::{Vertex, VertexKind};

/// Feature gates of Kubernetes that change what a node may do. Defaults are those of Kubernetes 1.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gates {
    /// `PodCertificateRequest`: alpha, off.
    pub pod_certificate_request: bool,
    /// `KubeletServiceAccountTokenForCredentialProviders`: on.
    pub service_account_token_for_credential_providers: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            pod_certificate_request: false,
            service_account_token_for_credential_providers: true,
        }
    }
}
