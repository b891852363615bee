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
//! # Where it serves
//!
//! It costs two solves and a few passes over the edges per solution and no elimination, so it is the cheapest way to more digits
//! where blocks fill up. It answers as long as no more than about twelve of the thirty digits cancel, in the
//! differences of solutions or in the sum over edges. On stiff chains all of them do:
//! [`differences`](crate::phase::numeric::differences) is for those.

use crate::phase::index::{Index, Rank};
use crate::phase::numeric::extended::power_of_two;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::sources::Sources;
use crate::phase::numeric::terms::Ingredients;
use crate::phase::numeric::twofold::{SHARE, Twofold};

/// What every bound has on top for operations that underflow, each of which is off by 2^-1074.
const TINY: f64 = power_of_two(-990);

/// A bound is solved for with factors in `f64`, which are right to a few digits at the very least (O'Cinneide 1993: to
/// `9 n^3 2^-53`); so the solve is off by less than this factor.
const SOLVE: f64 = 2.0;

/// Operations beside those that are counted, in each sum.
const BESIDE: f64 = 16.0;

/// Solutions with twice the digits, and bounds on their errors.
struct Solutions<S> {
    /// Of rank r and column k at `r * columns + k`, as in the kernel.
    values: Vec<Twofold<S>>,
    errors: Vec<S>,
    columns: usize,
}

impl<S: Lanes> Solutions<S> {
    fn new(vertices: usize, columns: usize) -> Self {
        Self {
            values: vec![Twofold::ZERO; vertices * columns],
            errors: vec![S::ZERO; vertices * columns],
            columns,
        }
    }

    #[inline(always)]
    fn at(&self, rank: Rank, k: usize) -> usize {
        rank.index() * self.columns + k
    }

    /// Takes solutions that are not refined yet.
    #[inline(always)]
    fn load(&mut self, values: &[S]) {
        for (own, &value) in self.values.iter_mut().zip(values) {
            *own = Twofold::new(value);
        }
    }

    #[inline(always)]
    fn add(&mut self, k: usize, corrections: &[S]) {
        let own = self.values.iter_mut().skip(k).step_by(self.columns);
        for (own, &correction) in own.zip(corrections) {
            *own = own.plus(correction);
        }
    }

    #[inline(always)]
    fn bound(&mut self, k: usize, errors: &[S]) {
        let own = self.errors.iter_mut().skip(k).step_by(self.columns);
        for (own, &error) in own.zip(errors) {
            *own = error.mul(S::splat(SOLVE));
        }
    }
}

/// The workspace of one group of lanes.
pub(crate) struct Refinement<S> {
    sources: Vec<Twofold<S>>,
    x: Solutions<S>,
    y: Solutions<S>,
    /// By rank: residuals, and what they may be off by.
    residuals: Vec<Twofold<S>>,
    slack: Vec<S>,
    /// By rank: how much was added up in a residual, and how many numbers.
    sizes: Vec<S>,
    operations: Vec<f64>,
    /// By rank: one column of a solve.
    column: Vec<S>,
    /// By rank: what is left of a transposed residual, and how much was added up in it.
    flows: Vec<(S, S)>,
    /// By group of edges: the sum D of the column at hand, and what it is off by beside the errors of x.
    sums_of_edges: Vec<(Twofold<S>, S)>,
    /// By source and output.
    sums: Vec<Twofold<S>>,
    bounds: Vec<S>,
}

impl<S: Lanes> Refinement<S> {
    pub(crate) fn new(of: &Ingredients<'_, S>, solves: usize, outputs: usize) -> Self {
        let (vertices, sources) = (of.ranks.all().len(), of.ranks.sources().count());
        Self {
            sources: vec![Twofold::ZERO; sources],
            x: Solutions::new(vertices, of.kernel.columns()),
            y: Solutions::new(vertices, solves),
            residuals: vec![Twofold::ZERO; vertices],
            slack: vec![S::ZERO; vertices],
            sizes: vec![S::ZERO; vertices],
            operations: vec![0.0; vertices],
            column: vec![S::ZERO; vertices],
            flows: vec![(S::ZERO, S::ZERO); vertices],
            sums_of_edges: vec![(Twofold::ZERO, S::ZERO); of.sensitivity.groups()],
            sums: vec![Twofold::ZERO; sources * outputs],
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
        let sources = of.ranks.sources();
        sources.evaluate_twofold(of.kernel.sources(), &mut self.sources);
        let cancellation = sources.cancellation(of.kernel.sources());
        self.x.load(of.kernel.solutions());
        self.y.load(y);
        self.sums.fill(Twofold::ZERO);
        self.bounds.fill(S::ZERO);
        for i in 0..self.y.columns {
            self.transposed_residual(of, i);
            self.correct_transposed(of, i, cancellation);
        }
        for k in 0..of.right.len() {
            self.residual(of, k);
            self.correct(of, k, cancellation);
            self.edges(of, k, cancellation);
        }
        self.put_together(of.ranks, of.kernel.sources(), gradient, bound);
    }

    /// The residual of a solution and the sums over its edges.
    #[inline(always)]
    fn residual(&mut self, of: Ingredients<'_, S>, k: usize) {
        let mut group = 0;
        for rank in of.ranks.all().iter() {
            let (mut residual, error) = self.right_hand_side(of, k, rank);
            let (mut size, mut operations) = (residual.high.abs(), BESIDE);
            let here = self.x.values[self.x.at(rank, k)];
            for edges in of.sensitivity.row(rank) {
                let mut sum = here.mul(edges.exact_total());
                let mut added_up = sum.high.abs();
                let targets = of.sensitivity.targets(edges);
                for &(coefficient, target) in targets {
                    let there = self.x.values[self.x.at(target, k)].times(S::splat(coefficient));
                    sum = sum.sub(there);
                    added_up = added_up.add(there.high.abs());
                }
                let source = self.sources[edges.source as usize];
                residual = residual.sub(sum.mul(source));
                size = size.plus(source.high.abs(), added_up);
                operations += 1.0 + targets.len() as f64;
                let share = S::splat(SHARE * (BESIDE + targets.len() as f64));
                self.sums_of_edges[group] = (sum, added_up.mul(share));
                group += 1;
            }
            let at = rank.index();
            (self.residuals[at], self.slack[at]) = (residual, error);
            (self.sizes[at], self.operations[at]) = (size, operations);
        }
    }

    /// Corrects a solution and the sums over its edges by the residual, and bounds what is left.
    ///
    /// The residual of what is corrected is `residual - A correction`. Both are so small that `f64` is enough for it, if its
    /// roundings are added to the bound.
    #[inline(always)]
    fn correct(&mut self, of: Ingredients<'_, S>, k: usize, cancellation: S) {
        self.load_column();
        of.kernel.solve(of.ranks, &mut self.column);
        let mut group = 0;
        for rank in of.ranks.all().iter() {
            let at = rank.index();
            let here = self.column[at];
            let mut left = self.residuals[at].high;
            let mut size = left.abs();
            for edges in of.sensitivity.row(rank) {
                let mut sum = here.mul(S::splat(edges.total));
                let mut added_up = sum.abs();
                let targets = of.sensitivity.targets(edges);
                for &(coefficient, target) in targets {
                    let there = self.column[target.index()].mul(S::splat(coefficient));
                    sum = sum.sub(there);
                    added_up = added_up.add(there.abs());
                }
                let (value, error) = &mut self.sums_of_edges[group];
                *value = value.plus(sum);
                let roundings = S::splat(f64::EPSILON * (BESIDE + targets.len() as f64));
                *error = error.plus(roundings, added_up);
                let source = self.sources[edges.source as usize].high;
                left = left.sub(sum.mul(source));
                size = size.plus(source.abs(), added_up);
                group += 1;
            }
            self.keep(at, left, size, cancellation);
        }
        self.x.add(k, &self.column);
        self.column.copy_from_slice(&self.slack);
        of.kernel.solve(of.ranks, &mut self.column);
        self.x.bound(k, &self.column);
    }

    /// What is left of a residual, as the bound that is solved for.
    #[inline(always)]
    fn keep(&mut self, at: usize, left: S, size: S, cancellation: S) {
        let operations = self.operations[at];
        let share = S::splat(SHARE * operations).mul(cancellation);
        let roundings = S::splat(f64::EPSILON * operations).mul(cancellation);
        let slack = self.slack[at].add(S::splat(TINY));
        self.slack[at] = slack
            .add(left.abs())
            .add(self.residuals[at].low.abs())
            .plus(share, self.sizes[at])
            .plus(roundings, size);
    }

    #[inline(always)]
    fn load_column(&mut self) {
        for (column, residual) in self.column.iter_mut().zip(&self.residuals) {
            *column = residual.high;
        }
    }

    /// A right-hand side, and what it may be off by.
    #[inline(always)]
    fn right_hand_side(&self, of: Ingredients<'_, S>, k: usize, rank: Rank) -> (Twofold<S>, S) {
        let right = &of.right[k];
        let (mut value, mut error) = match right.previous {
            Some(previous) => {
                let at = self.x.at(rank, previous);
                (self.x.values[at], self.x.errors[at])
            }
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

    /// The residual of a transposed solution.
    #[inline(always)]
    fn transposed_residual(&mut self, of: Ingredients<'_, S>, i: usize) {
        self.slack.fill(S::ZERO);
        self.operations.fill(BESIDE);
        if i == 0 || !of.starts.is_empty() {
            self.residuals.fill(Twofold::ZERO);
            self.sizes.fill(S::ZERO);
            match of.starts.get(i) {
                Some(start) => {
                    for rank in of.ranks.all().iter() {
                        let weight = start[of.ranks.transient(rank)];
                        self.flow(rank, Twofold::new(S::splat(weight)));
                    }
                }
                None => {
                    for &(rank, probability) in of.ranks.start() {
                        self.flow(rank, Twofold::new(S::splat(probability)));
                    }
                }
            }
        } else {
            for rank in of.ranks.all().iter() {
                let (at, before) = (rank.index(), self.y.at(rank, i - 1));
                self.residuals[at] = self.y.values[before];
                self.sizes[at] = self.residuals[at].high.abs();
                self.slack[at] = self.y.errors[before];
            }
        }
        for rank in of.ranks.all().iter() {
            let here = self.y.values[self.y.at(rank, i)];
            for edges in of.sensitivity.row(rank) {
                let flow = here.mul(self.sources[edges.source as usize]);
                self.flow(rank, Twofold::ZERO.sub(flow.mul(edges.exact_total())));
                for &(coefficient, target) in of.sensitivity.targets(edges) {
                    self.flow(target, flow.times(S::splat(coefficient)));
                }
            }
        }
    }

    /// Adds a flow into a vertex.
    #[inline(always)]
    fn flow(&mut self, rank: Rank, flow: Twofold<S>) {
        let at = rank.index();
        self.residuals[at] = self.residuals[at].add(flow);
        self.sizes[at] = self.sizes[at].add(flow.high.abs());
        self.operations[at] += 1.0;
    }

    /// Corrects a transposed solution, as [`correct`](Self::correct) does a solution.
    #[inline(always)]
    fn correct_transposed(&mut self, of: Ingredients<'_, S>, i: usize, cancellation: S) {
        self.load_column();
        of.kernel.solve_transposed(of.ranks, &mut self.column);
        // The flows of the correction, and how much they add up to.
        let mut flows = std::mem::take(&mut self.flows);
        for (flow, residual) in flows.iter_mut().zip(&self.residuals) {
            *flow = (residual.high, residual.high.abs());
        }
        let mut add = |rank: Rank, flow: S| {
            let (left, size) = &mut flows[rank.index()];
            *left = left.add(flow);
            *size = size.add(flow.abs());
        };
        for rank in of.ranks.all().iter() {
            let here = self.column[rank.index()];
            for edges in of.sensitivity.row(rank) {
                let flow = here.mul(self.sources[edges.source as usize].high);
                add(rank, S::ZERO.sub(flow.mul(S::splat(edges.total))));
                for &(coefficient, target) in of.sensitivity.targets(edges) {
                    add(target, flow.mul(S::splat(coefficient)));
                }
            }
        }
        for (at, &(left, size)) in flows.iter().enumerate() {
            self.keep(at, left, size, cancellation);
        }
        self.flows = flows;
        self.y.add(i, &self.column);
        self.column.copy_from_slice(&self.slack);
        of.kernel.solve_transposed(of.ranks, &mut self.column);
        self.y.bound(i, &self.column);
    }

    /// Adds what a solution has in the sums by source and output, and in their bounds.
    #[inline(always)]
    fn edges(&mut self, of: Ingredients<'_, S>, k: usize, cancellation: S) {
        let constant = of.ranks.sources().parameters();
        let outputs = self.sums.len() / self.sources.len().max(1);
        // A product's share, and those of all sums that it enters.
        let share = SHARE * (BESIDE + of.sensitivity.groups() as f64);
        let share = S::splat(share).mul(cancellation);
        let mut group = 0;
        for rank in of.ranks.all().iter() {
            let error_here = self.x.errors[self.x.at(rank, k)];
            for edges in of.sensitivity.row(rank) {
                let (difference, mut error) = self.sums_of_edges[group];
                group += 1;
                if edges.source as usize == constant {
                    continue;
                }
                error = error.plus(S::splat(edges.total), error_here);
                for &(coefficient, target) in of.sensitivity.targets(edges) {
                    let error_there = self.x.errors[self.x.at(target, k)];
                    error = error.plus(S::splat(coefficient), error_there);
                }
                let size = difference.high.abs().add(error);
                for term in of.terms.iter().filter(|term| term.x == k) {
                    let at = self.y.at(rank, term.y);
                    let (y, y_error) = (self.y.values[at], self.y.errors[at]);
                    let mut product = y.mul(difference);
                    let mut bound = S::splat(TINY)
                        .plus(y.high.abs().add(y_error), error)
                        .plus(y_error, size)
                        .plus(share, product.high.abs());
                    if term.factor != 1.0 {
                        let factor = S::splat(term.factor);
                        // The factorials of high moments are rounded.
                        if term.factor >= FACTORIALS {
                            bound = bound.plus(S::splat(ROUNDED), product.high.abs());
                        }
                        (product, bound) = (product.times(factor), bound.mul(factor));
                    }
                    let at = edges.source as usize * outputs + term.output;
                    self.sums[at] = self.sums[at].add(product);
                    self.bounds[at] = self.bounds[at].add(bound);
                }
            }
        }
    }

    /// Sums by parameter from sums by source.
    #[inline(always)]
    fn put_together(&self, ranks: &Ranks, theta: &[S], gradient: &mut [S], bound: &mut [S]) {
        let (parameters, sources) = (ranks.sources().parameters(), self.sources.len());
        let outputs = self.sums.len() / sources.max(1);
        let mut totals = vec![Twofold::ZERO; gradient.len()];
        bound.fill(S::ZERO);
        let share = S::splat(SHARE * (BESIDE + sources as f64));
        for source in 0..sources {
            let sources = ranks.sources();
            let source = source as u32;
            for edge in sources.edges_of(&source) {
                for (number, coefficient) in sources.terms_of(source, edge) {
                    let factors = sources.factors(number);
                    for (place, &parameter) in factors.iter().enumerate() {
                        let slope = Sources::slope(*coefficient, factors, place, theta);
                        for output in 0..outputs {
                            let from = source as usize * outputs + output;
                            let to = output * parameters + parameter as usize;
                            let sum = self.sums[from];
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
