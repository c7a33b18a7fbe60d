use std::net::IpAddr;

use super::ThrottleConfig;
use super::table::Record;
use crate::authn::UnixSeconds;

/// A level that rises by one a failure and sinks by one in so many seconds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Leaky {
    level: u32,
    /// When it was at this level.
    at: UnixSeconds,
}

impl Leaky {
    fn sunk(self, now: UnixSeconds, seconds: u32) -> Self {
        let seconds = UnixSeconds::from(seconds.max(1));
        // A clock that was set back neither raises nor sinks it.
        let sunk = now.saturating_sub(self.at).max(0) / seconds;
        let level = self.level.saturating_sub(u32::try_from(sunk).unwrap_or(u32::MAX));
        if level == 0 {
            return Self { level, at: now };
        }
        Self { level, at: self.at.saturating_add(sunk.saturating_mul(seconds)) }
    }

    pub(super) fn level(self, now: UnixSeconds, seconds: u32) -> u32 {
        self.sunk(now, seconds).level
    }

    /// One more, up to a highest level, so that it sinks in bounded time.
    pub(super) fn raise(&mut self, now: UnixSeconds, seconds: u32, highest: u32) {
        *self = self.sunk(now, seconds);
        self.level = self.level.saturating_add(1).min(highest);
    }

    /// How long until it is below a level.
    pub(super) fn wait(self, now: UnixSeconds, seconds: u32, below: u32) -> u32 {
        let sunk = self.sunk(now, seconds);
        let above = sunk.level.saturating_add(1).saturating_sub(below);
        let since = u32::try_from(now.saturating_sub(sunk.at).max(0)).unwrap_or(u32::MAX);
        above.saturating_mul(seconds.max(1)).saturating_sub(since).max(1)
    }
}

/// The failures of one source, whatever the names.
#[derive(Debug, Default)]
pub(super) struct Source(pub(super) Leaky);

impl Record for Source {
    fn is_over(&self, now: UnixSeconds, config: &ThrottleConfig) -> bool {
        self.0.level(now, config.source_recovery) == 0
    }

    fn weight(&self) -> u8 {
        u8::try_from(self.0.level / 4).unwrap_or(u8::MAX).min(3)
    }
}

/// The failures for one name, from wherever.
#[derive(Debug, Default)]
pub(super) struct Name(pub(super) Leaky);

impl Record for Name {
    fn is_over(&self, now: UnixSeconds, config: &ThrottleConfig) -> bool {
        self.0.level(now, config.user_recovery) == 0
    }

    fn weight(&self) -> u8 {
        u8::try_from(self.0.level / 4).unwrap_or(u8::MAX).min(3)
    }
}

/// The attempts of one source at one name.
#[derive(Debug, Default)]
pub(super) struct Pair {
    failures: u32,
    /// The last of them.
    last: UnixSeconds,
    pub(super) in_flight: u32,
    /// From when on an attempt is let through, although the name is under attack.
    pub(super) due: Option<UnixSeconds>,
}

impl Pair {
    pub(super) fn failures(&self, now: UnixSeconds, config: &ThrottleConfig) -> u32 {
        let quiet = now.saturating_sub(self.last);
        if quiet >= UnixSeconds::from(config.pair_forgets) { 0 } else { self.failures }
    }

    pub(super) fn fail(&mut self, now: UnixSeconds, config: &ThrottleConfig) {
        self.failures = self.failures(now, config).saturating_add(1);
        self.last = now.max(self.last);
    }

    pub(super) fn succeed(&mut self) {
        (self.failures, self.due) = (0, None);
    }

    /// The end of the lock, if there is one.
    pub(super) fn locked_until(
        &self,
        now: UnixSeconds,
        config: &ThrottleConfig,
    ) -> Option<UnixSeconds> {
        let beyond = self.failures(now, config).checked_sub(config.pair_failures.max(1))?;
        let lock = UnixSeconds::from(config.first_lock.max(1));
        let lock = lock.saturating_mul(1_i64.checked_shl(beyond.min(62)).unwrap_or(i64::MAX));
        let lock = lock.min(UnixSeconds::from(config.longest_lock.max(1)));
        // A clock that was set back must not make a lock longer than the longest.
        let end = self.last.saturating_add(lock);
        (now < end).then_some(end.min(now.saturating_add(lock)))
    }
}

impl Record for Pair {
    fn is_over(&self, now: UnixSeconds, config: &ThrottleConfig) -> bool {
        let is_due = self.due.is_some_and(|due| now < due.saturating_add(DUE_FOR));
        self.in_flight == 0 && self.failures(now, config) == 0 && !is_due
    }

    fn weight(&self) -> u8 {
        u8::try_from(self.failures).unwrap_or(u8::MAX).min(3)
    }
}

/// For so long whoever has waited may come.
pub(super) const DUE_FOR: UnixSeconds = 600;

/// From where a user has logged in.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<(Prefix, UnixSeconds)>);

impl Known {
    pub(super) fn has(&self, source: Prefix, now: UnixSeconds, config: &ThrottleConfig) -> bool {
        let is_new = |at: UnixSeconds| now.saturating_sub(at) < UnixSeconds::from(config.known_for);
        self.0.iter().any(|(known, at)| *known == source && is_new(*at))
    }

    pub(super) fn add(&mut self, source: Prefix, now: UnixSeconds, config: &ThrottleConfig) {
        self.0.retain(|(known, _)| *known != source);
        if self.0.len() >= config.known_sources.max(1) {
            // The one that was not used for longest.
            self.0.remove(0);
        }
        self.0.push((source, now));
    }
}

impl Record for Known {
    fn is_over(&self, now: UnixSeconds, config: &ThrottleConfig) -> bool {
        !self.0.iter().any(|(source, _)| self.has(*source, now, config))
    }

    fn weight(&self) -> u8 {
        1
    }
}

/// What counts as one source: an IPv4 address, or the 64 bits of an IPv6 network, in which every machine
/// can have as many addresses as it likes (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    V4([u8; 4]),
    V6([u8; 8]),
    /// Nobody said.
    Unknown,
}

impl Prefix {
    pub(super) fn of(source: Option<IpAddr>) -> Self {
        match source.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
            Self::Unknown => &[],
        }
    }
}
