//! The level in memory: least recently used entries leave first once a bound in bytes is passed.

use std::sync::Arc;

use lru::LruCache;

use super::encode::EntryId;
use crate::phase::symbolic::analysis::Layout;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::unit::WorkUnit;

#[derive(Clone, Debug)]
pub(super) enum Kept {
    Block(Arc<BlockTrace>),
    Graph(Arc<Layout>, Arc<[WorkUnit]>),
}

impl Kept {
    /// About how much memory it takes.
    fn bytes(&self) -> u64 {
        let words = match self {
            Kept::Block(trace) => {
                let pointers = 4 * trace.size();
                trace.topology.targets.len() + trace.factor_entries() + 5 * trace.size() + pointers
            }
            // The units share their topologies with traces; the graph is shared with its owner.
            Kept::Graph(layout, units) => {
                let slots = 2 * layout.slot_count() + layout.slot_edges.len();
                5 * layout.transient.len() + 3 * layout.block_count() + slots + 16 * units.len()
            }
        };
        4 * words as u64 + 256
    }
}

#[derive(Debug)]
pub(super) struct Memory {
    entries: LruCache<EntryId, Kept>,
    bytes: u64,
    bound: u64,
}

impl Memory {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            entries: LruCache::unbounded(),
            bytes: 0,
            bound,
        }
    }

    pub(super) fn get(&mut self, id: &EntryId) -> Option<Kept> {
        self.entries.get(id).cloned()
    }

    pub(super) fn put(&mut self, id: EntryId, kept: Kept) {
        self.bytes += kept.bytes();
        if let Some((_, old)) = self.entries.push(id, kept) {
            self.bytes -= old.bytes();
        }
        while self.bytes > self.bound {
            let Some((_, oldest)) = self.entries.pop_lru() else {
                return;
            };
            self.bytes -= oldest.bytes();
        }
    }

    pub(super) fn blocks(&self) -> usize {
        let is_block = |kept: &&Kept| matches!(kept, Kept::Block(_));
        self.entries
            .iter()
            .map(|(_, kept)| kept)
            .filter(is_block)
            .count()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
