use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::DirectoryError;

/// Lets so many in at a time, and lets so many wait.
pub(super) struct Gate {
    inside: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiters: usize,
    budget: Duration,
}

impl Gate {
    pub(super) fn new(inside: usize, waiters: usize, budget: Duration) -> Self {
        let inside = Arc::new(Semaphore::new(inside.min(Semaphore::MAX_PERMITS)));
        Self { inside, waiting: AtomicUsize::new(0), waiters, budget }
    }

    pub(super) async fn enter(
        &self,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, DirectoryError> {
        if let Ok(permit) = Arc::clone(&self.inside).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiter = Waiter::new(&self.waiting, self.waiters)?;
        match timeout_at(deadline, Arc::clone(&self.inside).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(DirectoryError::Overloaded),
            Err(_) => Err(DirectoryError::Timeout(self.budget)),
        }
    }

    /// How many wait now.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Somebody who waits, until dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn new(waiting: &'a AtomicUsize, most: usize) -> Result<Self, DirectoryError> {
        let waiter = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= most {
            // Dropping it takes it off the count again.
            return Err(DirectoryError::Overloaded);
        }
        Ok(waiter)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once_and_who_waits_gets_in() {
        let gate = Arc::new(Gate::new(1, 1, Duration::from_secs(9)));
        let deadline = Instant::now() + Duration::from_secs(9);
        let first = gate.enter(deadline).await.unwrap();
        let second = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter(deadline).await }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let third = gate.enter(deadline).await;
        assert_eq!(third.err(), Some(DirectoryError::Overloaded));
        drop(first);
        assert!(second.await.unwrap().is_ok());
        assert_eq!(gate.waiting(), 0);
    }

    #[tokio::test]
    async fn who_waits_too_long_is_refused() {
        let gate = Gate::new(1, 1, Duration::from_millis(1));
        let deadline = Instant::now() + Duration::from_millis(1);
        let _first = gate.enter(deadline).await.unwrap();
        let second = gate.enter(deadline).await;
        assert_eq!(second.err(), Some(DirectoryError::Timeout(Duration::from_millis(1))));
        assert_eq!(gate.waiting(), 0);
    }
}
