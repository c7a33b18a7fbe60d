//! Is the cluster still heard, and what counts when it is not?

use std::time::{Duration, Instant, SystemTime};

use super::{FollowedCluster, kinds};
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

impl FollowedCluster {
    /// Looks whether the cluster is still heard, and does what is configured when it is not.
    pub(super) async fn watch_over(&self) {
        let mut watchdog = Watchdog::default();
        let when_lost = self.0.config.when_lost;
        let mut was_lost = false;
        loop {
            let overdue =
                watchdog.overdue(&self.0.cluster.status(), Instant::now(), when_lost.after);
            match &overdue {
                Some((watched, time)) if !was_lost => {
                    let (kind, seconds) = (kinds::words(watched), time.as_secs());
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
