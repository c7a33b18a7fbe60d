//! The review server: TokenReview and SubjectAccessReview, answered for a kube-apiserver.
//!
//! Absent on purpose: deciding (see `authz`), proving identities (see `authn`).

pub mod config;
pub mod load;
pub mod metrics;
pub mod reload;
pub mod watch;
