//! A vector of which many versions live at once.
//!
//! Cloning it copies one pointer a chunk; changing one element copies that chunk. So a writer can
//! publish a new version of a table of a million rows in microseconds while readers keep theirs.

use std::sync::Arc;

use super::num;

const CHUNK_BITS: u32 = 7;
const CHUNK: usize = 1 << CHUNK_BITS;
const MASK: u32 = (1 << CHUNK_BITS) - 1;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct CowVec<T> {
    // INVARIANT: every chunk but the last holds exactly CHUNK elements.
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for CowVec<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone> CowVec<T> {
    /// The element at `id`.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.chunks.get(num::index(id >> CHUNK_BITS))?.get(num::index(id & MASK))
    }

    /// The element at `id`, to be changed in this version only.
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let chunk = self.chunks.get_mut(num::index(id >> CHUNK_BITS))?;
        Arc::make_mut(chunk).get_mut(num::index(id & MASK))
    }

    /// Appends an element and gives its id; `None` when ids have run out.
    pub(crate) fn push(&mut self, element: T) -> Option<u32> {
        let id = num::id(self.len())?;
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(element),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(element);
                self.chunks.push(Arc::new(chunk));
            }
        }
        Some(id)
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * CHUNK + last.len(),
            None => 0,
        }
    }

    /// All elements, in order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Bytes held, without what the elements themselves point to.
    pub(crate) fn memory(&self) -> usize {
        self.chunks.capacity() * size_of::<Arc<Vec<T>>>()
            + self.chunks.iter().map(|c| 40 + c.capacity() * size_of::<T>()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_in_its_version_only() {
        let mut first = CowVec::default();
        for value in 0..300u32 {
            assert_eq!(first.push(value), Some(value));
        }
        let mut second = first.clone();
        *second.get_mut(130).unwrap() = 7;
        second.push(300);
        assert_eq!((first.get(130), second.get(130)), (Some(&130), Some(&7)));
        assert_eq!((first.len(), second.len()), (300, 301));
        assert_eq!(first.get(300), None);
        assert_eq!(first.iter().copied().collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
    }
}
