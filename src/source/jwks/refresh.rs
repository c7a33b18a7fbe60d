use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::config::JwksConfig;
use super::{JwksError, JwksStatus, Listener};
use crate::crypto::KeySet;
use crate::crypto::jwk::{self, ParsedSet};
use crate::source::fetch::{Client, FIRST_RETRY, doubled, jittered, unix_now};

/// What the background task holds.
pub(super) struct Refresher {
    pub(super) config: JwksConfig,
    pub(super) client: Client,
    pub(super) keys: Arc<ArcSwap<KeySet>>,
    pub(super) status: watch::Sender<JwksStatus>,
    pub(super) wish: Arc<Notify>,
    pub(super) listener: Arc<Listener>,
}

impl Refresher {
    /// Fetches until it is aborted.
    pub(super) async fn run(self) {
        // Failures in a row, and wishes in a row that brought nothing new.
        let (mut failures, mut idle_wishes) = (0_u32, 0_u32);
        let mut was_wished = false;
        loop {
            let started = Instant::now();
            let is_new = match self.fetch().await {
                Ok(set) => {
                    failures = 0;
                    self.publish(set)
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.report(error);
                    false
                }
            };
            idle_wishes = match (is_new, was_wished) {
                (true, _) => 0,
                (false, true) => idle_wishes.saturating_add(1),
                (false, false) => idle_wishes,
            };
            let wait = if failures == 0 {
                self.config.refresh
            } else {
                doubled(FIRST_RETRY, failures - 1, self.config.refresh)
            };
            let pause = doubled(self.config.min_refresh, idle_wishes, self.config.refresh);
            was_wished = tokio::select! {
                () = sleep(jittered(wait)) => false,
                () = self.wished(started, pause) => true,
            };
        }
    }

    /// One attempt, from the connection to the keys. Gives at least one key.
    async fn fetch(&self) -> Result<ParsedSet, JwksError> {
        let text = self.client.fetch().await?;
        let set = jwk::parse(&text, self.config.max_keys).map_err(JwksError::Set)?;
        if set.keys.is_empty() {
            return Err(JwksError::NoUsableKey { skipped: set.skipped.len() });
        }
        Ok(set)
    }

    /// Returns when somebody wishes for a refresh, and `pause` has passed since the last attempt.
    async fn wished(&self, last: Instant, pause: Duration) {
        self.wish.notified().await;
        sleep(pause.saturating_sub(last.elapsed())).await;
    }

    /// Whether the keys are others than before.
    fn publish(&self, set: ParsedSet) -> bool {
        for key in &set.skipped {
            tracing::debug!(url = self.config.url, %key, "key of a JWK set skipped");
        }
        let skipped = set.skipped.len();
        let keys = KeySet::new(set.keys);
        let count = keys.keys().len();
        let is_new = **self.keys.load() != keys;
        if is_new {
            tracing::info!(url = self.config.url, keys = count, skipped, "JWK set changed");
            self.keys.store(Arc::new(keys));
            self.listener.tell();
        }
        self.status.send_modify(|status| {
            status.loaded_at = Some(unix_now());
            status.last_error = None;
            status.keys = count;
            status.skipped = skipped;
            status.fetches += 1;
        });
        is_new
    }

    /// The keys stay as they are.
    fn report(&self, error: JwksError) {
        tracing::warn!(url = self.config.url, %error, "JWK set not fetched, known keys go on serving");
        self.status.send_modify(|status| {
            status.last_error = Some(error);
            status.fetches += 1;
            status.failures += 1;
        });
    }
}
