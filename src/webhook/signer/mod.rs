//! Signing as Kubernetes' own signers do: which CertificateSigningRequests are ours, may they have what
//! they ask for, and who writes it?
//!
//! One watch a signer. What is approved and waits for its certificate is signed by the rules of
//! `pki::issue` (S-CSR-13 to 17), recorded in the books, and written to `/status`; where the
//! configuration says so, what is undecided and allowed by the signing policy is approved through
//! `/approval` first. Nothing is signed that the API server does not show as approved.
//!
//! Several replicas do the same, and nobody leads: every write names the version of the object that was
//! looked at, so that the first wins, and the others see its certificate and do nothing. A replica that
//! dies between the signature and the write leaves a record of a certificate that nobody has; another
//! signs anew, and both stand in the books. One whose write fails tries the same certificate again.
//! Requests that nobody here allows are looked at again, every few minutes in the end: the policy may allow
//! them by then.
//!
//! Absent on purpose: other people's signers, deleting old requests (kube-controller-manager does,
//! S-CSR-20), and the permissions of this server: the API server asks its authorizers whether it may
//! `approve` and `sign` for this signer (S-CSR-9).

mod books;
mod controller;
mod desk;
mod judge;
mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::config::{ConfigError, Problem, SignerConfig};
use super::metrics::Metrics;
use crate::model::{Request, Verdict};
use crate::pki::ledger::Ledger;
use crate::pki::signer::Signer;
use crate::source::watch::{Connection, KindStatus};
use books::SignerBooks;
use controller::Controller;
use desk::Desk;

/// The authorizer: what it says to one request. Asked only by `approve: Kubelets` (S-CSR-18).
pub type Authorize = Arc<dyn Fn(&Request<'_>) -> Verdict<'static> + Send + Sync>;

/// Books that several signers and replicas share.
pub type SharedLedger = Arc<dyn Ledger + Send + Sync>;

/// What signers work with.
#[derive(Clone)]
pub struct SignerTools {
    /// The API server.
    pub connection: Connection,
    /// The books of signers that name no files of their own.
    pub ledger: Option<SharedLedger>,
    /// Who decides about kubelets.
    pub authorize: Authorize,
    /// What counts.
    pub metrics: Arc<Metrics>,
    /// Replicas begin apart from each other by at most this, so that seldom two sign the same request.
    pub spread: Duration,
}

impl SignerTools {
    /// With half a second between replicas, and nobody who approves kubelets.
    #[must_use]
    pub fn new(connection: Connection, metrics: Arc<Metrics>) -> Self {
        Self {
            connection,
            ledger: None,
            authorize: Arc::new(|_| Verdict::no_opinion("")),
            metrics,
            spread: Duration::from_millis(500),
        }
    }
}

impl fmt::Debug for SignerTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerTools").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Signers at work. They end when this is dropped.
#[derive(Debug)]
pub struct Signers(Vec<Controller>);

/// How a signer is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignerStatus {
    /// Which.
    pub signer: Signer,
    /// How many requests wait for their turn, or for another try; those that are left pending, too.
    pub waiting: usize,
    /// What went wrong last with the authority, the policy, the books or the API server, and is not
    /// over.
    pub problem: Option<String>,
    /// How its watch is doing.
    pub watch: Vec<KindStatus>,
}

impl Signers {
    /// Reads authorities and policies, and begins to watch. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn start(
        configs: &[SignerConfig],
        tools: &SignerTools,
        warnings: &mut Vec<Problem>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut ready = Vec::new();
        for config in configs {
            let desk = Desk::open(config.clone(), warnings);
            let books = SignerBooks::of(config, tools.ledger.as_ref());
            match (desk, books) {
                (Ok(desk), Ok(books)) => ready.push((desk, books)),
                (desk, books) => {
                    problems.extend(desk.err().into_iter().flatten());
                    problems.extend(books.err());
                }
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        let begin = |(desk, books)| Controller::start(desk, books, tools);
        Ok(Self(ready.into_iter().map(begin).collect()))
    }

    /// How they are doing, in the order of the configuration.
    #[must_use]
    pub fn status(&self) -> Vec<SignerStatus> {
        self.0.iter().map(Controller::status).collect()
    }
}
