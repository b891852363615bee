//! The level in memory: least recently used entries leave first once a bound in bytes is passed.

use std::sync::Arc;

use lru::LruCache;

use super::encode::EntryId;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::layout::Layout;
use crate::phase::symbolic::unit::WorkUnit;

/// The analysis of all graphs of one structure.
#[derive(Debug)]
pub(super) struct KeptGraph {
    /// The bytes that its key was taken from.
    pub structure: Arc<[u8]>,
    pub layout: Arc<Layout>,
    pub units: Arc<[WorkUnit]>,
}

#[derive(Clone, Debug)]
pub(super) enum Kept {
    Block(Arc<BlockTrace>),
    Graph(Arc<KeptGraph>),
}

impl Kept {
    /// About how much memory it takes.
    fn bytes(&self) -> u64 {
        let words = match self {
            Kept::Block(trace) => {
                let pointers = 4 * trace.size();
                trace.topology.edge_count() + trace.factor_entries() + 5 * trace.size() + pointers
            }
            // The units share their topologies with traces.
            Kept::Graph(kept) => {
                kept.layout.words() + kept.structure.len() / 4 + 16 * kept.units.len()
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
