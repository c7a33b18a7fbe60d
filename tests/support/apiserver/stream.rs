//! A watch: events from a version on, line by line.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::fault::Fault;
use super::object::{Stored, View, render};
use super::selector::Selector;
use super::status::Status;
use super::store::{Event, Store};
use super::{Shared, lock};

/// Time enough for bytes to get onto the wire before the connection breaks behind them.
const FLUSH: Duration = Duration::from_millis(20);

/// What is watched.
pub(super) struct Watching {
    pub(super) table: usize,
    /// Events after this version; 0: what is there comes first.
    pub(super) cursor: u64,
    pub(super) namespace: String,
    pub(super) selector: Selector,
    pub(super) view: View,
    pub(super) has_bookmarks: bool,
    pub(super) timeout: Duration,
}

/// There is no more to say.
pub(super) struct Over;

pub(super) async fn run(
    shared: Arc<Shared>,
    mut watching: Watching,
    fault: Option<Fault>,
    sender: mpsc::Sender<io::Result<Bytes>>,
) {
    let _ = follow(&shared, &mut watching, fault, sender).await;
}

async fn follow(
    shared: &Shared,
    watching: &mut Watching,
    fault: Option<Fault>,
    sender: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Over> {
    let (mut news, mut trouble) = {
        let store = lock(&shared.store);
        let table = &store.tables[watching.table];
        (table.news.subscribe(), table.trouble.subscribe())
    };
    let mut bookmarks = shared.bookmarks.subscribe();
    let closed = sender.clone();
    let mut out = Out::new(sender, fault.as_ref());
    if let Some(fault) = fault {
        out.meet(fault).await?;
    }
    let end = Instant::now() + watching.timeout;
    let mut last_bookmark = Instant::now();
    let mut demanded = bookmarks.borrow().demanded;
    loop {
        while let Ok(fault) = trouble.try_recv() {
            out.meet(fault).await?;
        }
        news.mark_unchanged();
        let (lines, version) = {
            let store = lock(&shared.store);
            let lines = watching.lines(&store);
            (lines, store.version)
        };
        match lines {
            Ok(lines) => {
                for (object, line) in lines {
                    out.event(&watching.view, object, line).await?;
                }
            }
            Err(status) => return out.meet(Fault::ErrorEvent(status)).await,
        }
        let now = *bookmarks.borrow_and_update();
        let is_over = Instant::now() >= end;
        let is_due = now.demanded != demanded || last_bookmark.elapsed() >= now.every || is_over;
        if is_due {
            demanded = now.demanded;
            last_bookmark = Instant::now();
            // A watch of a version that is yet to come is not told of one that is.
            if watching.has_bookmarks && !out.has_no_bookmarks && version >= watching.cursor {
                watching.cursor = version;
                out.send(watching.view.bookmark(version)).await?;
            }
        }
        if is_over {
            return Ok(());
        }
        tokio::select! {
            _ = news.changed() => {}
            fault = trouble.recv() => {
                if let Ok(fault) = fault {
                    out.meet(fault).await?;
                }
            }
            _ = bookmarks.changed() => {}
            () = tokio::time::sleep_until(last_bookmark + now.every) => {}
            () = tokio::time::sleep_until(end) => {}
            () = closed.closed() => return Err(Over),
        }
    }
}

impl Watching {
    /// What is new: each object, and the line that says it.
    fn lines(&mut self, store: &Store) -> Result<Vec<(Stored, Vec<u8>)>, Status> {
        let table = &store.tables[self.table];
        if self.cursor == 0 {
            self.cursor = store.version;
            let objects = super::store::range(&table.objects, &self.namespace, None);
            return Ok(objects
                .filter(|(_, object)| self.selects(object))
                .map(|(_, object)| (object.clone(), self.view.event("ADDED", object)))
                .collect());
        }
        if self.cursor < table.forgotten {
            return Err(Status::too_old(self.cursor, table.forgotten));
        }
        let mut lines = Vec::new();
        let mut newest = self.cursor;
        for event in table.since(self.cursor) {
            newest = event.version;
            if let Some((what, object)) = self.shown(event) {
                lines.push((object.clone(), self.view.event(what, &object)));
            }
        }
        self.cursor = newest;
        Ok(lines)
    }

    fn selects(&self, object: &Stored) -> bool {
        self.selector.is_empty() || self.selector.matches(&object.value())
    }

    /// Objects come and go as they begin and cease to be selected.
    fn shown(&self, event: &Event) -> Option<(&'static str, Stored)> {
        if !self.namespace.is_empty() && self.namespace != event.namespace {
            return None;
        }
        let was = event.before.as_ref().is_some_and(|before| self.selects(before));
        let is = !event.is_deleted && self.selects(&event.object);
        match (was, is) {
            (false, false) => None,
            (false, true) => Some(("ADDED", event.object.clone())),
            (true, true) => Some(("MODIFIED", event.object.clone())),
            (true, false) if event.is_deleted => Some(("DELETED", event.object.clone())),
            // As it was, with the version of the event.
            (true, false) => {
                let mut value = event.before.as_ref()?.value();
                value["metadata"]["resourceVersion"] = event.version.to_string().into();
                Some(("DELETED", Stored::new(event.version, &value)))
            }
        }
    }
}

/// The way out, with all that can happen there.
pub(super) struct Out {
    sender: mpsc::Sender<io::Result<Bytes>>,
    /// Bytes until the connection breaks.
    left: Option<usize>,
    slow: Option<(usize, Duration)>,
    is_mute: bool,
    cut_next: Option<usize>,
    replace_next: Option<Value>,
    has_no_bookmarks: bool,
}

impl Out {
    pub(super) fn new(sender: mpsc::Sender<io::Result<Bytes>>, fault: Option<&Fault>) -> Self {
        let mut out = Self {
            sender,
            left: None,
            slow: None,
            is_mute: false,
            cut_next: None,
            replace_next: None,
            has_no_bookmarks: false,
        };
        match fault {
            Some(Fault::CutAfter(bytes)) => out.left = Some(*bytes),
            Some(Fault::Slow(bytes, pause)) => out.slow = Some((*bytes, *pause)),
            _ => {}
        }
        out
    }

    /// A fault of a watch.
    async fn meet(&mut self, fault: Fault) -> Result<(), Over> {
        match fault {
            Fault::Answer(_) => {}
            Fault::NoAnswer | Fault::Mute => self.is_mute = true,
            Fault::CutAfter(bytes) => self.left = Some(bytes),
            Fault::Slow(bytes, pause) => self.slow = Some((bytes, pause)),
            Fault::Bytes(bytes) => self.send(bytes).await?,
            Fault::ErrorEvent(status) => {
                // `type` comes first in events, and late in objects.
                let mut line = br#"{"type":"ERROR","object":"#.to_vec();
                line.extend(render(&status.body));
                line.push(b'}');
                line.push(b'\n');
                self.send(line).await?;
                return Err(Over);
            }
            Fault::End => return Err(Over),
            Fault::Cut => return self.cut().await,
            Fault::CutInNextEvent(bytes) => self.cut_next = Some(bytes),
            Fault::ReplaceNext(value) => self.replace_next = Some(value),
            Fault::NoBookmarks => self.has_no_bookmarks = true,
        }
        Ok(())
    }

    async fn event(&mut self, view: &View, object: Stored, line: Vec<u8>) -> Result<(), Over> {
        let mut line = line;
        if let Some(value) = self.replace_next.take() {
            let start = line.windows(10).position(|window| window == b",\"object\":").unwrap_or(0);
            line.truncate(start + 10);
            line.extend(match value.is_object() {
                true => view.whole(&Stored::new(object.version, &value)),
                false => render(&value),
            });
            line.extend_from_slice(b"}\n");
        }
        if let Some(bytes) = self.cut_next.take() {
            self.left = Some(bytes.min(line.len() - 1));
        }
        self.send(line).await
    }

    /// Sends bytes, as fast and as far as faults let them.
    pub(super) async fn send(&mut self, mut bytes: Vec<u8>) -> Result<(), Over> {
        if self.is_mute {
            return Ok(());
        }
        let is_cut = self.left.is_some_and(|left| left <= bytes.len());
        if let Some(left) = &mut self.left {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        match self.slow {
            None => self.put(bytes).await?,
            Some((size, pause)) => {
                for piece in bytes.chunks(size) {
                    self.put(piece.to_vec()).await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        if is_cut { self.cut().await } else { Ok(()) }
    }

    async fn put(&self, bytes: Vec<u8>) -> Result<(), Over> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sender.send(Ok(bytes.into())).await.map_err(|_| Over)
    }

    async fn cut(&self) -> Result<(), Over> {
        tokio::time::sleep(FLUSH).await;
        let _ = self.sender.send(Err(io::Error::other("cut"))).await;
        Err(Over)
    }
}
