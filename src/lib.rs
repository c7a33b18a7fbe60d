//! Portcullis is the authentication and authorization engine of Kubernetes as a library.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;
pub mod authz;
pub mod model;
pub mod snapshot;
#[cfg(feature = "files")]
pub mod source;

mod util;
