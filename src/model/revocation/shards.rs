use std::sync::Arc;

use hashbrown::HashTable;

/// A hash table of which many versions live at once: changing a few entries of a million copies a few
/// of its 256 parts, some hundred kilobytes at most.
///
/// A look-up of what is not there ends, nearly always, with one word of a filter, which is a megabyte
/// for a million entries: small enough to stay near the processor.
#[derive(Debug, Clone)]
pub(super) struct Shards<E> {
    // INVARIANT: none, or as many as there are values of a byte.
    parts: Vec<Arc<Part<E>>>,
    len: usize,
    filter: Arc<Filter>,
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
        Self { parts: Vec::new(), len: 0, filter: Arc::default() }
    }
}

impl<E> Shards<E> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.parts.iter().flat_map(|part| &part.entries)
    }

    /// The entry with this hash that `is` recognises.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(&E) -> bool) -> Option<&E> {
        if !self.filter.may_hold(hash) {
            return None;
        }
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
                index.insert_unique(hash, at, |&at| entry(entries, at).map_or(0, Hashed::hash));
                self.len += 1;
                self.note(hash);
            }
        }
    }

    /// Lets the filter know of an entry.
    fn note(&mut self, hash: u64) {
        if self.len <= self.filter.room() {
            Arc::make_mut(&mut self.filter).add(hash);
            return;
        }
        let mut filter = Filter::with_room(self.len.saturating_mul(2));
        for part in &self.parts {
            part.entries.iter().for_each(|entry| filter.add(entry.hash()));
        }
        self.filter = Arc::new(filter);
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

/// A Bloom filter each of whose entries has three bits of one word. When it is as full as it gets, one
/// of 27 things that are not there passes it; half as full, one of 127.
#[derive(Debug, Clone, Default)]
struct Filter {
    // INVARIANT: none, or a power of two of them.
    words: Vec<u64>,
}

/// Entries for each word.
const PER_WORD: usize = 8;

impl Filter {
    fn with_room(entries: usize) -> Self {
        let words = entries.div_ceil(PER_WORD).checked_next_power_of_two().unwrap_or(1);
        Self { words: vec![0; words] }
    }

    const fn room(&self) -> usize {
        self.words.len().saturating_mul(PER_WORD)
    }

    /// Whether an entry may be there; if not, it is not.
    #[inline]
    fn may_hold(&self, hash: u64) -> bool {
        let bits = bits_of(hash);
        self.words.get(self.word_of(hash)).is_some_and(|word| word & bits == bits)
    }

    fn add(&mut self, hash: u64) {
        let word = self.word_of(hash);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bits_of(hash);
        }
    }

    #[inline]
    fn word_of(&self, hash: u64) -> usize {
        let mask = self.words.len().wrapping_sub(1);
        // No machine of ours has fewer than 32 bits, and no filter four billion words.
        usize::try_from((hash >> 18) & 0xffff_ffff).unwrap_or_default() & mask
    }
}

/// Three of 64 bits; seldom two or one.
#[inline]
const fn bits_of(hash: u64) -> u64 {
    (1 << (hash & 63)) | (1 << ((hash >> 6) & 63)) | (1 << ((hash >> 12) & 63))
}

/// A byte of the hash that a part's own table looks at last.
fn part_of(hash: u64) -> usize {
    usize::from(u8::try_from((hash >> 40) & 0xff).unwrap_or_default())
}
