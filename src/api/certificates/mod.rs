//! What does a CertificateSigningRequest say (`certificates.k8s.io/v1`, S-CSR-1), and would the API
//! server take it?
//!
//! Absent on purpose: who may have which certificate (see `pki`), and the reading of requests and
//! certificates themselves (see `crypto`).

mod condition;
mod object;
mod signer_name;
#[cfg(test)]
mod tests;
mod usage;
mod validation;

pub use condition::{APPROVED, Condition, DENIED, FAILED};
pub use object::{API_VERSION, CertificateSigningRequest, KIND, ObjectError, Spec};
pub use signer_name::signer_name_errors;
pub use usage::{KeyUsage, UnknownUsage};
pub use validation::Subresource;
