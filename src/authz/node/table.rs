//! The objects that lead to one node, in one piece of memory.
//!
//! A cluster has thousands of these tables and asks another one each time, so what a look-up costs is
//! waiting for memory. Cells, the name of the node and the records of the objects therefore lie in one
//! slab, and the places of the cell and of the name are known before anything of it is read: whoever
//! holds the slab waits for both at once, and then for the record of an object that is there.
//!
//! ```text
//!  cells: (tag, start of a record)   counters   the node's name   records   room for more
//! ```
//!
//! What must be known before that, where the slab is and how many cells it has, is kept small by whoever
//! holds it: thousands of those lie side by side.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::{Vertex, VertexKind};
use crate::util::num;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Table {
    slab: Arc<[u8]>,
    // INVARIANT: there are so many, a quarter of them or more empty.
    cells: u32,
    // A part of the hash of the node's name.
    node: u32,
}

/// A number that is kept behind the cells.
#[derive(Debug, Clone, Copy)]
enum Counter {
    /// Cells that are not empty; those of removed records stay until the next rebuilding.
    Taken,
    /// Where the room begins.
    Used,
    /// Bytes of records that were not removed.
    Live,
    /// Bytes of the name of the node, which comes next.
    Name,
}

impl Counter {
    /// Bytes of all of them.
    const ALL: usize = 16;

    const fn offset(self) -> usize {
        match self {
            Self::Taken => 0,
            Self::Used => 4,
            Self::Live => 8,
            Self::Name => 12,
        }
    }
}

/// An object of the table, as its bytes say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'t> {
    id: u32,
    kind: u8,
    namespace: &'t [u8],
    name: &'t [u8],
}

/// What a vertex is looked up by: a part of its hash. Different vertices may have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline]
    pub(super) fn of(hasher: &DefaultHashBuilder, vertex: Vertex<'_>) -> Self {
        let Vertex { kind, namespace, name } = vertex;
        Self(num::low32(hasher.hash_one((kind.code(), namespace.as_bytes(), name.as_bytes()))))
    }
}

/// Starts that no record has, since cells are there.
const EMPTY: u32 = 0;
const REMOVED: u32 = 1;

const CELL: usize = 8;
/// Bytes of a record before its namespace and name.
const HEAD: usize = 13;
/// Cells of the smallest table.
const FEWEST: usize = 8;

impl<'t> Record<'t> {
    #[inline]
    fn read(slab: &'t [u8], start: u32) -> Option<Self> {
        let (head, text) = slab.get(num::index(start)..)?.split_first_chunk::<HEAD>()?;
        let &[a, b, c, d, e, f, g, h, i, j, k, l, kind] = head;
        let namespace = num::index(u32::from_le_bytes([e, f, g, h]));
        let (namespace, text) = text.split_at_checked(namespace)?;
        let name = text.get(..num::index(u32::from_le_bytes([i, j, k, l])))?;
        Some(Self { id: u32::from_le_bytes([a, b, c, d]), kind, namespace, name })
    }

    fn write(&self, slab: &mut [u8], start: u32) -> Option<()> {
        let mut rest = slab.get_mut(num::index(start)..)?;
        let namespace = num::id(self.namespace.len())?.to_le_bytes();
        let name = num::id(self.name.len())?.to_le_bytes();
        let id = self.id.to_le_bytes();
        for part in [&id[..], &namespace, &name, &[self.kind], self.namespace, self.name] {
            let (here, further) = rest.split_at_mut_checked(part.len())?;
            here.copy_from_slice(part);
            rest = further;
        }
        Some(())
    }

    const fn len(&self) -> usize {
        HEAD + self.namespace.len() + self.name.len()
    }

    #[inline]
    fn is(&self, vertex: Vertex<'_>) -> bool {
        self.kind == vertex.kind.code()
            && self.name == vertex.name.as_bytes()
            && self.namespace == vertex.namespace.as_bytes()
    }

    /// The number that the object was entered with.
    #[inline]
    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// The object.
    pub(super) fn vertex(&self) -> Option<Vertex<'t>> {
        Some(Vertex {
            kind: VertexKind::of_code(self.kind)?,
            namespace: str::from_utf8(self.namespace).ok()?,
            name: str::from_utf8(self.name).ok()?,
        })
    }
}

impl Table {
    /// An empty table of a node, whose name has a hash of which `tag` is a part. `None` when the name is
    /// too long to be addressed.
    pub(super) fn new(node: &str, tag: u32) -> Option<Self> {
        Self::with_room(node.as_bytes(), tag, FEWEST, 0)
    }

    fn with_room(node: &[u8], tag: u32, cells: usize, room: usize) -> Option<Self> {
        let name = cells * CELL + Counter::ALL;
        let used = name + node.len();
        // Every place must be addressable.
        num::id(used.checked_add(room)?)?;
        let mut slab = vec![0; used + room];
        slab.get_mut(name..used)?.copy_from_slice(node);
        let mut table = Self { slab: slab.into(), cells: num::id(cells)?, node: tag };
        table.set(Counter::Name, num::id(node.len())?)?;
        table.set(Counter::Used, num::id(used)?)?;
        Some(table)
    }

    /// Where the cells end.
    #[inline]
    const fn end(&self) -> usize {
        num::index(self.cells) * CELL
    }

    #[inline]
    fn get(&self, counter: Counter) -> u32 {
        let at = self.end() + counter.offset();
        let bytes = self.slab.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn set(&mut self, counter: Counter, to: u32) -> Option<()> {
        let at = self.end() + counter.offset();
        let bytes = Arc::make_mut(&mut self.slab).get_mut(at..)?.first_chunk_mut()?;
        *bytes = to.to_le_bytes();
        Some(())
    }

    #[inline]
    fn node(&self) -> Option<&[u8]> {
        let rest = self.slab.get(self.end() + Counter::ALL..)?;
        rest.get(..num::index(self.get(Counter::Name)))
    }

    /// The part of the hash of the node's name that it was made with.
    #[inline]
    pub(super) const fn tag(&self) -> u32 {
        self.node
    }

    /// Whether it is the table of this node.
    #[inline]
    pub(super) fn is_of(&self, node: &str) -> bool {
        self.node() == Some(node.as_bytes())
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.get(Counter::Live) == 0
    }

    #[inline]
    fn cell(&self, at: u32) -> Option<(u32, u32)> {
        let cell = self.slab.get(num::index(at) * CELL..)?.first_chunk::<CELL>()?;
        let &[a, b, c, d, e, f, g, h] = cell;
        Some((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
    }

    fn set_cell(&mut self, at: u32, tag: u32, start: u32) -> Option<()> {
        let slab = Arc::make_mut(&mut self.slab);
        let cell = slab.get_mut(num::index(at) * CELL..)?.first_chunk_mut::<CELL>()?;
        let ([a, b, c, d], [e, f, g, h]) = (tag.to_le_bytes(), start.to_le_bytes());
        *cell = [a, b, c, d, e, f, g, h];
        Some(())
    }

    /// The cells in which a record with this tag may stand, in order, up to the first empty one and with it.
    #[inline]
    fn probe(&self, tag: Tag) -> impl Iterator<Item = (u32, u32, u32)> {
        // A cell for each part of the numbers that a tag can be.
        let first = num::low32((u64::from(tag.0) * u64::from(self.cells)) >> 32);
        let mut is_over = false;
        (first..self.cells).chain(0..first).map_while(move |at| {
            let (found, start) = self.cell(at).filter(|_| !is_over)?;
            is_over = start == EMPTY;
            Some((at, found, start))
        })
    }

    /// The record of a vertex.
    #[inline]
    pub(super) fn find(&self, tag: Tag, vertex: Vertex<'_>) -> Option<Record<'_>> {
        self.probe(tag).find_map(|(_, found, start)| {
            if found != tag.0 || start <= REMOVED {
                return None;
            }
            Record::read(&self.slab, start).filter(|record| record.is(vertex))
        })
    }

    /// The record at a start that [`Self::insert`] gave.
    pub(super) fn record(&self, start: u32) -> Option<Record<'_>> {
        Record::read(&self.slab, start)
    }

    /// Enters a vertex that is not there, under a number; gives the start of its record. Others may have to
    /// move: `moved` is told the number and the new start of each. `None` when there is no room.
    pub(super) fn insert(
        &mut self,
        tag: Tag,
        id: u32,
        vertex: Vertex<'_>,
        moved: impl FnMut(u32, u32),
    ) -> Option<u32> {
        let Vertex { kind, namespace, name } = vertex;
        let (namespace, name) = (namespace.as_bytes(), name.as_bytes());
        let record = Record { id, kind: kind.code(), namespace, name };
        let room = self.slab.len().saturating_sub(num::index(self.get(Counter::Used)));
        if room < record.len() || self.get(Counter::Taken) >= self.cells - self.cells / 4 {
            self.rebuild(record.len(), moved)?;
        }
        self.append(tag, record)
    }

    fn append(&mut self, tag: Tag, record: Record<'_>) -> Option<u32> {
        let (start, len) = (self.get(Counter::Used), num::id(record.len())?);
        record.write(Arc::make_mut(&mut self.slab), start)?;
        let (at, ..) = self.probe(tag).last()?;
        self.set_cell(at, tag.0, start)?;
        self.set(Counter::Taken, self.get(Counter::Taken).checked_add(1)?)?;
        self.set(Counter::Used, start.checked_add(len)?)?;
        self.set(Counter::Live, self.get(Counter::Live).checked_add(len)?)?;
        Some(start)
    }

    /// Removes the record at a start.
    pub(super) fn remove(&mut self, tag: Tag, start: u32) {
        let Some(len) = self.record(start).and_then(|record| num::id(record.len())) else { return };
        let found = self.probe(tag).find(|(_, found, at)| (*found, *at) == (tag.0, start));
        if let Some((at, ..)) = found {
            // Cannot fail: the cell has just been read, and counters are always there.
            let _ = self.set_cell(at, 0, REMOVED);
            let _ = self.set(Counter::Live, self.get(Counter::Live).saturating_sub(len));
        }
    }

    /// Whether most of it is room.
    pub(super) fn is_sparse(&self) -> bool {
        let live = num::index(self.get(Counter::Live));
        self.slab.len() > 1024 && live < self.slab.len() / 4
    }

    /// Lays everything out anew with room for an eighth more, and for another record of `more` bytes.
    pub(super) fn rebuild(&mut self, more: usize, mut moved: impl FnMut(u32, u32)) -> Option<()> {
        let records = (0..self.cells).filter_map(|at| {
            let (tag, start) = self.cell(at).filter(|(_, start)| *start > REMOVED)?;
            Some((Tag(tag), self.record(start)?))
        });
        let count = records.clone().count();
        let live = num::index(self.get(Counter::Live));
        // An eighth more fill three quarters of the cells.
        let cells = FEWEST + count + count / 2;
        let mut new = Self::with_room(self.node()?, self.node, cells, live + live / 8 + more)?;
        for (tag, record) in records {
            moved(record.id, new.append(tag, record)?);
        }
        *self = new;
        Some(())
    }

    /// Bytes held, but for the table itself.
    pub(super) fn memory(&self) -> usize {
        // Two counters stand before what an `Arc` holds.
        2 * size_of::<usize>() + self.slab.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> Vertex<'_> {
        Vertex { kind: VertexKind::Secret, namespace: "ns", name }
    }

    #[test]
    fn different_vertices_of_one_tag_are_told_apart_through_every_change() {
        let tag = Tag(7);
        let mut table = Table::new("n1", 0).unwrap();
        let names: Vec<String> = (0..100).map(|index| format!("name-{index}")).collect();
        let mut starts = [0; 100];
        for (id, name) in (0..).zip(&names) {
            let start = table.insert(tag, id, secret(name), |id, start| {
                starts[num::index(id)] = start;
            });
            starts[num::index(id)] = start.unwrap();
        }
        for &start in starts.iter().skip(1).step_by(2) {
            table.remove(tag, start);
        }
        assert!(table.is_of("n1") && !table.is_of("n") && !table.is_of("n11"));
        let check = |table: &Table| {
            for (id, name) in (0..).zip(&names) {
                let found = table.find(tag, secret(name)).map(|record| record.id());
                assert_eq!(found, (id % 2 == 0).then_some(id));
                let config_map = Vertex { kind: VertexKind::ConfigMap, ..secret(name) };
                assert!(table.find(tag, config_map).is_none());
                assert!(table.find(Tag(8), secret(name)).is_none());
            }
        };
        check(&table);
        table.rebuild(0, |_, _| ()).unwrap();
        check(&table);
    }

    #[test]
    fn a_copy_is_not_changed_with_its_original() {
        let mut table = Table::new("n1", 0).unwrap();
        let start = table.insert(Tag(1), 0, secret("a"), |_, _| ()).unwrap();
        let before = table.clone();
        table.remove(Tag(1), start);
        table.insert(Tag(1), 0, secret("b"), |_, _| ()).unwrap();
        assert!(before.find(Tag(1), secret("a")).is_some());
        assert!(before.find(Tag(1), secret("b")).is_none());
        assert!(table.find(Tag(1), secret("a")).is_none());
        assert!(table.find(Tag(1), secret("b")).is_some());
    }

    #[test]
    fn where_a_name_ends_and_the_next_begins_counts() {
        let mut table = Table::new("n1", 0).unwrap();
        let ab_c = Vertex { kind: VertexKind::Pod, namespace: "ab", name: "c" };
        let a_bc = Vertex { namespace: "a", name: "bc", ..ab_c };
        table.insert(Tag(1), 0, ab_c, |_, _| ()).unwrap();
        assert!(table.find(Tag(1), ab_c).is_some());
        assert!(table.find(Tag(1), a_bc).is_none());
    }
}
