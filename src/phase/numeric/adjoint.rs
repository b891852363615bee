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

//! # Small transposed solutions
//!
//! The expected time in a vertex may be far below the smallest `f64`, at the top of a long queue say, and then it comes
//! out less exact, or as zero. An operation that underflows is off by 2^-1074. Off by so much in the time spent in p is off by at most
//! the rate out of p times that in the mass that starts there, and so by the expected reward from there in the time spent anywhere:
//! for all operations of a solve, `2^-1074 * operations * rate * x`. Each further solve multiplies by x and by the number of vertices, and
//! a gradient by a coefficient and 2 x. With the largest of each, moments (whose first x is the expected time itself)
//! have a size above which nothing that was lost can matter ([`Adjoint::is_accurate`]). Other rewards need transposed solutions
//! that are safe.

use crate::phase::numeric::differences::Differences;
use crate::phase::numeric::extended::Range;
use crate::phase::numeric::kernel::{Column, Kernel};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::{Derivatives, Plan};
use crate::phase::numeric::sensitivity::{Sensitivity, Units};
use crate::phase::trace::EliminationTrace;

/// The relative error that a gradient may have.
const TOLERANCE: f64 = 1e-11;

/// Gradients below two to this power may have lost digits to underflow.
const SMALLEST: f64 = -800.0;

/// The binary logarithm of more operations than any solve takes, and of more edges than any vertex has.
const COUNT: f64 = 40.0;
const ROW: f64 = 32.0;

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
    /// What one of `bound` stands for, in units of 2^-53.
    unit: f64,
    least: S,
    largest: S,
}

/// Sums over edges by source and output, and their bounds.
pub(crate) struct Sums<S> {
    outputs: usize,
    values: Vec<S>,
    bounds: Vec<S>,
    /// How much the error of a product counts beside that of a difference.
    products: S,
}

impl<S: Lanes> Sums<S> {
    /// Adds the share of a row: `factor * y * D` for each term.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        source: u32,
        terms: &[Term],
        y: &[S],
        values: impl Fn(usize) -> S,
        bounds: impl Fn(usize) -> S,
    ) {
        let first = source as usize * self.outputs;
        for term in terms {
            let mut weight = y[term.y];
            if term.factor != 1.0 {
                weight = weight.mul(S::splat(term.factor));
            }
            let (value, bound) = (values(term.x), bounds(term.x));
            let bound = bound.plus(self.products, value.abs());
            let at = first + term.output;
            self.values[at] = self.values[at].plus(weight, value);
            self.bounds[at] = self.bounds[at].plus(weight.abs(), bound);
        }
    }

    /// Begins anew; the unit of the bounds.
    fn clear(&mut self, units: Units) -> f64 {
        self.values.fill(S::ZERO);
        self.bounds.fill(S::ZERO);
        self.products = S::splat(units.product / units.difference);
        units.difference
    }
}

/// An output's gradient is the sum of `factor * y_i' (-dA) x_j` over its terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub output: usize,
    /// Which transposed solution.
    pub y: usize,
    /// Which column.
    pub x: usize,
    pub factor: f64,
}

/// The terms of the first moments.
///
/// From the 171st on their factors are infinite; the gradients are not accurate then, and are left to numbers without
/// bounds.
pub(crate) fn moment_terms(order: usize) -> Vec<Term> {
    let mut terms = Vec::new();
    for k in 1..=order {
        // k! / j! from j = k downwards.
        let mut factor = 1.0;
        for j in (1..=k).rev() {
            terms.push(Term {
                output: k - 1,
                y: k - j,
                x: j - 1,
                factor,
            });
            factor *= j as f64;
        }
    }
    terms
}

/// What a gradient is made of.
#[derive(Clone, Copy)]
pub(crate) struct Ingredients<'a, S> {
    pub trace: &'a EliminationTrace,
    pub plan: &'a Plan,
    pub sensitivity: &'a Sensitivity,
    pub kernel: &'a Kernel<S>,
    pub columns: &'a [Column<'a>],
    pub terms: &'a [Term],
}

impl<S: Lanes> Adjoint<S> {
    pub(crate) fn new(trace: &EliminationTrace, plan: &Plan, count: usize, outputs: usize) -> Self {
        let zeros = |count: usize| vec![S::ZERO; count];
        let gradient = outputs * trace.param_length();
        let sources = if outputs == 0 { 0 } else { plan.source_count() };
        Self {
            count,
            y: zeros(trace.0.layout.transient.len() * count),
            gradient: zeros(gradient),
            bound: zeros(gradient),
            sums: Sums {
                outputs,
                values: zeros(sources * outputs),
                bounds: zeros(sources * outputs),
                products: S::ZERO,
            },
            inverse: zeros(sources),
            differences: None,
            cancellation: S::ZERO,
            unit: 0.0,
            least: S::ZERO,
            largest: S::ZERO,
        }
    }

    /// Solves the transposed systems, after a run of the kernel that kept its factors.
    #[inline(always)]
    pub(crate) fn run(&mut self, trace: &EliminationTrace, plan: &Plan, kernel: &Kernel<S>) {
        let layout = &trace.0.layout;
        self.y.fill(S::ZERO);
        self.least = S::splat(f64::INFINITY);
        self.largest = S::ZERO;
        for &(rank, probability) in &plan.start {
            let y = &mut self.y[rank as usize * self.count];
            *y = y.add(S::splat(probability));
        }
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            for i in 0..self.count {
                if i > 0 {
                    for rank in members.clone() {
                        let previous = self.y[rank * self.count + i - 1];
                        let y = &mut self.y[rank * self.count + i];
                        *y = y.add(previous);
                    }
                }
                self.solve(trace, kernel, block, i);
            }
            for rank in members {
                for slot in plan.external(rank) {
                    let rate = kernel.rate(slot);
                    for i in 0..self.count {
                        let value = self.y[rank * self.count + i];
                        let y = &mut self.y[slot.target as usize * self.count + i];
                        *y = y.plus(rate, value);
                    }
                }
            }
        }
    }

    /// Replaces what flowed into a block by the transposed solution.
    #[inline(always)]
    fn solve(&mut self, trace: &EliminationTrace, kernel: &Kernel<S>, block: usize, i: usize) {
        let members = trace.0.layout.block(block);
        let inverse = &kernel.inverse[members.clone()];
        let y = &mut self.y[members.start * self.count..members.end * self.count];
        let at = |p: usize| p * self.count + i;
        let mut put = |y: &mut S, value: S| {
            self.least = self.least.min_nonzero(value);
            self.largest = self.largest.max(value);
            *y = value;
        };
        let Some(block_trace) = trace.0.block_trace(block) else {
            let value = y[at(0)].mul(inverse[0]);
            put(&mut y[at(0)], value);
            return;
        };
        let place = trace.0.places[block];
        let size = block_trace.size();
        for p in 0..size {
            let value = y[at(p)];
            let chances = &kernel.upper[place.upper..][block_trace.upper.range(p)];
            for (&chance, &u) in chances.iter().zip(block_trace.upper.row(p)) {
                let y = &mut y[at(u as usize)];
                *y = y.plus(chance, value);
            }
        }
        for p in (0..size).rev() {
            let flow = y[at(p)];
            put(&mut y[at(p)], flow);
            let value = flow.mul(inverse[p]);
            put(&mut y[at(p)], value);
            let weights = &kernel.lower[place.lower..][block_trace.lower.range(p)];
            for (&weight, &v) in weights.iter().zip(block_trace.lower.row(p)) {
                let y = &mut y[at(v as usize)];
                *y = y.plus(weight, value);
            }
        }
    }

    /// Adds up the gradients the plain way.
    #[inline(always)]
    pub(crate) fn add_up(&mut self, of: Ingredients<'_, S>) {
        self.unit = self.sums.clear(of.sensitivity.plain);
        let constant = of.plan.parameters;
        for (inverse, &source) in self.inverse.iter_mut().zip(&of.kernel.sources) {
            *inverse = source.inverse();
        }
        self.cancellation = of.plan.cancellation(&of.kernel.sources);
        let columns = of.kernel.columns;
        let mut values = vec![S::ZERO; columns];
        let mut bounds = vec![S::ZERO; columns];
        for rank in 0..of.plan.transient.len() {
            let y = &self.y[rank * self.count..(rank + 1) * self.count];
            match of.sensitivity.row(rank) {
                [only] if only.source as usize == constant => {}
                [only] => {
                    let inverse = self.inverse[only.source as usize];
                    for (k, column) in of.columns.iter().enumerate() {
                        values[k] = of.kernel.own_side(of.plan, column, rank).mul(inverse);
                    }
                    self.sums
                        .add(only.source, of.terms, y, |k| values[k], |_| S::ZERO);
                }
                row => {
                    let x = &of.kernel.x[rank * columns..(rank + 1) * columns];
                    for edges in row.iter().filter(|e| e.source as usize != constant) {
                        let targets = of.sensitivity.targets(edges);
                        for k in 0..columns {
                            let mut there = S::ZERO;
                            for &(coefficient, target) in targets {
                                let x = of.kernel.x[target as usize * columns + k];
                                there = there.plus(S::splat(coefficient), x);
                            }
                            let here = S::splat(edges.total).mul(x[k]);
                            values[k] = here.sub(there);
                            bounds[k] = here.add(there);
                        }
                        self.sums
                            .add(edges.source, of.terms, y, |k| values[k], |k| bounds[k]);
                    }
                }
            }
        }
        self.put_together(of.plan);
    }

    /// Adds up the gradients from differences.
    #[inline(always)]
    pub(crate) fn add_up_differences(&mut self, of: Ingredients<'_, S>) {
        self.unit = self.sums.clear(of.sensitivity.differences);
        let differences = self
            .differences
            .get_or_insert_with(|| Differences::new(of.trace, of.plan, of.sensitivity));
        for k in 0..of.columns.len() {
            differences.add_up(of, k, &self.inverse, (&self.y, self.count), &mut self.sums);
        }
        self.put_together(of.plan);
    }

    /// Sums by parameter from sums by source.
    #[inline(always)]
    fn put_together(&mut self, plan: &Plan) {
        self.gradient.fill(S::ZERO);
        self.bound.fill(S::ZERO);
        let Sums {
            outputs,
            values,
            bounds,
            ..
        } = &self.sums;
        for source in 0..values.len() / (*outputs).max(1) {
            let mut add = |parameter: usize, coefficient: f64| {
                for output in 0..*outputs {
                    let (from, to) = (
                        source * outputs + output,
                        output * plan.parameters + parameter,
                    );
                    let coefficient = S::splat(coefficient);
                    self.gradient[to] = self.gradient[to].sub(coefficient.mul(values[from]));
                    self.bound[to] = self.bound[to].plus(coefficient.abs(), bounds[from]);
                }
            };
            match plan.derivatives(source as u32) {
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
        let rate = coefficient + bits(largest(&kernel.sources)) + ROW;
        let order = self.count as f64;
        let lost = -1074.0 + COUNT * order + rate + coefficient + x * (order + 1.0) + 1.0;
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
        let is_chain = of.columns.iter().all(|column| column.reward.is_none());
        if !(of.sensitivity.is_safe && (is_safe || is_chain))
            || !(self.largest.lane(lane) <= Range::LIMIT)
        {
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
