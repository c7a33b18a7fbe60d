//! The objects that lead to one node, in one piece of memory.
//!
//! A cluster has thousands of these tables and asks another one each time, so what a look-up costs is
//! waiting for memory. The cell in which an object must stand, and the name of the node, are at places that
//! are known before anything of the table is read, and a cell holds the names of its object: whoever holds
//! the table waits once.
//!
//! ```text
//!  cells: (tag, id, kind, namespace and name)   counters   the node's name   long names   room for more
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
    /// Cells that are not empty; those of removed objects stay until the next rebuilding.
    Taken,
    /// Where the room for long names begins.
    Used,
    /// Cells of objects.
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

/// Bytes of a cell, and how many of them stand before the names.
const CELL: usize = 48;
const HEAD: usize = 12;
/// Bytes of the longest names that a cell holds. Nearly all do: a namespace of a dozen letters with the
/// name of a pod, a UUID with what it is of.
const SHORT: usize = CELL - HEAD;
/// Cells of the smallest table.
const FEWEST: usize = 8;

/// What a cell says of itself, in the byte behind tag and id; see [`Record::read`].
const EMPTY: u8 = 0;
const REMOVED: u8 = 1;
/// An object of the kind with code 0; the others follow.
const OBJECT: u8 = 2;
/// Added for an object whose names stand elsewhere.
const LONG: u8 = 128;

type Cell = [u8; CELL];

impl<'t> Record<'t> {
    /// The object of a cell, if it holds one.
    #[inline]
    fn read(slab: &'t [u8], cell: &'t Cell) -> Option<Self> {
        let (&[_, _, _, _, a, b, c, d, state, namespace, name, _], text) =
            cell.split_first_chunk::<HEAD>()?;
        let id = u32::from_le_bytes([a, b, c, d]);
        let kind = (state & !LONG).checked_sub(OBJECT)?;
        let (text, namespace, name) = if state < LONG {
            (text, usize::from(namespace), usize::from(name))
        } else {
            let &[a, b, c, d, e, f, g, h, i, j, k, l] = text.first_chunk()?;
            let text = slab.get(num::index(u32::from_le_bytes([a, b, c, d]))..)?;
            let namespace = num::index(u32::from_le_bytes([e, f, g, h]));
            (text, namespace, num::index(u32::from_le_bytes([i, j, k, l])))
        };
        let (namespace, text) = text.split_at_checked(namespace)?;
        Some(Self { id, kind, namespace, name: text.get(..name)? })
    }

    /// The cell of the object; long names stand at `start`.
    fn write(&self, tag: Tag, start: u32) -> Option<Cell> {
        let (namespace, name) = (self.namespace, self.name);
        let state = self.kind.checked_add(OBJECT)?;
        let ids = [tag.0.to_le_bytes(), self.id.to_le_bytes()];
        let mut cell = [0; CELL];
        if self.is_long() {
            let places = [start, num::id(namespace.len())?, num::id(name.len())?];
            let places = places.map(u32::to_le_bytes);
            fill(
                &mut cell,
                &[ids.as_flattened(), &[state | LONG, 0, 0, 0], places.as_flattened()],
            )?;
        } else {
            let lengths = [u8::try_from(namespace.len()).ok()?, u8::try_from(name.len()).ok()?];
            let lengths = [state, lengths[0], lengths[1], 0];
            fill(&mut cell, &[ids.as_flattened(), &lengths, namespace, name])?;
        }
        Some(cell)
    }

    const fn len(&self) -> usize {
        self.namespace.len() + self.name.len()
    }

    const fn is_long(&self) -> bool {
        self.len() > SHORT
    }

    /// Bytes that it needs beside its cell.
    const fn room(&self) -> usize {
        if self.is_long() { self.len() } else { 0 }
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
    fn cell(&self, at: u32) -> Option<&Cell> {
        self.slab.get(num::index(at) * CELL..)?.first_chunk()
    }

    fn cell_mut(&mut self, at: u32) -> Option<&mut Cell> {
        Arc::make_mut(&mut self.slab).get_mut(num::index(at) * CELL..)?.first_chunk_mut()
    }

    /// The cells in which an object with this tag may stand, in order, up to the first empty one and with it.
    #[inline]
    fn probe(&self, tag: Tag) -> impl Iterator<Item = (u32, &Cell)> {
        // A cell for each part of the numbers that a tag can be.
        let first = num::low32((u64::from(tag.0) * u64::from(self.cells)) >> 32);
        let mut is_over = false;
        (first..self.cells).chain(0..first).map_while(move |at| {
            let cell = self.cell(at).filter(|_| !is_over)?;
            is_over = state(cell) == EMPTY;
            Some((at, cell))
        })
    }

    /// The record of a vertex.
    #[inline]
    pub(super) fn find(&self, tag: Tag, vertex: Vertex<'_>) -> Option<Record<'_>> {
        let tag = tag.0.to_le_bytes();
        self.probe(Tag(u32::from_le_bytes(tag))).find_map(|(_, cell)| {
            if !cell.starts_with(&tag) {
                return None;
            }
            Record::read(&self.slab, cell).filter(|record| record.is(vertex))
        })
    }

    /// The object in a cell that [`Self::insert`] gave.
    pub(super) fn record(&self, at: u32) -> Option<Record<'_>> {
        Record::read(&self.slab, self.cell(at)?)
    }

    /// Enters a vertex that is not there, under a number; gives its cell. Others may have to move: `moved`
    /// is told the number and the new cell of each. `None` when there is no room.
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
        if room < record.room() || self.get(Counter::Taken) >= self.cells - self.cells / 3 {
            self.rebuild(record.room(), moved)?;
        }
        self.append(tag, record)
    }

    fn append(&mut self, tag: Tag, record: Record<'_>) -> Option<u32> {
        let start = self.get(Counter::Used);
        if record.is_long() {
            let slab = Arc::make_mut(&mut self.slab);
            let text = slab.get_mut(num::index(start)..)?;
            fill(text, &[record.namespace, record.name])?;
            self.set(Counter::Used, start.checked_add(num::id(record.len())?)?)?;
        }
        let (at, _) = self.probe(tag).last()?;
        *self.cell_mut(at)? = record.write(tag, start)?;
        self.set(Counter::Taken, self.get(Counter::Taken).checked_add(1)?)?;
        self.set(Counter::Live, self.get(Counter::Live).checked_add(1)?)?;
        Some(at)
    }

    /// Removes the object of a cell.
    pub(super) fn remove(&mut self, at: u32) {
        if self.record(at).is_some()
            && let Some(cell) = self.cell_mut(at)
        {
            *cell = [0; CELL];
            let [_, _, _, _, _, _, _, _, state, ..] = cell;
            *state = REMOVED;
            // Cannot fail: counters are always there.
            let _ = self.set(Counter::Live, self.get(Counter::Live).saturating_sub(1));
        }
    }

    /// Whether most of it is room.
    pub(super) fn is_sparse(&self) -> bool {
        num::index(self.cells) > 2 * FEWEST && self.get(Counter::Live) < self.cells / 4
    }

    /// Lays everything out anew with room for an eighth more, and for long names of `more` bytes.
    pub(super) fn rebuild(&mut self, more: usize, mut moved: impl FnMut(u32, u32)) -> Option<()> {
        let records = (0..self.cells).filter_map(|at| {
            let cell = self.cell(at)?;
            Some((tag_of(cell), Record::read(&self.slab, cell)?))
        });
        let long: usize = records.clone().map(|(_, record)| record.room()).sum();
        // An eighth more fill two thirds of the cells.
        let live = num::index(self.get(Counter::Live));
        let cells = FEWEST + live + live * 7 / 10;
        let mut new = Self::with_room(self.node()?, self.node, cells, long + long / 8 + more)?;
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

#[inline]
const fn state(cell: &Cell) -> u8 {
    let [_, _, _, _, _, _, _, _, state, ..] = *cell;
    state
}

const fn tag_of(cell: &Cell) -> Tag {
    let [a, b, c, d, ..] = *cell;
    Tag(u32::from_le_bytes([a, b, c, d]))
}

/// Copies parts into the front of a place. `None` when they do not fit.
fn fill(mut place: &mut [u8], parts: &[&[u8]]) -> Option<()> {
    for part in parts {
        let (here, further) = place.split_at_mut_checked(part.len())?;
        here.copy_from_slice(part);
        place = further;
    }
    Some(())
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
        // Every third name is too long for a cell.
        let long = "x".repeat(SHORT);
        let names: Vec<String> = (0..100)
            .map(
                |index| if index % 3 == 0 { format!("{long}-{index}") } else { format!("{index}") },
            )
            .collect();
        let mut starts = [0; 100];
        for (id, name) in (0..).zip(&names) {
            let start = table.insert(tag, id, secret(name), |id, start| {
                starts[num::index(id)] = start;
            });
            starts[num::index(id)] = start.unwrap();
        }
        for &start in starts.iter().skip(1).step_by(2) {
            table.remove(start);
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
        table.remove(start);
        table.insert(Tag(1), 0, secret("b"), |_, _| ()).unwrap();
        assert!(before.find(Tag(1), secret("a")).is_some());
        assert!(before.find(Tag(1), secret("b")).is_none());
        assert!(table.find(Tag(1), secret("a")).is_none());
        assert!(table.find(Tag(1), secret("b")).is_some());
    }

    #[test]
    fn names_of_every_length_are_kept_whole() {
        let mut table = Table::new("n1", 0).unwrap();
        let names: Vec<String> = (0..300).map(|len| "x".repeat(len)).collect();
        for (id, name) in (0..).zip(&names) {
            let vertex = secret(name);
            table.insert(Tag(id << 22), id, vertex, |_, _| ()).unwrap();
        }
        for (id, name) in (0..).zip(&names) {
            let record = table.find(Tag(id << 22), secret(name)).unwrap();
            assert_eq!((record.id(), record.vertex()), (id, Some(secret(name))));
        }
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
