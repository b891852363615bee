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
//! # How a bound is read
//!
//! The error of such a sum has two parts. What x and y have in common with their neighbours cancels in a difference and
//! leaves a *product* y D with a relative error; what they have not is a relative error of the terms of the
//! difference, whose sum the bound is. So the error is at most
//!
//! ```text
//! 2^-53 (product * sum of |y D| + difference * bound)
//! ```
//!
//! with two constants per trace ([`Units`](crate::phase::numeric::sensitivity::Units)), which grow with the length of the longest
//! chain of sums: an error is handed on from sum to sum, and on a long chain with the same rates at each level it is the same
//! at each. The worst that roundings can do at all is larger, by the number of operations per sum and by the
//! amplification in a block of many vertices (O'Cinneide 1993 has n^3 in all), and does not occur. The constants are
//! three to ten times the largest errors found against 256 bits and more, on chains to 2000 levels,
//! pairs of chains of nearly equal length (which differ in everything they round), grids, dense, random and stiff graphs.
//!
//! # Small transposed solutions
//!
//! The expected time in a vertex may be far below the smallest `f64`, at the top of a long queue say, and then it comes
//! out less exact, or as zero. An operation that underflows is off by 2^-1074. Off by so much in the time spent in p is off by at most
//! the rate out of p times that in the mass that starts there, and so by the expected reward from there in the time spent anywhere:
//! for all operations of a solve, `2^-1074 * operations * rate * x`. Each further solve multiplies by x and by the number of vertices, and
//! a gradient by a coefficient and 2 x. With the largest of each, moments (whose first x is the expected time itself)
//! have a size above which nothing that was lost can matter ([`Adjoint::is_accurate`]). Other rewards need transposed solutions
//! that are safe.

use crate::phase::index::{Index, Position, Rank};
use crate::phase::numeric::differences::Differences;
use crate::phase::numeric::extended::Range;
use crate::phase::numeric::flows::RightHandSide;
use crate::phase::numeric::kernel::{Diagonal, Kernel};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::refine::Refinement;
use crate::phase::numeric::sensitivity::Sensitivity;
use crate::phase::numeric::solve::{Extremes, FLOOR, FLOOR_EXPONENT, above, transposed};
use crate::phase::numeric::sources::Sources;
use crate::phase::numeric::terms::{Ingredients, Request, Sums};

/// The relative error that a gradient may have.
const TOLERANCE: f64 = 1e-11;

/// By how much more than of its own a term of a product of parameters is off: the product is rounded, at most as often as it has
/// factors.
const PRODUCT: f64 = 2.0;

/// Gradients below two to this power may have lost digits to underflow.
const SMALLEST: f64 = -800.0;

/// The binary logarithm of more operations than any solve takes, and of more edges than any vertex has.
const COUNT: f64 = 40.0;
const ROW: f64 = 32.0;

/// A kernel that has run, and the factors that transposed solves find in it.
pub(crate) enum Factors<'a, S> {
    Retained(&'a Kernel<S>),
    /// Those of the block at hand; each is eliminated again when its turn comes.
    OfOneBlock(&'a mut Kernel<S>),
}

impl<S> Factors<'_, S> {
    #[inline(always)]
    pub(crate) fn kernel(&self) -> &Kernel<S> {
        match self {
            Self::Retained(kernel) => kernel,
            Self::OfOneBlock(kernel) => kernel,
        }
    }
}

/// Transposed solutions and gradients of a group of lanes.
pub(crate) struct Adjoint<S> {
    count: usize,
    /// How many solves follow one another.
    order: usize,
    /// Solution i of rank r is `y[r * count + i]`.
    pub y: Vec<S>,
    /// By output and parameter.
    pub gradient: Vec<S>,
    bound: Vec<S>,
    /// By source and output: the same before it is put together by parameter.
    sums: Sums<S>,
    /// One over each source.
    inverse: Vec<S>,
    /// By column, for the edges at hand: their sum, and its bound.
    values: Vec<(S, S)>,
    differences: Option<Differences<S>>,
    refinement: Option<Refinement<S>>,
    /// By how much rates exceed themselves before their terms cancel.
    cancellation: S,
    /// What one of `bound` stands for, in units of 2^-53.
    unit: f64,
    least: S,
    largest: S,
}

impl<S: Lanes> Adjoint<S> {
    pub(crate) fn new(
        ranks: &Ranks,
        sensitivity: &Sensitivity,
        count: usize,
        outputs: usize,
    ) -> Self {
        let zeros = |count: usize| vec![S::ZERO; count];
        let gradient = outputs * ranks.sources().parameters();
        let sources = if outputs == 0 {
            0
        } else {
            sensitivity.sources().len()
        };
        Self {
            count,
            order: count,
            y: zeros(ranks.all().len() * count),
            gradient: zeros(gradient),
            bound: zeros(gradient),
            sums: Sums {
                outputs,
                values: zeros(sources * outputs),
                bounds: zeros(sources * outputs),
                products: S::ZERO,
            },
            inverse: zeros(sources),
            values: Vec::new(),
            differences: None,
            refinement: None,
            cancellation: S::ZERO,
            unit: 0.0,
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

    /// Solves the transposed systems after a run of the kernel: from the model's start distribution one after the other, or each from
    /// one of the starts. Gradients are added up the plain way as the solutions come.
    #[inline(always)]
    pub(crate) fn run(&mut self, request: Request<'_>, mut factors: Factors<'_, S>) {
        let ranks = request.ranks;
        let kernel = factors.kernel();
        let of = request.of(kernel);
        self.y.fill(S::ZERO);
        self.least = S::INFINITY;
        self.largest = S::ZERO;
        let is_chain = of.starts.is_empty();
        self.order = if is_chain { self.count } else { 1 };
        if is_chain {
            for &(rank, probability) in ranks.start() {
                self.add(rank, 0, S::splat(probability));
            }
        }
        for (i, weights) in of.starts.iter().enumerate() {
            for rank in ranks.all().iter() {
                self.add(rank, i, S::splat(weights[ranks.transient(rank)]));
            }
        }
        self.begin(&of);
        let is_single = self.count == 1 && kernel.columns() <= 1;
        // Where rates are taken apart, what flows on is not in the groups that are summed.
        let reads_once = is_single && !of.sensitivity.takes_rates_apart;
        for block in ranks.symbolic().layout().blocks() {
            if let Factors::OfOneBlock(kernel) = &mut factors {
                kernel.eliminate_again(ranks, block);
            }
            let of = request.of(factors.kernel());
            let members = ranks.block(block);
            for i in 0..self.count {
                if is_chain && i > 0 {
                    for rank in members.iter() {
                        self.add(rank, i, self.solution(rank, i - 1));
                    }
                }
                self.solve(&of.kernel.diagonal(ranks, block), of.kernel, i);
            }
            for rank in members.iter() {
                match reads_once {
                    true => self.pass_on_one(&of, rank),
                    false => self.pass_on(&of, rank),
                }
            }
        }
        if !request.terms.is_empty() {
            self.put_together(request.of(factors.kernel()));
        }
    }

    /// Begins to add up gradients the plain way.
    #[inline(always)]
    fn begin(&mut self, of: &Ingredients<'_, S>) {
        if of.terms.is_empty() {
            return;
        }
        self.unit = self.sums.clear(of.sensitivity.plain);
        for (inverse, &source) in self.inverse.iter_mut().zip(of.sensitivity.sources()) {
            *inverse = of.kernel.source(source).inverse();
        }
        self.cancellation = of.ranks.sources().cancellation(of.kernel.sources());
        self.values.resize(of.kernel.columns(), (S::ZERO, S::ZERO));
    }

    /// Hands the transposed solutions of a vertex on to later blocks.
    #[inline(always)]
    fn hand_on(&mut self, of: &Ingredients<'_, S>, rank: Rank) {
        if of.sensitivity.takes_rates_apart {
            for rate in of.ranks.later(rank) {
                let (later, rate) = (rate.rank(), of.kernel.rate(rate));
                for i in 0..self.count {
                    self.add(later, i, rate.mul(self.solution(rank, i)));
                }
            }
            return;
        }
        for edges in of.sensitivity.row(rank) {
            let source = of.kernel.source(edges.source);
            for i in 0..self.count {
                let flow = self.solution(rank, i).mul(source);
                for &(coefficient, target) in of.sensitivity.later(edges) {
                    self.add(target, i, S::splat(coefficient).mul(flow));
                }
            }
        }
    }

    /// Hands the transposed solutions of a vertex on to later blocks, and adds its edges to the gradients.
    #[inline(always)]
    fn pass_on(&mut self, of: &Ingredients<'_, S>, rank: Rank) {
        self.hand_on(of, rank);
        let (count, row) = (self.count, of.sensitivity.row(rank));
        if of.terms.is_empty() {
            return;
        }
        let constant = of.ranks.sources().parameters();
        for edges in row.iter().filter(|e| e.source as usize != constant) {
            if row.len() == 1 {
                let inverse = self.inverse[edges.sum as usize];
                for (value, right) in self.values.iter_mut().zip(of.right) {
                    let right = of.kernel.own_right_hand_side(of.ranks, right, rank);
                    *value = (right.mul(inverse), S::ZERO);
                }
            } else {
                for (k, value) in self.values.iter_mut().enumerate() {
                    let mut there = S::ZERO;
                    for &(coefficient, target) in of.sensitivity.targets(edges) {
                        let x = of.kernel.solution(target, k);
                        there = there.plus(S::splat(coefficient), x);
                    }
                    let here = S::splat(edges.total).mul(of.kernel.solution(rank, k));
                    *value = (here.sub(there), here.add(there));
                }
            }
            let y = &self.y[rank.index() * count..][..count];
            let values = |k: usize| self.values[k].0;
            let bounds = |k: usize| self.values[k].1;
            self.sums.add(edges.sum, of.terms, y, values, bounds);
        }
    }

    /// [`pass_on`](Self::pass_on) where there is one solution and one transposed solution: edges are read once.
    #[inline(always)]
    fn pass_on_one(&mut self, of: &Ingredients<'_, S>, rank: Rank) {
        let (sensitivity, x) = (of.sensitivity, of.kernel.solutions());
        let constant = of.ranks.sources().parameters() as u32;
        let own = self.y[rank.index()];
        let row = sensitivity.row(rank);
        for edges in row {
            let flow = own.mul(of.kernel.source(edges.source));
            if row.len() == 1 || edges.source == constant || of.terms.is_empty() {
                for &(coefficient, target) in sensitivity.later(edges) {
                    let y = &mut self.y[target.index()];
                    *y = y.plus(S::splat(coefficient), flow);
                }
                if edges.source != constant && !of.terms.is_empty() {
                    let right = &of.right[0];
                    let right = of.kernel.own_right_hand_side(of.ranks, right, rank);
                    let value = right.mul(self.inverse[edges.sum as usize]);
                    let sums = &mut self.sums;
                    sums.add(edges.sum, of.terms, &[own], |_| value, |_| S::ZERO);
                }
                continue;
            }
            let mut there = S::ZERO;
            for &(coefficient, target) in sensitivity.inside(edges) {
                there = there.plus(S::splat(coefficient), x[target.index()]);
            }
            for &(coefficient, target) in sensitivity.later(edges) {
                let coefficient = S::splat(coefficient);
                there = there.plus(coefficient, x[target.index()]);
                let y = &mut self.y[target.index()];
                *y = y.plus(coefficient, flow);
            }
            let here = S::splat(edges.total).mul(x[rank.index()]);
            let (value, bound) = (here.sub(there), here.add(there));
            let sums = &mut self.sums;
            sums.add(edges.sum, of.terms, &[own], |_| value, |_| bound);
        }
    }

    /// Replaces the flow into a block by the transposed solution.
    #[inline(always)]
    fn solve(&mut self, diagonal: &Diagonal<'_>, kernel: &Kernel<S>, i: usize) {
        let count = self.count;
        let (least, largest) = (self.least, self.largest);
        let factors = &kernel.factors;
        let view = match diagonal {
            &Diagonal::Singleton { rank, pivot } => {
                let y = &mut self.y[rank.index() * count + i];
                let inverse = factors.inverse[pivot];
                let exact = y.mul(inverse);
                *y = above(FLOOR, *y).mul(inverse);
                (self.least, self.largest) = (least.min_nonzero(exact), largest.max(exact));
                return;
            }
            Diagonal::Block(view) => view,
        };
        let y = &mut self.y[view.ranks.start.index() * count..view.ranks.end.index() * count];
        let factors = (
            &factors.lower[view.place.lower..],
            &factors.upper[view.place.upper..],
            &factors.inverse[view.place.pivots..],
        );
        let at = |p: Position| match count {
            1 => p.index(),
            _ => p.index() * count + i,
        };
        let mut extremes = Extremes { least, largest };
        transposed(view.trace, factors, y, at, FLOOR, &mut extremes);
        (self.least, self.largest) = (extremes.least, extremes.largest);
    }

    /// Adds up the gradients from differences.
    #[inline(always)]
    pub(crate) fn add_up_differences(&mut self, of: Ingredients<'_, S>) {
        self.unit = self.sums.clear(of.sensitivity.differences);
        self.cancellation = of.ranks.sources().cancellation(of.kernel.sources());
        let differences = self
            .differences
            .get_or_insert_with(|| Differences::new(of.ranks, of.sensitivity));
        for k in 0..of.right.len() {
            differences.add_up(of, k, &self.inverse, (&self.y, self.count), &mut self.sums);
        }
        self.put_together(of);
    }

    /// Adds up the gradients from solutions with twice the digits.
    #[inline(always)]
    pub(crate) fn add_up_refined(&mut self, of: Ingredients<'_, S>) {
        let refinement = self
            .refinement
            .get_or_insert_with(|| Refinement::new(&of, self.count, self.sums.outputs));
        refinement.add_up(of, &self.y, &mut self.gradient, &mut self.bound);
        // The bounds are absolute already.
        self.unit = 2.0 / f64::EPSILON;
        self.cancellation = S::splat(1.0);
    }

    /// Sums by parameter from sums by source.
    #[inline(always)]
    fn put_together(&mut self, of: Ingredients<'_, S>) {
        let (sources, theta) = (of.ranks.sources(), of.kernel.sources());
        let parameters = sources.parameters();
        self.gradient.fill(S::ZERO);
        self.bound.fill(S::ZERO);
        let Sums {
            outputs,
            values,
            bounds,
            ..
        } = &self.sums;
        for (sum, source) in of.sensitivity.sources().iter().enumerate() {
            for edge in sources.edges_of(source) {
                for (number, coefficient) in sources.terms_of(*source, edge) {
                    let factors = sources.factors(number);
                    for (place, &parameter) in factors.iter().enumerate() {
                        let slope = Sources::slope(*coefficient, factors, place, theta);
                        let size = match factors.len() {
                            1 => slope.abs(),
                            _ => slope.abs().mul(S::splat(PRODUCT)),
                        };
                        for output in 0..*outputs {
                            let from = sum * outputs + output;
                            let to = output * parameters + parameter as usize;
                            self.gradient[to] = self.gradient[to].sub(slope.mul(values[from]));
                            self.bound[to] = self.bound[to].plus(size, bounds[from]);
                        }
                    }
                }
            }
        }
    }

    /// Whether the transposed solutions of a lane are what they should be, as answers of their own.
    pub(crate) fn is_safe(&self, lane: usize) -> bool {
        let limit = Range::LIMIT;
        self.least.lane(lane) >= 1.0 / limit && self.largest.lane(lane) <= limit
    }

    /// The size from which a gradient of a lane cannot have lost digits to underflow; see the [module](self).
    fn smallest(&self, of: &Ingredients<'_, S>, lane: usize) -> f64 {
        if self.is_safe(lane) {
            return SMALLEST;
        }
        let kernel = of.kernel;
        let bits = |value: f64| value.max(1.0).log2();
        let largest = |values: &[S]| {
            values
                .iter()
                .map(|v| v.lane(lane).abs())
                .fold(0.0, f64::max)
        };
        let x = bits(largest(&kernel.largest));
        let coefficient = bits(of.sensitivity.largest);
        let rate = coefficient + bits(largest(kernel.sources())) + ROW;
        let order = self.order as f64;
        let lost =
            FLOOR_EXPONENT as f64 + COUNT * order + rate + coefficient + x * (order + 1.0) + 1.0;
        // Far below what may have been lost there is nothing left of eleven digits.
        SMALLEST.max(lost + 60.0)
    }

    /// Whether a lane's gradients have enough digits, those aside that are zero at every theta.
    pub(crate) fn is_accurate(
        &self,
        of: &Ingredients<'_, S>,
        lane: usize,
        is_zero: impl Fn(usize) -> bool,
    ) -> bool {
        let unit = self.unit * (f64::EPSILON / 2.0) * self.cancellation.lane(lane);
        let limit = TOLERANCE / unit;
        let is_safe = self.is_safe(lane);
        let may_underflow = of.right.iter().all(RightHandSide::is_moment)
            && self.largest.lane(lane) <= Range::LIMIT;
        if !of.sensitivity.is_safe || !(is_safe || may_underflow) {
            return false;
        }
        let smallest = self.smallest(of, lane);
        let mut entries = self.gradient.iter().zip(&self.bound).enumerate();
        entries.all(|(entry, (gradient, bound))| {
            let (size, bound) = (gradient.lane(lane).abs(), bound.lane(lane));
            // A bound of zero is a sum without terms, if no term was lost.
            (bound == 0.0 && is_safe)
                || (bound <= limit * size && size.log2() >= smallest && size <= f64::MAX)
                || (size <= unit * bound && is_zero(entry))
        })
    }
}
