use std::sync::Arc;
use std::time::Duration;

use super::{Connection, Follower, KindStatus, Watched, saved};
use crate::source::Loaded;

/// How lists and watches go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tuning {
    /// Objects of one page of a list. Default: 500.
    pub page: u32,
    /// How long a watch may be silent, bookmarks included, before it is taken for dead. API servers send a
    /// bookmark a minute. Default: 100 s.
    pub silence: Duration,
    /// The shortest pause after a failure; it doubles up to [`longest_pause`](Self::longest_pause), with
    /// jitter. Default: 500 ms.
    pub shortest_pause: Duration,
    /// The longest pause. Default: 30 s.
    pub longest_pause: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            page: 500,
            silence: Duration::from_secs(100),
            shortest_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// Objects of an API server, kept as they are there. Clones are handles of the same; watching ends when the
/// last is dropped.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

impl Cluster {
    /// Begins to list and watch. `saved` is what was kept on disk: it counts until a kind was listed. Must be
    /// called within a Tokio runtime.
    #[must_use]
    pub fn start(
        connection: &Connection,
        watched: Vec<Watched>,
        saved: Option<saved::Saved>,
        tuning: Tuning,
    ) -> Self {
        let _ = (connection, watched, saved, tuning);
        todo!()
    }

    /// The kinds, in the order in which they were named.
    #[must_use]
    pub fn watched(&self) -> &[Watched] {
        todo!()
    }

    /// Ends when of every kind there is a whole list, live or from disk.
    pub async fn ready(&self) {
        todo!()
    }

    /// Whether of every kind there is a whole list.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        todo!()
    }

    /// How each kind is doing.
    #[must_use]
    pub fn status(&self) -> Vec<KindStatus> {
        todo!()
    }

    /// Every object that is known now, as files would say it.
    #[must_use]
    pub fn loaded(&self) -> Loaded {
        todo!()
    }

    /// Hands what is known now to `build`, and from then on every change to the follower that it returns,
    /// in the place of the one before. Nothing changes in between. When `build` fails, the follower before
    /// stays. Blocks as long as `build` does.
    ///
    /// # Errors
    /// Those of `build`.
    pub fn attach<E>(
        &self,
        build: impl FnOnce(Loaded) -> Result<Arc<dyn Follower>, E>,
    ) -> Result<(), E> {
        let _ = build;
        todo!()
    }

    /// What is to be kept on disk: everything but Secrets. `None` while not every kind was listed live.
    #[must_use]
    pub fn to_save(&self) -> Option<saved::Saved> {
        todo!()
    }

    /// Ends when something changed since the last call, or since the start.
    pub async fn changed(&self) {
        todo!()
    }
}

impl Cluster {
    /// Hands what is known now to `follower`, as one batch of a kind, and from then on every change, in
    /// the place of the follower before. Nothing changes in between. Blocks as long as the follower does.
    pub fn follow(&self, follower: Arc<dyn Follower>) {
        let _ = follower;
        todo!()
    }
}
