//! The authentication and authorization engine of Kubernetes as a library: prove, decide, explain
//! and enumerate exactly as the API server does.
//!
// The README is the crate's front page, and its example is compiled; it needs what it shows.
#![cfg_attr(all(feature = "files", feature = "rbac"), doc = include_str!("../README.md"))]
//!
//! # The house
//!
//! Modules import only downwards; `tests/tidy.rs` holds the table.
//!
//! ```text
//!  L4  query    webhook  who-can, why-not, rules, lint over a snapshot; the review server
//!  L3  snapshot  source  one compiled policy; everything that reads files
//!  L2  authz authn pki   the engines: chain, rbac, abac; credentials to users; signing requests
//!  L1  api      crypto   shapes: bytes to values, Kubernetes objects and reviews, certificates
//!  L0  model             nouns: who asks, what is asked, what is answered, who said so
//! ```
//!
//! Start with [`snapshot::compile`] for a policy that stands still, [`snapshot::Live`] for one that
//! changes, and [`authz::Authorizer`] for one of your own. [`manual`] tells how it works inside and
//! why the defaults are what they are.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;
#[cfg(feature = "authn")]
pub mod authn;
pub mod authz;
#[cfg(feature = "cel")]
pub mod cel;
#[cfg(feature = "authn")]
pub mod crypto;
pub mod manual;
pub mod model;
#[cfg(feature = "pki")]
pub mod pki;
#[cfg(feature = "query")]
pub mod query;
pub mod snapshot;
#[cfg(feature = "files")]
pub mod source;
#[cfg(feature = "webhook")]
pub mod webhook;

mod util;
