use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::answer::Ending;
use super::door::{Door, Ended};
use crate::authn::x509::X509Authenticator;
use crate::crypto::certificate::Certificate;
use crate::pki::ledger::CertificateRecord;

impl Door {
    /// What the books have under the number of this certificate, of logins.
    pub(super) async fn of_books(
        &self,
        chain: &[CertificateDer<'static>],
    ) -> Result<Vec<CertificateRecord>, Box<Ended>> {
        let Some(desk) = &self.certificates else { return Ok(Vec::new()) };
        let no = |reason: String| {
            Box::new(Ended::no(Ending::Unavailable, X509Authenticator::NAME, reason))
        };
        let leaf = chain.first().map(AsRef::as_ref).unwrap_or_default();
        let leaf = Certificate::from_der(leaf).map_err(|error| no(error.to_string()))?;
        let (desk, serial) = (Arc::clone(desk), leaf.serial().to_vec());
        let found = self.at_the_books(move || desk.of_serial(&serial)).await;
        found.map_err(|(_, reason)| no(reason))?.map_err(|error| no(error.to_string()))
    }

    /// Runs what waits for the disk. Its turn ends when it has ended, also where the client has gone away.
    pub(super) async fn at_the_books<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, (Ending, String)> {
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
            return Err((Ending::Unavailable, "too many wait for the books".to_owned()));
        };
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| (Ending::Failed, error.to_string()))
    }
}
