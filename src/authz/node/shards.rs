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

/// Blocks, each with the hash of the name of its node.
type Shard = HashTable<(u64, Block)>;

const SHARDS: usize = 128;

/// Which shard: other bits of the hash than those that place a block inside of it.
#[inline]
const fn shard(hash: u64) -> usize {
    num::low_index(hash >> 32) % SHARDS
}

/// The name counts; the hash only spares looking at others.
#[inline]
fn is_of(hash: u64, node: &str) -> impl Fn(&(u64, Block)) -> bool {
    move |(of, block)| *of == hash && block.is_of(node)
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
    fn hash(&self, node: &str) -> u64 {
        self.hasher.hash_one(node.as_bytes())
    }

    #[inline]
    pub(super) fn get(&self, node: &str) -> Option<&Block> {
        let hash = self.hash(node);
        let blocks = self.shards.get(shard(hash))?;
        blocks.find(hash, is_of(hash, node)).map(|(_, block)| block)
    }

    /// The block of a node, to be changed in this version only.
    pub(super) fn get_mut(&mut self, node: &str) -> Option<&mut Block> {
        let hash = self.hash(node);
        let shard = Arc::make_mut(&mut self.shards).get_mut(shard(hash))?;
        let found = Arc::make_mut(shard).find_mut(hash, is_of(hash, node));
        found.map(|(_, block)| block)
    }

    /// The same, made when the node is new. `None` when its name is too long.
    pub(super) fn get_or_insert(&mut self, node: &str) -> Option<&mut Block> {
        if self.get(node).is_none() {
            let (hash, block) = (self.hash(node), Block::new(node)?);
            let shard = Arc::make_mut(&mut self.shards).get_mut(shard(hash))?;
            Arc::make_mut(shard).insert_unique(hash, (hash, block), |(hash, _)| *hash);
        }
        self.get_mut(node)
    }

    /// Drops the block of a node.
    pub(super) fn remove(&mut self, node: &str) {
        let hash = self.hash(node);
        if let Some(shard) = Arc::make_mut(&mut self.shards).get_mut(shard(hash))
            && let Ok(found) = Arc::make_mut(shard).find_entry(hash, is_of(hash, node))
        {
            found.remove();
        }
    }

    /// All blocks, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Block> {
        self.shards.iter().flat_map(|blocks| blocks.iter()).map(|(_, block)| block)
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        let shard = |shard: &Arc<Shard>| size_of::<Arc<Shard>>() + shard.allocation_size();
        let shards: usize = self.shards.iter().map(shard).sum();
        shards + self.iter().map(Block::memory).sum::<usize>()
    }
}
