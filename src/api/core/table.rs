//! Objects sorted by name, in many versions at once.

use std::sync::Arc;

/// What has a name.
pub(super) trait Named: Clone {
    /// The namespace, empty for cluster-scoped objects, and the name.
    fn key(&self) -> (&str, &str);
}

/// How many objects a piece of a new table holds. One that has grown to twice as many is cut.
const CHUNK: usize = 128;

/// A sorted list, cut into pieces that versions of it share: changing one object of 150,000 copies one
/// piece, and cloning the list copies a pointer for each.
///
/// INVARIANT: sorted by key, no key twice, no piece empty.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: PartialEq> PartialEq for Table<T> {
    /// How a table is cut is no part of what it says.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Table<T> {}

impl<T> Table<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Named> Table<T> {
    /// Of two objects with one key the later one counts.
    pub(super) fn new(objects: impl Iterator<Item = T>) -> Self {
        let mut objects: Vec<T> = objects.collect();
        // The sort is stable: of equal keys the later read one is last, and comes first reversed.
        objects.reverse();
        objects.sort_by(|a, b| a.key().cmp(&b.key()));
        objects.dedup_by(|later, first| later.key() == first.key());
        let mut objects = objects.into_iter().peekable();
        let mut chunks = Vec::new();
        while objects.peek().is_some() {
            let mut chunk: Vec<T> = objects.by_ref().take(CHUNK).collect();
            chunk.shrink_to_fit();
            chunks.push(Arc::new(chunk));
        }
        Self { chunks }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&T> {
        let key = (namespace, name);
        let chunk = self.chunks.get(self.chunk_of(key))?;
        chunk.get(place(chunk, key).ok()?)
    }

    /// Adds an object, or replaces the one of its key, which is given back.
    pub(super) fn insert(&mut self, object: T) -> Option<T> {
        let at = self.chunk_of(object.key());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(vec![object]));
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        match place(chunk, object.key()) {
            Ok(found) => chunk.get_mut(found).map(|slot| std::mem::replace(slot, object)),
            Err(place) => {
                // Vectors double otherwise: half of the memory would be room.
                chunk.reserve_exact(1);
                chunk.insert(place, object);
                if chunk.len() > 2 * CHUNK {
                    let mut rest = chunk.split_off(CHUNK);
                    rest.shrink_to_fit();
                    chunk.shrink_to_fit();
                    self.chunks.insert(at + 1, Arc::new(rest));
                }
                None
            }
        }
    }

    /// Removes an object and gives it back.
    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> Option<T> {
        let key = (namespace, name);
        let at = self.chunk_of(key);
        let chunk = self.chunks.get_mut(at)?;
        // What is not there needs no copy of its piece.
        let found = place(chunk, key).ok()?;
        let chunk = Arc::make_mut(chunk);
        let removed = chunk.remove(found);
        if chunk.is_empty() {
            self.chunks.remove(at);
        } else {
            self.join(at);
        }
        Some(removed)
    }

    /// Joins a small piece with the one after it: what shrinks must not stay in crumbs.
    fn join(&mut self, at: usize) {
        let length = |at: usize| self.chunks.get(at).map_or(usize::MAX, |chunk| chunk.len());
        if length(at).saturating_add(length(at + 1)) > CHUNK / 2 {
            return;
        }
        let next = self.chunks.remove(at + 1);
        if let Some(chunk) = self.chunks.get_mut(at) {
            let chunk = Arc::make_mut(chunk);
            chunk.reserve_exact(next.len());
            chunk.extend(next.iter().cloned());
        }
    }

    /// The piece in which a key is or would be.
    fn chunk_of(&self, key: (&str, &str)) -> usize {
        let begins_before = |chunk: &Arc<Vec<T>>| chunk.first().is_some_and(|it| it.key() <= key);
        self.chunks.partition_point(begins_before).saturating_sub(1)
    }
}

fn place<T: Named>(chunk: &[T], key: (&str, &str)) -> Result<usize, usize> {
    chunk.binary_search_by(|object| object.key().cmp(&key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Thing(String, u32);

    impl Named for Thing {
        fn key(&self) -> (&str, &str) {
            ("ns", &self.0)
        }
    }

    fn is_sound(table: &Table<Thing>) {
        assert!(table.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= 2 * CHUNK));
        assert!(table.iter().zip(table.iter().skip(1)).all(|(a, b)| a.key() < b.key()));
    }

    #[test]
    fn a_table_says_what_a_map_says_after_any_changes() {
        let mut state = 7_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let first = (0..500).map(|_| Thing(random(2000).to_string(), 0));
        let first: Vec<Thing> = first.collect();
        let mut table = Table::new(first.iter().cloned());
        let mut map: BTreeMap<String, u32> =
            first.into_iter().map(|thing| (thing.0, thing.1)).collect();
        for step in 1..6000 {
            // First it grows, then it shrinks.
            let name = random(2000).to_string();
            if random(100) < if step < 3000 { 70 } else { 20 } {
                let before = table.insert(Thing(name.clone(), step)).map(|thing| thing.1);
                assert_eq!(before, map.insert(name, step));
            } else {
                let before = table.remove("ns", &name).map(|thing| thing.1);
                assert_eq!(before, map.remove(&name));
            }
        }
        is_sound(&table);
        let all = |table: &Table<Thing>| -> BTreeMap<String, u32> {
            table.iter().map(|thing| (thing.0.clone(), thing.1)).collect()
        };
        assert_eq!(all(&table), map);
        assert_eq!(table.len(), map.len());
        assert_eq!(table, Table::new(table.iter().cloned()));
        for name in map.keys() {
            assert_eq!(table.get("ns", name).map(|thing| thing.1), map.get(name).copied());
            assert_eq!(table.get("other", name), None);
        }
    }

    #[test]
    fn a_change_is_seen_in_its_version_only_and_copies_one_piece() {
        let first = Table::new((0..10_000).map(|number| Thing(format!("{number:05}"), 0)));
        let mut second = first.clone();
        second.insert(Thing("05000".into(), 1));
        second.remove("ns", "00001");
        assert_eq!(first.get("ns", "05000"), Some(&Thing("05000".into(), 0)));
        assert_eq!(second.get("ns", "05000"), Some(&Thing("05000".into(), 1)));
        assert!(first.get("ns", "00001").is_some() && second.get("ns", "00001").is_none());
        let shared =
            first.chunks.iter().zip(&second.chunks).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, first.chunks.len() - 2);
    }

    #[test]
    fn what_grows_one_by_one_leaves_little_room() {
        let mut table = Table::default();
        for number in 0..10_000 {
            table.insert(Thing(format!("{:05}", number * 7919 % 10_000), 0));
        }
        is_sound(&table);
        let room: usize = table.chunks.iter().map(|chunk| chunk.capacity()).sum();
        assert!(room <= 10_000 + 10_000 / 10, "{room}");
    }
}
