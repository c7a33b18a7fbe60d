//! Is the cluster still heard and its policy still built, and what counts when it is not?

use std::time::{Duration, Instant, SystemTime};

use super::{Desk, FollowedCluster, kinds};
use crate::source::watch::{KindStatus, LiveFrom, Watched};
use crate::webhook::config::WhenLost;

/// How often somebody looks.
const TICK: Duration = Duration::from_millis(500);

/// How long each kind was not heard. By the clock of this process alone: that of the machine may jump.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    kinds: Vec<Silent>,
}

#[derive(Debug, Default)]
struct Silent {
    since: Option<Instant>,
    heard: Option<SystemTime>,
}

impl Watchdog {
    /// The kind that was not heard for longest, and for how long, if that is longer than `limit`. A kind is
    /// not heard while its watch is lost, or while it is known from disk alone.
    fn overdue(
        &mut self,
        status: &[KindStatus],
        now: Instant,
        limit: Duration,
    ) -> Option<(Watched, Duration)> {
        self.kinds.resize_with(status.len(), Silent::default);
        let mut worst: Option<(Watched, Duration)> = None;
        for (silent, kind) in self.kinds.iter_mut().zip(status) {
            let is_silent = kind.lost.is_some() || kind.from != LiveFrom::Live;
            if !is_silent {
                silent.since = None;
            } else if silent.since.is_none() || silent.heard != kind.heard {
                // Heard in between counts as heard: the watch comes and goes.
                silent.since = Some(now);
            }
            silent.heard = kind.heard;
            let Some(time) = silent.since.map(|since| now.saturating_duration_since(since)) else {
                continue;
            };
            if time >= limit && worst.as_ref().is_none_or(|(_, worst)| time > *worst) {
                worst = Some((kind.watched.clone(), time));
            }
        }
        worst
    }
}

impl Desk {
    /// For how long the newest policy has not been what the cluster says.
    pub(super) fn unbuilt_for(&self, now: Instant) -> Option<Duration> {
        let (since, _) = self.problem.as_ref()?;
        Some(now.saturating_duration_since(*since))
    }
}

impl FollowedCluster {
    /// Looks whether the cluster is still heard, and does what is configured when it is not.
    pub(super) async fn watch_over(&self) {
        let mut watchdog = Watchdog::default();
        let when_lost = self.0.config.when_lost;
        let mut was_lost = false;
        loop {
            let now = Instant::now();
            let overdue = watchdog.overdue(&self.0.cluster.status(), now, when_lost.after);
            let overdue = overdue.map(|(watched, time)| (kinds::words(&watched), time));
            // What is heard and cannot be built in is as good as not heard.
            let overdue = overdue.or_else(|| {
                let time = self.0.desk().unbuilt_for(now)?;
                (time >= when_lost.after).then_some(("a policy that can be built", time))
            });
            match &overdue {
                Some((kind, time)) if !was_lost => {
                    let seconds = time.as_secs();
                    let then = match when_lost.then {
                        WhenLost::Keep => "what was last known goes on counting",
                        WhenLost::NoOpinion => "there is no opinion from now on",
                        WhenLost::NotReady => "the server is not ready from now on",
                    };
                    tracing::error!(kind, seconds, then, "the cluster is lost");
                }
                None if was_lost => tracing::info!("the cluster is heard again"),
                _ => {}
            }
            if overdue.is_some() != was_lost {
                was_lost = overdue.is_some();
                self.stand(was_lost, when_lost.then);
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn stand(&self, is_lost: bool, then: WhenLost) {
        let mut desk = self.0.desk();
        desk.is_unready = is_lost && then == WhenLost::NotReady;
        let is_silent = is_lost && then == WhenLost::NoOpinion;
        if desk.is_silent == is_silent {
            return;
        }
        desk.is_silent = is_silent;
        self.0.silence.set(is_silent);
        if let Some(plan) = &desk.plan {
            desk.publish(plan);
        }
        if let Some(app) = desk.app.upgrade() {
            app.tokens().flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(watched: Watched, from: LiveFrom, heard: u64, is_lost: bool) -> KindStatus {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        KindStatus {
            watched,
            from,
            objects: 0,
            bytes: 0,
            newest_event: None,
            heard: (heard > 0).then(|| at(heard)),
            // The clock of the machine is no part of it.
            lost: is_lost.then(|| (at(5_000_000_000), "refused".to_owned())),
            lists: 0,
            undecodable: Vec::new(),
            undecodable_count: 0,
        }
    }

    #[test]
    fn a_kind_is_overdue_when_it_was_silent_for_the_whole_time() {
        let start = Instant::now();
        let limit = Duration::from_secs(10);
        let mut watchdog = Watchdog::default();
        let mut look = |seconds, heard, is_lost| {
            let now = start + Duration::from_secs(seconds);
            let roles = status(Watched::Roles, LiveFrom::Live, heard, is_lost);
            let others = status(Watched::Pods, LiveFrom::Live, 1, false);
            watchdog.overdue(&[others, roles], now, limit)
        };
        assert_eq!(look(0, 1, false), None);
        assert_eq!(look(1, 1, true), None);
        assert_eq!(look(10, 1, true), None);
        let overdue = Some((Watched::Roles, Duration::from_secs(10)));
        assert_eq!(look(11, 1, true), overdue);
        // Found, and lost anew: the time begins anew.
        assert_eq!(look(12, 2, false), None);
        assert_eq!(look(13, 2, true), None);
        assert_eq!(look(22, 2, true), None);
        // Heard between two looks.
        assert_eq!(look(23, 3, true), None);
        assert_eq!(look(32, 3, true), None);
        assert_eq!(look(33, 3, true), overdue);
    }

    #[test]
    fn a_kind_that_is_known_from_disk_alone_or_not_at_all_is_silent_from_the_start() {
        let start = Instant::now();
        for from in [LiveFrom::Nothing, LiveFrom::Disk { saved: SystemTime::UNIX_EPOCH }] {
            let mut watchdog = Watchdog::default();
            let mut look = |seconds, from| {
                let now = start + Duration::from_secs(seconds);
                let limit = Duration::from_secs(10);
                watchdog.overdue(&[status(Watched::Roles, from, 0, false)], now, limit).is_some()
            };
            assert!(!look(0, from) && !look(9, from) && look(10, from));
            assert!(!look(11, LiveFrom::Live));
        }
    }
}
