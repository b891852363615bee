//! The numeric factor of all blocks at one theta, and solves with it.
//!
//! The arithmetic is that of [`crate::phase::symbolic::fill`], row by row: row p gathers its rates in a work vector, takes the rows of
//! its earlier neighbours in ascending order, and is divided by its pivot. Blocks are independent of each other here;
//! edges between blocks enter the solves, which run from the last block to the first.
//!
//! *Lost* vertices, those with an infinite waiting time, are left out by an inverse pivot of zero: their f and y become
//! zero, and no other vertex leads to them, so they meet every other row with a factor of zero.

use crate::phase::numeric::extended::Scalar;
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::trace::{BlockPlace, EliminationTrace};

#[derive(Debug)]
pub(crate) struct Factor<S> {
    rates: Vec<S>,
    /// One over the pivot, by block and position.
    inverse: Vec<S>,
    /// w(p, v), v earlier than p.
    lower: Vec<S>,
    /// f(p, u), u later than p.
    upper: Vec<S>,
    /// e(p), the chance to leave the block, by block and position.
    exit: Vec<S>,
}

/// Vectors a block's elimination works on.
struct Work<S> {
    row: Vec<S>,
}

impl<S: Scalar> Factor<S> {
    pub(crate) fn new(trace: &EliminationTrace, rates: Vec<S>, lost: Option<&[bool]>) -> Self {
        let inner = &*trace.0;
        let layout = &inner.layout;
        let vertices = layout.transient.len();
        let is_lost = |t: usize| lost.is_some_and(|lost| lost[t]);
        let mut factor = Self {
            rates,
            inverse: vec![S::ZERO; vertices],
            lower: vec![S::ZERO; inner.lower_len],
            upper: vec![S::ZERO; inner.upper_len],
            exit: vec![S::ZERO; vertices],
        };
        let largest = (0..layout.block_count())
            .map(|block| layout.block(block).len())
            .max()
            .unwrap_or(0);
        let mut work = Work {
            row: vec![S::ZERO; largest],
        };
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            match inner.block_trace(block) {
                None => {
                    for t in members.filter(|&t| !is_lost(t)) {
                        factor.inverse[t] = sum(&factor.rates[layout.leaving(t)]).inverse();
                    }
                }
                Some(block_trace) => {
                    for position in 0..members.len() {
                        let t = members.start + block_trace.order[position] as usize;
                        let internal = layout.internal(t);
                        let targets = layout.slot_target[internal.clone()]
                            .iter()
                            .copied()
                            .zip(internal);
                        let leaving = sum(&factor.rates[layout.leaving(t)]);
                        let place = inner.places[block];
                        factor.row(
                            block_trace,
                            place,
                            members.start,
                            position,
                            targets,
                            leaving,
                            is_lost(t),
                            &mut work,
                        );
                    }
                }
            }
        }
        factor
    }

    /// Eliminates one row of a block.
    #[allow(clippy::too_many_arguments)]
    fn row(
        &mut self,
        trace: &BlockTrace,
        place: BlockPlace,
        first: usize,
        p: usize,
        targets: impl Iterator<Item = (u32, usize)>,
        leaving: S,
        lost: bool,
        work: &mut Work<S>,
    ) {
        let row = &mut work.row;
        // Position p itself gathers what returns to p, which is of no interest; it is never read.
        for &column in trace.lower.row(p).iter().chain(trace.upper.row(p)) {
            row[column as usize] = S::ZERO;
        }
        for (target, slot) in targets {
            row[trace.position[target as usize] as usize] = self.rates[slot];
        }
        let mut exit = leaving;
        for (entry, &v) in trace.lower.range(p).zip(trace.lower.row(p)) {
            let weight = row[v as usize];
            self.lower[place.lower + entry] = weight;
            let range = trace.upper.range(v as usize);
            let values = &self.upper[place.upper + range.start..place.upper + range.end];
            for (&u, &value) in trace.upper.row(v as usize).iter().zip(values) {
                row[u as usize] = row[u as usize] + weight * value;
            }
            exit = exit + weight * self.exit[first + v as usize];
        }
        let mut pivot = exit;
        for &u in trace.upper.row(p) {
            pivot = pivot + row[u as usize];
        }
        let inverse = if lost { S::ZERO } else { pivot.inverse() };
        for (entry, &u) in trace.upper.range(p).zip(trace.upper.row(p)) {
            self.upper[place.upper + entry] = row[u as usize] * inverse;
        }
        self.exit[first + p] = exit * inverse;
        self.inverse[first + p] = inverse;
    }

    /// Solves A x = r, r and x by transient number; x of lost vertices is zero.
    pub(crate) fn solve(&self, trace: &EliminationTrace, r: &[S]) -> Vec<S> {
        let inner = &*trace.0;
        let layout = &inner.layout;
        let mut x = r.to_vec();
        let mut y: Vec<S> = Vec::new();
        for block in (0..layout.block_count()).rev() {
            let members = layout.block(block);
            for t in members.clone() {
                for slot in layout.external(t) {
                    x[t] = x[t] + self.rates[slot] * x[layout.slot_target[slot] as usize];
                }
            }
            let first = members.start;
            let Some(block_trace) = inner.block_trace(block) else {
                for t in members {
                    x[t] = x[t] * self.inverse[t];
                }
                continue;
            };
            let place = inner.places[block];
            y.clear();
            for p in 0..members.len() {
                let mut value = x[first + block_trace.order[p] as usize];
                for (entry, &v) in block_trace.lower.range(p).zip(block_trace.lower.row(p)) {
                    value = value + self.lower[place.lower + entry] * y[v as usize];
                }
                y.push(value * self.inverse[first + p]);
            }
            for p in (0..members.len()).rev() {
                let mut value = y[p];
                for (entry, &u) in block_trace.upper.range(p).zip(block_trace.upper.row(p)) {
                    value = value + self.upper[place.upper + entry] * y[u as usize];
                }
                y[p] = value;
                x[first + block_trace.order[p] as usize] = value;
            }
        }
        x
    }
}

impl<S: Scalar> Factor<S> {
    /// Solves A' y = r, r and y by transient number.
    pub(crate) fn solve_transposed(&self, trace: &EliminationTrace, r: &[S]) -> Vec<S> {
        let inner = &*trace.0;
        let layout = &inner.layout;
        let mut y = r.to_vec();
        let mut z: Vec<S> = Vec::new();
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            let first = members.start;
            match inner.block_trace(block) {
                None => y[first] = y[first] * self.inverse[first],
                Some(block_trace) => {
                    let place = inner.places[block];
                    let order = &block_trace.order;
                    z.clear();
                    z.extend(order.iter().map(|&local| y[first + local as usize]));
                    for p in 0..members.len() {
                        let value = z[p];
                        for (entry, &u) in block_trace.upper.range(p).zip(block_trace.upper.row(p))
                        {
                            let chance = self.upper[place.upper + entry];
                            z[u as usize] = z[u as usize] + chance * value;
                        }
                    }
                    for p in (0..members.len()).rev() {
                        let value = z[p] * self.inverse[first + p];
                        y[first + order[p] as usize] = value;
                        for (entry, &v) in block_trace.lower.range(p).zip(block_trace.lower.row(p))
                        {
                            let weight = self.lower[place.lower + entry];
                            z[v as usize] = z[v as usize] + weight * value;
                        }
                    }
                }
            }
            for t in members {
                for slot in layout.external(t) {
                    let target = layout.slot_target[slot] as usize;
                    y[target] = y[target] + self.rates[slot] * y[t];
                }
            }
        }
        y
    }
}

fn sum<S: Scalar>(values: &[S]) -> S {
    match values {
        [] => S::ZERO,
        [first, rest @ ..] => rest.iter().fold(*first, |sum, &value| sum + value),
    }
}
