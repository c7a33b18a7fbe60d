//! In which namespaces does a subject hold anything?
//!
//! Only the resolution of a principal asks; a single decision goes through the namespace instead.
//! Sharded, so that a change copies a few kilobytes.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::util::num;

/// A namespace, by its place in the table of namespaces.
pub(super) type SpaceId = u32;

const SHARDS: usize = 256;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    shards: Vec<Arc<HashTable<Row>>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    // Hash of the subject, not verified: a false hit costs a look at one namespace.
    subject: u64,
    space: SpaceId,
    // How many grants of that subject the namespace holds.
    grants: u32,
}

impl Row {
    // One subject may be in every namespace: without the namespace in the hash its rows would
    // all fall on one place of the table.
    fn hash(&self) -> u64 {
        mix(self.subject, self.space)
    }
}

fn mix(subject: u64, space: SpaceId) -> u64 {
    (subject ^ u64::from(space)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
}

impl Reach {
    pub(super) fn new() -> Self {
        Self { shards: vec![Arc::default(); SHARDS] }
    }

    fn shard(subject: u64) -> usize {
        // The high bits: the low ones place the subject within the tables of the scopes.
        num::index(u32::try_from(subject >> 56).unwrap_or(0))
    }

    /// Counts one more grant.
    pub(super) fn add(&mut self, subject: u64, space: SpaceId) {
        let Some(shard) = self.shards.get_mut(Self::shard(subject)) else {
            return;
        };
        let is_row = |row: &Row| row.subject == subject && row.space == space;
        match Arc::make_mut(shard).entry(mix(subject, space), is_row, Row::hash) {
            Entry::Occupied(mut row) => row.get_mut().grants += 1,
            Entry::Vacant(place) => {
                place.insert(Row { subject, space, grants: 1 });
            }
        }
    }

    /// Counts one grant less.
    pub(super) fn remove(&mut self, subject: u64, space: SpaceId) {
        let Some(shard) = self.shards.get_mut(Self::shard(subject)) else {
            return;
        };
        let is_row = |row: &Row| row.subject == subject && row.space == space;
        if let Ok(mut row) = Arc::make_mut(shard).find_entry(mix(subject, space), is_row) {
            let grants = &mut row.get_mut().grants;
            *grants = grants.saturating_sub(1);
            if row.get().grants == 0 {
                row.remove();
            }
        }
    }

    /// The namespaces in which a subject of this hash may hold something.
    pub(super) fn spaces(&self, subject: u64) -> impl Iterator<Item = SpaceId> {
        let shard = self.shards.get(Self::shard(subject));
        shard
            .into_iter()
            .flat_map(|shard| shard.iter())
            .filter(move |row| row.subject == subject)
            .map(|row| row.space)
    }

    /// Gives back what growing took in advance.
    pub(super) fn shrink(&mut self) {
        for shard in &mut self.shards {
            Arc::make_mut(shard).shrink_to_fit(Row::hash);
        }
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.shards.iter().map(|shard| 48 + shard.allocation_size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_left_with_the_last_grant() {
        let mut reach = Reach::new();
        reach.add(7, 1);
        reach.add(7, 1);
        reach.add(7, 2);
        let older = reach.clone();
        reach.remove(7, 1);
        assert_eq!(reach.spaces(7).count(), 2);
        reach.remove(7, 1);
        assert_eq!(reach.spaces(7).collect::<Vec<_>>(), [2]);
        assert_eq!(older.spaces(7).count(), 2);
        assert_eq!(reach.spaces(8).count(), 0);
    }
}
