//! Shapes: what Kubernetes objects look like as bytes, and as values.
//!
//! The types read what the API server reads: unknown fields are ignored, `null` lists are empty,
//! and empty references are defaulted as the server does (S-RVAL-1). Nothing here judges.

#[cfg(feature = "abac")]
pub mod abac;
#[cfg(feature = "authn")]
pub mod authentication;
#[cfg(feature = "oidc")]
pub mod authentication_config;
pub mod authorization;
#[cfg(feature = "structured-chain")]
pub mod authorization_config;
#[cfg(feature = "pki")]
pub mod certificates;
#[cfg(feature = "login")]
pub mod client_authentication;
#[cfg(feature = "authn")]
pub mod core;
pub mod decision_line;
pub mod field;
#[cfg(feature = "node")]
pub mod graph;
pub mod inventory;
#[cfg(feature = "k8s-openapi")]
pub mod k8s_openapi;
#[cfg(feature = "pki")]
pub mod kubeconfig;
#[cfg(any(feature = "login", feature = "webhook"))]
pub mod login;
pub mod meta;
pub mod mode;
mod moment;
pub mod names;
pub mod rbac;
pub mod resources;
pub mod selector;

pub(crate) mod null;

/// The string of the wire types: up to 24 bytes without an allocation.
pub use compact_str::CompactString as Str;
