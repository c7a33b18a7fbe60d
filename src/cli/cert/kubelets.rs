//! `cert approve --kubelets`: what Kubernetes approves by itself (S-CSR-18, S-CSR-19).

use portcullis::api::certificates::{APPROVED, CertificateSigningRequest, Condition};
use portcullis::pki::approval::AutoApproval;
use portcullis::pki::signer::Signer;
use portcullis::pki::validation::Valid;

use super::desk::NotSigned;
use super::permission::{Permission, PermissionArgs};
use crate::cli::exit::Failure;

/// Whether it asks for the client certificate of a kubelet. No other is decided about.
pub(super) fn is_one(object: &CertificateSigningRequest) -> bool {
    object.spec().signer_name == Signer::KubeApiserverClientKubelet.as_str()
}

/// The authorizers decide, so there must be some.
pub(super) fn check(permission: &PermissionArgs) -> Result<(), Failure> {
    if permission.has_chain() {
        return Ok(());
    }
    Err(Failure::usage(
        "--kubelets asks who may create certificatesigningrequests/selfnodeclient and /nodeclient: \
         name roles and bindings with -f, or a policy with --abac",
    ))
}

/// The condition that Kubernetes would set.
pub(super) fn approval(
    object: &CertificateSigningRequest,
    valid: &Valid,
    signer: &Signer,
    permission: &Permission,
) -> Result<Condition, NotSigned> {
    let requester = object.requester();
    let Some(approval) = permission.auto_approval(requester, signer, valid) else {
        // The words of kube-controller-manager's log.
        return Err(NotSigned::Refused(format!(
            "recognized csr \"{}\" as [selfnodeclient nodeclient] but subject access review was not \
             approved; the requester is `{}`",
            object.name(),
            requester.name
        )));
    };
    Ok(Condition::new(APPROVED, AutoApproval::REASON, approval.message()))
}
