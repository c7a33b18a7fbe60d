//! The objects, their versions, and what happened to them lately: etcd and the watch cache.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{broadcast, watch};

use super::fault::Fault;
use super::kinds::Resource;
use super::object::{self, Stored};

/// By `namespace/name` or `name`, sorted as etcd sorts keys.
pub(super) type Objects = BTreeMap<String, Stored>;

/// What happened to an object.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) before: Option<Stored>,
    /// As it is now; as it was, with the version of its end, when it is gone.
    pub(super) object: Stored,
    pub(super) is_deleted: bool,
    pub(super) namespace: String,
}

pub(super) struct Table {
    pub(super) resource: Resource,
    pub(super) is_served: bool,
    pub(super) objects: Arc<Objects>,
    /// Events after `forgotten`, oldest first.
    pub(super) history: VecDeque<Event>,
    pub(super) forgotten: u64,
    /// What continue tokens point to, oldest first.
    snapshots: VecDeque<(u64, Arc<Objects>)>,
    /// Tells watches that there is something new.
    pub(super) news: watch::Sender<()>,
    /// Tells running watches what is to go wrong.
    pub(super) trouble: broadcast::Sender<Fault>,
}

/// Snapshots that are kept for continue tokens, for each resource.
const SNAPSHOTS: usize = 16;

pub(super) struct Store {
    /// The newest version. As in etcd, one counter for all.
    pub(super) version: u64,
    pub(super) tables: Vec<Table>,
    /// Events that are kept for each resource.
    pub(super) window: usize,
}

/// What can be restored.
#[derive(Clone)]
pub(crate) struct Backup {
    version: u64,
    objects: Vec<Arc<Objects>>,
}

impl Store {
    pub(super) fn new(resources: &[Resource]) -> Self {
        let tables = resources.iter().map(|resource| Table::new(*resource)).collect();
        // Nobody may get away with taking 0 or 1 for something special.
        Self { version: 1000, tables, window: 20_000 }
    }

    pub(super) fn serve(&mut self, resource: Resource) {
        self.tables.push(Table { forgotten: self.version, ..Table::new(resource) });
    }

    pub(super) fn table(&self, plural: &str) -> usize {
        let found = self.tables.iter().position(|table| table.resource.plural == plural);
        found.unwrap_or_else(|| panic!("no resource is called {plural}"))
    }

    /// The table of the objects of this kind.
    pub(super) fn table_of_kind(&self, kind: &str) -> usize {
        let found = self.tables.iter().position(|table| table.resource.kind == kind);
        found.unwrap_or_else(|| panic!("no resource is of kind {kind}"))
    }

    /// Creates or replaces, unless that changes nothing.
    pub(super) fn put(&mut self, table: usize, value: Value) -> Stored {
        let version = self.version + 1;
        let window = self.window;
        let table = &mut self.tables[table];
        let key = key_of(&table.resource, &value);
        let before = table.objects.get(&key).cloned();
        let old = before.as_ref().map(Stored::value);
        let value = object::complete(&table.resource, value, old.as_ref(), version);
        if let (Some(before), Some(old)) = (&before, &old)
            && object::is_same(old, &value)
        {
            return before.clone();
        }
        let object = Stored::new(version, &value);
        Arc::make_mut(&mut table.objects).insert(key.clone(), object.clone());
        let event = Event {
            version,
            before,
            object: object.clone(),
            is_deleted: false,
            namespace: namespace_of(&table.resource, &key).to_owned(),
        };
        table.remember(event, window);
        self.version = version;
        object
    }

    /// The object as it was, with the version of its end.
    pub(super) fn delete(&mut self, table: usize, key: &str) -> Option<Stored> {
        let version = self.version + 1;
        let window = self.window;
        let table = &mut self.tables[table];
        let before = table.objects.get(key).cloned()?;
        Arc::make_mut(&mut table.objects).remove(key);
        let mut value = before.value();
        value["metadata"]["resourceVersion"] = version.to_string().into();
        let object = Stored::new(version, &value);
        let event = Event {
            version,
            before: Some(before),
            object: object.clone(),
            is_deleted: true,
            namespace: namespace_of(&table.resource, key).to_owned(),
        };
        table.remember(event, window);
        self.version = version;
        Some(object)
    }

    /// Forgets what happened, so that no older version can be watched or continued from.
    pub(super) fn compact(&mut self, table: usize) {
        let version = self.version;
        let table = &mut self.tables[table];
        table.history.clear();
        table.forgotten = version;
        table.snapshots.clear();
    }

    pub(super) fn backup(&self) -> Backup {
        let objects = self.tables.iter().map(|table| Arc::clone(&table.objects)).collect();
        Backup { version: self.version, objects }
    }

    pub(super) fn restore(&mut self, backup: &Backup) {
        self.version = backup.version;
        for (table, objects) in self.tables.iter_mut().zip(&backup.objects) {
            table.objects = Arc::clone(objects);
            table.history.clear();
            table.forgotten = backup.version;
            table.snapshots.clear();
        }
    }

    /// The objects of a list that begins now; kept for its further pages.
    pub(super) fn begin(&mut self, table: usize, is_paged: bool) -> (u64, Arc<Objects>) {
        let version = self.version;
        let table = &mut self.tables[table];
        let objects = Arc::clone(&table.objects);
        if is_paged && table.snapshots.back().is_none_or(|(newest, _)| *newest != version) {
            table.snapshots.push_back((version, Arc::clone(&objects)));
            if table.snapshots.len() > SNAPSHOTS {
                table.snapshots.pop_front();
            }
        }
        (version, objects)
    }

    /// Those of a list that goes on, if they are still known.
    pub(super) fn go_on(&self, table: usize, version: u64) -> Option<Arc<Objects>> {
        let snapshots = &self.tables[table].snapshots;
        let found = snapshots.iter().find(|(known, _)| *known == version)?;
        Some(Arc::clone(&found.1))
    }
}

impl Table {
    fn new(resource: Resource) -> Self {
        Self {
            resource,
            is_served: true,
            objects: Arc::default(),
            history: VecDeque::new(),
            forgotten: 0,
            snapshots: VecDeque::new(),
            news: watch::Sender::new(()),
            trouble: broadcast::Sender::new(64),
        }
    }

    fn remember(&mut self, event: Event, window: usize) {
        self.history.push_back(event);
        self.trim(window);
        self.news.send_replace(());
    }

    pub(super) fn trim(&mut self, window: usize) {
        while self.history.len() > window {
            if let Some(oldest) = self.history.pop_front() {
                self.forgotten = oldest.version;
            }
        }
    }

    /// Events after this version, oldest first.
    pub(super) fn since(&self, version: u64) -> impl Iterator<Item = &Event> {
        let first = self.history.partition_point(|event| event.version <= version);
        self.history.range(first..)
    }
}

/// Of `namespace`, or all, from a key on.
pub(super) fn range<'a>(
    objects: &'a Objects,
    namespace: &str,
    start: Option<&str>,
) -> impl Iterator<Item = (&'a String, &'a Stored)> {
    let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    let first = start.map_or_else(|| prefix.clone(), str::to_owned);
    let from = (Bound::Included(first), Bound::Unbounded);
    objects.range::<String, _>(from).take_while(move |(key, _)| key.starts_with(&prefix))
}

pub(super) fn key(resource: &Resource, namespace: &str, name: &str) -> String {
    if resource.namespaced { format!("{namespace}/{name}") } else { name.to_owned() }
}

fn key_of(resource: &Resource, value: &Value) -> String {
    let text = |field: &str| value["metadata"][field].as_str().unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    assert!(!name.is_empty(), "an object without a name: {value}");
    assert_eq!(namespace.is_empty(), !resource.namespaced, "the namespace of {value}");
    key(resource, namespace, name)
}

fn namespace_of<'a>(resource: &Resource, key: &'a str) -> &'a str {
    if resource.namespaced { key.split('/').next().unwrap_or_default() } else { "" }
}
