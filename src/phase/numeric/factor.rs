//! The numeric factor of all blocks at one theta, and solves with it: the algorithm, in its plainest form.
//!
//! The formulas are those of the [module](super), row by row. Row p scatters its rates into a work vector,
//! adds multiples of the rows of its earlier neighbours in ascending order, and is divided by its pivot. Blocks are
//! independent of each other here; edges between blocks enter the solves, which run from the last block to the first.
//!
//! Vertices with an infinite waiting time are left out by an inverse pivot of zero: their f and y become zero, and no
//! other vertex leads to them, so they meet every other row with a factor of zero.

use crate::phase::index::{Block, Index, IndexVec, Local, Position, Rank, Slot, Span, Transient};
use crate::phase::numeric::extended::Scalar;
use crate::phase::symbolic::factor::SymbolicFactor;
use crate::phase::symbolic::fill::BlockTrace;

/// A numeric factor over numbers of any kind.
#[derive(Debug)]
pub(crate) struct Factor<S> {
    rates: IndexVec<Slot, S>,
    /// One over the pivot.
    inverse: IndexVec<Rank, S>,
    /// w(p, v), v earlier than p.
    lower: Vec<S>,
    /// f(p, u), u later than p.
    upper: Vec<S>,
    /// e(p), the probability to leave the block.
    exit: IndexVec<Rank, S>,
}

impl<S: Scalar> Factor<S> {
    /// Eliminates all blocks.
    pub(crate) fn new(
        symbolic: &SymbolicFactor,
        rates: IndexVec<Slot, S>,
        nonabsorbing: Option<&IndexVec<Transient, bool>>,
    ) -> Self {
        Self::with_killing(symbolic, rates, nonabsorbing, None)
    }

    /// Eliminates all blocks, with a further rate to absorption out of each vertex: the factor of A plus a diagonal.
    pub(crate) fn with_killing(
        symbolic: &SymbolicFactor,
        rates: IndexVec<Slot, S>,
        nonabsorbing: Option<&IndexVec<Transient, bool>>,
        killing: Option<&IndexVec<Transient, S>>,
    ) -> Self {
        let layout = symbolic.layout();
        let vertices = layout.transient_count();
        let mut factor = Self {
            rates,
            inverse: IndexVec::filled(S::ZERO, vertices),
            lower: vec![S::ZERO; symbolic.lower_len()],
            upper: vec![S::ZERO; symbolic.upper_len()],
            exit: IndexVec::filled(S::ZERO, vertices),
        };
        let is_left_out = |t: Transient| nonabsorbing.is_some_and(|marks| marks[t]);
        let exit = |factor: &Self, t: Transient| {
            let leaving = factor.sum(layout.leaving(t));
            killing.map_or(leaving, |rates| leaving + rates[t])
        };
        let largest = layout.blocks().map(|block| layout.members(block).len());
        let mut work = IndexVec::filled(S::ZERO, largest.max().unwrap_or(0));
        for block in layout.blocks() {
            match symbolic.block_trace(block) {
                None => {
                    let t = layout.members(block).start;
                    let pivot = exit(&factor, t);
                    factor.inverse[Rank::new(t.index())] = match is_left_out(t) {
                        true => S::ZERO,
                        false => pivot.inverse(),
                    };
                }
                Some(trace) => {
                    for (p, &local) in trace.order.iter_enumerated() {
                        let t = layout.member(block, local);
                        factor.scatter(symbolic, trace, t, p, &mut work);
                        let leaving = exit(&factor, t);
                        factor.row(
                            symbolic,
                            block,
                            trace,
                            p,
                            (!is_left_out(t)).then_some(leaving),
                            &mut work,
                        );
                    }
                }
            }
        }
        factor
    }

    /// Writes the rates of row p into the work vector.
    fn scatter(
        &self,
        symbolic: &SymbolicFactor,
        trace: &BlockTrace,
        t: Transient,
        p: Position,
        work: &mut IndexVec<Position, S>,
    ) {
        // Position p itself collects what returns to p, which is of no interest; it is never read.
        for &column in trace.lower.row(p).iter().chain(trace.upper.row(p)) {
            work[column] = S::ZERO;
        }
        for (slot, target) in symbolic.layout().own_targets(t) {
            work[trace.position[target]] = self.rates[slot];
        }
    }

    /// Eliminates one row of a block, from the rate out of the block; without one the row is left out.
    fn row(
        &mut self,
        symbolic: &SymbolicFactor,
        block: Block,
        trace: &BlockTrace,
        p: Position,
        leaving: Option<S>,
        work: &mut IndexVec<Position, S>,
    ) {
        let place = symbolic.place(block);
        let rank = |p: Position| Rank::new(place.pivots + p.index());
        let mut exit = leaving.unwrap_or(S::ZERO);
        // Add multiples of earlier rows.
        for (entry, &v) in trace.lower.range(p).zip(trace.lower.row(p)) {
            let weight = work[v];
            self.lower[place.lower + entry] = weight;
            let range = trace.upper.range(v);
            let values = &self.upper[place.upper + range.start..place.upper + range.end];
            for (&u, &value) in trace.upper.row(v).iter().zip(values) {
                work[u] = work[u] + weight * value;
            }
            exit = exit + weight * self.exit[rank(v)];
        }
        // The pivot is the sum of what does not return.
        let mut pivot = exit;
        for &u in trace.upper.row(p) {
            pivot = pivot + work[u];
        }
        // Divide.
        let inverse = match leaving {
            Some(_) => pivot.inverse(),
            None => S::ZERO,
        };
        for (entry, &u) in trace.upper.range(p).zip(trace.upper.row(p)) {
            self.upper[place.upper + entry] = work[u] * inverse;
        }
        self.exit[rank(p)] = exit * inverse;
        self.inverse[rank(p)] = inverse;
    }

    fn sum(&self, slots: Span<Slot>) -> S {
        match &self.rates.as_slice()[slots.range()] {
            [] => S::ZERO,
            [first, rest @ ..] => rest.iter().fold(*first, |sum, &value| sum + value),
        }
    }

    /// Solves A x = r; x of vertices with an infinite waiting time is zero.
    pub(crate) fn solve(
        &self,
        symbolic: &SymbolicFactor,
        r: &IndexVec<Transient, S>,
    ) -> IndexVec<Transient, S> {
        let layout = symbolic.layout();
        let mut x = r.clone();
        let mut y: IndexVec<Position, S> = IndexVec::new();
        for block in layout.blocks().rev() {
            let members = layout.members(block);
            for t in members.iter() {
                for (slot, later) in layout.later_targets(t) {
                    x[t] = x[t] + self.rates[slot] * x[later];
                }
            }
            let place = symbolic.place(block);
            let inverse = &self.inverse.as_slice()[place.pivots..];
            let Some(trace) = symbolic.block_trace(block) else {
                x[members.start] = x[members.start] * inverse[0];
                continue;
            };
            let member = |local: Local| layout.member(block, local);
            y.clear();
            for (p, &local) in trace.order.iter_enumerated() {
                let mut value = x[member(local)];
                for (entry, &v) in trace.lower.range(p).zip(trace.lower.row(p)) {
                    value = value + self.lower[place.lower + entry] * y[v];
                }
                y.push(value * inverse[p.index()]);
            }
            for (p, &local) in trace.order.iter_enumerated().rev() {
                let mut value = y[p];
                for (entry, &u) in trace.upper.range(p).zip(trace.upper.row(p)) {
                    value = value + self.upper[place.upper + entry] * y[u];
                }
                y[p] = value;
                x[member(local)] = value;
            }
        }
        x
    }

    /// Solves A' y = r.
    pub(crate) fn solve_transposed(
        &self,
        symbolic: &SymbolicFactor,
        r: &IndexVec<Transient, S>,
    ) -> IndexVec<Transient, S> {
        let layout = symbolic.layout();
        let mut y = r.clone();
        let mut z: IndexVec<Position, S> = IndexVec::new();
        for block in layout.blocks() {
            let members = layout.members(block);
            let place = symbolic.place(block);
            let inverse = &self.inverse.as_slice()[place.pivots..];
            match symbolic.block_trace(block) {
                None => y[members.start] = y[members.start] * inverse[0],
                Some(trace) => {
                    let member = |local: Local| layout.member(block, local);
                    z.clear();
                    z.extend(trace.order.iter().map(|&local| y[member(local)]));
                    for p in trace.order.span().iter() {
                        let value = z[p];
                        for (entry, &u) in trace.upper.range(p).zip(trace.upper.row(p)) {
                            z[u] = z[u] + self.upper[place.upper + entry] * value;
                        }
                    }
                    for (p, &local) in trace.order.iter_enumerated().rev() {
                        let value = z[p] * inverse[p.index()];
                        y[member(local)] = value;
                        for (entry, &v) in trace.lower.range(p).zip(trace.lower.row(p)) {
                            z[v] = z[v] + self.lower[place.lower + entry] * value;
                        }
                    }
                }
            }
            for t in members.iter() {
                for (slot, later) in layout.later_targets(t) {
                    y[later] = y[later] + self.rates[slot] * y[t];
                }
            }
        }
        y
    }
}
