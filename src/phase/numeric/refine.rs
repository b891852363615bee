//! Gradients from solutions with twice the digits, and a bound on their error that is computed and not assumed.
//!
//! # The method
//!
//! A solution x of A x = r has a residual r - A x. Formed with twice the digits of `f64`
//! ([`twofold`](crate::phase::numeric::twofold)), it leads to a correction by one more solve with the factors at hand (iterative
//! refinement; Wilkinson 1963, *Rounding errors in algebraic processes*), after which x has about twice as many digits. A is an
//! M-matrix, whose inverse has no negative entry, so the residual that remains bounds the error, entry by entry:
//!
//! ```text
//! | exact - x |  <=  A^-1 | r - A x |
//! ```
//!
//! The right side is a solve without subtractions too, and so are those of the transposed system. The sums over edges are
//! those of which the residual is made, formed with twice the digits, and the errors of x and y and of each operation are added
//! up beside them.
//!
//! All of it goes block by block, so that what a block needs stays in cache: transposed solutions from the first block to the last,
//! solutions from the last to the first. A block takes what flows in from those before it as they are corrected, with their errors, and
//! solves for its own correction and error.
//!
//! # Where it serves
//!
//! It costs two solves and a few passes over the edges per solution and no elimination, so it is the cheapest way to more digits
//! where blocks fill up. It answers as long as no more than about twelve of the thirty digits cancel, in the
//! differences of solutions or in the sum over edges. On stiff chains all of them do:
//! [`differences`](crate::phase::numeric::differences) is for those.

use crate::phase::index::{Block, Index, Rank};
use crate::phase::numeric::extended::power_of_two;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::solve::FLOOR;
use crate::phase::numeric::sources::Sources;
use crate::phase::numeric::terms::Ingredients;
use crate::phase::numeric::twofold::{Dot, SHARE, Twofold, dot_share};

/// What every bound has on top for operations that underflow, each of which is off by 2^-1074, so that no bound is among the numbers
/// that processors are slow with.
const TINY: f64 = power_of_two(-900);

/// A bound is solved for with factors in `f64`, which are right to a few digits at the very least (O'Cinneide 1993: to
/// `9 n^3 2^-53`); so the solve is off by less than this factor.
const SOLVE: f64 = 2.0;

/// Operations beside those that are counted, in each sum.
const BESIDE: f64 = 16.0;

/// Solutions with twice the digits, and bounds on their errors.
struct Solutions<S> {
    /// Value and error of rank r and column k at `r * columns + k`, as in the kernel. The error is as solved for, block after block;
    /// those who use it as a bound multiply it by [`SOLVE`].
    entries: Vec<(Twofold<S>, S)>,
    columns: usize,
}

impl<S: Lanes> Solutions<S> {
    fn new(vertices: usize, columns: usize) -> Self {
        Self {
            entries: vec![(Twofold::ZERO, S::ZERO); vertices * columns],
            columns,
        }
    }

    #[inline(always)]
    fn get(&self, rank: Rank, k: usize) -> (Twofold<S>, S) {
        self.entries[rank.index() * self.columns + k]
    }

    /// The bound on the error.
    #[inline(always)]
    fn error(&self, rank: Rank, k: usize) -> S {
        self.get(rank, k).1.mul(S::splat(SOLVE))
    }

    #[inline(always)]
    fn entry(&mut self, rank: Rank, k: usize) -> &mut (Twofold<S>, S) {
        &mut self.entries[rank.index() * self.columns + k]
    }
}

/// A residual of the block at hand.
#[derive(Clone, Copy)]
struct Row<S> {
    /// What it is off by, with all that rounding may have hidden.
    slack: S,
    /// What is left of it after the correction, and the magnitudes added up in that.
    left: S,
    left_size: S,
}

impl<S: Lanes> Row<S> {
    const ZERO: Self = Self {
        slack: S::ZERO,
        left: S::ZERO,
        left_size: S::ZERO,
    };

    /// For a residual that adds up numbers of this many operations and with these magnitudes, and is off by so much beside.
    #[inline(always)]
    fn new(residual: Twofold<S>, slack: S, operations: f64, size: S, cancellation: S) -> Self {
        let share = S::splat(dot_share(operations)).mul(cancellation);
        let slack = slack.add(S::splat(TINY)).add(residual.low.abs());
        Self {
            slack: slack.plus(share, size),
            left: residual.high,
            left_size: residual.high.abs(),
        }
    }

    /// A bound on what is left of the residual.
    #[inline(always)]
    fn bound(&self, operations: f64, cancellation: S) -> S {
        let roundings = S::splat(f64::EPSILON * operations).mul(cancellation);
        let slack = self.slack.add(self.left.abs());
        slack.plus(roundings, self.left_size)
    }
}

/// What flows into a vertex: from the start and earlier blocks, and within its own block.
#[derive(Clone, Copy)]
struct Inflow<S> {
    sum: Dot<S>,
    error: S,
}

/// The workspace of one group of lanes.
pub(crate) struct Refinement<S> {
    /// By number of the sum.
    sources: Vec<Twofold<S>>,
    x: Solutions<S>,
    y: Solutions<S>,
    /// By rank.
    inflow: Vec<Inflow<S>>,
    /// By rank: how many numbers are added up in an inflow.
    entering: Vec<f64>,
    /// By position in the block at hand.
    rows: Vec<Row<S>>,
    column: Vec<S>,
    operations: Vec<f64>,
    /// By group of edges of the block at hand: the sum D of the column at hand, and what it is off by beside the errors of the
    /// block's own x.
    sums_of_edges: Vec<(Twofold<S>, S)>,
    /// By number of the sum and output.
    sums: Vec<Dot<S>>,
    bounds: Vec<S>,
}

impl<S: Lanes> Refinement<S> {
    pub(crate) fn new(of: &Ingredients<'_, S>, solves: usize, outputs: usize) -> Self {
        let (vertices, sources) = (of.ranks.all().len(), of.sensitivity.sources().len());
        let mut entering = vec![BESIDE; vertices];
        for rank in of.ranks.all().iter() {
            for edges in of.sensitivity.row(rank) {
                entering[rank.index()] += 2.0;
                for (_, target) in of.sensitivity.targets(edges) {
                    entering[target.index()] += 1.0;
                }
            }
        }
        let size = of.ranks.sizes().block.max(1);
        Self {
            sources: vec![Twofold::ZERO; sources],
            x: Solutions::new(vertices, of.kernel.columns()),
            y: Solutions::new(vertices, solves),
            inflow: vec![
                Inflow {
                    sum: Dot::ZERO,
                    error: S::ZERO
                };
                vertices
            ],
            entering,
            rows: vec![Row::ZERO; size],
            column: vec![S::ZERO; size],
            operations: vec![0.0; size],
            sums_of_edges: Vec::new(),
            sums: vec![Dot::ZERO; sources * outputs],
            bounds: vec![S::ZERO; sources * outputs],
        }
    }

    /// Gradients by output and parameter, and bounds on their errors, from solutions and transposed solutions.
    #[inline(always)]
    pub(crate) fn add_up(
        &mut self,
        of: Ingredients<'_, S>,
        y: &[S],
        gradient: &mut [S],
        bound: &mut [S],
    ) {
        let (sources, values) = (of.ranks.sources(), of.kernel.sources());
        for (own, &source) in self.sources.iter_mut().zip(of.sensitivity.sources()) {
            *own = sources.twofold(source, values);
        }
        let cancellation = sources.cancellation(values);
        self.sums.fill(Dot::ZERO);
        self.bounds.fill(S::ZERO);
        for i in 0..self.y.columns {
            self.begin_transposed(of, i);
            for block in of.ranks.symbolic().layout().blocks() {
                self.transposed(of, y, i, block, cancellation);
            }
        }
        for k in 0..of.right.len() {
            for block in of.ranks.symbolic().layout().blocks().rev() {
                self.block(of, k, block, cancellation);
                self.edges(of, k, block, cancellation);
            }
        }
        self.put_together(of, gradient, bound);
    }

    /// What flows into the vertices to begin with.
    #[inline(always)]
    fn begin_transposed(&mut self, of: Ingredients<'_, S>, i: usize) {
        for rank in of.ranks.all().iter() {
            let (value, error) = match of.starts.get(i) {
                Some(start) => {
                    let weight = S::splat(start[of.ranks.transient(rank)]);
                    (Twofold::new(weight), S::ZERO)
                }
                None if i == 0 => (Twofold::ZERO, S::ZERO),
                None => (self.y.get(rank, i - 1).0, self.y.error(rank, i - 1)),
            };
            let sum = Dot::new(value);
            self.inflow[rank.index()] = Inflow { sum, error };
        }
        if i == 0 && of.starts.is_empty() {
            for &(rank, probability) in of.ranks.start() {
                let inflow = &mut self.inflow[rank.index()];
                inflow.sum = inflow.sum.plus(S::splat(probability), S::splat(1.0));
            }
        }
    }

    /// Corrects a transposed solution in a block and bounds its error, and hands both on to later blocks.
    #[inline(always)]
    fn transposed(
        &mut self,
        of: Ingredients<'_, S>,
        y: &[S],
        i: usize,
        block: Block,
        cancellation: S,
    ) {
        let Self {
            sources,
            inflow,
            entering,
            rows,
            column,
            ..
        } = self;
        let (columns, members) = (self.y.columns, of.ranks.block(block));
        let (first, size) = (members.start.index(), members.len());
        let (rows, column) = (&mut rows[..size], &mut column[..size]);
        for (p, rank) in members.iter().enumerate() {
            let here = y[rank.index() * columns + i];
            let mut outflow = S::ZERO;
            for edges in of.sensitivity.row(rank) {
                let flow = sources[edges.sum as usize].times(here);
                outflow = outflow.plus(flow.high, S::splat(edges.total));
                let own = &mut inflow[rank.index()].sum;
                *own = own.plus_product(flow.negative(), edges.exact_total());
                for &(coefficient, target) in of.sensitivity.inside(edges) {
                    let there = &mut inflow[target.index()].sum;
                    *there = there.plus_twofold(S::splat(coefficient), flow);
                }
            }
            column[p] = outflow;
        }
        for (p, rank) in members.iter().enumerate() {
            let Inflow { sum, error } = inflow[rank.index()];
            let residual = sum.value();
            // What flows in is what flows out and the residual.
            let size = column[p].add(column[p]).add(residual.high.abs());
            rows[p] = Row::new(residual, error, entering[rank.index()], size, cancellation);
            column[p] = residual.high;
        }
        let diagonal = of.kernel.diagonal(of.ranks, block);
        of.kernel
            .solve_diagonal_transposed(&diagonal, column, FLOOR);
        // The residual of what is corrected is the residual less A times the correction. Both are so small that `f64` is
        // enough for it, if its roundings are added to the bound.
        for (p, rank) in members.iter().enumerate() {
            for edges in of.sensitivity.row(rank) {
                let flow = column[p].mul(sources[edges.sum as usize].high);
                let out = flow.mul(S::splat(edges.total));
                rows[p].left = rows[p].left.sub(out);
                rows[p].left_size = rows[p].left_size.add(out.abs());
                for &(coefficient, target) in of.sensitivity.inside(edges) {
                    let there = &mut rows[target.index() - first];
                    let flow = flow.mul(S::splat(coefficient));
                    there.left = there.left.add(flow);
                    there.left_size = there.left_size.add(flow.abs());
                }
            }
        }
        for (p, rank) in members.iter().enumerate() {
            let value = Twofold::new(y[rank.index() * columns + i]).plus(column[p]);
            self.y.entry(rank, i).0 = value;
            column[p] = rows[p].bound(entering[rank.index()], cancellation);
        }
        of.kernel.solve_diagonal_transposed(&diagonal, column, 0.0);
        for (p, rank) in members.iter().enumerate() {
            self.y.entry(rank, i).1 = column[p];
            let (value, error) = self.y.get(rank, i);
            for edges in of.sensitivity.row(rank) {
                let source = sources[edges.sum as usize];
                let (flow, error) = (source.mul(value), source.high.mul(error));
                for &(coefficient, target) in of.sensitivity.later(edges) {
                    let there = &mut inflow[target.index()];
                    let coefficient = S::splat(coefficient);
                    there.sum = there.sum.plus_twofold(coefficient, flow);
                    there.error = there.error.plus(coefficient, error);
                }
            }
        }
    }

    /// Corrects a solution in a block and the sums over its edges, and bounds their errors.
    #[inline(always)]
    fn block(&mut self, of: Ingredients<'_, S>, k: usize, block: Block, cancellation: S) {
        let (members, x) = (of.ranks.block(block), |rank| of.kernel.solution(rank, k));
        let (first, size) = (members.start.index(), members.len());
        self.sums_of_edges.clear();
        for (p, rank) in members.iter().enumerate() {
            let (right, mut slack) = self.right_hand_side(of, k, rank);
            let (mut residual, mut operations) = (Dot::new(right), BESIDE);
            let mut size = right.high.abs();
            let here = x(rank);
            for edges in of.sensitivity.row(rank) {
                let mut sum = Dot::ZERO.plus_twofold(here, edges.exact_total());
                for &(coefficient, target) in of.sensitivity.inside(edges) {
                    sum = sum.plus(S::splat(-coefficient), x(target));
                }
                let mut error = S::ZERO;
                for &(coefficient, target) in of.sensitivity.later(edges) {
                    let (there, error_there) = self.x.get(target, k);
                    sum = sum.plus_twofold(S::splat(-coefficient), there);
                    error = error.plus(S::splat(coefficient), error_there);
                }
                let sum = sum.value();
                // Coefficients and solutions are positive, so what is taken away is what is there less the sum.
                let here = S::splat(edges.total).mul(here);
                let added_up = here.add(here).add(sum.high.abs());
                let source = self.sources[edges.sum as usize];
                residual = residual.plus_product(source.negative(), sum);
                size = size.plus(source.high.abs(), added_up);
                slack = slack.plus(source.high.abs(), error);
                let count = BESIDE + of.sensitivity.targets(edges).len() as f64;
                operations += count;
                let roundings = S::splat(dot_share(count));
                error = error.mul(S::splat(SOLVE)).plus(roundings, added_up);
                self.sums_of_edges.push((sum, error));
            }
            let residual = residual.value();
            self.rows[p] = Row::new(residual, slack, operations, size, cancellation);
            self.operations[p] = operations;
            self.column[p] = residual.high;
        }
        let (rows, column) = (&mut self.rows[..size], &mut self.column[..size]);
        let diagonal = of.kernel.diagonal(of.ranks, block);
        of.kernel.solve_diagonal(&diagonal, column);
        let mut group = 0;
        for (p, rank) in members.iter().enumerate() {
            for edges in of.sensitivity.row(rank) {
                let mut sum = column[p].mul(S::splat(edges.total));
                let mut added_up = sum.abs();
                let targets = of.sensitivity.inside(edges);
                for &(coefficient, target) in targets {
                    let there = column[target.index() - first].mul(S::splat(coefficient));
                    sum = sum.sub(there);
                    added_up = added_up.add(there.abs());
                }
                let (value, error) = &mut self.sums_of_edges[group];
                *value = value.plus(sum);
                let roundings = S::splat(f64::EPSILON * (BESIDE + targets.len() as f64));
                *error = error.plus(roundings, added_up);
                let source = self.sources[edges.sum as usize].high;
                rows[p].left = rows[p].left.sub(sum.mul(source));
                rows[p].left_size = rows[p].left_size.plus(source.abs(), added_up);
                group += 1;
            }
        }
        for (p, rank) in members.iter().enumerate() {
            let value = Twofold::new(of.kernel.solution(rank, k)).plus(column[p]);
            self.x.entry(rank, k).0 = value;
            column[p] = rows[p].bound(self.operations[p], cancellation);
        }
        of.kernel.solve_diagonal(&diagonal, column);
        for (p, rank) in members.iter().enumerate() {
            self.x.entry(rank, k).1 = column[p];
        }
    }

    /// A right-hand side, and what it may be off by.
    #[inline(always)]
    fn right_hand_side(&self, of: Ingredients<'_, S>, k: usize, rank: Rank) -> (Twofold<S>, S) {
        let right = &of.right[k];
        let (mut value, mut error) = match right.previous {
            Some(previous) => (self.x.get(rank, previous).0, self.x.error(rank, previous)),
            None => (Twofold::new(S::splat(1.0)), S::ZERO),
        };
        let reward = right.reward.as_ref();
        let reward = reward.map(|reward| reward[of.ranks.transient(rank)]);
        for factor in [Some(right.factor), reward].into_iter().flatten() {
            value = value.times(S::splat(factor));
            error = error.mul(S::splat(factor.abs()));
        }
        (value, error)
    }

    /// Adds what a solution has in the sums by source and output, and in their bounds, in a block.
    #[inline(always)]
    fn edges(&mut self, of: Ingredients<'_, S>, k: usize, block: Block, cancellation: S) {
        let constant = of.ranks.sources().parameters();
        let outputs = self.sums.len() / self.sources.len().max(1);
        // A product's share, and those of all sums that it enters.
        let share = dot_share(BESIDE + of.sensitivity.groups() as f64);
        let share = S::splat(share).mul(cancellation);
        let mut group = 0;
        for rank in of.ranks.block(block).iter() {
            let error_here = self.x.error(rank, k);
            for edges in of.sensitivity.row(rank) {
                let (difference, mut error) = self.sums_of_edges[group];
                group += 1;
                if edges.source as usize == constant {
                    continue;
                }
                error = error.plus(S::splat(edges.total), error_here);
                for &(coefficient, target) in of.sensitivity.inside(edges) {
                    let error_there = self.x.error(target, k);
                    error = error.plus(S::splat(coefficient), error_there);
                }
                let size = difference.high.abs().add(error);
                for term in of.terms.iter().filter(|term| term.x == k) {
                    let (y, y_error) = (self.y.get(rank, term.y).0, self.y.error(rank, term.y));
                    let product = y.high.mul(difference.high).abs();
                    let mut bound = S::splat(TINY)
                        .plus(y.high.abs().add(y_error), error)
                        .plus(y_error, size)
                        .plus(share, product);
                    let mut y = y;
                    if term.factor != 1.0 {
                        let factor = S::splat(term.factor);
                        // The factorials of high moments are rounded.
                        if term.factor >= FACTORIALS {
                            bound = bound.plus(S::splat(ROUNDED), product);
                        }
                        (y, bound) = (y.times(factor), bound.mul(factor));
                    }
                    let at = edges.sum as usize * outputs + term.output;
                    self.sums[at] = self.sums[at].plus_product(y, difference);
                    self.bounds[at] = self.bounds[at].add(bound);
                }
            }
        }
    }

    /// Sums by parameter from sums by source.
    #[inline(always)]
    fn put_together(&self, of: Ingredients<'_, S>, gradient: &mut [S], bound: &mut [S]) {
        let (sources, theta) = (of.ranks.sources(), of.kernel.sources());
        let (parameters, count) = (sources.parameters(), self.sources.len());
        let outputs = self.sums.len() / count.max(1);
        let mut totals = vec![Twofold::ZERO; gradient.len()];
        bound.fill(S::ZERO);
        let share = S::splat(SHARE * (BESIDE + count as f64));
        for (at, source) in of.sensitivity.sources().iter().enumerate() {
            for edge in sources.edges_of(source) {
                for (number, coefficient) in sources.terms_of(*source, edge) {
                    let factors = sources.factors(number);
                    for (place, &parameter) in factors.iter().enumerate() {
                        let slope = Sources::slope(*coefficient, factors, place, theta);
                        for output in 0..outputs {
                            let from = at * outputs + output;
                            let to = output * parameters + parameter as usize;
                            let sum = self.sums[from].value();
                            totals[to] = totals[to].sub(sum.times(slope));
                            let mut size = self.bounds[from].plus(share, sum.high.abs());
                            if factors.len() > 1 {
                                size = size.plus(S::splat(PRODUCT), sum.high.abs());
                            }
                            bound[to] = bound[to].plus(slope.abs(), size);
                        }
                    }
                }
            }
        }
        for (own, total) in gradient.iter_mut().zip(totals) {
            *own = total.high;
        }
    }
}

/// What rounding a product of parameters makes of a derivative, relative to it.
const PRODUCT: f64 = 16.0 * f64::EPSILON;

/// From here on a quotient of factorials may be rounded, at each of its up to 170 factors.
const FACTORIALS: f64 = 1.0 / f64::EPSILON;
const ROUNDED: f64 = 170.0 * f64::EPSILON;
