//! What of a door outlives a reload.

use std::sync::Arc;

use crate::authn::NegotiateAuthenticator;
use crate::authn::basic::{HashPool, Throttle, ThrottleConfig};
use crate::webhook::config::{GuessConfig, KerberosConfig, LoginConfig};

/// What outlives a reload: counts of wrong guesses, threads for hashes, tickets that were seen.
#[derive(Clone)]
pub(super) struct DoorState {
    guesses: GuessConfig,
    pub(super) throttle: Arc<Throttle>,
    pub(super) pool: Arc<HashPool>,
    pub(super) kerberos: Option<(KerberosConfig, Arc<dyn NegotiateAuthenticator>)>,
}

impl std::fmt::Debug for DoorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoorState").field("guesses", &self.guesses).finish_non_exhaustive()
    }
}

impl DoorState {
    /// What is known already, or what there is at the start.
    pub(super) fn of(config: &LoginConfig, serving: Option<&Self>) -> Result<Self, String> {
        if let Some(serving) = serving.filter(|serving| serving.guesses == config.guesses) {
            return Ok(serving.clone());
        }
        let GuessConfig { per_user, per_source, longest_wait } = &config.guesses;
        let mut throttle = ThrottleConfig::default();
        throttle.pair_failures = *per_user;
        throttle.source_failures = *per_source;
        throttle.longest_lock = u32::try_from(longest_wait.as_secs()).unwrap_or(u32::MAX);
        let throttle = Throttle::new(throttle).map_err(|error| error.to_string())?;
        let pool = serving.map(|serving| Arc::clone(&serving.pool));
        Ok(Self {
            guesses: config.guesses.clone(),
            throttle: Arc::new(throttle),
            pool: pool.unwrap_or_default(),
            kerberos: serving.and_then(|serving| serving.kerberos.clone()),
        })
    }
}
