//! From a subject in a scope to the roles it holds there: what the hot path looks at.
//!
//! Memory latency is the enemy: on a large cluster a look at anything that is not in a cache costs
//! as much as the rest of the decision. So the index is dense: a probe reads one place of eight
//! bytes, and only a place that fits leads to a role, and only a role that may allow to the names,
//! which are compared to the byte before anything is allowed.
//!
//! Namespaces are spread over small tables by their hash, so that a change copies a few of them.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::grants::Table;
use crate::model::names::SERVICE_ACCOUNT_PREFIX;
use crate::util::num;

/// A role, by its place in the table of roles.
pub(super) type RoleId = u32;

/// A subject as a request has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker<'a> {
    User(&'a str),
    /// A user name without the prefix of service accounts: `namespace:name`.
    ServiceAccount(&'a str),
    Group(&'a str),
}

impl<'a> Asker<'a> {
    /// A user name; service accounts are users with a longer name (S-RBAC-16).
    #[inline]
    pub(super) fn of_user(name: &'a str) -> Self {
        match name.strip_prefix(SERVICE_ACCOUNT_PREFIX) {
            Some(account) => Self::ServiceAccount(account),
            None => Self::User(name),
        }
    }

    pub(super) fn parts(self) -> (u8, &'a str) {
        match self {
            Self::User(name) => (b'U', name),
            Self::ServiceAccount(name) => (b'S', name),
            Self::Group(name) => (b'G', name),
        }
    }
}

/// Seeded per process: policy authors cannot aim for collisions.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher(DefaultHashBuilder);

impl Hasher {
    /// The hash of a subject, in whatever scope.
    #[inline]
    pub(super) fn asker(&self, asker: Asker<'_>) -> u64 {
        let (_, name) = asker.parts();
        let hash = self.0.hash_one(name.as_bytes());
        match asker {
            Asker::User(_) => hash,
            Asker::ServiceAccount(_) => hash.rotate_left(23),
            // A user and a group of one name are two subjects.
            Asker::Group(_) => !hash,
        }
    }

    /// The hash of a namespace; of the cluster, if the name is empty.
    #[inline]
    pub(super) fn namespace(&self, namespace: &str) -> u64 {
        if namespace.is_empty() { 0 } else { self.0.hash_one(namespace.as_bytes()) }
    }

    /// The hash of anything else.
    pub(super) fn of(&self, value: impl std::hash::Hash) -> u64 {
        self.0.hash_one(value)
    }
}

/// The hash of a subject in a scope.
#[inline]
pub(super) fn mix(asker: u64, namespace: u64) -> u64 {
    let mixed = (asker ^ namespace.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

/// Tables in one copy-on-write unit.
const CHUNK: usize = 32;

/// The grants of every namespace.
#[derive(Debug, Clone)]
pub(super) struct Index {
    // INVARIANT: chunks of CHUNK tables; their number is a power of two.
    chunks: Vec<Arc<Vec<Table>>>,
}

impl Index {
    /// An index with about two tables for each of so many namespaces.
    pub(super) fn new(namespaces: usize) -> Self {
        let chunks = (namespaces * 2).div_ceil(CHUNK).next_power_of_two();
        let chunk = || Arc::new(vec![Table::default(); CHUNK]);
        Self { chunks: std::iter::repeat_with(chunk).take(chunks).collect() }
    }

    fn place(&self, namespace: u64) -> (usize, usize) {
        // Bits that neither the tags nor the places within a table use for the same namespace.
        let table = num::low_index(namespace >> 20);
        ((table / CHUNK) & (self.chunks.len().wrapping_sub(1)), table % CHUNK)
    }

    /// The table of a namespace, by its hash; others may share it.
    #[inline]
    pub(super) fn table(&self, namespace: u64) -> Option<&Table> {
        let (chunk, table) = self.place(namespace);
        self.chunks.get(chunk)?.get(table)
    }

    fn table_mut(&mut self, namespace: u64) -> Option<&mut Table> {
        let (chunk, table) = self.place(namespace);
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(table)
    }

    /// Whether so many namespaces have outgrown it.
    pub(super) fn is_crowded(&self, namespaces: usize) -> bool {
        namespaces > self.chunks.len() * CHUNK * 2
    }

    /// As small as it can be, its arrays side by side.
    pub(super) fn shrink(&mut self, hasher: &Hasher) {
        for chunk in &mut self.chunks {
            Arc::make_mut(chunk).iter_mut().for_each(|table| table.shrink(hasher));
            // A copy made in one go lies in one stretch of memory: fewer pages to walk.
            *chunk = Arc::new(chunk.iter().cloned().collect());
        }
    }

    /// Bytes held, and how many of them are the text of names.
    pub(super) fn memory(&self) -> (usize, usize) {
        let tables = self.chunks.iter().flat_map(|chunk| chunk.iter());
        tables.fold((self.chunks.len() * 48, 0), |(rows, text), table| {
            let (more_rows, more_text) = table.memory();
            (rows + more_rows, text + more_text)
        })
    }
}

/// Where grants are written: the one table of the cluster, or the tables of the namespaces.
#[derive(Debug)]
pub(super) enum Grants<'a> {
    Cluster(&'a mut Table),
    Namespaces(&'a mut Index),
}

impl Grants<'_> {
    fn table(&mut self, hasher: &Hasher, namespace: &str) -> Option<&mut Table> {
        match self {
            Self::Cluster(table) => Some(table),
            Self::Namespaces(index) => index.table_mut(hasher.namespace(namespace)),
        }
    }

    /// Adds a grant; `None` when there is no room.
    pub(super) fn insert(
        &mut self,
        hasher: &Hasher,
        asker: Asker<'_>,
        namespace: &str,
        role: RoleId,
        subject: u32,
    ) -> Option<()> {
        self.table(hasher, namespace)?.insert(hasher, asker, namespace, role, subject)
    }

    /// Removes a grant.
    pub(super) fn remove(
        &mut self,
        hasher: &Hasher,
        asker: Asker<'_>,
        namespace: &str,
        subject: u32,
    ) {
        if let Some(table) = self.table(hasher, namespace) {
            table.remove(hasher, asker, namespace, subject);
        }
    }

    /// Removes every grant of a namespace; of the cluster, if the name is empty.
    pub(super) fn clear(&mut self, hasher: &Hasher, namespace: &str) {
        if let Some(table) = self.table(hasher, namespace) {
            table.clear(namespace);
        }
    }

    /// As small as it can be.
    pub(super) fn shrink(&mut self, hasher: &Hasher) {
        match self {
            Self::Cluster(table) => table.shrink(hasher),
            Self::Namespaces(index) => index.shrink(hasher),
        }
    }
}
