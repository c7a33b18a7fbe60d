//! The objects of one kind, as small as they can be kept, and what of them changes.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::{self, Reason};
use super::definition::Definition;
use super::trim::{Rest, Trimmed, trim};
use super::{Change, Decoded, Key, Watched};
use crate::api::Str;
#[cfg(feature = "authn")]
use crate::api::core::Secret;
use crate::model::Origin;
use crate::source::object::Outcome;

/// An object as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// `metadata.resourceVersion`; opaque.
    pub(super) version: Str,
    pub(super) held: Held,
}

/// What is kept of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    /// The fields that are kept, as text.
    Text(Rest),
    /// A Secret: decoded, since its values must not lie around as text.
    #[cfg(feature = "authn")]
    Secret(Box<Secret>),
    /// It cannot be read, and so is as if it was not there.
    Unreadable(Box<Reason>),
}

/// Objects by key.
pub(super) type Entries = BTreeMap<Key, Entry>;

/// What is new about a kind.
#[derive(Debug, Default)]
pub(super) struct News {
    /// What became of which object; `None` for one that is gone.
    pub(super) entries: BTreeMap<Key, Option<Entry>>,
    /// Whether it is a whole list: what is not in it is gone.
    pub(super) is_all: bool,
    /// Of a whole list: objects that do not even say which they are.
    pub(super) nameless: Vec<Reason>,
}

/// Reads one object of the wire.
///
/// # Errors
/// When it is none of those that were asked for, or does not say which it is.
pub(super) fn read(text: &str, watched: &Watched, served: usize) -> Result<(Key, Entry), Reason> {
    let definition = watched.definition();
    let trimmed =
        trim(text, definition).map_err(|_| Reason::Stranger("something that is no object"))?;
    let key = key(&trimmed, watched)?;
    let Trimmed { version, rest, .. } = trimmed;
    let api_version = definition.api_version(served);
    let outcome = match definition.is_metadata {
        false => decode::read(text, definition, &api_version),
        // Metadata alone calls itself otherwise; nothing of it has a reader but what is kept.
        true => decode::read(
            &rewritten(&rest, definition, &api_version, &key)?,
            definition,
            &api_version,
        ),
    };
    let held = match decode::check(outcome) {
        Err(reason) => Held::Unreadable(Box::new(reason)),
        #[cfg(feature = "authn")]
        Ok(Outcome::Secret(secret)) => Held::Secret(Box::new(secret)),
        Ok(_) => Held::Text(rest),
    };
    Ok((key, Entry { version, held }))
}

/// Reads one object that was written to disk: it could be read then, and what is damaged grants nothing when
/// it is read for good.
///
/// # Errors
/// As those of [`read`].
pub(super) fn read_again(text: &str, watched: &Watched) -> Result<(Key, Entry), Reason> {
    let trimmed = trim(text, watched.definition())
        .map_err(|_| Reason::Stranger("something that is no object"))?;
    let key = key(&trimmed, watched)?;
    Ok((key, Entry { version: trimmed.version, held: Held::Text(trimmed.rest) }))
}

fn rewritten(
    rest: &Rest,
    definition: &Definition,
    api_version: &str,
    key: &Key,
) -> Result<String, Reason> {
    let mut text = Vec::new();
    let written = rest.write(definition, api_version, key, "", &mut text).ok();
    written
        .and_then(|()| String::from_utf8(text).ok())
        .ok_or(Reason::Stranger("something that is no object"))
}

/// Whether that is the kind that objects give; items of lists do not repeat what the list says.
pub(super) fn is_of_kind(kind: &str, definition: &Definition) -> bool {
    let of_kind = if definition.is_metadata { "PartialObjectMetadata" } else { definition.kind };
    kind.is_empty() || kind == of_kind
}

/// Which object it is, when it is one of those that were asked for.
fn key(trimmed: &Trimmed, watched: &Watched) -> Result<Key, Reason> {
    let definition = watched.definition();
    let Trimmed { api_version, kind, namespace, name, .. } = trimmed;
    let of_group = if definition.is_metadata { "meta.k8s.io" } else { definition.group };
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if !is_of_kind(kind, definition) || !api_version.is_empty() && group != of_group {
        return Err(Reason::Stranger("an object of another kind"));
    }
    if name.is_empty() {
        return Err(Reason::Stranger("an object without a name"));
    }
    let namespace = match (definition.is_namespaced, watched.namespace()) {
        (false, _) => Str::default(),
        (true, Some(own)) if own != namespace => {
            return Err(Reason::Stranger("an object of another namespace"));
        }
        (true, _) if namespace.is_empty() => {
            return Err(Reason::Stranger("an object without its namespace"));
        }
        (true, _) => namespace.clone(),
    };
    Ok(Key { namespace, name: name.clone() })
}

impl Entry {
    /// Whether it can be read, and so counts.
    pub(super) const fn is_readable(&self) -> bool {
        !matches!(self.held, Held::Unreadable(_))
    }

    /// As JSON, as much as was kept. Nothing for a Secret or an object that cannot be read.
    pub(super) fn json(
        &self,
        definition: &Definition,
        api_version: &str,
        key: &Key,
    ) -> Option<Vec<u8>> {
        let Held::Text(rest) = &self.held else { return None };
        let mut text = Vec::with_capacity(rest.len() + 128);
        rest.write(definition, api_version, key, &self.version, &mut text).ok()?;
        Some(text)
    }

    /// As JSON for a dump; of a Secret who it is and nothing that it holds.
    pub(super) fn dump(
        &self,
        definition: &Definition,
        api_version: &str,
        key: &Key,
    ) -> Option<Vec<u8>> {
        #[cfg(feature = "authn")]
        if let Held::Secret(secret) = &self.held {
            let Key { namespace, name } = key;
            let mut metadata = serde_json::json!({"namespace": namespace, "name": name});
            if let Some(metadata) = metadata.as_object_mut()
                && !secret.uid.is_empty()
            {
                metadata.insert("uid".to_owned(), secret.uid.to_string().into());
            }
            let kind = definition.kind;
            let object =
                serde_json::json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
            return serde_json::to_vec(&object).ok();
        }
        self.json(definition, api_version, key)
    }

    /// As reading it from a file would have it.
    pub(super) fn outcome(&self, definition: &Definition, api_version: &str, key: &Key) -> Outcome {
        match &self.held {
            Held::Text(_) => {
                let text = self.json(definition, api_version, key).unwrap_or_default();
                let text = str::from_utf8(&text).unwrap_or_default();
                decode::read(text, definition, api_version)
            }
            #[cfg(feature = "authn")]
            Held::Secret(secret) => Outcome::Secret(Secret::clone(secret)),
            Held::Unreadable(reason) => reason.outcome(definition, key),
        }
    }

    /// What it says; `None` when it cannot be read.
    fn decoded(&self, definition: &Definition, api_version: &str, key: &Key) -> Option<Decoded> {
        match &self.held {
            Held::Text(_) => {
                let text = self.json(definition, api_version, key)?;
                let outcome = decode::read(str::from_utf8(&text).ok()?, definition, api_version);
                decode::decoded(outcome, &text).ok()
            }
            #[cfg(feature = "authn")]
            Held::Secret(secret) => Some(Decoded::Secret(Secret::clone(secret))),
            Held::Unreadable(_) => None,
        }
    }

    /// Where it was read.
    pub(super) fn origin(&self, definition: &Definition, key: &Key) -> Origin {
        origin(definition, key, &self.version)
    }

    /// Bytes that it takes, its key included.
    fn bytes(&self, key: &Key) -> usize {
        let held = match &self.held {
            Held::Text(rest) => rest.len(),
            #[cfg(feature = "authn")]
            Held::Secret(secret) => {
                size_of::<Secret>() + on_heap(&secret.namespace) + on_heap(&secret.name)
            }
            Held::Unreadable(_) => size_of::<Reason>(),
        };
        let texts = [&key.namespace, &key.name, &self.version];
        size_of::<(Key, Self)>() + held + texts.into_iter().map(on_heap).sum::<usize>()
    }
}

/// Bytes of a text that are not in its place.
fn on_heap(text: &Str) -> usize {
    if text.is_heap_allocated() { text.capacity() } else { 0 }
}

/// `cluster: ClusterRoleBinding x (resourceVersion 123)`.
fn origin(definition: &Definition, key: &Key, version: &str) -> Origin {
    let Key { namespace, name } = key;
    let slash = if namespace.is_empty() { "" } else { "/" };
    let at = match version {
        "" => String::new(),
        version => format!(" (resourceVersion {version})"),
    };
    Origin::named(format!("cluster: {} {namespace}{slash}{name}{at}", definition.kind))
}

/// The objects of a kind.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) entries: Entries,
    /// Objects of the last list that do not say which they are.
    pub(super) nameless: Vec<Reason>,
    /// Those that cannot be read, but say which they are.
    unreadable: BTreeSet<Key>,
    /// Bytes of all of them.
    bytes: usize,
}

impl Store {
    /// How many objects there are that count.
    pub(super) fn objects(&self) -> usize {
        self.entries.len().saturating_sub(self.unreadable.len())
    }

    /// How many objects cannot be read.
    pub(super) fn unreadable(&self) -> usize {
        self.unreadable.len() + self.nameless.len()
    }

    /// Those that cannot be read, and why.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (Key, &Reason)> {
        let named = self.unreadable.iter().filter_map(|key| match &self.entries.get(key)?.held {
            Held::Unreadable(reason) => Some((key.clone(), &**reason)),
            _ => None,
        });
        named.chain(self.nameless.iter().map(|reason| (Key::default(), reason)))
    }

    /// Whether there is an object of that key, readable or not.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Everything that can be read.
    pub(super) fn all(&self, definition: &Definition, served: usize) -> Vec<(Key, Origin, Change)> {
        let api_version = definition.api_version(served);
        let readable = self.entries.iter().filter_map(|(key, entry)| {
            let decoded = entry.decoded(definition, &api_version, key)?;
            let change = Change::Applied(Box::new(decoded));
            Some((key.clone(), entry.origin(definition, key), change))
        });
        readable.collect()
    }

    /// Bytes that they take.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What taking the news in would change.
    pub(super) fn changes(
        &self,
        news: &News,
        definition: &Definition,
        served: usize,
    ) -> Vec<(Key, Origin, Change)> {
        let api_version = definition.api_version(served);
        let mut changes = Vec::new();
        for (key, new) in &news.entries {
            let old = self.entries.get(key).filter(|old| old.is_readable());
            let change = match new.as_ref().filter(|new| new.is_readable()) {
                Some(new) if old.is_some_and(|old| is_same(old, new, definition)) => continue,
                // Text that was read once is read again. Were it not, nothing may be granted by it.
                Some(new) => new
                    .decoded(definition, &api_version, key)
                    .map_or(Change::Deleted, |decoded| Change::Applied(Box::new(decoded))),
                None => Change::Deleted,
            };
            if old.is_none() && change == Change::Deleted {
                continue;
            }
            let at =
                new.as_ref().or(old).map_or_else(Origin::default, |it| it.origin(definition, key));
            changes.push((key.clone(), at, change));
        }
        if news.is_all {
            let gone = self
                .entries
                .iter()
                .filter(|(key, old)| old.is_readable() && !news.entries.contains_key(key));
            changes.extend(
                gone.map(|(key, old)| (key.clone(), old.origin(definition, key), Change::Deleted)),
            );
        }
        changes
    }

    /// Takes the news in.
    pub(super) fn take(&mut self, news: News) {
        if news.is_all {
            // Freed before the new ones are counted, not after.
            *self = Self { nameless: news.nameless, ..Self::default() };
        }
        for (key, new) in news.entries {
            let old = self.entries.remove(&key);
            self.bytes = self.bytes.saturating_sub(old.map_or(0, |old| old.bytes(&key)));
            self.unreadable.remove(&key);
            let Some(new) = new else { continue };
            self.bytes += new.bytes(&key);
            if !new.is_readable() {
                self.unreadable.insert(key.clone());
            }
            self.entries.insert(key, new);
        }
    }
}

/// Whether two versions of an object say the same. That an API server gave both one version is not enough:
/// one that was restored from a backup gives versions anew.
fn is_same(old: &Entry, new: &Entry, definition: &Definition) -> bool {
    old.held == new.held && (old.version == new.version || !definition.is_versioned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rbac;

    fn binding(name: &str, version: &str, user: &str) -> String {
        format!(
            r#"{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}},
            "roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"r"}},
            "subjects":[{{"kind":"User","name":"{user}"}}]}}"#
        )
    }

    fn garbled(name: &str, version: &str) -> String {
        format!(
            r#"{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}},"subjects":"all"}}"#
        )
    }

    fn list(watched: &Watched, objects: &[String]) -> News {
        let entries = objects.iter().map(|text| read(text, watched, 0).unwrap());
        let entries = entries.map(|(key, entry)| (key, Some(entry))).collect();
        News { entries, is_all: true, nameless: Vec::new() }
    }

    fn event(watched: &Watched, text: &str) -> News {
        News { is_all: false, ..list(watched, &[text.to_owned()]) }
    }

    fn gone(name: &str) -> News {
        let key = Key { namespace: Str::default(), name: name.into() };
        News { entries: [(key, None)].into(), ..News::default() }
    }

    /// `+name` for what applies, `-name` for what is gone.
    fn told(store: &mut Store, watched: &Watched, news: News) -> Vec<String> {
        let changes = store.changes(&news, watched.definition(), 0);
        store.take(news);
        let told = |(key, _, change): (Key, Origin, Change)| match change {
            Change::Applied(_) => format!("+{}", key.name),
            Change::Deleted => format!("-{}", key.name),
        };
        changes.into_iter().map(told).collect()
    }

    const BINDINGS: Watched = Watched::ClusterRoleBindings;

    #[test]
    fn a_list_is_told_as_its_difference_to_what_was_known() {
        let mut store = Store::default();
        let first = [binding("a", "1", "x"), binding("b", "2", "x"), binding("c", "3", "x")];
        assert_eq!(told(&mut store, &BINDINGS, list(&BINDINGS, &first)), ["+a", "+b", "+c"]);
        assert_eq!(told(&mut store, &BINDINGS, list(&BINDINGS, &first)), [""; 0]);
        let next = [binding("a", "1", "x"), binding("b", "4", "x"), binding("d", "5", "x")];
        assert_eq!(told(&mut store, &BINDINGS, list(&BINDINGS, &next)), ["+b", "+d", "-c"]);
        assert_eq!(store.objects(), 3);
        let nothing = list(&BINDINGS, &[]);
        assert_eq!(told(&mut store, &BINDINGS, nothing), ["-a", "-b", "-d"]);
        assert_eq!((store.objects(), store.bytes()), (0, 0));
    }

    /// A cluster that was restored from a backup gives a version to something else.
    #[test]
    fn an_object_of_the_same_version_that_says_something_else_is_told() {
        let mut store = Store::default();
        told(&mut store, &BINDINGS, list(&BINDINGS, &[binding("a", "1", "jane")]));
        let other = list(&BINDINGS, &[binding("a", "1", "joe")]);
        assert_eq!(told(&mut store, &BINDINGS, other), ["+a"]);
    }

    #[test]
    fn an_update_that_cannot_be_read_takes_the_grant_away_and_is_counted() {
        let mut store = Store::default();
        told(&mut store, &BINDINGS, event(&BINDINGS, &binding("a", "1", "x")));
        assert_eq!(told(&mut store, &BINDINGS, event(&BINDINGS, &garbled("a", "2"))), ["-a"]);
        assert_eq!((store.objects(), store.unreadable()), (0, 1));
        let (key, reason) = store.reasons().next().unwrap();
        assert_eq!(key.name, "a");
        assert_eq!(reason.to_string(), "`subjects` must be a list, but is the string `all`");
        // Still so: nothing new.
        assert_eq!(told(&mut store, &BINDINGS, event(&BINDINGS, &garbled("a", "3"))), [""; 0]);
        assert_eq!(told(&mut store, &BINDINGS, list(&BINDINGS, &[garbled("a", "3")])), [""; 0]);
        let back = event(&BINDINGS, &binding("a", "4", "x"));
        assert_eq!(told(&mut store, &BINDINGS, back), ["+a"]);
        assert_eq!((store.objects(), store.unreadable()), (1, 0));
        told(&mut store, &BINDINGS, event(&BINDINGS, &garbled("a", "5")));
        assert_eq!(told(&mut store, &BINDINGS, gone("a")), [""; 0]);
        assert_eq!((store.unreadable(), store.bytes()), (0, 0));
    }

    #[test]
    fn what_is_gone_is_gone_whatever_its_version_and_twice_is_once() {
        let mut store = Store::default();
        told(&mut store, &BINDINGS, event(&BINDINGS, &binding("a", "9", "x")));
        assert_eq!(told(&mut store, &BINDINGS, gone("a")), ["-a"]);
        assert_eq!(told(&mut store, &BINDINGS, gone("a")), [""; 0]);
        assert_eq!(store.bytes(), 0);
    }

    #[test]
    fn nodes_that_only_say_that_they_live_are_no_news_and_bindings_of_a_new_version_are() {
        let node = |version: &str, uid: &str| {
            format!(
                r#"{{"metadata":{{"name":"n","uid":"{uid}","resourceVersion":"{version}"}},
                "status":{{"conditions":[{{"lastHeartbeatTime":"{version}"}}]}}}}"#
            )
        };
        let (mut store, nodes) = (Store::default(), Watched::Nodes);
        assert_eq!(told(&mut store, &nodes, event(&nodes, &node("1", "u"))), ["+n"]);
        assert_eq!(told(&mut store, &nodes, event(&nodes, &node("2", "u"))), [""; 0]);
        assert_eq!(told(&mut store, &nodes, event(&nodes, &node("3", "v"))), ["+n"]);
        let mut store = Store::default();
        told(&mut store, &BINDINGS, event(&BINDINGS, &binding("a", "1", "x")));
        let next = event(&BINDINGS, &binding("a", "2", "x"));
        assert_eq!(told(&mut store, &BINDINGS, next), ["+a"]);
    }

    #[test]
    fn an_object_knows_where_it_was_read() {
        let (key, entry) = read(&binding("a", "7", "x"), &BINDINGS, 0).unwrap();
        let definition = BINDINGS.definition();
        assert_eq!(
            entry.origin(definition, &key).to_string(),
            "cluster: ClusterRoleBinding a (resourceVersion 7)"
        );
        let decoded = entry.decoded(definition, &definition.api_version(0), &key);
        let Some(Decoded::Rbac(rbac::Object::ClusterRoleBinding(binding))) = decoded else {
            panic!("{decoded:?}");
        };
        assert_eq!(binding.metadata.resource_version, "7");
        assert_eq!(binding.subjects[0].name, "x");
    }

    #[cfg(feature = "authn")]
    #[test]
    fn a_secret_is_kept_without_its_text() {
        let text = r#"{"type":"bootstrap.kubernetes.io/token","metadata":{"name":"s","namespace":"kube-system",
            "uid":"u"},"data":{"token-id":"YWJjZGVm","token-secret":"aHVudGVyMg==","other":"aHVudGVyMg=="}}"#;
        let watched = Watched::BootstrapSecrets;
        let (key, entry) = read(text, &watched, 0).unwrap();
        let definition = watched.definition();
        assert!(entry.json(definition, "v1", &key).is_none());
        let dump = String::from_utf8(entry.dump(definition, "v1", &key).unwrap()).unwrap();
        assert!(dump.contains(r#""name":"s""#) && !dump.contains("aHVudGVyMg"), "{dump}");
        assert!(!format!("{entry:?}").contains("hunter2"));
        let Some(Decoded::Secret(secret)) = entry.decoded(definition, "v1", &key) else {
            panic!("{entry:?}");
        };
        let crate::api::core::SecretContent::BootstrapToken(token) = secret.content else {
            panic!("{entry:?}");
        };
        assert!(token.secret.is(b"hunter2"));
        // Of another namespace it is none of those that were asked for.
        assert!(read(&text.replace("kube-system", "shop"), &watched, 0).is_err());
    }
}
