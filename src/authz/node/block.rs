//! The part of the graph that leads to one node.
//!
//! A node may read what leads to it. So each node has a table of exactly the objects that do, with the
//! edges among them; whether an object leads to a node is one look-up, however many pods share it and
//! however many other nodes read it too. A change copies the tables of the nodes that it concerns, a
//! few thousand bytes each, and readers of the old ones are left alone.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Vertex, VertexKind};
use crate::util::num;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Block {
    node: Arc<str>,
    // One record a vertex, see `write`: reading one is a single cache miss.
    records: Vec<u8>,
    // Where records start, by the hash of their vertex.
    index: HashTable<u32>,
    // By id.
    slots: Vec<Slot>,
    free: Vec<u32>,
    // INVARIANT: no edge twice; both ends are vertices of this block.
    edges: Vec<Edge>,
    // Bytes of records that nothing refers to any more.
    garbage: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    start: u32,
    // INVARIANT: how many edges begin here, the one to the node included; 0 for a slot that is free.
    uses: u32,
}

/// An edge between two vertices, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    from: u32,
    to: u32,
}

/// What the bytes of a record say.
struct Record<'b> {
    id: u32,
    kind: u8,
    namespace: &'b [u8],
    name: &'b [u8],
}

/// Bytes of a record before its namespace and name.
const HEAD: usize = 13;

impl<'b> Record<'b> {
    #[inline]
    fn read(records: &'b [u8], start: u32) -> Option<Self> {
        let (head, text) = records.get(num::index(start)..)?.split_at_checked(HEAD)?;
        let &[a, b, c, d, e, f, g, h, i, j, k, l, kind] = head else { return None };
        let (namespace, text) =
            text.split_at_checked(num::index(u32::from_le_bytes([e, f, g, h])))?;
        let name = text.get(..num::index(u32::from_le_bytes([i, j, k, l])))?;
        Some(Self { id: u32::from_le_bytes([a, b, c, d]), kind, namespace, name })
    }

    fn write(&self, records: &mut Vec<u8>) -> Option<u32> {
        let start = num::id(records.len())?;
        let len = HEAD + self.namespace.len() + self.name.len();
        // The end must be addressable, too.
        num::id(records.len().checked_add(len)?)?;
        make_room(records, len);
        records.extend(self.id.to_le_bytes());
        records.extend(num::id(self.namespace.len())?.to_le_bytes());
        records.extend(num::id(self.name.len())?.to_le_bytes());
        records.push(self.kind);
        records.extend(self.namespace);
        records.extend(self.name);
        Some(start)
    }

    #[inline]
    fn is(&self, vertex: Vertex<'_>) -> bool {
        self.kind == vertex.kind.code()
            && self.name == vertex.name.as_bytes()
            && self.namespace == vertex.namespace.as_bytes()
    }

    #[inline]
    fn hash(&self, hasher: &DefaultHashBuilder) -> u64 {
        hasher.hash_one((self.kind, self.namespace, self.name))
    }

    const fn len(&self) -> usize {
        HEAD + self.namespace.len() + self.name.len()
    }

    fn vertex(&self) -> Option<Vertex<'b>> {
        Some(Vertex {
            kind: VertexKind::of_code(self.kind)?,
            namespace: str::from_utf8(self.namespace).ok()?,
            name: str::from_utf8(self.name).ok()?,
        })
    }
}

/// The hash by which a vertex is looked up.
#[inline]
pub(super) fn hash(hasher: &DefaultHashBuilder, vertex: Vertex<'_>) -> u64 {
    hasher.hash_one((vertex.kind.code(), vertex.namespace.as_bytes(), vertex.name.as_bytes()))
}

/// Grows by an eighth: there are thousands of these tables, half of which would otherwise be air.
fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more + list.len() / 8);
    }
}

impl Block {
    pub(super) fn new(node: &str) -> Self {
        Self {
            node: Arc::from(node),
            records: Vec::new(),
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            edges: Vec::new(),
            garbage: 0,
        }
    }

    /// The name of the node.
    #[inline]
    pub(super) const fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Whether nothing leads to the node any more.
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The id of a vertex that leads to the node.
    #[inline]
    pub(super) fn find(&self, hash: u64, vertex: Vertex<'_>) -> Option<u32> {
        let is = |start: &u32| Record::read(&self.records, *start).is_some_and(|it| it.is(vertex));
        let start = *self.index.find(hash, is)?;
        Record::read(&self.records, start).map(|record| record.id)
    }

    /// Whether a vertex leads to the node.
    #[inline]
    pub(super) fn contains(&self, hash: u64, vertex: Vertex<'_>) -> bool {
        let is = |start: &u32| Record::read(&self.records, *start).is_some_and(|it| it.is(vertex));
        self.index.find(hash, is).is_some()
    }

    /// The vertex with an id.
    pub(super) fn vertex(&self, id: u32) -> Option<Vertex<'_>> {
        self.record(id)?.vertex()
    }

    fn record(&self, id: u32) -> Option<Record<'_>> {
        Record::read(&self.records, self.slots.get(num::index(id))?.start)
    }

    /// What a vertex leads to directly, the node left out.
    pub(super) fn successors(&self, id: u32) -> impl Iterator<Item = u32> {
        self.edges.iter().filter(move |edge| edge.from == id).map(|edge| edge.to)
    }

    /// A vertex, entered if it is new, with its id. One that is new must get an edge at once.
    /// `None` when there is no room for it.
    pub(super) fn enter(
        &mut self,
        hasher: &DefaultHashBuilder,
        vertex: Vertex<'_>,
    ) -> Option<(u32, Known)> {
        let hash = hash(hasher, vertex);
        if let Some(id) = self.find(hash, vertex) {
            return Some((id, Known::Before));
        }
        let id = match self.free.last() {
            Some(&id) => id,
            None => num::id(self.slots.len())?,
        };
        let record = Record {
            id,
            kind: vertex.kind.code(),
            namespace: vertex.namespace.as_bytes(),
            name: vertex.name.as_bytes(),
        };
        let start = record.write(&mut self.records)?;
        let slot = Slot { start, uses: 0 };
        if self.free.pop().is_some() {
            *self.slots.get_mut(num::index(id))? = slot;
        } else {
            make_room(&mut self.slots, 1);
            self.slots.push(slot);
        }
        let Self { records, index, .. } = self;
        index.insert_unique(hash, start, |&start| {
            Record::read(records, start).map_or(0, |record| record.hash(hasher))
        });
        Some((id, Known::FromNowOn))
    }

    /// Adds the edge from a vertex to the node itself.
    pub(super) fn tie(&mut self, id: u32) {
        if let Some(slot) = self.slots.get_mut(num::index(id)) {
            slot.uses = slot.uses.saturating_add(1);
        }
    }

    /// Adds an edge. It must not be there yet.
    pub(super) fn link(&mut self, from: u32, to: u32) {
        make_room(&mut self.edges, 1);
        self.edges.push(Edge { from, to });
        self.tie(from);
    }

    /// Removes a vertex with all its edges, and all that leads to the node through it alone
    /// (S-NODE-16). Each vertex that goes is told.
    pub(super) fn remove(
        &mut self,
        hasher: &DefaultHashBuilder,
        id: u32,
        mut gone: impl FnMut(Vertex<'_>),
    ) {
        self.edges.retain(|edge| edge.from != id);
        let mut going = vec![id];
        while let Some(id) = going.pop() {
            let Self { slots, edges, .. } = self;
            edges.retain(|edge| {
                if edge.to == id
                    && let Some(source) = slots.get_mut(num::index(edge.from))
                {
                    source.uses = source.uses.saturating_sub(1);
                    if source.uses == 0 {
                        going.push(edge.from);
                    }
                }
                edge.to != id
            });
            self.forget(hasher, id, &mut gone);
        }
        if self.garbage > 512 + self.records.len() / 2 {
            self.pack(hasher);
        }
    }

    fn forget(&mut self, hasher: &DefaultHashBuilder, id: u32, gone: &mut impl FnMut(Vertex<'_>)) {
        let Self { records, index, slots, free, garbage, .. } = self;
        let Some(slot) = slots.get_mut(num::index(id)) else { return };
        let Some(record) = Record::read(records, slot.start) else { return };
        if let Ok(found) = index.find_entry(record.hash(hasher), |&start| start == slot.start) {
            found.remove();
        }
        slot.uses = 0;
        free.push(id);
        *garbage += record.len();
        if let Some(vertex) = record.vertex() {
            gone(vertex);
        }
    }

    /// Leaves out the records that nothing refers to any more. Ids stay.
    fn pack(&mut self, hasher: &DefaultHashBuilder) {
        let mut records = Vec::with_capacity(self.records.len().saturating_sub(self.garbage));
        let mut index = HashTable::with_capacity(self.index.len());
        for slot in self.slots.iter_mut().filter(|slot| slot.uses > 0) {
            // Cannot fail: what is written is no more than what was there.
            if let Some(record) = Record::read(&self.records, slot.start)
                && let Some(start) = record.write(&mut records)
            {
                slot.start = start;
                index.insert_unique(record.hash(hasher), start, |&start| {
                    Record::read(&records, start).map_or(0, |record| record.hash(hasher))
                });
            }
        }
        self.records = records;
        self.index = index;
        self.garbage = 0;
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        // Two counters stand before what an `Arc` holds.
        size_of::<Self>()
            + 4 * size_of::<usize>()
            + self.node.len()
            + self.records.capacity()
            + self.index.allocation_size()
            + self.slots.capacity() * size_of::<Slot>()
            + self.free.capacity() * size_of::<u32>()
            + self.edges.capacity() * size_of::<Edge>()
    }
}

/// Whether a vertex had been there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Before,
    FromNowOn,
}
