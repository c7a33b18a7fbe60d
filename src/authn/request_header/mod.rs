//! For whom does this proxy speak? An authenticating proxy proves itself with a client certificate of
//! an authority of its own, and names its user in headers (S-RH-1 to S-RH-7).
//!
//! Absent on purpose: deleting the headers from the request, which is the caller's;
//! [`CertificateAuthenticator::reads_header`] says which (S-RH-6).

mod config;
mod headers;

pub use config::{RequestHeaderConfig, RequestHeaderConfigError};
pub use headers::NotText;

#[cfg(test)]
mod tests;
