//! What do the API server's objects say now? Lists and watches of exactly the kinds that somebody needs.
//!
//! Each kind is listed page by page and watched from there on; what comes is trimmed to the fields that
//! decisions read ([`Watched::keeps`]), kept ([`Cluster::loaded`]), and handed on as [`Batch`]es. A watch
//! that breaks is resumed where it stopped, or listed anew when the API server has forgotten that place;
//! then the difference is handed on in one batch, so that nobody ever sees half of a list. An object that
//! cannot be read grants nothing, stops nothing, and is told.
//!
//! Clients of Kubernetes mostly use kube's own loop for this. It passes over events that it cannot decode, so
//! that what is kept parts from what is there without a word, and its client writes what it cannot decode to
//! the log, Secrets too. So only the client's connection is used here: credentials, TLS, tokens that rotate.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis::source::watch::{
//!     Cluster, ClusterOptions, Connection, CredentialsFrom, Tuning, Watched,
//! };
//!
//! let connection = Connection::open(&ClusterOptions::new(CredentialsFrom::Found)).await?;
//! let kinds = vec![Watched::Roles, Watched::RoleBindings];
//! let cluster = Cluster::start(&connection, kinds, None, Tuning::default());
//! cluster.ready().await;
//! assert!(cluster.loaded().report.skipped.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Absent on purpose: what the objects mean (see `snapshot`), a runtime (the caller's is used), and any
//! write to the API server.

mod change;
mod client;
mod cluster;
mod decode;
mod definition;
mod events;
mod failure;
mod fetch;
mod follow;
mod keep;
mod kinds;
mod list;
mod load;
mod pause;
mod permissions;
pub mod saved;
mod status;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod trim;

pub use change::{Batch, Change, Decoded, Follower, Key};
pub use client::{ClusterOptions, ConnectError, Connection, CredentialsFrom, Unreachable};
pub use cluster::{Cluster, Tuning};
pub use kinds::Watched;
pub use list::{ListError, Listed, list};
pub use permissions::{Permission, permissions};
pub use status::{KindStatus, LiveFrom, Undecodable};
