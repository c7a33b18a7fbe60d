//! The review server: TokenReview and SubjectAccessReview, answered for a kube-apiserver.
//!
//! Absent on purpose: deciding (see `authz`), proving identities (see `authn`).

mod authorize;
mod identities;
pub mod metrics;
mod reply;

pub use authorize::ReviewLimits;
pub use reply::Reply;

pub mod config;
pub mod decision_log;
pub mod digest;
pub mod load;
pub mod reload;
pub mod request_id;
pub mod sample;
pub mod shadow;
pub mod telemetry;
pub mod watch;
pub mod server;
