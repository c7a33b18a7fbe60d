//! One kind, followed: listed, watched from there, and listed anew when the API server has forgotten where
//! the watch was.
//!
//! ```text
//!            listed                          closed, silent, broken, refused
//!   List ───────────────▶ Watch(version) ◀──────────────────────────────────┐
//!    ▲ ▲  failed, not        │     │                                        │
//!    │ └─ served: a pause    │     └──── again, from where it was ──────────┘
//!    └───────────────────────┘
//!      expired, mute, or not understood
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::cluster::Shared;
use super::events::{Events, Stop};
use super::failure::Failure;
use super::fetch::{self, NoList};
use super::pause::{Pause, Pauses};
use super::store::News;
use super::stream::{Bytes, End, Lines};
use super::{Connection, Tuning, Watched};
use crate::api::Str;

/// A longer line is no event: API servers store objects of 1.5 MiB at most.
const LONGEST_LINE: usize = 64 << 20;
/// After so many bytes what is there is handed on, though more may be waiting.
const ENOUGH: usize = 1 << 20;
/// A watch that was there for so long lived, though it said nothing.
const LIVED: Duration = Duration::from_secs(10);
/// How long API servers are asked to keep a watch, in seconds, and how much longer some are: what ends at
/// once comes back at once.
const SHORTEST_WATCH: u64 = 300;
const SPREAD: u64 = 300;
/// After so many refusals in a row it is tried with a list.
const REFUSALS: u32 = 5;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Doing {
    List,
    /// Watches from a version on.
    Watch(Str),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    /// The list is whole, of that version.
    Listed(Str),
    /// There is no such kind.
    NotServed,
    /// The watch is at its end, as every few minutes.
    Closed,
    /// Nothing came for too long, after something had.
    Silent,
    /// Nothing ever came, not even a bookmark.
    Mute,
    /// No answer, or a refusal.
    Failed(Failure),
    /// The API server says within the watch that it cannot go on.
    Told(Failure),
    /// What came is not what was asked for.
    NotUnderstood(String),
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    next: Doing,
    pause: Pause,
    /// Why there is no watch meanwhile.
    lost: Option<String>,
}

/// Decides what comes after something ended. `at` is how far the watch came, `refusals` how often in a row
/// it was refused.
fn decide(ended: Ended, at: Str, refusals: u32) -> Step {
    let again = |pause, lost| Step { next: Doing::Watch(at.clone()), pause, lost };
    let anew = |pause, lost| Step { next: Doing::List, pause, lost: Some(lost) };
    match ended {
        Ended::Listed(version) => {
            Step { next: Doing::Watch(version), pause: Pause::None, lost: None }
        }
        Ended::NotServed => Step { next: Doing::List, pause: Pause::Longest, lost: None },
        // Nothing was ever listed.
        Ended::Failed(failure) if at.is_empty() => {
            anew(Pause::Growing(failure.retry_after()), failure.to_string())
        }
        Ended::NotUnderstood(reason) if at.is_empty() => anew(Pause::Growing(None), reason),
        Ended::Closed => again(Pause::UnlessLived, None),
        Ended::Silent => again(Pause::UnlessLived, Some("the watch went silent".to_owned())),
        // An API server that was restored from a backup does not say that the version is yet to come: the
        // watch hears nothing until it has.
        Ended::Mute => anew(Pause::UnlessLived, "the watch never said anything".to_owned()),
        Ended::Failed(failure) | Ended::Told(failure) if is_expired(&failure) => {
            anew(Pause::UnlessLived, failure.to_string())
        }
        Ended::Failed(failure) => {
            let reason = failure.to_string();
            let pause = Pause::Growing(failure.retry_after());
            match failure.code() {
                0 | 401 | 403 | 429 => again(pause, Some(reason)),
                500.. if refusals < REFUSALS => again(pause, Some(reason)),
                // What was asked for is wrong, and the place is all that can be.
                _ => anew(pause, reason),
            }
        }
        Ended::Told(failure) => {
            let reason = failure.to_string();
            let pause = Pause::Growing(failure.retry_after());
            match failure.code() {
                429 => again(pause, Some(reason)),
                500.. if refusals < REFUSALS => again(pause, Some(reason)),
                _ => anew(pause, reason),
            }
        }
        Ended::NotUnderstood(reason) => anew(Pause::UnlessLived, reason),
    }
}

/// Whether the API server has forgotten a version, or has not seen it yet: one that was restored, or another
/// one of several. Of old ones only the message says so.
fn is_expired(failure: &Failure) -> bool {
    match failure {
        Failure::Refused { code: 410, .. } | Failure::Refused { is_too_new: true, .. } => true,
        Failure::Refused { message, .. } => message.contains("too old resource version"),
        Failure::Unreachable(_) => false,
    }
}

/// Follows one kind.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) shared: Arc<Shared>,
    /// Its place among the kinds.
    pub(super) place: usize,
    pub(super) watched: Watched,
    pub(super) connection: Connection,
    pub(super) tuning: Tuning,
    /// In which version it is served.
    pub(super) served: usize,
    /// How far the watch came.
    pub(super) at: Str,
    /// Whether the API server said anything in this watch.
    pub(super) has_lived: bool,
    /// When it last said anything about this kind: a whole list, an event or a bookmark.
    pub(super) said: Instant,
}

impl Follow {
    /// Lists and watches for ever: whoever started it ends it.
    pub(super) async fn run(mut self) {
        let mut pauses = Pauses::new(self.tuning.shortest_pause, self.tuning.longest_pause);
        let (mut doing, mut refusals) = (Doing::List, 0);
        loop {
            self.has_lived = false;
            let ended = match &doing {
                Doing::List => self.list().await,
                Doing::Watch(from) => {
                    let from = from.clone();
                    self.watch(from).await
                }
            };
            refusals = match &ended {
                Ended::Failed(_) if matches!(doing, Doing::Watch(_)) => refusals + 1,
                // Where it comes to the same end each time, it does not get any further.
                Ended::Told(_) if !self.has_lived => refusals + 1,
                _ => 0,
            };
            // A list that fails leaves the place of the watch behind: it was given up before.
            let at = match &doing {
                Doing::List => Str::default(),
                Doing::Watch(_) => self.at.clone(),
            };
            let step = decide(ended, at, refusals);
            if let Some(reason) = step.lost {
                self.shared.lost(self.place, reason);
            }
            doing = step.next;
            let pause = pauses.next(step.pause, self.has_lived);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }

    async fn list(&mut self) -> Ended {
        let list = fetch::list(&self.connection, &self.watched, self.tuning.page).await;
        let (news, ended) = match list {
            Ok(whole) => {
                self.served = whole.served;
                (whole.news, Ended::Listed(whole.version))
            }
            Err(NoList::NotServed) => (News::none_left(), Ended::NotServed),
            Err(NoList::Failed(failure)) => return Ended::Failed(failure),
            Err(NoList::NotUnderstood(reason)) => return Ended::NotUnderstood(reason),
        };
        let version = match &ended {
            Ended::Listed(version) => version.clone(),
            _ => Str::default(),
        };
        let (shared, place, served) = (Arc::clone(&self.shared), self.place, self.served);
        let taken = tokio::task::spawn_blocking(move || {
            shared.take(place, news, served, version, 0, SystemTime::now());
        });
        match taken.await {
            Ok(()) => {
                self.said = Instant::now();
                ended
            }
            Err(_) => Ended::NotUnderstood("taking the list in failed".to_owned()),
        }
    }

    async fn watch(&mut self, from: Str) -> Ended {
        let began = Instant::now();
        let ended = self.watch_from(from).await;
        self.has_lived |= began.elapsed() >= LIVED;
        ended
    }

    async fn watch_from(&mut self, from: Str) -> Ended {
        self.at = from;
        let seconds = (SHORTEST_WATCH + super::pause::random(SPREAD)).to_string();
        let query = [
            ("watch", Some("1")),
            ("allowWatchBookmarks", Some("true")),
            ("resourceVersion", Some(self.at.as_str())),
            ("timeoutSeconds", Some(seconds.as_str())),
        ];
        let path = fetch::url(&self.watched, self.served, &query);
        let body = match self.connection.get(&path, fetch::accept(&self.watched, "")).await {
            Ok(body) => body,
            Err(failure) => return Ended::Failed(failure),
        };
        self.shared.watching(self.place);
        let mut lines = Lines::new(body, LONGEST_LINE);
        loop {
            let some = match lines.next(self.tuning.silence, ENOUGH).await {
                Ok(some) => some,
                Err(End::Closed) => return self.unless_mute(Ended::Closed),
                Err(End::Failed(failure)) => return self.unless_mute(Ended::Failed(failure)),
                Err(End::Silent) if self.has_lived => return Ended::Silent,
                Err(End::Silent) => return Ended::Mute,
                Err(End::TooLong) => {
                    return Ended::NotUnderstood("a line of the watch has no end".to_owned());
                }
            };
            if let Some(ended) = self.take(some).await {
                return ended;
            }
        }
    }

    /// What stands between may begin and end one watch after the other and let nothing of them through:
    /// together they are as mute as one that stays open.
    fn unless_mute(&self, ended: Ended) -> Ended {
        if self.said.elapsed() < self.tuning.silence { ended } else { Ended::Mute }
    }

    /// Takes events in; away from the threads of the runtime, since followers may have much to do.
    async fn take(&mut self, lines: Bytes) -> Option<Ended> {
        let (shared, place, served) = (Arc::clone(&self.shared), self.place, self.served);
        let watched = self.watched.clone();
        let received = SystemTime::now();
        let taken = tokio::task::spawn_blocking(move || {
            let events = Events::read(&lines, &watched, served);
            let Events { news, position, count, stop } = events;
            // What says nothing is no word of the API server.
            if let Some(at) = position.clone() {
                shared.take(place, news, served, at, count, received);
            }
            (position, stop)
        });
        let Ok((position, stop)) = taken.await else {
            return Some(Ended::NotUnderstood("taking events in failed".to_owned()));
        };
        if let Some(position) = position {
            self.at = position;
            self.has_lived = true;
            self.said = Instant::now();
        }
        Some(match stop? {
            Stop::Told(failure) => Ended::Told(failure),
            Stop::NotUnderstood(reason) => Ended::NotUnderstood(reason.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> Failure {
        Failure::Refused { code, message: message.to_owned(), retry_after: None, is_too_new: false }
    }

    fn after(ended: Ended) -> (Doing, Pause, bool) {
        let step = decide(ended, "7".into(), 0);
        (step.next, step.pause, step.lost.is_some())
    }

    #[test]
    fn a_watch_goes_on_where_it_was_unless_the_place_is_gone() {
        let again = || Doing::Watch("7".into());
        let unreachable = Failure::Unreachable("reset".to_owned());
        assert_eq!(after(Ended::Closed), (again(), Pause::UnlessLived, false));
        assert_eq!(after(Ended::Silent), (again(), Pause::UnlessLived, true));
        assert_eq!(after(Ended::Mute), (Doing::List, Pause::UnlessLived, true));
        for failure in
            [unreachable, refused(429, ""), refused(500, ""), refused(504, ""), refused(403, "")]
        {
            assert_eq!(after(Ended::Failed(failure)), (again(), Pause::Growing(None), true));
        }
        for failure in [refused(429, ""), refused(500, "etcdserver: no leader")] {
            assert_eq!(after(Ended::Told(failure)), (again(), Pause::Growing(None), true));
        }
        let too_new = Failure::Refused {
            code: 504,
            message: String::new(),
            retry_after: None,
            is_too_new: true,
        };
        for failure in [refused(410, ""), too_new, refused(500, "too old resource version: 1 (9)")]
        {
            for ended in [Ended::Failed(failure.clone()), Ended::Told(failure.clone())] {
                assert_eq!(after(ended), (Doing::List, Pause::UnlessLived, true), "{failure:?}");
            }
        }
        let odd = Ended::NotUnderstood("x".to_owned());
        assert_eq!(after(odd), (Doing::List, Pause::UnlessLived, true));
        for code in [0, 400, 404, 403] {
            assert_eq!(after(Ended::Told(refused(code, ""))).0, Doing::List, "{code}");
        }
        for code in [400, 404] {
            assert_eq!(after(Ended::Failed(refused(code, ""))).0, Doing::List, "{code}");
        }
    }

    #[test]
    fn a_watch_that_is_refused_again_and_again_is_listed_anew() {
        for failed in [Ended::Failed, Ended::Told] {
            let failed = || failed(refused(500, ""));
            assert_eq!(decide(failed(), "7".into(), REFUSALS - 1).next, Doing::Watch("7".into()));
            assert_eq!(decide(failed(), "7".into(), REFUSALS).next, Doing::List);
        }
        let forbidden = Ended::Failed(refused(403, ""));
        assert_eq!(decide(forbidden, "7".into(), 99).next, Doing::Watch("7".into()));
    }

    #[test]
    fn a_list_is_followed_by_a_watch_from_its_version_and_a_failed_one_by_another() {
        let step = decide(Ended::Listed("9".into()), Str::default(), 0);
        assert_eq!((step.next, step.pause), (Doing::Watch("9".into()), Pause::None));
        let retry_after = Some(Duration::from_secs(3));
        let busy =
            Failure::Refused { code: 429, message: String::new(), retry_after, is_too_new: false };
        for (ended, pause) in [
            (Ended::Failed(busy), Pause::Growing(retry_after)),
            (Ended::Failed(refused(403, "")), Pause::Growing(None)),
            (Ended::Failed(refused(410, "")), Pause::Growing(None)),
            (Ended::NotUnderstood("x".to_owned()), Pause::Growing(None)),
        ] {
            let step = decide(ended, Str::default(), 0);
            assert_eq!((step.next, step.pause), (Doing::List, pause));
            assert!(step.lost.is_some());
        }
        let step = decide(Ended::NotServed, Str::default(), 0);
        assert_eq!((step.next, step.pause, step.lost), (Doing::List, Pause::Longest, None));
    }
}
