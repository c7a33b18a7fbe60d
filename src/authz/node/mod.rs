//! May this kubelet do this? The Node authorizer: a node may read what runs on it needs, and no more.
//!
//! The rule, in our words. A node is a user named `system:node:<name>` in the group `system:nodes`. It
//! may read a Secret, ConfigMap, ServiceAccount, claim or volume by name when a way leads from that
//! object to the node: objects lead to the pods that refer to them, volumes to the claims that they are
//! bound to, pods to the node they run on (S-NODE-9 to 16). Its own Node, Lease and CSINode it knows by
//! their name; what belongs to it, such as its pods, it may list with a field selector that says so.
//! Whatever else a kubelet does is granted to all of them alike, as ClusterRole `system:node` has it.
//! Nothing denies: who is refused has no opinion here, and a later authorizer may still allow it
//! (S-NODE-8).
//!
//! Absent on purpose: admission. A node may change **any** Node and delete **any** pod as far as this
//! authorizer is concerned; only the admission plugin NodeRestriction holds it to its own (S-NODE-7). In
//! a cluster without that plugin every kubelet can write every Node.
//! Absent, too: that an object exists. Whether there is a node, a Secret or a service account of some
//! name plays no part, only what refers to it does; and a pod that has finished still refers to its
//! objects until it is deleted (S-NODE-15).
//!
//! ```
//! use portcullis::api::graph::{Object, Pod};
//! use portcullis::authz::Authorizer;
//! use portcullis::authz::node::{Editor, Gates};
//! use portcullis::model::{Request, ResourceAttributes, User};
//!
//! let mut pod = Pod::default();
//! pod.namespace = "shop".into();
//! pod.name = "web-0".into();
//! pod.node_name = "n1".into();
//! pod.secrets = vec!["tls".into()].into();
//! let graph = Editor::load(Gates::default(), [&Object::Pod(pod)]).graph();
//!
//! let secret = ResourceAttributes::new("get", "secrets").in_namespace("shop").named("tls");
//! let here = User::new("system:node:n1").with_groups(["system:nodes"]);
//! let request = Request::resource(&here, secret);
//! let verdict = graph.authorize(&request);
//! assert!(verdict.is_allowed());
//! let way: Vec<String> =
//!     verdict.path().iter().map(|step| format!("{} {}", step.kind, step.text)).collect();
//! assert_eq!(way, ["Secret shop/tls", "Pod shop/web-0", "Node n1"]);
//!
//! let elsewhere = User::new("system:node:n2").with_groups(["system:nodes"]);
//! let request = Request::resource(&elsewhere, secret);
//! assert_eq!(
//!     graph.authorize(&request).reason(),
//!     "no relationship found between node 'n2' and this object"
//! );
//! ```

mod block;
mod cause;
mod edit;
mod enumerate;
mod explain;
mod graph;
mod identity;
mod principal;
mod rules;
mod ruling;
mod shards;
mod table;
#[cfg(test)]
mod tests;
mod vertex;

pub use edit::Editor;
pub use enumerate::{Row, Via};
pub use graph::Graph;
pub use rules::{Rule, rules};
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
