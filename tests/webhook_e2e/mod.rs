//! The review server as operators run it: the binary as a child process, real files, real TLS. Each
//! refusal with its accepted twin.

mod apiserver;
mod asked;
mod chain;
mod client;
mod clients;
mod closed_loop;
mod cluster;
mod decisions;
mod dev;
mod drain;
pub(crate) mod followed;
#[cfg(all(feature = "kerberos", unix))]
mod kerberos;
mod kit;
mod live_groups;
mod login;
mod organisation;
mod process;
mod reload;
mod replicas;
mod reviews;
mod revocation;
mod rolling;
mod secrets;
mod shadow;
mod start;
mod tls_files;
mod tokens;
mod traces;
