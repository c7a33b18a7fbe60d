use std::collections::HashSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::condition::{APPROVED, Condition, DENIED, FAILED};
use super::object::CertificateSigningRequest;
use super::signer_name::signer_name_errors;
use super::usage::KeyUsage;
use crate::api::field::{BadValue, FieldError, FieldErrorKind, FieldErrors};
use crate::util::goquote::Quoted;

/// The signer that v1 knows no longer.
const LEGACY: &str = "kubernetes.io/legacy-unknown";
/// The shortest life that may be asked for, in seconds.
const SHORTEST: i32 = 600;

/// Which subresource an update goes to (S-CSR-6, S-CSR-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subresource {
    /// `/approval`
    Approval,
    /// `/status`
    Status,
}

impl CertificateSigningRequest {
    /// What the API server would refuse of this object when it is created (S-CSR-3, S-CSR-5,
    /// S-CSR-6, S-CSR-7). Whether the request and the certificates in it can be read is another's
    /// to know: what is wrong with them is passed in.
    #[must_use]
    pub fn errors(
        &self,
        request_problem: Option<String>,
        certificate_problem: Option<String>,
    ) -> FieldErrors {
        let spec = self.spec();
        let mut errors = Vec::new();
        if let Some(problem) = request_problem {
            let value = BadValue::json(&BASE64_STANDARD.encode(&spec.request));
            errors.push(invalid("spec.request", value, problem));
        }
        usage_errors(&spec.usages, &mut errors);
        if spec.signer_name == LEGACY {
            let legacy = "the legacy signerName is not allowed via this API version";
            errors.push(FieldError::invalid("spec.signerName", LEGACY, legacy));
        } else {
            errors.extend(signer_name_errors("spec.signerName", &spec.signer_name));
        }
        if let Some(seconds) = spec.expiration_seconds.filter(|seconds| *seconds < SHORTEST) {
            let short = "may not specify a duration less than 600 seconds (10 minutes)";
            let value = BadValue::json(&seconds);
            errors.push(invalid("spec.expirationSeconds", value, short.to_owned()));
        }
        condition_errors(self.conditions(), &mut errors);
        if let Some(problem) = certificate_problem {
            errors.push(FieldError::invalid("status.certificate", "<certificate data>", problem));
        }
        FieldErrors(errors)
    }

    /// What the API server would refuse of an update through a subresource, given what is stored
    /// (S-CSR-6, S-CSR-7), besides what [`Self::errors`] finds.
    #[must_use]
    pub fn update_errors(&self, stored: &Self, through: Subresource) -> FieldErrors {
        let mut errors = Vec::new();
        let mut forbid =
            |field: &str, text: String| errors.push(FieldError::forbidden(field, text));
        let conditions = "status.conditions";
        for kind in [APPROVED, DENIED, FAILED] {
            if self.of_kind(kind).len() < stored.of_kind(kind).len() {
                let kind = Quoted(kind);
                forbid(conditions, format!("updates may not remove a condition of type {kind}"));
            }
        }
        if through != Subresource::Approval {
            for kind in [APPROVED, DENIED] {
                let (new, old) = (self.of_kind(kind), stored.of_kind(kind));
                let kind = Quoted(kind);
                if new.len() > old.len() {
                    forbid(conditions, format!("updates may not add a condition of type {kind}"));
                } else if new.len() == old.len() && new != old {
                    forbid(
                        conditions,
                        format!("updates may not modify a condition of type {kind}"),
                    );
                }
            }
        }
        if self.certificate() != stored.certificate() {
            if through != Subresource::Status {
                forbid("status.certificate", "updates may not set certificate content".to_owned());
            } else if !stored.certificate().is_empty() {
                let text = "updates may not modify existing certificate content";
                forbid("status.certificate", text.to_owned());
            }
        }
        FieldErrors(errors)
    }

    fn of_kind(&self, kind: &str) -> Vec<&Condition> {
        self.conditions().iter().filter(|condition| condition.kind == kind).collect()
    }
}

fn usage_errors(usages: &[String], errors: &mut Vec<FieldError>) {
    if usages.is_empty() {
        errors.push(FieldError::required("spec.usages", ""));
    }
    let known = KeyUsage::ALL.map(KeyUsage::as_str);
    let path = |index: usize| format!("spec.usages[{index}]");
    for (index, usage) in usages.iter().enumerate() {
        if !known.contains(&usage.as_str()) {
            errors.push(FieldError::unsupported(path(index), usage.as_str(), &known));
        }
    }
    let mut seen = HashSet::new();
    for (index, usage) in usages.iter().enumerate() {
        if !seen.insert(usage) {
            errors.push(duplicate(path(index), usage));
        }
    }
}

fn condition_errors(conditions: &[Condition], errors: &mut Vec<FieldError>) {
    let mut seen = HashSet::new();
    for (index, condition) in conditions.iter().enumerate() {
        let path = |field: &str| format!("status.conditions[{index}].{field}");
        if condition.kind.is_empty() {
            errors.push(FieldError::required(path("type"), ""));
        }
        let allowed: &[&str] =
            if condition.is_decision() { &["True"] } else { &["False", "True", "Unknown"] };
        if condition.status.is_empty() {
            errors.push(FieldError::required(path("status"), ""));
        } else if !allowed.contains(&condition.status.as_str()) {
            let status = condition.status.as_str();
            errors.push(FieldError::unsupported(path("status"), status, allowed));
        }
        let other = match condition.kind.as_str() {
            APPROVED => Some(DENIED),
            DENIED => Some(APPROVED),
            _ => None,
        };
        if other.is_some_and(|other| seen.contains(other)) {
            let both = "Approved and Denied conditions are mutually exclusive";
            errors.push(FieldError::invalid("status.conditions", condition.kind.as_str(), both));
        }
        if !seen.insert(condition.kind.as_str()) {
            errors.push(duplicate(path("type"), &condition.kind));
        }
    }
}

fn invalid(path: &str, value: BadValue, detail: String) -> FieldError {
    let kind = FieldErrorKind::Invalid;
    FieldError { path: path.to_owned(), kind, bad_value: Some(value), detail }
}

fn duplicate(path: String, value: &str) -> FieldError {
    let kind = FieldErrorKind::Duplicate;
    FieldError { path, kind, bad_value: Some(value.into()), detail: String::new() }
}
