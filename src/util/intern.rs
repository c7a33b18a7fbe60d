//! Strings to small numbers and back.
//!
//! A request's strings are looked up, never stored; one that is unknown can match wildcards only.
//! Everything lies in three flat blocks, so that cloning an interner is copying memory.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::num;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interner {
    text: String,
    // INVARIANT: id i stands at ends[i-1]..ends[i] of the text (0 before the first).
    ends: Vec<u32>,
    table: HashTable<u32>,
    // Seeded per process: policy authors cannot aim for collisions.
    hasher: DefaultHashBuilder,
}

impl Interner {
    /// The number of a string that was interned.
    #[inline]
    pub(crate) fn get(&self, string: &str) -> Option<u32> {
        self.get_bytes(string.as_bytes())
    }

    /// The same for bytes that were put together on the stack.
    #[inline]
    pub(crate) fn get_bytes(&self, string: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(string);
        self.table.find(hash, |&id| self.resolve(id).as_bytes() == string).copied()
    }

    /// The number of a string, interning it if it is new; `None` when there is no room for it.
    pub(crate) fn intern(&mut self, string: &str) -> Option<u32> {
        if let Some(id) = self.get(string) {
            return Some(id);
        }
        let id = num::id(self.ends.len())?;
        let end = num::id(self.text.len().checked_add(string.len())?)?;
        self.text.push_str(string);
        self.ends.push(end);
        let Self { text, ends, table, hasher } = self;
        let hash = hasher.hash_one(string.as_bytes());
        table.insert_unique(hash, id, |&id| hasher.hash_one(resolve(text, ends, id).as_bytes()));
        Some(id)
    }

    /// The string of a number; empty for a number that was never given.
    #[inline]
    pub(crate) fn resolve(&self, id: u32) -> &str {
        resolve(&self.text, &self.ends, id)
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.table.allocation_size()
    }
}

#[inline]
fn resolve<'t>(text: &'t str, ends: &[u32], id: u32) -> &'t str {
    let id = num::index(id);
    let start = id.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(id).and_then(|&end| text.get(num::index(start)..num::index(end))).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_keep_their_numbers_and_unknown_ones_have_none() {
        let mut interner = Interner::default();
        let words = ["pods", "", "pods/log", "ünï"];
        let ids: Vec<u32> = words.iter().map(|word| interner.intern(word).unwrap()).collect();
        assert_eq!(ids, [0, 1, 2, 3]);
        assert_eq!(interner.intern("pods"), Some(0));
        assert_eq!(interner.get("Pods"), None);
        assert_eq!(interner.clone().get("ünï"), Some(3));
        for (word, id) in words.iter().zip(ids) {
            assert_eq!(interner.resolve(id), *word);
        }
        assert_eq!(interner.resolve(9), "");
    }
}
