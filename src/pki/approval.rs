//! May this user approve or sign for this signer, and which requests does Kubernetes approve by
//! itself?
//!
//! The authorizer is a function that the caller passes; it answers for one request.

use super::requested::Requested;
use super::signer::Signer;
use crate::api::certificates::KeyUsage;
use crate::model::{Request, ResourceAttributes, User, Verdict};
use crate::util::goquote::Quoted;

/// The API group of requests and signers.
const GROUP: &str = "certificates.k8s.io";

/// The authorizer: what it says to one request.
pub type Ask<'f> = dyn Fn(&Request<'_>) -> Verdict<'static> + 'f;

/// The user may not do this with the signer (S-CSR-10). The text is the API server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("user not permitted to {verb} requests with signerName {}", Quoted(signer))]
pub struct NotPermitted {
    /// `approve` or `sign`.
    verb: &'static str,
    /// The name of the signer.
    signer: String,
    /// What the authorizer says went wrong; a no that no policy would cure.
    pub errors: Vec<String>,
}

/// Whether the user may approve and deny requests for this signer: verb `approve` on the signer,
/// then on all of its domain (S-CSR-9). An error of the authorizer is a no, whatever it decided
/// (S-CSR-11).
///
/// ```
/// use portcullis::model::{User, Verdict};
/// use portcullis::pki::approval::may_approve;
/// use portcullis::pki::signer::Signer;
///
/// let jane = User::new("jane");
/// let signer = Signer::KubeApiserverClient;
/// assert!(may_approve(&|_| Verdict::allow(""), &jane, &signer).is_ok());
/// let refusal = may_approve(&|_| Verdict::no_opinion(""), &jane, &signer).unwrap_err();
/// assert_eq!(
///     refusal.to_string(),
///     "user not permitted to approve requests with signerName \
///      \"kubernetes.io/kube-apiserver-client\""
/// );
/// ```
///
/// # Errors
/// When the authorizer does not allow it.
pub fn may_approve(ask: &Ask<'_>, user: &User, signer: &Signer) -> Result<(), NotPermitted> {
    may(ask, "approve", user, signer)
}

/// Whether the user may sign for this signer, and fail requests: verb `sign`, likewise.
///
/// # Errors
/// When the authorizer does not allow it.
pub fn may_sign(ask: &Ask<'_>, user: &User, signer: &Signer) -> Result<(), NotPermitted> {
    may(ask, "sign", user, signer)
}

fn may(
    ask: &Ask<'_>,
    verb: &'static str,
    user: &User,
    signer: &Signer,
) -> Result<(), NotPermitted> {
    let name = signer.as_str();
    let domain = name.split_once('/').map_or(name, |(domain, _)| domain);
    let mut errors = Vec::new();
    for name in [name, &format!("{domain}/*")] {
        let attributes = ResourceAttributes {
            version: "*",
            ..ResourceAttributes::new(verb, "signers").in_group(GROUP).named(name)
        };
        let verdict = ask(&Request::resource(user, attributes));
        if verdict.is_allowed() && verdict.errors.is_empty() {
            return Ok(());
        }
        errors.extend(verdict.errors);
    }
    Err(NotPermitted { verb, signer: name.to_owned(), errors })
}

/// Why Kubernetes approves a kubelet's request by itself (S-CSR-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoApproval {
    /// The kubelet asks for the name that it has: it renews its certificate.
    SelfNodeClient,
    /// Somebody who may asks for a kubelet: a node joins.
    NodeClient,
}

impl AutoApproval {
    /// The reason of the condition.
    pub const REASON: &str = "AutoApproved";

    /// The message of the condition.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::SelfNodeClient => {
                "Auto approving self kubelet client certificate after SubjectAccessReview."
            }
            Self::NodeClient => {
                "Auto approving kubelet client certificate after SubjectAccessReview."
            }
        }
    }

    const fn subresource(self) -> &'static str {
        match self {
            Self::SelfNodeClient => "selfnodeclient",
            Self::NodeClient => "nodeclient",
        }
    }
}

/// Whether Kubernetes would approve this request by itself: only certificates of kubelets, and only
/// when their requester may create them (S-CSR-18, S-CSR-19). Requests that are decided, or have
/// their certificate, are not to be asked about.
///
/// The API server's answer to such a review does not count errors: allowed is allowed.
#[must_use]
pub fn auto_approval(
    ask: &Ask<'_>,
    requester: &User,
    signer: &Signer,
    requested: &Requested<'_>,
    usages: &[KeyUsage],
) -> Option<AutoApproval> {
    if *signer != Signer::KubeApiserverClientKubelet || signer.check(requested, usages).is_err() {
        return None;
    }
    let ways = [AutoApproval::SelfNodeClient, AutoApproval::NodeClient];
    ways.into_iter().find(|way| {
        if *way == AutoApproval::SelfNodeClient && requester.name != requested.common_name {
            return false;
        }
        let attributes = ResourceAttributes {
            version: "*",
            ..ResourceAttributes::new("create", "certificatesigningrequests")
                .in_group(GROUP)
                .with_subresource(way.subresource())
        };
        ask(&Request::resource(requester, attributes)).is_allowed()
    })
}
