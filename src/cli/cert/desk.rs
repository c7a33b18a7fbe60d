//! The desk where certificates are issued: the authority, its books, and the rules.

use portcullis::api::certificates::{CertificateSigningRequest, Condition, FAILED};
use portcullis::crypto::authority::Authority;
use portcullis::pki::issue::{IssueError, IssueRefusal, Issued, IssuingRules, Order};
use portcullis::pki::signer::Signer;
use portcullis::pki::validation::{Valid, validate};
use portcullis::source::ledger::{LedgerFile, OpenMode};

use super::permission::Permission;
use super::place::PkiArgs;
use super::{authority, books, clock};
use crate::cli::exit::{Failure, with_causes};

/// The authority and its books.
pub(super) struct Desk {
    authority: Authority,
    ledger: LedgerFile,
}

/// Why an object has no certificate yet.
pub(super) enum NotSigned {
    /// It is not to be, and the object stays as it is.
    Refused(String),
    /// It is not to be, and the object says so now (S-CSR-13).
    Failed(String),
    /// Something failed; what comes after it would fail, too.
    Stopped(String),
}

impl Desk {
    /// Opens the authority and its books.
    pub(super) fn open(place: &PkiArgs) -> Result<Self, Failure> {
        let authority = authority::load(place)?;
        let ledger = books::open(place, OpenMode::Write)?;
        Ok(Self { authority, ledger })
    }

    /// Issues one certificate.
    pub(super) fn issue(
        &self,
        rules: &IssuingRules<'_>,
        order: &Order<'_>,
    ) -> Result<Issued, IssueError> {
        rules.issue(order, &self.authority, &self.ledger)
    }

    /// Signs an approved object, and puts the certificate into it. When the signer cannot sign it,
    /// the object says that it failed.
    pub(super) fn sign(
        &self,
        object: &mut CertificateSigningRequest,
        permission: &Permission,
        approved_by: &str,
        signing_duration: i64,
    ) -> Result<(), NotSigned> {
        let (valid, signer) = read(object).map_err(NotSigned::Refused)?;
        permission.may_sign(&signer).map_err(NotSigned::Refused)?;
        let rules = IssuingRules { policy: permission.rules.as_ref(), signing_duration };
        let name = object.name().to_owned();
        let order = Order {
            request: &valid.request,
            usages: &valid.usages,
            signer: &signer,
            seconds: object.spec().expiration_seconds,
            requester: Some(object.requester()),
            request_name: &name,
            approved_by,
            now: clock::now(),
        };
        match self.issue(&rules, &order) {
            Ok(issued) => {
                object.set_certificate(&issued.certificate.pem());
                Ok(())
            }
            Err(IssueError::Refused(IssueRefusal::Signer(refusal))) => {
                let message = refusal.to_string();
                let failed = Condition::new(FAILED, "SignerValidationFailure", message.as_str());
                object.add_condition(failed, &clock::utc(clock::now()));
                Err(NotSigned::Failed(message))
            }
            Err(IssueError::Refused(refusal)) => Err(NotSigned::Refused(refusal.to_string())),
            Err(error) => Err(NotSigned::Stopped(with_causes(&error))),
        }
    }
}

/// What an object asks for, and of whom.
pub(super) fn read(object: &CertificateSigningRequest) -> Result<(Valid, Signer), String> {
    let valid = validate(object).map_err(|errors| errors.to_string())?;
    let signer = object.spec().signer_name.parse();
    let signer =
        signer.map_err(|error: portcullis::pki::signer::SignerNameError| error.to_string());
    Ok((valid, signer?))
}

/// Who approved an object, as its condition tells; for the books.
pub(super) fn approved_by(object: &CertificateSigningRequest) -> String {
    let approved = object
        .conditions()
        .iter()
        .find(|condition| condition.kind == portcullis::api::certificates::APPROVED);
    approved.map(|condition| condition.reason.clone()).unwrap_or_default()
}
