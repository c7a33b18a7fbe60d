//! May this certificate be issued, and what would be in it? The rules of Kubernetes' signers, and a
//! policy on top.
//!
//! Absent on purpose: cryptography and bytes (see `crypto`), files and the ledger (see `source`), and
//! any judgement of other engines: whether a requester may approve is asked of a function that the
//! caller passes.

pub mod approval;
pub mod issue;
pub mod ledger;
pub mod policy;
mod requested;
pub mod signer;
#[cfg(test)]
mod tests;
mod usages;
pub mod validation;
pub mod validity;

pub use requested::Requested;
pub use usages::certificate_usages;
