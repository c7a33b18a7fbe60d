//! `cert revoke --live`: the books are those that the servers of a cluster share.

use clap::Args;
use portcullis::pki::ledger::CertificateRecord;
use portcullis::source::ledger::{Outcome, Revoke, Saying};
use portcullis::source::shared_facts::{
    FactKind, FactLog, FactsOptions, LiveRevocation, read_facts, revocation_of,
};

use super::revoke::{RevokeArgs, user_of_this_command};
use crate::cli::exit::{Failure, with_causes};
use crate::cli::live::ClusterArgs;
use crate::cli::speak::Speaker;

/// Where servers share what they know. Not where they run: whoever may write there must not reach their
/// configuration.
const NAMESPACE: &str = "portcullis-facts";

/// That the servers of a cluster are told, and which cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct LiveRevokeArgs {
    /// Tell all servers of a cluster that share what they know (`revocation.fromCluster`), by way of its
    /// API server; their books are looked at in the place of the ledger here
    #[arg(long)]
    live: bool,
    /// The namespace in which they share it (`cluster.facts.namespace`) [default: portcullis-facts]
    #[arg(long, value_name = "NAME")]
    facts_namespace: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl LiveRevokeArgs {
    /// Whether it is meant.
    pub(super) fn is_meant(&self) -> Result<bool, Failure> {
        let namespace = self.facts_namespace.as_ref().map(|_| "--facts-namespace");
        match self.cluster.given().or(namespace) {
            Some(flag) if !self.live => Err(Failure::usage(format!(
                "{flag} says which cluster is told, and none is; add --live"
            ))),
            _ => Ok(self.live),
        }
    }
}

/// Revokes, unless it is only to be shown; what came of it, and who knows.
pub(super) fn run(
    args: &RevokeArgs,
    what: &Revoke,
    saying: &Saying<'_>,
    seen: Option<&CertificateRecord>,
    speaker: Speaker,
) -> Result<(Outcome, String), Failure> {
    let LiveRevokeArgs { facts_namespace, cluster, .. } = args.live();
    let namespace = facts_namespace.as_deref().unwrap_or(NAMESPACE);
    let failed = |error: &dyn std::error::Error| Failure::usage(with_causes(error));
    cluster.with_connection(async |connection| {
        let mut known = read_facts(&connection, namespace).await.map_err(|error| failed(&error))?;
        for problem in &known.problems {
            speaker.warn(format!("{problem}; it is passed over"));
        }
        let is_new = |seen: &&CertificateRecord| {
            !known.records.iter().any(|record| record.fingerprint == seen.fingerprint)
        };
        let new = seen.filter(is_new).cloned();
        known.records.extend(new.clone());
        let revocation = revocation_of(what, saying, &known).map_err(|error| failed(&error))?;
        let LiveRevocation { lines, outcome, .. } = revocation;
        let server = connection.server();
        let place = format!("servers that share what they know in `{namespace}` of {server}");
        if args.only_shows() {
            return Ok((outcome, place));
        }
        let writer = format!("cli-{}", user_of_this_command());
        let options = FactsOptions::new(namespace, writer);
        let log = |kind| FactLog::open(&connection, options.clone(), kind);
        // First that it does not count, then that it is there.
        log(FactKind::Revocations).append(&lines).await.map_err(|error| failed(&error))?;
        if let Some(record) = new {
            let line = serde_json::to_string(&record).map_err(|error| failed(&error))?;
            log(FactKind::Issued).append(&[line]).await.map_err(|error| failed(&error))?;
        }
        Ok((outcome, place))
    })
}
