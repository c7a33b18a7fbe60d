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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::super::door::Ways;
    use super::*;

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_its_work_and_not_as_its_client() {
        let door = Door::new(Ways::default(), HashMap::new(), None, None, 60);
        let all = door.turns.available_permits();
        let (done, working) = std::sync::mpsc::channel::<()>();
        let client = door.at_the_books(move || working.recv());
        // The client hangs up.
        assert!(tokio::time::timeout(Duration::from_millis(50), client).await.is_err());
        assert_eq!(door.turns.available_permits(), all - 1);
        let others: Vec<_> =
            (1..all).map(|_| Arc::clone(&door.turns).try_acquire_owned().unwrap()).collect();
        assert!(matches!(door.at_the_books(|| ()).await, Err((Ending::Unavailable, _))));
        drop(others);
        done.send(()).unwrap();
        while door.turns.available_permits() < all {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(door.at_the_books(|| ()).await.is_ok());
    }
}
