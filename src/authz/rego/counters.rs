use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Failure;

/// How often a policy was evaluated since it was compiled, and how often that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Evaluations, failed ones included.
    pub evaluations: u64,
    /// Those that took too long.
    pub timeouts: u64,
    /// Those that went beyond their instructions, or made too large a value.
    pub limits: u64,
    /// Those in which the engine failed by itself.
    pub panics: u64,
    /// Those that the policy made fail.
    pub errors: u64,
}

/// The counters of one thread: threads that count in one place wait for each other.
#[derive(Debug, Default)]
pub(super) struct Tally {
    evaluations: AtomicU64,
    timeouts: AtomicU64,
    limits: AtomicU64,
    panics: AtomicU64,
    errors: AtomicU64,
}

impl Tally {
    pub(super) fn count_evaluation(&self) {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failure(&self, failure: Failure) {
        let counter = match failure {
            Failure::Timeout(_) => &self.timeouts,
            Failure::Limit => &self.limits,
            Failure::Panic => &self.panics,
            Failure::Error => &self.errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn add_to(&self, sum: &mut Counters) {
        sum.evaluations += self.evaluations.load(Ordering::Relaxed);
        sum.timeouts += self.timeouts.load(Ordering::Relaxed);
        sum.limits += self.limits.load(Ordering::Relaxed);
        sum.panics += self.panics.load(Ordering::Relaxed);
        sum.errors += self.errors.load(Ordering::Relaxed);
    }
}

/// The counters of all threads.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<(Counters, Vec<Arc<Tally>>)>);

impl Tallies {
    /// Counters for one more thread.
    pub(super) fn join(&self) -> Arc<Tally> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (gone, tallies) = &mut *all;
        tallies.retain(|tally| {
            let is_held = Arc::strong_count(tally) > 1;
            if !is_held {
                tally.add_to(gone);
            }
            is_held
        });
        let tally = Arc::new(Tally::default());
        tallies.push(Arc::clone(&tally));
        tally
    }

    pub(super) fn sum(&self) -> Counters {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = all.0;
        all.1.iter().for_each(|tally| tally.add_to(&mut sum));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_counted_outlives_it() {
        let tallies = Tallies::default();
        for _ in 0..3 {
            let tally = tallies.join();
            tally.count_evaluation();
            tally.count_failure(Failure::Limit);
        }
        let sum = tallies.sum();
        assert_eq!((sum.evaluations, sum.limits, sum.timeouts), (3, 3, 0));
        assert_eq!(tallies.0.lock().unwrap().1.len(), 1, "the others are folded");
    }
}
