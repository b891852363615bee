//! The numeric kernel: elimination and solves at one theta per lane.
//!
//! # Blocks, last to first
//!
//! The system is block triangular, so each block can be eliminated and solved for *all* right sides as soon as the later
//! blocks are done: the second moments of a block need its own first moments and later blocks only. Then the factors of
//! one block serve no more once the next is begun, their place is used again, and the workspace stays in cache. Only who
//! solves later on keeps the factors of all blocks ([`Keep::All`]).
//!
//! # Lanes that `f64` cannot answer for
//!
//! A lane is *safe* if all rates are positive and no number that enters a product is so large or small that the
//! product might overflow or underflow ([`crate::phase::numeric::extended`]). One that is not runs on without harm, nothing here traps, and
//! its results are dropped: whoever called replays that theta alone, which finds the error, or answers with zero rates,
//! or with more digits.
//!
//! Upper bounds of the rates bound what a row gathers, so only the smallest factor and the largest inverse pivot are
//! watched. With positive rates no factor is zero: one that is has underflowed, or belongs to a *lost* row.

use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::panel::{Done, Panel};
use crate::phase::numeric::ranks::{Plan, Slot};
use crate::phase::symbolic::fill::BlockTrace;
use crate::phase::symbolic::schedule::{PANEL, Schedule};
use crate::phase::trace::{BlockPlace, EliminationTrace};

/// Where a right side comes from: `factor x previous column x reward`, absent parts being 1.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    pub previous: Option<usize>,
    pub factor: f64,
    /// By transient number.
    pub reward: Option<&'a [f64]>,
}

/// Which factors outlive the block they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// None, and the lower ones are not even written: there is one right side at most.
    Nothing,
    /// Those of the block at hand, for several right sides.
    Block,
    All,
}

/// Values and workspace of one group of lanes; reused from group to group.
pub(crate) struct Kernel<S> {
    /// Theta and what is derived from it; see [`Plan`].
    pub sources: Vec<S>,
    /// Lanes whose rates are all positive and safe.
    pub rates_are_safe: Vec<bool>,
    /// Solutions: column k of rank r is `x[r * columns + k]`.
    pub x: Vec<S>,
    pub columns: usize,
    /// Smallest nonzero and largest entry of each column.
    pub smallest: Vec<S>,
    pub largest: Vec<S>,
    /// The smallest factor, the smallest nonzero chance to leave a block, and the largest inverse pivot.
    pub least_factor: S,
    pub least_exit: S,
    pub largest_inverse: S,
    /// Factors by rank, of one block or of all.
    pub inverse: Vec<S>,
    pub lower: Vec<S>,
    pub upper: Vec<S>,
    keep: Keep,
    exit: Vec<S>,
    /// By position in the block, the panel's rows side by side.
    work: Vec<[S; PANEL]>,
    y: Vec<S>,
}

impl<S: Lanes> Kernel<S> {
    pub(crate) fn new(trace: &EliminationTrace, plan: &Plan, columns: usize, keep: Keep) -> Self {
        let inner = &*trace.0;
        let zeros = |count: usize| vec![S::ZERO; count];
        let sizes = plan.sizes;
        let vertices = plan.transient.len();
        let (inverse, lower, upper) = match keep {
            Keep::Nothing => (sizes.block, 0, sizes.upper),
            Keep::Block => (sizes.block, sizes.lower, sizes.upper),
            Keep::All => (vertices, inner.lower_len, inner.upper_len),
        };
        Self {
            sources: zeros(plan.source_count()),
            rates_are_safe: Vec::new(),
            x: zeros(vertices * columns),
            columns,
            smallest: zeros(columns),
            largest: zeros(columns),
            least_factor: S::ZERO,
            least_exit: S::ZERO,
            largest_inverse: S::ZERO,
            inverse: zeros(inverse),
            lower: zeros(lower),
            upper: zeros(upper),
            keep,
            exit: zeros(sizes.block),
            work: vec![[S::ZERO; PANEL]; sizes.block],
            y: zeros(sizes.block),
        }
    }

    /// The rate of a slot.
    #[inline(always)]
    pub(crate) fn rate(&self, slot: &Slot) -> S {
        S::splat(slot.coefficient).mul(self.sources[slot.source as usize])
    }

    /// Where a block's factors lie: its inverse pivots, and the others.
    #[inline(always)]
    pub(crate) fn place(&self, trace: &EliminationTrace, block: usize) -> (usize, BlockPlace) {
        if self.keep == Keep::All {
            let first = trace.0.layout.block_first[block] as usize;
            (first, trace.0.places[block])
        } else {
            (0, BlockPlace { lower: 0, upper: 0 })
        }
    }

    /// Takes up to as many thetas as there are lanes; lanes without one repeat the last.
    #[inline(always)]
    pub(crate) fn load(&mut self, plan: &Plan, thetas: ndarray::ArrayView2<'_, f64>) {
        let rows = thetas.nrows();
        for lane in 0..S::COUNT {
            for (value, source) in thetas.row(lane.min(rows - 1)).iter().zip(&mut self.sources) {
                // Adding 0 turns a negative zero into zero.
                source.set_lane(lane, *value + 0.0);
            }
        }
        plan.evaluate(&mut self.sources, &mut self.rates_are_safe);
    }

    /// Whether the factors of a lane are safe.
    pub(crate) fn is_safe(&self, lane: usize) -> bool {
        let limit = crate::phase::numeric::extended::Range::LIMIT;
        self.rates_are_safe[lane]
            && self.least_factor.lane(lane) >= 1.0 / limit
            && self.least_exit.lane(lane) >= 1.0 / limit
            && self.largest_inverse.lane(lane) <= limit
    }

    /// Eliminates and solves all blocks for all right sides. `lost` marks ranks with an infinite waiting time; their
    /// solutions are zero.
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        columns: &[Column<'_>],
        lost: Option<&[bool]>,
    ) {
        let inner = &*trace.0;
        self.least_factor = S::splat(f64::INFINITY);
        self.least_exit = S::splat(f64::INFINITY);
        self.largest_inverse = S::ZERO;
        self.smallest.fill(S::splat(f64::INFINITY));
        self.largest.fill(S::ZERO);
        for block in (0..inner.layout.block_count()).rev() {
            match inner.layout.unit_of_block[block] {
                None => self.single(trace, plan, columns.first(), block, lost),
                Some(unit) => {
                    let unit = unit as usize;
                    let block_trace = &*inner.traces[unit];
                    let schedule = &plan.schedules[unit];
                    self.eliminate(trace, plan, columns, block, block_trace, schedule, lost);
                    if !columns.is_empty() {
                        self.back(trace, 0, block, block_trace);
                    }
                }
            }
            self.solve_columns(trace, plan, columns, 1, block);
        }
    }

    /// Solves a block whose factors are there for the columns from `from` on.
    #[inline(always)]
    fn solve_columns(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        columns: &[Column<'_>],
        from: usize,
        block: usize,
    ) {
        let first = trace.0.layout.block_first[block] as usize;
        let (base, place) = self.place(trace, block);
        for (k, column) in columns.iter().enumerate().skip(from) {
            match trace.0.block_trace(block) {
                None => {
                    let right = self.right_side(plan, column, k, first);
                    self.put(first, k, right.mul(self.inverse[base]));
                }
                Some(block_trace) => {
                    for p in 0..block_trace.size() {
                        self.y[p] = self.right_side(plan, column, k, first + p);
                    }
                    let (lower, inverse) = (&self.lower[place.lower..], &self.inverse[base..]);
                    forward(block_trace, lower, inverse, &mut self.y);
                    self.back(trace, k, block, block_trace);
                }
            }
        }
    }

    /// The backward substitution of a column.
    #[inline(always)]
    fn back(&mut self, trace: &EliminationTrace, k: usize, block: usize, block_trace: &BlockTrace) {
        let first = trace.0.layout.block_first[block] as usize;
        let place = self.place(trace, block).1;
        backward(block_trace, &self.upper[place.upper..], &mut self.y);
        for p in 0..block_trace.size() {
            self.put(first + p, k, self.y[p]);
        }
    }

    /// A block of one vertex, and its first column.
    #[inline(always)]
    fn single(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        column: Option<&Column<'_>>,
        block: usize,
        lost: Option<&[bool]>,
    ) {
        let rank = trace.0.layout.block_first[block] as usize;
        let base = self.place(trace, block).0;
        let (pivot, right) = self.leave(plan, column, rank);
        let inverse = self.invert(rank, pivot, lost);
        self.inverse[base] = inverse;
        if column.is_some() {
            self.put(rank, 0, right.mul(inverse));
        }
    }

    /// The rate out of the block, and a right side with what comes from later blocks; zero if there is none.
    #[inline(always)]
    pub(crate) fn leave(&self, plan: &Plan, column: Option<&Column<'_>>, rank: usize) -> (S, S) {
        let mut exit = S::ZERO;
        let mut right = S::ZERO;
        match column {
            Some(column) => {
                right = self.own_side(plan, column, rank);
                for slot in plan.external(rank) {
                    let rate = self.rate(slot);
                    exit = exit.add(rate);
                    right = right.plus(rate, self.x[slot.target as usize * self.columns]);
                }
            }
            None => {
                for slot in plan.external(rank) {
                    exit = exit.add(self.rate(slot));
                }
            }
        }
        for slot in plan.absorbing(rank) {
            exit = exit.add(self.rate(slot));
        }
        (exit, right)
    }

    /// One over the pivot; zero for vertices whose waiting time is infinite.
    #[inline(always)]
    fn invert(&mut self, rank: usize, pivot: S, lost: Option<&[bool]>) -> S {
        if lost.is_some_and(|lost| lost[rank]) {
            return S::ZERO;
        }
        let inverse = pivot.inverse();
        self.largest_inverse = self.largest_inverse.max(inverse);
        inverse
    }

    /// A right side but for what comes from other blocks.
    #[inline(always)]
    pub(crate) fn own_side(&self, plan: &Plan, column: &Column<'_>, rank: usize) -> S {
        let mut value = match column.previous {
            Some(previous) => self.x[rank * self.columns + previous],
            None => S::splat(1.0),
        };
        if column.factor != 1.0 {
            value = value.mul(S::splat(column.factor));
        }
        if let Some(reward) = column.reward {
            value = value.mul(S::splat(reward[plan.transient[rank] as usize]));
        }
        value
    }

    /// A right side with what comes from later blocks.
    #[inline(always)]
    pub(crate) fn right_side(&self, plan: &Plan, column: &Column<'_>, k: usize, rank: usize) -> S {
        let mut value = self.own_side(plan, column, rank);
        for slot in plan.external(rank) {
            let x = self.x[slot.target as usize * self.columns + k];
            value = value.plus(self.rate(slot), x);
        }
        value
    }

    #[inline(always)]
    fn put(&mut self, rank: usize, k: usize, value: S) {
        self.smallest[k] = self.smallest[k].min_nonzero(value);
        self.largest[k] = self.largest[k].max(value);
        self.x[rank * self.columns + k] = value;
    }

    /// Factors of a block, and the forward substitution of the first column on the way.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn eliminate(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        columns: &[Column<'_>],
        block: usize,
        block_trace: &BlockTrace,
        schedule: &Schedule,
        lost: Option<&[bool]>,
    ) {
        let members = trace.0.layout.block(block);
        let place = self.place(trace, block).1;
        for begin in (0..members.len()).step_by(PANEL) {
            let rows = PANEL.min(members.len() - begin);
            let mut panel = Panel {
                exit: [S::ZERO; PANEL],
                y: [S::ZERO; PANEL],
                least: [S::splat(f64::INFINITY); PANEL],
            };
            for i in 0..rows {
                self.gather(
                    plan,
                    columns,
                    block_trace,
                    members.start,
                    begin + i,
                    i,
                    &mut panel,
                );
            }
            let done = Done {
                trace: block_trace,
                upper: &self.upper[place.upper..place.upper + block_trace.upper.len()],
                exit: &self.exit,
                y: &self.y,
            };
            for task in schedule.tasks(begin / PANEL) {
                done.take(&mut self.work, &mut panel, *task);
            }
            for i in 0..rows {
                let inside = schedule.inside[begin + i];
                // Rows of the panel are done one after the other.
                let done = Done {
                    trace: block_trace,
                    upper: &self.upper[place.upper..place.upper + block_trace.upper.len()],
                    exit: &self.exit,
                    y: &self.y,
                };
                for j in (0..i).filter(|&j| inside & 1 << j != 0) {
                    done.take_one(&mut self.work, &mut panel, begin + j, i);
                }
                self.finish(trace, block_trace, block, begin + i, i, &mut panel, lost);
            }
        }
    }

    /// Loads the rates of row p into the panel's row i.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn gather(
        &mut self,
        plan: &Plan,
        columns: &[Column<'_>],
        block_trace: &BlockTrace,
        first: usize,
        p: usize,
        i: usize,
        panel: &mut Panel<S>,
    ) {
        let (lower, upper) = (block_trace.lower.row(p), block_trace.upper.row(p));
        // Position p itself gathers what returns to p, which is of no interest; it is never read.
        for &column in lower.iter().chain(upper) {
            self.work[column as usize][i] = S::ZERO;
        }
        let rank = first + p;
        for slot in plan.internal(rank) {
            self.work[slot.target as usize][i] = self.rate(slot);
        }
        (panel.exit[i], panel.y[i]) = self.leave(plan, columns.first(), rank);
    }

    /// Divides row p, the panel's row i, by its pivot, and puts it where later rows find it.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn finish(
        &mut self,
        trace: &EliminationTrace,
        block_trace: &BlockTrace,
        block: usize,
        p: usize,
        i: usize,
        panel: &mut Panel<S>,
        lost: Option<&[bool]>,
    ) {
        let (base, place) = self.place(trace, block);
        let first = trace.0.layout.block_first[block] as usize;
        if self.keep != Keep::Nothing {
            let range = block_trace.lower.range(p);
            let kept = &mut self.lower[place.lower + range.start..place.lower + range.end];
            for (value, &v) in kept.iter_mut().zip(block_trace.lower.row(p)) {
                *value = self.work[v as usize][i];
            }
        }
        let upper = block_trace.upper.row(p);
        let mut pivot = panel.exit[i];
        for &u in upper {
            pivot = pivot.add(self.work[u as usize][i]);
        }
        let inverse = self.invert(first + p, pivot, lost);
        let is_lost = lost.is_some_and(|lost| lost[first + p]);
        let mut least = panel.least[i];
        let range = block_trace.upper.range(p);
        let values = &mut self.upper[place.upper + range.start..place.upper + range.end];
        for (value, &u) in values.iter_mut().zip(upper) {
            *value = self.work[u as usize][i].mul(inverse);
            least = least.min(*value);
        }
        let exit = panel.exit[i].mul(inverse);
        if !is_lost {
            self.least_factor = self.least_factor.min(least);
            // There may be no way out that avoids later rows.
            self.least_exit = self.least_exit.min_nonzero(exit);
        }
        self.exit[p] = exit;
        self.inverse[base + p] = inverse;
        self.y[p] = panel.y[i].mul(inverse);
    }

    /// The product of the start distribution with a column.
    #[inline(always)]
    pub(crate) fn weigh(&self, plan: &Plan, k: usize) -> S {
        plan.start
            .iter()
            .fold(S::ZERO, |sum, &(rank, probability)| {
                sum.plus(
                    S::splat(probability),
                    self.x[rank as usize * self.columns + k],
                )
            })
    }

    /// Solves A x = r with the factors kept; `x` comes in as r and leaves as x, by rank.
    pub(crate) fn solve(&self, trace: &EliminationTrace, plan: &Plan, x: &mut [S]) {
        let inner = &*trace.0;
        for block in (0..inner.layout.block_count()).rev() {
            let members = inner.layout.block(block);
            for rank in members.clone() {
                for slot in plan.external(rank) {
                    x[rank] = x[rank].plus(self.rate(slot), x[slot.target as usize]);
                }
            }
            match inner.block_trace(block) {
                None => x[members.start] = x[members.start].mul(self.inverse[members.start]),
                Some(block_trace) => {
                    let place = inner.places[block];
                    let inverse = &self.inverse[members.start..];
                    let y = &mut x[members];
                    forward(block_trace, &self.lower[place.lower..], inverse, y);
                    backward(block_trace, &self.upper[place.upper..], y);
                }
            }
        }
    }
}

/// Right sides in, the forward substitution out.
#[inline(always)]
pub(crate) fn forward<S: Lanes>(trace: &BlockTrace, lower: &[S], inverse: &[S], y: &mut [S]) {
    for p in 0..trace.size() {
        let mut value = y[p];
        let weights = &lower[trace.lower.range(p)];
        for (&weight, &v) in weights.iter().zip(trace.lower.row(p)) {
            value = value.plus(weight, y[v as usize]);
        }
        y[p] = value.mul(inverse[p]);
    }
}

/// The forward substitution in, the solution out.
#[inline(always)]
fn backward<S: Lanes>(trace: &BlockTrace, upper: &[S], y: &mut [S]) {
    for p in (0..trace.size()).rev() {
        let mut value = y[p];
        let chances = &upper[trace.upper.range(p)];
        for (&chance, &u) in chances.iter().zip(trace.upper.row(p)) {
            value = value.plus(chance, y[u as usize]);
        }
        y[p] = value;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ndarray::{ArrayView1, Axis};

    use super::{Column, Keep, Kernel};
    use crate::phase::numeric::factor::Factor;
    use crate::phase::{EliminationTrace, Graph, models};

    /// The kernel's order of work differs from that of [`Factor`], row by row and entry by entry; no number may.
    #[test]
    fn panels_have_the_bits_of_plain_elimination() {
        let cases: Vec<(Graph, Vec<f64>)> = vec![
            (models::islands_sfs(8).unwrap(), vec![1.0, 0.3]),
            (models::grid_walk(13, 11).unwrap(), vec![]),
            (models::random_block(90, 4, 2).unwrap(), vec![]),
            (models::dense(31, 3).unwrap(), vec![]),
            (models::birth_death(50).unwrap(), vec![0.9, 1.1]),
            (models::block_chain(5, 14, 3, 4, 9).unwrap(), vec![]),
        ];
        for (graph, theta) in cases {
            let theta: Vec<f64> = (0..graph.param_length())
                .map(|k| theta.get(k).copied().unwrap_or(0.7 + 0.3 * k as f64))
                .collect();
            let trace = EliminationTrace::record(&graph);
            let (inner, plan) = (&trace.0, trace.plan());
            let mut kernel = Kernel::<f64>::new(&trace, plan, 1, Keep::All);
            kernel.load(plan, ArrayView1::from(&theta).insert_axis(Axis(0)));
            let ones = Column {
                previous: None,
                factor: 1.0,
                reward: None,
            };
            kernel.run(&trace, plan, &[ones], None);
            assert!(kernel.is_safe(0));

            let rates = crate::phase::numeric::rates::rates(&inner.layout, &theta).unwrap();
            let plain = Factor::new(&trace, rates, None);
            let right = vec![1.0; plan.transient.len()];
            let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let expected = plan.by_rank(&plain.solve(&trace, &right));
            assert_eq!(bits(&kernel.x), bits(&expected));
            let mut again = right;
            kernel.solve(&trace, plan, &mut again);
            assert_eq!(bits(&again), bits(&expected));
        }
    }
}
