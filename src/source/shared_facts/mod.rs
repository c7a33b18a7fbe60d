//! What do replicas tell each other, so that a fact that one of them learns counts for all?
//!
//! Facts are lines, only ever added, in ConfigMaps of one namespace: those of a writer in its own, one
//! after the other as they fill up. What counts is the union of all lines of a kind, whoever wrote
//! them. Nobody leads, and nobody needs a lock: the API server refuses to write over what a writer has
//! not seen (`resourceVersion`), and adding a line that is there changes nothing.
//!
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata:
//!   name: portcullis-revocations-cli-ops-0001
//!   namespace: portcullis-system
//!   labels: {portcullis.dev/facts: revocations, portcullis.dev/writer: cli-ops}
//! data:
//!   entries: |
//!     {"kind":"User","name":"jane","issuedBefore":"2026-11-26T08:00:00Z","at":"2026-11-26T08:00:00Z"}
//! ```
//!
//! - [`FactLog`] writes; [`ClusterRevocations`] reads revocations, in the lines of
//!   [`revocations`](super::revocations) but for the header; `ClusterLedger` keeps the books of issued
//!   certificates, a JSON record a line; [`Summaries`] are not a log: each writer's latest counts.
//! - Whoever may write these ConfigMaps may revoke anything, and whoever may delete them makes replicas
//!   that start later forget. A Role for them is for servers and for those who revoke.
//!
//! **Nothing is forgotten on the way.** A ConfigMap that is deleted, or from which lines are taken,
//! goes on counting as it was in every process that has read it; a process that starts later knows
//! what there is then. To take entries back, make those that are to go `immutable: true`, so that nothing
//! is added that would be lost; write a ConfigMap with all that is to stay (label `portcullis.dev/facts` as
//! before, any other name), say in its annotation `portcullis.dev/replaces` the names of those that it
//! stands in for, separated by commas, and delete those. As soon as it is there and they are gone, what only
//! they said does not count any more. It stands in for those that were there before it: writers use a name
//! again. In the same way many small ConfigMaps of writers that are gone are made one.
//!
//! Absent on purpose: what the facts mean (see `model`, `pki`), and any secret: ConfigMaps are read by
//! many.

mod chunk;
mod error;
#[cfg(feature = "ledger")]
mod ledger;
mod list;
mod log;
mod options;
mod reader;
mod revocations;
#[cfg(feature = "ledger")]
mod revoke;
mod summaries;
#[cfg(test)]
mod tests;
mod union;

pub use chunk::{FULL_CHUNK, LONGEST_LINE, MOST_CHUNKS};
pub use error::FactError;
#[cfg(feature = "ledger")]
pub use ledger::ClusterLedger;
pub use log::{Appended, FactLog};
pub use options::{FactKind, FactsOptions};
pub use reader::FactsStatus;
pub use revocations::ClusterRevocations;
#[cfg(feature = "ledger")]
pub use revoke::{KnownFacts, LiveRevocation, LiveRevokeError, read_facts, revocation_of};
pub use summaries::{Summaries, Summary};
