//! Which of many are looked at closer: a share of them, chosen without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;

/// A share, from 0 (none) to 1 (all).
///
/// ```
/// use portcullis::webhook::sample::Rate;
///
/// assert_eq!(Rate::new(0.1)?.get(), 0.1);
/// assert!(Rate::new(1.5).is_err());
/// assert!(Rate::new(f64::NAN).is_err());
/// # Ok::<(), portcullis::webhook::sample::RateError>(())
/// ```
#[derive(Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Rate(f64);

/// The number is no share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`{0}` is not a share; write a number from 0 (none) to 1 (all)")]
pub struct RateError(f64);

impl Rate {
    /// All of them.
    pub const ALL: Self = Self(1.0);
    /// None of them.
    pub const NONE: Self = Self(0.0);

    /// A share.
    ///
    /// # Errors
    /// When the number is below 0, above 1, or none at all.
    pub fn new(share: f64) -> Result<Self, RateError> {
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(RateError(share)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = RateError;

    fn try_from(share: f64) -> Result<Self, RateError> {
        Self::new(share)
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Takes a share of what it is asked about. Which ones looks random, so that traffic with a period
/// is not sampled at one phase of it.
#[derive(Debug, Default)]
pub(super) struct Sampler(AtomicU64);

impl Sampler {
    /// Whether the next one is taken.
    pub(super) fn takes(&self, rate: Rate) -> bool {
        if rate >= Rate::ALL {
            return true;
        }
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        f64::from(u32::try_from(mix(turn) >> 32).unwrap_or(u32::MAX)) / 2_f64.powi(32) < rate.0
    }
}

/// Spreads a counter evenly over all numbers (the finalizer of SplitMix64).
const fn mix(turn: u64) -> u64 {
    let mut bits = turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_and_none_are_exact_and_a_share_is_close() {
        for (share, low, high) in
            [(0.0, 0, 0), (1.0, 10_000, 10_000), (0.1, 900, 1_100), (0.001, 1, 30)]
        {
            let sampler = Sampler::default();
            let rate = Rate::new(share).unwrap();
            let taken = (0..10_000).filter(|_| sampler.takes(rate)).count();
            assert!((low..=high).contains(&taken), "{share}: {taken}");
        }
    }

    #[test]
    fn traffic_with_a_period_is_sampled_at_every_phase() {
        let sampler = Sampler::default();
        let rate = Rate::new(0.1).unwrap();
        let mut taken = [0; 10];
        for turn in 0..10_000 {
            taken[turn % 10] += usize::from(sampler.takes(rate));
        }
        assert!(taken.iter().all(|taken| (50..=150).contains(taken)), "{taken:?}");
    }

    #[test]
    fn a_number_that_is_no_share_is_refused_in_a_configuration_too() {
        assert_eq!(serde_json::from_str::<Rate>("0.25").unwrap(), Rate(0.25));
        for bad in ["-0.1", "1.01", "\"1\""] {
            assert!(serde_json::from_str::<Rate>(bad).is_err(), "{bad}");
        }
    }
}
