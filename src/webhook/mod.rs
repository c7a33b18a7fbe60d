//! The review server: TokenReview and SubjectAccessReview, answered for a kube-apiserver.
//!
//! Absent on purpose: deciding (see `authz`), proving identities (see `authn`).

mod app;
mod authorize;
mod identities;
pub mod config;
pub mod load;
pub mod metrics;
mod reply;

pub use app::App;
pub use authorize::ReviewLimits;
pub use reply::Reply;
pub mod server;
pub mod decision_log;
pub mod digest;
pub mod metrics;
pub mod request_id;
pub mod sample;
pub mod shadow;
pub mod telemetry;
pub mod reload;
pub mod watch;
