//! The review server: TokenReview and SubjectAccessReview, answered for a kube-apiserver.
//!
//! [`App`] answers bodies, [`reviews`] is its router, [`server`] the transport below; [`config`],
//! [`load`] and [`reload`] decide what is served, [`serve`](serve()) puts all of it together as
//! `portcullis serve` does.
//!
//! Absent on purpose: deciding (see `authz`), proving identities (see `authn`).

mod app;
mod authenticate;
mod authorize;
pub mod cluster;
pub mod config;
pub mod decision_log;
pub mod digest;
pub mod load;
mod login;
pub mod metrics;
mod operations;
pub mod reload;
mod reply;

pub use authorize::ReviewLimits;
pub use reply::Reply;

pub mod request_id;
mod router;
pub mod sample;
mod scratch;
mod serve;
pub mod server;
pub mod shadow;
pub mod signer;
mod slow;
pub mod telemetry;
mod traces;
pub mod watch;

pub use app::{App, Asker};
pub use operations::operations;
pub use router::reviews;
pub use serve::{Addresses, ServeError, Server, serve};
