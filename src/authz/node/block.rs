//! The part of the graph that leads to one node.
//!
//! A node may read what leads to it. So each node has a table of exactly the objects that do, with the
//! edges among them beside it; whether an object leads to a node is one look-up, however many pods share
//! it and however many other nodes read it too. A change copies what belongs to the nodes that it
//! concerns, a few thousand bytes each, and readers of the old version are left alone.

use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::Vertex;
use super::table::{Table, Tag};
use crate::util::num;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Block {
    table: Table,
    // What deciding does not look at.
    links: Arc<Links>,
}

#[derive(Debug, Clone)]
struct Links {
    node: Arc<str>,
    // By id.
    slots: Vec<Slot>,
    free: Vec<u32>,
    // INVARIANT: no edge twice; both ends are vertices of this block.
    edges: Vec<Edge>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    // The cell of the table.
    cell: u32,
    // INVARIANT: how many edges begin here, the one to the node included; 0 for a slot that is free.
    uses: u32,
}

/// An edge between two vertices, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    from: u32,
    to: u32,
}

/// Grows by an eighth: there are thousands of these lists, half of which would otherwise be air.
fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(4 + list.len() / 8);
    }
}

impl Links {
    fn move_to(slots: &mut [Slot], id: u32, cell: u32) {
        if let Some(slot) = slots.get_mut(num::index(id)) {
            slot.cell = cell;
        }
    }
}

impl Block {
    /// A block to which nothing leads yet, under a tag. `None` when the name of the node is too long to be
    /// addressed.
    pub(super) fn new(node: &str, tag: u32) -> Option<Self> {
        let links =
            Links { node: Arc::from(node), slots: Vec::new(), free: Vec::new(), edges: Vec::new() };
        Some(Self { table: Table::new(node, tag)?, links: Arc::new(links) })
    }

    /// Whether it is that of this node, which was made with this tag.
    #[inline]
    pub(super) fn is_of(&self, node: &str, tag: u32) -> bool {
        self.table.tag() == tag && self.table.is_of(node)
    }

    /// The tag that it was made with.
    pub(super) const fn tag(&self) -> u32 {
        self.table.tag()
    }

    /// The name of the node: the same allocation as long as anything leads there.
    pub(super) fn node(&self) -> &Arc<str> {
        &self.links.node
    }

    /// Whether nothing leads to the node any more.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether a vertex leads to the node.
    #[inline]
    pub(super) fn contains(&self, tag: Tag, vertex: Vertex<'_>) -> bool {
        self.table.find(tag, vertex).is_some()
    }

    /// The id of a vertex that leads to the node.
    pub(super) fn find(&self, tag: Tag, vertex: Vertex<'_>) -> Option<u32> {
        self.table.find(tag, vertex).map(|record| record.id())
    }

    /// The vertex with an id.
    pub(super) fn vertex(&self, id: u32) -> Option<Vertex<'_>> {
        let slot = self.links.slots.get(num::index(id))?;
        self.table.record(slot.cell)?.vertex()
    }

    /// What a vertex leads to directly, the node left out.
    pub(super) fn successors(&self, id: u32) -> impl Iterator<Item = u32> {
        self.links.edges.iter().filter(move |edge| edge.from == id).map(|edge| edge.to)
    }

    /// A vertex, entered if it is new, with its id. One that is new must get an edge at once.
    /// `None` when there is no room for it.
    pub(super) fn enter(
        &mut self,
        hasher: &DefaultHashBuilder,
        vertex: Vertex<'_>,
    ) -> Option<(u32, Known)> {
        let tag = Tag::of(hasher, vertex);
        if let Some(id) = self.find(tag, vertex) {
            return Some((id, Known::Before));
        }
        let Links { slots, free, .. } = Arc::make_mut(&mut self.links);
        let id = match free.last() {
            Some(&id) => id,
            None => num::id(slots.len())?,
        };
        let moved = |id, cell| Links::move_to(slots, id, cell);
        let cell = self.table.insert(tag, id, vertex, moved)?;
        let slot = Slot { cell, uses: 0 };
        if free.pop().is_some() {
            *slots.get_mut(num::index(id))? = slot;
        } else {
            make_room(slots);
            slots.push(slot);
        }
        Some((id, Known::FromNowOn))
    }

    /// Adds the edge from a vertex to the node itself.
    pub(super) fn tie(&mut self, id: u32) {
        let links = Arc::make_mut(&mut self.links);
        if let Some(slot) = links.slots.get_mut(num::index(id)) {
            slot.uses = slot.uses.saturating_add(1);
        }
    }

    /// Adds an edge. It must not be there yet.
    pub(super) fn link(&mut self, from: u32, to: u32) {
        let links = Arc::make_mut(&mut self.links);
        make_room(&mut links.edges);
        links.edges.push(Edge { from, to });
        self.tie(from);
    }

    /// Removes a vertex with all its edges, and all that leads to the node through it alone
    /// (S-NODE-16). Each vertex that goes is told.
    pub(super) fn remove(&mut self, id: u32, mut gone: impl FnMut(Vertex<'_>)) {
        let Links { slots, free, edges, .. } = Arc::make_mut(&mut self.links);
        edges.retain(|edge| edge.from != id);
        let mut going = vec![id];
        while let Some(id) = going.pop() {
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
            let Some(slot) = slots.get_mut(num::index(id)) else { continue };
            let Some(vertex) = self.table.record(slot.cell).and_then(|it| it.vertex()) else {
                continue;
            };
            gone(vertex);
            self.table.remove(slot.cell);
            slot.uses = 0;
            free.push(id);
        }
        if self.table.is_sparse() {
            // Cannot fail: it needs no more than there was.
            let _ = self.table.rebuild(0, |id, cell| Links::move_to(slots, id, cell));
        }
    }

    /// Bytes held, but for the block itself.
    pub(super) fn memory(&self) -> usize {
        let Links { node, slots, free, edges } = &*self.links;
        // Two counters stand before what an `Arc` holds.
        let arcs = size_of::<Links>() + 4 * size_of::<usize>() + node.len();
        let lists = slots.capacity() * size_of::<Slot>()
            + free.capacity() * size_of::<u32>()
            + edges.capacity() * size_of::<Edge>();
        arcs + lists + self.table.memory()
    }
}

/// Whether a vertex had been there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Before,
    FromNowOn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_first_fits_half_a_cache_line() {
        assert!(size_of::<Block>() <= 32);
    }
}
