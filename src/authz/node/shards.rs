//! The blocks of a graph, by the name of their node.
//!
//! Two levels, so that a change copies some hundred pointers in a cluster of thousands of nodes.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::block::Block;
use crate::util::num;

/// See the module.
#[derive(Clone)]
pub(super) struct Shards {
    // Seeded per process: authors of objects cannot aim for collisions.
    hasher: DefaultHashBuilder,
    // INVARIANT: SHARDS of them; a block stands in the one that its hash says.
    shards: Arc<Vec<Arc<Shard>>>,
}

type Shard = HashTable<Block>;

const SHARDS: usize = 128;

/// Where the block of a node is looked up: half of the hash of its name chooses the shard, the other half
/// is the tag.
#[derive(Debug, Clone, Copy)]
struct Place {
    shard: usize,
    tag: u32,
}

/// The hash of a block in its shard.
#[inline]
fn spread(tag: u32) -> u64 {
    // Both ends of the number count in that table.
    let tag = u64::from(tag);
    tag << 32 | tag
}

impl Shards {
    pub(super) fn new() -> Self {
        let shards = vec![Arc::default(); SHARDS];
        Self { hasher: DefaultHashBuilder::default(), shards: Arc::new(shards) }
    }

    /// What strings are looked up by.
    #[inline]
    pub(super) const fn hasher(&self) -> &DefaultHashBuilder {
        &self.hasher
    }

    #[inline]
    fn place(&self, node: &str) -> Place {
        let hash = self.hasher.hash_one(node.as_bytes());
        Place { shard: num::low_index(hash >> 32) % SHARDS, tag: num::low32(hash) }
    }

    fn shard_mut(&mut self, place: Place) -> Option<&mut Shard> {
        Arc::make_mut(&mut self.shards).get_mut(place.shard).map(Arc::make_mut)
    }

    #[inline]
    pub(super) fn get(&self, node: &str) -> Option<&Block> {
        let place = self.place(node);
        let shard = self.shards.get(place.shard)?;
        shard.find(spread(place.tag), |block| block.is_of(node, place.tag))
    }

    /// The block of a node, to be changed in this version only.
    pub(super) fn get_mut(&mut self, node: &str) -> Option<&mut Block> {
        let place = self.place(node);
        let shard = self.shard_mut(place)?;
        shard.find_mut(spread(place.tag), |block| block.is_of(node, place.tag))
    }

    /// The same, made when the node is new. `None` when its name is too long.
    pub(super) fn get_or_insert(&mut self, node: &str) -> Option<&mut Block> {
        if self.get(node).is_none() {
            let place = self.place(node);
            let block = Block::new(node, place.tag)?;
            let shard = self.shard_mut(place)?;
            shard.insert_unique(spread(place.tag), block, |block| spread(block.tag()));
        }
        self.get_mut(node)
    }

    /// Drops the block of a node.
    pub(super) fn remove(&mut self, node: &str) {
        let place = self.place(node);
        if let Some(shard) = self.shard_mut(place)
            && let Ok(found) =
                shard.find_entry(spread(place.tag), |block| block.is_of(node, place.tag))
        {
            found.remove();
        }
    }

    /// All blocks, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Block> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let shard = |shard: &Arc<Shard>| size_of::<Arc<Shard>>() + shard.allocation_size();
        let shards: usize = self.shards.iter().map(shard).sum();
        shards + self.iter().map(Block::memory).sum::<usize>()
    }
}
