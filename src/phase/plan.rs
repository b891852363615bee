//! What a replay of many thetas looks up again and again, found once per trace.
//!
//! A trace knows edges by the graph's numbering and columns by local vertex. The plan has, by slot, the rate in the form
//! in which nearly all come (one coefficient, or a constant) and the column in the block's order of elimination.
//! Per block trace it has the *runs*: v runs into v + 1 if row v of the upper pattern is v + 1 followed by row v + 1.
//! A row that takes row v takes the whole run, so the rows of a run are taken side by side.

use super::analysis::NONE;
use super::eliminate::BlockTrace;
use super::trace::EliminationTrace;

/// The rate of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rate {
    Constant(f64),
    Linear {
        parameter: u32,
        coefficient: f64,
    },
    /// Several edges or several coefficients: as the graph has them.
    General,
}

/// The sizes of a replay's workspace, in vectors of lanes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub block: usize,
    pub slots: usize,
    pub lower: usize,
    pub upper: usize,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub rate: Vec<Rate>,
    /// By slot: the position in the block, the transient number, or [`NONE`] for absorption.
    pub column: Vec<u32>,
    /// By unit and position: how many rows after v its run goes on for.
    pub runs: Vec<Vec<u8>>,
    /// The largest of each over all blocks.
    pub sizes: Sizes,
    /// Whether the start probabilities are far enough from the ends of the range of `f64`.
    pub start_is_safe: bool,
}

impl Plan {
    pub(crate) fn new(trace: &EliminationTrace) -> Self {
        let inner = &*trace.0;
        let layout = &inner.layout;
        let mut rate = Vec::with_capacity(layout.slot_count());
        let mut column = Vec::with_capacity(layout.slot_count());
        let mut sizes = Sizes::default();
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            let block_trace = inner.block_trace(block);
            let before = rate.len();
            for t in members.clone() {
                let vertex = layout.transient[t];
                for slot in layout.slots(t) {
                    rate.push(match layout.edges_of_slot(slot) {
                        &[edge] => {
                            let edge = layout.graph.edge_of(vertex, edge as usize);
                            match (edge.parameters, edge.coefficients) {
                                ([], []) => Rate::Constant(edge.constant),
                                (&[parameter], &[coefficient]) => Rate::Linear {
                                    parameter,
                                    coefficient,
                                },
                                _ => Rate::General,
                            }
                        }
                        _ => Rate::General,
                    });
                    let target = layout.slot_target[slot];
                    column.push(if layout.internal(t).contains(&slot) {
                        block_trace.map_or(target, |trace| trace.position[target as usize])
                    } else if layout.external(t).contains(&slot) {
                        target
                    } else {
                        NONE
                    });
                }
            }
            sizes.slots = sizes.slots.max(rate.len() - before);
            sizes.block = sizes.block.max(members.len());
            if let Some(trace) = block_trace {
                sizes.lower = sizes.lower.max(trace.lower.len());
                sizes.upper = sizes.upper.max(trace.upper.len());
            }
        }
        Self {
            rate,
            column,
            runs: inner.traces.iter().map(|trace| runs(trace)).collect(),
            sizes,
            start_is_safe: inner.start.iter().all(|&(_, p)| p > 1e-90),
        }
    }
}

fn runs(trace: &BlockTrace) -> Vec<u8> {
    let size = trace.size();
    let mut runs = vec![0u8; size];
    for v in (0..size.saturating_sub(1)).rev() {
        if let [next, rest @ ..] = trace.upper.row(v)
            && *next as usize == v + 1
            && rest == trace.upper.row(v + 1)
        {
            runs[v] = runs[v + 1].saturating_add(1);
        }
    }
    runs
}
