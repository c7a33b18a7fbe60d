//! A directory over the network: connections, fail-over, budgets.
//!
//! A [`Pool`] is a [`Directory`](crate::authn::ldap::Directory) of one or more servers that hold the same entries. It keeps a few
//! connections of the service account, and opens one for each user who is to be bound as.
//!
//! - TLS is required, `ldaps` or StartTLS, and a CA file that says who may vouch for the servers;
//!   [`Encryption::PlainText`] has to be asked for. Servers may be named by address, IPv6 too.
//! - The files of certificates and of the service account's password are read at the start, where a
//!   broken one is an error, and again for each new connection. A new one that is broken is not used.
//! - Servers are tried in their order. One that fails is left alone for a while that doubles; then a
//!   single request tries it again. So are servers that refuse the service account: retries would lock
//!   it. While all are left alone, the answer is an error at once.
//! - At most so many requests wait for a connection; more are an error at once. Every operation has
//!   its time, and a limit on entries and bytes.
//! - A server that answers others in time, but not the bind of one user, still counts as a good one.
//! - A connection that was idle is checked before it is used, and none gets old.
//! - Referrals are not followed, aliases not dereferenced.
//!
//! A directory that has proven who it is, is believed: it says who is who. Its answers are read by the
//! client library, which calls itself for each level of them: one that nests some 10,000 levels deep
//! ends the process. Before TLS nobody's answer is read by it.
//!
//! Absent on purpose: the machine's own root certificates, SASL but EXTERNAL, LDAP over a socket file.

#[cfg(feature = "live-groups")]
mod blocking;
mod connection;
mod decode;
mod error;
mod gate;
mod health;
mod options;
mod password;
mod pool;
mod server;
mod starttls;
mod tls;

#[cfg(feature = "live-groups")]
pub use blocking::BlockingGroups;
pub use error::PoolError;
pub use health::ServerStatus;
pub use options::{ClientCertificate, Encryption, PoolOptions, Service};
pub use pool::Pool;

use crate::authn::ldap::DirectoryError;
