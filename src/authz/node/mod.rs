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

/// A name that is no feature gate of the Node authorizer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the Node authorizer has no feature gate `{0}`; it knows `PodCertificateRequest` and \
     `KubeletServiceAccountTokenForCredentialProviders`"
)]
pub struct UnknownGate(pub String);

impl Gates {
    /// Sets a gate by the name that Kubernetes gives it.
    ///
    /// # Errors
    /// When there is no such gate here.
    pub fn set(&mut self, name: &str, on: bool) -> Result<(), UnknownGate> {
        match name {
            "PodCertificateRequest" => self.pod_certificate_request = on,
            "KubeletServiceAccountTokenForCredentialProviders" => {
                self.service_account_token_for_credential_providers = on;
            }
            _ => return Err(UnknownGate(name.to_owned())),
        }
        Ok(())
    }
}
