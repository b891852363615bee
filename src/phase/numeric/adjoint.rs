//! Gradients by the adjoint: one transposed solve with the same factors per moment.
//!
//! With A x_j = j x_{j-1} and x_0 = 1, the k-th moment is alpha x_k. Let A' y_1 = alpha and A' y_{i+1} = y_i. Then
//!
//! ```text
//! d m_k = - sum over j = 1..k of (k! / j!) y_{k-j+1}' (dA) x_j
//!       = - sum over edges v -> u of dw(v, u) * sum over j of (k! / j!) y_{k-j+1}(v) (x_j(v) - x_j(u))
//! ```
//!
//! because dA has the row sums of the derivatives of the rates on its diagonal and their negatives beside it; x is 0 at
//! absorbing vertices. y_1 is the expected time spent in each vertex, so it is also the gradient with respect to rewards.
//!
//! # Accuracy
//!
//! x and y are sums of products of nonnegative numbers and accurate entry by entry; the differences x(v) - x(u) need not
//! be. So every sum is accompanied by a *bound*: what its terms' errors add up to, in units of the relative error of a single
//! x or y. [`Adjoint::is_accurate`] compares the two. There are two ways to form the sum over a row's edges with
//! one source, `D = sum of c(v, u) (x(v) - x(u))`:
//!
//! 1. Plainly, as `c(v) x(v) - sum of c(v, u) x(u)`, with c(v) the sum of the coefficients: one multiply-add per edge. Its bound is the
//!    same with a plus.
//! 2. From differences of solutions that are computed from the factors and not by subtraction
//!    ([`differences`](crate::phase::numeric::differences)), for the lanes for which the first bound is too large.
//!
//! Row v of A x = r says that the D of all its sources, times the sources' values, add up to r(v). So a row
//! with a single source has `D = r(v) / source`: no differences at all.
//!
//! What neither settles is left to arbitrary precision ([`certified`](crate::phase::evaluate::certified)).
//!
//! # The unit of the bounds
//!
//! A relative error is handed on from sum to sum, so it grows with the length of the longest chain of sums
//! ([`Sensitivity::steps`]), and it grows linearly at worst in practice too: chains with the same rates at each level
//! round the same way at each. The unit is `(STEADY + PER_STEP * steps) * 2^-53`. The worst that roundings can do is
//! more than that, by the number of operations per sum and by the amplification in a block of many vertices (O'Cinneide 1993 has n^3
//! in all). That worst case does not occur; the two constants are set four times higher than the largest
//! error found against exact rationals and against 256 bits, on chains, grids, random and dense graphs.

use crate::phase::index::{Index, Position, Rank};
use crate::phase::numeric::differences::Differences;
use crate::phase::numeric::extended::{Range, power_of_two};
use crate::phase::numeric::kernel::{Diagonal, Kernel};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::sensitivity::Sensitivity;
use crate::phase::numeric::sources::Derivatives;
use crate::phase::numeric::terms::{Ingredients, Sums};

/// The relative error that a gradient may have.
const TOLERANCE: f64 = 1e-11;

/// The relative error of a number that takes few sums, in units of 2^-53.
const STEADY: f64 = 32.0;

/// What each further sum adds to it.
const PER_STEP: f64 = 1.0;

/// Gradients below this may have lost digits to underflow.
const SMALLEST: f64 = power_of_two(-800);

/// Transposed solutions and gradients of a group of lanes.
pub(crate) struct Adjoint<S> {
    count: usize,
    /// Solution i of rank r is `y[r * count + i]`.
    pub y: Vec<S>,
    /// By output and parameter.
    pub gradient: Vec<S>,
    bound: Vec<S>,
    /// By source and output: the same before it is put together by parameter.
    sums: Sums<S>,
    /// One over each source.
    inverse: Vec<S>,
    differences: Option<Differences<S>>,
    /// By how much rates exceed themselves before their terms cancel.
    cancellation: S,
    least: S,
    largest: S,
}

impl<S: Lanes> Adjoint<S> {
    pub(crate) fn new(ranks: &Ranks, count: usize, outputs: usize) -> Self {
        let zeros = |count: usize| vec![S::ZERO; count];
        let gradient = outputs * ranks.sources().parameters();
        let sources = if outputs == 0 {
            0
        } else {
            ranks.sources().count()
        };
        Self {
            count,
            y: zeros(ranks.all().len() * count),
            gradient: zeros(gradient),
            bound: zeros(gradient),
            sums: Sums {
                outputs,
                values: zeros(sources * outputs),
                bounds: zeros(sources * outputs),
            },
            inverse: zeros(sources),
            differences: None,
            cancellation: S::ZERO,
            least: S::ZERO,
            largest: S::ZERO,
        }
    }

    /// Transposed solution i of a vertex.
    #[inline(always)]
    pub(crate) fn solution(&self, rank: Rank, i: usize) -> S {
        self.y[rank.index() * self.count + i]
    }

    #[inline(always)]
    fn add(&mut self, rank: Rank, i: usize, value: S) {
        let y = &mut self.y[rank.index() * self.count + i];
        *y = y.add(value);
    }

    /// Solves the transposed systems, after a run of the kernel that retained its factors.
    #[inline(always)]
    pub(crate) fn run(&mut self, ranks: &Ranks, kernel: &Kernel<S>) {
        self.y.fill(S::ZERO);
        self.least = S::INFINITY;
        self.largest = S::ZERO;
        for &(rank, probability) in ranks.start() {
            self.add(rank, 0, S::splat(probability));
        }
        for block in ranks.symbolic().layout().blocks() {
            let members = ranks.block(block);
            for i in 0..self.count {
                if i > 0 {
                    for rank in members.iter() {
                        self.add(rank, i, self.solution(rank, i - 1));
                    }
                }
                self.solve(&kernel.diagonal(ranks, block), kernel, i);
            }
            for rank in members.iter() {
                for (later, rate) in ranks.later(rank) {
                    let rate = kernel.rate(rate);
                    for i in 0..self.count {
                        let value = self.solution(rank, i);
                        let y = &mut self.y[later.index() * self.count + i];
                        *y = y.plus(rate, value);
                    }
                }
            }
        }
    }

    /// Replaces the flow into a block by the transposed solution.
    #[inline(always)]
    fn solve(&mut self, diagonal: &Diagonal<'_>, kernel: &Kernel<S>, i: usize) {
        let count = self.count;
        let mut store = |y: &mut S, value: S| {
            self.least = self.least.min_nonzero(value);
            self.largest = self.largest.max(value);
            *y = value;
        };
        let factors = &kernel.factors;
        let view = match diagonal {
            &Diagonal::Singleton { rank, pivot } => {
                let y = &mut self.y[rank.index() * count + i];
                let value = y.mul(factors.inverse[pivot]);
                store(y, value);
                return;
            }
            Diagonal::Block(view) => view,
        };
        let y = &mut self.y[view.ranks.start.index() * count..view.ranks.end.index() * count];
        let at = |p: Position| p.index() * count + i;
        let inverse = &factors.inverse[view.place.pivots..];
        for p in view.positions() {
            let value = y[at(p)];
            let probabilities = &factors.upper[view.place.upper..][view.trace.upper.range(p)];
            for (&probability, &u) in probabilities.iter().zip(view.trace.upper.row(p)) {
                let y = &mut y[at(u)];
                *y = y.plus(probability, value);
            }
        }
        for p in view.positions().rev() {
            let flow = y[at(p)];
            store(&mut y[at(p)], flow);
            let value = flow.mul(inverse[p.index()]);
            store(&mut y[at(p)], value);
            let weights = &factors.lower[view.place.lower..][view.trace.lower.range(p)];
            for (&weight, &v) in weights.iter().zip(view.trace.lower.row(p)) {
                let y = &mut y[at(v)];
                *y = y.plus(weight, value);
            }
        }
    }

    /// Adds up the gradients the plain way.
    #[inline(always)]
    pub(crate) fn add_up(&mut self, of: Ingredients<'_, S>) {
        self.sums.clear();
        let constant = of.ranks.sources().parameters();
        for (inverse, &source) in self.inverse.iter_mut().zip(of.kernel.sources()) {
            *inverse = source.inverse();
        }
        self.cancellation = of.ranks.sources().cancellation(of.kernel.sources());
        let (sensitivity, columns) = (of.sensitivity, of.kernel.columns());
        let mut values = vec![S::ZERO; columns];
        let mut bounds = vec![S::ZERO; columns];
        for rank in of.ranks.all().iter() {
            let y = &self.y[rank.index() * self.count..][..self.count];
            match sensitivity.row(rank) {
                [only] if only.source as usize == constant => {}
                [only] => {
                    let inverse = self.inverse[only.source as usize];
                    for (k, right) in of.right.iter().enumerate() {
                        let right = of.kernel.own_right_hand_side(of.ranks, right, rank);
                        values[k] = right.mul(inverse);
                    }
                    let value = |k: usize| values[k];
                    self.sums.add(only.source, of.terms, y, value, value);
                }
                row => {
                    for edges in row.iter().filter(|e| e.source as usize != constant) {
                        let targets = sensitivity.targets(edges);
                        for k in 0..columns {
                            let mut there = S::ZERO;
                            for &(coefficient, target) in targets {
                                let x = of.kernel.solution(target, k);
                                there = there.plus(S::splat(coefficient), x);
                            }
                            let here = S::splat(edges.total).mul(of.kernel.solution(rank, k));
                            values[k] = here.sub(there);
                            bounds[k] = here.add(there);
                        }
                        self.sums
                            .add(edges.source, of.terms, y, |k| values[k], |k| bounds[k]);
                    }
                }
            }
        }
        self.put_together(of.ranks);
    }

    /// Adds up the gradients from differences.
    #[inline(always)]
    pub(crate) fn add_up_differences(&mut self, of: Ingredients<'_, S>) {
        self.sums.clear();
        let differences = self
            .differences
            .get_or_insert_with(|| Differences::new(of.ranks, of.sensitivity));
        for k in 0..of.right.len() {
            differences.add_up(of, k, &self.inverse, (&self.y, self.count), &mut self.sums);
        }
        self.put_together(of.ranks);
    }

    /// Sums by parameter from sums by source.
    #[inline(always)]
    fn put_together(&mut self, ranks: &Ranks) {
        let parameters = ranks.sources().parameters();
        self.gradient.fill(S::ZERO);
        self.bound.fill(S::ZERO);
        let Sums {
            outputs,
            values,
            bounds,
        } = &self.sums;
        for source in 0..values.len() / (*outputs).max(1) {
            let mut add = |parameter: usize, coefficient: f64| {
                for output in 0..*outputs {
                    let (from, to) = (source * outputs + output, output * parameters + parameter);
                    let coefficient = S::splat(coefficient);
                    self.gradient[to] = self.gradient[to].sub(coefficient.mul(values[from]));
                    self.bound[to] = self.bound[to].plus(coefficient.abs(), bounds[from]);
                }
            };
            match ranks.sources().derivatives(source as u32) {
                Derivatives::None => {}
                Derivatives::Parameter(parameter) => add(parameter, 1.0),
                Derivatives::General(terms) => {
                    for &(parameter, coefficient) in terms {
                        add(parameter as usize, coefficient);
                    }
                }
            }
        }
    }

    /// Whether a lane's solutions are safe.
    pub(crate) fn is_safe(&self, lane: usize) -> bool {
        let limit = Range::LIMIT;
        self.least.lane(lane) >= 1.0 / limit && self.largest.lane(lane) <= limit
    }

    /// Whether a lane's gradients have enough digits, those aside that are zero at every theta.
    pub(crate) fn is_accurate(
        &self,
        sensitivity: &Sensitivity,
        lane: usize,
        is_zero: impl Fn(usize) -> bool,
    ) -> bool {
        let unit = (STEADY + PER_STEP * sensitivity.steps as f64) * (f64::EPSILON / 2.0);
        let unit = unit * self.cancellation.lane(lane);
        let limit = TOLERANCE / unit;
        let mut entries = self.gradient.iter().zip(&self.bound).enumerate();
        sensitivity.is_safe
            && entries.all(|(entry, (gradient, bound))| {
                let (size, bound) = (gradient.lane(lane).abs(), bound.lane(lane));
                // A bound of zero is a sum without terms.
                bound == 0.0
                    || (bound <= limit * size && size >= SMALLEST && size <= f64::MAX)
                    || (size <= unit * bound && is_zero(entry))
            })
    }
}
