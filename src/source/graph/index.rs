use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::api::graph::Object;
use crate::api::inventory::Sourced;

/// Which object stands where, so that of two with one key the later counts.
#[derive(Default)]
pub(in crate::source) struct Index {
    /// Hashes of keys, and places in the list: growing the table touches no object.
    places: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
}

impl Index {
    /// Remembers that `object` will stand at the end of `objects`, and gives the place of the one that
    /// it replaces. Objects without a name cannot be told apart and replace nothing.
    pub(in crate::source) fn put(
        &mut self,
        objects: &[Sourced<Object>],
        object: &Object,
    ) -> Option<usize> {
        if object.name().is_empty() {
            return None;
        }
        fn identity(object: &Object) -> (crate::api::graph::Kind, &str, &str) {
            (object.kind(), object.namespace(), object.name())
        }
        let hash = self.hasher.hash_one(identity(object));
        let same = |(_, at): &(u64, usize)| {
            objects.get(*at).is_some_and(|known| identity(&known.value) == identity(object))
        };
        let next = (hash, objects.len());
        match self.places.entry(hash, same, |(hash, _)| *hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(next);
                None
            }
            Entry::Occupied(mut occupied) => Some(std::mem::replace(occupied.get_mut(), next).1),
        }
    }
}
