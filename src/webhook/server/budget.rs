use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::gate::Source;
use super::limits::HandshakeLimits;

/// Who failed how many TLS handshakes of late; see [`HandshakeLimits`]. A token bucket for each
/// source, kept as the one moment at which it will be full again.
#[derive(Debug)]
pub(super) struct Budget {
    limits: HandshakeLimits,
    full_at: Mutex<HashMap<Source, Instant>>,
}

impl Budget {
    pub(super) fn new(limits: HandshakeLimits) -> Self {
        Self { limits, full_at: Mutex::default() }
    }

    /// Whether this address may try a handshake now.
    pub(super) fn allows(&self, address: IpAddr, now: Instant) -> bool {
        if self.is_exempt(address) {
            return true;
        }
        let table = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let debt = table.get(&address.into()).map(|at| at.saturating_duration_since(now));
        debt.is_none_or(|debt| debt <= self.debt_of(self.limits.burst.saturating_sub(1)))
    }

    /// A handshake failed.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        if self.is_exempt(address) || self.limits.sources == 0 {
            return;
        }
        let source = Source::from(address);
        let mut table = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= self.limits.sources && !table.contains_key(&source) {
            table.retain(|_, full_at| *full_at > now);
            if table.len() >= self.limits.sources {
                let nearest = table.iter().min_by_key(|(_, at)| **at).map(|(source, _)| *source);
                nearest.map(|nearest| table.remove(&nearest));
            }
        }
        let full_at = table.entry(source).or_insert(now);
        // Never deeper in debt than the burst: handshakes that fail at the same time do not make
        // the wait longer than one recovery.
        let deepest = now.checked_add(self.debt_of(self.limits.burst)).unwrap_or(now);
        let deeper = (*full_at).max(now).checked_add(self.limits.recovery).unwrap_or(deepest);
        *full_at = deeper.min(deepest);
    }

    /// A handshake succeeded.
    pub(super) fn succeeded(&self, address: IpAddr) {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&address.into());
    }

    fn debt_of(&self, failures: u32) -> Duration {
        self.limits.recovery.saturating_mul(failures)
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        (self.limits.exempt_loopback && address.is_loopback())
            || self.limits.exempt.iter().any(|exempt| exempt.to_canonical() == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(sources: usize) -> Budget {
        Budget::new(HandshakeLimits {
            burst: 3,
            recovery: Duration::from_secs(1),
            sources,
            exempt: vec!["192.0.2.9".parse().unwrap()],
            ..HandshakeLimits::default()
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_budget_is_spent_and_comes_back_one_by_one() {
        let (budget, start, who) = (budget(8), Instant::now(), address("192.0.2.1"));
        for _ in 0..3 {
            assert!(budget.allows(who, start));
            budget.failed(who, start);
        }
        assert!(!budget.allows(who, start));
        assert!(budget.allows(address("192.0.2.2"), start), "others are not meant");
        let later = start + Duration::from_secs(1);
        assert!(budget.allows(who, later));
        budget.failed(who, later);
        assert!(!budget.allows(who, later));
    }

    #[test]
    fn many_failures_at_once_do_not_lengthen_the_wait() {
        let (budget, start, who) = (budget(8), Instant::now(), address("192.0.2.1"));
        for _ in 0..100 {
            budget.failed(who, start);
        }
        assert!(!budget.allows(who, start + Duration::from_millis(999)));
        assert!(budget.allows(who, start + Duration::from_secs(1)));
    }

    #[test]
    fn success_wipes_the_slate() {
        let (budget, now, who) = (budget(8), Instant::now(), address("192.0.2.1"));
        (0..3).for_each(|_| budget.failed(who, now));
        budget.succeeded(who);
        assert!(budget.allows(who, now));
        assert!(budget.full_at.lock().unwrap().is_empty());
    }

    #[test]
    fn exempt_addresses_have_no_budget() {
        let (budget, now) = (budget(8), Instant::now());
        for who in ["127.0.0.1", "::1", "192.0.2.9", "::ffff:192.0.2.9"].map(address) {
            (0..9).for_each(|_| budget.failed(who, now));
            assert!(budget.allows(who, now), "{who}");
        }
        assert!(budget.full_at.lock().unwrap().is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_worst() {
        let (budget, now) = (budget(4), Instant::now());
        let worst = address("198.51.100.1");
        (0..3).for_each(|_| budget.failed(worst, now));
        for n in 0..=255 {
            budget.failed(address(&format!("192.0.2.{n}")), now + Duration::from_millis(1));
        }
        assert_eq!(budget.full_at.lock().unwrap().len(), 4);
        assert!(!budget.allows(worst, now + Duration::from_millis(2)));
    }
}
