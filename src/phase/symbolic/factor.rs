//! The symbolic factor of a graph: its layout, the block traces, and where the numbers of each block go.
//!
//! It has no numbers and knows no theta. Numeric factors over it lie side by side: all lower entries, block by block, all
//! upper entries, and one pivot per transient vertex.

use std::sync::Arc;

use crate::phase::index::{Block, IndexVec, Unit};
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::layout::Layout;

/// Where the numbers of one block begin among those of all blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockPlace {
    pub pivots: usize,
    pub lower: usize,
    pub upper: usize,
}

/// What elimination does to a graph at every theta.
#[derive(Debug)]
pub(crate) struct SymbolicFactor {
    layout: Arc<Layout>,
    traces: IndexVec<Unit, Arc<BlockTrace>>,
    places: IndexVec<Block, BlockPlace>,
    /// The place of a block after the last: how many numbers there are of each kind.
    end: BlockPlace,
}

impl SymbolicFactor {
    /// One trace per work unit of the layout, in the order of the units.
    pub(crate) fn new(layout: Arc<Layout>, traces: Vec<Arc<BlockTrace>>) -> Self {
        let traces: IndexVec<Unit, Arc<BlockTrace>> = traces.into();
        let mut end = BlockPlace::default();
        let mut places = IndexVec::new();
        for block in layout.blocks() {
            places.push(end);
            end.pivots += layout.members(block).len();
            if let Some(unit) = layout.unit(block) {
                end.lower += traces[unit].lower.len();
                end.upper += traces[unit].upper.len();
            }
        }
        Self {
            layout,
            traces,
            places,
            end,
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The distinct block traces.
    pub(crate) fn traces(&self) -> &IndexVec<Unit, Arc<BlockTrace>> {
        &self.traces
    }

    /// The trace of a block; a singleton block has none.
    #[inline(always)]
    pub(crate) fn block_trace(&self, block: Block) -> Option<&BlockTrace> {
        self.layout.unit(block).map(|unit| &*self.traces[unit])
    }

    /// Where the numbers of a block begin.
    #[inline(always)]
    pub(crate) fn place(&self, block: Block) -> BlockPlace {
        self.places[block]
    }

    /// How many entries the lower factors have.
    pub(crate) fn lower_len(&self) -> usize {
        self.end.lower
    }

    /// How many entries the upper factors have.
    pub(crate) fn upper_len(&self) -> usize {
        self.end.upper
    }
}
