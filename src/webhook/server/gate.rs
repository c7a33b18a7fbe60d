use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::Limits;

/// Whom a connection is put down to: an IPv4 address, or the /64 of an IPv6 address, since whoever
/// has one address of it has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            other => other,
        })
    }
}

/// A count that stays below its limit.
#[derive(Debug)]
pub(super) struct Counter {
    now: AtomicUsize,
    limit: usize,
}

impl Counter {
    pub(super) const fn new(limit: usize) -> Self {
        Self { now: AtomicUsize::new(0), limit }
    }

    /// Counts one more, unless it is one too many.
    pub(super) fn enter(&self) -> bool {
        if self.now.fetch_add(1, Ordering::Relaxed) < self.limit {
            return true;
        }
        self.leave();
        false
    }

    pub(super) fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }
}

/// Who is in: connections in total and by source, requests in total. The table of sources has at
/// most as many entries as there are connections.
#[derive(Debug)]
pub(super) struct Gate {
    connections: Counter,
    per_source: usize,
    sources: Mutex<HashMap<Source, usize>>,
    pub(super) requests: Counter,
    /// Whether the server is about to leave, see [`Drain::delay`](super::Drain).
    is_parting: AtomicBool,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            connections: Counter::new(limits.connections),
            per_source: limits.connections_per_source,
            sources: Mutex::default(),
            requests: Counter::new(limits.requests),
            is_parting: AtomicBool::new(false),
        }
    }

    /// The server is about to leave.
    pub(super) fn part(&self) {
        self.is_parting.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_parting(&self) -> bool {
        self.is_parting.load(Ordering::Relaxed)
    }

    /// Lets a connection in, or not: there are too many, or too many from there.
    pub(super) fn enter(self: &Arc<Self>, source: Source) -> Option<Seat> {
        if !self.connections.enter() {
            return None;
        }
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sources.entry(source).or_default();
        if *count >= self.per_source {
            if *count == 0 {
                sources.remove(&source);
            }
            drop(sources);
            self.connections.leave();
            return None;
        }
        *count = count.saturating_add(1);
        drop(sources);
        Some(Seat { gate: Arc::clone(self), source })
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        self.connections.now()
    }
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    gate: Arc<Gate>,
    source: Source,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut sources = self.gate.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = sources.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
        drop(sources);
        self.gate.connections.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, per_source: usize) -> Arc<Gate> {
        Arc::new(Gate::new(&Limits {
            connections,
            connections_per_source: per_source,
            ..Limits::default()
        }))
    }

    fn source(text: &str) -> Source {
        Source::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn one_source_is_full_and_another_gets_in() {
        let gate = gate(3, 2);
        let first = gate.enter(source("192.0.2.1")).unwrap();
        let _second = gate.enter(source("192.0.2.1")).unwrap();
        assert!(gate.enter(source("192.0.2.1")).is_none());
        let _other = gate.enter(source("192.0.2.2")).unwrap();
        assert!(gate.enter(source("192.0.2.3")).is_none(), "full in total");
        drop(first);
        assert!(gate.enter(source("192.0.2.1")).is_some());
    }

    #[test]
    fn the_table_empties_with_the_connections() {
        let gate = gate(8, 8);
        let seats: Vec<_> = (0..8).map(|n| gate.enter(source(&format!("192.0.2.{n}")))).collect();
        assert_eq!((gate.connections(), gate.sources.lock().unwrap().len()), (8, 8));
        drop(seats);
        assert_eq!((gate.connections(), gate.sources.lock().unwrap().len()), (0, 0));
    }

    #[test]
    fn ipv6_counts_by_prefix_and_mapped_ipv4_as_ipv4() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("::1"), source("::"));
    }
}
