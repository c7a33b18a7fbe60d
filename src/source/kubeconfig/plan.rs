//! What has to change in a tree so that entries are in it.

use super::section::{self, Entry, Section, node, same, text};
use super::{Existing, KubeconfigError, read};
use crate::api::Str;
use crate::api::kubeconfig::Entries;
use crate::source::document::{Node, Value};

/// What becomes of a list.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) section: Section,
    /// The entry that it replaces; `None` when it is added at the end.
    pub(super) replaces: Option<usize>,
    pub(super) node: Node,
}

/// All that has to change.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// The new current context, unless it is that already.
    pub(super) current: Option<String>,
    /// Entries that are replaced, as they are told.
    pub(super) replaced: Vec<String>,
    /// What must come out.
    pub(super) expected: Node,
}

impl Plan {
    /// Looks what there is. `root` is a map as [`read::tree`] gives it.
    pub(super) fn new(
        path: &str,
        root: &Node,
        entries: &Entries,
        existing: Existing,
    ) -> Result<Self, KubeconfigError> {
        let cluster = &entries.context.value.cluster;
        if entries.cluster.is_none() && position(root, Section::Clusters, cluster).is_none() {
            let (path, name) = (path.to_owned(), cluster.clone());
            return Err(KubeconfigError::NoSuchCluster { path, name });
        }
        let mut changes = Vec::new();
        let mut taken = Vec::new();
        for Entry { section, name, node } in section::entries(entries) {
            let place = position(root, section, &name);
            let old = place.and_then(|at| read::items(root, section).get(at));
            if old.is_some_and(|old| same(old, &node)) {
                continue;
            }
            if place.is_some() {
                taken.push(format!("{} `{name}`", section.inner()));
            }
            changes.push(Change { section, replaces: place, node });
        }
        if existing == Existing::Refuse && !taken.is_empty() {
            let (path, taken) = (path.to_owned(), taken.join(", "));
            return Err(KubeconfigError::Taken { path, taken });
        }
        let current = entries.make_current.then(|| entries.context.name.clone());
        let current = current.filter(|name| root.text("current-context") != name);
        let expected = expected(root, &changes, current.as_deref());
        Ok(Self { changes, current, replaced: taken, expected })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.current.is_none()
    }
}

/// A whole file of these entries.
pub(super) fn whole(entries: &Entries) -> Node {
    let change = |Entry { section, node, .. }| Change { section, replaces: None, node };
    let changes: Vec<Change> = section::entries(entries).into_iter().map(change).collect();
    let current = entries.make_current.then_some(entries.context.name.as_str());
    expected(&node(Value::Null), &changes, current)
}

fn position(root: &Node, section: Section, name: &str) -> Option<usize> {
    read::items(root, section).iter().position(|item| item.text("name") == name)
}

fn expected(root: &Node, changes: &[Change], current: Option<&str>) -> Node {
    let mut fields: Vec<(Str, Node)> = match &root.value {
        Value::Map(fields) => fields.clone(),
        _ => Vec::new(),
    };
    if fields.is_empty() {
        fields.extend([("apiVersion".into(), text("v1")), ("kind".into(), text("Config"))]);
    }
    for Change { section, replaces, node: entry } in changes {
        change(&mut fields, section.field(), |list| match &mut list.value {
            Value::List(items) => match replaces.and_then(|at| items.get_mut(at)) {
                Some(old) => *old = entry.clone(),
                None => items.push(entry.clone()),
            },
            _ => list.value = Value::List(vec![entry.clone()]),
        });
    }
    if let Some(current) = current {
        change(&mut fields, "current-context", |value| *value = text(current));
    }
    node(Value::Map(fields))
}

/// Changes a field; one that is not there is made.
fn change(fields: &mut Vec<(Str, Node)>, name: &str, with: impl FnOnce(&mut Node)) {
    if let Some((_, value)) = fields.iter_mut().find(|(known, _)| known == name) {
        return with(value);
    }
    let mut value = node(Value::Null);
    with(&mut value);
    fields.push((name.into(), value));
}
