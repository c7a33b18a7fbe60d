use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::follow::Follow;
use super::load;
use super::store::{self, News, Store};
use super::{Batch, Connection, Follower, KindStatus, LiveFrom, Watched, saved};
use crate::api::Str;
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
    /// The longest pause. Default: 30 s. A kind that the API server does not have is looked for again that
    /// often.
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

/// Ends the tasks when the last handle is gone.
#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What tasks and handles share.
#[derive(Debug)]
pub(super) struct Shared {
    server: String,
    watched: Vec<Watched>,
    /// Whether kinds that are never on disk are waited for.
    needs_secrets: bool,
    // Locked while a follower works. Never locked by who holds the next.
    objects: Mutex<Objects>,
    /// Likewise of each kind, but locked for moments only.
    status: Mutex<Vec<KindStatus>>,
    ready: watch::Sender<bool>,
    changed: Notify,
}

/// Everything that is known, and who is told what changes.
struct Objects {
    kinds: Vec<Kind>,
    follower: Option<Arc<dyn Follower>>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("kinds", &self.kinds.len()).finish_non_exhaustive()
    }
}

/// One kind.
pub(super) struct Kind {
    pub(super) watched: Watched,
    pub(super) store: Store,
    /// In which version it is served.
    pub(super) served: usize,
    /// How far the list or the watch came.
    pub(super) version: Str,
    pub(super) from: LiveFrom,
}

impl Cluster {
    /// Begins to list and watch. `saved` is what was kept on disk: it counts until a kind was listed. Must be
    /// called within a Tokio runtime.
    #[must_use]
    pub fn start(
        connection: &Connection,
        mut watched: Vec<Watched>,
        saved: Option<saved::Saved>,
        tuning: Tuning,
    ) -> Self {
        let mut seen = std::collections::HashSet::new();
        watched.retain(|it| seen.insert(it.clone()));
        let needs_secrets = saved.is_none();
        let kinds: Vec<Kind> = watched.iter().cloned().map(Kind::new).collect();
        let status = kinds.iter().map(|kind| KindStatus::new(kind.watched.clone())).collect();
        let shared = Arc::new(Shared {
            server: connection.server().to_owned(),
            watched: watched.clone(),
            needs_secrets,
            objects: Mutex::new(Objects { kinds, follower: None }),
            status: Mutex::new(status),
            ready: watch::Sender::new(false),
            changed: Notify::new(),
        });
        if let Some(saved) = saved {
            shared.take_saved(saved);
        }
        shared.tell_ready(&shared.objects());
        let follow = |(place, watched): (usize, Watched)| {
            let (shared, connection) = (Arc::clone(&shared), connection.clone());
            let tuning = tuning.clone();
            let follow = Follow {
                shared,
                place,
                watched,
                connection,
                tuning,
                served: 0,
                at: Str::default(),
                has_lived: false,
                said: Instant::now(),
            };
            tokio::spawn(follow.run())
        };
        let tasks = watched.into_iter().enumerate().map(follow).collect();
        Self(Arc::new(Inner { shared, tasks }))
    }

    /// The kinds, in the order in which they were named first.
    #[must_use]
    pub fn watched(&self) -> &[Watched] {
        &self.0.shared.watched
    }

    /// Ends when [`is_ready`](Self::is_ready).
    pub async fn ready(&self) {
        // An error would say that nobody is left to say so; we hold the other end ourselves.
        let _ = self.0.shared.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Whether of every kind there is a whole list, live or from disk. Secrets are never on disk: after a
    /// start from there they are not waited for, since the API server may be waiting for us. Until they
    /// were listed, no token that needs one is good.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.0.shared.ready.borrow()
    }

    /// How each kind is doing. Never waits for a follower.
    #[must_use]
    pub fn status(&self) -> Vec<KindStatus> {
        self.0.shared.status().clone()
    }

    /// Every object that is known now, as files would say it. Must not be called by a follower.
    #[must_use]
    pub fn loaded(&self) -> Loaded {
        load::loaded(&self.0.shared.objects().kinds)
    }

    /// Hands what is known now to `build`, and from then on every change to the follower that it returns,
    /// in the place of the one before. Nothing changes in between. When `build` fails, the follower before
    /// stays. Blocks as long as `build` does, and while another follower works; neither `build` nor a
    /// follower may ask this cluster for anything but its [`status`](Self::status).
    ///
    /// # Errors
    /// Those of `build`.
    pub fn attach<E>(
        &self,
        build: impl FnOnce(Loaded) -> Result<Arc<dyn Follower>, E>,
    ) -> Result<(), E> {
        let mut objects = self.0.shared.objects();
        let follower = build(load::loaded(&objects.kinds))?;
        objects.follower = Some(follower);
        Ok(())
    }

    /// Hands everything that is known now to `follower`, a batch for each kind, and from then on every
    /// change, in the place of the follower before: for kinds that [`attach`](Self::attach) knows no place
    /// for. Nothing changes in between. Blocks as long as the follower does.
    pub fn follow(&self, follower: Arc<dyn Follower>) {
        let mut objects = self.0.shared.objects();
        let received = SystemTime::now();
        for kind in &objects.kinds {
            let changes = kind.store.all(kind.watched.definition(), kind.served);
            if !changes.is_empty() {
                let watched = kind.watched.clone();
                follower.changed(&Batch { watched, changes, received });
            }
        }
        objects.follower = Some(follower);
    }

    /// What is to be kept on disk: everything but Secrets. `None` while not every kind was listed live. It
    /// is as old as what is oldest of it: a kind whose watch is lost was so when it was last heard.
    #[must_use]
    pub fn to_save(&self) -> Option<saved::Saved> {
        let shared = &self.0.shared;
        let objects = shared.objects();
        let kinds: Vec<&Kind> =
            objects.kinds.iter().filter(|kind| !kind.watched.is_secret()).collect();
        if kinds.iter().any(|kind| kind.from != LiveFrom::Live) {
            return None;
        }
        let kinds = kinds.into_iter().map(Kind::to_save).collect();
        let status = shared.status();
        let lost = status.iter().filter(|kind| kind.lost.is_some() && !kind.watched.is_secret());
        let at = lost.filter_map(|kind| kind.heard).fold(SystemTime::now(), SystemTime::min);
        Some(saved::Saved { server: shared.server.clone(), at, kinds })
    }

    /// Ends when something changed since the last call, or since the start.
    pub async fn changed(&self) {
        self.0.shared.changed.notified().await;
    }
}

impl Kind {
    pub(super) fn new(watched: Watched) -> Self {
        let (store, version) = (Store::default(), Str::default());
        Self { watched, store, served: 0, version, from: LiveFrom::Nothing }
    }

    fn to_save(&self) -> saved::SavedKind {
        let definition = self.watched.definition();
        let api_version = definition.api_version(self.served);
        let object = |(key, entry): (&super::Key, &store::Entry)| {
            let text = entry.json(definition, &api_version, key)?;
            Some((key.clone(), text.into_boxed_slice()))
        };
        saved::SavedKind {
            watched: self.watched.clone(),
            resource_version: self.version.to_string(),
            objects: self.store.entries.iter().filter_map(object).collect(),
        }
    }
}

/// What a panic of a follower leaves behind is whole: the store takes news in after followers did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        lock(&self.objects)
    }

    fn status(&self) -> MutexGuard<'_, Vec<KindStatus>> {
        lock(&self.status)
    }

    /// Does something to the status of a kind.
    fn update(&self, place: usize, update: impl FnOnce(&mut KindStatus)) {
        if let Some(status) = self.status().get_mut(place) {
            update(status);
        }
    }

    /// There is no watch.
    pub(super) fn lost(&self, place: usize, reason: String) {
        self.update(place, |status| status.lose(reason, SystemTime::now()));
    }

    /// There is one.
    pub(super) fn watching(&self, place: usize) {
        self.update(place, |status| status.find());
    }

    /// Hands news on and takes them in. `events` is how many events they are; 0 for a list.
    pub(super) fn take(
        &self,
        place: usize,
        news: News,
        served: usize,
        version: Str,
        events: usize,
        received: SystemTime,
    ) {
        let is_list = news.is_all;
        let mut objects = self.objects();
        let Objects { kinds, follower } = &mut *objects;
        if let (Some(follower), Some(kind)) = (follower, kinds.get(place)) {
            let changes = kind.store.changes(&news, kind.watched.definition(), served);
            if !changes.is_empty() {
                let watched = kind.watched.clone();
                follower.changed(&Batch { watched, changes, received });
            }
        }
        let Some(kind) = kinds.get_mut(place) else { return };
        kind.store.take(news);
        (kind.served, kind.version) = (served, version);
        if is_list {
            kind.from = LiveFrom::Live;
        }
        self.update(place, |status| {
            status.hold(&kind.store, kind.from);
            status.heard = Some(received);
            if events > 0 {
                status.newest_event = Some(received);
            }
            if is_list {
                status.lists += 1;
                tracing::info!(
                    kind = %status.watched, objects = status.objects, version = %kind.version, "listed"
                );
            }
        });
        self.tell_ready(&objects);
        if is_list || events > 0 {
            self.changed.notify_one();
        }
    }

    /// Takes in what was on disk.
    fn take_saved(&self, saved: saved::Saved) {
        let mut objects = self.objects();
        for kind in saved.kinds {
            let here = objects.kinds.iter_mut().enumerate();
            let Some((place, here)) = here.into_iter().find(|(_, it)| it.watched == kind.watched)
            else {
                continue;
            };
            // Whoever wrote it may have known less of what is a secret.
            if here.watched.is_secret() {
                continue;
            }
            let mut news = News { is_all: true, ..News::default() };
            for (_, text) in kind.objects {
                let text = str::from_utf8(&text).unwrap_or_default();
                match store::read_again(text, &here.watched) {
                    Ok((key, entry)) => {
                        news.entries.insert(key, Some(entry));
                    }
                    Err(reason) => news.nameless.push(reason),
                }
            }
            here.store.take(news);
            here.from = LiveFrom::Disk { saved: saved.at };
            self.update(place, |status| status.hold(&here.store, here.from));
        }
    }

    fn tell_ready(&self, objects: &Objects) {
        let is_ready = objects.kinds.iter().all(|kind| {
            kind.from != LiveFrom::Nothing || kind.watched.is_secret() && !self.needs_secrets
        });
        self.ready.send_if_modified(|ready| std::mem::replace(ready, is_ready) != is_ready);
    }
}
