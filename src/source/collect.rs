//! Where objects end up: the inventory, and the report of what was met on the way.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

#[cfg(feature = "rego")]
use super::WrongType;
#[cfg(feature = "rego")]
use super::facts;
#[cfg(feature = "node")]
use super::graph;
use super::object::Outcome;
use super::text::length;
use super::wire::Metadata;
use super::{LoadError, LoadOptions, Loaded, Notice, Progress, Skipped};
use crate::api::Str;
#[cfg(feature = "authn")]
use crate::api::core::{SecretContent, ServiceAccount};
#[cfg(feature = "node")]
use crate::api::graph::Object as GraphObject;
#[cfg(feature = "rego")]
use crate::api::inventory::ObjectFacts;
use crate::api::inventory::{Inventory, Kinship, Sourced};
use crate::api::meta::ObjectMeta;
use crate::api::rbac::{Kind, Object};
use crate::model::Origin;

/// How many objects are taken between two calls of `progress`.
const PROGRESS_STEP: usize = 4096;

/// Takes outcomes one by one.
pub(super) struct Collector<'a> {
    pub(super) options: &'a LoadOptions,
    progress: &'a mut dyn FnMut(Progress<'_>),
    loaded: Loaded,
    /// Where each RBAC object stands in the list of its kind.
    index: HashTable<Place>,
    hasher: DefaultHashBuilder,
    /// Objects that were replaced, to be dropped at the end.
    replaced: Vec<(Kind, usize)>,
    /// The same for what the Node authorizer reads.
    #[cfg(feature = "node")]
    graph: graph::Index,
    #[cfg(feature = "node")]
    replaced_in_graph: Vec<usize>,
    source: Source,
    done: u64,
    total: u64,
}

/// An RBAC object by its kind and its place in the list of that kind, with the hash of its key so
/// that growing the table touches no object.
struct Place {
    hash: u64,
    at: (Kind, usize),
}

/// What is being read.
struct Source {
    name: Arc<str>,
    /// Length of its text.
    text: u64,
    /// Its size on disk.
    size: u64,
    document: u32,
}

impl<'a> Collector<'a> {
    pub(super) fn new(
        options: &'a LoadOptions,
        progress: &'a mut dyn FnMut(Progress<'_>),
        total: u64,
    ) -> Self {
        Self {
            options,
            progress,
            loaded: Loaded::default(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            replaced: Vec::new(),
            #[cfg(feature = "node")]
            graph: graph::Index::default(),
            #[cfg(feature = "node")]
            replaced_in_graph: Vec::new(),
            source: Source { name: Arc::from(""), text: 0, size: 0, document: 0 },
            done: 0,
            total,
        }
    }

    /// The bytes of text begun so far.
    pub(super) fn bytes(&self) -> u64 {
        self.loaded.report.bytes
    }

    /// Begins a source.
    pub(super) fn begin(&mut self, name: Arc<str>, text: usize, size: u64) {
        self.done += self.source.size;
        self.source = Source { name, text: length(text), size, document: 0 };
        self.loaded.report.files += 1;
        self.loaded.report.bytes += length(text);
        self.report_progress(0);
    }

    /// Begins a document of the source, empty or not: documents are counted as they are seen.
    pub(super) fn begin_document(&mut self) {
        self.source.document += 1;
    }

    /// A document that is not empty was read to its end.
    pub(super) fn end_document(&mut self) {
        self.loaded.report.documents += 1;
    }

    /// A place in the current document.
    pub(super) fn origin(&self, line: u32) -> Origin {
        Origin::new(Arc::clone(&self.source.name), self.source.document, line)
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.loaded.report.notices.push(notice);
    }

    /// Tells how far within the current source reading is.
    pub(super) fn report_progress(&mut self, offset: usize) {
        let Source { name, text, size, .. } = &self.source;
        let within = length(offset).saturating_mul(*size).checked_div(*text).unwrap_or_default();
        let done = self.done.saturating_add(within);
        let objects = self.loaded.report.objects;
        (self.progress)(Progress { source: name, done, total: self.total, objects });
    }

    /// Takes what stands on `line` of the current document, `offset` bytes into the source.
    pub(super) fn add(
        &mut self,
        line: u32,
        offset: usize,
        outcome: Outcome,
    ) -> Result<(), LoadError> {
        let origin = self.origin(line);
        match outcome {
            Outcome::Rbac { object, old, everyone } => self.add_rbac(origin, object, old, everyone),
            Outcome::Namespace(namespace) => {
                if let Some(value) = Kinship::of_labels(&namespace) {
                    self.loaded.inventory.kinships.push(Sourced { value, origin });
                }
                self.loaded.inventory.namespaces.push(namespace);
            }
            Outcome::ServiceAccount(metadata) => self.add_service_account(metadata),
            Outcome::CustomResource(resource) => {
                self.loaded.inventory.custom_resources.push(resource);
            }
            Outcome::Pod(mut pod) => {
                self.default_namespace(&mut pod.namespace);
                self.loaded.inventory.pods.push(pod);
            }
            #[cfg(feature = "node")]
            Outcome::GraphPod(mut identity, mut pod) => {
                self.default_namespace(&mut identity.namespace);
                pod.namespace.clone_from(&identity.namespace);
                self.loaded.inventory.pods.push(identity);
                self.add_to_graph(origin, (*pod).into());
            }
            #[cfg(feature = "node")]
            Outcome::Graph(mut object) => {
                let is_namespaced = object.kind().is_namespaced();
                if let Some(namespace) = object.namespace_mut() {
                    match is_namespaced {
                        true => self.default_namespace(namespace),
                        false => namespace.clear(),
                    }
                }
                self.add_to_graph(origin, object);
            }
            #[cfg(feature = "authn")]
            Outcome::Node(node) => self.loaded.inventory.core.nodes.push(node),
            #[cfg(feature = "authn")]
            Outcome::Secret(mut secret) => {
                self.default_namespace(&mut secret.namespace);
                let other = secret.content == SecretContent::Other;
                self.loaded.inventory.core.secrets.push(secret);
                if other {
                    // Of its name and uid there is an interest; of what it is there is none.
                    *self.loaded.report.other_kinds.entry("Secret".to_owned()).or_default() += 1;
                    return Ok(());
                }
            }
            Outcome::Kinship(mut value, kind) => {
                if let Kinship::Parent { namespace, .. } = &mut value
                    && namespace.is_empty()
                {
                    namespace.clone_from(&self.options.default_namespace);
                }
                self.loaded.inventory.kinships.push(Sourced { value, origin });
                *self.loaded.report.other_kinds.entry(kind).or_default() += 1;
                return Ok(());
            }
            Outcome::Other(kind) => {
                *self.loaded.report.other_kinds.entry(kind).or_default() += 1;
                return Ok(());
            }
            Outcome::Skipped { header, reason } => {
                let (kind, namespace, name) = (header.kind, header.namespace, header.name);
                let skipped = Skipped { origin, kind, namespace, name, reason };
                if self.options.strict {
                    return Err(LoadError::Skipped(Box::new(skipped)));
                }
                self.loaded.report.skipped.push(skipped);
                return Ok(());
            }
            Outcome::Unreadable { kind, reason } => {
                self.notice(Notice::Unreadable { origin, kind, reason });
                return Ok(());
            }
        }
        self.loaded.report.objects += 1;
        if self.loaded.report.objects.is_multiple_of(PROGRESS_STEP) {
            self.report_progress(offset);
        }
        Ok(())
    }

    /// Takes what an object says about itself, unless the object itself was left out.
    #[cfg(feature = "rego")]
    pub(super) fn add_facts(&mut self, line: u32, facts: Result<ObjectFacts, WrongType>) {
        match facts {
            Ok(mut facts) => {
                if facts.namespace.is_empty() && facts::is_namespaced(&facts.group, &facts.kind) {
                    facts.namespace.clone_from(&self.options.default_namespace);
                }
                self.loaded.inventory.metadata.push(facts);
            }
            Err(reason) => {
                let (origin, kind) = (self.origin(line), Str::const_new("object"));
                self.notice(Notice::Unreadable { origin, kind, reason });
            }
        }
    }

    fn add_service_account(&mut self, metadata: Metadata) {
        let Metadata { mut namespace, name, .. } = metadata;
        self.default_namespace(&mut namespace);
        #[cfg(feature = "authn")]
        self.loaded.inventory.core.service_accounts.push(ServiceAccount {
            namespace: namespace.clone(),
            name: name.clone(),
            uid: metadata.uid,
            deletion_timestamp: metadata.deletion_timestamp.map(|time| time.0),
        });
        self.loaded.inventory.service_accounts.push((namespace, name));
    }

    fn add_rbac(
        &mut self,
        origin: Origin,
        mut object: Object,
        old: Option<&'static str>,
        everyone: bool,
    ) {
        let kind = object.kind();
        let namespace = &mut object.metadata_mut().namespace;
        if kind.is_namespaced() {
            self.default_namespace(namespace);
        } else if !namespace.is_empty() {
            let namespace = std::mem::take(namespace);
            let (origin, key) = (origin.clone(), object.key());
            self.notice(Notice::NamespaceIgnored { origin, key, namespace });
        }
        if let Some(version) = old {
            let (origin, key) = (origin.clone(), object.key());
            self.notice(Notice::OldVersion { origin, key, version, everyone });
        }
        self.index(&origin, &object);
        self.loaded.inventory.push(object, origin);
    }

    /// Remembers where the object will stand, and the one it replaces. Objects without a name,
    /// which no API server stores, cannot be told apart and replace nothing.
    fn index(&mut self, origin: &Origin, object: &Object) {
        let ObjectMeta { namespace, name, .. } = object.metadata();
        if name.is_empty() {
            return;
        }
        let kind = object.kind();
        let Self { index, hasher, loaded: Loaded { inventory, .. }, .. } = self;
        let hash = hasher.hash_one((kind, namespace.as_str(), name.as_str()));
        let next = Place { hash, at: (kind, inventory.count(kind)) };
        let same = |place: &Place| {
            place.at.0 == kind && identity(inventory, place.at) == Some((namespace, name))
        };
        let earlier = match index.entry(hash, same, |place| place.hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(next);
                return;
            }
            Entry::Occupied(mut occupied) => std::mem::replace(occupied.get_mut(), next).at,
        };
        if let Some(place) = place(inventory, earlier) {
            let (origin, earlier) = (origin.clone(), place.clone());
            self.notice(Notice::Duplicate { origin, earlier, key: object.key() });
        }
        self.replaced.push(earlier);
    }

    #[cfg(feature = "node")]
    fn add_to_graph(&mut self, origin: Origin, value: GraphObject) {
        let objects = &self.loaded.inventory.graph;
        if let Some(at) = self.graph.put(objects, &value) {
            if let Some(earlier) = objects.get(at).map(|it| it.origin.clone()) {
                let (origin, key) = (origin.clone(), value.key());
                self.notice(Notice::DuplicateInGraph { origin, earlier, key });
            }
            self.replaced_in_graph.push(at);
        }
        self.loaded.inventory.graph.push(Sourced { value, origin });
    }

    fn default_namespace(&mut self, namespace: &mut Str) {
        if namespace.is_empty() {
            namespace.clone_from(&self.options.default_namespace);
            self.loaded.report.defaulted_namespace += 1;
        }
    }

    /// Drops what was replaced and hands everything over.
    pub(super) fn finish(mut self) -> Loaded {
        self.done += self.source.size;
        self.source = Source { name: Arc::from(""), text: 0, size: 0, document: 0 };
        self.report_progress(0);
        let replaced = |kind| {
            let of_kind = self.replaced.iter().filter(move |at| at.0 == kind);
            let mut places: Vec<usize> = of_kind.map(|at| at.1).collect();
            places.sort_unstable();
            places
        };
        let inventory = &mut self.loaded.inventory;
        drop_at(&mut inventory.cluster_roles, &replaced(Kind::ClusterRole));
        drop_at(&mut inventory.cluster_role_bindings, &replaced(Kind::ClusterRoleBinding));
        drop_at(&mut inventory.roles, &replaced(Kind::Role));
        drop_at(&mut inventory.role_bindings, &replaced(Kind::RoleBinding));
        #[cfg(feature = "node")]
        {
            self.replaced_in_graph.sort_unstable();
            drop_at(&mut inventory.graph, &self.replaced_in_graph);
        }
        self.loaded
    }
}

/// Drops the items at these places, which are in ascending order.
fn drop_at<T>(items: &mut Vec<T>, places: &[usize]) {
    let mut places = places.iter().peekable();
    let mut at = 0;
    items.retain(|_| {
        let drop = places.next_if(|place| **place == at).is_some();
        at += 1;
        !drop
    });
}

fn identity(inventory: &Inventory, (kind, at): (Kind, usize)) -> Option<(&Str, &Str)> {
    let metadata = match kind {
        Kind::ClusterRole => inventory.cluster_roles.get(at).map(|it| &it.value.metadata),
        Kind::ClusterRoleBinding => {
            inventory.cluster_role_bindings.get(at).map(|it| &it.value.metadata)
        }
        Kind::Role => inventory.roles.get(at).map(|it| &it.value.metadata),
        Kind::RoleBinding => inventory.role_bindings.get(at).map(|it| &it.value.metadata),
    };
    metadata.map(|metadata| (&metadata.namespace, &metadata.name))
}

fn place(inventory: &Inventory, (kind, at): (Kind, usize)) -> Option<&Origin> {
    fn of<T>(items: &[Sourced<T>], at: usize) -> Option<&Origin> {
        items.get(at).map(|item| &item.origin)
    }
    match kind {
        Kind::ClusterRole => of(&inventory.cluster_roles, at),
        Kind::ClusterRoleBinding => of(&inventory.cluster_role_bindings, at),
        Kind::Role => of(&inventory.roles, at),
        Kind::RoleBinding => of(&inventory.role_bindings, at),
    }
}
