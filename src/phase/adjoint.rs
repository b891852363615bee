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
//! One step of iterative refinement mends that: the residual of A x = r is a sum of rates times differences, so it is
//! known to a rounding of the *differences*, and one more solve turns it into a correction of each x, which
//! is kept apart and enters the differences only ([`Column::corrects`](super::lanes::Column)).
//!
//! The refined differences are not good to the last digit on any chain: a correction is itself rounded, and so is the
//! residual. So the sum is accompanied by the sum of the terms' magnitudes, with a share [`DOUBT`] of what they would be
//! with x(v) + x(u) in place of the difference, and with the corrections themselves. Where that exceeds the gradient's
//! entry by more than [`CANCELLATION`], the lane is flagged, and the gradient is computed again with 106 bits. The two
//! constants are set by measurement against exact rationals, on chains of growing stiffness.

use super::lanes::{Lane, Lanes, add, check, multiply, multiply_add, slot_rate, target_of};
use super::plan::{Plan, Rate};
use super::trace::EliminationTrace;

/// How much larger than a gradient's entry the sum of its magnitudes may be.
pub(crate) const CANCELLATION: f64 = 4096.0;

/// How much a cancellation counts that the refinement has to make up for.
const DOUBT: f64 = 1.0 / 128.0;

/// Transposed solutions and gradients of a group of lanes.
pub(crate) struct Adjoint<const W: usize> {
    count: usize,
    /// Solution i of transient number t is `y[t * count + i]`.
    pub y: Vec<Lane<W>>,
    /// By output and parameter.
    pub gradient: Vec<Lane<W>>,
    magnitude: Vec<Lane<W>>,
    z: Vec<Lane<W>>,
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

impl<const W: usize> Adjoint<W> {
    pub(crate) fn new(trace: &EliminationTrace, plan: &Plan, count: usize, outputs: usize) -> Self {
        let zeros = |count: usize| vec![[0.0; W]; count];
        let gradient = outputs * trace.param_length();
        Self {
            count,
            y: zeros(trace.0.layout.transient.len() * count),
            gradient: zeros(gradient),
            magnitude: zeros(gradient),
            z: zeros(plan.sizes.block),
        }
    }

    /// Solves the transposed systems and adds up the gradients, after a forward run that kept its factors.
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        lanes: &mut Lanes<W>,
        terms: &[Term],
    ) {
        let layout = &trace.0.layout;
        self.y.fill([0.0; W]);
        self.gradient.fill([0.0; W]);
        self.magnitude.fill([0.0; W]);
        for &(t, probability) in &trace.0.start {
            for value in &mut self.y[t as usize * self.count] {
                *value += probability;
            }
        }
        for block in 0..layout.block_count() {
            let members = layout.block(block);
            for i in 0..self.count {
                if i > 0 {
                    for t in members.clone() {
                        let previous = self.y[t * self.count + i - 1];
                        add(&mut self.y[t * self.count + i], &previous);
                    }
                }
                self.solve(trace, lanes, block, i);
            }
            for t in members.clone() {
                self.edges(trace, plan, lanes, members.start, t, terms);
            }
        }
        for (gradient, magnitude) in self.gradient.iter().zip(&self.magnitude) {
            for lane in 0..W {
                let enough = magnitude[lane] <= CANCELLATION * gradient[lane].abs()
                    && magnitude[lane] <= f64::MAX;
                lanes.flags[lane] = if enough { lanes.flags[lane] } else { 1.0 };
            }
        }
    }

    /// Replaces what flowed into a block by the transposed solution.
    #[inline(always)]
    fn solve(&mut self, trace: &EliminationTrace, lanes: &mut Lanes<W>, block: usize, i: usize) {
        let first = trace.0.layout.block_first[block] as usize;
        let Some(block_trace) = trace.0.block_trace(block) else {
            let y = &mut self.y[first * self.count + i];
            multiply(y, &lanes.inverse[first]);
            check(&mut lanes.flags, y);
            return;
        };
        let place = trace.0.places[block];
        let size = block_trace.size();
        for p in 0..size {
            self.z[p] = self.y[(first + block_trace.order[p] as usize) * self.count + i];
        }
        for p in 0..size {
            let value = self.z[p];
            let range = block_trace.upper.range(p);
            let chances = &lanes.upper[place.upper + range.start..place.upper + range.end];
            for (chance, &u) in chances.iter().zip(block_trace.upper.row(p)) {
                multiply_add(&mut self.z[u as usize], chance, &value);
            }
        }
        for p in (0..size).rev() {
            let mut value = self.z[p];
            check(&mut lanes.flags, &value);
            multiply(&mut value, &lanes.inverse[first + p]);
            check(&mut lanes.flags, &value);
            self.y[(first + block_trace.order[p] as usize) * self.count + i] = value;
            let range = block_trace.lower.range(p);
            let weights = &lanes.lower[place.lower + range.start..place.lower + range.end];
            for (weight, &v) in weights.iter().zip(block_trace.lower.row(p)) {
                multiply_add(&mut self.z[v as usize], weight, &value);
            }
        }
    }

    /// Passes the solution on along the edges to later blocks, and adds the edges' share of the gradients.
    #[inline(always)]
    fn edges(
        &mut self,
        trace: &EliminationTrace,
        plan: &Plan,
        lanes: &mut Lanes<W>,
        first: usize,
        t: usize,
        terms: &[Term],
    ) {
        let layout = &trace.0.layout;
        for slot in layout.external(t) {
            let rate = slot_rate(
                trace,
                plan.rate[slot],
                t,
                slot,
                &lanes.theta,
                &mut lanes.flags,
            );
            let Some(target) = target_of(plan, slot) else {
                continue;
            };
            for i in 0..self.count {
                let value = self.y[t * self.count + i];
                multiply_add(&mut self.y[target * self.count + i], &rate, &value);
            }
        }
        if terms.is_empty() {
            return;
        }
        for slot in layout.slots(t) {
            let target = if layout.internal(t).contains(&slot) {
                Some(first + layout.slot_target[slot] as usize)
            } else {
                target_of(plan, slot)
            };
            match plan.rate[slot] {
                Rate::Constant(_) => {}
                Rate::Linear {
                    parameter,
                    coefficient,
                } => self.edge(trace, lanes, (t, target), terms, parameter, coefficient),
                Rate::General => {
                    for &edge in layout.edges_of_slot(slot) {
                        let edge = layout.graph.edge_of(layout.transient[t], edge as usize);
                        for (&parameter, &coefficient) in
                            edge.parameters.iter().zip(edge.coefficients)
                        {
                            self.edge(trace, lanes, (t, target), terms, parameter, coefficient);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn edge(
        &mut self,
        trace: &EliminationTrace,
        lanes: &Lanes<W>,
        (t, target): (usize, Option<usize>),
        terms: &[Term],
        parameter: u32,
        coefficient: f64,
    ) {
        for term in terms {
            let y = &self.y[t * self.count + term.y];
            let corrections = lanes.columns / 2;
            let (here, correction) = pair(lanes, Some(t), term.x, corrections);
            let (there, other) = pair(lanes, target, term.x, corrections);
            let at = term.output * trace.param_length() + parameter as usize;
            let (gradient, magnitude) = (&mut self.gradient[at], &mut self.magnitude[at]);
            let factor = term.factor * coefficient;
            for lane in 0..W {
                let weight = factor * y[lane];
                let difference = (here[lane] - there[lane]) + (correction[lane] - other[lane]);
                let share = weight * difference;
                gradient[lane] -= share;
                let corrected = correction[lane].abs() + other[lane].abs();
                let unsure = corrected + DOUBT * (here[lane] + there[lane]);
                magnitude[lane] += share.abs() + weight.abs() * unsure;
            }
        }
    }
}

/// A solution and its correction; absorbing vertices have zero.
#[inline(always)]
fn pair<const W: usize>(
    lanes: &Lanes<W>,
    t: Option<usize>,
    x: usize,
    corrections: usize,
) -> (Lane<W>, Lane<W>) {
    match t {
        Some(t) => (
            lanes.x[t * lanes.columns + x],
            lanes.x[t * lanes.columns + corrections + x],
        ),
        None => ([0.0; W], [0.0; W]),
    }
}
