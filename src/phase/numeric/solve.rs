//! Solves with the factors of the kernel: right-hand sides, forward and back substitution.

use crate::phase::index::{Index, Position, Rank, Span};
use crate::phase::numeric::extended::power_of_two;
use crate::phase::numeric::flows::RightHandSide;
use crate::phase::numeric::kernel::{BlockView, Diagonal, Kernel, System};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::symbolic::fill::{BlockTrace, Pattern};

impl<S: Lanes> Kernel<S> {
    /// Solves a block whose factors are there for the right-hand sides from `from` on.
    #[inline(always)]
    pub(super) fn solve_block(
        &mut self,
        system: &System<'_>,
        from: usize,
        diagonal: &Diagonal<'_>,
    ) {
        for (k, right) in system.right.iter().enumerate().skip(from) {
            match diagonal {
                &Diagonal::Singleton { rank, pivot } => {
                    let value = self.right_hand_side(system.ranks, right, k, rank);
                    self.store(rank, k, value.mul(self.factors.inverse[pivot]));
                }
                Diagonal::Block(view) => {
                    for (p, rank) in view.ranks.iter().enumerate() {
                        self.factors.y[p] = self.right_hand_side(system.ranks, right, k, rank);
                    }
                    let lower = &self.factors.lower[view.place.lower..];
                    let inverse = &self.factors.inverse[view.place.pivots..];
                    forward(view.trace, lower, inverse, &mut self.factors.y);
                    self.substitute_back(k, view);
                }
            }
        }
    }

    /// The back substitution of a right-hand side whose forward substitution is done.
    #[inline(always)]
    pub(super) fn substitute_back(&mut self, k: usize, view: &BlockView<'_>) {
        let upper = &self.factors.upper[view.place.upper..];
        backward(view.trace, upper, &mut self.factors.y);
        let (mut smallest, mut largest) = (self.smallest[k], self.largest[k]);
        let x = &mut self.x[view.ranks.start.index() * self.columns + k..];
        let x = x.iter_mut().step_by(self.columns);
        for (x, &value) in x.zip(&self.factors.y[..view.size()]) {
            smallest = smallest.min_nonzero(value);
            largest = largest.max(value);
            *x = value;
        }
        (self.smallest[k], self.largest[k]) = (smallest, largest);
    }

    /// A right-hand side without the inflow from other blocks.
    #[inline(always)]
    pub(crate) fn own_right_hand_side(
        &self,
        ranks: &Ranks,
        right: &RightHandSide,
        rank: Rank,
    ) -> S {
        self.flows().own_right_hand_side(ranks, right, rank)
    }

    /// A right-hand side with the inflow from later blocks.
    #[inline(always)]
    pub(crate) fn right_hand_side(
        &self,
        ranks: &Ranks,
        right: &RightHandSide,
        k: usize,
        rank: Rank,
    ) -> S {
        let mut value = self.own_right_hand_side(ranks, right, rank);
        for rate in ranks.later(rank) {
            value = value.plus(self.rate(rate), self.solution(rate.rank(), k));
        }
        value
    }

    /// Stores an entry of solution k.
    #[inline(always)]
    pub(super) fn store(&mut self, rank: Rank, k: usize, value: S) {
        self.smallest[k] = self.smallest[k].min_nonzero(value);
        self.largest[k] = self.largest[k].max(value);
        self.x[rank.index() * self.columns + k] = value;
    }

    /// Solves A x = r with all factors retained; `x` comes in as r and leaves as x, by rank.
    #[inline(always)]
    pub(crate) fn solve(&self, ranks: &Ranks, x: &mut [S]) {
        for block in ranks.symbolic().layout().blocks().rev() {
            for rank in ranks.block(block).iter() {
                for rate in ranks.later(rank) {
                    let there = x[rate.rank().index()];
                    x[rank.index()] = x[rank.index()].plus(self.rate(rate), there);
                }
            }
            let members = ranks.block(block).range();
            self.solve_diagonal(&self.diagonal(ranks, block), &mut x[members]);
        }
    }

    /// Solves with a diagonal block whose factors are there; `x` comes in as the right-hand side, by position.
    #[inline(always)]
    pub(crate) fn solve_diagonal(&self, diagonal: &Diagonal<'_>, x: &mut [S]) {
        match diagonal {
            &Diagonal::Singleton { pivot, .. } => x[0] = x[0].mul(self.factors.inverse[pivot]),
            Diagonal::Block(view) => {
                let lower = &self.factors.lower[view.place.lower..];
                let inverse = &self.factors.inverse[view.place.pivots..];
                forward(view.trace, lower, inverse, x);
                backward(view.trace, &self.factors.upper[view.place.upper..], x);
            }
        }
    }

    /// Solves with the transpose of a diagonal block. Flows below the floor count as none.
    #[inline(always)]
    pub(crate) fn solve_diagonal_transposed(
        &self,
        diagonal: &Diagonal<'_>,
        y: &mut [S],
        floor: f64,
    ) {
        match diagonal {
            &Diagonal::Singleton { pivot, .. } => y[0] = y[0].mul(self.factors.inverse[pivot]),
            Diagonal::Block(view) => {
                let lower = &self.factors.lower[view.place.lower..];
                let upper = &self.factors.upper[view.place.upper..];
                let inverse = &self.factors.inverse[view.place.pivots..];
                // Nobody asks for those of a correction.
                let mut extremes = Extremes {
                    least: S::INFINITY,
                    largest: S::ZERO,
                };
                let factors = (lower, upper, inverse);
                transposed(view.trace, factors, y, Index::index, floor, &mut extremes);
            }
        }
    }
}

/// The smallest number that is not zero, and the largest.
///
/// A type and no closure: one that is called in a large function is not made part of it, and then runs without the vector unit's
/// instructions.
pub(crate) struct Extremes<S> {
    pub least: S,
    pub largest: S,
}

impl<S: Lanes> Extremes<S> {
    #[inline(always)]
    fn see(&mut self, value: S) {
        self.least = self.least.min_nonzero(value);
        self.largest = self.largest.max(value);
    }
}

/// All positions of a block.
#[inline(always)]
fn positions(trace: &BlockTrace) -> impl DoubleEndedIterator<Item = Position> + use<> {
    Span::new(0..trace.size()).iter()
}

/// The entries of a row and their columns, of one length. (Loops count instead of zipping: where builds do not optimize across units,
/// a zip is a call.)
#[inline(always)]
fn sides<'a, S>(values: &'a [S], pattern: &'a Pattern, p: Position) -> (&'a [S], &'a [Position]) {
    let values = &values[pattern.range(p)];
    (values, &pattern.row(p)[..values.len()])
}

/// Right-hand sides in, the forward substitution out.
#[inline(always)]
pub(crate) fn forward<S: Lanes>(trace: &BlockTrace, lower: &[S], inverse: &[S], y: &mut [S]) {
    for p in positions(trace) {
        let mut value = y[p.index()];
        let (weights, columns) = sides(lower, &trace.lower, p);
        for (k, &weight) in weights.iter().enumerate() {
            value = value.plus(weight, y[columns[k].index()]);
        }
        y[p.index()] = value.mul(inverse[p.index()]);
    }
}

/// The forward substitution in, the solution out.
#[inline(always)]
fn backward<S: Lanes>(trace: &BlockTrace, upper: &[S], y: &mut [S]) {
    for p in positions(trace).rev() {
        let mut value = y[p.index()];
        let (probabilities, columns) = sides(upper, &trace.upper, p);
        for (k, &probability) in probabilities.iter().enumerate() {
            value = value.plus(probability, y[columns[k].index()]);
        }
        y[p.index()] = value;
    }
}

/// Flows below this count as none. Down a long queue flows fall below the smallest normal number, and processors take a hundred times as
/// long for those as for others.
pub(crate) const FLOOR: f64 = power_of_two(FLOOR_EXPONENT);
pub(crate) const FLOOR_EXPONENT: i64 = -960;

/// A flow, or none if it is below the floor.
#[inline(always)]
pub(crate) fn above<S: Lanes>(floor: f64, flow: S) -> S {
    S::choose_less(flow.abs(), S::splat(floor), S::ZERO, flow)
}

/// The flow into a block in, the transposed solution out: lower and upper factors and inverse pivots are given, `at` says where
/// a position has its number, flows below the floor count as none, and `extremes` sees the flow through each vertex, that one too, and
/// its solution.
#[inline(always)]
pub(crate) fn transposed<S: Lanes>(
    trace: &BlockTrace,
    (lower, upper, inverse): (&[S], &[S], &[S]),
    y: &mut [S],
    at: impl Fn(Position) -> usize,
    floor: f64,
    extremes: &mut Extremes<S>,
) {
    for p in positions(trace) {
        extremes.see(y[at(p)]);
        let value = above(floor, y[at(p)]);
        y[at(p)] = value;
        let (probabilities, columns) = sides(upper, &trace.upper, p);
        for (k, &probability) in probabilities.iter().enumerate() {
            let y = &mut y[at(columns[k])];
            *y = y.plus(probability, value);
        }
    }
    for p in positions(trace).rev() {
        let value = y[at(p)].mul(inverse[p.index()]);
        y[at(p)] = value;
        extremes.see(value);
        let (weights, columns) = sides(lower, &trace.lower, p);
        for (k, &weight) in weights.iter().enumerate() {
            let y = &mut y[at(columns[k])];
            *y = y.plus(weight, value);
        }
    }
}
