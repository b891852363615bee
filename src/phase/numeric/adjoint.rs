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
//! x and y are sums of products of nonnegative numbers and accurate entry by entry; the differences x(v) - x(u) are not.
//! So the sum is accompanied by the sum of the terms' magnitudes, and by that of what they would be with x(v) + x(u) in
//! place of the difference. Where the latter is not much larger than the gradient's entry, the differences have lost
//! little, and the gradient stands.
//!
//! Elsewhere one step of iterative refinement follows: the residual of A x = r is a sum of rates times differences, so it
//! is known to a rounding of the *differences*, and one more solve turns it into a correction of each x, which
//! is kept apart and enters the differences only ([`Column::corrects`](crate::phase::numeric::kernel::Column)). The refined differences
//! are not good to the last digit on any chain: a correction is itself rounded, and so is the residual. So they are
//! given a share [`DOUBT`] of the sum above, and the corrections themselves. Where that exceeds the gradient's entry by more
//! than [`CANCELLATION`], the lane is flagged, and the gradient is computed again with 106 bits. The constants are set by
//! measurement against exact rationals, on chains of growing stiffness.

use crate::phase::numeric::extended::Range;
use crate::phase::numeric::kernel::Kernel;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::{Derivatives, Plan, Slot};
use crate::phase::trace::EliminationTrace;

/// How much larger than a gradient's entry the sum of its magnitudes may be.
pub(crate) const CANCELLATION: f64 = 4096.0;

/// How much a cancellation counts that the refinement has to make up for.
const DOUBT: f64 = 1.0 / 128.0;

/// The same without a refinement.
const DOUBT_UNREFINED: f64 = 0.5;

/// Transposed solutions and gradients of a group of lanes.
pub(crate) struct Adjoint<S> {
    count: usize,
    /// Solution i of rank r is `y[r * count + i]`.
    pub y: Vec<S>,
    /// By output and parameter.
    pub gradient: Vec<S>,
    magnitude: Vec<S>,
    least: S,
    largest: S,
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

impl<S: Lanes> Adjoint<S> {
    pub(crate) fn new(trace: &EliminationTrace, count: usize, outputs: usize) -> Self {
        let zeros = |count: usize| vec![S::ZERO; count];
        let gradient = outputs * trace.param_length();
        Self {
            count,
            y: zeros(trace.0.layout.transient.len() * count),
            gradient: zeros(gradient),
            magnitude: zeros(gradient),
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

    /// Adds up the gradients; refined ones take the corrections, which follow the solutions.
    #[inline(always)]
    pub(crate) fn add_up(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        kernel: &Kernel<S>,
        terms: &[Term],
        refined: bool,
    ) {
        let layout = &trace.0.layout;
        self.gradient.fill(S::ZERO);
        self.magnitude.fill(S::ZERO);
        if terms.is_empty() {
            return;
        }
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            for rank in members.clone() {
                let edges = Edges {
                    plan,
                    kernel,
                    rank,
                    terms,
                    refined,
                };
                self.edges(&edges, members.start);
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

    /// Adds the share that the edges of a row have in the gradients.
    #[inline(always)]
    fn edges(&mut self, edges: &Edges<'_, S>, first: usize) {
        for slot in edges.plan.internal(edges.rank) {
            self.slot(edges, slot, Some(first + slot.target as usize));
        }
        for slot in edges.plan.external(edges.rank) {
            self.slot(edges, slot, Some(slot.target as usize));
        }
        for slot in edges.plan.absorbing(edges.rank) {
            self.slot(edges, slot, None);
        }
    }

    #[inline(always)]
    fn slot(&mut self, edges: &Edges<'_, S>, slot: &Slot, target: Option<usize>) {
        match edges.plan.derivatives(slot.source) {
            Derivatives::None => {}
            Derivatives::Parameter(parameter) => {
                self.edge(edges, target, parameter, slot.coefficient);
            }
            Derivatives::General(terms) => {
                for &(parameter, coefficient) in terms {
                    self.edge(edges, target, parameter as usize, coefficient);
                }
            }
        }
    }

    #[inline(always)]
    fn edge(
        &mut self,
        edges: &Edges<'_, S>,
        target: Option<usize>,
        parameter: usize,
        coefficient: f64,
    ) {
        let Edges { kernel, rank, .. } = *edges;
        let parameters = edges.plan.parameters;
        let columns = kernel.columns;
        let of = |rank: Option<usize>, k: usize| match rank {
            Some(rank) => kernel.x[rank * columns + k],
            None => S::ZERO,
        };
        for term in edges.terms {
            let weight =
                S::splat(term.factor * coefficient).mul(self.y[rank * self.count + term.y]);
            let (here, there) = (of(Some(rank), term.x), of(target, term.x));
            let mut difference = here.sub(there);
            let unsure = if edges.refined {
                let correction = of(Some(rank), columns / 2 + term.x);
                let other = of(target, columns / 2 + term.x);
                difference = difference.add(correction.sub(other));
                let corrected = correction.abs().add(other.abs());
                corrected.plus(S::splat(DOUBT), here.add(there))
            } else {
                S::splat(DOUBT_UNREFINED).mul(here.add(there))
            };
            let share = weight.mul(difference);
            let at = term.output * parameters + parameter;
            self.gradient[at] = self.gradient[at].sub(share);
            self.magnitude[at] = self.magnitude[at]
                .add(share.abs())
                .plus(weight.abs(), unsure);
        }
    }

    /// Whether a lane's solutions are safe.
    pub(crate) fn is_safe(&self, lane: usize) -> bool {
        let limit = Range::LIMIT;
        self.least.lane(lane) >= 1.0 / limit && self.largest.lane(lane) <= limit
    }

    /// Whether a lane's gradients have enough digits.
    pub(crate) fn is_accurate(&self, lane: usize) -> bool {
        self.gradient
            .iter()
            .zip(&self.magnitude)
            .all(|(gradient, magnitude)| {
                let magnitude = magnitude.lane(lane);
                magnitude <= CANCELLATION * gradient.lane(lane).abs() && magnitude <= f64::MAX
            })
    }
}

/// The edges of one row, and what their share is made of.
struct Edges<'a, S> {
    plan: &'a Plan,
    kernel: &'a Kernel<S>,
    rank: usize,
    terms: &'a [Term],
    refined: bool,
}
