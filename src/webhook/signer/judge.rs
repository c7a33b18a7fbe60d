//! What is to be done with a request, and what is it then?

use super::Authorize;
use super::desk::{Desk, Held};
use crate::api::certificates::{APPROVED, CertificateSigningRequest, Condition, DENIED, FAILED};
use crate::crypto::certificate::Certificate;
use crate::model::utc::Utc;
use crate::pki::Requested;
use crate::pki::approval::{AutoApproval, auto_approval};
use crate::pki::issue::{IssueError, IssuingRules, Order};
use crate::pki::ledger::Ledger;
use crate::pki::signer::Signer;
use crate::pki::validation::{Valid, validate};
use crate::webhook::config::{Approve, SignerConfig};
use crate::webhook::load::with_causes;
use crate::webhook::metrics::SignerOutcome;

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Step {
    /// It is not ours, decided by somebody, or done.
    Nothing,
    /// It stays pending: nobody here allows it. That may change with the policy, not with the object.
    Pending(String),
    /// The object is to be written.
    Write(Box<Write>),
    /// Something failed; the object says nothing wrong.
    Failed(String),
}

/// An object to be written.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) object: CertificateSigningRequest,
    pub(super) to: Subresource,
    /// What that is counted as.
    pub(super) outcome: SignerOutcome,
    /// What the log says.
    pub(super) said: String,
    /// Until when it may be written as it is, without another look at the request; `None` for what is
    /// looked at each time.
    pub(super) reusable_until: Option<i64>,
}

/// Which part of an object is written (S-CSR-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subresource {
    Approval,
    Status,
}

impl Subresource {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Status => "status",
        }
    }
}

/// The words for programs in conditions: those of the command line for the same.
const APPROVE: &str = "PortcullisApprove";
const DENY: &str = "PortcullisDeny";
/// The word of kube-controller-manager for what a signer does not sign (S-CSR-13).
const INVALID: &str = "SignerValidationFailure";

/// Looks at a request, signs it if it is to be signed, and says what is to be written. A certificate
/// is in the books when this returns. Waits for them.
pub(super) fn judge(
    object: CertificateSigningRequest,
    desk: &Desk,
    books: &dyn Ledger,
    authorize: &Authorize,
    now: i64,
) -> Step {
    let SignerConfig { signer, approve, .. } = &desk.config;
    // The watch asks for our own only; an API server that answers otherwise is not believed.
    if object.spec().signer_name != signer.as_str() {
        return Step::Nothing;
    }
    if object.awaits_certificate() {
        return sign(object, desk, books, now);
    }
    if !object.is_pending() {
        return Step::Nothing;
    }
    match approve {
        Approve::Never => Step::Nothing,
        Approve::ByPolicy => by_policy(object, desk, now),
        Approve::Kubelets => of_kubelet(object, signer, authorize, now),
    }
}

fn sign(mut object: CertificateSigningRequest, desk: &Desk, books: &dyn Ledger, now: i64) -> Step {
    let held = desk.current();
    let valid = match validate(&object) {
        Ok(valid) => valid,
        Err(errors) => return failed(object, errors.to_string(), now),
    };
    let approved_by = approved_by(&object);
    let order = order(&object, &valid, &desk.config.signer, &approved_by, now);
    match rules(&held, &desk.config).issue(&order, &held.authority, books) {
        Ok(issued) => {
            let said =
                format!("certificate {}; {}", issued.certificate.fingerprint(), issued.decision);
            object.set_certificate(&issued.certificate.pem());
            // Half of its life: nobody is to be given one that is about to end.
            let not_after =
                Certificate::from_der(issued.certificate.der()).map(|it| it.not_after());
            let half = not_after.map(|end| now.saturating_add(end.saturating_sub(now) / 2)).ok();
            let (to, outcome) = (Subresource::Status, SignerOutcome::Signed);
            Step::Write(Box::new(Write { object, to, outcome, said, reusable_until: half }))
        }
        Err(IssueError::Refused(refusal)) => failed(object, refusal.to_string(), now),
        Err(error) => Step::Failed(with_causes(&error)),
    }
}

/// It is not to be, and says so for ever: who asked must not wait for it.
fn failed(mut object: CertificateSigningRequest, message: String, now: i64) -> Step {
    let condition = Condition::new(FAILED, INVALID, message.as_str());
    object.add_condition(condition, &Utc(now).to_string());
    write(object, Subresource::Status, SignerOutcome::Refused, message)
}

fn by_policy(mut object: CertificateSigningRequest, desk: &Desk, now: i64) -> Step {
    let held = desk.current();
    let refusal = match validate(&object) {
        Err(errors) => errors.to_string(),
        Ok(valid) => {
            let order = order(&object, &valid, &desk.config.signer, "", now);
            match rules(&held, &desk.config).check(&order) {
                // Without a rule nobody has allowed it, whatever the rules of Kubernetes say.
                Ok(granted) => match granted.rule {
                    Some(rule) => {
                        let said = format!("rule `{rule}` of the signing policy allows it");
                        let message = format!("This CSR was approved by portcullis: {said}.");
                        let condition = Condition::new(APPROVED, APPROVE, message);
                        object.add_condition(condition, &Utc(now).to_string());
                        let outcome = SignerOutcome::Approved;
                        return write(object, Subresource::Approval, outcome, said);
                    }
                    None => return Step::Pending("there is no signing policy".to_owned()),
                },
                Err(refusal) => refusal.to_string(),
            }
        }
    };
    if !desk.config.deny_refused {
        return Step::Pending(refusal);
    }
    let message = format!("This CSR was denied by portcullis: {refusal}.");
    object.add_condition(Condition::new(DENIED, DENY, message), &Utc(now).to_string());
    write(object, Subresource::Approval, SignerOutcome::Denied, refusal)
}

/// As kube-controller-manager does it (S-CSR-18, S-CSR-19).
fn of_kubelet(
    mut object: CertificateSigningRequest,
    signer: &Signer,
    authorize: &Authorize,
    now: i64,
) -> Step {
    let valid = match validate(&object) {
        Ok(valid) => valid,
        Err(errors) => return Step::Pending(errors.to_string()),
    };
    let requested = Requested::from(&valid.request);
    let ask = |request: &crate::model::Request<'_>| authorize(request);
    let approval = auto_approval(&ask, object.requester(), signer, &requested, &valid.usages);
    let Some(approval) = approval else {
        return Step::Pending(format!(
            "no kubelet that its requester `{}` may ask for",
            object.requester().name
        ));
    };
    let condition = Condition::new(APPROVED, AutoApproval::REASON, approval.message());
    object.add_condition(condition, &Utc(now).to_string());
    let said = approval.message().to_owned();
    write(object, Subresource::Approval, SignerOutcome::Approved, said)
}

fn write(
    object: CertificateSigningRequest,
    to: Subresource,
    outcome: SignerOutcome,
    said: String,
) -> Step {
    Step::Write(Box::new(Write { object, to, outcome, said, reusable_until: None }))
}

fn rules<'a>(held: &'a Held, config: &SignerConfig) -> IssuingRules<'a> {
    let signing_duration = i64::try_from(config.signing_duration.as_secs()).unwrap_or(i64::MAX);
    IssuingRules { policy: held.policy.as_ref(), signing_duration }
}

fn order<'a>(
    object: &'a CertificateSigningRequest,
    valid: &'a Valid,
    signer: &'a Signer,
    approved_by: &'a str,
    now: i64,
) -> Order<'a> {
    Order {
        request: &valid.request,
        usages: &valid.usages,
        signer,
        seconds: object.spec().expiration_seconds,
        requester: Some(object.requester()),
        request_name: object.name(),
        approved_by,
        now,
    }
}

/// Who approved an object, as its condition tells; for the books.
fn approved_by(object: &CertificateSigningRequest) -> String {
    let approved = object.conditions().iter().find(|condition| condition.kind == APPROVED);
    approved.map(|condition| condition.reason.clone()).unwrap_or_default()
}
