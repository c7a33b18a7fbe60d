use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::HashFailed;
use super::hash::PasswordHash;
use crate::authn::Secret;

/// How many passwords are hashed at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// At once, each on a thread of its own, and each with the memory of its hash: 19 MiB with
    /// [`Cost::DEFAULT`](super::Cost::DEFAULT). Default: as many as there are cores.
    pub parallel: usize,
    /// How many may wait beyond these; who comes then is told to come again. Default: 16 for each that
    /// runs, which is a third of a second with that cost.
    pub waiting: usize,
}

impl PoolLimits {
    /// So many at once, at least one, and 16 times as many waiting.
    #[must_use]
    pub fn parallel(parallel: usize) -> Self {
        // What a semaphore can count is far beyond.
        let parallel = parallel.clamp(1, 4096);
        Self { parallel, waiting: parallel * 16 }
    }
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self::parallel(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

/// Why no password was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// As many wait as may.
    #[error("too many passwords are being checked; try again")]
    Busy,
    /// The thread died, or the runtime ends.
    #[error("the check of the password ended early; see the server's log")]
    Died,
}

/// Compares passwords with hashes on threads that may block, so many at a time, with a bounded queue.
/// Share one among all files: it bounds the memory and the cores that strangers can take.
///
/// Whoever stops waiting leaves the queue; what runs already runs to its end and keeps its place.
pub struct HashPool {
    limits: PoolLimits,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl HashPool {
    /// A pool with these limits.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        let PoolLimits { parallel, waiting } = limits;
        let places = parallel.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        Self {
            limits,
            running: Arc::new(Semaphore::new(parallel.clamp(1, places.max(1)))),
            places: Arc::new(Semaphore::new(places.max(1))),
        }
    }

    /// How many are being compared or wait for it, for metrics.
    #[must_use]
    pub fn load(&self) -> usize {
        let PoolLimits { parallel, waiting } = self.limits;
        parallel.saturating_add(waiting).saturating_sub(self.places.available_permits())
    }

    /// Whether the password is that of the hash. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`PoolError`]; what came of the comparison itself is inside.
    pub async fn verify(
        &self,
        hash: Arc<PasswordHash>,
        password: Secret,
    ) -> Result<Result<bool, HashFailed>, PoolError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| PoolError::Busy)?;
        let running =
            Arc::clone(&self.running).acquire_owned().await.map_err(|_| PoolError::Died)?;
        let compare = move || {
            let verified = hash.verify(password.expose_secret());
            // Held until here, also when nobody waits any more.
            drop((running, place));
            verified
        };
        tokio::task::spawn_blocking(compare).await.map_err(|_| PoolError::Died)
    }
}

impl Default for HashPool {
    fn default() -> Self {
        Self::new(PoolLimits::default())
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool")
            .field("limits", &self.limits)
            .field("load", &self.load())
            .finish()
    }
}
