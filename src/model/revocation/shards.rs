use std::sync::Arc;

use hashbrown::HashTable;

/// A hash table of which many versions live at once: changing a few entries of a million copies a few
/// of its 256 parts, some hundred kilobytes at most.
///
/// A look-up of what is not there reads the part's pointer, the part, and one group of control bytes:
/// only the last (two megabytes for a million entries) is likely to be far away.
#[derive(Debug, Clone)]
pub(super) struct Shards<E> {
    // INVARIANT: none, or as many as there are values of a byte.
    parts: Vec<Arc<Part<E>>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Part<E> {
    index: HashTable<u32>,
    entries: Vec<E>,
}

/// An entry knows its hash, which must be the same for as long as it lives.
pub(super) trait Hashed: Clone {
    fn hash(&self) -> u64;
}

impl<E> Default for Shards<E> {
    fn default() -> Self {
        Self { parts: Vec::new(), len: 0 }
    }
}

impl<E> Shards<E> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry with this hash that `is` recognises.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(&E) -> bool) -> Option<&E> {
        let part = self.parts.get(part_of(hash))?;
        let is_here = |&at: &u32| part.entry(at).is_some_and(&is);
        part.index.find(hash, is_here).and_then(|&at| part.entry(at))
    }
}

impl<E: Hashed> Shards<E> {
    /// Changes the entry that `is` recognises, or adds one.
    pub(super) fn upsert(
        &mut self,
        hash: u64,
        is: impl Fn(&E) -> bool,
        change: impl FnOnce(&mut E),
        make: impl FnOnce() -> E,
    ) {
        if self.parts.is_empty() {
            let empty = || Part { index: HashTable::new(), entries: Vec::new() };
            self.parts = (0..=u8::MAX).map(|_| Arc::new(empty())).collect();
        }
        let Some(part) = self.parts.get_mut(part_of(hash)) else { return };
        let Part { index, entries } = Arc::make_mut(part);
        let found = index.find(hash, |&at| entry(entries, at).is_some_and(&is)).copied();
        match found.and_then(|at| entries.get_mut(usize::try_from(at).ok()?)) {
            Some(found) => change(found),
            None => {
                // Four billion entries of one part do not fit into memory.
                let Ok(at) = u32::try_from(entries.len()) else { return };
                entries.push(make());
                self.len += 1;
                index.insert_unique(hash, at, |&at| entry(entries, at).map_or(0, Hashed::hash));
            }
        }
    }
}

impl<E> Part<E> {
    #[inline]
    fn entry(&self, at: u32) -> Option<&E> {
        entry(&self.entries, at)
    }
}

#[inline]
fn entry<E>(entries: &[E], at: u32) -> Option<&E> {
    entries.get(usize::try_from(at).ok()?)
}

/// A byte of the hash that a part's own table looks at last.
fn part_of(hash: u64) -> usize {
    usize::from(u8::try_from((hash >> 40) & 0xff).unwrap_or_default())
}
